"""LambdaCallback: a callback of functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinygraph.training.callbacks.callback import Callback

__all__ = ["LambdaCallback"]

Function = Callable[..., Any] | None


class LambdaCallback(Callback):
    """A callback of functions, for short ones.

        saying = tg.training.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs["loss"]))

    Args:
        on_epoch_begin, on_epoch_end: functions of the epoch, counted from 0, and the logs.
        on_train_begin, on_train_end: functions of the logs.
        on_train_batch_begin, on_train_batch_end: functions of the batch, counted from 0, and the logs.
        others: any other method of `Callback`, by its name.

    Raises:
        TypeError: a callback has no such method.
    """

    def __init__(
        self,
        on_epoch_begin: Function = None,
        on_epoch_end: Function = None,
        on_train_begin: Function = None,
        on_train_end: Function = None,
        on_train_batch_begin: Function = None,
        on_train_batch_end: Function = None,
        **others: Function,
    ) -> None:
        given = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
            **others,
        }
        for moment, function in given.items():
            if not moment.startswith("on_") or not hasattr(Callback, moment):
                known = ", ".join(name for name in dir(Callback) if name.startswith("on_"))
                raise TypeError(f"LambdaCallback: there is no moment {moment!r}. There are {known}")
            if function is not None:
                setattr(self, moment, function)

"""Keras's callbacks, those of `tg.training.callbacks`."""

from __future__ import annotations

from typing import Any

from tinygraph.training.callbacks import (
    BackupAndRestore,
    Callback,
    CSVLogger,
    EarlyStopping,
    History,
    LambdaCallback,
    LearningRateScheduler,
    ModelCheckpoint,
    ReduceLROnPlateau,
    SwapEMAWeights,
    TensorBoard,
    TerminateOnNaN,
)
from tinygraph.training.callbacks.callback import CallbackList as _Called
from tinygraph.training.callbacks.callback import listed

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ReduceLROnPlateau",
    "SwapEMAWeights",
    "TensorBoard",
    "TerminateOnNaN",
]


class CallbackList:
    """Callbacks for a loop of one's own: a call such as `callbacks.on_epoch_end(epoch, logs)` is handed on to each.

    Args:
        callbacks: the callbacks.
        add_history: add a `History`, `callbacks.history`, where there is none.
        add_progbar: of Keras; a loop of one's own prints what it wants to.
        model: the model that they are told of.
        params: "epochs", "steps" and the like, for their `params`.
    """

    def __init__(
        self, callbacks: Any = None, add_history: bool = False, add_progbar: bool = False, model: Any = None,
        **params: Any,
    ) -> None:  # fmt: skip
        if add_progbar:
            raise TypeError("CallbackList: a loop of one's own has no bar. Leave add_progbar=, and print the results")
        given = listed(callbacks)
        self.history = next((item for item in given if isinstance(item, History)), History() if add_history else None)
        if self.history is not None and all([item is not self.history for item in given]):
            given.append(self.history)
        self._called = _Called(given, model, params)
        self.callbacks, self.model, self.params = self._called.callbacks, model, params

    def append(self, callback: Callback) -> None:
        """Add a callback."""
        self._called = _Called([*self.callbacks, callback], self.model, self.params)
        self.callbacks = self._called.callbacks

    def __getattr__(self, moment: str) -> Any:
        if not moment.startswith("on_") or not hasattr(Callback, moment):
            raise AttributeError(f"'CallbackList' object has no attribute {moment!r}", name=moment, obj=self)
        moment = {"on_batch_begin": "on_train_batch_begin", "on_batch_end": "on_train_batch_end"}.get(moment, moment)

        def tell(*args: Any, logs: Any = None) -> None:
            # Each moment with a number, an epoch's or a batch's, takes it before the logs.
            numbers = 1 if "epoch" in moment or "batch" in moment else 0
            self._called.call(moment, *(args if len(args) > numbers else (*args, {} if logs is None else logs)))

        return tell


def __getattr__(name: str) -> Any:
    from tinygraph.elsewhere import OF_KERAS_CALLBACKS, absent

    raise absent(__name__, name, OF_KERAS_CALLBACKS, __all__)

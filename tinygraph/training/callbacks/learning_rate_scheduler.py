"""LearningRateScheduler: a learning rate for each epoch."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.training.callbacks.callback import Callback

__all__ = ["LearningRateScheduler"]


class LearningRateScheduler(Callback):
    """Set the learning rate at the beginning of each epoch. A compiled step reads it, and is not compiled again.

    The logs, and so the history, have the learning rate of each epoch as "learning_rate".

    Args:
        schedule: a function of the number of the epoch, counted from 0, and of the learning rate so far; or of the
            number alone. It returns a float.
        verbose: 1 prints a line an epoch.

    Raises:
        TypeError: in a training: the function returns no float.
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        self.schedule, self.verbose = schedule, verbose

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Set the learning rate."""
        optimizer = self.model.optimizer
        given = (epoch, optimizer.learning_rate) if _takes_two(self.schedule) else (epoch,)
        rate: Any = self.schedule(*given)
        rate = rate.item() if getattr(rate, "shape", None) == () else rate
        if not isinstance(rate, float | np.floating):
            raise TypeError(f"LearningRateScheduler: the schedule must return a float, got {rate!r} for epoch {epoch}")
        optimizer.learning_rate = float(rate)
        if self.verbose:
            print(f"Epoch {epoch + 1}: LearningRateScheduler: the learning rate is {float(rate):g} now")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Put the learning rate into the logs."""
        if logs is not None:
            logs["learning_rate"] = float(self.model.optimizer.learning_rate)


def _takes_two(function: Callable[..., Any]) -> bool:
    """Return whether a function can be called with two arguments."""
    try:
        inspect.signature(function).bind(0, 0.0)
    except TypeError:
        return False
    except ValueError:  # a function of C that does not say
        return True
    return True

"""ReduceLROnPlateau: a smaller learning rate when a number no longer improves."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph import bounds
from tinygraph.training.callbacks.monitoring import Monitor

__all__ = ["ReduceLROnPlateau"]


class ReduceLROnPlateau(Monitor):
    """Multiply the learning rate by a factor when a number has not improved for some epochs.

    The logs, and so the history, have the learning rate of each epoch as "learning_rate".

    Args:
        monitor: the name of the number in the logs.
        factor: the factor, less than 1.
        patience: the number of epochs without an improvement after which the rate is reduced.
        verbose: 1 prints a line at each reduction.
        mode: "min", "max", or "auto".
        min_delta: the least change that is an improvement.
        cooldown: the number of epochs after a reduction in which none are counted.
        min_lr: the smallest rate.

    Raises:
        ValueError: the factor is 1 or more.
        TypeError: at the beginning of a training: the learning rate of the optimiser is a schedule.
    """

    kept = ("best", "cooldown_counter", "wait")

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        super().__init__(monitor, mode, min_delta=min_delta)
        bounds.number("ReduceLROnPlateau", "factor", factor, least=0, below=1)
        for name, epochs in (("patience", patience), ("cooldown", cooldown)):
            bounds.whole("ReduceLROnPlateau", name, epochs, least=0)
        bounds.number("ReduceLROnPlateau", "min_lr", min_lr, least=0)
        self.factor, self.patience, self.verbose = factor, patience, verbose
        self.cooldown, self.min_lr = cooldown, min_lr
        self.wait = self.cooldown_counter = 0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Forget an earlier training."""
        if "learning_rate" not in self.model.optimizer.state:
            raise TypeError(
                "ReduceLROnPlateau: the learning rate of the optimiser is a schedule already. Give the optimiser a "
                "number, or leave this callback out"
            )
        self.best = None
        self.wait = self.cooldown_counter = 0

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Look at the number, and reduce the rate if it is time."""
        logs = {} if logs is None else logs
        logs["learning_rate"] = float(self.model.optimizer.learning_rate)
        current = self.value(logs, "the learning rate is reduced")
        if current is None:
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self.is_better(current, self.best):
            self.best, self.wait = current, 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience and self._reduce(epoch):
                self.cooldown_counter, self.wait = self.cooldown, 0

    def in_cooldown(self) -> bool:
        """Return whether the last reduction is so recent that epochs are not counted."""
        return self.cooldown_counter > 0

    def _reduce(self, epoch: int) -> bool:
        optimizer = self.model.optimizer
        before = optimizer.learning_rate
        if before <= np.float32(self.min_lr):
            return False
        optimizer.learning_rate = max(before * self.factor, self.min_lr)
        if self.verbose:
            print(f"Epoch {epoch + 1}: ReduceLROnPlateau: the learning rate is {optimizer.learning_rate:g} now")
        return True

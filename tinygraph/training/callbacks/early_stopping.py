"""EarlyStopping: end the training when a number no longer improves."""

from __future__ import annotations

from typing import Any

from tinygraph import bounds
from tinygraph.training.callbacks.monitoring import Monitor

__all__ = ["EarlyStopping"]


class EarlyStopping(Monitor):
    """End the training when a number has not improved for some epochs.

    Args:
        monitor: the name of the number in the logs.
        min_delta: the least change that is an improvement.
        patience: the number of epochs without an improvement after which the training ends.
        verbose: 1 prints a line when the training ends.
        mode: "min", "max", or "auto".
        baseline: a number that must be improved on; an epoch below it counts as one without an improvement.
        restore_best_weights: give the model the weights of its best epoch at the end; also after Ctrl-C.
        start_from_epoch: the number of epochs at the beginning that are not looked at.

    Attributes:
        best, best_epoch: the best number, and its epoch, counted from 0.
        stopped_epoch: the epoch after which the training was ended; 0 if it was not.
    """

    kept = ("best", "best_epoch", "best_weights", "stopped_epoch", "wait")

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode, min_delta=min_delta)
        for name, epochs in (("patience", patience), ("start_from_epoch", start_from_epoch)):
            bounds.whole("EarlyStopping", name, epochs, least=0)
        if baseline is not None:
            bounds.number("EarlyStopping", "baseline", baseline)
        self.patience, self.verbose, self.baseline = patience, verbose, baseline
        self.restore_best_weights, self.start_from_epoch = restore_best_weights, start_from_epoch
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best_weights: list[Any] | None = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Forget an earlier training."""
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best = self.best_weights = None

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Look at the number, and end the training if it is time."""
        current = self.value(logs or {}, "the training ends")
        if current is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self._keep(epoch)
        self.wait += 1
        if self.is_better(current, self.best):
            self.best, self.best_epoch = current, epoch
            if self.restore_best_weights:
                self._keep(epoch)
            if self.baseline is None or self.is_better(current, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Give the model its best weights, if that was asked for."""
        if self.stopped_epoch > 0 and self.verbose:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.best_weights is not None:
            if self.verbose:
                print(f"The weights are those of the best epoch, {self.best_epoch + 1}")
            self.model.set_weights(self.best_weights)

    def _keep(self, epoch: int) -> None:
        self.best_weights, self.best_epoch = self.model.get_weights(), epoch

"""SwapEMAWeights: evaluate and predict with the moving averages of the weights."""

from __future__ import annotations

from typing import Any

from tinygraph.training.callbacks.callback import Callback

__all__ = ["SwapEMAWeights"]


class SwapEMAWeights(Callback):
    """Give a model the moving averages of its weights for evaluations and predictions, and put its weights back.

    The optimiser must keep averages: `Adam(0.001, use_ema=True)`.

    Args:
        swap_on_epoch: exchange them at the end of an epoch, too, so that a ModelCheckpoint saves the averages. Give
            this callback before the ModelCheckpoint.

    Raises:
        ValueError: the optimiser keeps no averages.
    """

    def __init__(self, swap_on_epoch: bool = False) -> None:
        self.swap_on_epoch = swap_on_epoch

    def set_model(self, model: Any) -> None:
        """Take the model, whose optimiser must keep averages."""
        super().set_model(model)
        optimizer = model.optimizer
        if optimizer is not None and not optimizer.use_ema:
            kind = type(optimizer).__name__
            raise ValueError(
                f"SwapEMAWeights: the {kind} keeps no averages of the weights. Write "
                f"{kind}({optimizer.learning_rate:g}, use_ema=True)"
            )

    def _swap(self, wanted: bool) -> None:
        optimizer = self.model.optimizer
        if optimizer is not None and wanted != optimizer.is_averaged:
            optimizer.swap_averages()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Put the weights back."""
        self._swap(False)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Take the averages, where they are wanted after each epoch."""
        if self.swap_on_epoch:
            self._swap(True)

    def on_exit(self) -> None:
        """Put the weights back, where an error or Ctrl-C left the averages."""
        self._swap(False)

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Take the averages."""
        self._swap(True)

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """Put the weights back."""
        self._swap(False)

    def on_predict_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Take the averages."""
        self._swap(True)

    def on_predict_end(self, logs: dict[str, Any] | None = None) -> None:
        """Put the weights back."""
        self._swap(False)

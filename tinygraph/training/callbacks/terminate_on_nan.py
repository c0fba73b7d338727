"""TerminateOnNaN: end the training at the first loss that is no number."""

from __future__ import annotations

import math
from typing import Any

from tinygraph.training.callbacks.callback import Callback

__all__ = ["TerminateOnNaN"]


class TerminateOnNaN(Callback):
    """End the training after the first step whose loss is NaN or infinite. The weights stay as that step left them.

    Without it such a training ends at the end of the epoch, with an error, and the weights are those before the epoch.

    Args:
        raise_error: raise RuntimeError instead, so that no callback's `on_train_end` is called.
    """

    def __init__(self, raise_error: bool = False) -> None:
        self.raise_error = raise_error

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Look at the loss of the epoch so far, which no later step makes a number again."""
        loss = None if logs is None else logs.get("loss")
        if loss is None or math.isfinite(loss):
            return
        if self.raise_error:
            raise RuntimeError(f"TerminateOnNaN: the loss became {loss} at batch {batch}, counted from 0")
        print(f"Batch {batch}: Invalid loss, terminating training")
        self.model.stop_training = True

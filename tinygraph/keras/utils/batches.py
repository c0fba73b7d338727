"""Data that make their batches one by one."""

from __future__ import annotations

from typing import Any

__all__ = ["PyDataset"]


class PyDataset:
    """The base of data with `__len__`, the number of batches, and `__getitem__`, which returns a batch (x, y).

    `fit` takes the batches in their order, and calls `on_epoch_end` after the last one.

    Args:
        workers, use_multiprocessing, max_queue_size: of Keras; the batches are made one by one here.
    """

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10) -> None:
        pass

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} has no __len__; return the number of batches")

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no __getitem__; return batch number {index}, (x, y)")

    def on_epoch_end(self) -> None:
        """Get ready for the next epoch."""

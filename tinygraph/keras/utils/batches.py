"""Data that make their batches one by one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

__all__ = ["PyDataset"]


class PyDataset:
    """The base of data with `num_batches`, or `__len__`, and `__getitem__`, which returns a batch (x, y).

    `fit` takes the batches in their order, calls `on_epoch_begin` before the first one of an epoch, and `on_epoch_end`
    after the last one. With `num_batches` None there is no last one, and `fit` needs `steps_per_epoch`.

    Args:
        workers, use_multiprocessing, max_queue_size: of Keras; the batches are made one by one here.
    """

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10) -> None:
        self.workers, self.use_multiprocessing, self.max_queue_size = workers, use_multiprocessing, max_queue_size

    @property
    def num_batches(self) -> int | None:
        """The number of batches: the length of the data."""
        if not hasattr(self, "__len__"):
            raise NotImplementedError(f"{type(self).__name__} has no num_batches; return the number of batches")
        return len(self)

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no __getitem__; return batch number {index}, (x, y)")

    def __iter__(self) -> Iterator[Any]:
        count = self.num_batches
        return (self[index] for index in (itertools.count() if count is None else range(count)))

    def on_epoch_begin(self) -> None:
        """Get ready for the epoch that begins."""

    def on_epoch_end(self) -> None:
        """Get ready for the next epoch."""

"""Batches: a dataset a few rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygraph.data.arrays import arrays_of, length_of
from tinygraph.data.rows import steps_of
from tinygraph.nests import tree_map

__all__ = ["Batches", "batches"]


class Batches:
    """Batches of rows, made by `batches`. Each iteration is an epoch; `len` is its number of batches.

    Args:
        data: arrays in a tuple, and in dicts and lists inside it.
        size: rows in a batch.
        generator: draws the order of each epoch; None keeps the order.
        drop_last: leave out the last batch if it is shorter.

    Attributes:
        data: the arrays, as they were given; lists and frames as arrays.
        rows: the number of rows.
        size: rows in a batch.
        generator: draws the order of each epoch; None keeps the order.
        drop_last: the last batch is left out if it is shorter.
    """

    def __init__(
        self, data: tuple[Any, ...], size: int, generator: np.random.Generator | None = None, drop_last: bool = False
    ) -> None:
        self.data = tuple(arrays_of(item, "batches") for item in data)
        self.rows = length_of(self.data, "batches")
        self._steps = steps_of(self.rows, size, drop_last, "batches")
        self.size = size
        self.generator = generator
        self.drop_last = drop_last
        self._epoch: Iterator[tuple[Any, ...]] | None = None

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        return self._steps

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        """Go through the data once, in a new order if they are shuffled."""
        order = None if self.generator is None else self.generator.permutation(self.rows)
        return (self._batch(order, step * self.size) for step in range(self._steps))

    def __next__(self) -> tuple[Any, ...]:
        """Return the next batch of an epoch that `next` alone goes through, once.

        Raises:
            StopIteration: this epoch has ended.
        """
        if self._epoch is None:
            self._epoch = iter(self)
        return next(self._epoch)

    def __repr__(self) -> str:
        return f"<{self._steps} batches of {self.size}, {self.rows} rows>"

    def _batch(self, order: Any, start: int) -> tuple[Any, ...]:
        rows: Any = slice(start, start + self.size) if order is None else order[start : start + self.size]
        return tuple(tree_map(lambda array: array[rows], item) for item in self.data)


def batches(
    *arrays: Any,
    size: int,
    shuffle: bool | int | np.random.Generator | None = None,
    drop_last: bool = False,
) -> Batches:
    """Return arrays as batches of rows, which can be gone through any number of times.

    Args:
        arrays: each of shape (examples, ...), with the same number of examples. Lists of numbers and frames and series
            of pandas become arrays. A dict, or a list of arrays, is several inputs: its batches are dicts or lists.
        size: rows in a batch. The last batch may be shorter.
        shuffle: False or None keeps the order. True draws a new order for each epoch, the same for all arrays. A seed
            (an int) does, too, and draws the same orders for the same seed. A generator draws the orders from its
            state.
        drop_last: leave out the last batch if it is shorter.

    Returns:
        `Batches`: `for x, y in batches(...)` goes through the rows once; `len` is the number of batches. Each batch is
        a tuple with the rows of each array. Rows that are not shuffled are views of the arrays.

    Raises:
        ValueError: no array is given, the lengths differ, the size is below 1, `drop_last` leaves no batch, or a
            frame's column is not of numbers.
        TypeError: `shuffle` is of another type, or an argument has no rows.
    """
    return Batches(arrays, size, _generator(shuffle), drop_last)


def _generator(shuffle: Any) -> np.random.Generator | None:
    """Return the generator that draws the order; None to keep the order. True and False are ints, but not seeds."""
    if shuffle is None or (isinstance(shuffle, bool | np.bool_) and not shuffle):
        return None
    if isinstance(shuffle, bool | np.bool_):
        return np.random.default_rng()
    if not isinstance(shuffle, int | np.integer | np.random.Generator):
        raise TypeError(
            f"batches: shuffle= cannot be {type(shuffle).__name__}. Give True, False, a seed or a np.random.Generator"
        )
    return np.random.default_rng(shuffle)

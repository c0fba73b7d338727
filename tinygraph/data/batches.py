"""Batches: a dataset a few rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["batches"]


def batches(
    *arrays: NDArray[Any], size: int, shuffle: bool | int | np.random.Generator | None = None
) -> Iterator[tuple[NDArray[Any], ...]]:
    """Go through arrays together, a batch of rows at a time; the last batch may be shorter.

    Args:
        arrays: each of shape (examples, ...), with the same number of examples.
        size: rows in a batch.
        shuffle: False or None keeps the order. True draws a new order at each call, the same for all arrays. A seed (an
            int) draws the order of that seed. A generator draws the order from its state: a new order for each epoch,
            and the same orders in each run of a program.

    Yields:
        A tuple with the rows of each array.

    Raises:
        ValueError: no array is given, the lengths differ, or the size is below 1.
        TypeError: `shuffle` is of another type.
    """
    lengths = sorted({len(array) for array in arrays})
    if len(lengths) != 1:
        raise ValueError(f"batches: the arrays must have the same number of rows, got {lengths or 'no array'}")
    if size < 1:
        raise ValueError(f"batches: the size must be at least 1, got {size}")
    return _batches(arrays, lengths[0], size, _generator(shuffle))


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


def _batches(
    arrays: tuple[NDArray[Any], ...], length: int, size: int, rng: np.random.Generator | None
) -> Iterator[tuple[NDArray[Any], ...]]:
    order = None if rng is None else rng.permutation(length)
    for start in range(0, length, size):
        rows: Any = slice(start, start + size) if order is None else order[start : start + size]
        yield tuple(array[rows] for array in arrays)

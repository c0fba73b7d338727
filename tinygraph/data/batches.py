"""Batches: a dataset a few rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["batches"]


def batches(
    *arrays: NDArray[Any], size: int, shuffle: int | np.random.Generator | None = None
) -> Iterator[tuple[NDArray[Any], ...]]:
    """Go through arrays together, a batch of rows at a time; the last batch may be shorter.

    Args:
        arrays: each of shape (examples, ...), with the same number of examples.
        size: rows in a batch.
        shuffle: None keeps the order; a seed or a generator draws a new one, the same for all arrays. A generator
            gives a different order each time it is used: one for each epoch.

    Yields:
        A tuple with the rows of each array.

    Raises:
        ValueError: no array, arrays of different lengths, or a size below 1.
    """
    lengths = sorted({len(array) for array in arrays})
    if len(lengths) != 1:
        raise ValueError(f"batches: the arrays must have the same number of rows, got {lengths or 'no array'}")
    if size < 1:
        raise ValueError(f"batches: the size must be at least 1, got {size}")
    return _batches(arrays, lengths[0], size, None if shuffle is None else np.random.default_rng(shuffle))


def _batches(
    arrays: tuple[NDArray[Any], ...], length: int, size: int, rng: np.random.Generator | None
) -> Iterator[tuple[NDArray[Any], ...]]:
    order = None if rng is None else rng.permutation(length)
    for start in range(0, length, size):
        rows: Any = slice(start, start + size) if order is None else order[start : start + size]
        yield tuple(array[rows] for array in arrays)

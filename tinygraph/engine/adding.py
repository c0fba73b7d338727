"""Adding at places that may come twice: `np.add.at`, in less time where the places are rows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = ["LEAST", "add_at"]

# Fewer numbers, and shorter rows, take as long as the calls that sort their places.
LEAST, SHORTEST = 4_096, 8
# Rows take turns, the first of every place and then the second, unless there are so many turns for each place.
TURNS = 1 / 16


def add_at(total: Any, index: Any, values: Any) -> None:
    """Add values to `total[index]` in place, once each time the index names a place: `np.add.at(total, index, values)`.

    An index with integer arrays side by side, and whole axes before and behind them, names rows. The rows are sorted by
    their places, and added at once: a sixth to a half of the time of `np.add.at`.
    """
    found = _rows(total, index) if values.size >= LEAST and values.dtype == total.dtype else None
    if found is None:
        np.add.at(total, index, values)
        return
    before, places, behind = found
    pre, post = math.prod(before), math.prod(behind)
    flat = total.reshape(pre, -1, post)
    values = np.broadcast_to(values, (*before, *places.shape, *behind)).reshape(pre, places.size, post)
    if pre == post == 1:
        np.add.at(flat[0, :, 0], places.reshape(-1), values[0, :, 0])  # NumPy has a quick way for this
    else:
        _add_rows(flat, places.reshape(-1), values)


def _add_rows(flat: Any, places: Any, values: Any) -> None:
    """Add values of shape (pre, n, post) at n places of the middle axis."""
    if flat.shape[1] <= 1 << 16:
        places = places.astype(np.uint16)  # which are sorted by their digits, in half of the time
    order = np.argsort(places, kind="stable")
    places = places[order]
    first = np.concatenate([[0], np.flatnonzero(places[1:] != places[:-1]) + 1])
    counts = np.diff(first, append=len(places))
    if len(flat) == 1:  # NumPy has a quick way for places of the first axis
        flat, values = flat[0], values[0]
    axis = flat.ndim - 2
    before = (slice(None),) * axis
    if counts.max() > TURNS * len(first):
        sums = np.add.reduceat(values.take(order, axis=axis), first, axis=axis, dtype=values.dtype)
        flat[(*before, places[first])] += sums
        return
    for turn in range(counts.max()):
        these = first[counts > turn] + turn
        rows = places[these]
        sums = flat.take(rows, axis=axis)  # in half of the time of an index
        sums += values.take(order[these], axis=axis)
        flat[(*before, rows)] = sums


def _rows(total: Any, index: Any) -> tuple[tuple[int, ...], Any, tuple[int, ...]] | None:
    """Return the sizes of the whole axes before the places, the places in the axes between as numbers, and the sizes
    of the axes behind; None for an index of another kind, and for rows that are too short.
    """
    items = list(index) if isinstance(index, tuple) else [index]
    if Ellipsis in [item for item in items if not isinstance(item, np.ndarray)]:
        place = next(place for place, item in enumerate(items) if item is Ellipsis)
        items[place : place + 1] = [slice(None)] * (total.ndim - len(items) + 1)
    arrays = [place for place, item in enumerate(items) if isinstance(item, np.ndarray) and item.dtype.kind in "iu"]
    if not arrays or arrays != list(range(arrays[0], arrays[-1] + 1)) or len(items) > total.ndim:
        return None
    others = [item for place, item in enumerate(items) if place not in arrays]
    if not total.flags.c_contiguous or any(not isinstance(item, slice) or item != slice(None) for item in others):
        return None
    start, stop = arrays[0], arrays[-1] + 1
    sizes, length = total.shape[start:stop], math.prod(total.shape[stop:])
    if length < SHORTEST and (len(arrays) == 1 or start or length > 1):
        return None
    places: Any = 0
    for size, item in zip(sizes, items[start:stop], strict=True):
        item = item.astype(np.intp, copy=False)  # the product below may leave the range of uint8
        if item.size and item.min() < 0:
            item = np.where(item < 0, item + size, item)
        places = places * size + item
    return total.shape[:start], places, total.shape[stop:]

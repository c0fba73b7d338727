"""Partitions: the parts of an array that basic indices select, such as `x[:, :4]` and `x[:, 4:]`."""

from __future__ import annotations

import functools
import math
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["cover_once", "ranges_of", "rows_of"]

Shape = tuple[int, ...]

# An array that indices cut into more cells is taken to be not divided: to count the cells would take too long.
MANY_CELLS = 1 << 20


def ranges_of(index: Any, shape: Shape) -> tuple[range, ...] | None:
    """Return the range along each axis that a basic index selects, or None for another index."""
    items = index if type(index) is tuple else (index,)
    if len([item for item in items if item is Ellipsis]) == 1:
        position = next(position for position, item in enumerate(items) if item is Ellipsis)
        between = (slice(None),) * (len(shape) - len(items) + 1)
        items = (*items[:position], *between, *items[position + 1 :])
    if len(items) > len(shape) or not all(type(item) in (int, slice) for item in items):
        return None
    found = []
    for size, item in zip(shape, (*items, *[slice(None)] * (len(shape) - len(items))), strict=True):
        if type(item) is slice:
            found.append(range(*item.indices(size)))
        elif -size <= item < size:
            found.append(range(item % size, item % size + 1))
        else:
            return None
    return tuple(found)


def cover_once(indices: Sequence[Any], shape: Shape) -> bool:
    """Return whether basic indices divide an array without gap or overlap, along one axis or several."""
    boxes = [ranges_of(index, shape) for index in indices]
    if 0 in shape or not all([box is not None and all([part.step > 0 and part for part in box]) for box in boxes]):
        return False
    known = [box for box in boxes if box is not None]
    if any([part.step > 1 for box in known for part in box]):
        return _dealt_once(known, shape)
    ends = [
        sorted({0, size}.union(*[(box[axis].start, box[axis].stop) for box in known]))
        for axis, size in enumerate(shape)
    ]  # fmt: skip
    if math.prod([len(cuts) for cuts in ends]) > MANY_CELLS:
        return False
    found = np.zeros([len(cuts) - 1 for cuts in ends], np.int64)
    for box in known:
        cells = [
            slice(bisect_left(cuts, part.start), bisect_left(cuts, part.stop))
            for cuts, part in zip(ends, box, strict=True)
        ]
        found[tuple(cells)] += 1
    return bool(np.all(found == 1))


def _dealt_once(boxes: Sequence[tuple[range, ...]], shape: Shape) -> bool:
    """Return whether ranges with steps, as every second one is, divide an array without gap or overlap."""
    if len(boxes) * sum(shape) > MANY_CELLS:
        return False
    cells = []
    for axis, size in enumerate(shape):
        taken = np.zeros((len(boxes), size), bool)
        for row, box in zip(taken, boxes, strict=True):
            row[box[axis].start : box[axis].stop : box[axis].step] = True
        cells.append(np.unique(taken, axis=1))
    if math.prod([each.shape[1] for each in cells]) > MANY_CELLS:
        return False
    found = np.zeros([each.shape[1] for each in cells], np.int64)
    for number in range(len(boxes)):
        found += functools.reduce(np.multiply.outer, [each[number].astype(np.int64) for each in cells])
    return bool(np.all(found == 1))


def rows_of(parts: Sequence[Shape]) -> list[slice]:
    """Return the rows of each of some arrays that lie one below the other."""
    ends = np.cumsum([shape[0] for shape in parts]).tolist()
    return [slice(end - shape[0], end) for end, shape in zip(ends, parts, strict=True)]

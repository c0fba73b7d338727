"""Partitions: the parts of an array that basic indices select, such as `x[:, :4]` and `x[:, 4:]`."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["divided_axis", "ranges_of", "rows_of"]

Shape = tuple[int, ...]


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


def divided_axis(indices: Sequence[Any], shape: Shape) -> int | None:
    """Return the axis along which basic indices divide an array without gap or overlap, or None where they do not."""
    boxes = [ranges_of(index, shape) for index in indices]
    if not all(box is not None and all(part.step == 1 for part in box) for box in boxes) or 0 in shape:
        return None
    known = [box for box in boxes if box is not None]
    whole = [range(size) for size in shape]
    apart = [axis for axis in range(len(shape)) if any(box[axis] != whole[axis] for box in known)]
    if len(apart) != 1:
        return None
    (axis,) = apart
    ranges = sorted([box[axis] for box in known], key=lambda part: part.start)
    meets = all(a.stop == b.start for a, b in itertools.pairwise(ranges))
    return axis if meets and ranges[0].start == 0 and ranges[-1].stop == shape[axis] else None


def rows_of(parts: Sequence[Shape]) -> list[slice]:
    """Return the rows of each of some arrays that lie one below the other."""
    ends = np.cumsum([shape[0] for shape in parts]).tolist()
    return [slice(end - shape[0], end) for end, shape in zip(ends, parts, strict=True)]

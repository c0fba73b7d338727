"""Boxes: the elements of an array that a call reads, between two corners, and the reads of an array that come later.

An array that is written into keeps its memory if nobody reads the old values of the overwritten part later. A view of
the columns 0 to 3 lies in a box beside that of column 4. A box may have more elements than the view, as that of x[::2].
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

__all__ = ["Box", "Reads", "box_of", "part_of"]


class Box(NamedTuple):
    """A box of elements.

    Attributes:
        owner: the array that owns the memory.
        low, high: the indices of its first elements, and those behind its last ones.
    """

    owner: Any
    low: tuple[int, ...]
    high: tuple[int, ...]

    def meets(self, other: Box) -> bool:
        """Return whether an element may be in both, two boxes of one array."""
        return all([a < d and c < b for a, b, c, d in zip(self.low, self.high, other.low, other.high, strict=True)])


def box_of(layout: Any) -> Box:
    """Return the box around the elements of an array, in the memory that it is a view of."""
    owner = layout if layout.base is None else layout.base
    offset = layout.__array_interface__["data"][0] - owner.__array_interface__["data"][0]
    low = [int(at) for at in np.unravel_index(offset // owner.itemsize, owner.shape)]
    high = [at + 1 for at in low]
    for size, stride in zip(layout.shape, layout.strides, strict=True):
        if stride == 0 or size == 1:
            continue
        axis = next((axis for axis, step in enumerate(owner.strides) if abs(stride) % step == 0), None)
        if axis is None or owner.shape[axis] == 1:
            return _whole(owner)
        far = (size - 1) * (stride // owner.strides[axis])
        low[axis], high[axis] = low[axis] + min(far, 0), high[axis] + max(far, 0)
        if low[axis] < 0 or high[axis] > owner.shape[axis]:
            return _whole(owner)  # it goes on in the next row, as a reshaped array may
    return Box(owner, tuple(low), tuple(high))


def part_of(array: Any, index: Any) -> Any:
    """Return the part of an array at a basic index as an array, if it is one element, too."""
    items = index if type(index) is tuple else (index,)
    return array[items if ... in items else (*items, ...)]


def _whole(owner: Any) -> Box:
    return Box(owner, (0,) * owner.ndim, owner.shape)


class Reads:
    """The reads of an array by the calls of a program, each until a position in their order."""

    def __init__(self) -> None:
        self._anywhere = -1  # the latest read of elements that are not known
        self._owner: Any = None
        self._new: list[tuple[int, ...]] = []
        self._known: Any = None  # a row for each read: its position, and the two corners of its box

    def add(self, until: int, box: Box | None) -> None:
        """Note a read of the elements in a box; None stands for any elements."""
        if box is None or (self._owner is not None and box.owner is not self._owner):
            self._anywhere = max(self._anywhere, until)
            return
        self._owner = box.owner
        self._new.append((until, *box.low, *box.high))

    def add_all(self, other: Reads) -> None:
        """Note the reads of the same array in another state."""
        self._anywhere = max(self._anywhere, other._anywhere)
        if other._owner is None:
            return
        rows = other._rows()
        if self._owner is not None and other._owner is not self._owner:
            self._anywhere = max(self._anywhere, int(rows[:, 0].max(initial=-1)))
            return
        self._known = rows if self._owner is None else np.concatenate([self._rows(), rows])
        self._owner = other._owner

    def latest(self) -> int:
        """Return the position of the last read; -1 if there is none."""
        return max(self._anywhere, -1 if self._owner is None else int(self._rows()[:, 0].max(initial=-1)))

    def touch(self, box: Box | None, position: int) -> bool:
        """Return whether an element in a box, or None for any box, may be read behind a position.

        The reads until that position are forgotten: it is not asked for an earlier one.
        """
        if self._anywhere > position:
            return True
        if self._owner is None:
            return False
        rows = self._known = self._rows()[self._rows()[:, 0] > position]
        if not len(rows) or box is None or box.owner is not self._owner:
            return bool(len(rows))
        lows, highs = np.split(rows[:, 1:], 2, axis=1)
        return bool(np.any(np.all((lows < box.high) & (highs > box.low), axis=1)))

    def _rows(self) -> Any:
        """Return the reads of known elements."""
        if self._new or self._known is None:
            new = np.array(self._new).reshape(len(self._new), 1 + 2 * self._owner.ndim)
            self._known, self._new = new if self._known is None else np.concatenate([self._known, new]), []
        return self._known

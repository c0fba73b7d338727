"""The layout of arrays in memory, as far as a loop over their elements asks: rows whose elements follow each other.

Arrays of shape (32, 50, 128) have one row where all are contiguous, and 32 rows of 6,400 elements where one of them is
`x[:, :50]` of a longer array. In each row an array has its elements side by side, or one element for all of the row.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["FREE", "ONE", "SAME", "UNIT", "Layout", "Pattern", "layout_of"]

# What must hold of the stride of an axis: nothing; that it is 0; that it is the size of an element. Any other number is
# the axis behind it, with which it must be one: the stride is that one's, times its length.
FREE, SAME, UNIT = -1, -2, -3

# The axis of the results that an axis of length 1 stands for, since it is repeated.
ONE = -1


@dataclass(frozen=True)
class Pattern:
    """Conditions on an array, so that a loop may run over it.

    Attributes:
        axes: for each of its axes the axis of the results, or `ONE`.
        strides: for each of its axes what must hold of the stride.
        rows: for each of the outer loops the axis that it goes along; None where the array is the same all along.
        is_repeated: whether it has one element for all of a row.
    """

    axes: tuple[int, ...]
    strides: tuple[int, ...]
    rows: tuple[int | None, ...]
    is_repeated: bool


@dataclass(frozen=True)
class Layout:
    """The loops over the elements of some arrays.

    Attributes:
        loops: for each loop, from the outermost, the axes of the results that it goes along.
        ones: the axes of the results of length 1.
        patterns: what must hold of each array.
    """

    loops: tuple[tuple[int, ...], ...]
    ones: tuple[int, ...]
    patterns: tuple[Pattern, ...]


def layout_of(shape: Sequence[int], arrays: Sequence[Any]) -> Layout | None:
    """Return the loops over the elements of arrays; None where rows are no rows for one of them.

    Args:
        shape: of the results.
        arrays: which are broadcast to that shape.
    """
    ones = tuple([axis for axis, size in enumerate(shape) if size == 1])
    axes = [axis for axis in range(len(shape)) if axis not in ones]
    if not axes:
        return None
    strides = [{axis: _stride(array, axis, len(shape)) for axis in axes} for array in arrays]
    loops = [[axes[0]]]
    for before, axis in itertools.pairwise(axes):
        if all(found[before] == found[axis] * shape[axis] for found in strides):
            loops[-1].append(axis)
        else:
            loops.append([axis])
    last = loops[-1][-1]
    if any(found[last] not in (0, array.itemsize) for found, array in zip(strides, arrays, strict=True)):
        return None
    patterns = [_pattern(array, found, loops, len(shape)) for array, found in zip(arrays, strides, strict=True)]
    return Layout(tuple(map(tuple, loops)), ones, tuple(patterns))


def _stride(array: Any, axis: int, ndim: int) -> int:
    """Return the stride of an array along an axis of the results, 0 where it is broadcast."""
    own = axis - (ndim - array.ndim)
    return 0 if own < 0 or array.shape[own] == 1 else array.strides[own]


def _pattern(array: Any, strides: dict[int, int], loops: list[list[int]], ndim: int) -> Pattern:
    skipped = ndim - array.ndim
    behind = {axis: after for loop in loops for axis, after in itertools.pairwise(loop)}
    axes, rules = [], []
    for own in range(array.ndim):
        axis = own + skipped
        if array.shape[own] == 1:
            axes.append(ONE)
            rules.append(FREE)
            continue
        axes.append(axis)
        if strides[axis] == 0:
            rules.append(SAME)
        elif axis in behind:
            rules.append(behind[axis] - skipped)
        else:
            rules.append(UNIT if axis == loops[-1][-1] else FREE)
    rows = [None if strides[loop[-1]] == 0 else loop[-1] - skipped for loop in loops[:-1]]
    return Pattern(tuple(axes), tuple(rules), tuple(rows), strides[loops[-1][-1]] == 0)

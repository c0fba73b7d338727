"""Rows: the elements of an array that the iterations of a loop read, one after the other.

x[9], x[8], ..., x[0]        x[9::-1], whose row in iteration i is element i
x[:, 0], x[:, 1], ...        np.transpose(x, (1, 0))
"""

from __future__ import annotations

import operator
from dataclasses import replace
from types import NoneType
from typing import Any

import numpy as np

from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.counting import Affine
from tinygraph.compiler.program.steps import Step

__all__ = ["FROM_END", "axis_first", "counted_axis", "in_order", "is_from_end", "places_of"]

FROM_END = slice(None, None, -1)


def is_from_end(index: Any) -> bool:
    """Return whether an index takes rows one by one downwards, from a known one on."""
    return type(index) is slice and index.step == -1 and {type(index.start), type(index.stop)} <= {int, NoneType}


def counted_axis(index: Any, shape: tuple[int, ...], count: int) -> int | None:
    """Return the axis along which an index takes one element in each of some iterations, all of every axis before.

    None for any other index, and for one that goes from the end to the beginning: x[-1], x[0], x[1] are no slice.
    """
    items = index if type(index) is tuple else (index,)
    at = items[-1]
    if type(at) is not Affine or any([item != slice(None) for item in items[:-1]]):
        return None
    axis = len(items) - 1
    size = shape[axis]
    return axis if 0 <= at.start % size + at.step * (count - 1) < size else None


def in_order(builder: Builder, like: Step, whole: Step, index: Any, count: int) -> Step:
    """Append an array with the elements that an index takes in some iterations, in their order, along axis 0."""
    like = replace(like, name=None)
    axis = len(index) - 1 if type(index) is tuple else 0
    places = places_of(index[-1] if type(index) is tuple else index, count, whole.shape[axis])
    if places != slice(None):
        whole = builder.call(like, operator.getitem, whole, (*[slice(None)] * axis, places) if axis else places)
    if axis:
        whole = builder.call(like, np.transpose, whole, axis_first(axis, len(whole.shape)))
    return whole


def places_of(at: Affine, count: int, size: int) -> slice:
    """Return the slice of an axis of some size that a number that counts goes over."""
    start = at.start % size
    stop = start + at.step * count
    if (start, at.step, count) == (0, 1, size):
        return slice(None)
    return slice(start or None, None if stop < 0 or stop >= size else stop, None if at.step == 1 else at.step)


def axis_first(axis: int, ndim: int) -> tuple[int, ...]:
    """Return the order of axes in which one is the first."""
    return (axis, *[other for other in range(ndim) if other != axis])

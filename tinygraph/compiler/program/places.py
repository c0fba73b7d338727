"""Places: the parts of an array that reads and writes of a loop's body name, compared in all iterations at once.

    x[199 - i, :i]    beside  x[199 - i, i]      for i from 0 to 199
    x[24, 23 - i]     beside  x[23 - i, 23 - i]  for i from 0 to 23

Each axis of a place goes from a number to another. Both are `start + step * i`, and so is their difference: where it
has one sign in the first iteration and in the last, it has it in all between.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, NamedTuple

from tinygraph.compiler.program.counting import Affine, Ragged, item_at
from tinygraph.compiler.program.steps import Step

__all__ = ["Place", "Span", "joined", "part_read", "place_of", "takes_part"]

Number = tuple[int, int]  # its value in the first iteration, and what is added in each


class Span(NamedTuple):
    """The elements of an axis that a place takes.

    Attributes:
        first, behind: the first element, and the one behind the last.
        stride: of the elements; 0 for one element, which has no axis in the part.
    """

    first: Number
    behind: Number
    stride: int


class Place(NamedTuple):
    """A part of an array in each iteration of a loop: a span of each axis.

    Attributes:
        spans: in the order of the axes.
        last: the number of the last iteration.
    """

    spans: tuple[Span, ...]
    last: int

    def is_beside(self, other: Place) -> bool:
        """Return whether no element is in both, in any iteration."""
        return any([
            _is_least(a.behind, b.first, self.last) or _is_least(b.behind, a.first, self.last)
            for a, b in zip(self.spans, other.spans, strict=True)
        ])  # fmt: skip

    def holds(self, other: Place) -> bool:
        """Return whether each element of another place is in this one, in all iterations."""
        return all([
            _is_least(a.first, b.first, self.last) and _is_least(b.behind, a.behind, self.last)
            and (a.stride < 2 or a == b)
            for a, b in zip(self.spans, other.spans, strict=True)
        ])  # fmt: skip


def _is_least(one: Number, other: Number, last: int) -> bool:
    """Return whether a number is at most as large as another, in the iterations up to a last one."""
    first, step = other[0] - one[0], other[1] - one[1]
    return first >= 0 and first + step * last >= 0


def place_of(index: Any, shape: Sequence[int], last: int) -> Place | None:
    """Return the place that a basic index names, or None where it is not known.

    Args:
        index: with numbers that may count.
        shape: of the array.
        last: the number of the loop's last iteration.
    """
    items = list(index) if type(index) is tuple else [index]
    if Ellipsis in [item if item is Ellipsis else None for item in items]:
        at = next(position for position, item in enumerate(items) if item is Ellipsis)
        items[at : at + 1] = [slice(None)] * (len(shape) - len(items) + 1)
    items += [slice(None)] * (len(shape) - len(items))
    if len(items) != len(shape):
        return None
    spans = [_span(item, size, last) for item, size in zip(items, shape, strict=True)]
    return None if None in spans else Place(tuple(spans), last)  # type: ignore[arg-type]


def _span(item: Any, size: int, last: int) -> Span | None:
    """Return what an item of an index takes of an axis, or None where it is not known."""
    if type(item) is not slice:
        at = _number(item, size, last, size - 1)
        return None if at is None else Span(at, (at[0] + 1, at[1]), 0)
    stride = 1 if item.step is None else item.step
    if type(stride) is not int or stride < 1:
        return None
    first = (0, 0) if item.start is None else _number(item.start, size, last, size)
    behind = (size, 0) if item.stop is None else _number(item.stop, size, last, size)
    return None if first is None or behind is None else Span(first, behind, stride)


def _number(item: Any, size: int, last: int, most: int) -> Number | None:
    """Return a number of an index, counted from the beginning of an axis; None if it lies outside in an iteration."""
    if type(item) is Affine and type(item.start) is int:
        found = (item.start, item.step)
    elif type(item) is int:
        found = (item, 0)
    else:
        return None
    ends = (found[0], found[0] + found[1] * last)
    if max(ends) < 0:
        found, ends = (found[0] + size, found[1]), (ends[0] + size, ends[1] + size)
    return found if min(ends) >= 0 and max(ends) <= most else None


def part_read(step: Step, last: int) -> tuple[Step, Place] | None:
    """Return the array of which a call takes a part, and the place; None if it is no such call.

    x[:, 23 - i][24] is the part of x at [24, 23 - i].
    """
    outer = step if takes_part(step) else None
    if outer is None:
        return None
    x = outer.args[0]
    if takes_part(x) and type(x.args[0]) is Step:
        index = joined(x.args[1], outer.args[1], len(x.args[0].shape))
        if index is None:
            return None
        x, place = x.args[0], place_of(index, x.args[0].shape, last)
    else:
        place = place_of(outer.args[1], x.shape, last)
    return None if place is None else (x, place)


def takes_part(step: Any) -> bool:
    """Return whether a call takes a part of an array."""
    if type(step) is not Step or not step.args or type(step.args[0]) is not Step:
        return False
    return step.function in (operator.getitem, item_at) or step.function == Ragged(operator.getitem)


def joined(inner: Any, outer: Any, axes: int) -> Any:
    """Return the index of a part of a part, where the inner one takes an element of an axis, or all of it."""
    inside = list(inner) if type(inner) is tuple else [inner]
    outside = list(outer) if type(outer) is tuple else [outer]
    if any([item is Ellipsis or item is None for item in (*inside, *outside)]):
        return None
    inside += [slice(None)] * (axes - len(inside))
    for position, item in enumerate(inside):
        if type(item) is not slice or not outside:
            continue
        if item != slice(None):
            return None
        inside[position] = outside.pop(0)
    return None if outside else tuple(inside)

"""Series: values of a loop that stand one after the other in a list, as np.stack takes it, are read as one array.

np.stack([h0, *hs])         hs is a series: the values that the loop keeps of every iteration
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.counting import Affine
from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.rolling.patterns import Located, Pattern, Places

__all__ = ["Series", "in_one", "joins", "places_of", "series_in"]


@dataclass(frozen=True, slots=True)
class Series:
    """Values of one step of a loop, in iterations that move evenly.

    Attributes:
        pattern, offset: of the loop, and the place of the step.
        at: the iteration of the first value, and the way from one to the next.
        count: the number of values.
    """

    pattern: Pattern
    offset: int
    at: Affine
    count: int


def joins(step: Step) -> bool:
    """Return whether a call joins the arrays of a list, and nothing more."""
    if step.function not in (np.stack, np.concatenate) or type(step.args[0]) not in (tuple, list):
        return False
    return len(step.args) <= 2 and set(step.kwargs) <= {"axis"} and all([
        type(item) is Step and item.dtype == step.dtype and (item.shape or step.function is np.stack)
        for item in step.args[0]
    ]) and step.kwargs.get("axis", 0) is not None  # fmt: skip


def series_in(items: Sequence[Any], places: Places) -> Iterator[Any]:
    """Yield the entries of a list, those of one loop that move evenly as one `Series`."""
    held: list[Any] = []
    for item in items:
        place = places.of(item) if type(item) is Step else None
        if place is not None and place.pattern.exit is not None:
            place = None
        if held and not (place is not None and _goes_on_evenly(held, place)):
            yield from _series_of(held)
            held = []
        if place is None:
            yield item
        else:
            held.append((place, item))
    yield from _series_of(held)


def _goes_on_evenly(held: list[Any], place: Located) -> bool:
    """Return whether a value moves on from those that are held as they do."""
    last = held[-1][0]
    if (place.pattern, place.offset) != (last.pattern, last.offset):
        return False
    step = place.iteration - last.iteration
    return step != 0 and (len(held) == 1 or step == last.iteration - held[-2][0].iteration)


def _series_of(held: list[Any]) -> Iterator[Any]:
    """Yield some values that move evenly as one series; a single one as it is."""
    if len(held) < 2:
        yield from [item for _, item in held]
        return
    first = held[0][0]
    at = Affine(first.iteration, held[1][0].iteration - first.iteration)
    yield Series(first.pattern, first.offset, at, len(held))


def places_of(at: Affine, count: int) -> slice:
    """Return the slice of some numbers that move evenly."""
    stop = at.start + at.step * count
    return slice(at.start, None if stop < 0 else stop, at.step)


def in_one(builder: Builder, like: Step, x: Step, axis: int, is_stack: bool) -> Step:
    """Append an array whose first axis counts as one in which the values stand side by side along another axis."""
    if axis:
        order = (*range(1, axis + 1), 0, *range(axis + 1, len(x.shape)))
        x = builder.call(like, np.transpose, x, order)
    if is_stack:
        return x
    shape = x.shape
    return builder.call(like, np.reshape, x, (*shape[:axis], shape[axis] * shape[axis + 1], *shape[axis + 2 :]))

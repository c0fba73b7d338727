"""Series: values of a loop that stand one after the other in a list, as np.stack takes it, are read as one array.

np.stack([h0, *hs])                     hs is a series: the values that the loop keeps of every iteration
np.stack([hs[0][2], hs[1][2], ...])     hs[:, 2], a series of parts
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.counting import Affine
from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.rolling.patterns import Located, Pattern, Places
from tinygraph.compiler.rolling.words import is_element

__all__ = ["Series", "in_one", "joins", "places_of", "series_in"]


@dataclass(frozen=True, slots=True)
class Series:
    """Values of one step of a loop, in iterations that move evenly.

    Attributes:
        pattern, offset: of the loop, and the place of the step.
        at: the iteration of the first value, and the way from one to the next.
        count: the number of values.
        part: the index of the part that is taken of each value, as a tuple; it is empty for a whole value.
    """

    pattern: Pattern
    offset: int
    at: Affine
    count: int
    part: tuple[Any, ...] = ()


def joins(step: Step) -> bool:
    """Return whether a call joins the arrays of a list, and nothing more."""
    if step.function not in (np.stack, np.concatenate) or type(step.args[0]) not in (tuple, list):
        return False
    return len(step.args) <= 2 and set(step.kwargs) <= {"axis"} and all([
        type(item) is Step and item.dtype == step.dtype and (item.shape or step.function is np.stack)
        for item in step.args[0]
    ]) and step.kwargs.get("axis", 0) is not None  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Entry:
    """An entry of a list that is a value of a loop, or a part of one."""

    item: Step
    place: Located
    part: tuple[Any, ...]


def series_in(items: Sequence[Any], places: Places) -> Iterator[Any]:
    """Yield the entries of a list, those of one loop that move evenly as one `Series`."""
    held: list[_Entry] = []
    for item in items:
        entry = _entry_of(item, places) if type(item) is Step else None
        if held and not (entry is not None and _goes_on_evenly(held, entry)):
            yield from _series_of(held)
            held = []
        if entry is None:
            yield item
        else:
            held.append(entry)
    yield from _series_of(held)


def _entry_of(item: Step, places: Places) -> _Entry | None:
    """Return where an entry of a list comes from; None if that is no loop with a known number of iterations."""
    value, part = item, ()
    if is_element(item) and item.function is operator.getitem:
        value, part = item.args[0], item.args[1] if type(item.args[1]) is tuple else (item.args[1],)
    place = places.of(value)
    return None if place is None or place.pattern.exit is not None else _Entry(item, place, part)


def _goes_on_evenly(held: list[_Entry], entry: _Entry) -> bool:
    """Return whether a value moves on from those that are held as they do."""
    place, last = entry.place, held[-1].place
    if (place.pattern, place.offset) != (last.pattern, last.offset) or entry.part != held[-1].part:
        return False
    step = place.iteration - last.iteration
    return step != 0 and (len(held) == 1 or step == last.iteration - held[-2].place.iteration)


def _series_of(held: list[_Entry]) -> Iterator[Any]:
    """Yield some values that move evenly as one series; a single one as it is."""
    if len(held) < 2:
        yield from [entry.item for entry in held]
        return
    first = held[0].place
    at = Affine(first.iteration, held[1].place.iteration - first.iteration)
    yield Series(first.pattern, first.offset, at, len(held), held[0].part)


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

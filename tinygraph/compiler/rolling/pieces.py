"""Pieces: values of a loop that stand one after the other in a list, as np.stack takes it, are read as one array.

np.stack([h0, *hs])         hs is a piece: the values that the loop keeps of every iteration
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

__all__ = ["Piece", "in_one", "joins", "pieces_in", "places_of"]


@dataclass(frozen=True, slots=True)
class Piece:
    """Some values of a loop that move evenly."""

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


def pieces_in(items: Sequence[Any], places: Places) -> Iterator[Any]:
    """Yield the entries of a list, those of one loop that move evenly as one `Piece`."""
    held: list[Any] = []
    for item in items:
        place = places.of(item) if type(item) is Step else None
        if place is not None and place.pattern.exit is not None:
            place = None
        if held and not (place is not None and _goes_on_evenly(held, place)):
            yield from _piece_of(held)
            held = []
        if place is None:
            yield item
        else:
            held.append((place, item))
    yield from _piece_of(held)


def _goes_on_evenly(held: list[Any], place: Located) -> bool:
    """Return whether a value moves on from those that are held as they do."""
    last = held[-1][0]
    if (place.pattern, place.offset) != (last.pattern, last.offset):
        return False
    step = place.iteration - last.iteration
    return step != 0 and (len(held) == 1 or step == last.iteration - held[-2][0].iteration)


def _piece_of(held: list[Any]) -> Iterator[Any]:
    """Yield some values that move evenly as one piece; a single one as it is."""
    if len(held) < 2:
        yield from [item for _, item in held]
        return
    first = held[0][0]
    at = Affine(first.iteration, held[1][0].iteration - first.iteration)
    yield Piece(first.pattern, first.offset, at, len(held))


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

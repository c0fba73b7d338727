"""Keeping parts: where the reverse pass reads a part of what a loop keeps of every iteration, the loop keeps that part.

for t in range(99):                 rows = np.empty((99, 500))
    path[t + 1] = f(path[t])        for t in range(99):
    paths[t] = path                     rows[t] = path[t + 1] = f(path[t])
"""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygraph.compiler.program.boxes import part_of
from tinygraph.compiler.program.counting import Affine, at_count, item_at
from tinygraph.compiler.program.loops import Loop
from tinygraph.compiler.program.predicates import is_basic, is_write
from tinygraph.compiler.program.rewriting import steps_in
from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.rewrites.exchanging import Kept, Place, exchanged
from tinygraph.compiler.rewrites.stack_reads import Read, reads_of_stacks
from tinygraph.graph import Graph

__all__ = ["keep_parts"]

# Each part is copied, which is worth it for so many bytes that are not kept: to keep them takes twice as long.
LEAST = 1 << 14


def keep_parts(graph: Graph) -> Graph:
    """xs = a loop's stack of x; xs[5][5], and in a loop xs[4 - i][4 - i]  ->  the stack of x[t], of iteration t."""
    kept: dict[int, Sequence[Callable[[Place], Step]]] = {}
    taken: dict[int | None, dict[int, Callable[[Place], Step]]] = defaultdict(dict)
    loops = {step.index: step for step in steps_in(graph) if type(step.function) is Loop}
    for (index, number), reads in (reads_of_stacks(graph) if loops else {}).items():
        loop = loops[index]
        value: Any = loop.function.body.outputs[number]  # type: ignore[union-attr]
        parts = _parts_read(reads) if value.nbytes > LEAST else []
        sizes = {repr(place): part.nbytes for part, _, place in parts}
        is_less = sum(sizes.values()) + LEAST * len(sizes) <= value.nbytes
        if not parts or not is_less or not all([_is_there(place, part, value, loop) for part, _, place in parts]):
            continue
        before = kept.get(index, ())
        for part, read, place in parts:
            stack = Kept(loop, len(before) + list(sizes).index(repr(place)))
            taken[read.home][part.index] = _row(part, stack, read.time)
        makers = {repr(place): _maker(value, part, place) for part, _, place in parts}
        kept[index] = (*before, *[makers[name] for name in sizes])
    return exchanged(graph, kept, taken) if kept else graph


def _parts_read(reads: list[Read]) -> list[tuple[Step, Read, Any]]:
    """Return the parts that are taken of the rows of a stack, each with its place as the counter of the loop that keeps
    the stack says it; none if more is read, or a part whose place is not known.
    """
    found: list[tuple[Step, Read, Any]] = []
    alone: list[tuple[Step, Read, int]] = []
    for read in reads:
        if read.is_output or not all([_is_part(part) and part.args[0] is read.step for part in read.users]):
            return []
        if isinstance(read.time, int):
            alone += [(part, read, read.time) for part in read.users]
            continue
        places = [_of_iteration(part.args[1], read.time) for part in read.users]
        if None in places:
            return []
        found += [(part, read, place) for part, place in zip(read.users, places, strict=True)]
    known = [place for _, _, place in found]
    for part, read, time in alone:
        same = [place for place in known if at_count(place, time) == part.args[1]]
        if not same:
            return []
        found.append((part, read, same[0]))
    return found


def _is_there(place: Any, part: Step, value: Step, loop: Step) -> bool:
    """Return whether a value has a part at a place in all iterations, also in those whose part is not read."""
    whole = np.empty(value.shape, np.bool_)
    try:
        shapes = [part_of(whole, at_count(place, count)).shape for count in (0, loop.function.count - 1)]  # type: ignore[union-attr]
    except IndexError:
        return False
    return all([shape == part.shape for shape in shapes])


def _is_part(step: Step) -> bool:
    """Return whether a call takes a part of an array, at a place that may count."""
    if step.function != item_at and step.function is not operator.getitem:
        return False
    return is_basic(at_count(step.args[1], 0)) and bool(step.size)


def _of_iteration(index: Any, time: Affine) -> Any:
    """Return an index in the counter of one loop as one in the counter of another, of which `time` is the iteration;
    None if it is none.
    """
    if type(index) is tuple:
        items = tuple([_of_iteration(item, time) for item in index])
        return (
            None if any([now is None and item is not None for now, item in zip(items, index, strict=True)]) else items
        )
    if type(index) is slice:
        ends = [end if type(end) is not Affine else _of_iteration(end, time) for end in _ends(index)]
        changed = [now is None and end is not None for now, end in zip(ends, _ends(index), strict=True)]
        return None if any(changed) else slice(*ends)
    if type(index) is not Affine:
        return index
    if time.step not in (1, -1) or type(index.start) is not int:
        return None
    step = index.step * time.step
    return Affine(index.start - step * time.start, step)


def _ends(index: slice) -> tuple[Any, Any, Any]:
    return index.start, index.stop, index.step


def _row(part: Step, stack: Kept, time: int | Affine) -> Callable[[Place], Step]:
    """Return a function that takes a row of what is kept instead."""
    function = operator.getitem if type(time) is int else item_at
    return lambda place: place.builder.call(part, function, place.outside(stack), time, name=part.name)


def _maker(value: Step, part: Step, index: Any) -> Callable[[Place], Step]:
    """Return a function that makes a part of a value in the body of its loop."""

    def make(place: Place) -> Step:
        written = value.args[1] if is_write(value) and len(value.args) == 3 and value.args[2] == index else None
        if type(written) is Step and (written.shape, written.dtype) == (part.shape, part.dtype):
            return place.value(written)
        x = place.value(value)
        return place.builder.call(value, item_at if _counts(index) else operator.getitem, x, index)

    return make


def _counts(index: Any) -> bool:
    if type(index) is tuple:
        return any(map(_counts, index))
    return any(map(_counts, _ends(index))) if type(index) is slice else type(index) is Affine

"""Known places: what was written at a place of an array is known there, and what is written over is not written.

The reverse pass of `a[i, j] /= a[j, j]` takes the cotangent at [i, j], clears it there, and adds to it. In a loop these
places count. A person would take it once, and write it once.
"""

from __future__ import annotations

import operator
from collections import Counter, defaultdict
from dataclasses import replace
from typing import Any

import numpy as np

from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.counting import Ragged
from tinygraph.compiler.program.loops import Loop
from tinygraph.compiler.program.places import Place, part_read, place_of
from tinygraph.compiler.program.predicates import is_write
from tinygraph.compiler.program.rewriting import rewritten_by_originals, steps_in, uses_of
from tinygraph.compiler.program.steps import Step, operands_of
from tinygraph.compiler.rewrites.sharing import drop_dead
from tinygraph.graph import Graph

__all__ = ["know_written"]

# So often a body is gone through: what is known shows which writes nobody reads, and these what is known.
PASSES = 4

# So many writes are looked back, or forward: in a long program without loops to look at all would take too long.
FAR = 32


def know_written(graph: Graph) -> Graph:
    """g[24, i] = 0; g[i, i] -= d; g[24, i] += e; h = g[24, i]  ->  g[i, i] -= d; g[24, i] = e; h = e, in loops, too."""
    return _known_in(_in_loops(graph), 0)


def _in_loops(graph: Graph) -> Graph:
    """Return a graph in whose loops what was written is known."""
    changed: dict[int, Loop] = {}
    for step in steps_in(graph):
        loop = step.function
        if type(loop) is Loop:
            body = _in_loops(loop.body)
            if type(loop.count) is int and not loop.is_open:
                body = _known_in(body, loop.count - 1)
            if body is not loop.body:
                changed[step.index] = replace(loop, body=body)
    if not changed:
        return graph

    def change(builder: Builder, step: Step, original: Step) -> Step | None:
        loop = changed.get(original.index)
        return None if loop is None else builder.add(replace(step, function=loop))

    return rewritten_by_originals(graph, change)


def _known_in(body: Graph, last: int) -> Graph:
    """Return a graph in which what was written is known.

    Args:
        body: of a loop, or the whole graph.
        last: the number of the loop's last iteration; 0 for the whole graph.
    """
    if not any(map(is_write, steps_in(body))):
        return body
    for _ in range(PASSES):
        before = body
        body = _drop_written_over(_read_known(body, last), last)
        if body is before:
            return body
        body = drop_dead(body)
    return body


def _read_known(body: Graph, last: int) -> Graph:
    """g[i] = d; g[i + 1] = e; h = g[i]  ->  g[i] = d; g[i + 1] = e; h = d"""
    uses = uses_of(body)

    def change(builder: Builder, step: Step, original: Step) -> Step | None:
        if is_write(step):
            value, place = step.args[1], _written_place(step, last)
            stays = place is not None and type(value) is Step and _is_there(step.args[0], place, value, last)
            return step.args[0] if stays else None
        if step.function in (np.add, Ragged(np.add)) and step.section == "backward":
            return _added_to_zero(step, last)
        known = _read_at(step, last)
        if type(known) is not Step:
            return None
        # An array that nobody else reads is computed where it is written, and read there.
        return known if not step.shape or uses[_value_of(original, known, last)] > 1 else None

    return rewritten_by_originals(body, change)


def _value_of(original: Step, known: Step, last: int) -> int:
    """Return the index, in the old body, of the value that is known where a call reads it."""
    value = _read_at(original, last)
    return value.index if type(value) is Step else -1


def _added_to_zero(step: Step, last: int) -> Step | None:
    """Return d for g[i] + d where g was cleared at i: in gradients -0.0 is as good as 0.0 + -0.0, which is 0.0."""
    if step.kwargs or len(step.args) != 2:
        return None
    for part, added in (step.args, step.args[::-1]):
        if type(part) is not Step or type(added) is not Step or added.shape != step.shape or added.dtype != step.dtype:
            continue
        known = _read_at(part, last)
        if type(known) in (int, float) and known == 0 and not step.shape:
            return added
    return None


def _read_at(step: Step, last: int) -> Any:
    """Return the value that was written where a call reads an array, or None where it is not known."""
    read = part_read(step, last)
    if read is None:
        return None
    value = _known_at(*read, last)
    if type(value) is Step:
        return value if (value.shape, value.dtype) == (step.shape, step.dtype) else None
    return value if step.dtype.char in "fd" else None


def _known_at(x: Step, place: Place, last: int) -> Any:
    """Return what was written at a place of an array, by the last write there; None if it is not known."""
    for _ in range(FAR):
        written = _written_place(x, last) if is_write(x) else None
        if written is None:
            return None
        if written == place:
            value = x.args[1]
            return value if type(value) is not Step or _fills(value, place) else None
        if not written.is_beside(place):
            return None
        x = x.args[0]
    return None


def _is_there(x: Any, place: Place, value: Step, last: int) -> bool:
    """Return whether a value stands at a place of an array already: it was written there, or was read there."""
    if type(x) is not Step:
        return False
    if _known_at(x, place, last) is value:
        return True
    read = part_read(value, last)
    if read is None or read[1] != place or value.dtype != x.dtype:
        return False
    for _ in range(FAR):
        if x is read[0]:
            return True
        written = _written_place(x, last) if is_write(x) else None
        if written is None or not written.is_beside(place):
            return False
        x = x.args[0]
    return False


def _fills(value: Step, place: Place) -> bool:
    """Return whether a value has the shape of the part at a place in all iterations: none of its rows is repeated.

    Where a part grows from one element on, its value may have one element in all iterations.
    """
    spans = [span for span in place.spans if span.stride]
    growing = [span for span in spans if span.first[1] != span.behind[1]]
    if len(value.shape) != len(spans) or bool(growing) != (type(value.function) is Ragged):
        return False
    return all([span.behind[0] - span.first[0] != 1 for span in growing])


def _written_place(step: Step, last: int) -> Place | None:
    """Return the place of a write, or None where it is not known."""
    x = step.args[0]
    if type(x) is not Step or len(step.args) > 3:
        return None
    return place_of(step.args[2], x.shape, last)


def _drop_written_over(body: Graph, last: int) -> Graph:
    """g[i] = d; g[i + 1] += e; g[i] = h  ->  g[i + 1] += e; g[i] = h"""
    readers: dict[int, list[Step]] = defaultdict(list)
    outputs = {output.index for output in body.outputs}
    for step in steps_in(body):
        for operand in operands_of(step):
            readers[operand.index].append(step)
    dropped = {
        step.index for step in steps_in(body) if is_write(step) and _is_written_over(step, readers, outputs, last)
    }

    def change(builder: Builder, step: Step, original: Step) -> Step | None:
        return step.args[0] if original.index in dropped else None

    return rewritten_by_originals(body, change) if dropped else body


def _is_written_over(step: Step, readers: dict[int, list[Step]], outputs: set[int], last: int) -> bool:
    """Return whether a later write covers what a write wrote, and nobody reads it before."""
    place, state = _written_place(step, last), step
    if place is None or type(step.args[0]) is not Step or step.args[0].dtype != step.dtype:
        return False
    for _ in range(FAR):
        if state.index in outputs:
            return False
        following = []
        for reader in readers[state.index]:
            if is_write(reader) and reader.args[0] is state and reader.args[1] is not state:
                following.append(reader)
            elif not _reads_beside(reader, state, place, readers, outputs, last):
                return False
        if len(following) != 1 or Counter(readers[state.index])[following[0]] > 1:
            return False
        state = following[0]
        written = _written_place(state, last)
        if written is None:
            return False
        if written.holds(place):
            return True
    return False


def _reads_beside(
    reader: Step, state: Step, place: Place, readers: dict[int, list[Step]], outputs: set[int], last: int
) -> bool:  # fmt: skip
    """Return whether a call reads no element of a place: a part beside it, or parts of a part that are beside it."""
    read = part_read(reader, last)
    if read is not None and read[0] is state and read[1].is_beside(place):
        return True
    whole = reader.function is operator.getitem or read is not None
    if not whole or reader.args[0] is not state or reader.index in outputs or not readers[reader.index]:
        return False
    found = [part_read(inner, last) for inner in readers[reader.index]]
    return all([inner is not None and inner[0] is state and inner[1].is_beside(place) for inner in found])

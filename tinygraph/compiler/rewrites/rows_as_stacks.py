"""Rows as stacks: an array whose rows a loop writes, each once, is what the loop keeps of every iteration.

xs = np.zeros((100, 5))             xs = np.empty((100, 5))
for t in range(100):                for t in range(100):
    x = f(x)                            x = xs[t] = f(x)
    xs[t] = x

The zeros are not made, and where the reverse pass reads the rows they are there already.
"""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from tinygraph.compiler.kernels.assembly import assembled
from tinygraph.compiler.kernels.parts import part_written
from tinygraph.compiler.program.counting import Affine, AtCount
from tinygraph.compiler.program.loops import Loop, loop_result
from tinygraph.compiler.program.rewriting import steps_in
from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.rewrites.changing_loops import is_closed
from tinygraph.compiler.rewrites.exchanging import Kept, Place, exchanged
from tinygraph.compiler.rewrites.stack_reads import users_in
from tinygraph.graph import Graph

__all__ = ["rows_as_stacks"]


def rows_as_stacks(graph: Graph) -> Graph:
    """A loop's last part_written(xs, x, i), of an array xs that it reads nowhere  ->  the loop's stack of x, if it and
    writes of single rows before and behind the loop write the whole array.
    """
    results = [step for step in steps_in(graph) if step.function is loop_result]
    kept: dict[int, list[Callable[[Place], Step]]] = defaultdict(list)
    taken: dict[int | None, dict[int, Callable[[Place], Step]]] = {None: {}}
    users = users_in(graph) if results else {}
    outputs = {output.index for output in graph.outputs}
    for result in results:
        loop, number = result.args
        value = _row_written(loop.function, number)
        last = None if value is None else _last_write(result, users, outputs)
        if value is None or last is None:
            continue
        rows = _single_rows(last, result) | _single_rows(loop.args[number], None)
        first = _first_row(loop.function, number)
        place = slice(first, first + loop.function.count)
        if sorted([*range(place.start, place.stop), *rows]) != list(range(last.shape[0])):
            continue
        stack = next((other for other in results if other.args == (loop, _number_of(loop.function, value))), None)
        source: Any = stack
        if stack is None:
            source = Kept(loop, len(kept[loop.index]))
            kept[loop.index].append(_taker(value))
        taken[None][last.index] = _maker(last, source, place, rows)
    return exchanged(graph, {key: tuple(makers) for key, makers in kept.items()}, taken) if taken[None] else graph


def _first_row(loop: Loop, number: int) -> int:
    """Return the row of a carried array that the first iteration writes."""
    return operator.index(loop.nexts[number].args[2])


def _number_of(loop: Loop, value: Step) -> int:
    """Return the number of the result that is a stack of a value; -1 for none."""
    return next((loop.carried + place for place, step in enumerate(loop.stacks) if step is value), -1)


def _row_written(loop: Any, number: int) -> Step | None:
    """Return the value that each iteration writes into a row of its own of a carried array; None if there is none, or
    the loop reads the array.
    """
    if type(loop) is not Loop or not is_closed(loop) or number >= loop.carried:
        return None
    array, write = loop.inputs[number], loop.nexts[number]
    if write.function != AtCount(part_written) or len(write.args) != 3 or write.args[0] is not array:
        return None
    _, value, place = write.args
    if type(place) is not Affine or type(place.start) is not int or place.start < 0 or place.step != 1:
        return None
    if type(value) is not Step or value.function is None:
        return None
    if (value.shape, value.dtype) != (array.shape[1:], array.dtype):
        return None
    users = users_in(loop.body)
    is_read = users[array.index] != [write] or bool(users[write.index])
    outputs = [output.index for output in loop.body.outputs]
    return None if is_read or array.index in outputs or outputs.count(write.index) != 1 else value


def _last_write(step: Step, users: dict[int, list[Step]], outputs: set[int]) -> Step | None:
    """Return the last of the writes of single rows into an array, one after the other; None if it is a result."""
    while True:
        readers = users[step.index]
        if step.index in outputs:
            return None  # a result is made where it is written
        if len(readers) != 1 or not _is_row(readers[0]) or readers[0].args[0] is not step:
            return step
        step = readers[0]


def _is_row(step: Any) -> bool:
    """Return whether a step writes a value into one row of an array."""
    if type(step) is not Step or step.function is not part_written or len(step.args) != 3:
        return False
    array, value, place = step.args
    fits = type(value) is Step and (value.shape, value.dtype) == (array.shape[1:], array.dtype)
    return fits and type(place) is int and place >= 0


def _single_rows(step: Any, until: Step | None) -> dict[int, Step]:
    """Return the rows that were written into an array one by one, since an earlier state of it."""
    found: dict[int, Step] = {}  # of two writes into one row the later counts
    while step is not until and _is_row(step):
        array, value, place = step.args
        found.setdefault(place, value)
        step = array
    return found


def _taker(value: Step) -> Callable[[Place], Step]:
    return lambda place: place.value(value)


def _maker(last: Step, source: Any, place: slice, rows: dict[int, Step]) -> Callable[[Place], Step]:
    """Return a function that puts an array together of a stack and single rows."""

    def make(graph: Place) -> Step:
        parts = [graph.outside(source), *[graph.value(row) for row in rows.values()]]
        if not rows:
            return parts[0]
        return graph.builder.kernel(last, assembled, last.shape, parts, [place, *rows], last.shape)

    return make

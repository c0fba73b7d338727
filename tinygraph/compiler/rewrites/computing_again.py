"""Computing again: a loop does not keep a product or a sum of each iteration, if it keeps all that these are made of.

for t in range(99):                 for t in range(99):
    z[t] = x[t] * w                     y = f(x[t] * w)
    y = f(z[t])                     for t in range(98, -1, -1):
for t in range(98, -1, -1):             d = g(d, x[t], x[t] * w)
    d = g(d, x[t], z[t])

Where all that is kept is more than the cache, to write a row takes three times as long as to compute it, and to read it
four times. A value that is computed where it is read in any case is never kept: 1 - y, with which the reverse pass
multiplies, and which the slope of a sigmoid y computes, too.
"""

from __future__ import annotations

import functools
import operator
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from tinygraph.compiler.kernels.assembly import assembled
from tinygraph.compiler.program.counting import Affine, AtCount, FromCount, at_count, item_at
from tinygraph.compiler.program.loops import Loop, loop_result
from tinygraph.compiler.program.predicates import is_basic
from tinygraph.compiler.program.rewriting import steps_in
from tinygraph.compiler.program.steps import Step, operands_of
from tinygraph.compiler.rewrites.changing_loops import is_closed
from tinygraph.compiler.rewrites.exchanging import Place, exchanged
from tinygraph.compiler.rewrites.sharing import identity
from tinygraph.compiler.rewrites.stack_reads import Read, reads_of_stacks, users_in
from tinygraph.engine.nested import mapped
from tinygraph.graph import Graph

__all__ = ["compute_again"]

# Values are computed again if all that a loop keeps is so many bytes, twice a core's cache, and a row so many: a call
# takes half a microsecond.
ALL_BYTES, ROW_BYTES = 1 << 21, 1 << 14

# For one row so many calls are made: to write a row and to read it takes as long as five.
CALLS = 3

_CHEAP: frozenset[Any] = frozenset((
    np.add, np.subtract, np.multiply, np.negative, np.square, np.absolute, np.maximum, np.minimum,
))  # fmt: skip
_VIEWS: frozenset[Any] = frozenset((np.reshape, np.transpose, np.broadcast_to))


def compute_again(graph: Graph) -> Graph:
    """z = a loop's stack of x[t] * w; in another loop g(x[t], z[t])  ->  g(x[t], x[t] * w), if z is read so alone."""
    loops = [step for step in steps_in(graph) if _keeps(step.function)]
    reads = reads_of_stacks(graph) if loops else {}
    taken: dict[int | None, dict[int, Callable[[Place], Step]]] = defaultdict(dict)
    for step in loops:
        sources = _Sources(graph, step)
        for number in sources.not_kept(reads):
            value: Any = step.function.body.outputs[number]  # type: ignore[union-attr]
            for read in reads[step.index, number]:
                taken[read.home][read.step.index] = functools.partial(sources.make, value, read)
    return exchanged(graph, {}, taken) if taken else graph


def _keeps(loop: Any) -> bool:
    """Return whether a function is a loop, of so many iterations as are known, that keeps values of all of them."""
    return type(loop) is Loop and is_closed(loop) and bool(loop.stacked)


class _Rows(NamedTuple):
    """An array that has a value of all iterations as its rows, that of the first at a place."""

    whole: Step
    first: int


class _Sources:
    """The rows, and the values from outside, that the values of a loop can be made of where its stacks are read."""

    def __init__(self, graph: Graph, step: Step) -> None:
        loop: Any = step.function
        self._step = step
        self._loop = loop
        self._outside: dict[int, Any] = dict(zip([inner.index for inner in loop.inputs], step.args, strict=True))
        self._carried = {inner.index for inner in loop.inputs[: loop.carried]}
        self._rows = self._rows_in(graph)
        self._read: dict[int, dict[int, set[Any]]] = {}  # by a loop and an array outside the rows that the loop takes
        self._gone: dict[int, list[Read]] = {}  # by a value that is not kept any longer the reads of its stack
        self._costs: dict[Any, int] = {}
        self._made: dict[Any, Step] = {}

    def not_kept(self, reads: dict[tuple[int, int], list[Read]]) -> list[int]:
        """Return the numbers of the stacks that are not kept, but computed again where they are read."""
        loop, found = self._loop, []
        is_much = sum([loop.count * row.nbytes for row in loop.stacks]) >= ALL_BYTES
        numbers = {output.index: loop.carried + place for place, output in enumerate(loop.stacks)}
        nexts = {output.index for output in loop.nexts}
        for value in steps_in(loop.body):
            of_stack = reads.get((self._step.index, numbers.get(value.index, -1)))
            if not of_stack or value.index in nexts or value.function not in _CHEAP:
                continue
            is_made = all([self._is_made_at(value, read) for read in of_stack])
            if not is_made and (not is_much or value.nbytes < ROW_BYTES):
                continue
            self._gone[value.index] = of_stack
            self._costs.clear()
            if is_made or all([1 + self._calls_for(value, read) <= CALLS for read in of_stack]):
                found.append(numbers[value.index])
            else:
                del self._gone[value.index]
        return found

    def _rows_in(self, graph: Graph) -> dict[int, list[_Rows]]:
        """Return by a value of the loop the arrays that have it as their rows."""
        found: dict[int, list[_Rows]] = defaultdict(list)
        stacks: dict[int, Step] = {}
        first, behind = self._loop.carried, self._loop.carried + self._loop.stacked
        for step in steps_in(graph):
            if step.function is loop_result and step.args[0] is self._step and first <= step.args[1] < behind:
                output = stacks[step.index] = self._loop.body.outputs[step.args[1]]
                self._note(found, _Rows(step, 0), output, None)
            elif step.function is assembled and self._begins_with_first(step, stacks):
                self._note(found, _Rows(step, 1), stacks[step.args[0][1].index], step.args[0][0])
        return found

    def _note(self, found: dict[int, list[_Rows]], rows: _Rows, output: Step, first: Step | None) -> None:
        """Note the rows of a value, and of what the loop carries to it from the iteration before.

        Args:
            first: what stands before the first of them; None for nothing.
        """
        found[output.index].append(rows)
        for begun, inner, following in zip(self._step.args, self._loop.inputs, self._loop.nexts, strict=False):
            if following is output and (first is None or first is begun):
                found[inner.index].append(_Rows(rows.whole, rows.first - 1))

    def _begins_with_first(self, step: Step, stacks: dict[int, Step]) -> bool:
        """Return whether an array is put together of one row, and all those of a stack behind it."""
        parts, places, _ = step.args
        count = self._loop.count
        return tuple(places) == (0, slice(1, count + 1, None)) and getattr(parts[1], "index", -1) in stacks

    # --- what is there, and what is to be computed --------------------------------------------------------------------

    def _is_made_at(self, value: Step, read: Read) -> bool:
        """Return whether a loop that reads a value computes it, too, from the same rows."""
        if read.loop is None:
            return False
        function: Any = read.loop.function
        outside = dict(zip([inner.index for inner in function.inputs], read.loop.args, strict=True))
        return any([
            step.function is value.function and not step.kwargs and not value.kwargs and len(step.args) == 2
            and all([self._is_same(now, then, read, outside) for now, then in zip(step.args, value.args, strict=True)])
            for step in steps_in(function.body)
        ])  # fmt: skip

    def _is_same(self, now: Any, then: Any, read: Read, outside: dict[int, Any]) -> bool:
        """Return whether an operand of a call, in a loop that reads, is that of the loop that keeps.

        Args:
            outside: by the index of an input of the loop that reads its value from outside.
        """
        if type(now) is not Step or type(then) is not Step or then.is_constant:
            return bool(identity(now) == identity(then))
        row = self._row(then, read)
        return (
            row is not None and now.function == item_at and now.args[1] == row[1]
            and outside.get(now.args[0].index) is row[0]
        )  # fmt: skip

    def _calls_for(self, value: Step, read: Read) -> int:
        """Return how many calls the operands of a value take where a row is read."""
        return sum([self._calls(operand, read) for operand in operands_of(value)])

    def _calls(self, value: Step, read: Read) -> int:
        key = (value.index, read.home, read.time)
        if key not in self._costs:
            self._costs[key] = self._counted(value, read)
        return self._costs[key]

    def _counted(self, value: Step, read: Read) -> int:
        if value.is_constant or self._is_outside(value, read) or self._row(value, read) is not None:
            return 0
        if value.index in self._carried or not (value.function in _CHEAP or _is_view(value)):
            return CALLS
        if any([(other.loop, other.time) == (read.loop, read.time) for other in self._gone.get(value.index, ())]):
            return 0  # it is computed there anyway
        is_call = value.function in _CHEAP and 8 * value.nbytes >= ROW_BYTES
        return is_call + self._calls_for(value, read)

    def _is_outside(self, value: Step, read: Read) -> bool:
        """Return whether a value stays the same in the loop, or is what the first iteration begins with."""
        return value.index in self._outside and (value.index not in self._carried or read.time == 0)

    def _row(self, value: Step, read: Read) -> tuple[Step, Any] | None:
        """Return an array, and the place of the row in it that a value is at the time of a read; None if there is none,
        or a large one that nobody reads there.
        """
        if value.index in self._gone:
            return None
        for whole, first in self._rows.get(value.index, ()):
            place = _later(read.time, first)
            if _least(place, read.loop) < 0:
                continue
            if read.loop is None or 8 * value.nbytes <= ROW_BYTES or place in self._places(read.loop, whole):
                return whole, place
        return None

    def _places(self, loop: Step, whole: Step) -> set[Any]:
        """Return the places of the rows that a loop takes of an array."""
        if loop.index not in self._read:
            function: Any = loop.function
            found = self._read[loop.index] = defaultdict(set)
            users = users_in(function.body)
            for outer, inner in zip(loop.args[function.carried :], function.inputs[function.carried :], strict=True):
                rows = [user for user in users[inner.index] if user.function == item_at and user.args[0] is inner]
                found[getattr(outer, "index", -1)] |= {user.args[1] for user in rows if type(user.args[1]) is Affine}
        return self._read[loop.index][whole.index]

    # --- making it ----------------------------------------------------------------------------------------------------

    def make(self, value: Step, read: Read, place: Place) -> Step:
        """Append a value of the loop, at the time of a read, where it is read."""
        key = (place, value.index, read.time)
        if key not in self._made:
            self._made[key] = self._make(value, read, place)
        return self._made[key]

    def _make(self, value: Step, read: Read, place: Place) -> Step:
        builder = place.builder
        if value.is_constant:
            return builder.add(value)
        value = replace(value, section=read.step.section)
        if self._is_outside(value, read):
            outer = self._outside[value.index]
            return place.outside(outer) if type(outer) is Step else builder.constant(value, outer)
        row = self._row(value, read)
        if row is not None:
            whole, at = row
            take: Any = operator.getitem if type(at) is int else item_at
            return builder.call(value, take, place.outside(whole), at, name=value.name)
        function: Any = value.function
        args = mapped(value.args, lambda item: self.make(item, read, place) if type(item) is Step else item)
        if type(function) is AtCount:
            args = (args[0], _at(args[1], read.time))
            function = function if type(read.time) is Affine else function.function
        return builder.call(value, function, *args, name=value.name)


def _is_view(step: Step) -> bool:
    """Return whether a call gives a view of its first operand, at a place that may count."""
    if step.function == item_at or step.function is operator.getitem:
        return is_basic(at_count(step.args[1], 0)) and _is_known(step.args[1])
    return step.function in _VIEWS and not step.kwargs


def _is_known(index: Any) -> bool:
    """Return whether an index depends on no number of iterations that is found out."""
    if type(index) is tuple:
        return all(map(_is_known, index))
    if type(index) is slice:
        return all(map(_is_known, (index.start, index.stop, index.step)))
    return type(index) is not FromCount and (type(index) is not Affine or type(index.start) is int)


def _later(time: int | Affine, count: int) -> int | Affine:
    return time + count if isinstance(time, int) else Affine(time.start + count, time.step)


def _least(place: int | Affine, loop: Step | None) -> int:
    """Return the least of the numbers that a place is in a loop."""
    if isinstance(place, int):
        return place
    return min(place.at(0), place.at(loop.function.count - 1))  # type: ignore[union-attr]


def _at(item: Any, time: int | Affine) -> Any:
    """Return an index in the counter of one loop as it is at a time, in the counter of another."""
    if type(item) is tuple:
        return tuple([_at(part, time) for part in item])
    if type(item) is slice:
        return slice(_at(item.start, time), _at(item.stop, time), _at(item.step, time))
    if type(item) is not Affine:
        return item
    return item.at(time) if isinstance(time, int) else Affine(item.at(time.start), item.step * time.step)

"""Keeping masks: where the reverse pass compares what a loop keeps, and reads it in no other way, the loop compares.

for t in range(99):                       for t in range(99):
    xs[t] = x                                 m[t] = x > y
    x = np.maximum(x, y)                      x = np.maximum(x, y)
for t in range(98, -1, -1):               for t in range(98, -1, -1):
    d = d * (xs[t] > y)                       d = d * m[t]

A mask takes an eighth of the memory, and `x` is free to be written over.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from tinygraph.compiler.kernels.assembly import assembled
from tinygraph.compiler.program.counting import Affine, item_at
from tinygraph.compiler.program.loops import Loop, loop_result
from tinygraph.compiler.program.rewriting import steps_in
from tinygraph.compiler.program.steps import Step, operands_of
from tinygraph.compiler.rewrites.calls_outside import is_stack
from tinygraph.compiler.rewrites.changing_loops import is_closed
from tinygraph.compiler.rewrites.exchanging import Kept, Place, exchanged
from tinygraph.compiler.rewrites.stack_reads import users_in
from tinygraph.derivatives.shapes import astype
from tinygraph.engine.nested import mapped
from tinygraph.graph import Graph

__all__ = ["keep_masks"]

# They make no warning where an iteration is not read by the later loop.
_ELEMENTWISE: frozenset[Any] = frozenset((
    np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal, np.logical_and, np.logical_or,
    np.logical_xor, np.logical_not, np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.invert, np.isnan, np.isinf,
    np.isfinite, np.signbit, np.sign, np.absolute, np.negative, np.maximum, np.minimum, np.add, np.subtract,
    np.multiply, astype,
))  # fmt: skip

# A row of fewer bytes is kept as it is.
LEAST = 1 << 12


class _Row(NamedTuple):
    """A value of an earlier loop, as a later one reads it.

    Attributes:
        step: the call in the body of the later loop that takes it.
        loop: the earlier loop.
        value: the value in the body of that loop.
        time: the iteration of that loop, in the counter of the later one.
        whole: the array that the row is taken of.
    """

    step: Step
    loop: Step
    value: Step
    time: Affine
    whole: Step


def keep_masks(graph: Graph) -> Graph:
    """xs = a loop's stack of x; in another loop g(xs[i] > y)  ->  g(the stack of x > y, at i), if only > reads xs."""
    kept: dict[int, Sequence[Callable[[Place], Step]]] = {}
    taken: dict[int | None, dict[int, Callable[[Place], Step]]] = defaultdict(dict)
    loops = [step for step in steps_in(graph) if type(step.function) is Loop and is_closed(step.function)]
    users = users_in(graph) if len(loops) > 1 else {}
    for later in loops if users else ():
        for rows in _rows_of(later, users, graph).values():
            masks = _Masks(later, rows).found()
            if not masks:
                continue
            earlier = rows[0].loop
            before = kept.get(earlier.index, ())
            sources = {row.step.index: row.value for row in rows}
            kept[earlier.index] = (*before, *[_Maker(sources, mask) for mask in masks])
            for place, mask in enumerate(masks, len(before)):
                taken[later.index][mask.index] = _taker(mask, Kept(earlier, place), rows[0].time)
    return exchanged(graph, kept, taken) if kept else graph


def _rows_of(later: Step, users: dict[int, list[Step]], graph: Graph) -> dict[Any, list[_Row]]:
    """Return the rows that a loop takes of what others keep, by the other loop and the iteration.

    They are those of arrays that nothing else reads.
    """
    function: Any = later.function
    inner_users = users_in(function.body)
    outputs = {output.index for output in (*function.body.outputs, *graph.outputs)}
    found: dict[Any, list[_Row]] = defaultdict(list)
    for outer, inner in zip(later.args[function.carried :], function.inputs[function.carried :], strict=True):
        source = _source(outer, users) if type(outer) is Step and outer.index not in outputs else None
        readers = inner_users[inner.index]
        if source is None or users[outer.index] != [later] or later.args.count(outer) > 1 or len(readers) != 1:
            continue
        loop, value = source
        (row,) = readers
        at = row.args[1] if row.function == item_at and row.args[0] is inner else None
        if type(at) is not Affine or type(at.start) is not int or row.index in outputs or row.nbytes < LEAST:
            continue
        ends = (at.at(0), at.at(function.count - 1))
        if min(ends) >= 0 and max(ends) < loop.function.count:  # type: ignore[union-attr]
            found[loop.index, at].append(_Row(row, loop, value, at, outer))
    return found


def _source(whole: Step, users: dict[int, list[Step]]) -> tuple[Step, Step] | None:
    """Return the loop whose iterations the rows of an array are of, and the value in its body that they are; None for
    another array.
    """
    if whole.function is loop_result:
        loop, number = whole.args
        known = type(loop.function) is Loop and is_closed(loop.function) and is_stack(loop.function, number)
        return (loop, loop.function.body.outputs[number]) if known else None
    if whole.function is not assembled or len(whole.args[0]) != 2:
        return None
    (first, rest), places, _ = whole.args
    source = _source(rest, users) if type(rest) is Step and users[rest.index] == [whole] else None
    if source is None or tuple(places) != (0, slice(1, rest.shape[0] + 1, None)):
        return None
    loop, value = source
    function: Any = loop.function
    for begun, inner, following in zip(loop.args, function.inputs, function.nexts, strict=False):
        if following is value and begun is first:
            return loop, inner  # the row of an iteration is what the iteration begins with
    return None


class _Masks:
    """The small values that a loop computes of rows, element by element, and of nothing else.

    Args:
        later: the loop.
        rows: of one iteration of one other loop.
    """

    def __init__(self, later: Step, rows: list[_Row]) -> None:
        function: Any = later.function
        self._rows = {row.step.index: row.step for row in rows}
        self._wholes = {row.step.index: row.whole.nbytes for row in rows}
        self._count = function.count
        self._users = users_in(function.body)
        self._outputs = {output.index for output in function.body.outputs}
        self._inside = set(self._rows)
        self._constants: set[int] = set()
        for step in steps_in(function.body):
            if step.is_constant:
                self._constants.add(step.index)
            elif step.index not in self._inside and self._is_computed_of_rows(step):
                self._inside.add(step.index)

    def _is_computed_of_rows(self, step: Step) -> bool:
        if step.function not in _ELEMENTWISE or step.kwargs:
            return False
        operands = [operand.index for operand in operands_of(step)]
        return bool(operands) and all([index in self._inside or index in self._constants for index in operands])

    def found(self) -> list[Step]:
        """Return the values to keep in place of the rows; none if that saves little."""
        gone = dict(self._rows)
        while gone:
            masks: dict[int, Step] = {}
            stays = [index for index, row in gone.items() if not self._cut(row, row.nbytes, masks)]
            if not stays:
                saved = sum([self._wholes[index] for index in gone])
                return (
                    list(masks.values()) if 2 * self._count * sum([m.nbytes for m in masks.values()]) <= saved else []
                )
            for index in stays:
                del gone[index]
        return []

    def _cut(self, step: Step, size: int, masks: dict[int, Step]) -> bool:
        """Note the small values that stand between a value and all that reads it; return False if there are none."""
        if step.index in masks:
            return True
        is_small = 4 * step.nbytes <= size
        users = self._users[step.index]
        if step.index in self._outputs or not all([user.index in self._inside for user in users]):
            if is_small:
                masks[step.index] = step
            return is_small
        if is_small and not all([4 * user.nbytes <= size for user in users]):
            masks[step.index] = step
            return True
        return all([self._cut(user, size, masks) for user in users])


class _Maker:
    """Makes a mask in the body of the loop that keeps it."""

    def __init__(self, sources: dict[int, Step], mask: Step) -> None:
        self._sources = sources
        self._mask = mask

    def __call__(self, place: Place) -> Step:
        return self._made(self._mask, place, {})

    def _made(self, step: Step, place: Place, made: dict[int, Step]) -> Step:
        if step.index in self._sources:
            return place.value(self._sources[step.index])
        if step.index not in made:
            if step.is_constant:
                made[step.index] = place.builder.add(step)
            else:
                args = mapped(step.args, lambda item: self._made(item, place, made) if type(item) is Step else item)
                function: Any = step.function
                made[step.index] = place.builder.call(step, function, *args, name=step.name)
        return made[step.index]


def _taker(mask: Step, stack: Kept, time: Affine) -> Callable[[Place], Step]:
    """Return a function that takes a mask of what is kept."""
    return lambda place: place.builder.call(mask, item_at, place.outside(stack), time, name=mask.name)

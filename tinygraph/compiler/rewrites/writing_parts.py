"""Writing parts: what is added at a place is added there, what was just written is known, and reads come before writes.

An array that is written into keeps its memory where nobody reads it as it was. So each call that reads it comes before
the write, if it can.
"""

from __future__ import annotations

import operator
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygraph.compiler.kernels.parts import part_written
from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.counting import Affine, AtCount, item_at
from tinygraph.compiler.program.loops import Loop, goes_on
from tinygraph.compiler.program.predicates import is_basic, is_write, looks_like_view, may_look_at, written_by
from tinygraph.compiler.program.rewriting import placed, rewritten, rewritten_by_originals, uses_of
from tinygraph.compiler.program.steps import Step, operands_of
from tinygraph.derivatives.indexing import scatter
from tinygraph.graph import Graph

__all__ = ["add_into_parts", "read_first", "read_written"]

# The sum of two cotangents, and that of their masks.
_SUMS = (np.add, np.logical_or)

# A reader comes before a write together with at most so many calls that it needs.
NEEDED = 32


def add_into_parts(graph: Graph, chosen: Callable[[int], bool] | None = None) -> Graph:
    """g + scatter(d, 1:3, shape)  ->  part_written(g, g[1:3] + d, 1:3); and of a g that was cleared there, g0, just
    part_written(g0, d, 1:3).

    Args:
        graph: of steps.
        chosen: returns whether the call of scatter with an index is one of those that are meant; None for all.
    """
    uses = uses_of(graph)
    sums = _sums_with(graph)

    def change(builder: Builder, step: Step, original: Step) -> Step | None:
        if not _is_sum(step):
            return None
        for at in (1, 0):
            g, added, before = step.args[1 - at], step.args[at], original.args[at]
            # Nobody else needs what stands alone among zeros: x @ x has its cotangent twice.
            alone = type(added) is Step and uses[getattr(before, "index", -1)] == sums[getattr(before, "index", -1)]
            if not alone or (chosen is not None and not chosen(before.index)) or not _fits(g, added, step):
                continue
            return _added(builder, step, g, added, alone=uses[original.args[1 - at].index] == 1)
        return None

    return rewritten_by_originals(graph, change)


def _is_sum(step: Step) -> bool:
    return step.function in _SUMS and not step.kwargs and len(step.args) == 2


def _sums_with(graph: Graph) -> Counter[int]:
    """Return by the index of a step how many sums of two add it to something."""
    sums = [step for step in graph.nodes if isinstance(step, Step) and _is_sum(step)]
    return Counter(item.index for step in sums for item in step.args if type(item) is Step)


def _fits(g: Any, added: Step, step: Step) -> bool:
    """Return whether an array has the shape and dtype of a sum with something at a place that is known."""
    if added.function is not scatter and added.function != AtCount(scatter):
        return False
    d, index = added.args[:2]
    same = (
        type(g) is Step
        and g.shape == added.shape == step.shape
        and g.dtype == step.dtype == d.dtype
        and not g.is_constant
    )
    known = is_basic(index) if added.function is scatter else _is_basic_at_count(index)
    return bool(same and known and 0 not in step.shape and step.shape)


def _is_basic_at_count(index: Any) -> bool:
    """Return whether an index of a loop's counter gives a view."""
    items = index if type(index) is tuple else (index,)
    return all([type(item) is Affine or is_basic(item) for item in items])


def _added(builder: Builder, step: Step, g: Step, added: Step, alone: bool) -> Step:
    """Append a sum with something at a place as a write."""
    d, index = added.args[:2]
    if alone and _is_cleared_at(g, index):
        whole: Step = g.args[0]
        stays = _is_part(d) and d.args[0] is whole and _same_index(d.args[1], index)
        if stays:  # what was there is there again
            return whole
        return _written(builder, step, whole, d, index)
    if _is_part(d) and _same_index(d.args[1], index):
        additions = _since_cleared(g, d.args[0], index)
        if additions is not None:
            whole = d.args[0]
            for place, function, other in additions:
                value = builder.call(step, function, _part_of(builder, step, whole, place), other)
                whole = _written(builder, step, whole, value, place)
            return whole
    return _written(builder, step, g, _sum(builder, step, _part_of(builder, step, g, index), d), index)


def _counts(item: Any) -> bool:
    """Return whether an index, or an end of a slice in it, counts in a loop."""
    if type(item) is tuple:
        return any(map(_counts, item))
    if type(item) is slice:
        return any(map(_counts, (item.start, item.stop, item.step)))
    return type(item) is Affine


def _is_part(d: Step) -> bool:
    return d.function is operator.getitem or d.function is item_at


def _part_of(builder: Builder, step: Step, x: Step, index: Any) -> Step:
    """Append the part of an array at a place, which may count."""
    return builder.call(step, item_at if _counts(index) else operator.getitem, x, index)


def _written(builder: Builder, step: Step, x: Step, value: Step, index: Any) -> Step:
    """Append a write at a place, which may count."""
    function: Any = AtCount(part_written) if _counts(index) else part_written
    return builder.kernel(step, function, step.shape, x, value, index)


def _sum(builder: Builder, step: Step, part: Step, d: Step) -> Step:
    """Append the sum of a part and something; part + -d is the difference of both, to the bit."""
    if step.function is np.add and d.function is np.negative and not d.kwargs and d.args[0].dtype == d.dtype:
        return builder.call(step, np.subtract, part, d.args[0])
    function: Any = step.function
    return builder.call(step, function, part, d)


def _since_cleared(g: Step, whole: Any, index: Any) -> list[tuple[Any, Any, Step]] | None:
    """Return the places of an array that were added to, or subtracted from, since a place was cleared, each with the
    function and the value, the first of them first; None if it was not. They may as well be added to what was there:
    x[1:3] += f(x) has the cotangent of x there again.
    """
    found: list[tuple[Any, Any, Step]] = []
    while len(found) < NEEDED and not _is_cleared_at(g, index):
        if not is_write(g) or len(g.args) > 3 or type(g.args[1]) is not Step:
            return None
        before, value, place = g.args
        part = value.args[0] if value.function in (*_SUMS, np.subtract) and not value.kwargs else None
        if type(part) is not Step or not _is_part(part) or part.args[0] is not before:
            return None
        if not _same_index(part.args[1], place):
            return None
        found.append((place, value.function, value.args[1]))
        g = before
    return found[::-1] if _is_cleared_at(g, index) and g.args[0] is whole else None


def _is_cleared_at(g: Step, index: Any) -> bool:
    """Return whether the last write into an array cleared a place, which may count."""
    if not is_write(g) or len(g.args) > 3 or type(g.args[0]) is not Step:
        return False
    cleared = type(g.args[1]) in (int, float) and g.args[1] == 0
    return bool(cleared) and _same_index(g.args[2], index)


def read_written(graph: Graph) -> Graph:
    """part_written(x, v, 3)[3]  ->  v, a number: a view of an array costs nothing.

    A loop that keeps what it wrote for the reverse pass then keeps these numbers, and not the array of each iteration.
    What was written before the last write is read from the array: a loop around would carry each number of it.
    """

    def change(builder: Builder, step: Step) -> Step | None:
        x = step.args[0] if step.function is operator.getitem else None
        if type(x) is not Step or x.function is not part_written or len(x.args) > 3:
            return None
        value = x.args[1]
        same = type(value) is Step and not step.shape and not value.shape and value.dtype == step.dtype
        return value if same and is_basic(step.args[1]) and _same_index(x.args[2], step.args[1]) else None

    return rewritten(graph, change)


def _same_index(one: Any, other: Any) -> bool:
    return type(one) is type(other) and _is_basic_at_count(one) and bool(one == other)


# --- the order of calls -----------------------------------------------------------------------------------------------


def read_first(graph: Graph, updates: int | None = None) -> Graph:
    """y = part_written(x, 0, 3); z = x * 2  ->  z = x * 2; y = part_written(x, 0, 3); and before a loop that writes.

    Args:
        updates: the number of outputs, the last ones, that inputs take as their new values: no other input is written
            into. None for a loop's body, whose inputs may be.
    """
    calls = [step for step in graph.nodes if isinstance(step, Step) and step.function is not None]
    if not any(map(written_by, calls)):
        return graph
    order = _Order(calls, None if updates is None else _roots(graph.outputs[len(graph.outputs) - updates :]))
    for step in calls:
        order.put(step)
    if order.found == calls:
        return graph
    builder = Builder()
    moved: dict[int, Step] = {}
    given = [node for node in graph.nodes if isinstance(node, Step) and node.function is None]
    for step in [*given, *order.found]:
        moved[step.index] = placed(step, len(builder.steps), moved)
        builder.steps.append(moved[step.index])
    return Graph(tuple(builder.steps), tuple(moved[output.index] for output in graph.outputs))


def _roots(outputs: Sequence[Any]) -> set[int]:
    """Return the indices of the inputs that become some outputs by writes alone, or by loops."""
    found = set()
    for step in outputs:
        while is_write(step) and type(step.args[0]) is Step:
            step = step.args[0]
        found.add(step.index)
    return found


class _Order:
    """The calls of a graph in a new order.

    Attributes:
        found: those that have their place.
    """

    def __init__(self, calls: Sequence[Step], roots: set[int] | None) -> None:
        self._roots = roots
        self.found: list[Step] = []
        self._there: set[int] = set()
        self._readers: dict[int, list[Step]] = defaultdict(list)
        self._decided: dict[int, int] = {}  # by the index of a call how many decisions and draws are before it
        decisions = 0
        for step in calls:
            decisions += step.has_effect or step.function is goes_on
            self._decided[step.index] = decisions
            for operand in operands_of(step):
                self._readers[operand.index].append(step)

    def put(self, step: Step) -> None:
        """Append a call; before a write, or a loop that writes, those that read the overwritten part."""
        if step.index in self._there:
            return
        for x in written_by(step):
            if type(x) is Step and self._may_stay(x):
                for reader in self._all_readers(x):
                    for needed in self._needed(reader, step):
                        self._append(needed)
        self._append(step)

    def _may_stay(self, x: Step) -> bool:
        """Return whether the program may write into an array where it is."""
        return x.function is not None or self._roots is None or x.index in self._roots

    def _append(self, step: Step) -> None:
        if step.index not in self._there:
            self._there.add(step.index)
            self.found.append(step)

    def _all_readers(self, x: Step) -> list[Step]:
        """Return the calls that read an array, or a view of it."""
        found = []
        for reader in self._readers[x.index]:
            shows = looks_like_view(reader) or may_look_at(reader)
            found += [reader, *self._all_readers(reader)] if shows else [reader]
        return found

    def _needed(self, reader: Step, write: Step) -> list[Step]:
        """Return a reader and the calls that it still needs, in order; none if it cannot come before a write."""
        found: dict[int, Step] = {}
        waiting = [reader]
        while waiting:
            step = waiting.pop()
            if step.function is None or step.index in self._there or step.index in found:
                continue
            found[step.index] = step
            stays = step.has_effect or is_write(step) or type(step.function) is Loop or len(found) > NEEDED
            if stays or self._decided[step.index] != self._decided[write.index]:
                return []
            waiting += operands_of(step)
        return [found[index] for index in sorted(found)]

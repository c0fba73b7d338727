"""Changing loops: a loop made anew, with other inputs, other carried values, or other results.

A rewrite says what takes the place of some values of the body: values from outside, or rows of arrays from outside.
What then has no reader in the body is not in the new one.
"""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.counting import Affine, item_at
from tinygraph.compiler.program.loops import Loop, goes_on, loop_result
from tinygraph.compiler.program.rewriting import placed, rewritten_by_originals
from tinygraph.compiler.program.rows import counted_axis
from tinygraph.compiler.program.steps import Step, operands_of
from tinygraph.graph import Graph

__all__ = ["ChangeOfLoop", "Changed", "OldLoop", "decides", "is_closed", "loops_changed", "old_loop"]


@dataclass(eq=False)
class OldLoop:
    """A loop as it was, and the values that a rewrite puts in the place of some of its own.

    Attributes:
        step: the loop.
        loop: its function.
        firsts: the first value of each carried value, from outside.
        carried: each carried value in the body.
        fixed: by the index of an input of the body that stays the same its value from outside.
        outside: by the index of a value of the body what takes its place: a value from outside.
        rows: by the index of a value of the body what takes its place: a row of an array from outside.
        elements: by the index of a value of the body what takes its place: an array from outside, of whose row it is an
            element, the row's index, and the place in the row.
        alike: by the number of a carried value the one that it always equals.
    """

    step: Step
    loop: Loop
    firsts: list[Step]
    carried: list[Step]
    fixed: dict[int, Step]
    outside: dict[int, Step] = field(default_factory=dict)
    rows: dict[int, Step] = field(default_factory=dict)
    elements: dict[int, tuple[Step, Any, int]] = field(default_factory=dict)
    alike: dict[int, int] = field(default_factory=dict)

    @property
    def body(self) -> Sequence[Step]:
        """The steps of the body."""
        return self.loop.body.nodes  # type: ignore[return-value]

    def is_known(self, step: Step) -> bool:
        """Return whether a value of the body is the same in all iterations."""
        return step.is_constant or step.index in self.outside or step.index in self.fixed

    def is_row(self, step: Step) -> bool:
        """Return whether a value of the body is an element of an array from outside, one after the other."""
        if step.function != item_at or not self.is_known(step.args[0]):
            return False
        return counted_axis(step.args[1], step.args[0].shape, self.loop.count) is not None

    def known(self, builder: Builder, step: Step) -> Step:
        """Return the value from outside that a value of the body is in all iterations."""
        if step.is_constant and step.index not in self.outside:
            self.outside[step.index] = builder.add(step)
        return self.outside[step.index] if step.index in self.outside else self.fixed[step.index]

    def new_loop(self, builder: Builder, carried: Iterable[int], stacks: Sequence[Step], lasts: Sequence[Step]) -> Step:
        """Append the loop made anew, and return it.

        Args:
            carried: the numbers of the carried values that stay.
            stacks, lasts: the values of the body to keep of every iteration, and of the last one.
        """
        carried = list(carried)
        outputs = [*[self.loop.nexts[number] for number in carried], *stacks, *lasts]
        body = _Body(self, carried, self.alive(outputs))
        graph = body.graph(outputs)
        loop = Loop(graph, self.loop.count, len(carried), len(stacks), len(lasts))
        args = (*[self.firsts[number] for number in carried], *body.args)
        return builder.add(replace(self.step, function=loop, args=args))

    def alive(self, outputs: Iterable[Step]) -> set[int]:
        """Return the indices of the steps of the body that some values are computed from, and of those with effects."""
        body, replaced = self.body, (self.outside, self.rows, self.elements)
        alive = {output.index for output in outputs} | {step.index for step in body if step.has_effect}
        for step in reversed(body):
            if step.index in alive and not any([step.index in known for known in replaced]):
                alive.update([operand.index for operand in operands_of(step)])
        for one, other in self.alike.items():
            if self.carried[one].index in alive:
                alive.add(self.carried[other].index)
        return alive

    def result(self, builder: Builder, loop: Step, number: int) -> Step:
        """Append one of the results of the loop as it is now."""
        shape, dtype = loop.function.result_types()[number]  # type: ignore[union-attr]
        args = (loop, number)
        return builder.add(replace(loop, function=loop_result, args=args, shape=shape, dtype=dtype, name=None))


def old_loop(builder: Builder, step: Step) -> OldLoop:
    """Return a loop to be changed."""
    loop: Any = step.function
    args = [item if type(item) is Step else builder.constant(step, item) for item in step.args]
    inputs = loop.inputs
    fixed = {inner.index: outer for inner, outer in zip(inputs[loop.carried :], args[loop.carried :], strict=True)}
    return OldLoop(step, loop, args[: loop.carried], inputs[: loop.carried], fixed)


class _Body:
    """A body as it is made anew.

    Attributes:
        args: the values from outside that it reads, in the order of its inputs behind the carried ones.
    """

    def __init__(self, old: OldLoop, carried: list[int], alive: set[int]) -> None:
        self.args: list[Step] = []
        self._old = old
        self._carried = carried
        self._alive = alive
        self._builder = Builder()
        self._known: dict[int, Step] = {}

    def graph(self, outputs: Sequence[Step]) -> Graph:
        """Return the new body."""
        old, builder = self._old, self._builder
        moved: dict[int, Step] = {}
        for number in self._carried:
            moved[old.carried[number].index] = builder.add(old.carried[number])
        for one, other in old.alike.items():
            moved[old.carried[one].index] = moved[old.carried[other].index]
        places = {**old.fixed, **old.outside, **old.rows}
        places |= {index: whole for index, (whole, _, _) in old.elements.items()}
        for step in old.body:
            if step.index in self._alive and step.index in places:
                self._read(places[step.index], step)
        for step in old.body:
            if step.index in moved or step.index not in self._alive:
                continue
            if step.index in old.rows:
                row = self._known[old.rows[step.index].index]
                moved[step.index] = builder.add(replace(step, function=item_at, args=(row, Affine(0, 1)), kwargs={}))
            elif step.index in old.elements:
                whole, at, place = old.elements[step.index]
                row = builder.call(step, item_at, self._known[whole.index], at)
                moved[step.index] = builder.call(step, operator.getitem, row, place, name=step.name)
            elif step.index in places:
                moved[step.index] = self._known[places[step.index].index]
            else:
                moved[step.index] = builder.add(placed(step, len(builder.steps), moved))
        return Graph(tuple(builder.steps), tuple([moved[output.index] for output in outputs]))

    def _read(self, outer: Step, inner: Step) -> None:
        """Note that the body reads a value from outside: a constant, or another input."""
        if outer.index in self._known:
            return
        if outer.is_constant:
            self._known[outer.index] = self._builder.add(outer)
            return
        self.args.append(outer)
        self._known[outer.index] = self._builder.add(
            replace(outer, function=None, args=(), kwargs={}, name=outer.name or inner.name, value=None, given=True)
        )


def is_closed(loop: Loop) -> bool:
    """Return whether the number of iterations is known: no condition ends the loop, nor another one that it follows."""
    return type(loop.count) is int and not loop.is_open


def decides(step: Step) -> bool:
    """Return whether a call is a decision, or a loop with one."""
    if type(step.function) is Loop:
        return any([decides(inner) for inner in step.function.body.nodes if isinstance(inner, Step)])
    return step.decides or step.function is goes_on


# --- all loops of a graph ---------------------------------------------------------------------------------------------

# A loop that was changed, and by the number of a result of the old one what takes its place.
Changed = tuple[Step, dict[int, Step]]
# Called with the builder, a loop, and the numbers of its results that are read.
ChangeOfLoop = Callable[[Builder, Step, set[int]], Changed | None]


def loops_changed(graph: Graph, change: ChangeOfLoop) -> Graph:
    """Return a graph with each loop changed.

    Args:
        graph: of steps.
        change: returns the new loop, with a value for each result that is read; None keeps the loop.
    """
    if not any([type(step.function) is Loop for step in graph.nodes]):
        return graph
    read: dict[int, set[int]] = defaultdict(set)
    for step in graph.nodes:
        if step.function is loop_result:
            read[step.args[0].index].add(step.args[1])
    results: dict[int, dict[int, Step]] = {}

    def each(builder: Builder, step: Step, original: Step) -> Step | None:
        if type(step.function) is Loop and type(step.function.count) is int:  # and no condition ends it
            found = change(builder, step, read[original.index])
            if found is None:
                return None
            results[found[0].index] = found[1]
            return found[0]
        if step.function is loop_result and step.args[0].index in results:
            return results[step.args[0].index][step.args[1]]
        return None

    return rewritten_by_originals(graph, each)

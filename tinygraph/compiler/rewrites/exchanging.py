"""Exchanging: loops that keep more, and values that something else takes the place of, in a graph and in its loops.

A rewrite says what a loop keeps besides, and how each value that is exchanged is made. It is made at its first reader.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.loops import Loop, loop_result
from tinygraph.compiler.program.rewriting import placed, steps_in
from tinygraph.compiler.program.steps import Step, operands_of
from tinygraph.compiler.rewrites.sharing import drop_dead
from tinygraph.graph import Graph

__all__ = ["Kept", "Place", "exchanged"]


class Kept(NamedTuple):
    """A value that a loop keeps besides: the loop, and the number of the value among those."""

    loop: Step
    number: int


class Place:
    """A graph as it is made anew: the whole one, or the body of a loop.

    Attributes:
        builder: of its steps.
    """

    def __init__(self, taken: dict[int, Callable[[Place], Step]]) -> None:
        self.builder = Builder()
        self._taken = taken
        self._moved: dict[int, Step] = {}

    def value(self, step: Step) -> Step:
        """Return the new step for one of this graph as it was."""
        if step.index not in self._moved:
            make = self._taken.get(step.index)
            self._moved[step.index] = self.put(step) if make is None else make(self)
        return self._moved[step.index]

    def outside(self, item: Any) -> Step:
        """Return a value of the whole graph: for a step as it was, or a `Kept`."""
        raise NotImplementedError

    def put(self, step: Step, **changes: Any) -> Step:
        """Append a step as it was, with the new steps for its operands."""
        for operand in operands_of(step):
            self.value(operand)
        new = replace(placed(step, len(self.builder.steps), self._moved), **changes)
        self._moved[step.index] = self.builder.add(new)
        return new

    def is_due(self, step: Step) -> bool:
        """Return whether a step stays, and has no place yet."""
        return step.index not in self._taken and step.index not in self._moved


class _Whole(Place):
    """The whole graph."""

    def __init__(
        self, kept: Mapping[int, Sequence[Callable[[Place], Step]]],
        taken: dict[int | None, dict[int, Callable[[Place], Step]]],
    ) -> None:  # fmt: skip
        super().__init__(taken.get(None, {}))
        self._kept = kept
        self._taken_in = taken
        self._stacks: dict[tuple[int, int], Step] = {}

    def outside(self, item: Any) -> Step:
        if type(item) is not Kept:
            return self.value(item)
        key = (item.loop.index, item.number)
        if key not in self._stacks:
            loop = self.value(item.loop)
            function: Any = loop.function
            number = function.carried + function.stacked - len(self._kept[item.loop.index]) + item.number
            shape, dtype = function.result_types()[number]
            args = (loop, number)
            self._stacks[key] = self.builder.add(
                replace(loop, function=loop_result, args=args, shape=shape, dtype=dtype, name=None)
            )
        return self._stacks[key]

    def put(self, step: Step, **changes: Any) -> Step:
        if type(step.function) is Loop and (step.index in self._kept or step.index in self._taken_in):
            return self._put_loop(step)
        if step.function is loop_result and step.args[0].index in self._kept:
            loop, number = step.args
            before = loop.function.carried + loop.function.stacked
            args = (self.value(loop), number + len(self._kept[loop.index]) * (number >= before))
            self._moved[step.index] = self.builder.add(replace(step, args=args))
            return self._moved[step.index]
        return super().put(step, **changes)

    def _put_loop(self, step: Step) -> Step:
        loop: Any = step.function
        args = [self.value(item) if type(item) is Step else item for item in step.args]
        more = self._kept.get(step.index, ())
        body = _Body(self, self._taken_in.get(step.index, {}), loop, args)
        function = replace(loop, body=body.graph(loop, more), stacked=loop.stacked + len(more))
        self._moved[step.index] = self.builder.add(replace(step, function=function, args=tuple(body.args)))
        return self._moved[step.index]


class _Body(Place):
    """The body of a loop.

    Attributes:
        args: the values from outside, in the order of the inputs.
    """

    def __init__(self, whole: Place, taken: dict[int, Callable[[Place], Step]], loop: Loop, args: list[Any]) -> None:
        super().__init__(taken)
        self.args = args
        self._whole = whole
        self._inputs: dict[int, Step] = {}
        for inner in loop.inputs:
            self.put(inner)
        for outer, inner in zip(args[loop.carried :], loop.inputs[loop.carried :], strict=True):
            if type(outer) is Step:
                self._inputs[outer.index] = self.value(inner)

    def outside(self, item: Any) -> Step:
        outer = self._whole.outside(item)
        if outer.index not in self._inputs:
            if outer.is_constant:
                self._inputs[outer.index] = self.builder.add(outer)
            else:
                self.args.append(outer)
                self._inputs[outer.index] = self.builder.add(
                    replace(outer, function=None, args=(), kwargs={}, value=None, given=True)
                )
        return self._inputs[outer.index]

    def graph(self, loop: Loop, more: Sequence[Callable[[Place], Step]]) -> Graph:
        """Return the body, with its inputs first.

        Args:
            more: makes each value that is kept of every iteration besides.
        """
        # They come first: what a mask is made of may then be written over by the call that makes the next of it.
        kept = [make(self) for make in more]
        for step in steps_in(loop.body):
            if self.is_due(step):
                self.put(step)
        behind = loop.carried + loop.stacked
        outputs = [self.value(output) for output in loop.body.outputs]  # type: ignore[arg-type]
        outputs[behind:behind] = kept
        read = self._alive(outputs)
        given = [step for step in self.builder.steps if step.given]
        unread = {step.index for step in given[loop.carried :]} - read
        self.args = [arg for arg, inner in zip(self.args, given, strict=True) if inner.index not in unread]
        moved: dict[int, Step] = {}
        steps: list[Step] = []
        for step in sorted(self.builder.steps, key=lambda step: not step.given):
            if step.index in read or (step.given and step.index not in unread):
                moved[step.index] = placed(step, len(steps), moved)
                steps.append(moved[step.index])
        return Graph(tuple(steps), tuple([moved[output.index] for output in outputs]))

    def _alive(self, outputs: Sequence[Step]) -> set[int]:
        """Return the indices of the steps that some values are computed from, and of those with effects."""
        read = {output.index for output in outputs} | {step.index for step in self.builder.steps if step.has_effect}
        for step in reversed(self.builder.steps):
            if step.index in read:
                read.update([operand.index for operand in operands_of(step)])
        return read


def exchanged(
    graph: Graph,
    kept: Mapping[int, Sequence[Callable[[Place], Step]]],
    taken: dict[int | None, dict[int, Callable[[Place], Step]]],
) -> Graph:
    """Return a graph with some values exchanged.

    Args:
        kept: by the index of a loop what it keeps of every iteration besides: functions that make it in the body.
        taken: by the index of a loop, or None for the graph itself, and the index of a step there the function that
            makes what takes its place.
    """
    whole = _Whole(kept, taken)
    for step in steps_in(graph):
        if whole.is_due(step):
            whole.put(step)
    outputs = tuple([whole.value(output) for output in graph.outputs])  # type: ignore[arg-type]
    return drop_dead(Graph(tuple(whole.builder.steps), outputs))

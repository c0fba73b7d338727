"""Loops: steps that are repeated, as one step of a graph with a graph of its own.

    for x_t in x:                   Loop(body, count, carried=1, stacked=1, last=0)
        h = np.tanh(x_t @ w + h @ u)

A loop is a function of the first carried values, and of the values that stay the same. Its body is a graph with these
as its inputs. The body's outputs are the next carried values, then the values that are kept of every iteration, then
those that are kept of the last one. In a body the counter stands in `Affine` numbers, see `program.counting`.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tinygraph.compiler.program.counting import at_count, counts
from tinygraph.compiler.program.steps import Step, is_node
from tinygraph.engine.nested import mapped
from tinygraph.graph import Graph

__all__ = ["Loop", "goes_on", "in_bodies", "loop_result", "loops_in", "result_at", "steps_within"]


class _GoesOn:
    """The function of the step of a body that ends an open loop, or not."""

    __name__ = "goes_on"
    has_effect = True

    def __call__(self, value: Any, expected: bool) -> bool:
        """Return whether the loop goes on: where a value has the truth that is expected."""
        return bool(value) is expected


goes_on = _GoesOn()


@dataclass(frozen=True, eq=False)
class Loop:
    """A function that repeats a body.

    Attributes:
        body: a graph. Its inputs, which are given, are the carried values, then what stays the same.
        count: the number of iterations, at least one.
        carried: how many values are carried from one iteration to the next: the first outputs of the body.
        stacked: how many values are kept of every iteration: the next outputs. Their stacks have the iterations first.
        last: how many values are kept of the last iteration: the next outputs.
        exits: of an open loop how many values are kept that the last, partial pass computes: the last outputs.
    """

    body: Graph
    count: Any
    carried: int
    stacked: int
    last: int
    exits: int = 0

    @property
    def __name__(self) -> str:
        return f"loop_{operator.index(self.count)}"

    @property
    def has_effect(self) -> bool:
        """True if a call of the body has one: a draw, or a decision."""
        return any([step.has_effect for step in self.body.nodes if isinstance(step, Step)])

    @property
    def inputs(self) -> list[Step]:
        """The inputs of the body."""
        return [step for step in self.body.nodes if isinstance(step, Step) and step.given]

    @property
    def nexts(self) -> Sequence[Step]:
        """The next carried values."""
        return self.body.outputs[: self.carried]  # type: ignore[return-value]

    @property
    def stacks(self) -> Sequence[Step]:
        """The values that are kept of every iteration."""
        return self.body.outputs[self.carried : self.carried + self.stacked]  # type: ignore[return-value]

    @property
    def lasts(self) -> Sequence[Step]:
        """The values that are kept of the last iteration."""
        first = self.carried + self.stacked
        return self.body.outputs[first : first + self.last]  # type: ignore[return-value]

    @property
    def at_exit(self) -> Sequence[Step]:
        """The values that are kept of the pass in which the loop ends."""
        return self.body.outputs[self.carried + self.stacked + self.last :]  # type: ignore[return-value]

    @property
    def is_open(self) -> bool:
        """True if a condition ends the loop, whatever the number of iterations."""
        return any([step.function is goes_on for step in self.body.nodes])

    def result_types(self) -> list[tuple[tuple[int, ...], Any]]:
        """Return the shape and dtype of each result: carried, stacked, last."""
        found: list[tuple[tuple[int, ...], Any]] = [(step.shape, step.dtype) for step in self.nexts]
        found += [((operator.index(self.count), *step.shape), step.dtype) for step in self.stacks]
        return found + [(step.shape, step.dtype) for step in (*self.lasts, *self.at_exit)]

    def __call__(self, *args: Any, values: Any = None) -> tuple[Any, ...]:
        """Run the loop, call by call: what a written program is compared with.

        Args:
            args: the first carried values, and the values that stay the same.
            values: how a step of the body is run, for the values of its operands by their indices.
        """
        carried, fixed = list(args[: self.carried]), args[self.carried :]
        rows: list[list[Any]] = [[] for _ in range(self.stacked)]
        lasts: list[Any] = []
        is_open = self.is_open
        found: dict[int, Any] = {}
        for count in itertools.count() if is_open else range(operator.index(self.count)):
            found = dict(zip([step.index for step in self.inputs], [*carried, *fixed], strict=True))
            if not self._pass(found, count, values):
                break
            carried = [np.array(found[step.index])[()] for step in self.nexts]
            for row_, step in zip(rows, self.stacks, strict=True):
                row_.append(np.array(found[step.index]))
            lasts = [np.array(found[step.index])[()] for step in self.lasts]
        exits = [np.array(found[step.index])[()] for step in self.at_exit]
        return (*carried, *[np.stack(row_) for row_ in rows], *lasts, *exits)

    def _pass(self, found: dict[int, Any], count: int, values: Any) -> bool:
        """Compute the values of an iteration, and return whether the loop goes on behind it."""
        for step in self.body.nodes:
            assert isinstance(step, Step)
            if step.function is None:
                found.setdefault(step.index, step.value)
                continue
            found[step.index] = (values or result_at)(step, found, count)
            if step.function is goes_on and not found[step.index]:
                return False
        return True


def result_at(step: Step, found: dict[int, Any], count: int) -> Any:
    """Return the result of a body's call in an iteration."""
    args, kwargs = mapped((step.args, step.kwargs), lambda item: found[item.index] if is_node(item) else item)
    function: Any = step.function
    if counts(function):
        return function.function(*[at_count(item, count) for item in args], **kwargs)
    return function(*args, **kwargs)


def loop_result(results: Any, position: int) -> Any:
    """Return one of the results of a loop."""
    return results[position]


def loops_in(graph: Graph) -> Iterator[Any]:
    """Return the steps of a graph that are loops."""
    return iter([step for step in graph.nodes if type(step.function) is Loop])


def in_bodies(graph: Graph, change: Callable[[Graph], Graph]) -> Graph:
    """Return a graph with the bodies of its loops changed, the innermost first; the graph itself if none is."""
    bodies = {step.index: step.function.body for step in loops_in(graph)}
    changed = {index: change(in_bodies(body, change)) for index, body in bodies.items()}
    if all([changed[index] is body for index, body in bodies.items()]):
        return graph
    moved: dict[int, Step] = {}
    for step in graph.nodes:
        assert isinstance(step, Step)
        function: Any = step.function
        if function is not None:
            args, kwargs = mapped((step.args, step.kwargs), lambda item: moved[item.index] if is_node(item) else item)
            if type(function) is Loop:
                function = replace(function, body=changed[step.index])
            step = replace(step, function=function, args=args, kwargs=kwargs)
        moved[step.index] = step
    return Graph(tuple(moved.values()), tuple([moved[output.index] for output in graph.outputs]))


def steps_within(graph: Graph) -> Iterator[Step]:
    """Yield the steps of a graph and of the bodies of its loops."""
    for step in graph.nodes:
        assert isinstance(step, Step)
        yield step
        if type(step.function) is Loop:
            yield from steps_within(step.function.body)

"""Loops: steps that are repeated, as one step of a graph with a graph of its own.

    for x_t in x:                   Loop(body, count, carried=1, stacked=1, last=0)
        h = np.tanh(x_t @ w + h @ u)

A loop is a function of the first values of what it carries, and of what stays the same. Its body is a graph with these
as its inputs. The body's outputs are the next values of what is carried, then the values that are kept of every
iteration, then those that are kept of the last one. In a body the counter stands in `Affine` numbers: `x[2 * i + 1]` is
the call `AtCount(operator.getitem)(x, Affine(1, 2))`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tinygraph.compiler.program.steps import Step, is_node
from tinygraph.engine.nested import mapped
from tinygraph.graph import Graph

__all__ = [
    "Affine", "AtCount", "Begin", "End", "Loop", "at_count", "at_first", "carried", "in_bodies", "item_at", "loops_in",
    "part", "put_row", "result_at", "row", "stacked", "steps_within",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Affine:
    """A whole number that depends on the counter of a loop: `start + step * i`.

    As an index it is that of the first iteration, so that a shape can be found out by trying.
    """

    start: int
    step: int

    def at(self, count: int) -> int:
        """Return the number in an iteration, from 0 on."""
        return self.start + self.step * count

    def __index__(self) -> int:
        return self.start


def at_count(item: Any, count: int) -> Any:
    """Return an argument of a body's call in an iteration: with the numbers that its `Affine` ones are there."""
    kind = type(item)
    if kind is Affine:
        return item.at(count)
    if kind is slice:
        return slice(*[at_count(end, count) for end in (item.start, item.stop, item.step)])
    if kind is tuple or kind is list:
        return kind([at_count(part, count) for part in item])
    return item


@dataclass(frozen=True, slots=True)
class AtCount:
    """A function among whose arguments are `Affine` numbers. To a rewrite it is another function than its own."""

    function: Callable[..., Any]

    @property
    def __name__(self) -> str:
        return getattr(self.function, "__name__", "call")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return the result of the first iteration."""
        return self.function(*[at_count(item, 0) for item in args], **kwargs)


def at_first(step: Step) -> Step:
    """Return a call with its function itself, where it is one among whose arguments are numbers that count."""
    return replace(step, function=step.function.function) if type(step.function) is AtCount else step


# What takes `x[i]`.
item_at = AtCount(operator.getitem)


@dataclass(frozen=True, eq=False)
class Loop:
    """A function that repeats a body.

    Attributes:
        body: a graph. Its inputs, which are given, are the carried values, then what stays the same.
        count: the number of iterations, at least one.
        carried: how many values are carried from one iteration to the next: the first outputs of the body.
        stacked: how many values are kept of every iteration: the next outputs. Their stacks have the iterations first.
        last: how many values are kept of the last iteration: the last outputs.
    """

    body: Graph
    count: int
    carried: int
    stacked: int
    last: int

    @property
    def __name__(self) -> str:
        return f"loop_{self.count}"

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
        """The next values of what is carried."""
        return self.body.outputs[: self.carried]  # type: ignore[return-value]

    @property
    def stacks(self) -> Sequence[Step]:
        """The values that are kept of every iteration."""
        return self.body.outputs[self.carried : self.carried + self.stacked]  # type: ignore[return-value]

    @property
    def lasts(self) -> Sequence[Step]:
        """The values that are kept of the last iteration."""
        return self.body.outputs[self.carried + self.stacked :]  # type: ignore[return-value]

    def result_types(self) -> list[tuple[tuple[int, ...], Any]]:
        """Return the shape and dtype of each result: carried, stacked, last."""
        found: list[tuple[tuple[int, ...], Any]] = [(step.shape, step.dtype) for step in self.nexts]
        found += [((self.count, *step.shape), step.dtype) for step in self.stacks]
        return found + [(step.shape, step.dtype) for step in self.lasts]

    def __call__(self, *args: Any, values: Any = None) -> tuple[Any, ...]:
        """Run the loop, call by call: what a written program is compared with.

        Args:
            args: the first values of what is carried, and what stays the same.
            values: how a step of the body is run, for the values of its operands by their indices.
        """
        carried, fixed = list(args[: self.carried]), args[self.carried :]
        rows: list[list[Any]] = [[] for _ in range(self.stacked)]
        lasts: list[Any] = []
        for count in range(self.count):
            found = dict(zip([step.index for step in self.inputs], [*carried, *fixed], strict=True))
            for step in self.body.nodes:
                assert isinstance(step, Step)
                if step.function is None:
                    found.setdefault(step.index, step.value)
                else:
                    run = result_at if values is None else values
                    found[step.index] = run(step, found, count)
            carried = [np.array(found[step.index])[()] for step in self.nexts]
            for kept, step in zip(rows, self.stacks, strict=True):
                kept.append(np.array(found[step.index]))
            lasts = [np.array(found[step.index])[()] for step in self.lasts]
        stacks = [np.stack(kept) for kept in rows]
        return (*carried, *stacks, *lasts)


def result_at(step: Step, found: dict[int, Any], count: int) -> Any:
    """Return the result of a body's call in an iteration."""
    args, kwargs = mapped((step.args, step.kwargs), lambda item: found[item.index] if is_node(item) else item)
    function: Any = step.function
    if type(function) is AtCount:
        return function.function(*[at_count(item, count) for item in args], **kwargs)
    return function(*args, **kwargs)


def part(results: Any, position: int) -> Any:
    """Return one of the results of a loop."""
    return results[position]


def loops_in(graph: Graph) -> Iterator[Any]:
    """Yield the steps of a graph that are loops."""
    for step in graph.nodes:
        if type(step.function) is Loop:
            assert isinstance(step, Step)
            yield step


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


# --- a loop among the calls of a program, for the stages that put calls in order and write them --------------------


@dataclass(frozen=True, eq=False, slots=True)
class Begin:
    """The function of the step that a loop begins with.

    Attributes:
        count: the number of iterations.
    """

    count: int

    __name__ = "begin"

    def __call__(self) -> None:
        """Begin nothing: it is a statement."""


@dataclass(frozen=True, eq=False, slots=True)
class End:
    """The function of the step that a loop ends with. Its arguments are what is carried, each with its next value.

    Attributes:
        begin: the function of the step that begins the loop.
    """

    begin: Begin

    __name__ = "end"

    def __call__(self, *carried: Any) -> None:
        """End nothing: it is a statement."""


def carried(first: Any) -> Any:
    """Return a value that a loop carries, before the first iteration."""
    return first


def row(x: Any, begin: Any) -> Any:
    """Return the element of an array that is an iteration's, in the first one."""
    return x[0]


def stacked(begin: Any) -> Any:
    """Return memory for a value of every iteration."""
    raise AssertionError("memory that nothing is computed of")


def put_row(stack: Any, value: Any, begin: Any) -> None:
    """Write a value to its place among those of every iteration."""
    raise AssertionError("a statement")

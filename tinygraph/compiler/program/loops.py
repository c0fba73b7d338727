"""Loops: steps that are repeated, as one step of a graph with a graph of its own.

    for x_t in x:                   Loop(body, count, carried=1, stacked=1, last=0)
        h = np.tanh(x_t @ w + h @ u)

A loop is a function of the first values of what it carries, and of what stays the same. Its body is a graph with these
as its inputs. The body's outputs are the next values of what is carried, then the values that are kept of every
iteration, then those that are kept of the last one. In a body the counter stands in `Affine` numbers: `x[2 * i + 1]` is
the call `AtCount(operator.getitem)(x, Affine(1, 2))`.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tinygraph.compiler.program.decisions import Path, decided
from tinygraph.compiler.program.steps import Step, is_node
from tinygraph.engine.nested import mapped
from tinygraph.graph import Graph

__all__ = [
    "Affine", "AtCount", "Begin", "End", "FromCount", "Loop", "at_count", "at_first", "carried", "goes_on", "in_bodies",
    "is_marker", "item_at", "iterations", "kept", "kept_at", "kept_row", "kept_rows", "loop_result", "loops_in",
    "number_after", "path_in", "put_row", "result_at", "row", "stacked", "steps_within", "with_loops",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Affine:
    """A whole number that depends on the counter of a loop: `start + step * i`.

    As an index it is that of the first iteration, so that a shape can be found out by trying.
    """

    start: Any
    step: int

    def at(self, count: int) -> int:
        """Return the number in an iteration, from 0 on."""
        return operator.index(self.start) + self.step * count

    def __index__(self) -> int:
        return operator.index(self.start)


@dataclass(frozen=True, slots=True)
class FromCount:
    """A whole number that depends on how often an open loop was repeated: `n + offset`.

    Attributes:
        loop: the number of the loop among the open ones of the program, from 0 on.
        offset: what is added.
        recorded: the number in the run that was recorded, which it is as an index.
    """

    loop: int
    offset: int
    recorded: int

    def __index__(self) -> int:
        return self.recorded


def number_after(start: Any, step: int, count: Any) -> Any:
    """Return the number that is reached from another in some steps; None where it is no number of iterations and more.

    Args:
        start, count: whole numbers, or those that depend on how often an open loop was repeated.
    """
    parts = [(1, item.offset, item.loop) if type(item) is FromCount else (0, item, -1) for item in (start, count)]
    times, offset = parts[0][0] + step * parts[1][0], parts[0][1] + step * parts[1][1]
    loops = {loop for _, _, loop in parts if loop >= 0}
    if not times:
        return offset if len(loops) < 2 else None
    recorded = operator.index(start) + step * operator.index(count)
    return FromCount(loops.pop(), offset, recorded) if times == 1 and len(loops) == 1 else None


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


class _GoesOn:
    """The function of the step of a body that ends an open loop, or not."""

    __name__ = "goes_on"
    has_effect = True

    def __call__(self, value: Any, expected: bool) -> bool:
        """Return whether the loop goes on: where a value has the truth that is expected."""
        return bool(value) is expected


goes_on = _GoesOn()


def kept_at(stack: Any, index: Any) -> Any:
    """Return what an open loop kept of one of its iterations."""
    return stack[operator.index(index)]


# What takes one of those in each iteration of another loop.
kept_row = AtCount(kept_at)


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
        """The next values of what is carried."""
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
            args: the first values of what is carried, and what stays the same.
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
    if type(function) is AtCount:
        return function.function(*[at_count(item, count) for item in args], **kwargs)
    return function(*args, **kwargs)


def loop_result(results: Any, position: int) -> Any:
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
        is_open: whether a condition ends the loop.
        least: of an open loop the number of iterations from which on the program is right.
    """

    count: Any
    is_open: bool = False
    least: int = 0

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


def path_in(nodes: Iterable[Any]) -> Path:
    """Return the path of a program: the outcomes of its decisions, those of an open loop as one item."""
    found: list[Any] = []
    around: list[tuple[int, list[Any]]] = []
    for step in nodes:
        function = step.function
        if isinstance(function, Begin):
            around.append((len(found), []))
        elif isinstance(function, End):
            first, last = around.pop()
            each = found[first:]
            del found[first:]
            found += [(tuple(each), tuple(last))] if function.begin.is_open else each * function.begin.count
        elif function is decided:
            found.append(step.args[1])
        elif function is goes_on:
            found.append(step.args[1])
            around[-1][1].extend([*found[around[-1][0] : -1], not step.args[1]])
    return tuple(found)


def row(x: Any, begin: Any) -> Any:
    """Return the element of an array that is an iteration's, in the first one."""
    return x[0]


def kept_rows(stack: Any, start: Any, step: int, count: Any) -> Any:
    """Return what an open loop kept of some of its iterations, in the order in which another loop reads it."""
    first = operator.index(start)
    stop = first + step * operator.index(count)
    return stack[first : None if stop < 0 else stop : step]


def kept(begin: Any) -> Any:
    """Return a list of memory for a value of every iteration of an open loop."""
    raise AssertionError("memory that nothing is computed of")


def stacked(begin: Any) -> Any:
    """Return memory for a value of every iteration."""
    raise AssertionError("memory that nothing is computed of")


def put_row(stack: Any, value: Any, begin: Any) -> None:
    """Write a value to its place among those of every iteration."""
    raise AssertionError("a statement")


_MARKERS = frozenset((carried, row, kept, stacked, put_row))


def is_marker(step: Step) -> bool:
    """Return whether a step tells where a loop is and which values it has, and computes nothing."""
    return type(step.function) in (Begin, End) or step.function in _MARKERS


def with_loops(nodes: Iterable[Any]) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """Yield each step with the steps that begin the loops it is in, the outermost first.

    The steps that begin and end a loop are in it themselves.
    """
    around: tuple[Any, ...] = ()
    for step in nodes:
        if type(step.function) is Begin:
            around = (*around, step)
        yield step, around
        if type(step.function) is End:
            around = around[:-1]


def iterations(nodes: Iterable[Any]) -> dict[int, int]:
    """Return how often each step is made in a run, by its index; in an open loop as often as when it was recorded."""
    return {
        step.index: math.prod([operator.index(begin.function.count) for begin in around])
        for step, around in with_loops(nodes)
    }

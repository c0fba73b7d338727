"""Counting: numbers that depend on the counter of a loop, or on how often an open loop was repeated.

x[2 * i + 1]        AtCount(operator.getitem)(x, Affine(1, 2))
x[:n - 1]           x[: FromCount(0, -1, 7)], of the first open loop, which was repeated 8 times in the recording
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from tinygraph.compiler.program.steps import Step

__all__ = [
    "Affine", "AtCount", "FromCount", "Ragged", "at_count", "at_first", "counts", "item_at", "kept_at", "kept_row",
    "kept_rows", "later", "number_after",
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
        offset: the number that is added.
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


def later(item: Any, count: int) -> Any:
    """Return an argument of a body's call, with its `Affine` numbers as they are some iterations later in the first."""
    kind = type(item)
    if kind is Affine:
        return Affine(item.at(count), item.step)
    if kind is slice:
        return slice(*[later(end, count) for end in (item.start, item.stop, item.step)])
    return kind([later(part, count) for part in item]) if kind is tuple or kind is list else item


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


@dataclass(frozen=True, slots=True)
class Ragged:
    """A function of arrays whose shapes depend on the counter, as that of x[:i]. To a rewrite it is another function.

    The shape of such a step is that of the first iteration. Its result has memory of its own, or is a view.
    """

    function: Callable[..., Any]

    @property
    def __name__(self) -> str:
        return getattr(self.function, "__name__", "call")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return the result of the first iteration."""
        return self.function(*[at_count(item, 0) for item in args], **kwargs)


def counts(function: Any) -> bool:
    """Return whether numbers that count may stand among the arguments of a function."""
    return type(function) in (AtCount, Ragged)


def at_first(step: Step) -> Step:
    """Return a call with its function itself, where it is one among whose arguments are numbers that count."""
    function: Any = step.function
    return replace(step, function=function.function) if counts(function) else step


# What takes `x[i]`.
item_at = AtCount(operator.getitem)


def kept_at(stack: Any, index: Any) -> Any:
    """Return the value that an open loop kept of one of its iterations."""
    return stack[operator.index(index)]


# What takes one of those in each iteration of another loop.
kept_row = AtCount(kept_at)


def kept_rows(stack: Any, start: Any, step: int, count: Any) -> Any:
    """Return the values that an open loop kept of some iterations, in the order in which another loop reads them."""
    first = operator.index(start)
    stop = first + step * operator.index(count)
    return stack[first : None if stop < 0 else stop : step]

"""Patterns: the arguments that some steps have in the iterations of a loop, as the one argument that the loop has.

x[3], x[4], x[5]        Element(Same(x), Affine(3, 1))
h₀, h₁, h₂              Carried: h₀ first, then the value of the iteration before
0.9, 0.81, 0.729        Numbers([0.9, 0.81, 0.729])
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from tinygraph.compiler.program.counting import Affine
from tinygraph.compiler.program.steps import Step
from tinygraph.graph.runs import Run

__all__ = ["Carried", "Element", "Here", "Located", "Numbers", "Pattern", "Places", "Rows", "Same", "values_in"]


class Located(NamedTuple):
    """A value of a loop: its loop, the iteration, and its place among the loop's steps."""

    pattern: Pattern
    iteration: int
    offset: int


@dataclass(frozen=True, slots=True)
class Same:
    """The same value in all iterations, from outside the loop."""

    step: Step


@dataclass(frozen=True, slots=True)
class Here:
    """A value of the same iteration, by its place among the loop's steps."""

    offset: int


@dataclass(frozen=True, slots=True)
class Carried:
    """A value of an iteration before, by its number among those that the loop carries."""

    number: int


@dataclass(frozen=True, slots=True)
class Rows:
    """Values of an earlier loop, one in each iteration."""

    pattern: Pattern
    offset: int
    at: Affine


@dataclass(frozen=True, slots=True, eq=False)
class Numbers:
    """Numbers, or small constant arrays, one for each iteration.

    Attributes:
        of_python: whether they are Python's, which take the dtype of the arrays beside them.
    """

    values: np.ndarray[Any, Any]
    of_python: bool = False


@dataclass(frozen=True, slots=True)
class Element:
    """A part of an array, at an index that may count.

    Attributes:
        ragged: the shape in the first iteration, where it changes from one to the next.
    """

    base: Any
    index: Any
    ragged: tuple[int, ...] | None = None


@dataclass(eq=False)
class Pattern:
    """The part that some iterations have in common.

    Attributes:
        run: the iterations.
        args, kwargs: of each step of an iteration, with patterns in the places of values.
        carried: for each value that is carried its first value, and its next one: `Here` or `Carried`.
        exit: of an open loop the place of the decision that ends it.
        ragged: the places of the steps whose shapes change from one iteration to the next.
        of_ragged: the places of these steps, and of those that read an array whose shape changes.
    """

    run: Run
    steps: Sequence[Step]
    args: list[Any] = field(default_factory=list)
    kwargs: list[Any] = field(default_factory=list)
    carried: list[tuple[Any, Any]] = field(default_factory=list)
    exit: int | None = None
    ragged: set[int] = field(default_factory=set)
    of_ragged: set[int] = field(default_factory=set)

    @property
    def stop(self) -> int:
        """The position behind its last step, those of the pass in which it ends among them."""
        return self.run.stop + (0 if self.exit is None else self.exit + 1)

    def passes(self, offset: int) -> int:
        """Return how often a step is computed: in the pass in which an open loop ends once more."""
        return self.run.count + (self.exit is not None and offset <= self.exit)

    def step_at(self, iteration: int, offset: int) -> Step:
        """Return a step of an iteration."""
        return self.steps[self.run.start + iteration * self.run.period + offset]

    def steps_at(self, offset: int) -> Sequence[Step]:
        """Return the step at one place of all iterations."""
        first, period = self.run.start + offset, self.run.period
        return self.steps[first : first + self.passes(offset) * period : period]

    def carries(self, offset: int) -> int | None:
        """Return the number of the carried value whose next one a step computes; None for no such value."""
        return next((number for number, (_, then) in enumerate(self.carried) if then == Here(offset)), None)


class Places:
    """The places of a graph's steps in its patterns.

    Args:
        positions: of each call, by its index.

    Attributes:
        positions: see above.
        patterns: in their order. None overlap.
    """

    def __init__(self, positions: dict[int, int]) -> None:
        self.positions = positions
        self.patterns: list[Pattern] = []
        self._starts: list[int] = []

    @property
    def stop(self) -> int:
        """The position behind the last pattern."""
        return self.patterns[-1].stop if self.patterns else 0

    def add(self, pattern: Pattern) -> None:
        """Add a pattern behind the others."""
        self.patterns.append(pattern)
        self._starts.append(pattern.run.start)

    def in_order(self, steps: Sequence[Step]) -> Iterator[Step | Pattern]:
        """Yield each of a graph's steps that is in no pattern, and each pattern where its steps are."""
        position = 0
        for pattern in self.patterns:
            yield from steps[position : pattern.run.start]
            yield pattern
            position = pattern.stop
        yield from steps[position:]

    def of(self, step: Step) -> Located | None:
        """Return where in a pattern a step is; None for a step in none."""
        position = self.positions.get(step.index)
        number = -1 if position is None else bisect.bisect_right(self._starts, position) - 1
        if position is None or number < 0 or position >= self.patterns[number].stop:
            return None
        pattern = self.patterns[number]
        return Located(pattern, *divmod(position - pattern.run.start, pattern.run.period))


def values_in(item: Any, parts: bool = False) -> Iterator[Any]:
    """Yield the values in an argument, or some arguments: those that elements are taken of, and no indices.

    Args:
        parts: whether the elements are meant, and not the values that they are taken of.
    """
    kind = type(item)
    if kind is tuple or kind is list:
        for each in item:
            yield from values_in(each, parts)
    elif kind is dict:
        yield from values_in(list(item.values()), parts)
    elif kind is Element and not parts:
        yield from values_in(item.base)
    else:
        yield item

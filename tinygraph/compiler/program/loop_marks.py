"""Loop marks: a loop among the calls of a program, for the stages that put calls in order and write them.

h = carried(h0)
begin 500           Begin: the steps up to the end are repeated
x_t = row(x)
...
put_row(all_h, h)
end (h, h_t)        End: the next carried values
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from tinygraph.compiler.program.decisions import Path, decided
from tinygraph.compiler.program.loops import goes_on
from tinygraph.compiler.program.steps import Step

__all__ = [
    "Begin", "End", "carried", "is_marker", "iterations", "kept", "path_in", "put_row", "row", "stacked",
    "with_loops",
]  # fmt: skip


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
    """The function of the step that a loop ends with. Its arguments are the carried values, each with the next one.

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

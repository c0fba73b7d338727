"""Repeats: a part of a program that is repeated, as a scope, and the values that such a loop takes and leaves.

    h_before    from before the loop, then from the iteration before
    all_h       of every iteration, one above the other
    last_h      of the last iteration

These three are values without an operation of their own: a card alone.
"""

from __future__ import annotations

from typing import Any

from tinygraph.engine.scopes import ScopeName
from tinygraph.graph import Node

__all__ = [
    "BEFORE",
    "CONDITIONS",
    "EVERY",
    "LAST",
    "LoopName",
    "is_condition",
    "is_of_loop",
    "loop_line",
    "name_of_loop",
]


class LoopName(ScopeName):
    """The name of a loop as a scope, "loop × 20".

    Attributes:
        line: the line of the user's code that it begins with, or "".
        again: pairs of indices: a carried value, and the value that it has in the next iteration.
    """

    __slots__ = ("again", "line")

    line: str
    again: tuple[tuple[int, int], ...]


def name_of_loop(number: int | None, count: str, line: str, again: tuple[tuple[int, int], ...]) -> LoopName:
    """Return the name of a loop.

    Args:
        number: among the loops of its graph; None if it is the only one.
        count: the number of iterations, as text.
        line, again: see `LoopName`.
    """
    called = "loop" if number is None else f"loop {number}"
    name = LoopName(f"{called} × {count.replace('-', '−')}")
    name.given, name.line, name.again = called, line, again
    return name


def loop_line(name: str) -> str:
    """Return the line of the user's code that a scope begins with; "" for a scope that is no loop."""
    return name.line if isinstance(name, LoopName) else ""


class _OfLoop:
    """The function of a value that a loop takes or leaves."""

    def __init__(self, name: str) -> None:
        self.__name__ = name

    def __call__(self, *args: Any) -> Any:
        raise AssertionError("a value in a picture")


class _Condition(_OfLoop):
    """The function of the operation that ends a loop: nobody reads a value of it."""


BEFORE = _OfLoop("the iteration before")
EVERY = _OfLoop("every iteration")
LAST = _OfLoop("the last iteration")

# By the truth with which the loop goes on.
CONDITIONS = {True: _Condition("while"), False: _Condition("until")}


def is_of_loop(node: Node) -> bool:
    """Return whether a node is a value that a loop takes or leaves, and no operation."""
    return type(node.function) is _OfLoop


def is_condition(node: Node) -> bool:
    """Return whether a node is the condition that ends a loop."""
    return type(node.function) is _Condition

"""Decisions: Python asked for a computed value, in an `if` or as an index, and the program is made for the answer.

    while err > tol:                decided(err > tol, True)
        ...
    return table[k]                 decided(k, 3)

A decision is a step that nobody reads. Every rewrite keeps it, in its order among the others, and no variable is
written before the last one. A call that decides otherwise leaves the program, and nothing has been updated.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

__all__ = ["Left", "decided", "outcome_of", "outcomes_in"]


class Left(Exception):  # noqa: N818 - no error: the call goes another way
    """A call left the path that a program was made for.

    Args:
        number: the position of the decision among those of the program, from 0.
        outcome: of this call.
        line: the user's line, "solve.py:12".
    """

    def __init__(self, number: int, outcome: bool | int, line: str = "") -> None:
        super().__init__(number, outcome, line)
        self.number = number
        self.outcome = outcome
        self.line = line


def decided(value: Any, expected: bool | int) -> bool:
    """Return True for a value that decides as expected: as a truth if a bool is expected, else as an index.

    Raises:
        Left: the value decides otherwise. The number of the decision is 0.
    """
    outcome = outcome_of(value, expected)
    if outcome != expected:
        raise Left(0, outcome)
    return True


def outcome_of(value: Any, expected: bool | int) -> bool | int:
    """Return the outcome of a value in a decision of the kind of another outcome."""
    return bool(value) if type(expected) is bool else int(value)


def outcomes_in(nodes: Iterable[Any]) -> tuple[bool | int, ...]:
    """Return the expected outcomes of the decisions among some nodes, in order."""
    return tuple([node.args[1] for node in nodes if node.function is decided])

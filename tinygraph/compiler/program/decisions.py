"""Decisions: Python asked for a computed value, in an `if` or as an index, and the program is made for the answer.

    while err > tol:                decided(err > tol, True)
        ...
    return table[k]                 decided(k, 3)

A decision is a step that nobody reads. Every rewrite keeps it, in its order among the others, and no variable is
written before the last one. A call that decides otherwise leaves the program, and nothing has been updated.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

__all__ = ["Left", "Path", "begins_with", "decided", "outcome_of", "outcomes_at", "outcomes_in"]


class Left(Exception):  # noqa: N818 - no error: the call goes another way
    """A call left the path that a program was made for.

    Args:
        number: the position of the decision among those of the program, from 0.
        outcome: of this call.
        line: the user's line, "solve.py:12".
        trips: how often each loop that a condition ends was repeated before, in order.
    """

    def __init__(self, number: int, outcome: bool | int, line: str = "", trips: tuple[int, ...] = ()) -> None:
        super().__init__(number, outcome, line, trips)
        self.number = number
        self.outcome = outcome
        self.line = line
        self.trips = trips


# The outcomes of a program's decisions; those of a loop that a condition ends are a pair, of the outcomes in an
# iteration and of those in the pass in which it ends.
Path = tuple[Any, ...]


def outcomes_at(path: Path, trips: Sequence[int]) -> tuple[bool | int, ...]:
    """Return the outcomes of the decisions on a path, one by one.

    Args:
        path: of a program.
        trips: how often each of its loops that a condition ends is repeated; those that are not reached may be missing.
    """
    found: list[Any] = []
    following = iter(trips)
    for item in path:
        if type(item) is tuple:
            each, last = item
            found += [*(each * next(following, 0)), *last]
        else:
            found.append(item)
    return tuple(found)


def begins_with(path: Path, begun: Sequence[bool | int]) -> bool:
    """Return whether some decisions, one by one, may be the first ones on a path."""
    begun, position = tuple(begun), 0
    for item in path:
        each, last = item if type(item) is tuple else ((), (item,))
        while each and begun[position : position + len(each)] == each:
            position += len(each)
        rest = begun[position:]
        if rest[: len(last)] == last:
            position += len(last)
        else:  # it may end within the last pass, or within another iteration
            return rest in (last[: len(rest)], each[: len(rest)])
    return position >= len(begun)


def decided(value: Any, expected: bool | int, state: int = 0) -> bool:
    """Return True for a value that decides as expected: as a truth if a bool is expected, else as an index.

    Args:
        value: decides.
        expected: its outcome when the program was made.
        state: a number for all besides computed values that decides how Python goes on in a `while` loop; 0 where that
            is not known.

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

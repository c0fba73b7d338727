"""Reckoning: the arithmetic of Python's that a run does on counters, and its results where they meet NumPy.

A counter is an int that changes from call to call. The arithmetic on it stays Python's: it is done again before each
call, and the program is given what comes out, as it is given a float. So ints have no bounds, `2 ** -t` is a float, and
1 / 0 is an error, as in an eager call.

    rate = 0.1 * 0.95 ** (t // 10)      before each call
    w.assign(w.data - rate * g)         the program, which is given `rate`
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tinygraph.compiler.trace.agreement import same

__all__ = ["OPERATIONS", "At", "CounterSource", "Line", "Reckoning", "Root"]

_MATH: dict[str, Any] = {"trunc": math.trunc, "floor": math.floor, "ceil": math.ceil}
# By a text the operation of Python's that it stands for.
OPERATIONS: dict[str, Callable[..., Any]] = {
    text: eval(f"lambda x, y=None: {text.format('x', 'y')}", _MATH)
    for text in (
        "{} + {}", "{} - {}", "{} * {}", "{} / {}", "{} // {}", "{} % {}", "{} ** {}", "{} & {}", "{} | {}", "{} ^ {}",
        "{} << {}", "{} >> {}", "{} == {}", "{} != {}", "{} < {}", "{} <= {}", "{} > {}", "{} >= {}", "-{}", "+{}",
        "~{}", "abs({})", "round({})", "round({}, {})", "trunc({})", "floor({})", "ceil({})",
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class CounterSource:
    """The source of a counter.

    Attributes:
        origin: its position among the leaves of a call, or the location where the function finds it.
        name: as the user would write it.
        place: that the counter is known by from program to program.
    """

    origin: Any
    name: str
    place: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """An operation.

    Attributes:
        text: of the operation, a key of `OPERATIONS`, or the name of a function.
        operands: numbers, and lines by their places.
        code, lasti: the user's instruction.
    """

    text: str
    operands: tuple[Any, ...]
    code: Any
    lasti: int


@dataclass(frozen=True, slots=True)
class At:
    """The place of a line, as an operand of another one."""

    place: int


@dataclass(slots=True)
class Root:
    """A number of the reckoning that a program is given, or whose type the run asked for.

    Attributes:
        place: of its line.
        kind: its type, which is another one for other programs: int, float or bool.
        low, high: bounds of an int that the program is given.
    """

    place: int
    kind: type
    low: float = -math.inf
    high: float = math.inf

    def narrow(self, low: float, high: float) -> None:
        """Take narrower bounds as well."""
        self.low, self.high = max(self.low, low), min(self.high, high)


class Reckoning:
    """The arithmetic of one run on its counters.

    Attributes:
        counters: the sources of the counters.
        lines: the operations in their order. The first places are the counters'.
        given: the numbers that the program is given.
        asked: the numbers whose type the run asked for.
    """

    def __init__(self) -> None:
        self.counters: list[CounterSource] = []
        self.lines: list[Line] = []
        self.given: list[Root] = []
        self.asked: dict[int, Root] = {}

    def add_counter(self, source: CounterSource) -> int:
        """Add a counter; return its place. Each is added before the run begins."""
        self.counters.append(source)
        return len(self.counters) - 1

    def add(self, line: Line) -> int:
        """Add an operation; return its place."""
        self.lines.append(line)
        return len(self.counters) + len(self.lines) - 1

    def is_as(self, other: Reckoning) -> bool:
        """Return whether another run did the same arithmetic."""
        mine, others = [[(line.text, *map(_plain, line.operands)) for line in run.lines] for run in (self, other)]
        return same(mine, others)

    def text_of(self, place: int) -> str:
        """Return a number as the user might write it: "1 / (t + 1)"."""
        return self._text(place, 0)

    def _text(self, place: int, depth: int) -> str:
        if place < len(self.counters):
            return self.counters[place].name
        if depth > 8:
            return "..."
        line = self.lines[place - len(self.counters)]
        parts = [self._text(item.place, depth + 1) if type(item) is At else repr(item) for item in line.operands]
        if "{" not in line.text:
            return f"{line.text}({', '.join(parts)})"
        if "(" not in line.text:
            parts = [f"({part})" if not _is_word(part) else part for part in parts]
        return line.text.format(*parts)

    def function(self) -> Callable[..., tuple[Any, ...]]:
        """Return the function that computes the given numbers, then those whose type was asked for, from the counters.

        An operation whose result nobody needs is left out, unless it may fail.
        """
        roots = [root.place for root in (*self.given, *self.asked.values())]
        needed = self._needed(roots)
        space: dict[str, Any] = {**_MATH, "math": math}
        body: list[str] = []
        for place, line in enumerate(self.lines, len(self.counters)):
            if place in needed:
                operands = [self._operand(item, space) for item in line.operands]
                is_function = "{" not in line.text
                text = f"{line.text}({', '.join(operands)})" if is_function else line.text.format(*operands)
                body.append(f"    n{place} = {text}\n")
        parameters = ", ".join([f"n{place}" for place in range(len(self.counters))])
        results = "".join([f"n{place}, " for place in roots])
        exec(f"def reckoned({parameters}):\n{''.join(body)}    return ({results})", space)
        found: Callable[..., tuple[Any, ...]] = space["reckoned"]
        return found

    def _needed(self, roots: Sequence[int]) -> set[int]:
        """Return the places of the lines that some numbers depend on, and of those that may fail."""
        failing = [place for place, line in enumerate(self.lines, len(self.counters)) if line.text not in _NEVER_FAIL]
        found = {*roots, *failing}
        for place in range(len(self.counters) + len(self.lines) - 1, len(self.counters) - 1, -1):
            if place in found:
                operands = self.lines[place - len(self.counters)].operands
                found.update([item.place for item in operands if type(item) is At])
        return found

    @staticmethod
    def _operand(item: Any, space: dict[str, Any]) -> str:
        if type(item) is At:
            return f"n{item.place}"
        name = f"c{len(space)}"
        space[name] = item
        return name


# Operations that give a result for all ints and bools. Products and powers of floats and huge ints overflow.
_NEVER_FAIL = frozenset(("{} & {}", "{} | {}", "{} ^ {}", "{} == {}", "{} != {}", "-{}", "+{}", "abs({})"))


def _plain(operand: Any) -> Any:
    return ("line", operand.place) if type(operand) is At else operand


def _is_word(text: str) -> bool:
    return text.replace(".", "").replace("_", "").isalnum()

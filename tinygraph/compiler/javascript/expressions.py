"""Expressions of JavaScript, with parentheses where the language needs them, and places in the memory of an array."""

from __future__ import annotations

from dataclasses import dataclass
from math import copysign, isinf, isnan

__all__ = ["ADDED", "ATOM", "CHOSEN", "COMPARED", "EQUAL", "MULTIPLIED", "RAISED", "SIGNED", "Expression", "Place",
           "call", "infix", "number", "signed"]  # fmt: skip

# How tightly an operator holds its operands, the loosest first.
CHOSEN, EITHER, BOTH, EQUAL, COMPARED, ADDED, MULTIPLIED, RAISED, SIGNED, ATOM = range(10)
_LEVELS = {
    "||": EITHER, "&&": BOTH, "===": EQUAL, "==": EQUAL, "!==": EQUAL, "!=": EQUAL, "<": COMPARED, "<=": COMPARED,
    ">": COMPARED, ">=": COMPARED, "+": ADDED, "-": ADDED, "*": MULTIPLIED, "/": MULTIPLIED, "%": MULTIPLIED,
}  # fmt: skip


@dataclass(frozen=True)
class Expression:
    """The text of an expression.

    Attributes:
        text: of JavaScript.
        level: of its loosest operator, as in `ADDED` or `ATOM`.
    """

    text: str
    level: int = ATOM

    def within(self, level: int) -> str:
        """Return the text as an operand of an operator of some level."""
        return self.text if self.level >= level else f"({self.text})"


def infix(operator: str, left: Expression, right: Expression) -> Expression:
    """Return an operator between two operands. Sums and products are evaluated in the order of the calls."""
    level = _LEVELS[operator]
    return Expression(f"{left.within(level)} {operator} {right.within(level + 1)}", level)


def signed(operator: str, operand: Expression) -> Expression:
    """Return an operator in front of its operand."""
    return Expression(f"{operator}{operand.within(ATOM)}", SIGNED)


def call(function: str, *operands: Expression) -> Expression:
    """Return the call of a function."""
    return Expression(f"{function}({', '.join([operand.text for operand in operands])})")


def number(value: float | int | bool) -> Expression:
    """Return a number as JavaScript writes it. A boolean is 0 or 1, as in memory."""
    if isinstance(value, int):
        text = str(int(value))
    elif isnan(value):
        text = "NaN"
    elif isinf(value):
        text = "Infinity" if value > 0 else "-Infinity"
    elif value == int(value) and abs(value) < 1e15:
        text = str(int(value)) if value or copysign(1, value) > 0 else "-0"
    else:
        text = repr(float(value))
    return Expression(text, SIGNED if text.startswith("-") else ATOM)


@dataclass(frozen=True)
class Place:
    """A place in memory, or along an axis: a sum of counters, each times a whole number.

    Attributes:
        terms: by the text of a counter its factor.
        offset: the number that is added.
    """

    terms: tuple[tuple[str, int], ...] = ()
    offset: int = 0

    @classmethod
    def of(cls, counter: str) -> Place:
        """Return the place that a counter says."""
        return cls(((counter, 1),))

    def plus(self, other: Place) -> Place:
        """Return the sum of two places."""
        factors = dict(self.terms)
        for counter, factor in other.terms:
            factors[counter] = factors.get(counter, 0) + factor
        terms = tuple([(counter, factor) for counter, factor in factors.items() if factor])
        return Place(terms, self.offset + other.offset)

    def times(self, factor: int) -> Place:
        """Return the place times a whole number."""
        if not factor:
            return Place()
        return Place(tuple([(counter, by * factor) for counter, by in self.terms]), self.offset * factor)

    def __str__(self) -> str:
        ordered = sorted(self.terms, key=lambda term: -term[1])  # what is subtracted stands last
        parts = [(factor, counter if abs(factor) == 1 else f"{abs(factor)} * {counter}") for counter, factor in ordered]
        if self.offset or not parts:
            parts.append((self.offset, str(abs(self.offset))))
        if parts[0][0] < 0 and parts[-1][0] > 0:  # "9 - t", not "-t + 9"
            parts.insert(0, parts.pop())
        first, *others = parts
        text = f"-{first[1]}" if first[0] < 0 else first[1]
        return text + "".join([f" {'-' if factor < 0 else '+'} {part}" for factor, part in others])

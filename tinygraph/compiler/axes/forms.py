"""Forms: numbers that depend on the size of an open axis, found from their values at several sizes.

    sizes 64, 65, 67    128, 130, 134           2 * n
                        32, 32, 33              n // 2
                        1/64, 1/65, 1/67        1.0 / n

Nothing here says that a form holds at other sizes. Those who use a form check it there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Form", "Quotient", "number_form", "whole_form"]

# So many parts are tried: (n + 1) // 2 up to n // 8.
PARTS = 8

# A folded constant such as 0.1 * (1 / n) differs from 0.1 / n by rounding; one of float32 by that of float32.
DOUBLE, SINGLE = 1e-15, 1.3e-7


@dataclass(frozen=True, slots=True)
class Form:
    """A whole number that depends on a size n: `times * ((n ** power + plus) // over) + offset`."""

    times: int = 1
    power: int = 1
    plus: int = 0
    over: int = 1
    offset: int = 0

    def at(self, size: int) -> int:
        """Return the number at a size."""
        whole = size if self.power == 1 else size * size
        return self.times * ((whole + self.plus) // self.over) + self.offset

    def text(self, name: str) -> str:
        """Return the form as Python writes it."""
        found = name if self.power == 1 else f"{name} * {name}"
        if self.over > 1:
            whole = f"({found} {'+' if self.plus > 0 else '-'} {abs(self.plus)})" if self.plus else found
            found = f"{whole} // {self.over}"
        if self.times == -1:
            found = f"-{found}" if self.over == 1 else f"-({found})"
        elif self.times != 1:
            found = f"{self.times} * {found}" if self.over == 1 else f"{self.times} * ({found})"
        if self.offset:
            found = f"{found} {'+' if self.offset > 0 else '-'} {abs(self.offset)}"
        return found


@dataclass(frozen=True, slots=True)
class Quotient:
    """A number that is divided by one that depends on a size, or multiplied with it.

    Attributes:
        number: what is divided or multiplied.
        by: the whole number.
        multiplies: whether it multiplies.
        kind: the type of the result.
    """

    number: float
    by: Form
    multiplies: bool
    kind: Any = float

    def at(self, size: int) -> Any:
        """Return the number at a size."""
        return self.kind(self.number * self.by.at(size) if self.multiplies else self.number / self.by.at(size))

    def text(self, name: str) -> str:
        """Return the form as Python writes it."""
        by = self.by.text(name)
        return f"{self.number!r} {'*' if self.multiplies else '/'} {by if by == name else f'({by})'}"


def whole_form(sizes: Sequence[int], values: Sequence[int]) -> Form | None:
    """Return a form with these values at these sizes, the simplest that is found; or None."""
    for form in _wholes(sizes[0], sizes[1], values[0], values[1]):
        if all(form.at(size) == value for size, value in zip(sizes, values, strict=True)):
            return form
    return None


def _wholes(n: int, m: int, x: int, y: int) -> Iterator[Form]:
    """Yield forms that have the value x at the size n, and perhaps y at m."""
    if x and x % (n * n) == 0:
        yield Form(times=x // (n * n), power=2)
    if (y - x) % (m - n) == 0:
        times = (y - x) // (m - n)
        yield Form(times=times, offset=x - times * n)
    for over in range(2, PARTS + 1):
        for plus in range(-over, over):
            part = (n + plus) // over
            if part and x and x % part == 0:
                yield Form(times=x // part, plus=plus, over=over)


# The numbers that a mean, a variance or a sum over some axes divides by.
_DIVISORS = (
    Form(), Form(offset=-1), Form(power=2), Form(offset=1), Form(offset=-2), Form(over=2), Form(plus=1, over=2),
)  # fmt: skip


def number_form(sizes: Sequence[int], values: Sequence[Any]) -> Quotient | None:
    """Return a form with these values at these sizes, to rounding; or None."""
    kind = type(values[0])
    numbers = [float(value) for value in values]
    if not all(np.isfinite(numbers)) or 0.0 in numbers:
        return None
    is_single = kind is np.float32 or (kind is float and all(float(np.float32(number)) == number for number in numbers))
    for near in (DOUBLE, SINGLE) if is_single else (DOUBLE,):
        for by in _DIVISORS:
            if 0 in [by.at(size) for size in sizes]:
                continue
            for multiplies in (False, True):
                found = _quotient(sizes, numbers, by, multiplies, near)
                if found is not None:
                    return Quotient(found, by, multiplies, kind)
    return None


def _quotient(sizes: Sequence[int], numbers: list[float], by: Form, multiplies: bool, near: float) -> float | None:
    """Return the number that is divided or multiplied, with as few digits as it can have; or None."""
    exact = [
        number / by.at(size) if multiplies else number * by.at(size)
        for size, number in zip(sizes, numbers, strict=True)
    ]
    if max(exact) - min(exact) > 2 * near * abs(exact[0]):
        return None
    return next(
        (short for digits in range(1, 18) if _is_near(short := float(f"{exact[0]:.{digits}g}"), exact, near)), None
    )


def _is_near(number: float, others: list[float], near: float) -> bool:
    return all(abs(number - other) <= near * abs(other) for other in others)

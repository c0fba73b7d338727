"""The common ground of the elementary functions: the numbers of a dtype, polynomials, powers of two.

The functions have no branches and no calls, so LLVM computes 8 or 16 numbers with each instruction of a loop that calls
them. A number is rounded to an integer by adding 1.5 * 2^52, whose last digit is 1 (1.5 * 2^23 in float32); the bits of
the sum end in those of the integer. This stays defined for NaN, where a conversion to an integer is not.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["DOUBLE", "LOG_OF_2", "SINGLE", "Function", "Numbers", "compiled", "polynomial", "power_of_two_of"]

Function = Callable[..., Any]

# log(2), in float32 and in float64, as a sum of a number whose product with an exponent is exact, and a small one: Cody
# and Waite, "Software Manual for the Elementary Functions" (1980).
LOG_OF_2 = ((0.693359375, -2.12194440e-4), (0.693147180369123816490, 1.90821492927058770e-10))


@dataclass(frozen=True)
class Numbers:
    """A dtype, and the numbers that its bits are made of.

    Attributes:
        kind: np.float32 or np.float64.
        integer: the integers of the same size.
        digits: the number of bits of the fraction.
    """

    kind: Any
    integer: Any
    digits: int

    @property
    def shift(self) -> Any:
        """The number that rounds another one to an integer when it is added."""
        return self.kind(1.5 * 2**self.digits)

    def bits(self, number: float) -> Any:
        """Return the bits of a number as an integer."""
        return self.kind(number).view(self.integer)

    def either(self, single: Any, double: Any) -> Any:
        """Return what float32 or float64 takes: a number, or a tuple of them."""
        return single if self.kind is np.float32 else double


SINGLE = Numbers(np.float32, np.int32, 23)
DOUBLE = Numbers(np.float64, np.int64, 52)


def compiled(function: Function, contracted: bool = True) -> Function:
    """Return a function as numba's, put into the loops that call it.

    Args:
        function: the function.
        contracted: whether a product and a sum may become one instruction, which does not round the product.
    """
    import numba

    flags = {"contract"} if contracted else set()
    made: Function = numba.njit(error_model="numpy", fastmath=flags, forceinline=True)(function)
    return made


def polynomial(of: Numbers, single: tuple[float, ...], double: tuple[float, ...]) -> Function:
    """Return a polynomial by Horner's rule: `c0 + x * (c1 + x * c2)`."""
    coefficients = [of.kind(number) for number in of.either(single, double)]
    names = [f"c{place}" for place in range(len(coefficients))]
    text = functools.reduce(lambda inner, name: f"{name} + x * ({inner})", names[-2::-1], names[-1])
    space = dict(zip(names, coefficients, strict=True))
    exec(f"def polynomial(x):\n    return {text}\n", space)
    return compiled(space["polynomial"])


def power_of_two_of(of: Numbers) -> Function:
    """Return the function from the last digits of an integer k to 2^k, for normal numbers."""
    kind, integer, digits, unit = of.kind, of.integer, of.integer(of.digits), of.bits(1.0)

    def power_of_two(k: Any) -> Any:
        return integer(integer(k << digits) + unit).view(kind)

    return compiled(power_of_two)

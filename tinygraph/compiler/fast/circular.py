"""Sine and cosine, for arguments of any size.

An argument is a multiple of a turn, 2 pi. As many digits of 1 / (2 pi) as its size asks for are multiplied with it, and
the digits that only count whole turns are left out: Payne and Hanek, "Radian reduction for trigonometric functions",
SIGNUM Newsletter 18 (1983). What is left is at most an eighth of a turn from a multiple of a quarter, where polynomials
are enough.
"""

from __future__ import annotations

import functools
import math
from fractions import Fraction
from typing import Any

import numpy as np

from tinygraph.compiler.fast.vector_code import DOUBLE, SINGLE, Function, Numbers, compiled, polynomial

__all__ = ["circular"]

# (sin(x) / x - 1) / z and (cos(x) - 1 + z / 2) / z^2, where z = x^2, for |x| < 0.787, in float32 and float64, the
# lowest power first. They have the least maximum of the relative error, found by Remez's exchange.
_SIN_32 = (-0.16666655, 0.008332156, -0.00019514632)
_SIN_64 = (
    -0.1666666666666663, 0.008333333333322005, -0.0001984126982949548, 2.7557313587615523e-06,
    -2.5050742307459087e-08, 1.5895904721029902e-10,
)  # fmt: skip
_COS_32 = (0.041666646, -0.001388731, 2.4432413e-05)
_COS_64 = (
    0.041666666666666595, -0.0013888888888872895, 2.4801587288748166e-05, -2.755731414861799e-07,
    2.0875696571881383e-09, -1.1358310455626249e-11,
)  # fmt: skip

_BITS = 1280  # of 1 / (2 pi): the last bit of the largest float64 is 2^971, and 212 bits behind it are read


def circular(of: Numbers) -> dict[str, Function]:
    """Return the functions by their names."""
    if of is SINGLE:
        reduced = _reduced_single()
        return {"sin": _single(reduced, 0), "cos": _single(reduced, 1)}
    if not _multiplies_and_adds():
        return {}
    reduced = _reduced_double()
    return {"sin": _double(reduced, 0), "cos": _double(reduced, 1)}


# --- the digits of 1 / (2 pi) -----------------------------------------------------------------------------------------


@functools.cache
def _inverse_of_a_turn() -> int:
    """Return 2^_BITS / (2 pi), rounded down, by Machin's formula: pi / 4 = 4 arctan(1 / 5) - arctan(1 / 239)."""
    unit = 1 << (_BITS + 64)

    def arctan_of_inverse(n: int) -> int:
        total, power, place = 0, unit // n, 1
        while power:
            total += power // place if place % 4 == 1 else -(power // place)
            power, place = power // (n * n), place + 2
        return total

    turn = 8 * (4 * arctan_of_inverse(5) - arctan_of_inverse(239))
    return (unit << _BITS) // turn


def _digits_behind(place: int) -> Fraction:
    """Return 2^place / (2 pi) without its integer part."""
    unit = 1 << _BITS
    return Fraction((_inverse_of_a_turn() << place) % unit, unit)


def _pieces(number: Fraction) -> list[float]:
    """Return four numbers of float64 whose sum is a number to 212 bits."""
    found = []
    for _ in range(4):
        found.append(float(number))
        number -= Fraction(found[-1])
    return found


def _short_pieces(number: Fraction) -> list[float]:
    """Return three numbers of 29 bits, whose products with a number of float32 are exact, and the rest in float64."""
    found = []
    _, first = math.frexp(float(number))
    for last in range(29 - first, 29 * 4 - first, 29):
        piece = Fraction(math.floor(number * 2**last), 2**last)
        found.append(float(piece))
        number -= piece
    return [*found, float(number)]


# --- float32 ----------------------------------------------------------------------------------------------------------


def _reduced_single() -> Function:
    """Return the function from x of float32 to q and r of float64, where x = q pi / 2 + r and |r| < 0.82.

    q is given as the bits of the sum that rounded it. From 2^76 on, the digits of 1 / (2 pi) before the 54th count
    whole turns. The products of the first three pieces are exact, and so are the differences, up to the last one.
    """
    a0, a1, a2, a3 = _short_pieces(_digits_behind(0))
    b0, b1, b2, b3 = [math.ldexp(piece, -53) for piece in _short_pieces(_digits_behind(53))]
    shift, quarter, double, limit = DOUBLE.shift, math.pi / 2, np.float64, 2.0**76

    def reduced(x: Any) -> Any:
        wide = double(x)
        is_large = abs(wide) >= limit
        p0 = wide * (b0 if is_large else a0)
        p1 = wide * (b1 if is_large else a1)
        p2 = wide * (b2 if is_large else a2)
        p3 = wide * (b3 if is_large else a3)
        p0 = p0 - np.rint(p0)
        shifted = 4.0 * (((p0 + p1) + p2) + p3) + shift
        rest = 4.0 * p0 - (shifted - shift)
        return double(shifted).view(np.int64), (((rest + 4.0 * p1) + 4.0 * p2) + 4.0 * p3) * quarter

    return compiled(reduced)


def _single(reduced: Function, quarters: int) -> Function:
    """Return sin(x + quarters pi / 2)."""
    sines, cosines = polynomial(SINGLE, _SIN_32, ()), polynomial(SINGLE, _COS_32, ())
    kind, integer, half, one, zero = np.float32, np.int32, np.float32(0.5), np.float32(1), np.float32(0)
    added, odd, two, top = np.int32(quarters), np.int32(1), np.int32(2), np.int32(30)
    is_sine = quarters == 0

    def function(x: Any) -> Any:
        q, rest = reduced(x)
        q, r = integer(integer(q) + added), kind(rest)
        z = kind(r * r)
        value = one + z * (z * cosines(z) - half) if integer(q & odd) != 0 else r + r * z * sines(z)
        value = integer(kind(value).view(integer) ^ integer(integer(q & two) << top)).view(kind)
        return x if is_sine and x == zero else value

    return compiled(function)


# --- float64 ----------------------------------------------------------------------------------------------------------


def _multiplies_and_adds() -> bool:
    """Return whether the processor multiplies and adds in one instruction. Where it does not, this is a slow call."""
    from llvmlite import binding

    return bool(binding.get_host_cpu_features().get("fma", True))


def _exact_product() -> Function:
    """Return the function from two numbers to their rounded product and what the rounding took.

    A difference that took the product as it was before rounding would count the second result twice.
    """
    from numba.extending import intrinsic

    def multiply_and_add(typing: Any, x: Any, y: Any, z: Any) -> Any:
        return x(x, y, z), lambda context, builder, signature, arguments: builder.fma(*arguments)

    fused = intrinsic(multiply_and_add)

    def exact_product(x: Any, y: Any) -> Any:
        product = x * y
        return product, fused(x, y, -product)

    return compiled(exact_product, contracted=False)


def _exact_sum(x: Any, y: Any) -> Any:
    """Return a rounded sum and what the rounding took: Knuth, "The Art of Computer Programming" 2, section 4.2.2."""
    total = x + y
    part = total - x
    return total, (x - (total - part)) + (y - part)


def _reduced_double() -> Function:
    """Return the function from x to q and r, as a sum of two numbers, where x = q pi / 2 + r and |r| < pi / 4.

    q is given as the bits of the sum that rounded it. x is 2^16g y with y < 2^68, and 2^16g / (2 pi), without what
    counts whole turns, is four numbers. No float64 is nearer than 2^-62 to a multiple of pi / 2, and so 2^-119 of a
    turn are enough.
    """
    table = np.array([_pieces(_digits_behind(16 * g)) for g in range(61)])
    t0, t1, t2, t3 = [np.ascontiguousarray(column) for column in table.T]
    high, low = 2 * math.pi, float(Fraction(2**_BITS, _inverse_of_a_turn()) - Fraction(2 * math.pi))
    shift, double, integer, place = DOUBLE.shift, np.float64, np.int64, np.uint64
    digits, exponents, first = np.int64(52), np.int64(0x7FF), np.int64(1023 + 52)
    none, most, by_16, scaled = np.int64(0), np.int64(60), np.int64(4), np.int64(56)
    exact_product, exact_sum = _exact_product(), compiled(_exact_sum, contracted=False)

    def reduced(x: Any) -> Any:
        bits = double(x).view(integer)
        above = integer(((bits >> digits) & exponents) - first)
        g = integer((above if above > none else none) >> by_16)
        g = g if g < most else most
        y, row = integer(bits - (g << scaled)).view(double), place(g)
        p0, e0 = exact_product(y, t0[row])
        p1, e1 = exact_product(y, t1[row])
        p2, e2 = exact_product(y, t2[row])
        p0, e0, p1 = p0 - np.rint(p0), e0 - np.rint(e0), p1 - np.rint(p1)
        main = p0 + e0
        shifted = 4.0 * (main + p1) + shift
        rest = main - 0.25 * (shifted - shift)
        small, s1 = exact_sum(e1, p2)
        middle, s2 = exact_sum(p1, small)
        rest, s3 = exact_sum(rest, middle)
        small, s4 = exact_sum(e0 - (main - p0), s2)
        rest, s5 = exact_sum(rest, small)
        small = ((s3 + s5) + (s4 + s1)) + (e2 + y * t3[row])
        turns = rest + small
        small = small - (turns - rest)
        r, lost = exact_product(turns, high)
        return double(shifted).view(integer), r, lost + (turns * low + small * high)

    return compiled(reduced)


def _double(reduced: Function, quarters: int) -> Function:
    """Return sin(x + quarters pi / 2)."""
    sines, cosines = polynomial(DOUBLE, (), _SIN_64), polynomial(DOUBLE, (), _COS_64)
    double, integer, near, infinity, nan = np.float64, np.int64, 2.0**-27, math.inf, math.nan
    added, odd, two, top = np.int64(quarters), np.int64(1), np.int64(2), np.int64(62)
    is_sine = quarters == 0

    def function(x: Any) -> Any:
        q, r, small = reduced(x)
        q = integer(q + added)
        z = r * r
        half = 0.5 * z
        sine = r + (small * (1.0 - half) + r * z * sines(z))
        main = 1.0 - half
        cosine = main + (((1.0 - main) - half) + (z * z * cosines(z) - r * small))
        value = cosine if (q & odd) != 0 else sine
        value = integer(double(value).view(integer) ^ ((q & two) << top)).view(double)
        value = x if is_sine and abs(x) < near else value
        return value if abs(x) < infinity else nan

    return compiled(function)

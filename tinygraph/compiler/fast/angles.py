"""The angle of a point, and of a slope.

The smaller coordinate is divided by the larger one. On the quotients from 0 to 1 a polynomial is enough; its relative
error has the least maximum, found by Remez's exchange.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np

from tinygraph.compiler.fast.vector_code import Function, Numbers, compiled, polynomial

__all__ = ["angles"]

# (arctan(t) / t - 1) / z, where z = t^2, for 0 <= t <= 1, in float32 and float64, the lowest power first.
_ARCTAN_32 = (
    -0.333333, 0.19998549, -0.14264242, 0.10952186, -0.08403451, 0.057957605, -0.031177858, 0.010914613, -0.0017936231,
)  # fmt: skip
_ARCTAN_64 = (
    -0.3333333333333307, 0.1999999999995146, -0.142857142825751, 0.11111111007025938, -0.09090907002988372,
    0.07692279839263422, -0.06666404057375805, 0.05880527813696959, -0.052535185503331104, 0.04722322214001893,
    -0.04219178963973246, 0.03664191139518296, -0.029903859736200758, 0.021984855483124004, -0.013900562703254057,
    0.007196505488449754, -0.002884919880862032, 0.0008313224367952776, -0.0001521610113700923, 1.3225091973547637e-05,
)  # fmt: skip

_QUARTER = Fraction(math.pi / 2) + Fraction(6.123233995736766e-17)  # of a turn, to 106 bits


def angles(of: Numbers) -> dict[str, Function]:
    """Return the functions by their names."""
    arctan2 = _arctan2(of)
    return {"arctan": _arctan(of, arctan2), "arctan2": arctan2}


def _arctan2(of: Numbers) -> Function:
    """Return the angle of the point (x, y): 0, a quarter or half of a turn, and arctan(t) added or subtracted.

    The quarter and the half are sums of two numbers.
    """
    kind, zero, one, infinity = of.kind, of.kind(0), of.kind(1), of.kind(math.inf)
    quarter, half = kind(math.pi / 2), kind(math.pi)
    quarter_rest = kind(float(_QUARTER - Fraction(float(quarter))))
    half_rest = kind(2 * quarter_rest)
    series = polynomial(of, _ARCTAN_32, _ARCTAN_64)

    def arctan2(y: Any, x: Any) -> Any:
        height, width = abs(y), abs(x)
        is_steep, is_left = height > width, np.copysign(one, x) < zero
        larger = height if is_steep else width
        smaller = width if is_steep else height
        # 0 / 0 and infinity / infinity are no quotients of numbers.
        quotient = smaller / (one if larger == zero else larger)
        t = one if smaller == infinity and larger == infinity else quotient
        z = t * t
        angle = t + t * z * series(z)
        base = quarter if is_steep else (half if is_left else zero)
        rest = quarter_rest if is_steep else (half_rest if is_left else zero)
        return np.copysign(base + ((-angle if is_steep != is_left else angle) + rest), y)

    return compiled(arctan2)


def _arctan(of: Numbers, arctan2: Function) -> Function:
    """Return the angle of a slope."""
    one = of.kind(1)

    def arctan(x: Any) -> Any:
        return arctan2(x, one)

    return compiled(arctan)

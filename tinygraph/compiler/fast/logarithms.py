"""Logarithms.

The polynomials have the least maximum of the relative error of the result, found by Remez's exchange.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygraph.compiler.fast.exponentials import exponential_in_parts
from tinygraph.compiler.fast.vector_code import LOG_OF_2, Function, Numbers, compiled, polynomial, power_of_two_of

__all__ = ["logarithms"]

# (log((1 + s) / (1 - s)) / s - 2) / z, where z = s^2, for |s| < 0.1721, in float32 and float64, the lowest power first.
_LOG_32 = (
    0.6666666, 0.4000034, 0.28536925, 0.2358998,
)  # fmt: skip
_LOG_64 = (
    0.6666666666666737, 0.3999999999939461, 0.28571428747315875, 0.22222198023193188, 0.18183595065702574,
    0.1531321201148362, 0.14804834710682238,
)  # fmt: skip

# The logarithm of 2 in other bases, as LOG_OF_2.
_LOG10_OF_2 = ((0.30078125, 2.4874566398e-4), (0.301029995663611771306, 3.69423907715893078616e-13))
_LOG2_OF_2 = ((1.0, 0.0), (1.0, 0.0))


def logarithms(of: Numbers) -> dict[str, Function]:
    """Return the functions by their names."""
    log1p_near = _log1p_near(of)
    return {
        "log": _log(of, 1.0, 0.0, LOG_OF_2),
        "log2": _log(of, 1.0, -0.44269504088896341, _LOG2_OF_2),
        "log10": _log(of, 0.5, 0.065705518096748172, _LOG10_OF_2),
        "log1p": _log1p(of, log1p_near),
        "logaddexp": _logaddexp(of, log1p_near),
    }


def _split(of: Numbers) -> Function:
    """Return the function from a positive normal x = 2^k m, with sqrt(0.5) < m < sqrt(2), to k, as a float, and m."""
    kind, integer, digits, shift, origin = of.kind, of.integer, of.integer(of.digits), of.shift, of.bits(of.shift)
    root, fraction = of.bits(math.sqrt(0.5)), of.integer(2**of.digits - 1)

    def split(x: Any) -> Any:
        bits = integer(kind(x).view(integer) - root)
        k = integer(integer(bits >> digits) + origin).view(kind) - shift
        return k, integer(integer(bits & fraction) + root).view(kind)

    return compiled(split)


def _log_of_rest(of: Numbers) -> Function:
    """Return the function from f to f - log(1 + f) for sqrt(0.5) < 1 + f < sqrt(2).

    With s = f / (2 + f), log(1 + f) is the odd series 2 s + 2/3 s^3 + ... The form that loses few digits is that of
    fdlibm's `e_log.c` (Sun Microsystems, 1993).
    """
    half, two = of.kind(0.5), of.kind(2)
    series = polynomial(of, _LOG_32, _LOG_64)

    def log_of_rest(f: Any) -> Any:
        s = f / (two + f)
        z = s * s
        square = half * f * f
        return square - s * (square + z * series(z))

    return compiled(log_of_rest)


def _log(of: Numbers, lead: float, rest: float, of_two: Any) -> Function:
    """Return a logarithm of x = 2^k (1 + f): k log(2) + log(1 + f) in its base.

    Args:
        of: the dtype.
        lead: a number of few digits near 1 / log(base), so that its product with f is nearly exact.
        rest: `lead` minus 1 / log(base).
        of_two: this logarithm of 2, as a sum, in float32 and float64.
    """
    kind, zero, one, infinity, nan = of.kind, of.kind(0), of.kind(1), of.kind(math.inf), of.kind(math.nan)
    high, low = map(kind, of.either(*of_two))
    factor, difference, lead = kind(lead - rest), kind(rest), kind(lead)
    split, log_of_rest = _split(of), _log_of_rest(of)
    smallest, scale, scaled = np.finfo(kind).smallest_normal, kind(2.0 ** (of.digits + 2)), kind(of.digits + 2)

    def log(x: Any) -> Any:
        is_denormal = x < smallest
        k, m = split(x * scale if is_denormal else x)
        k = k - (scaled if is_denormal else zero)
        f = m - one
        value = k * high + (lead * f - (difference * f + (factor * log_of_rest(f) - k * low)))
        value = x if x == infinity else value
        return value if x > zero else (-infinity if x == zero else nan)

    return compiled(log)


def _log1p_near(of: Numbers) -> Function:
    """Return the function from a finite x > -1 and a small change d to log(1 + x) + d.

    It is the logarithm of the rounded sum, with what rounding took added to f.
    """
    kind, integer, one = of.kind, of.integer, of.kind(1)
    high, low = map(kind, of.either(*LOG_OF_2))
    log_of_rest, split, power_of_two = _log_of_rest(of), _split(of), power_of_two_of(of)
    shift, most = of.shift, kind(64)

    def log1p_near(x: Any, change: Any) -> Any:
        total = one + x
        k, m = split(total)
        lost = (x - (total - one)) * power_of_two(kind(shift - (k if k < most else most)).view(integer))
        main = m - one
        f = main + lost
        return k * high + (f - (log_of_rest(f) - ((lost - (f - main)) + (k * low + change))))

    return compiled(log1p_near)


def _log1p(of: Numbers, log1p_near: Function) -> Function:
    """Return log(1 + x)."""
    zero, one, infinity, nan = of.kind(0), of.kind(1), of.kind(math.inf), of.kind(math.nan)

    def log1p(x: Any) -> Any:
        value = np.copysign(x if x == infinity else log1p_near(x, zero), x)
        return value if x > -one else (-infinity if x == -one else nan)

    return compiled(log1p)


def _logaddexp(of: Numbers, log1p_near: Function) -> Function:
    """Return log(e^x + e^y) = m + log(1 + e^-|x - y|), where m is the larger of x and y.

    What rounding takes from x - y and from the power is added to the logarithm. Where m and the logarithm cancel, the
    error is that of these two; NumPy's is larger.
    """
    zero, one, far, slope, exp = of.kind(0), of.kind(1), of.kind(800), of.kind(0.6), exponential_in_parts(of)

    def logaddexp(x: Any, y: Any) -> Any:
        larger = x if x > y else y
        smaller = y if x > y else x
        difference = larger - smaller
        back = difference - larger
        lost = (larger - (difference - back)) - (smaller + back)
        # Two infinities of one sign have no difference.
        power, change = exp(-(zero if x == y else difference))
        change = change - power * (lost if difference < far else zero)
        # The derivative of the logarithm is 1 / (1 + power).
        return larger + log1p_near(power, change * (one - slope * power))

    return compiled(logaddexp)

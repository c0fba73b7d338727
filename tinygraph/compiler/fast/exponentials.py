"""Exponential and hyperbolic functions.

An argument is reduced to a short interval, where a polynomial is enough: Muller, "Elementary Functions" (2016),
chapters 3 and 11. The polynomials have the least maximum of the relative error of the result, found by Remez's
exchange.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygraph.compiler.fast.vector_code import (
    LOG_OF_2,
    Function,
    Numbers,
    compiled,
    polynomial,
    power_of_two_of,
)

__all__ = ["exponential_in_parts", "exponentials"]

# The polynomials in float32 and float64, the lowest power first: of r, (e^r - 1 - r) / r^2 for |r| < 0.3475 and
# (2^r - 1) / r for |r| < 0.501; of z = x^2, (tanh(x) / x - 1) / z for |x| < 0.551 and (sinh(x) / x - 1) / z for
# |x| < 1.001.
_EXPM1_32 = (
    0.5, 0.16666666, 0.04166636, 0.00833339, 0.0013940893, 0.00019845899,
)  # fmt: skip
_EXPM1_64 = (
    0.5, 0.16666666666666677, 0.041666666666666505, 0.00833333333332145, 0.001388888888896389,
    0.00019841269886660055, 2.4801587170547303e-05, 2.7557243601000134e-06, 2.755740349414502e-07,
    2.5109271993756736e-08, 2.0875325541187884e-09,
)  # fmt: skip
_EXP2_32 = (
    0.6931472, 0.2402265, 0.055504102, 0.009618037, 0.0013333939, 0.00015467008, 1.5195931e-05,
)  # fmt: skip
_EXP2_64 = (
    0.6931471805599453, 0.24022650695910072, 0.05550410866482169, 0.009618129107628326, 0.001333355814639212,
    0.00015403530393644896, 1.5252733854919543e-05, 1.3215486592552303e-06, 1.0178051670425506e-07,
    7.054974985676745e-09, 4.45661444355253e-10, 2.5625203405246832e-11,
)  # fmt: skip
_TANH_32 = (
    -0.33333316, 0.13332576, -0.05385117, 0.02106665, -0.006266688,
)  # fmt: skip
_TANH_64 = (
    -0.33333333333332277, 0.1333333333316361, -0.053968253873570446, 0.021869485914575566, -0.00886319369009343,
    0.0035917130812154244, -0.0014531837531687004, 0.000579038159305304, -0.00021013928616126217,
    5.09075668097636e-05,
)  # fmt: skip
_SINH_32 = (
    0.16666667, 0.0083333505, 0.00019836139, 2.817074e-06,
)  # fmt: skip
_SINH_64 = (
    0.16666666666666666, 0.008333333333333333, 0.00019841269841269597, 2.7557319224117598e-06,
    2.5052108346197053e-08, 1.6059050641916706e-10, 7.646480166584037e-13, 2.8483068224748844e-15,
)  # fmt: skip


def exponentials(of: Numbers) -> dict[str, Function]:
    """Return the functions by their names."""
    natural, scaled = _natural(of), _scaled(of)
    half_exp = _half_exp(of, natural, scaled)
    return {
        "exp": _exp(of, natural, scaled), "exp2": _exp2(of, scaled), "expm1": _expm1(of, scaled),
        "sinh": _sinh(of, half_exp), "cosh": _cosh(of, half_exp), "tanh": _tanh(of, natural),
    }  # fmt: skip


def _natural(of: Numbers) -> Function:
    """Return the function from x to k, e^r and what rounding took from e^r; x = k log(2) + r and |r| < log(2) / 2.

    k is given as the bits of the sum that rounded it: its last digits are those of k.
    """
    kind, integer, shift, per_two, one = of.kind, of.integer, of.shift, of.kind(1 / math.log(2)), of.kind(1)
    high, low = map(kind, of.either(*LOG_OF_2))
    series = polynomial(of, (1.0, *_EXPM1_32), (1.0, *_EXPM1_64))

    def natural(x: Any) -> Any:
        shifted = x * per_two + shift
        n = shifted - shift
        r = (x - n * high) - n * low
        rise = r * series(r)
        power = one + rise
        return kind(shifted).view(integer), power, rise - (power - one)

    return compiled(natural)


def _scaled(of: Numbers) -> Function:
    """Return the function from m and k to 2^k m, in two steps, so that a denormal result is rounded once."""
    integer, one, power_of_two = of.integer, of.integer(1), power_of_two_of(of)

    def scaled(m: Any, k: Any) -> Any:
        first = integer(k >> one)
        return m * power_of_two(first) * power_of_two(integer(k - first))

    return compiled(scaled)


def _exp(of: Numbers, natural: Function, scaled: Function) -> Function:
    """Return e^x = 2^k e^r.

    Below all results it is zero by a choice: arithmetic that ends in denormal numbers takes many times as long, and
    minus infinity is common where a mask is added to what a softmax takes.
    """
    lowest, highest, zero = map(of.kind, of.either((-104.0, 89.0, 0.0), (-746.0, 710.0, 0.0)))

    def exp(x: Any) -> Any:
        is_zero = x < lowest
        k, power, _ = natural(zero if is_zero else highest if x > highest else x)
        return zero if is_zero else scaled(power, k)

    return compiled(exp)


def exponential_in_parts(of: Numbers) -> Function:
    """Return the function from x < 1 to e^x and what rounding took from it."""
    lowest, natural, scaled = of.kind(of.either(-104.0, -746.0)), _natural(of), _scaled(of)

    def exp(x: Any) -> Any:
        k, power, lost = natural(lowest if x < lowest else x)
        return scaled(power, k), scaled(lost, k)

    return compiled(exp)


def _exp2(of: Numbers, scaled: Function) -> Function:
    """Return 2^x = 2^k 2^r."""
    kind, integer, shift = of.kind, of.integer, of.shift
    lowest, highest = map(kind, of.either((-150.0, 128.0), (-1075.0, 1024.0)))
    series = polynomial(of, (1.0, *_EXP2_32), (1.0, *_EXP2_64))

    def exp2(x: Any) -> Any:
        x = lowest if x < lowest else x
        x = highest if x > highest else x
        shifted = x + shift
        return scaled(series(x - (shifted - shift)), kind(shifted).view(integer))

    return compiled(exp2)


def _expm1(of: Numbers, scaled: Function) -> Function:
    """Return e^x - 1 = 2^k ((e^r - 1) + (1 - 2^-k)), in which no digits are lost near 0.

    What rounding takes from r is added at the end.
    """
    kind, integer, shift, per_two, one = of.kind, of.integer, of.shift, of.kind(1 / math.log(2)), of.kind(1)
    high, low = map(kind, of.either(*LOG_OF_2))
    lowest, highest = map(kind, of.either((-18.0, 89.0), (-38.0, 710.0)))
    most = of.integer(of.bits(shift) + 64)
    series, power_of_two = polynomial(of, _EXPM1_32, _EXPM1_64), power_of_two_of(of)

    def expm1(x: Any) -> Any:
        bounded = lowest if x < lowest else x
        bounded = highest if bounded > highest else bounded
        shifted = bounded * per_two + shift
        n = shifted - shift
        first = bounded - n * high
        r = first - n * low
        rise = r + ((first - r) - n * low + r * r * series(r))
        k = kind(shifted).view(integer)
        small = power_of_two(integer(-(k if k < most else most)))
        return np.copysign(scaled(rise + (one - small), k), x)

    return compiled(expm1)


def _tanh(of: Numbers, natural: Function) -> Function:
    """Return tanh(x) = 1 - 2 / (e^2x + 1). Below 0.55 it is x + x^3 p(x^2)."""
    most, limit, one, two = of.kind(20), of.kind(0.55), of.kind(1), of.kind(2)
    power_of_two, series = power_of_two_of(of), polynomial(of, _TANH_32, _TANH_64)

    def tanh(x: Any) -> Any:
        size = abs(x)
        size = most if size > most else size
        k, power, _ = natural(size + size)
        far = one - two / (power * power_of_two(k) + one)
        z = size * size
        near = size + size * z * series(z)
        return np.copysign(near if size < limit else far, x)

    return compiled(tanh)


def _half_exp(of: Numbers, natural: Function, scaled: Function) -> Function:
    """Return e^x / 2 for positive x. It overflows only where sinh(x) does."""
    highest, one, integer = of.kind(of.either(90.0, 711.0)), of.integer(1), of.integer

    def half_exp(x: Any) -> Any:
        k, power, _ = natural(highest if x > highest else x)
        return scaled(power, integer(k - one))

    return compiled(half_exp)


def _cosh(of: Numbers, half_exp: Function) -> Function:
    """Return cosh(x) = h + 1 / (4 h) with h = e^x / 2."""
    quarter = of.kind(0.25)

    def cosh(x: Any) -> Any:
        half = half_exp(abs(x))
        return half + quarter / half

    return compiled(cosh)


def _sinh(of: Numbers, half_exp: Function) -> Function:
    """Return sinh(x) = h - 1 / (4 h) with h = e^x / 2. Below 1 it is x + x^3 p(x^2)."""
    quarter, limit = of.kind(0.25), of.kind(1)
    series = polynomial(of, _SINH_32, _SINH_64)

    def sinh(x: Any) -> Any:
        size = abs(x)
        half = half_exp(size)
        far = half - quarter / half
        bounded = limit if size > limit else size
        z = bounded * bounded
        near = bounded + bounded * z * series(z)
        return np.copysign(near if size < limit else far, x)

    return compiled(sinh)

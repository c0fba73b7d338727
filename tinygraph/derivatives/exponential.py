"""Derivatives of exponentials and logarithms."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.derivatives.arithmetic import share
from tinygraph.engine.dependence import elementwise
from tinygraph.engine.modes import for_any_values
from tinygraph.engine.notes import formula
from tinygraph.engine.table import derivative

LN2 = float(np.log(2))
LN10 = float(np.log(10))

derivative(np.exp,        lambda g, z, x: g * z)  # fmt: skip
derivative(np.exp2,       lambda g, z, x: g * (z * LN2))  # fmt: skip
derivative(np.expm1,      lambda g, z, x: g * (z + 1))  # fmt: skip
derivative(np.log,        lambda g, z, x: g / x)  # fmt: skip
derivative(np.log2,       lambda g, z, x: g / x / LN2)  # fmt: skip
derivative(np.log10,      lambda g, z, x: g / x / LN10)  # fmt: skip
derivative(np.log1p,      lambda g, z, x: g / (x + 1))  # fmt: skip

formula(np.exp, slopes=("exp {x}",), pullbacks=("∇ × {z}",))
formula(np.log, slopes=("1/{x}",), pullbacks=("∇ ÷ {x}",))


def _level(z: Any) -> Any:
    """z, and 0 where z is infinite. At -inf, the logarithm of 0, both terms are -inf too, and their exponentials 0."""
    return np.where(np.isinf(z), 0, z)


_NUMBERS = (int, float, np.float64, np.float32)


def _part(exp: np.ufunc, x: Any, y: Any, z: Any) -> Any:
    """The share of x in a sum of exponentials. An infinite x has the whole share, or half beside an infinite y.

    Of large numbers z is too coarse: of 1e10 and 1e10 in float32 it is 1e10. So the two parts are made to add up to 1.
    Beside the number 0 the other share is exp(−z), and z is as exact as it is small.
    """
    if type(y) in _NUMBERS and y == 0:
        return -np.expm1(-z if exp is np.exp else z * -LN2)
    level = _level(z)
    part, other = exp(x - level), exp(y - level)
    total = part + other
    part = part / np.where((total == 0) | np.isinf(total), 1, total)
    infinite = z == np.inf
    return np.where(infinite, share(x, y, z), part) if for_any_values() or np.any(infinite) else part


for _function, _exp in ((np.logaddexp, np.exp), (np.logaddexp2, np.exp2)):
    derivative(
        _function,
        lambda g, z, x, y, exp=_exp: g * _part(exp, x, y, z),
        lambda g, z, x, y, exp=_exp: g * _part(exp, y, x, z),
    )


def _slope_of_i0(x: Any) -> Any:
    """The Bessel function I1, the mean of sinh(x cos t) · cos t over a quarter of a turn.

    The midpoint rule is exact to rounding for periodic functions when it has points enough; see Trefethen and
    Weideman, "The exponentially convergent trapezoidal rule" (2014).
    """
    # Beyond 714 the function overflows. A program is made for all numbers.
    largest = 714.0 if for_any_values() else np.max(np.abs(x), initial=0, where=np.isfinite(x))
    count = 10 + int(5 * np.sqrt(largest))
    cosines = np.cos(np.pi / 2 * (np.arange(count) + 0.5) / count).astype(x.dtype)
    return np.mean(np.sinh(x[..., None] * cosines) * cosines, axis=-1)


derivative(np.i0, lambda g, z, x: g * _slope_of_i0(x))
elementwise(np.i0)

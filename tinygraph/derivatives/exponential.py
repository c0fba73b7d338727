"""Derivatives of exponentials and logarithms."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.derivatives.table import derivative

LN2 = float(np.log(2))
LN10 = float(np.log(10))

derivative(np.exp,        lambda g, z, x: g * z)  # fmt: skip
derivative(np.exp2,       lambda g, z, x: g * (z * LN2))  # fmt: skip
derivative(np.expm1,      lambda g, z, x: g * (z + 1))  # fmt: skip
derivative(np.log,        lambda g, z, x: g / x)  # fmt: skip
derivative(np.log2,       lambda g, z, x: g / (x * LN2))  # fmt: skip
derivative(np.log10,      lambda g, z, x: g / (x * LN10))  # fmt: skip
derivative(np.log1p,      lambda g, z, x: g / (x + 1))  # fmt: skip


def _level(z: Any) -> Any:
    """z, and 0 where z is -inf, the logarithm of 0: there both terms are -inf too, and their exponentials 0."""
    return np.where(z == -np.inf, 0, z)


derivative(np.logaddexp, lambda g, z, x, y: g * np.exp(x - _level(z)), lambda g, z, x, y: g * np.exp(y - _level(z)))
derivative(np.logaddexp2, lambda g, z, x, y: g * np.exp2(x - _level(z)), lambda g, z, x, y: g * np.exp2(y - _level(z)))


def _slope_of_i0(x: Any) -> Any:
    """The Bessel function I1, the mean of sinh(x cos t) · cos t over a quarter of a turn.

    The midpoint rule is exact to rounding for periodic functions when it has points enough; see Trefethen and
    Weideman, "The exponentially convergent trapezoidal rule" (2014).
    """
    count = 10 + int(5 * np.sqrt(np.max(np.abs(x), initial=0, where=np.isfinite(x))))
    cosines = np.cos(np.pi / 2 * (np.arange(count) + 0.5) / count).astype(x.dtype)
    return np.mean(np.sinh(x[..., None] * cosines) * cosines, axis=-1)


derivative(np.i0, lambda g, z, x: g * _slope_of_i0(x))

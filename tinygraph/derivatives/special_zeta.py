"""Derivatives of the zeta functions of SciPy by their exponent, and of the digamma function, for complex numbers too.

Source: NIST Digital Library of Mathematical Functions, https://dlmf.nist.gov; the section is given where it helps.
"""

from __future__ import annotations

from math import factorial
from typing import Any

import numpy as np
from scipy import special

from tinygraph.derivatives.arithmetic import Reveal
from tinygraph.derivatives.special import hurwitz_zeta
from tinygraph.engine.modes import for_any_values
from tinygraph.engine.operands import plain
from tinygraph.engine.primitives import primitive
from tinygraph.engine.table import derivative
from tinygraph.errors import UnsupportedError

# The number of terms summed before the Euler-Maclaurin series takes over, and the terms of that: B₂ₖ ÷ (2k)!
SUMMED = 20
BERNOULLI = [float(special.bernoulli(2 * k)[-1]) / factorial(2 * k) for k in range(1, 13)]


@primitive
def polygamma(x: Any, order: int) -> Any:
    """The derivative of the digamma function, of order 1 or more, for real and complex numbers."""
    if np.result_type(x).kind != "c":
        return (-1) ** (order + 1) * factorial(order) * special.zeta(order + 1, x)
    x = np.asarray(x)
    steps = max(0, int(np.ceil(16 + 2 * order - np.min(x.real, initial=16))))
    total = np.zeros(x.shape, np.complex128)
    for step in range(steps):  # up to where the asymptotic series holds (5.5.2, 5.15.8)
        total += factorial(order) / (x + step) ** (order + 1)
    far = x + steps
    total += factorial(order - 1) / far**order + factorial(order) / (2 * far ** (order + 1))
    for k, term in enumerate(BERNOULLI, 1):
        total += term * factorial(2 * k + order - 1) / far ** (2 * k + order)
    return ((-1) ** (order + 1) * total).astype(x.dtype)[()]


polygamma.derivative(lambda g, z, x, order: g * polygamma(x, order + 1))
derivative(special.psi, lambda g, z, x: g * polygamma(x, 1))


def _slope_by_exponent(name: str, s: Any, q: Any) -> Any:
    """The derivative of ζ(s, q) = Σ (n + q)^−s by s, of the Euler-Maclaurin series (25.11.5)."""
    complex_ = np.result_type(plain(s)).kind == "c"
    if complex_ or (not for_any_values() and (np.any(plain(s) <= 1) or np.any(plain(q) <= 0))):
        raise UnsupportedError(
            f"special.{name}: tinygraph has a derivative by its argument x for x > 1 only, and q > 0. Give numbers or "
            "plain arrays, or Tensors with requires_grad=False"
        )
    total: Any = 0
    for n in range(SUMMED):
        total = total - np.log(q + n) * (q + n) ** -s
    far = q + SUMMED
    log = np.log(far)
    total = total - far ** (1 - s) * (log / (s - 1) + 1 / np.square(s - 1)) - log * far**-s / 2
    for k, term in enumerate(BERNOULLI, 1):
        rising = term * special.poch(s, 2 * k - 1) * far ** (1 - 2 * k - s)
        total = total + rising * (special.psi(s + (2 * k - 1)) - special.psi(s) - log)
    return total


derivative(
    hurwitz_zeta,
    lambda g, z, x, q: g * _slope_by_exponent("zeta", x, q),
    lambda g, z, x, q: -g * x * special.zeta(x + 1, q),
)
_riemann_zeta = getattr(special.zeta, "__wrapped__", special.zeta)(Reveal())
derivative(_riemann_zeta, lambda g, z, x: g * _slope_by_exponent("zeta", x, 1.0))
derivative(special.zetac, lambda g, z, x: g * _slope_by_exponent("zetac", x, 1.0))

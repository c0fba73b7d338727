"""Derivatives of SciPy's elliptic integrals, Carlson's and Legendre's, of Jacobi's functions, and of the mean `agm`.

All derivatives of Carlson's and Legendre's integrals, of any order, are one integral with other exponents. It is
computed as a sum over the logarithm of its variable, exact to rounding.

Source: NIST Digital Library of Mathematical Functions, chapters 19 and 22, https://dlmf.nist.gov.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from tinygraph.derivatives.special import floating, real, slope_of_ellipk
from tinygraph.derivatives.special_families import several
from tinygraph.engine.modes import for_any_values
from tinygraph.engine.operands import as_array, plain
from tinygraph.engine.primitives import primitive
from tinygraph.engine.table import derivative
from tinygraph.errors import UnsupportedError

# In ln t the integrand is analytic within π of the real line, so that a step of 1/2 makes an error of exp(−4π²).
STEP = 0.5
# Terms below e^−40 of the rest add nothing.
NEGLIGIBLE = 40.0
# The numbers to compute at once.
BLOCK = 1 << 16


# --- Carlson's integrals ----------------------------------------------------------------------------------------------


@primitive
def carlson(x: Any, y: Any, z: Any, w: Any, exponents: tuple[float, ...]) -> Any:
    """The integral of t^a (t + x)^−b (t + y)^−c (t + z)^−d (t + w)^−e over t > 0, for exponents (a, b, c, d, e).

    The numbers that are added to t are not negative, and the integral exists.
    """
    dtype = floating(x, y, z, w)
    above, *below = exponents
    shifts = np.broadcast_arrays(*[np.asarray(item, np.float64) for item in (x, y, z, w)])
    used = [(shift, power) for shift, power in zip(shifts, below, strict=True) if power]
    scale = np.maximum.reduce([shift for shift, _ in used])
    used = [(shift / scale, power) for shift, power in used]
    # The decay of the integrand, as a power of t, to the left and to the right.
    to_left = above + 1 - sum([np.where(shift == 0, power, 0.0) for shift, power in used])
    to_right = sum(below) - above - 1
    lowest = np.min([np.min(shift, initial=1, where=shift > 0) for shift, _ in used])
    slowest = np.min(to_left, initial=above + 1, where=to_left > 0)
    logarithms = np.arange(np.log(lowest) - NEGLIGIBLE / slowest, NEGLIGIBLE / to_right, STEP)
    total = np.zeros(scale.shape)
    for part in np.array_split(logarithms, 1 + total.size * logarithms.size // BLOCK):
        t = np.exp(part).reshape(-1, *[1] * total.ndim)
        terms = t ** (above + 1)
        for shift, power in used:
            terms = terms * (t + shift) ** -power
        total += np.sum(terms, axis=0) * STEP
    total = np.where(to_left > 0, total * scale**-to_right, np.inf)
    return total.astype(dtype)[()]


def _carlson_rule(which: int) -> Callable[..., Any]:
    def rule(g: Any, result: Any, x: Any, y: Any, z: Any, w: Any, exponents: tuple[float, ...]) -> Any:
        raised = tuple([power + (place == which + 1) for place, power in enumerate(exponents)])
        return g * -exponents[which + 1] * carlson(x, y, z, w, raised)

    return rule


carlson.derivative(*[_carlson_rule(which) for which in range(4)])


def _principal(name: str, *args: Any) -> None:
    """Raise an error for arguments where Carlson's integrals have no derivative here."""
    for item in args:
        if not for_any_values() and np.any(real(name, as_array(plain(item))) < 0):
            raise UnsupportedError(f"special.{name}: tinygraph has no derivative of it for negative arguments")


def _by_integral(name: str, factor: float, *exponents: float) -> None:
    """Enter the function that is `factor` times Carlson's integral with these exponents, −1/2 and so on, to t + xᵢ."""
    count = len(exponents)

    def rule_by(which: int) -> Callable[..., Any]:
        powers = [power + (place == which) for place, power in enumerate(exponents)]
        padded = (0.0, *powers, *[0.0] * (4 - count))

        def rule(g: Any, z: Any, *args: Any) -> Any:
            _principal(name, *args)
            return g * (-factor * exponents[which]) * carlson(*args, *[1.0] * (4 - count), padded)

        return rule

    derivative(getattr(special, name), *[rule_by(which) for which in range(count)])


_by_integral("elliprc", 0.5, 0.5, 1)  # 19.2.17
_by_integral("elliprf", 0.5, 0.5, 0.5, 0.5)  # 19.16.1
_by_integral("elliprd", 1.5, 0.5, 0.5, 1.5)  # 19.16.5
_by_integral("elliprj", 1.5, 0.5, 0.5, 0.5, 1)  # 19.16.2


def _rule_of_elliprg(which: int) -> Callable[..., Any]:
    """R_G is homogeneous of degree 1/2, and its slopes are R functions of degree −1/2 (19.16.9, 19.18.4)."""
    powers = tuple([0.5 + (place == which) for place in range(3)])

    def rule(g: Any, result: Any, x: Any, y: Any, z: Any) -> Any:
        _principal("elliprg", x, y, z)
        return g * carlson(x, y, z, 1.0, (1.0, *powers, 0.0)) / 8

    return rule


derivative(special.elliprg, *[_rule_of_elliprg(which) for which in range(3)])


# --- Legendre's integrals and Jacobi's functions ----------------------------------------------------------------------


@primitive
def legendre(phi: Any, m: Any, j: int, k: int) -> Any:
    """The integral of sin²ʲθ (1 − m sin²θ)^(−k − 1/2) from 0 to φ: the integral F where j = k = 0 (19.2.4)."""
    dtype = floating(phi, m)
    phi, m = np.broadcast_arrays(np.asarray(phi, np.float64), np.asarray(m, np.float64))
    exponents = (0.0, 0.5, j - k + 0.5, k + 0.5, 0.0)
    half_turns = np.rint(phi / np.pi)
    sine = np.sin(phi - half_turns * np.pi)

    def up_to(sine: Any, cosine: Any) -> Any:
        delta = 1 - m * np.square(sine)
        inside = delta > 0
        found = carlson(np.square(cosine), 1.0, np.where(inside, delta, 1), 1.0, exponents) / 2
        return sine * np.abs(sine) ** (2 * j) * np.where(inside, found, np.where(delta < 0, np.nan, np.inf))

    total = up_to(sine, np.cos(phi))
    if np.any(half_turns):
        turned = half_turns != 0
        total = total + np.where(turned, 2 * half_turns * np.where(turned, up_to(np.ones_like(sine), 0.0), 0), 0)
    return total.astype(dtype)[()]


legendre.derivative(
    lambda g, z, phi, m, j, k: g * np.sin(phi) ** (2 * j) * (1 - m * np.square(np.sin(phi))) ** (-0.5 - k),
    lambda g, z, phi, m, j, k: g * (k + 0.5) * legendre(phi, m, j + 1, k + 1),
)

derivative(
    special.ellipkinc,
    lambda g, z, phi, m: g / np.sqrt(1 - m * np.square(np.sin(phi))),
    lambda g, z, phi, m: g * legendre(phi, m, 1, 1) / 2,
)
derivative(
    special.ellipeinc,
    lambda g, z, phi, m: g * np.sqrt(1 - m * np.square(np.sin(phi))),
    lambda g, z, phi, m: g * legendre(phi, m, 1, 0) / -2,
)


def _amplitude_by_m(u: Any, m: Any) -> Any:
    """The slope of the amplitude φ by m, at a constant u = F(φ, m)."""
    return JACOBI[2](u, m) * legendre(JACOBI[3](u, m), m, 1, 1) / -2


def _sn_cn(u: Any, m: Any) -> Any:
    return JACOBI[0](u, m) * JACOBI[1](u, m)


# sn, cn, dn and the amplitude, each by u and by m (22.13.1).
JACOBI: tuple[Any, ...] = several(
    special.ellipj,
    (
        lambda u, m: JACOBI[1](u, m) * JACOBI[2](u, m),
        lambda u, m: JACOBI[1](u, m) * _amplitude_by_m(u, m),
    ),
    (
        lambda u, m: -JACOBI[0](u, m) * JACOBI[2](u, m),
        lambda u, m: -JACOBI[0](u, m) * _amplitude_by_m(u, m),
    ),
    (
        lambda u, m: -m * _sn_cn(u, m),
        lambda u, m: (
            (np.square(JACOBI[0](u, m)) + 2 * m * _sn_cn(u, m) * _amplitude_by_m(u, m)) / (-2 * JACOBI[2](u, m))
        ),
    ),
    (lambda u, m: JACOBI[2](u, m), _amplitude_by_m),
)


# --- the arithmetic-geometric mean ------------------------------------------------------------------------------------


def _slope_of_agm(z: Any, other: Any, x: Any) -> Any:
    """The mean is π/2 · other ÷ K(1 − x²/other²), by x (19.8.5)."""
    ratio = x / other
    return slope_of_ellipk(1 - ratio * ratio) * np.square(z / other) * ratio * (4 / np.pi)


derivative(
    special.agm,
    lambda g, z, a, b: g * _slope_of_agm(z, b, a),
    lambda g, z, a, b: g * _slope_of_agm(z, a, b),
)

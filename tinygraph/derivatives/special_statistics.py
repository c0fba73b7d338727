"""Derivatives of Tukey's lambda distribution, of Kolmogorov's and Smirnov's, and of Voigt's profile in SciPy.

The slope of the first three is the density, written out; the slope of their inverses is 1 ÷ density.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from tinygraph.derivatives.special import (
    SQRT_2,
    SQRT_2PI,
    SQRT_PI,
    no_gradient_to,
    slope_of_exprel,
    slope_of_wofz,
)
from tinygraph.engine.operands import plain
from tinygraph.engine.table import derivative


def _quantile_by_p(p: Any, shape: Any) -> Any:
    return p ** (shape - 1) + (1 - p) ** (shape - 1)


# Its inverse is (p^λ − (1 − p)^λ) ÷ λ.
derivative(
    special.tklmbda,
    lambda g, z, x, shape: g / _quantile_by_p(z, shape),
    lambda g, z, x, shape: (
        g * (_boxcox_by_power(1 - z, shape) - _boxcox_by_power(z, shape)) / _quantile_by_p(z, shape)
    ),
)  # fmt: skip


def _boxcox_by_power(x: Any, power: Any) -> Any:
    return np.square(np.log(x)) * slope_of_exprel(power * np.log(x))


def _kolmogorov_density(x: Any) -> Any:
    """The density by a series that converges: on the left of the theta function, on the right of the complement."""
    left = plain(x) < 1
    near, far = np.where(left, x, 1), np.where(left, 1, x)
    tiny = plain(near) <= 0.04  # exp(−π² ÷ 8x²) has underflowed
    near = np.where(tiny, 1, near)
    below: Any = 0
    for odd in (1, 3, 5, 7, 9):
        w = np.square(odd * np.pi / (2 * near))
        below = below + (w - 1) * np.exp(w / -2)
    above: Any = 0
    for k in range(1, 7):
        above = above - (-1) ** k * (8 * k * k) * far * np.exp(-2 * k * k * (far * far))
    return np.where(left, np.where(tiny, 0, below * SQRT_2PI / np.square(near)), above)


derivative(special.kolmogorov, lambda g, z, x: -g * _kolmogorov_density(x))
derivative(special.kolmogi, lambda g, z, p: -g / _kolmogorov_density(z))


def _smirnov_density(n: Any, x: Any) -> Any:
    """The density of the largest excess x of an empirical distribution of n, where smirnov(n, x) = 1 − F."""
    n = np.asarray(plain(n))
    total: Any = 0
    for j in range(int(np.max(n, initial=0)) + 1):
        below, rest = x + j / n, 1 - x - j / n
        inside = (plain(rest) > 0) & (j <= n)
        below, rest = np.where(inside, below, 1), np.where(inside, rest, 1)
        chosen = special.binom(n, j)
        slope = below ** (j - 1) * rest ** (n - j) + x * (
            (j - 1) * below ** (j - 2) * rest ** (n - j) - (n - j) * below ** (j - 1) * rest ** (n - j - 1)
        )
        total = total - np.where(inside, chosen * slope, 0)
    return total


derivative(
    special.smirnov, no_gradient_to("smirnov", "n"), lambda g, z, n, x: -g * _smirnov_density(n, x)
)  # fmt: skip
derivative(
    special.smirnovi, no_gradient_to("smirnovi", "n"), lambda g, z, n, p: -g / _smirnov_density(n, z)
)  # fmt: skip


def _voigt(x: Any, sigma: Any, gamma: Any) -> Any:
    """The slope of w, the Faddeeva function that the profile is the real part of, and its place."""
    place = (x + 1j * gamma) / (sigma * SQRT_2)
    return slope_of_wofz(special.wofz(place), place), place


derivative(
    special.voigt_profile,
    lambda g, z, x, sigma, gamma: g * np.real(_voigt(x, sigma, gamma)[0]) / (2 * SQRT_PI * sigma * sigma),
    lambda g, z, x, sigma, gamma: (
        -g * (z + np.real(np.multiply(*_voigt(x, sigma, gamma))) / (SQRT_2PI * sigma)) / sigma
    ),
    lambda g, z, x, sigma, gamma: -g * np.imag(_voigt(x, sigma, gamma)[0]) / (2 * SQRT_PI * sigma * sigma),
)

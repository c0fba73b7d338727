"""Densities of the gamma and beta distributions, and their logarithmic moments: the integrals in the slopes.

The derivative of x^(a−1) by a brings ln x into the integral of a density. Such integrals are computed as a sum over
points, most of them where the density is large, exact to rounding. Their own derivatives are such integrals again.

Source: NIST Digital Library of Mathematical Functions, chapter 8, https://dlmf.nist.gov, for the functions; Takahasi
and Mori, "Double exponential formulas for numerical integration" (1974), for the sums.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from tinygraph.derivatives.special import SQRT_2PI, floating, no_gradient_to
from tinygraph.derivatives.special_zeta import polygamma
from tinygraph.engine.primitives import primitive

__all__ = ["beta_density", "beta_moment", "gamma_density", "gamma_moment", "t_moment"]


def gamma_density(a: Any, x: Any) -> Any:
    """x^(a−1) · e^−x ÷ Γ(a), the slope of gammainc."""
    return np.exp(special.xlogy(a - 1, x) - x - special.gammaln(a))


def beta_density(a: Any, b: Any, x: Any) -> Any:
    """x^(a−1) · (1 − x)^(b−1) ÷ B(a, b), the slope of betainc."""
    return np.exp(special.xlogy(a - 1, x) + special.xlog1py(b - 1, -x) - special.betaln(a, b))


# --- integrals as sums ------------------------------------------------------------------------------------------------

POINTS = 192
# Terms below e^−50 of the largest add nothing.
NEGLIGIBLE = 50.0


def _sum_over_line(logarithm: Callable[[Any], Any], factor: Callable[[Any], Any], shape: tuple[int, ...]) -> Any:
    """The integral of exp(logarithm(u)) · factor(u) over all u, of an integrand with one hump, for each element.

    With u = sinh v it falls off doubly exponentially. Four times the range of v is narrowed to where it counts.
    """
    steps = np.arange(POINTS + 1).reshape(-1, *[1] * len(shape)) / POINTS
    low, high = np.full(shape, -30.0), np.full(shape, 30.0)

    def exponent(v: Any) -> Any:
        return logarithm(np.sinh(v)) + np.log(np.cosh(v))

    for _ in range(4):
        heights = exponent(low + (high - low) * steps)
        counts = heights > np.max(heights, axis=0) - NEGLIGIBLE
        first = np.argmax(counts, axis=0) - 1
        last = POINTS + 1 - np.argmax(counts[::-1], axis=0)
        low, high = (
            low + (high - low) * np.maximum(first, 0) / POINTS,
            low + (high - low) * np.minimum(last, POINTS) / POINTS,
        )
    v = low + (high - low) * steps
    return np.sum(np.exp(exponent(v)) * factor(np.sinh(v)), axis=0) * (high - low) / POINTS


def _by_blocks(function: Callable[..., Any], *args: Any) -> Any:
    """A function of arrays of one shape, called on some hundred elements at a time, so that they fit in the cache."""
    dtype = floating(*args)
    arrays = np.broadcast_arrays(*[np.asarray(item, np.float64) for item in args])
    flat = [item.ravel() for item in arrays]
    with np.errstate(all="ignore"):
        parts = [
            function(*[item[start : start + 512] for item in flat]) for start in range(0, max(flat[0].size, 1), 512)
        ]
    return np.concatenate(parts).reshape(arrays[0].shape).astype(dtype)[()]


def _outside(found: Any, valid: Any, zero: Any) -> Any:
    """0 at the ends of the range, where nothing is left to be integrated, and NaN where there is no distribution."""
    return np.where(valid, np.where(zero, 0.0, found), np.nan)


# --- the gamma distribution -------------------------------------------------------------------------------------------


def _gamma_integral(a: Any, x: Any, mean: Any, k: int, above: Any) -> Any:
    """The integral of the gamma density times (ln t − mean)ᵏ from 0 to x, or from x to infinity."""

    def log_t(u: Any) -> Any:
        return np.log(x) + np.where(above, np.logaddexp(0, u), -np.logaddexp(0, -u))

    def logarithm(u: Any) -> Any:
        of_t = log_t(u)
        measure = np.where(above, np.log(x) + u, of_t - np.logaddexp(0, u))  # dt ÷ du
        return (a - 1) * of_t - np.exp(of_t) - special.gammaln(a) + measure

    return _sum_over_line(logarithm, lambda u: (log_t(u) - mean) ** k, x.shape)


def _gammainc_by_shape(a: Any, x: Any) -> Any:
    """The first moment. The integral over all t is 0, so it is computed from the side of the mean without cancellation.

    A small shape is raised by 1 (8.8.5), as the density of a small one reaches over many orders of magnitude.
    """
    raised = (a < 1) & (np.log(x) < special.psi(a + 1))
    a = a + raised
    mean = special.psi(a)
    above = np.log(x) > mean
    found = _gamma_integral(a, x, mean, 1, above) * np.where(above, -1, 1)
    step = np.exp(special.xlogy(a - 1, x) - x - special.gammaln(a)) * (np.log(x) - mean)
    return found + np.where(raised, step, 0)


@primitive
def gamma_moment(a: Any, x: Any, k: int) -> Any:
    """The integral of the gamma density of shape `a` times (ln t − ψ(a))ᵏ from 0 to x, for k of 1 or more.

    The first one is the derivative of gammainc(a, x) by a.
    """

    def moments(a: Any, x: Any) -> Any:
        if k == 1:
            found = _gammainc_by_shape(a, x)
        else:
            end = np.minimum(x, a + 12 * np.sqrt(a) + 60)  # nothing is left above
            found = _gamma_integral(a, end, special.psi(a), k, False)
        return _outside(found, (a > 0) & (x >= 0), (x == 0) | ((x == np.inf) & (k == 1)))

    return _by_blocks(moments, a, x)


gamma_moment.derivative(
    lambda g, z, a, x, k: g * (gamma_moment(a, x, k + 1) - k * polygamma(a, 1) * _gamma_below(a, x, k - 1)),
    lambda g, z, a, x, k: g * gamma_density(a, x) * (np.log(x) - special.psi(a)) ** k,
)


def _gamma_below(a: Any, x: Any, k: int) -> Any:
    return special.gammainc(a, x) if k == 0 else gamma_moment(a, x, k)


# --- the beta distribution --------------------------------------------------------------------------------------------


def _beta_integral(a: Any, b: Any, x: Any, rest: Any, power: Callable[[Any, Any], Any]) -> Any:
    """The integral from 0 to x of the beta density times a power of ln t and ln(1 − t); `rest` is 1 − x."""

    def log_t(u: Any) -> Any:
        return np.log(x) - np.logaddexp(0, -u)

    def log_rest(u: Any) -> Any:
        return np.logaddexp(np.log(rest), np.log(x) - np.logaddexp(0, u))

    def logarithm(u: Any) -> Any:
        return a * log_t(u) + (b - 1) * log_rest(u) - special.betaln(a, b) - np.logaddexp(0, u)

    return _sum_over_line(logarithm, lambda u: power(log_t(u), log_rest(u)), x.shape)


def _betainc_by_shape(a: Any, b: Any, x: Any, rest: Any) -> Any:
    """The derivative of betainc(a, b, x) by a, from the side that does not cancel, a small shape raised by 1 (8.17.18).

    As for the gamma function.
    """
    log_x = np.where(x < 0.5, np.log(x), np.log1p(-rest))
    raised = (a < 1) & (log_x < special.psi(a + 1) - special.psi(a + b + 1))
    step = np.exp(a * log_x + special.xlogy(b, rest) - special.betaln(a, b)) / a
    step = step * (log_x - special.psi(a + 1) + special.psi(a + b))
    a = a + raised
    mean = special.psi(a) - special.psi(a + b)
    above = log_x > mean
    found = _beta_integral(
        np.where(above, b, a), np.where(above, a, b), np.where(above, rest, x), np.where(above, x, rest),
        lambda of_t, of_rest: np.where(above, of_rest, of_t) - mean,
    )  # fmt: skip
    return found * np.where(above, -1, 1) + np.where(raised, step, 0)


@primitive
def beta_moment(a: Any, b: Any, x: Any, j: int, k: int) -> Any:
    """The integral of the beta density times (ln t − E ln t)ʲ (ln(1 − t) − E ln(1 − t))ᵏ from 0 to x, for j + k ≥ 1.

    With (j, k) = (1, 0) it is the derivative of betainc(a, b, x) by a, and with (0, 1) by b.
    """

    def moments(a: Any, b: Any, x: Any) -> Any:
        if j + k == 1:
            found = _betainc_by_shape(a, b, x, 1 - x) if j else -_betainc_by_shape(b, a, 1 - x, x)
        else:
            level = special.psi(a + b)
            means = special.psi(a) - level, special.psi(b) - level
            found = _beta_integral(
                a, b, x, 1 - x, lambda of_t, of_rest: (of_t - means[0]) ** j * (of_rest - means[1]) ** k
            )
        valid = (a > 0) & (b > 0) & (x >= 0) & (x <= 1)
        return _outside(found, valid, (x == 0) | ((x == 1) & (j + k == 1)))

    return _by_blocks(moments, a, b, x)


def _beta_below(a: Any, b: Any, x: Any, j: int, k: int) -> Any:
    return special.betainc(a, b, x) if j == k == 0 else beta_moment(a, b, x, j, k)


def _beta_by_shape(a: Any, b: Any, x: Any, j: int, k: int) -> Any:
    """The derivative of the moment (j, k) by a."""
    both = polygamma(a + b, 1)
    total = beta_moment(a, b, x, j + 1, k)
    if j:
        total = total - j * (polygamma(a, 1) - both) * _beta_below(a, b, x, j - 1, k)
    if k:
        total = total + k * both * _beta_below(a, b, x, j, k - 1)
    return total


def _beta_by_other_shape(a: Any, b: Any, x: Any, j: int, k: int) -> Any:
    both = polygamma(a + b, 1)
    total = beta_moment(a, b, x, j, k + 1)
    if k:
        total = total - k * (polygamma(b, 1) - both) * _beta_below(a, b, x, j, k - 1)
    if j:
        total = total + j * both * _beta_below(a, b, x, j - 1, k)
    return total


def _beta_by_x(a: Any, b: Any, x: Any, j: int, k: int) -> Any:
    level = special.psi(a + b)
    deviation = (np.log(x) - special.psi(a) + level) ** j * (np.log1p(-x) - special.psi(b) + level) ** k
    return beta_density(a, b, x) * deviation


beta_moment.derivative(
    lambda g, z, a, b, x, j, k: g * _beta_by_shape(a, b, x, j, k),
    lambda g, z, a, b, x, j, k: g * _beta_by_other_shape(a, b, x, j, k),
    lambda g, z, a, b, x, j, k: g * _beta_by_x(a, b, x, j, k),
)


# --- Student's distribution, not central ------------------------------------------------------------------------------


@primitive
def t_moment(v: Any, nc: Any, t: Any, q: int) -> Any:
    """The mean of s^q φ(ts − nc), where φ is the normal density, and s² is chi-squared ÷ its degrees of freedom v."""

    def moments(v: Any, nc: Any, t: Any) -> Any:
        def logarithm(u: Any) -> Any:
            s = np.exp(u)
            of_s = v * u - v * s * s / 2 + np.log(v / 2) * v / 2 - special.gammaln(v / 2) + np.log(2 / SQRT_2PI)
            return of_s + q * u - np.square(np.where(t == 0, 0, t * s) - nc) / 2

        return _sum_over_line(logarithm, np.ones_like, v.shape)

    return _by_blocks(moments, v, nc, t)


t_moment.derivative(
    no_gradient_to("nctdtr", "df"),
    lambda g, z, v, nc, t, q: g * (t * t_moment(v, nc, t, q + 1) - nc * z),
    lambda g, z, v, nc, t, q: g * (nc * t_moment(v, nc, t, q + 1) - t * t_moment(v, nc, t, q + 2)),
)

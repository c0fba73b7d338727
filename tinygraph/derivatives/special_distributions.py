"""Derivatives of the distribution functions of statistics in SciPy, of the incomplete gamma and beta functions, and of
their inverses.

By the variable the slope is the density. By a shape it is a moment of the density: the derivative of x^(a−1) by a
brings ln x into the integral. Such integrals are computed as a sum over points that crowd where the density is, exact
to rounding; their own derivatives are such integrals again.

Source: NIST Digital Library of Mathematical Functions, chapter 8, https://dlmf.nist.gov, for the functions; Takahasi
and Mori, "Double exponential formulas for numerical integration" (1974), for the sums.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from tinygraph.derivatives.special import (
    SQRT_2,
    SQRT_2PI,
    SQRT_PI,
    _slope_of_exprel,
    by_last_argument,
    floating,
    no_gradient_to,
    slope_of_wofz,
)
from tinygraph.derivatives.special_zeta import polygamma
from tinygraph.derivatives.table import derivative
from tinygraph.derivatives.trigonometric import DEGREE
from tinygraph.operands import plain
from tinygraph.primitives import primitive

# --- densities, and their logarithmic moments -------------------------------------------------------------------------


def _gamma_density(a: Any, x: Any) -> Any:
    """x^(a−1) · e^−x ÷ Γ(a), the slope of gammainc."""
    return np.exp(special.xlogy(a - 1, x) - x - special.gammaln(a))


def _beta_density(a: Any, b: Any, x: Any) -> Any:
    """x^(a−1) · (1 − x)^(b−1) ÷ B(a, b), the slope of betainc."""
    return np.exp(special.xlogy(a - 1, x) + special.xlog1py(b - 1, -x) - special.betaln(a, b))


POINTS = 192
# What is smaller than e^−50 of the largest term adds nothing.
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
    """A function of arrays of one shape, called on some hundred elements at a time, which is what fits in the cache."""
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
    """The first moment. That of all t is 0: it is taken from the side of the mean on which nothing cancels.

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
    lambda g, z, a, x, k: g * _gamma_density(a, x) * (np.log(x) - special.psi(a)) ** k,
)


def _gamma_below(a: Any, x: Any, k: int) -> Any:
    return special.gammainc(a, x) if k == 0 else gamma_moment(a, x, k)


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
    return _beta_density(a, b, x) * deviation


beta_moment.derivative(
    lambda g, z, a, b, x, j, k: g * _beta_by_shape(a, b, x, j, k),
    lambda g, z, a, b, x, j, k: g * _beta_by_other_shape(a, b, x, j, k),
    lambda g, z, a, b, x, j, k: g * _beta_by_x(a, b, x, j, k),
)


# --- densities of other distributions, and their relatives ------------------------------------------------------------


def _f_share(n: Any, m: Any, x: Any) -> tuple[Any, Any, Any]:
    """The two shapes and the place at which the beta distribution has the value of the F distribution."""
    return n / 2, m / 2, n * x / (n * x + m)


def _t_density(v: Any, t: Any) -> Any:
    return np.exp(np.log1p(t * t / v) * ((v + 1) / -2) - special.betaln(0.5, v / 2)) / np.sqrt(v)


def _t_by_freedom(v: Any, t: Any) -> Any:
    """stdtr(v, t) is (1 ± betainc(1/2, v/2, w)) ÷ 2, with w = t² ÷ (v + t²) and the sign of t."""
    zero = plain(t) == 0  # where the moment goes as t, and its square root in w has no slope
    share = np.where(zero, 0.5, t * t / (v + t * t))
    by_shape = beta_moment(0.5, v / 2, share, 0, 1) * np.sign(t) / 4
    density = _t_density(v, t)
    at_zero = t * density * (special.psi((v + 1) / 2) - special.psi(v / 2)) / 2
    return np.where(zero, at_zero, by_shape) - t / (2 * v) * density


@primitive
def chi_density(x: Any, v: Any, nc: Any) -> Any:
    """The density of the noncentral chi-squared distribution, and for v ≤ 0 the same formula."""
    with np.errstate(all="ignore"):
        root = np.sqrt(np.asarray(nc * x))
        apart = np.exp(np.square(np.sqrt(x) - np.sqrt(nc)) / -2 + np.log(x / nc) * (v - 2) / 4)
        central = np.exp(np.asarray(x) / -2 + special.xlogy(v / 2 - 1, np.asarray(x) / 2)) * special.rgamma(v / 2)
        return np.where(root > 0, apart * special.ive(v / 2 - 1, root), central)[()] / 2


chi_density.derivative(
    lambda g, z, x, v, nc: g * (chi_density(x, v - 2, nc) - z) / 2,
    no_gradient_to("chndtr", "df"),
    lambda g, z, x, v, nc: g * (chi_density(x, v + 2, nc) - z) / 2,
)


def _noncentral_f(n: Any, m: Any, nc: Any, f: Any, more: int) -> Any:
    """The beta density, of `more` on the first shape, with weights of the Poisson distribution: a function 1F1."""
    a, b, share = _f_share(n, m, f)
    weighted = special.hyp1f1(plain(a + b), plain(a) + more, share * nc / 2) * np.exp(nc / -2)
    return _beta_density(plain(a), plain(b), share) * weighted


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


# --- distributions, their complements and their inverses --------------------------------------------------------------

Slope = Callable[..., Any] | None


class Distribution:
    """The slopes of a distribution function by each of its arguments, None where there is no derivative here."""

    def __init__(self, **slopes: Slope) -> None:
        self.names = tuple(slopes)
        self.slopes = tuple(slopes.values())

    def enter(self, value: str | None, complement: str | None = None) -> None:
        """Enter the distribution function, and 1 minus it."""
        for name, sign in ((value, 1), (complement, -1)):
            if name is not None:
                rules = [
                    no_gradient_to(name, argument) if slope is None else _slope_times(slope, sign)
                    for argument, slope in zip(self.names, self.slopes, strict=True)
                ]
                derivative(getattr(special, name), *rules)

    def enter_inverse(self, name: str, place: int, sign: int = 1) -> None:
        """Enter a function that finds the argument at a place, where it is given the value, or 1 minus it."""
        by_place = self.slopes[place]
        assert by_place is not None

        def rule_by(other: int) -> Callable[..., Any]:
            slope = self.slopes[other]
            if slope is None:
                return no_gradient_to(name, self.names[other])

            def rule(g: Any, z: Any, *args: Any) -> Any:
                solved = (*args[:place], z, *args[place + 1 :])
                return g * (sign if other == place else -slope(*solved)) / by_place(*solved)

            return rule

        derivative(getattr(special, name), *[rule_by(other) for other in range(len(self.slopes))])


def _slope_times(slope: Callable[..., Any], sign: int) -> Callable[..., Any]:
    return lambda g, z, *args: g * slope(*args) * sign


_GAMMA = Distribution(a=lambda a, x: gamma_moment(a, x, 1), x=_gamma_density)
_GAMMA.enter("gammainc", "gammaincc")
_GAMMA.enter_inverse("gammaincinv", 1)
_GAMMA.enter_inverse("gammainccinv", 1, -1)

_BETA = Distribution(
    a=lambda a, b, x: beta_moment(a, b, x, 1, 0), b=lambda a, b, x: beta_moment(a, b, x, 0, 1), x=_beta_density
)
_BETA.enter("betainc", "betaincc")
_BETA.enter_inverse("betaincinv", 2)
_BETA.enter_inverse("betainccinv", 2, -1)
_BETA.enter_inverse("btdtria", 0)
_BETA.enter_inverse("btdtrib", 1)

_CHI_SQUARED = Distribution(
    v=lambda v, x: gamma_moment(v / 2, x / 2, 1) / 2, x=lambda v, x: _gamma_density(v / 2, x / 2) / 2
)
_CHI_SQUARED.enter("chdtr", "chdtrc")
_CHI_SQUARED.enter_inverse("chdtri", 1, -1)
_CHI_SQUARED.enter_inverse("chdtriv", 0)

_GAMMA_AT_RATE = Distribution(
    a=lambda a, b, x: x * _gamma_density(b, a * x),
    b=lambda a, b, x: gamma_moment(b, a * x, 1),
    x=lambda a, b, x: a * _gamma_density(b, a * x),
)
_GAMMA_AT_RATE.enter("gdtr", "gdtrc")
_GAMMA_AT_RATE.enter_inverse("gdtria", 0)
_GAMMA_AT_RATE.enter_inverse("gdtrib", 1)
_GAMMA_AT_RATE.enter_inverse("gdtrix", 2)

_F = Distribution(
    dfn=lambda n, m, x: (
        beta_moment(*_f_share(n, m, x), 1, 0) / 2 + _beta_density(*_f_share(n, m, x)) * x * m / np.square(n * x + m)
    ),
    dfd=lambda n, m, x: (
        beta_moment(*_f_share(n, m, x), 0, 1) / 2 - _beta_density(*_f_share(n, m, x)) * x * n / np.square(n * x + m)
    ),
    x=lambda n, m, x: _beta_density(*_f_share(n, m, x)) * (n * m) / np.square(n * x + m),
)
_F.enter("fdtr", "fdtrc")
_F.enter_inverse("fdtri", 2)
_F.enter_inverse("fdtridfd", 1)

_T = Distribution(df=_t_by_freedom, t=_t_density)
_T.enter("stdtr")
_T.enter_inverse("stdtrit", 1)
_T.enter_inverse("stdtridf", 0)

_NORMAL = Distribution(
    mn=lambda mean, std, x: -np.exp(np.square((x - mean) / std) / -2) / (SQRT_2PI * std),
    std=lambda mean, std, x: -np.exp(np.square((x - mean) / std) / -2) * (x - mean) / (SQRT_2PI * std * std),
    x=lambda mean, std, x: np.exp(np.square((x - mean) / std) / -2) / (SQRT_2PI * std),
)
_NORMAL.enter_inverse("nrdtrimn", 0)
_NORMAL.enter_inverse("nrdtrisd", 1)

# Of whole numbers. SciPy rounds the counts down, but where it looks for one: there they are continuous.
_POISSON = Distribution(k=None, m=lambda k, m: -_gamma_density(np.floor(k) + 1, m))
_POISSON.enter("pdtr", "pdtrc")
_POISSON.enter_inverse("pdtri", 1)
_BINOMIAL = Distribution(
    k=None, n=None, p=lambda k, n, p: -_beta_density(n - np.floor(k), np.floor(k) + 1, 1 - p)
)  # fmt: skip
_BINOMIAL.enter("bdtr", "bdtrc")
_BINOMIAL.enter_inverse("bdtri", 2)
_NEGATIVE_BINOMIAL = Distribution(k=None, n=None, p=lambda k, n, p: _beta_density(n, np.floor(k) + 1, p))
_NEGATIVE_BINOMIAL.enter("nbdtr", "nbdtrc")
_NEGATIVE_BINOMIAL.enter_inverse("nbdtri", 2)

Distribution(
    k=lambda k, m: -gamma_moment(k + 1, m, 1), m=lambda k, m: -_gamma_density(k + 1, m)
).enter_inverse("pdtrik", 0)  # fmt: skip
_CONTINUOUS_BINOMIAL = Distribution(
    k=lambda k, n, p: beta_moment(n - k, k + 1, 1 - p, 0, 1) - beta_moment(n - k, k + 1, 1 - p, 1, 0),
    n=lambda k, n, p: beta_moment(n - k, k + 1, 1 - p, 1, 0),
    p=lambda k, n, p: -_beta_density(n - k, k + 1, 1 - p),
)
_CONTINUOUS_BINOMIAL.enter_inverse("bdtrik", 0)
_CONTINUOUS_BINOMIAL.enter_inverse("bdtrin", 1)
_CONTINUOUS_NEGATIVE_BINOMIAL = Distribution(
    k=lambda k, n, p: beta_moment(n, k + 1, p, 0, 1),
    n=lambda k, n, p: beta_moment(n, k + 1, p, 1, 0),
    p=lambda k, n, p: _beta_density(n, k + 1, p),
)
_CONTINUOUS_NEGATIVE_BINOMIAL.enter_inverse("nbdtrik", 0)
_CONTINUOUS_NEGATIVE_BINOMIAL.enter_inverse("nbdtrin", 1)

_NONCENTRAL_CHI = Distribution(
    x=chi_density, df=None, nc=lambda x, v, nc: -chi_density(x, v + 2, nc)
)  # fmt: skip
_NONCENTRAL_CHI.enter("chndtr")
_NONCENTRAL_CHI.enter_inverse("chndtrix", 0)
_NONCENTRAL_CHI.enter_inverse("chndtrinc", 2)

_NONCENTRAL_F = Distribution(
    dfn=None, dfd=None,
    nc=lambda n, m, nc, f: _noncentral_f(n, m, nc, f, 1) * -f / (n * f + m) * (m / (n * f + m)),
    f=lambda n, m, nc, f: _noncentral_f(n, m, nc, f, 0) * (n * m) / np.square(n * f + m),
)  # fmt: skip
_NONCENTRAL_F.enter("ncfdtr")
_NONCENTRAL_F.enter_inverse("ncfdtri", 3)
_NONCENTRAL_F.enter_inverse("ncfdtrinc", 2)

_NONCENTRAL_T = Distribution(
    df=None, nc=lambda v, nc, t: -t_moment(v, nc, t, 0), t=lambda v, nc, t: t_moment(v, nc, t, 1)
)  # fmt: skip
_NONCENTRAL_T.enter("nctdtr")
_NONCENTRAL_T.enter_inverse("nctdtrit", 2)
_NONCENTRAL_T.enter_inverse("nctdtrinc", 1)


# --- Tukey's lambda, Kolmogorov's and Smirnov's, Voigt's --------------------------------------------------------------


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
    return np.square(np.log(x)) * _slope_of_exprel(power * np.log(x))


def _kolmogorov_density(x: Any) -> Any:
    """By the series that converges: that of the theta function on the left, that of the complement on the right."""
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
    """Of the largest excess x of an empirical distribution of n, the density: that of smirnov(n, x) = 1 − F."""
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

# Wright's Bessel function Σ xᵏ ÷ (k! Γ(ak + b)), and its logarithm
by_last_argument(
    wright_bessel=lambda g, z, a, b, x: g * special.wright_bessel(a, a + b, x),
    log_wright_bessel=lambda g, z, a, b, x: g * np.exp(special.log_wright_bessel(a, a + b, x) - z),
)
derivative(
    special.radian, lambda g, z, d, m, s: g * DEGREE, lambda g, z, d, m, s: g * (DEGREE / 60),
    lambda g, z, d, m, s: g * (DEGREE / 3600),
)  # fmt: skip

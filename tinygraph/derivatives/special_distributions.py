"""Derivatives of the distribution functions of statistics in SciPy, of the incomplete gamma and beta functions, and of
their inverses.

The slope by the variable is the density. The slope by a shape is a moment of the density: see `special_moments`.

Source: NIST Digital Library of Mathematical Functions, chapter 8, https://dlmf.nist.gov.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from tinygraph.derivatives.special import SQRT_2PI, no_gradient_to
from tinygraph.derivatives.special_moments import beta_density, beta_moment, gamma_density, gamma_moment, t_moment
from tinygraph.engine.operands import plain
from tinygraph.engine.primitives import primitive
from tinygraph.engine.table import derivative

# --- densities of other distributions, and their relatives ------------------------------------------------------------


def _f_share(n: Any, m: Any, x: Any) -> tuple[Any, Any, Any]:
    """The two shapes and the place at which the beta distribution has the value of the F distribution."""
    return n / 2, m / 2, n * x / (n * x + m)


def _t_density(v: Any, t: Any) -> Any:
    return np.exp(np.log1p(t * t / v) * ((v + 1) / -2) - special.betaln(0.5, v / 2)) / np.sqrt(v)


def _t_by_freedom(v: Any, t: Any) -> Any:
    """stdtr(v, t) is (1 ± betainc(1/2, v/2, w)) ÷ 2, with w = t² ÷ (v + t²) and the sign of t."""
    zero = plain(t) == 0  # the moment is proportional to t, so to √w, and has no slope by w there
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
    return beta_density(plain(a), plain(b), share) * weighted


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


_GAMMA = Distribution(a=lambda a, x: gamma_moment(a, x, 1), x=gamma_density)
_GAMMA.enter("gammainc", "gammaincc")
_GAMMA.enter_inverse("gammaincinv", 1)
_GAMMA.enter_inverse("gammainccinv", 1, -1)

_BETA = Distribution(
    a=lambda a, b, x: beta_moment(a, b, x, 1, 0), b=lambda a, b, x: beta_moment(a, b, x, 0, 1), x=beta_density
)
_BETA.enter("betainc", "betaincc")
_BETA.enter_inverse("betaincinv", 2)
_BETA.enter_inverse("betainccinv", 2, -1)
_BETA.enter_inverse("btdtria", 0)
_BETA.enter_inverse("btdtrib", 1)

_CHI_SQUARED = Distribution(
    v=lambda v, x: gamma_moment(v / 2, x / 2, 1) / 2, x=lambda v, x: gamma_density(v / 2, x / 2) / 2
)
_CHI_SQUARED.enter("chdtr", "chdtrc")
_CHI_SQUARED.enter_inverse("chdtri", 1, -1)
_CHI_SQUARED.enter_inverse("chdtriv", 0)

_GAMMA_AT_RATE = Distribution(
    a=lambda a, b, x: x * gamma_density(b, a * x),
    b=lambda a, b, x: gamma_moment(b, a * x, 1),
    x=lambda a, b, x: a * gamma_density(b, a * x),
)
_GAMMA_AT_RATE.enter("gdtr", "gdtrc")
_GAMMA_AT_RATE.enter_inverse("gdtria", 0)
_GAMMA_AT_RATE.enter_inverse("gdtrib", 1)
_GAMMA_AT_RATE.enter_inverse("gdtrix", 2)

_F = Distribution(
    dfn=lambda n, m, x: (
        beta_moment(*_f_share(n, m, x), 1, 0) / 2 + beta_density(*_f_share(n, m, x)) * x * m / np.square(n * x + m)
    ),
    dfd=lambda n, m, x: (
        beta_moment(*_f_share(n, m, x), 0, 1) / 2 - beta_density(*_f_share(n, m, x)) * x * n / np.square(n * x + m)
    ),
    x=lambda n, m, x: beta_density(*_f_share(n, m, x)) * (n * m) / np.square(n * x + m),
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
_POISSON = Distribution(k=None, m=lambda k, m: -gamma_density(np.floor(k) + 1, m))
_POISSON.enter("pdtr", "pdtrc")
_POISSON.enter_inverse("pdtri", 1)
_BINOMIAL = Distribution(
    k=None, n=None, p=lambda k, n, p: -beta_density(n - np.floor(k), np.floor(k) + 1, 1 - p)
)  # fmt: skip
_BINOMIAL.enter("bdtr", "bdtrc")
_BINOMIAL.enter_inverse("bdtri", 2)
_NEGATIVE_BINOMIAL = Distribution(k=None, n=None, p=lambda k, n, p: beta_density(n, np.floor(k) + 1, p))
_NEGATIVE_BINOMIAL.enter("nbdtr", "nbdtrc")
_NEGATIVE_BINOMIAL.enter_inverse("nbdtri", 2)

Distribution(
    k=lambda k, m: -gamma_moment(k + 1, m, 1), m=lambda k, m: -gamma_density(k + 1, m)
).enter_inverse("pdtrik", 0)  # fmt: skip
_CONTINUOUS_BINOMIAL = Distribution(
    k=lambda k, n, p: beta_moment(n - k, k + 1, 1 - p, 0, 1) - beta_moment(n - k, k + 1, 1 - p, 1, 0),
    n=lambda k, n, p: beta_moment(n - k, k + 1, 1 - p, 1, 0),
    p=lambda k, n, p: -beta_density(n - k, k + 1, 1 - p),
)
_CONTINUOUS_BINOMIAL.enter_inverse("bdtrik", 0)
_CONTINUOUS_BINOMIAL.enter_inverse("bdtrin", 1)
_CONTINUOUS_NEGATIVE_BINOMIAL = Distribution(
    k=lambda k, n, p: beta_moment(n, k + 1, p, 0, 1),
    n=lambda k, n, p: beta_moment(n, k + 1, p, 1, 0),
    p=lambda k, n, p: beta_density(n, k + 1, p),
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

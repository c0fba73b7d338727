"""Distributions with a density, each by its functions of the standard variable and its shapes.

Source: Johnson, Kotz and Balakrishnan, "Continuous Univariate Distributions" (1994).
"""

from __future__ import annotations

import math

import numpy as np
from scipy import special

from tinygraph.scipy.stats.distribution import Continuous

__all__ = [
    "beta", "cauchy", "chi2", "expon", "gamma", "halfnorm", "invgamma", "laplace", "logistic", "lognorm", "norm",
    "pareto", "t", "uniform", "weibull_min",
]  # fmt: skip

INFINITY = math.inf
LOG_2, LOG_PI, LOG_SQRT_2PI, SQRT_2PI = (
    math.log(2),
    math.log(math.pi),
    math.log(2 * math.pi) / 2,
    math.sqrt(2 * math.pi),
)

norm = Continuous("norm", "", -INFINITY, INFINITY, {
    "pdf": lambda x: np.exp(-(x**2) / 2.0) / SQRT_2PI,
    "logpdf": lambda x: -(x**2) / 2.0 - LOG_SQRT_2PI,
    "cdf": lambda x: special.ndtr(x),
    "sf": lambda x: special.ndtr(-x),
    "logcdf": lambda x: special.log_ndtr(x),
    "logsf": lambda x: special.log_ndtr(-x),
    "ppf": lambda q: special.ndtri(q),
    "isf": lambda q: -special.ndtri(q),
})  # fmt: skip

halfnorm = Continuous("halfnorm", "", 0, INFINITY, {
    "logpdf": lambda x: 0.5 * math.log(2.0 / math.pi) - x * x / 2.0,
    "cdf": lambda x: special.erf(x / math.sqrt(2)),
    "sf": lambda x: special.erfc(x / math.sqrt(2)),
    "ppf": lambda q: special.ndtri((1 + q) / 2.0),
})  # fmt: skip

lognorm = Continuous("lognorm", "s", 0, INFINITY, {
    "logpdf": lambda x, s: -(np.log(x) ** 2) / (2 * s**2) - np.log(s * x * SQRT_2PI),
    "cdf": lambda x, s: special.ndtr(np.log(x) / s),
    "sf": lambda x, s: special.ndtr(-np.log(x) / s),
    "ppf": lambda q, s: np.exp(s * special.ndtri(q)),
})  # fmt: skip

uniform = Continuous("uniform", "", 0, 1, {
    "logpdf": lambda x: 0.0 * x,
    "cdf": lambda x: x,
    "sf": lambda x: 1 - x,
    "ppf": lambda q: q,
})  # fmt: skip

expon = Continuous("expon", "", 0, INFINITY, {
    "logpdf": lambda x: -x,
    "cdf": lambda x: -np.expm1(-x),
    "sf": lambda x: np.exp(-x),
    "logsf": lambda x: -x,
    "ppf": lambda q: -np.log1p(-q),
    "isf": lambda q: -np.log(q),
})  # fmt: skip

laplace = Continuous("laplace", "", -INFINITY, INFINITY, {
    "logpdf": lambda x: -np.abs(x) - LOG_2,
    "cdf": lambda x: np.where(x > 0, 1.0 - 0.5 * np.exp(-np.abs(x)), 0.5 * np.exp(-np.abs(x))),
    "sf": lambda x: np.where(x > 0, 0.5 * np.exp(-np.abs(x)), 1.0 - 0.5 * np.exp(-np.abs(x))),
    "ppf": lambda q: np.where(q > 0.5, -np.log(2 * (1 - q)), np.log(2 * q)),
})  # fmt: skip

logistic = Continuous("logistic", "", -INFINITY, INFINITY, {
    "logpdf": lambda x: -np.abs(x) - 2.0 * np.log1p(np.exp(-np.abs(x))),
    "cdf": lambda x: special.expit(x),
    "sf": lambda x: special.expit(-x),
    "logcdf": lambda x: special.log_expit(x),
    "logsf": lambda x: special.log_expit(-x),
    "ppf": lambda q: special.logit(q),
    "isf": lambda q: -special.logit(q),
})  # fmt: skip

cauchy = Continuous("cauchy", "", -INFINITY, INFINITY, {
    "logpdf": lambda x: -LOG_PI - np.log1p(x * x),
    "cdf": lambda x: np.arctan2(1, -x) / math.pi,
    "sf": lambda x: np.arctan2(1, x) / math.pi,
    "ppf": lambda q: np.tan(math.pi * q - math.pi / 2.0),
})  # fmt: skip

gamma = Continuous("gamma", "a", 0, INFINITY, {
    "logpdf": lambda x, a: special.xlogy(a - 1.0, x) - x - special.gammaln(a),
    "cdf": lambda x, a: special.gammainc(a, x),
    "sf": lambda x, a: special.gammaincc(a, x),
    "ppf": lambda q, a: special.gammaincinv(a, q),
    "isf": lambda q, a: special.gammainccinv(a, q),
})  # fmt: skip

invgamma = Continuous("invgamma", "a", 0, INFINITY, {
    "logpdf": lambda x, a: -(a + 1) * np.log(x) - special.gammaln(a) - 1.0 / x,
    "cdf": lambda x, a: special.gammaincc(a, 1.0 / x),
    "sf": lambda x, a: special.gammainc(a, 1.0 / x),
    "ppf": lambda q, a: 1.0 / special.gammainccinv(a, q),
})  # fmt: skip

chi2 = Continuous("chi2", "df", 0, INFINITY, {
    "logpdf": lambda x, df: special.xlogy(df / 2.0 - 1, x) - x / 2.0 - special.gammaln(df / 2.0) - LOG_2 * df / 2.0,
    "cdf": lambda x, df: special.gammainc(df / 2.0, x / 2.0),
    "sf": lambda x, df: special.gammaincc(df / 2.0, x / 2.0),
    "ppf": lambda q, df: 2 * special.gammaincinv(df / 2.0, q),
    "isf": lambda q, df: 2 * special.gammainccinv(df / 2.0, q),
})  # fmt: skip

beta = Continuous("beta", "a b", 0, 1, {
    "logpdf": lambda x, a, b: special.xlog1py(b - 1.0, -x) + special.xlogy(a - 1.0, x) - special.betaln(a, b),
    "cdf": lambda x, a, b: special.betainc(a, b, x),
    "sf": lambda x, a, b: special.betaincc(a, b, x),
    "ppf": lambda q, a, b: special.betaincinv(a, b, q),
    "isf": lambda q, a, b: special.betainccinv(a, b, q),
})  # fmt: skip

t = Continuous("t", "df", -INFINITY, INFINITY, {
    "logpdf": lambda x, df: special.gammaln((df + 1) / 2) - special.gammaln(df / 2) - 0.5 * np.log(df * math.pi)
    - (df + 1) / 2 * np.log1p(x * x / df),
    "cdf": lambda x, df: special.stdtr(df, x),
    "sf": lambda x, df: special.stdtr(df, -x),
    "ppf": lambda q, df: special.stdtrit(df, q),
})  # fmt: skip

weibull_min = Continuous("weibull_min", "c", 0, INFINITY, {
    "logpdf": lambda x, c: np.log(c) + special.xlogy(c - 1, x) - x**c,
    "cdf": lambda x, c: -np.expm1(-(x**c)),
    "sf": lambda x, c: np.exp(-(x**c)),
    "logsf": lambda x, c: -(x**c),
    "ppf": lambda q, c: (-np.log1p(-q)) ** (1.0 / c),
    "isf": lambda q, c: (-np.log(q)) ** (1 / c),
})  # fmt: skip

pareto = Continuous("pareto", "b", 1, INFINITY, {
    "logpdf": lambda x, b: np.log(b) - (b + 1) * np.log(x),
    "cdf": lambda x, b: 1 - x ** (-b),
    "sf": lambda x, b: x ** (-b),
    "ppf": lambda q, b: (1 - q) ** (-1.0 / b),
    "isf": lambda q, b: q ** (-1.0 / b),
})  # fmt: skip

"""Distributions of whole numbers.

Source: Johnson, Kemp and Kotz, "Univariate Discrete Distributions" (2005).
"""

from __future__ import annotations

import math

import numpy as np
from scipy import special

from tinygraph.scipy.stats.distribution import Discrete

__all__ = ["bernoulli", "binom", "geom", "nbinom", "poisson"]

poisson = Discrete("poisson", "mu", 0, math.inf, {
    "logpmf": lambda k, mu: special.xlogy(k, mu) - special.gammaln(k + 1) - mu,
    "cdf": lambda k, mu: special.pdtr(k, mu),
})  # fmt: skip

binom = Discrete("binom", "n p", 0, "n", {
    "logpmf": lambda k, n, p: special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1)
    + special.xlogy(k, p) + special.xlog1py(n - k, -p),
    "cdf": lambda k, n, p: special.bdtr(k, n, p),
}, bounded="p")  # fmt: skip

bernoulli = Discrete("bernoulli", "p", 0, 1, {
    "logpmf": lambda k, p: special.xlogy(k, p) + special.xlog1py(1 - k, -p),
    "cdf": lambda k, p: np.where(k < 1, 1 - p, 1.0),
}, bounded="p")  # fmt: skip

geom = Discrete("geom", "p", 1, math.inf, {
    "logpmf": lambda k, p: special.xlog1py(k - 1, -p) + np.log(p),
    "cdf": lambda k, p: -np.expm1(np.log1p(-p) * k),
}, bounded="p")  # fmt: skip

nbinom = Discrete("nbinom", "n p", 0, math.inf, {
    "logpmf": lambda k, n, p: special.gammaln(n + k) - special.gammaln(k + 1) - special.gammaln(n) + n * np.log(p)
    + special.xlog1py(k, -p),
    "cdf": lambda k, n, p: special.betainc(n, k + 1, p),
}, bounded="p")  # fmt: skip

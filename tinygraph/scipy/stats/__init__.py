"""`scipy.stats` on Tensors: densities and distribution functions, written with NumPy and `scipy.special`.

The values agree with SciPy's to rounding. Where SciPy has 0 or −∞, outside of what can be drawn, the gradient is 0.
"""

from tinygraph.scipy.stats.continuous import (
    beta,
    cauchy,
    chi2,
    expon,
    gamma,
    halfnorm,
    invgamma,
    laplace,
    logistic,
    lognorm,
    norm,
    pareto,
    t,
    uniform,
    weibull_min,
)
from tinygraph.scipy.stats.discrete import bernoulli, binom, geom, nbinom, poisson
from tinygraph.scipy.stats.multivariate import multivariate_normal

__all__ = [
    "bernoulli", "beta", "binom", "cauchy", "chi2", "expon", "gamma", "geom", "halfnorm", "invgamma", "laplace",
    "logistic", "lognorm", "multivariate_normal", "nbinom", "norm", "pareto", "poisson", "t", "uniform", "weibull_min",
]  # fmt: skip

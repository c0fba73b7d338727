"""The normal distribution of vectors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.stats

from tinygraph.engine.primitives import primitive
from tinygraph.functions.checks import CHECKS
from tinygraph.scipy.calls import (
    array,
    carries_gradient,
    floating,
    is_followed,
    numbers,
    on_tensors,
    one_call,
    unsupported,
)
from tinygraph.scipy.linalg import cholesky, solve_triangular

__all__ = ["multivariate_normal"]


def _covariance(cov: Any, dimension: int) -> Any:
    """Return a covariance as a matrix: a number stands for one on the diagonal, a vector for the diagonal."""
    cov = floating(cov)
    if cov.ndim < 2:
        return cov * np.eye(dimension)
    return cov


@primitive
def regular(cov: Any) -> Any:
    """Return a covariance unchanged, once it is none that SciPy takes for a singular one, to invert a part of it.

    Raises:
        LinAlgError: an eigenvalue is smaller than the largest one by a factor of 2.2e-10, or more.
    """
    spectrum = np.linalg.eigvalsh(cov)
    if not spectrum.min() > 1e6 * np.finfo(np.float64).eps * np.abs(spectrum).max():
        raise np.linalg.LinAlgError(
            "stats.multivariate_normal.logpdf: the density of a singular covariance has no gradient. "
            "Add a small multiple of np.eye(n) to the covariance"
        )
    return cov


regular.derivative(lambda g, z, cov: g)
CHECKS.add(regular)


def _logpdf(x: Any, mean: Any, cov: Any, allow_singular: bool) -> Any:
    """Return −½ (log det 2πC + (x − m)ᵀ C⁻¹ (x − m)), by Cholesky's factor of C."""
    x = floating(x)
    cov = floating(1.0 if cov is None else cov)
    mean = floating(np.zeros(cov.shape[-1:]) if mean is None else mean)
    dimension = max(cov.shape[-1] if cov.ndim else 1, mean.shape[-1] if mean.ndim else 1)
    if x.ndim == 0:
        x = np.reshape(x, (1,))
    elif x.ndim == 1 and dimension == 1:
        x = x[:, None]
    cov = _covariance(cov, dimension)
    factor = cholesky(regular(cov) if allow_singular else cov, lower=True)
    away = x - mean
    rows = np.reshape(away, (math.prod(away.shape[:-1]), dimension))
    whitened = solve_triangular(factor, rows.T, lower=True)
    size = 2 * np.sum(np.log(np.diagonal(factor))) + dimension * math.log(2 * math.pi)
    shape = tuple([length for length in away.shape[:-1] if length != 1])  # SciPy leaves out axes of length 1
    return np.reshape(-0.5 * (size + np.sum(np.square(whitened), axis=0)), shape)


class MultivariateNormal:
    """The normal distribution of vectors; see `scipy.stats.multivariate_normal`.

    Gradients flow to x, the mean and the lower triangle of the covariance, which must be positive definite.
    """

    def __call__(self, mean: Any = None, cov: Any = 1, allow_singular: bool = False, seed: Any = None) -> Any:
        """Return the distribution with its mean and covariance given."""
        if not is_followed((mean, cov)):
            return scipy.stats.multivariate_normal(mean, cov, allow_singular, seed)
        return _Given(self, mean, cov, allow_singular, seed)

    @one_call("stats.multivariate_normal")
    def logpdf(self, x: Any, mean: Any = None, cov: Any = 1, allow_singular: bool = False) -> Any:
        """Return the logarithm of the density; x has its vectors in the last axis."""
        return _on_tensors_logpdf(x, mean, cov, allow_singular)

    @one_call("stats.multivariate_normal")
    def pdf(self, x: Any, mean: Any = None, cov: Any = 1, allow_singular: bool = False) -> Any:
        """Return the density; x has its vectors in the last axis."""
        if not is_followed((x, mean, cov)):
            return scipy.stats.multivariate_normal.pdf(x, mean, cov, allow_singular)
        return np.exp(self.logpdf(x, mean, cov, allow_singular))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(scipy.stats.multivariate_normal, name)


@on_tensors(scipy.stats.multivariate_normal.logpdf)
def _on_tensors_logpdf(x: Any, mean: Any = None, cov: Any = 1, allow_singular: bool = False) -> Any:
    if allow_singular and not carries_gradient((x, mean, cov)):
        raise unsupported("stats.multivariate_normal.logpdf", "SciPy's own will do", "")
    return _logpdf(array(x), mean, cov, bool(allow_singular))


class _Given:
    """The normal distribution with a mean and a covariance among which there are Tensors."""

    def __init__(self, of: MultivariateNormal, mean: Any, cov: Any, allow_singular: bool, seed: Any) -> None:
        self._of, self._seed = of, seed
        self.mean, self.cov, self.allow_singular = mean, cov, allow_singular

    @one_call("stats.multivariate_normal")
    def logpdf(self, x: Any) -> Any:
        """Return the logarithm of the density."""
        return self._of.logpdf(x, self.mean, self.cov, self.allow_singular)

    @one_call("stats.multivariate_normal")
    def pdf(self, x: Any) -> Any:
        """Return the density."""
        return self._of.pdf(x, self.mean, self.cov, self.allow_singular)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if not carries_gradient((self.mean, self.cov)):
            given = scipy.stats.multivariate_normal(
                numbers(self.mean), numbers(self.cov), self.allow_singular, self._seed
            )
            return getattr(given, name)
        raise unsupported(
            f"stats.multivariate_normal.{name}",
            "it has no gradient here",
            "Give it a plain mean and covariance, t.data",
        )


multivariate_normal = MultivariateNormal()

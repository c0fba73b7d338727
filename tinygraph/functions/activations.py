"""Activations: the elementwise functions between the layers of a network."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.operands import as_array
from tinygraph.primitives import composed, primitive
from tinygraph.tensor import Tensor


def _floating(x: Any) -> Any:
    """An array of a floating dtype: lists and integers become float64."""
    if type(x) is np.ndarray or type(x) is np.float64:
        return x if x.dtype.kind in "fc" else x.astype(np.float64)
    if type(x) is float:
        return np.float64(x)
    x = as_array(x)
    return x if x.dtype.kind in "fc" else x.astype(np.float64)


@np.errstate(over="ignore")  # where exp(-x) is infinite the result is 0, and right
def logistic(x: Any) -> Any:
    """1 / (1 + exp(−x)) of an array or a number of a floating dtype, in one buffer."""
    if type(x) is not np.ndarray or x.ndim == 0:
        return 1 / (1 + np.exp(-x))
    z = np.negative(x)
    np.exp(z, out=z)
    z += 1
    return np.reciprocal(z, out=z)


@primitive
def sigmoid(x: Any) -> Any:
    """The logistic function 1 / (1 + exp(−x)), elementwise, without overflow at any x.

    Args:
        x: an array of any shape.

    Returns:
        An array of the same shape, between 0 and 1.
    """
    return logistic(_floating(x))


sigmoid.derivative(lambda g, z, x: g * (z * (1 - z)))


@primitive
def relu(x: Any) -> Any:
    """max(x, 0), elementwise. At 0 its derivative is taken to be 0.

    Args:
        x: an array of any shape.

    Returns:
        An array of the same shape.
    """
    return np.maximum(_floating(x), 0)


relu.derivative(lambda g, z, x: g * (z > 0))


@primitive
def leaky_relu(x: Any, negative_slope: float = 0.01) -> Any:
    """x where x is positive, else `negative_slope` · x. At 0 its derivative is taken to be the slope.

    Args:
        x: an array of any shape.
        negative_slope: the slope left of 0.

    Returns:
        An array of the same shape.

    Source: Maas, Hannun and Ng, "Rectifier nonlinearities improve neural network acoustic models" (2013).
    """
    x = _floating(x)
    return np.where(x > 0, x, x * negative_slope)[()]


leaky_relu.derivative(lambda g, z, x, negative_slope=0.01: np.where(x > 0, g, g * negative_slope))


@primitive
def elu(x: Any, alpha: float = 1.0) -> Any:
    """x where x is positive, else `alpha` · (exp(x) − 1).

    Args:
        x: an array of any shape.
        alpha: minus the value at −∞.

    Returns:
        An array of the same shape.

    Source: Clevert, Unterthiner and Hochreiter, "Fast and accurate deep network learning by exponential linear units"
    (2015), equation 6.
    """
    x = _floating(x)
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))[()]


elu.derivative(lambda g, z, x, alpha=1.0: np.where(x > 0, g, g * (alpha * np.exp(np.where(x > 0, 0, x)))))


def log1pexp(x: Any) -> Any:
    """ln(1 + exp(x)): `np.logaddexp(x, 0)`, which NumPy computes one by one, in a third of the time for arrays."""
    if type(x) is not np.ndarray or x.ndim == 0:
        return np.logaddexp(x, 0)
    z = np.abs(x)
    np.negative(z, out=z)
    np.exp(z, out=z)
    np.log1p(z, out=z)
    z += np.maximum(x, 0)
    return z


@primitive
def softplus(x: Any) -> Any:
    """ln(1 + exp(x)), elementwise, without overflow at any x.

    Args:
        x: an array of any shape.

    Returns:
        An array of the same shape.
    """
    return log1pexp(_floating(x))


softplus.derivative(lambda g, z, x: g * sigmoid(x))


@composed
def silu(x: Any) -> Any:
    """x · sigmoid(x), elementwise, also known as swish.

    Args:
        x: an array of any shape.

    Returns:
        An array, or a Tensor, of the same shape.

    Source: Elfwing, Uchibe and Doya, "Sigmoid-weighted linear units for neural network function approximation" (2017).
    """
    x = x if isinstance(x, Tensor) else _floating(x)
    return x * sigmoid(x)


SQRT_2_OVER_PI = float(np.sqrt(2 / np.pi))


@composed
def gelu(x: Any) -> Any:
    """x · Φ(x), Φ the normal distribution function, in its usual approximation by tanh (error below 5e-4).

    Args:
        x: an array of any shape.

    Returns:
        An array, or a Tensor, of the same shape.

    Source: Hendrycks and Gimpel, "Gaussian error linear units" (2016), section 2.
    """
    x = x if isinstance(x, Tensor) else _floating(x)
    return x * (0.5 * (1 + np.tanh(SQRT_2_OVER_PI * (x + 0.044715 * (x * x * x)))))

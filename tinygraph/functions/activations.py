"""Activations: the elementwise functions between the layers of a network."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.engine.dependence import elementwise, selection
from tinygraph.engine.notes import decomposition, formula
from tinygraph.engine.operands import as_array
from tinygraph.engine.primitives import composed, primitive, remembered
from tinygraph.engine.rows import positive_part
from tinygraph.engine.tensor import Tensor
from tinygraph.engine.unreadable import as_numbers


def floating(x: Any) -> Any:
    """An array of a floating dtype: lists and integers become float64."""
    if type(x) is np.ndarray or type(x) is np.float64:
        return x if x.dtype.kind in "fc" else as_numbers("", x, np.float64)
    if type(x) is float:
        return np.float64(x)
    x = as_array(x)
    return x if x.dtype.kind in "fc" else as_numbers("", x, np.float64)


def floating_operand(x: Any) -> Any:
    """Return an operand of a decomposition, an array or a value of a program, in a floating dtype."""
    if not hasattr(x, "dtype"):
        return floating(x)
    return x if x.dtype.kind in "fc" else x.astype(np.dtype(np.float64))


def in_float32(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of arrays that adds up: given float16 it computes in float32, and rounds the result.

    NumPy adds up float16 along an axis one by one, and 2,048 + 1 is 2,048.
    """

    @functools.wraps(function)
    def computed(*args: Any, **kwargs: Any) -> Any:
        if getattr(args[0], "dtype", None) != np.float16:
            return function(*args, **kwargs)
        wide = [item.astype(np.float32) if getattr(item, "dtype", None) == np.float16 else item for item in args]
        result = function(*wide, **kwargs)
        return None if result is None else result.astype(np.float16)

    return computed


@np.errstate(over="ignore")  # where exp(-x) is infinite the result is 0, and right
def logistic(x: Any) -> Any:
    """1 / (1 + exp(−x)) of an array or a number of a floating dtype, in one buffer."""
    if type(x) is not np.ndarray or x.ndim == 0:
        return 1 / (1 + np.exp(-x))
    z = np.negative(x)
    np.exp(z, out=z)
    z += 1
    return np.reciprocal(z, out=z)


@remembered
def sigmoid(x: Any) -> Any:
    """The logistic function 1 / (1 + exp(−x)), elementwise, without overflow at any x.

    Args:
        x: an array of any shape.

    Returns:
        An array of the same shape, between 0 and 1.
    """
    return logistic(floating(x))


sigmoid.derivative(lambda g, z, x: g * (z * (1 - z)))
formula(sigmoid, slopes=("{z}(1 − {z})",), pullbacks=("∇ × {z}(1 − {z})",))


@decomposition(sigmoid)
def sigmoid_written_out(x: Any) -> Any:
    """Write 1 / (1 + exp(−x))."""
    return 1 / (1 + np.exp(-floating_operand(x)))


@primitive
def relu(x: Any) -> Any:
    """max(x, 0), elementwise. At 0 its derivative is taken to be 0.

    Args:
        x: an array of any shape.

    Returns:
        An array of the same shape.
    """
    return positive_part(floating(x))


relu.derivative(lambda g, z, x: g * (z > 0))
formula(relu, pullbacks=("∇ where {x} > 0",))
decomposition(relu)(lambda x: np.maximum(floating_operand(x), 0))
selection(relu, lambda z, x: np.logical_not(z <= 0))


@primitive
def leaky_relu(x: Any, negative_slope: float = 0.2) -> Any:
    """x where x is positive, else `negative_slope` · x. At 0 its derivative is taken to be the slope.

    Args:
        x: an array of any shape.
        negative_slope: the slope left of 0.

    Returns:
        An array of the same shape.

    Source: Maas, Hannun and Ng, "Rectifier nonlinearities improve neural network acoustic models" (2013).
    """
    return _leaky(floating(x), negative_slope)


def _leaky(x: Any, negative_slope: Any) -> Any:
    """Return x where x is positive, else the slope times x."""
    if _is_share(negative_slope, x):
        return np.maximum(x, x * negative_slope)
    return np.where(x > 0, x, x * negative_slope)[()]


def _leaky_pullback(g: Any, z: Any, x: Any, negative_slope: Any = 0.2) -> Any:
    """Return g where x is positive, else the slope times g."""
    if _is_share(negative_slope, x):
        return g * np.maximum((x > 0).astype(x.dtype), negative_slope)
    return np.where(x > 0, g, g * negative_slope)


def _is_share(slope: Any, x: Any) -> bool:
    """Return whether the slope times x is the lesser of the two exactly where x is positive.

    To choose element by element between positive and negative numbers in any order took ten times as long.
    """
    dtype = getattr(x, "dtype", None)
    return dtype is not None and dtype.kind == "f" and isinstance(slope, float | int) and 0 < dtype.type(slope) <= 1


leaky_relu.derivative(_leaky_pullback)


@decomposition(leaky_relu)
def leaky_relu_written_out(x: Any, negative_slope: float = 0.2) -> Any:
    """Write x where x is positive, else the slope times x."""
    return _leaky(floating_operand(x), negative_slope)


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
    x = floating(x)
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))[()]


elu.derivative(lambda g, z, x, alpha=1.0: np.where(x > 0, g, g * (alpha * np.exp(np.where(x > 0, 0, x)))))


@decomposition(elu)
def elu_written_out(x: Any, alpha: float = 1.0) -> Any:
    """Write x where x is positive, else alpha · (exp(x) − 1)."""
    x = floating_operand(x)
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)) * alpha)


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
    return log1pexp(floating(x))


softplus.derivative(lambda g, z, x: g * sigmoid(x))


@decomposition(softplus)
def softplus_written_out(x: Any) -> Any:
    """Write max(x, 0) + ln(1 + exp(−|x|))."""
    x = floating_operand(x)
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


elementwise(sigmoid, leaky_relu, elu, softplus)


@composed
def silu(x: Any) -> Any:
    """x · sigmoid(x), elementwise, also known as swish.

    Args:
        x: an array of any shape.

    Returns:
        An array, or a Tensor, of the same shape.

    Source: Elfwing, Uchibe and Doya, "Sigmoid-weighted linear units for neural network function approximation" (2017).
    """
    x = x if isinstance(x, Tensor) else floating(x)
    return x * sigmoid(x)


SQRT_2_OVER_PI = float(np.sqrt(2 / np.pi))
SQRT_2_PI = float(np.sqrt(2 * np.pi))

# Φ(−t) · exp(t²/2) for 0 ≤ t ≤ 40, as a quotient of polynomials in t, highest power first: a least-squares fit in
# 60 digits, with a relative error below 1e-16. Beyond 40 its factor exp(−t²/2) is 0. The short pair has an error below
# 5e-10, enough for float32.
TAIL = (
    (
        0.39894228040036195, 10.712142043697874, 140.86924623481242, 1173.5579823719109, 6773.6219163309796,
        27993.56356610401, 82842.457858844033, 169970.91835104276, 221554.57976922518, 142848.7867349434,
    ),
    (
        1.0, 26.851358128033328, 354.10683569135916, 2968.5249756410352, 17330.059168691315, 73057.425628409635,
        223938.05326235872, 490607.43108617867, 732523.73130166725, 671062.84246891243, 285697.57346988682,
    ),
)  # fmt: skip
SHORT_TAIL = (
    (
        0.39894224185175164, 4.8983555214526341, 28.595817931768078, 96.426386491519485, 188.05881185117425,
        176.84797530549891,
    ),
    (
        1.0, 12.278345472635247, 72.679592531598909, 253.97067725121963, 541.27324439671803, 658.32614947565162,
        353.69595075418332,
    ),
)  # fmt: skip


def _polynomial(coefficients: tuple[float, ...], t: Any) -> Any:
    value: Any = coefficients[0]
    for coefficient in coefficients[1:]:
        value = value * t + coefficient
    return value


def normal_cdf_formula(x: Any) -> Any:
    """Φ(x) of an array of a floating dtype; float16 is computed in float32."""
    if x.dtype == np.float16:
        return normal_cdf_formula(x.astype(np.dtype(np.float32))).astype(x.dtype)
    t = np.minimum(np.abs(x), 40)
    above, below = SHORT_TAIL if x.dtype == np.float32 else TAIL
    tail = np.exp(-0.5 * t * t) * (_polynomial(above, t) / _polynomial(below, t))
    # np.where(x > 0, 1 - tail, tail), in a fifth of its time: a processor cannot guess the signs.
    return tail + (x > 0) * (1 - 2 * tail)


@primitive
def normal_cdf(x: Any) -> Any:
    """Φ(x), the share of a standard normal distribution below x; also (1 + erf(x ÷ √2)) ÷ 2.

    Args:
        x: an array of any shape.

    Returns:
        An array of the same shape, between 0 and 1, as exact for −20 as for 20.
    """
    return normal_cdf_formula(floating(x))[()]


def _normal_density(x: Any) -> Any:
    """The slope of Φ. Beyond ±40 it is 0, and x² may overflow."""
    t = np.clip(x, -40, 40)
    return np.exp(-0.5 * t * t) / SQRT_2_PI


normal_cdf.derivative(lambda g, z, x: g * _normal_density(x))
decomposition(normal_cdf)(lambda x: normal_cdf_formula(floating_operand(x)))
elementwise(normal_cdf)


@composed
def gelu(x: Any, approximate: bool = False) -> Any:
    """x · Φ(x), Φ the normal distribution function.

    Args:
        x: an array of any shape.
        approximate: take (1 + tanh(√(2/π) · (x + 0.044715 x³))) ÷ 2 for Φ(x). It is quicker, and the result is off by
            less than 5e-4.

    Returns:
        An array, or a Tensor, of the same shape.

    Source: Hendrycks and Gimpel, "Gaussian error linear units" (2016), section 2.
    """
    x = x if isinstance(x, Tensor) else floating(x)
    if not approximate:
        return x * normal_cdf(x)
    if x.dtype == np.float16:  # x³ overflows from 41 on
        return gelu(x.astype(np.float32), approximate=True).astype(np.float16)
    cubic = x * (SQRT_2_OVER_PI + SQRT_2_OVER_PI * 0.044715 * (x * x))
    return x * (0.5 + 0.5 * np.tanh(cubic))

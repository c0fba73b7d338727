"""Activations by name, for the `activation=` of layers. Names, arguments, defaults and numbers are Keras's.

    layer = tg.nn.Dense(10, activation="mish")
    tg.nn.activations.serialize(layer.activation)  # "mish"

Each is a function of arrays and of Tensors, elementwise but for `softmax`, `log_softmax`, `sparsemax` and `glu`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.elsewhere import meant
from tinygraph.engine.primitives import composed
from tinygraph.engine.tensor import Tensor
from tinygraph.errors import ShapeError
from tinygraph.functions import elu, gelu, leaky_relu, log_softmax, sigmoid, silu, softmax, softplus
from tinygraph.functions import relu as rectified
from tinygraph.functions.activations import floating

__all__ = [
    "ACTIVATIONS",
    "Activation",
    "activation_of",
    "celu",
    "deserialize",
    "elu",
    "exponential",
    "gelu",
    "get",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "serialize",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "swish",
    "tanh",
    "tanh_shrink",
    "threshold",
]

Activation = str | Callable[[Any], Any] | None

# The fixed point of mean 0 and variance 1: Klambauer, Unterthiner, Mayr and Hochreiter, "Self-normalizing neural
# networks" (2017), equation 2.
SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805

exponential, tanh, swish = np.exp, np.tanh, silu


def _number(x: Any) -> Any:
    return x if isinstance(x, Tensor) else floating(x)


def linear(x: Any) -> Any:
    """Return x unchanged."""
    return x


@composed
def relu(x: Any, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Any:
    """max(x, 0), and its relatives.

    Args:
        x: an array of any shape.
        negative_slope: the slope below the threshold, where the result is negative_slope · (x − threshold).
        max_value: the largest result; None for no bound.
        threshold: the results of smaller numbers are 0, or on the slope.
    """
    x = _number(x)
    above = rectified(x) if threshold == 0 else np.where(x <= threshold, 0.0, x)
    if max_value is not None:
        above = np.minimum(above, max_value)
    return above if negative_slope == 0 else above - negative_slope * rectified(threshold - x)


@composed
def relu6(x: Any) -> Any:
    """min(max(x, 0), 6)."""
    return _between(_number(x), 0, 6)


@composed
def selu(x: Any) -> Any:
    """1.0507 · elu(x, 1.6733): signals of mean 0 and variance 1 keep both.

    Source: Klambauer, Unterthiner, Mayr and Hochreiter, "Self-normalizing neural networks" (2017), equation 2.
    """
    return SELU_SCALE * elu(x, SELU_ALPHA)


@composed
def celu(x: Any, alpha: float = 1.0) -> Any:
    """x where x is positive, else alpha · (exp(x ÷ alpha) − 1).

    Source: Barron, "Continuously differentiable exponential linear units" (2017).
    """
    return alpha * elu(_number(x) / alpha)


@composed
def hard_sigmoid(x: Any) -> Any:
    """x ÷ 6 + 1/2, between 0 and 1."""
    return _between(_number(x) + 3, 0, 6) / 6


@composed
def hard_silu(x: Any) -> Any:
    """x · hard_sigmoid(x), also known as hard swish.

    Source: Howard and others, "Searching for MobileNetV3" (2019), section 5.2.
    """
    x = _number(x)
    return x * (_between(x + 3, 0, 6) / 6)


hard_swish = hard_silu


@composed
def hard_tanh(x: Any) -> Any:
    """x, between −1 and 1."""
    return _between(_number(x), -1, 1)


@composed
def hard_shrink(x: Any, threshold: float = 0.5) -> Any:
    """x where |x| is larger than the threshold, else 0."""
    x = _number(x)
    return np.where(np.abs(x) <= threshold, 0.0, x)


@composed
def soft_shrink(x: Any, threshold: float = 0.5) -> Any:
    """x, moved towards 0 by the threshold, and 0 if it would pass it."""
    x = _number(x)
    return rectified(x - threshold) - rectified(-x - threshold)


@composed
def tanh_shrink(x: Any) -> Any:
    """x − tanh(x)."""
    x = _number(x)
    return x - np.tanh(x)


@composed
def threshold(x: Any, threshold: float, default_value: float) -> Any:
    """x where it is larger than the threshold, else the default value."""
    x = _number(x)
    return np.where(x <= threshold, float(default_value), x)


@composed
def mish(x: Any) -> Any:
    """x · tanh(softplus(x)).

    Source: Misra, "Mish: a self regularized non-monotonic activation function" (2019), equation 1.
    """
    x = _number(x)
    return x * np.tanh(softplus(x))


@composed
def softsign(x: Any) -> Any:
    """x ÷ (1 + |x|)."""
    x = _number(x)
    return x / (1 + np.abs(x))


@composed
def squareplus(x: Any, b: float = 4) -> Any:
    """(x + √(x² + b)) ÷ 2, a smooth max(x, 0).

    Source: Barron, "Squareplus: a softplus-like algebraic rectifier" (2021), equation 1.
    """
    x = _number(x)
    return (x + np.sqrt(x * x + b)) / 2


@composed
def sparse_plus(x: Any) -> Any:
    """0 up to −1, (x + 1)² ÷ 4 up to 1, x from there on."""
    x = _number(x)
    return np.where(x >= 1, x, _between(x + 1, 0, 2) ** 2 / 4)


@composed
def sparse_sigmoid(x: Any) -> Any:
    """(x + 1) ÷ 2, between 0 and 1."""
    return _between(_number(x) + 1, 0, 2) / 2


@composed
def log_sigmoid(x: Any) -> Any:
    """ln(sigmoid(x)), without overflow at any x."""
    return -softplus(-_number(x))


@composed
def glu(x: Any, axis: int = -1) -> Any:
    """a · sigmoid(b), where a is the first half of x along an axis and b the second.

    Raises:
        ShapeError: the axis has no two halves.

    Source: Dauphin, Fan, Auli and Grangier, "Language modeling with gated convolutional networks" (2017), section 2.
    """
    x = _number(x)
    if x.shape[axis] % 2:
        raise ShapeError(f"glu: axis {axis} of a batch of shape {x.shape} has no two halves; its size must be even")
    half = x.shape[axis] // 2
    before = (slice(None),) * (axis % len(x.shape))
    return x[(*before, slice(None, half))] * sigmoid(x[(*before, slice(half, None))])


@composed
def sparsemax(x: Any, axis: int = -1) -> Any:
    """The point nearest to x among those whose numbers are not negative and have the sum 1, along an axis.

    Source: Martins and Astudillo, "From softmax to sparsemax" (2016), algorithm 1.
    """
    x = _number(x)
    ordered = np.flip(np.sort(x, axis=axis), axis=axis)
    shape = [1] * len(x.shape)
    shape[axis] = x.shape[axis]
    rank = np.arange(1, x.shape[axis] + 1, dtype=x.dtype).reshape(shape)
    supported = rank * ordered + 1 > np.cumsum(ordered, axis=axis)
    total = np.sum(np.where(supported, ordered, 0.0), axis=axis, keepdims=True)
    count = np.sum(np.where(supported, np.ones_like(rank), np.zeros_like(rank)), axis=axis, keepdims=True)
    return rectified(x - (total - 1) / count)


def _between(x: Any, low: float, high: float) -> Any:
    """Return x between two bounds. At the bounds, and beyond them, the derivative is 0."""
    return np.where(x >= high, float(high), np.where(x <= low, float(low), x))


ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "linear": linear,
    "celu": celu,
    "elu": elu,
    "exponential": exponential,
    "gelu": gelu,
    "glu": glu,
    "hard_shrink": hard_shrink,
    "hard_sigmoid": hard_sigmoid,
    "hard_silu": hard_silu,
    "hard_swish": hard_silu,
    "hard_tanh": hard_tanh,
    "leaky_relu": leaky_relu,
    "log_sigmoid": log_sigmoid,
    "log_softmax": log_softmax,
    "mish": mish,
    "relu": rectified,
    "relu6": relu6,
    "selu": selu,
    "sigmoid": sigmoid,
    "silu": silu,
    "soft_shrink": soft_shrink,
    "softmax": softmax,
    "softplus": softplus,
    "softsign": softsign,
    "sparse_plus": sparse_plus,
    "sparse_sigmoid": sparse_sigmoid,
    "sparsemax": sparsemax,
    "squareplus": squareplus,
    "swish": silu,
    "tanh": tanh,
    "tanh_shrink": tanh_shrink,
}


def activation_of(given: Activation) -> Callable[[Any], Any]:
    """Return the activation of this name; a function stays itself, None is the identity.

    Raises:
        ValueError: no activation has this name.
    """
    if callable(given):
        return given
    try:
        return ACTIVATIONS["linear" if given is None else given]
    except (KeyError, TypeError):
        if isinstance(given, int):
            raise ValueError(
                f"an activation is a function or a name, got {given}. A layer takes the number of its inputs from the "
                f"first batch: write Dense({given}) for PyTorch's Linear(10, {given})"
            ) from None
        told = f"an activation is a function, or one of {', '.join(ACTIVATIONS)}; got {given!r}"
        raise ValueError(told + meant(given, ACTIVATIONS)) from None


get = deserialize = activation_of


def serialize(activation: Callable[[Any], Any]) -> str:
    """Return the name of an activation.

    Raises:
        ValueError: the function is not one of ours, and has no name by which it can be found again.
    """
    function = rectified if activation is relu else activation
    name = next((name for name, item in ACTIVATIONS.items() if item is function), None)
    if name is None:
        raise ValueError(f"{activation!r} has no name as an activation; one of {', '.join(ACTIVATIONS)} has")
    return name

"""Activations as layers, some with numbers to choose or to learn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygraph import bounds
from tinygraph.engine.tensor import Tensor
from tinygraph.functions import elu, leaky_relu, softmax
from tinygraph.nn import constraints, regularizers
from tinygraph.nn.activations import Activation as Given
from tinygraph.nn.activations import activation_of, relu
from tinygraph.nn.initializers import Initializer, checked
from tinygraph.nn.layer import Layer

__all__ = ["ELU", "Activation", "ActivityRegularization", "LeakyReLU", "PReLU", "ReLU", "Softmax"]


class Activation(Layer):
    """An activation as a layer.

    Args:
        activation: a function or a name: "relu", "tanh", "softmax", ...
        name, dtype: see `Layer`.

    Raises:
        ValueError: the name is not that of an activation.
    """

    supports_masking = True

    def __init__(self, activation: Given, **options: Any) -> None:
        super().__init__(**options)
        self.activation = activation_of(activation)

    def call(self, x: Any) -> Any:
        """See the class."""
        return self.activation(self._floating(x))


class ActivityRegularization(Layer):
    """A batch as it is, whose size is added to the loss: for each example l1 · Σ |x| + l2 · Σ x².

    Args:
        l1, l2: the factors.
        name, dtype: see `Layer`.

    Raises:
        ValueError: a factor is negative or not finite.
    """

    supports_masking = True
    _draws = False

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **options: Any) -> None:
        super().__init__(**options)
        self.l1, self.l2 = l1, l2
        self.activity_regularizer = regularizers.L1L2(l1, l2)

    def call(self, x: Any) -> Any:
        """See the class."""
        return self._floating(x)


class ReLU(Layer):
    """max(x, 0), with a bound, a slope or a threshold.

    Args:
        max_value: the largest result; None for no bound.
        negative_slope: the slope below the threshold, where the result is negative_slope · (x − threshold).
        threshold: the results of smaller numbers are 0, or on the slope.
        name, dtype: see `Layer`.

    Raises:
        ValueError: one of the numbers is negative.
    """

    supports_masking = True

    def __init__(
        self, max_value: float | None = None, negative_slope: float = 0.0, threshold: float = 0.0, **options: Any
    ) -> None:
        super().__init__(**options)
        self.max_value = None if max_value is None else _not_negative("ReLU", "max_value", max_value)
        self.negative_slope = _not_negative("ReLU", "negative_slope", negative_slope)
        self.threshold = _not_negative("ReLU", "threshold", threshold)

    def call(self, x: Any) -> Any:
        """See the class."""
        return relu(self._floating(x), self.negative_slope, self.max_value, self.threshold)


class LeakyReLU(Layer):
    """x where x is positive, else negative_slope · x.

    Args:
        negative_slope: the slope left of 0.
        name, dtype: see `Layer`.

    Raises:
        ValueError: the slope is negative.
    """

    supports_masking = True

    def __init__(self, negative_slope: float = 0.3, **options: Any) -> None:
        super().__init__(**options)
        self.negative_slope = _not_negative("LeakyReLU", "negative_slope", negative_slope)

    def call(self, x: Any) -> Any:
        """See the class."""
        return leaky_relu(self._floating(x), self.negative_slope)


class PReLU(Layer):
    """x where x is positive, else alpha · x, where the slopes `alpha` are learnt.

    Args:
        alpha_initializer: the first values.
        alpha_regularizer, alpha_constraint: see `Dense`.
        shared_axes: axes along which all numbers have one slope: [1, 2] for one slope a channel of an image.
        name, seed, dtype, trainable: see `Layer`.

    Attributes:
        alpha: Tensor of the shape of an example, with size 1 in the shared axes, from the first batch on.

    Raises:
        ShapeError: the examples differ in shape from those of the first batch, or have no such axis.

    Source: He, Zhang, Ren and Sun, "Delving deep into rectifiers" (2015), equation 1.
    """

    supports_masking = True
    alpha: Tensor

    def __init__(
        self,
        alpha_initializer: str | Initializer = "zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: int | Sequence[int] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.alpha_initializer = checked(alpha_initializer)
        self.alpha_regularizer = regularizers.get(alpha_regularizer)
        self.alpha_constraint = constraints.get(alpha_constraint)
        self.shared_axes = [shared_axes] if isinstance(shared_axes, int) else shared_axes

    def build(self, shape: tuple[int, ...]) -> None:
        """See `Layer.build`."""
        shared = self.shared_axes or ()
        if not all(1 <= axis < len(shape) for axis in shared):
            raise self.misfit(f"a batch of shape {shape} has no axes {list(shared)}; axis 0 is that of the examples")
        sizes = tuple([1 if axis in shared else size for axis, size in enumerate(shape) if axis])
        self.alpha = self._own_weight("alpha", sizes)

    def call(self, x: Any) -> Any:
        """See the class."""
        x = self._floating(x)
        sizes = self.alpha.shape
        if len(x.shape) != len(sizes) + 1 or any(
            [slope not in (1, size) for slope, size in zip(sizes, x.shape[1:], strict=True)]
        ):
            raise self.misfit(f"slopes of shape {sizes} do not fit examples of shape {x.shape[1:]}")
        return relu(x) - self.alpha * relu(-x)


class ELU(Layer):
    """x where x is positive, else alpha · (exp(x) − 1).

    Args:
        alpha: minus the value at −∞.
        name, dtype: see `Layer`.
    """

    supports_masking = True

    def __init__(self, alpha: float = 1.0, **options: Any) -> None:
        super().__init__(**options)
        self.alpha = alpha

    def call(self, x: Any) -> Any:
        """See the class."""
        return elu(self._floating(x), self.alpha)


class Softmax(Layer):
    """exp(x) ÷ Σ exp(x): positive numbers that add up to 1.

    Args:
        axis: the axis or axes along which the result adds up to 1.
        name, dtype: see `Layer`.

    A mask broadcasts with the batch. Where it is False, or a number up to 0.5, the result is 0.

    Raises:
        ShapeError: the mask does not broadcast with the batch.
    """

    supports_masking = True

    def __init__(self, axis: int | Sequence[int] = -1, **options: Any) -> None:
        super().__init__(**options)
        self.axis = axis

    def call(self, x: Any, mask: Any = None) -> Any:
        """See the class."""
        x = self._floating(x)
        axis: Any = self.axis if isinstance(self.axis, int) else tuple(self.axis)
        if mask is None:
            return softmax(x, axis=axis)
        try:
            fits = np.broadcast_shapes(mask.shape, x.shape) == x.shape
        except ValueError:
            fits = False
        if not fits:
            raise self.misfit(f"a mask of shape {mask.shape} does not broadcast with a batch of shape {x.shape}")
        return masked_softmax(x, mask if mask.dtype == bool else mask > 0.5, axis)


def masked_softmax(x: Any, mask: Any, axis: Any = -1) -> Any:
    """Return the softmax over the places where a mask is True, and 0 elsewhere. A row without any is 0."""
    low = x.dtype.type(-3e4 if x.dtype == np.float16 else -1e9)
    shares = softmax(x + np.where(mask, x.dtype.type(0), low), axis=axis)
    return shares * np.any(mask, axis=axis, keepdims=True).astype(x.dtype)


def _not_negative(call: str, name: str, value: float) -> float:
    found: float = bounds.number(call, name, value, least=0)
    return found

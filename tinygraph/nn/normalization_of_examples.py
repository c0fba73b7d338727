"""Normalisations within each example: over its features, over groups of them, by their length or root mean square."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygraph.engine.tensor import Tensor
from tinygraph.functions.means import mean_over
from tinygraph.nn.initializers import Initializer
from tinygraph.nn.layer import Layer
from tinygraph.nn.normalization import Normalization, axes_of, narrowed, positive, widened

__all__ = ["GroupNormalization", "LayerNormalization", "RMSNormalization", "UnitNormalization"]


class LayerNormalization(Normalization):
    """Each example with mean 0 and variance 1 over its features, then scaled by `gamma` and shifted by `beta`.

    Args:
        axis: the axis of the features, or several.
        epsilon: added to the variance.
        center, scale: learn a `beta` to add, and a `gamma` to multiply by.
        beta_initializer, gamma_initializer: the first values.
        beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint: see `Dense`.
        rms_scaling: gamma · x ÷ √(variance + epsilon): the mean stays, and there is no `beta`. Keras keeps it for old
            models; `RMSNormalization` divides by the root of the mean square.
        name, seed, dtype, trainable: see `Layer`.

    Attributes:
        gamma, beta: Tensors of the shape of the features, from the first batch on, or None.

    Called on x of any shape it returns that shape.

    Raises:
        ShapeError: the features differ from those of the first batch, or the batch has no such axis.
        TypeError: `axis` is not a whole number or a list of them.
        ValueError: `epsilon` is not positive.

    Source: Ba, Kiros and Hinton, "Layer normalization" (2016), with the defaults of `keras.layers.LayerNormalization`.
    """

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        epsilon: float = 0.001,
        center: bool = True,
        scale: bool = True,
        beta_initializer: str | Initializer = "zeros",
        gamma_initializer: str | Initializer = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        rms_scaling: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(
            axis, epsilon, center and not rms_scaling, scale or rms_scaling, beta_initializer, gamma_initializer,
            beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint, **options,
        )  # fmt: skip
        self.rms_scaling = rms_scaling

    def call(self, x: Any) -> Any:
        """See the class."""
        x = self._floating(x)
        dtype, x = x.dtype, widened(x)
        shape, axes = self._check(x.shape), self._axes(len(x.shape))
        centred = x - _mean(x, axes)
        deviation = np.sqrt(_mean(centred * centred, axes) + self.epsilon)
        scaled = (x if self.rms_scaling else centred) / deviation
        if self.gamma is not None:
            scaled = scaled * widened(self.gamma).reshape(shape)
        return narrowed(self._shifted(scaled, shape), dtype)


class GroupNormalization(Normalization):
    """Each group of features of an example with mean 0 and variance 1, then scaled by `gamma` and shifted by `beta`.

    Args:
        groups: the number of groups; -1 for one group a feature (instance normalisation).
        axis: the axis of the features; the mean of a group is over all other axes of an example, too.
        epsilon: added to the variance.
        center, scale: learn a `beta` to add, and a `gamma` to multiply by.
        beta_initializer, gamma_initializer: the first values.
        beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint: see `Dense`.
        name, seed, dtype, trainable: see `Layer`.

    Attributes:
        gamma, beta: Tensors of shape (features,), from the first batch on, or None.

    Called on x of any shape it returns that shape.

    Raises:
        ShapeError: the features do not divide into the groups, they differ from those of the first batch, or the batch
            has no such axis.
        TypeError: `axis` is not a whole number.
        ValueError: `groups` is neither positive nor -1, or `epsilon` is not positive.

    Source: Wu and He, "Group normalization" (2018), with the defaults of `keras.layers.GroupNormalization`.
    """

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 0.001,
        center: bool = True,
        scale: bool = True,
        beta_initializer: str | Initializer = "zeros",
        gamma_initializer: str | Initializer = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(
            axis, epsilon, center, scale, beta_initializer, gamma_initializer, beta_regularizer, gamma_regularizer,
            beta_constraint, gamma_constraint, **options,
        )  # fmt: skip
        if isinstance(axis, tuple | list):
            raise TypeError(f"GroupNormalization: axis must be one whole number, got {axis!r}")
        if not isinstance(groups, int | np.integer) or isinstance(groups, bool) or groups == 0 or groups < -1:
            raise ValueError(f"GroupNormalization: groups must be at least 1, or -1 for one a feature, got {groups!r}")
        self.groups = groups

    def build(self, shape: tuple[int, ...]) -> None:
        """See `Layer.build`."""
        super().build(shape)
        (features,) = self.sizes
        if self._axes(len(shape)) == (0,):
            raise self.misfit(f"axis {self.axis} of a batch of shape {shape} is that of the examples")
        if features % self._count():
            raise self.misfit(
                f"{features} features in axis {self.axis} of a batch of shape {shape} do not divide into "
                f"{self.groups} groups; give `groups` a divisor of {features}"
            )

    def _count(self) -> int:
        return self.sizes[0] if self.groups == -1 else self.groups

    def call(self, x: Any) -> Any:
        """See the class."""
        x = self._floating(x)
        dtype = x.dtype
        self._check(x.shape)
        (axis,) = self._axes(len(x.shape))
        groups = self._count()
        inside = (groups, self.sizes[0] // groups)
        grouped = widened(x).reshape(*x.shape[:axis], *inside, *x.shape[axis + 1 :])
        weights = (*[1] * axis, *inside, *[1] * (len(x.shape) - axis - 1))
        axes = tuple([i for i in range(1, len(grouped.shape)) if i != axis])
        centred = grouped - _mean(grouped, axes)
        variance = _mean(centred * centred, axes)
        return narrowed(self._shifted(centred * self._factor(variance, weights), weights), dtype).reshape(x.shape)


class RMSNormalization(Layer):
    """scale · x ÷ √(mean of x² + epsilon), the mean over the features of each example.

    Args:
        axis: the axis of the features, or several.
        epsilon: added to the mean square.
        name, seed, dtype, trainable: see `Layer`.

    Attributes:
        scale: Tensor of the shape of the features, from the first batch on.

    Called on x of any shape it returns that shape.

    Raises:
        ShapeError: the features differ from those of the first batch, or the batch has no such axis.
        TypeError: `axis` is not a whole number or a list of them.
        ValueError: `epsilon` is not positive.

    Source: Zhang and Sennrich, "Root mean square layer normalization" (2019), with the defaults of
    `keras.layers.RMSNormalization`.
    """

    supports_masking = True
    scale: Tensor

    def __init__(self, axis: int | Sequence[int] = -1, epsilon: float = 1e-6, **options: Any) -> None:
        super().__init__(**options)
        self.axis = axes_of("RMSNormalization", axis)
        self.epsilon = positive("RMSNormalization", epsilon)

    def build(self, shape: tuple[int, ...]) -> None:
        """See `Layer.build`."""
        self.scale = self.weight("scale", tuple([shape[axis] for axis in _within(self, len(shape))]), "ones")

    def call(self, x: Any) -> Any:
        """See the class."""
        x = self._floating(x)
        dtype, x = x.dtype, widened(x)
        axes = _within(self, len(x.shape))
        if tuple([x.shape[axis] for axis in axes]) != self.scale.shape:
            raise self.misfit(
                f"a batch of shape {x.shape} does not have {self.scale.shape} in axis {self.axis}, as the first batch"
            )
        shape = tuple([size if axis in axes else 1 for axis, size in enumerate(x.shape)])
        scaled = x / np.sqrt(_mean(x * x, axes) + self.epsilon)
        return narrowed(scaled * widened(self.scale).reshape(shape), dtype)


class UnitNormalization(Layer):
    """x ÷ √(sum of x² over the features): each example as a vector of length 1. A vector of zeros stays.

    Args:
        axis: the axis of the features, or several.
        name, dtype: see `Layer`.

    Called on x of any shape it returns that shape.

    Raises:
        ShapeError: the batch has no such axis.
        TypeError: `axis` is not a whole number or a list of them.
    """

    supports_masking = True

    def __init__(self, axis: int | Sequence[int] = -1, **options: Any) -> None:
        super().__init__(**options)
        self.axis = axes_of("UnitNormalization", axis)

    def call(self, x: Any) -> Any:
        """See the class."""
        x = self._floating(x)
        dtype, x = x.dtype, widened(x)
        square = np.sum(x * x, axis=_within(self, len(x.shape)), keepdims=True)
        return narrowed(x / np.sqrt(np.maximum(square, x.dtype.type(1e-24))), dtype)


def _within(layer: RMSNormalization | UnitNormalization, ndim: int) -> tuple[int, ...]:
    """Return the axes of the features, counted from the front."""
    given: Any = layer.axis if isinstance(layer.axis, tuple | list) else (layer.axis,)
    if not all(-ndim <= axis < ndim for axis in given):
        raise layer.misfit(f"a batch of {ndim} axes has no axis {layer.axis}")
    return tuple(sorted({axis % ndim for axis in given}))


def _mean(x: Any, axes: tuple[int, ...]) -> Any:
    """Return the mean over some axes; NumPy adds up neighbours in pairs, other axes need `mean_over`."""
    if axes == tuple(range(len(x.shape) - len(axes), len(x.shape))) or not x.size:
        return np.mean(x, axis=axes, keepdims=True)
    return mean_over(x, axes)

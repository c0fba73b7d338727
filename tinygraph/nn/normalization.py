"""Layers that give numbers a mean of 0 and a variance of 1: over the batch, or within each example."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygraph.engine.tensor import Tensor
from tinygraph.nn.module import Layer

__all__ = ["BatchNormalization", "LayerNormalization"]


class _Normalization(Layer):
    """gamma · (x − mean) ÷ √(variance + epsilon) + beta"""

    gamma: Tensor | None
    beta: Tensor | None

    def __init__(self, axis: int | Sequence[int], epsilon: float, center: bool, scale: bool, **options: Any) -> None:
        super().__init__(**options)
        if not epsilon > 0:
            raise ValueError(f"{type(self).__name__}: epsilon must be positive, got {epsilon!r}")
        self.axis = axis
        self.epsilon = epsilon
        self.center = center
        self.scale = scale

    def _axes(self, ndim: int) -> tuple[int, ...]:
        """Return the axes in `axis`, counted from the front."""
        given = self.axis if isinstance(self.axis, tuple | list) else (self.axis,)
        if not all(-ndim <= axis < ndim for axis in given):
            raise self.misfit(f"a batch of {ndim} axes has no axis {self.axis}")
        return tuple(sorted({axis % ndim for axis in given}))

    def _weights(self, shape: tuple[int, ...]) -> None:
        self.gamma = self.weight("gamma", shape, "ones") if self.scale else None
        self.beta = self.weight("beta", shape, "zeros") if self.center else None

    def _check(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Check the features of a batch, and return the shape in which weights broadcast with the batch."""
        axes = self._axes(len(shape))
        sizes = tuple(shape[axis] for axis in axes)
        if sizes != self.sizes:
            raise self.misfit(
                f"a batch of shape {shape} has {sizes} in axis {self.axis}, the first batch had {self.sizes}"
            )
        return tuple(size if axis in axes else 1 for axis, size in enumerate(shape))

    def build(self, shape: tuple[int, ...]) -> None:
        """See `Layer.build`."""
        self.sizes = tuple(shape[axis] for axis in self._axes(len(shape)))
        self._weights(self.sizes)

    def _normalized(self, centred: Any, variance: Any, shape: tuple[int, ...]) -> Any:
        result = centred / np.sqrt(variance + self.epsilon)
        if self.gamma is not None:
            result = result * self.gamma.reshape(shape)
        return result if self.beta is None else result + self.beta.reshape(shape)


class BatchNormalization(_Normalization):
    """Each feature with mean 0 and variance 1 over the batch, then scaled by `gamma` and shifted by `beta`.

    In training the layer uses the mean and variance of the batch, through which gradients flow, and keeps running
    means of both. After `eval()` it uses the running means.

    Args:
        axis: the axis of the features; the mean is over all other axes.
        momentum: the share of the running means that is kept at each batch.
        epsilon: added to the variance.
        center, scale: learn a `beta` to add, and a `gamma` to multiply by.
        name, dtype: see `Layer`.

    Attributes:
        gamma, beta: Tensors of shape (features,), from the first batch on, or None.
        moving_mean, moving_variance: Tensors of shape (features,) that require no gradient.

    Called on x of any shape it returns that shape.

    Raises:
        ShapeError: the features differ from those of the first batch, the batch is empty, or it has no such axis.
        ValueError: `epsilon` is not positive, or `momentum` is not from 0 to below 1.

    Source: Ioffe and Szegedy, "Batch normalization: accelerating deep network training by reducing internal covariate
    shift" (2015), algorithm 1, with the defaults of `keras.layers.BatchNormalization`.
    """

    moving_mean: Tensor
    moving_variance: Tensor

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 0.001,
        center: bool = True,
        scale: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(axis, epsilon, center, scale, **options)
        if not 0 <= momentum < 1:
            raise ValueError(f"BatchNormalization: momentum must be at least 0 and less than 1, got {momentum!r}")
        self.momentum = momentum

    def build(self, shape: tuple[int, ...]) -> None:
        """See `Layer.build`."""
        super().build(shape)
        self.moving_mean = self.weight("moving_mean", self.sizes, "zeros", trainable=False)
        self.moving_variance = self.weight("moving_variance", self.sizes, "ones", trainable=False)

    def call(self, x: Any) -> Any:
        """See the class."""
        x = self._floating(x)
        shape = self._check(x.shape)
        if not self.training:
            centred = x - self.moving_mean.reshape(shape)
            return self._normalized(centred, self.moving_variance.reshape(shape), shape)
        if not x.size:
            raise self.misfit(f"a batch of shape {x.shape} has no mean; in training there must be examples")
        axes = tuple(axis for axis, size in enumerate(shape) if axis not in self._axes(len(shape)))
        mean = np.mean(x, axis=axes, keepdims=True)
        centred = x - mean
        variance = np.mean(centred * centred, axis=axes, keepdims=True)
        result = self._normalized(centred, variance, shape)
        for moving, new in ((self.moving_mean, mean), (self.moving_variance, variance)):
            value = (new.data if isinstance(new, Tensor) else new).reshape(self.sizes)
            moving.assign(self.momentum * moving.data + (1 - self.momentum) * value)
        return result


class LayerNormalization(_Normalization):
    """Each example with mean 0 and variance 1 over its features, then scaled by `gamma` and shifted by `beta`.

    Args:
        axis: the axis of the features, or several.
        epsilon: added to the variance.
        center, scale: learn a `beta` to add, and a `gamma` to multiply by.
        name, dtype: see `Layer`.

    Attributes:
        gamma, beta: Tensors of the shape of the features, from the first batch on, or None.

    Called on x of any shape it returns that shape.

    Raises:
        ShapeError: the features differ from those of the first batch, or the batch has no such axis.
        ValueError: `epsilon` is not positive.

    Source: Ba, Kiros and Hinton, "Layer normalization" (2016), with the defaults of `keras.layers.LayerNormalization`.
    """

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        epsilon: float = 0.001,
        center: bool = True,
        scale: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(axis, epsilon, center, scale, **options)

    def call(self, x: Any) -> Any:
        """See the class."""
        x = self._floating(x)
        shape, axes = self._check(x.shape), self._axes(len(x.shape))
        centred = x - np.mean(x, axis=axes, keepdims=True)
        variance = np.mean(centred * centred, axis=axes, keepdims=True)
        return self._normalized(centred, variance, shape)

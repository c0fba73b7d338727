"""The parts that all normalisations share, and batch normalisation: mean 0 and variance 1 over the batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygraph import bounds
from tinygraph.engine.tensor import Tensor
from tinygraph.functions.means import mean_over
from tinygraph.nn import constraints, regularizers
from tinygraph.nn.initializers import Initializer, checked
from tinygraph.nn.layer import Layer

__all__ = ["BatchNormalization", "Normalization"]


class Normalization(Layer):
    """gamma · (x − mean) ÷ √(variance + epsilon) + beta

    float16 is computed in float32, because a sum of squares overflows early, and rounded at the end.
    """

    supports_masking = True
    gamma: Tensor | None
    beta: Tensor | None

    def __init__(
        self,
        axis: int | Sequence[int],
        epsilon: float,
        center: bool,
        scale: bool,
        beta_initializer: str | Initializer,
        gamma_initializer: str | Initializer,
        beta_regularizer: Any,
        gamma_regularizer: Any,
        beta_constraint: Any,
        gamma_constraint: Any,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.axis = axes_of(type(self).__name__, axis)
        self.epsilon = positive(type(self).__name__, epsilon)
        self.center = center
        self.scale = scale
        self.beta_initializer = checked(beta_initializer)
        self.gamma_initializer = checked(gamma_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)

    def _axes(self, ndim: int) -> tuple[int, ...]:
        """Return the axes in `axis`, counted from the front."""
        given = self.axis if isinstance(self.axis, tuple | list) else (self.axis,)
        if not all(-ndim <= axis < ndim for axis in given):
            raise self.misfit(f"a batch of {ndim} axes has no axis {self.axis}")
        return tuple(sorted({axis % ndim for axis in given}))

    def _weights(self, shape: tuple[int, ...]) -> None:
        self.gamma = self._own_weight("gamma", shape) if self.scale else None
        self.beta = self._own_weight("beta", shape) if self.center else None

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

    def _shifted(self, scaled: Any, shape: tuple[int, ...]) -> Any:
        return scaled if self.beta is None else scaled + widened(self.beta, scaled.dtype).reshape(shape)

    def _factor(self, variance: Any, shape: tuple[int, ...]) -> Any:
        """Return gamma ÷ √(variance + epsilon)."""
        deviation = np.sqrt(variance + self.epsilon)
        return 1 / deviation if self.gamma is None else widened(self.gamma, variance.dtype).reshape(shape) / deviation


def axes_of(call: str, axis: Any) -> Any:
    """Check an axis, or several.

    Raises:
        TypeError: an axis is not a whole number.
    """
    given = axis if isinstance(axis, tuple | list) else (axis,)
    if not given or not all(isinstance(item, int | np.integer) and not isinstance(item, bool) for item in given):
        raise TypeError(f"{call}: axis must be a whole number, or a list of them, got {axis!r}")
    return axis


def positive(call: str, epsilon: float) -> float:
    """Check the number under a root.

    Raises:
        ValueError: the number is not positive.
    """
    found: float = bounds.number(call, "epsilon", epsilon, above=0)
    return found


def widened(x: Any, dtype: Any = np.float32) -> Any:
    """Return x, and float16 in a wider dtype."""
    return x.astype(dtype) if x.dtype == np.float16 else x


def narrowed(y: Any, dtype: Any) -> Any:
    """Return a result in the dtype of the batch."""
    return y if y.dtype == dtype else y.astype(dtype)


class BatchNormalization(Normalization):
    """Each feature with mean 0 and variance 1 over the batch, then scaled by `gamma` and shifted by `beta`.

    In training the layer uses the mean and variance of the batch, through which gradients flow, and keeps running
    means of both. After `eval()`, and with `trainable=False`, it uses the running means. The variance is the mean
    square (division by the number of examples), in the running mean as well, as Keras keeps it. In float32 the
    statistics are as exact as in float64.

    Args:
        axis: the axis of the features; the mean is over all other axes.
        momentum: the share of the running means that is kept at each batch.
        epsilon: added to the variance.
        center, scale: learn a `beta` to add, and a `gamma` to multiply by.
        beta_initializer, gamma_initializer, moving_mean_initializer, moving_variance_initializer: the first values.
        beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint: see `Dense`.
        name, seed, dtype, trainable: see `Layer`.

    Attributes:
        gamma, beta: Tensors of shape (features,), from the first batch on, or None.
        moving_mean, moving_variance: Tensors of shape (features,) that require no gradient.

    Called on x of any shape it returns that shape. A mask has the shape of x without the last axis. Where it is False,
    numbers do not count in the statistics; it needs `axis=-1`.

    Raises:
        ShapeError: the features differ from those of the first batch, the batch is empty, it has no such axis, or the
            mask does not fit.
        TypeError: `axis` is not a whole number.
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
        beta_initializer: str | Initializer = "zeros",
        gamma_initializer: str | Initializer = "ones",
        moving_mean_initializer: str | Initializer = "zeros",
        moving_variance_initializer: str | Initializer = "ones",
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
            raise TypeError(f"BatchNormalization: axis must be one whole number, got {axis!r}")
        self.momentum = bounds.number("BatchNormalization", "momentum", momentum, least=0, below=1)
        self.moving_mean_initializer = checked(moving_mean_initializer)
        self.moving_variance_initializer = checked(moving_variance_initializer)

    def build(self, shape: tuple[int, ...]) -> None:
        """See `Layer.build`."""
        super().build(shape)
        self.moving_mean = self.weight("moving_mean", self.sizes, self.moving_mean_initializer, trainable=False)
        self.moving_variance = self.weight(
            "moving_variance", self.sizes, self.moving_variance_initializer, trainable=False
        )

    def call(self, x: Any, mask: Any = None) -> Any:
        """See the class."""
        x = self._floating(x)
        dtype, x = x.dtype, widened(x)
        shape = self._check(x.shape)
        if not (self.training and getattr(self, "trainable", True)):
            centred = x - widened(self.moving_mean).reshape(shape)
            variance = widened(self.moving_variance).reshape(shape)
        else:
            centred, mean, variance = self._statistics(x, shape, mask)
            self._keep(self.moving_mean, mean)
            self._keep(self.moving_variance, variance)
        return narrowed(self._shifted(centred * self._factor(variance, shape), shape), dtype)

    def _statistics(self, x: Any, shape: tuple[int, ...], mask: Any) -> tuple[Any, Any, Any]:
        """Return x without its mean, the mean, and the variance."""
        if not x.size:
            raise self.misfit(f"a batch of shape {x.shape} has no mean; in training there must be examples")
        features = self._axes(len(shape))
        axes = tuple(axis for axis in range(len(shape)) if axis not in features)
        if mask is None:
            mean = mean_over(x, axes)
            centred = x - mean
            return centred, mean, mean_over(centred * centred, axes)
        counted, share = self._counted(x, mask, features)
        mean = mean_over(np.where(counted, x, 0), axes) / share
        centred = x - mean
        return centred, mean, mean_over(np.where(counted, centred * centred, 0), axes) / share

    def _counted(self, x: Any, mask: Any, features: tuple[int, ...]) -> tuple[Any, Any]:
        """Return the mask in a shape that broadcasts with the batch, and the share of it that is True."""
        if mask.shape != x.shape[:-1] or features != (len(x.shape) - 1,):
            raise self.misfit(
                f"a mask of shape {mask.shape} does not fit a batch of shape {x.shape} whose features are in axis "
                f"{self.axis}; it must have the shape {x.shape[:-1]}, with axis=-1"
            )
        examples = mask.size
        return mask[..., None], ((np.sum(mask, dtype=np.float64) + 1e-7) / examples).astype(x.dtype)

    def _keep(self, moving: Tensor, new: Any) -> None:
        value = (new.data if isinstance(new, Tensor) else new).reshape(self.sizes)
        moving.assign(self.momentum * moving.data + (1 - self.momentum) * value)

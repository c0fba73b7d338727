"""Layers that disturb a network in training, so that it does not learn its examples by heart: dropout and noise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from tinygraph import bounds, draws
from tinygraph.nn.formats import LAST, check_format, shape_wanted
from tinygraph.nn.initializers import Seed
from tinygraph.nn.layer import Layer

__all__ = [
    "AlphaDropout", "Dropout", "GaussianDropout", "GaussianNoise", "SpatialDropout1D", "SpatialDropout2D",
    "SpatialDropout3D",
]  # fmt: skip

# The limit of selu for large negative numbers: its scale times its alpha.
_LOWEST_OF_SELU = -1.0507009873554805 * 1.6732632423543772


class Dropout(Layer):
    """Set a random share of the numbers to 0 in training, so that no number can rely on another.

    The numbers that stay are divided by 1 − rate, so that sums keep their size. After `eval()` the layer does nothing.

    Args:
        rate: the share, from 0 to below 1.
        noise_shape: the shape of the draws, which broadcasts with the batch; None in it is the size of the batch there:
            (None, 1, None) drops a feature in all steps, or in none.
        seed: an int, a NumPy generator to draw from, or None for new numbers in each run.
        name: see `Layer`.

    Called on x of any shape it returns that shape.

    Raises:
        ShapeError: the draws do not broadcast with a batch.
        TypeError: `noise_shape` is not a list of whole numbers and None.
        ValueError: the rate is out of its range.

    Source: Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov, "Dropout: a simple way to prevent neural
    networks from overfitting" (2014).
    """

    supports_masking = True

    def __init__(
        self, rate: float, noise_shape: Sequence[int | None] | None = None, seed: Seed = None, **options: Any
    ) -> None:
        super().__init__(seed=seed, **options)
        self.rate = _share(type(self).__name__, rate)
        if noise_shape is not None and (
            not isinstance(noise_shape, list | tuple)
            or not all([size is None or (type(size) is int and size > 0) for size in noise_shape])
        ):
            raise TypeError(
                f"{type(self).__name__}: noise_shape must be a tuple of positive whole numbers and None, got "
                f"{noise_shape!r}"
            )
        self.noise_shape = noise_shape

    def call(self, x: Any) -> Any:
        """See the class."""
        if not self.training or self.rate == 0:
            return x
        x = self._floating(x)
        kept = draws.uniform(self.generator, self._noise(x.shape), _fine(x)) >= self.rate
        return x * (kept * x.dtype.type(1 / (1 - self.rate)))

    def _noise(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the draws for a batch of this shape."""
        if self.noise_shape is None:
            return shape
        given = self.noise_shape
        if len(given) != len(shape) or any(
            [part not in (None, 1, size) for part, size in zip(given, shape, strict=True)]
        ):
            raise self.misfit(f"noise_shape {tuple(given)} does not broadcast with a batch of shape {shape}")
        return tuple([size if part is None else part for part, size in zip(given, shape, strict=True)])


class SpatialDropout1D(Dropout):
    """Dropout of whole features: a feature is 0 in all steps of a sequence, or in none.

    Args:
        rate: the share, from 0 to below 1.
        seed: an int, a NumPy generator to draw from, or None for new numbers in each run.
        name: see `Layer`.

    Called on x of shape (batch, steps, features) it returns that shape.

    Raises:
        ShapeError: a batch does not have 3 axes.
        ValueError: the rate is out of its range.

    Source: Tompson, Goroshin, Jain, LeCun and Bregler, "Efficient object localization using convolutional networks"
    (2015), section 3.2.
    """

    def __init__(self, rate: float, seed: Seed = None, **options: Any) -> None:
        super().__init__(rate, seed=seed, **options)

    def _noise(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        if len(shape) != 3:
            raise self.misfit(f"a batch must have the shape (batch, steps, features), got {shape}")
        return shape[0], 1, shape[2]


class _OfChannels(Dropout):
    """Dropout of whole channels of images or volumes."""

    rank: ClassVar[int]

    def __init__(self, rate: float, data_format: str | None = None, seed: Seed = None, **options: Any) -> None:
        super().__init__(rate, seed=seed, **options)
        self.data_format = check_format(type(self).__name__, data_format)

    def _noise(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        if len(shape) != self.rank + 2:
            raise self.misfit(shape_wanted(self.rank, self.data_format, shape))
        ones = (1,) * self.rank
        return (shape[0], *ones, shape[-1]) if self.data_format == LAST else (*shape[:2], *ones)


class SpatialDropout2D(_OfChannels):
    """Dropout of whole channels: a channel is 0 in all pixels of an image, or in none.

    Args:
        rate: the share, from 0 to below 1.
        data_format: "channels_last", the default, or "channels_first" for x of shape (batch, channels, height, width).
        seed: an int, a NumPy generator to draw from, or None for new numbers in each run.
        name: see `Layer`.

    Called on x of shape (batch, height, width, channels) it returns that shape.

    Raises:
        ShapeError: a batch does not have 4 axes.
        ValueError: the rate is out of its range.

    Source: as for `SpatialDropout1D`.
    """

    rank = 2


class SpatialDropout3D(_OfChannels):
    """`SpatialDropout2D` of volumes, of shape (batch, depth, height, width, channels).

    Args: as of `SpatialDropout2D`.

    Raises:
        ShapeError: a batch does not have 5 axes.
        ValueError: the rate is out of its range.
    """

    rank = 3


class GaussianNoise(Layer):
    """x plus normally distributed numbers of mean 0, in training. After `eval()` the layer does nothing.

    Args:
        stddev: the standard deviation.
        seed: an int, a NumPy generator to draw from, or None for new numbers in each run.
        name: see `Layer`.

    Raises:
        ValueError: the deviation is negative.
    """

    supports_masking = True

    def __init__(self, stddev: float, seed: Seed = None, **options: Any) -> None:
        super().__init__(seed=seed, **options)
        self.stddev = bounds.number("GaussianNoise", "stddev", stddev, least=0)

    def call(self, x: Any) -> Any:
        """See the class."""
        if not self.training or self.stddev == 0:
            return x
        x = self._floating(x)
        return x + (self.stddev * draws.normal(self.generator, x.shape, _fine(x))).astype(x.dtype)


class GaussianDropout(Layer):
    """x times normally distributed numbers of mean 1, in training. After `eval()` the layer does nothing.

    Args:
        rate: the numbers have the standard deviation √(rate ÷ (1 − rate)), that of the factors of `Dropout`.
        seed: an int, a NumPy generator to draw from, or None for new numbers in each run.
        name: see `Layer`.

    Raises:
        ValueError: the rate is not from 0 to below 1.

    Source: Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov (2014), section 10.
    """

    supports_masking = True

    def __init__(self, rate: float, seed: Seed = None, **options: Any) -> None:
        super().__init__(seed=seed, **options)
        self.rate = _share("GaussianDropout", rate)

    def call(self, x: Any) -> Any:
        """See the class."""
        if not self.training or self.rate == 0:
            return x
        x = self._floating(x)
        deviation = math.sqrt(self.rate / (1 - self.rate))
        return x * (1 + deviation * draws.normal(self.generator, x.shape, _fine(x))).astype(x.dtype)


class AlphaDropout(Dropout):
    """Dropout that keeps mean and variance of the results of `selu`: numbers become the lowest one, −1.7581.

    Args: as of `Dropout`.

    Source: Klambauer, Unterthiner, Mayr and Hochreiter, "Self-normalizing neural networks" (2017), section 2.
    """

    def call(self, x: Any) -> Any:
        """See the class."""
        if not self.training or self.rate == 0:
            return x
        x = self._floating(x)
        kept = draws.uniform(self.generator, self._noise(x.shape), _fine(x)) >= self.rate
        scale = ((1 - self.rate) * (1 + self.rate * _LOWEST_OF_SELU**2)) ** -0.5
        shift = -scale * _LOWEST_OF_SELU * self.rate
        return np.where(kept, x, x.dtype.type(_LOWEST_OF_SELU)) * x.dtype.type(scale) + x.dtype.type(shift)


def _share(call: str, rate: float) -> float:
    found: float = bounds.number(call, "rate", rate, least=0, below=1)
    return found


def _fine(x: Any) -> Any:
    """Return the dtype to draw in for a batch."""
    return np.float64 if x.dtype == np.float64 else np.float32

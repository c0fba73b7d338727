"""Pooling: one number a channel for each window, or for all of an example."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from tinygraph.functions.pooling import avg_pool2d, max_pool2d
from tinygraph.functions.windows import Padding
from tinygraph.nn.formats import check_format, from_last
from tinygraph.nn.over_axes import OverAxes
from tinygraph.nn.sliding import pooled
from tinygraph.nn.windowed import Size, numbers

__all__ = [
    "AveragePooling1D",
    "AveragePooling2D",
    "AveragePooling3D",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAveragePooling3D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GlobalMaxPooling3D",
    "MaxPooling1D",
    "MaxPooling2D",
    "MaxPooling3D",
]


class _Pooling(OverAxes):
    """The base of pooling layers: one number a window and channel, computed by `_pool`."""

    _pool: ClassVar[Callable[..., Any]]

    def __init__(
        self,
        pool_size: Size = 2,
        strides: Size | None = None,
        padding: Padding = "valid",
        data_format: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        kind = type(self).__name__
        self.pool_size = numbers(kind, "pool_size", pool_size, self.rank)
        self.strides = self.pool_size if strides is None else numbers(kind, "strides", strides, self.rank)
        self.padding = padding
        self.data_format = check_format(kind, data_format)

    def call(self, x: Any) -> Any:
        """See the class."""
        x = self._floating(self._last(x))
        return from_last(pooled(self._pool, x, self.pool_size, self.strides, self.padding), self.data_format)


class MaxPooling1D(_Pooling):
    """The largest number in each window of a sequence, channel by channel.

    Args:
        pool_size: steps of the window.
        strides: steps between windows; by default the size of the window.
        padding: "valid", "same", an int or (before, after).
        data_format: "channels_last", the default, or "channels_first" for x of shape (batch, channels, steps).
        name: see `Layer`.

    Called on x of shape (batch, steps, channels) it returns shape (batch, out_steps, channels).

    Raises:
        ShapeError: the window is longer than the sequence.
        ValueError: a number is not positive.
    """

    rank = 1
    _pool = staticmethod(max_pool2d)


class MaxPooling2D(_Pooling):
    """The largest number in each window, channel by channel.

    Args:
        pool_size: size of the window, one int or (rows, columns).
        strides: pixels between windows; by default the size of the window.
        padding: "valid", "same", an int or pairs: see `tinygraph.max_pool2d`.
        data_format: "channels_last", the default, or "channels_first" for x of shape (batch, channels, height, width).
        name: see `Layer`.

    Called on x of shape (batch, height, width, channels) it returns shape (batch, out_height, out_width, channels).

    Raises:
        ShapeError: the window is larger than the image.
        ValueError: a number is not positive.
    """

    rank = 2
    _pool = staticmethod(max_pool2d)


class MaxPooling3D(_Pooling):
    """The largest number in each window of a volume, channel by channel.

    Args: as of `MaxPooling2D`, with one int or three for the window and the strides.

    Called on x of shape (batch, depth, height, width, channels) it returns shape (batch, out_depth, out_height,
    out_width, channels).

    Raises:
        ShapeError: the window is larger than the volume.
        ValueError: a number is not positive.
    """

    rank = 3
    _pool = staticmethod(max_pool2d)


class AveragePooling1D(_Pooling):
    """The mean of the numbers in each window of a sequence, channel by channel; padding does not count.

    Args:
        pool_size: steps of the window.
        strides: steps between windows; by default the size of the window.
        padding: "valid", "same", an int or (before, after).
        data_format: "channels_last", the default, or "channels_first" for x of shape (batch, channels, steps).
        name: see `Layer`.

    Called on x of shape (batch, steps, channels) it returns shape (batch, out_steps, channels).

    Raises:
        ShapeError: the window is longer than the sequence.
        ValueError: a number is not positive.
    """

    rank = 1
    _pool = staticmethod(avg_pool2d)


class AveragePooling2D(_Pooling):
    """The mean of the numbers in each window, channel by channel; padding does not count.

    Args:
        pool_size: size of the window, one int or (rows, columns).
        strides: pixels between windows; by default the size of the window.
        padding: "valid", "same", an int or pairs: see `tinygraph.avg_pool2d`.
        data_format: "channels_last", the default, or "channels_first" for x of shape (batch, channels, height, width).
        name: see `Layer`.

    Called on x of shape (batch, height, width, channels) it returns shape (batch, out_height, out_width, channels).

    Raises:
        ShapeError: the window is larger than the image.
        ValueError: a number is not positive.
    """

    rank = 2
    _pool = staticmethod(avg_pool2d)


class AveragePooling3D(_Pooling):
    """The mean of the numbers in each window of a volume, channel by channel; padding does not count.

    Args: as of `AveragePooling2D`, with one int or three for the window and the strides.

    Called on x of shape (batch, depth, height, width, channels) it returns shape (batch, out_depth, out_height,
    out_width, channels).

    Raises:
        ShapeError: the window is larger than the volume.
        ValueError: a number is not positive.
    """

    rank = 3
    _pool = staticmethod(avg_pool2d)


class _Global(OverAxes):
    """The base of layers that make one number of each channel of an example."""

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.data_format = check_format(type(self).__name__, data_format)
        self.keepdims = keepdims

    def _reduced(self, x: Any, reduce: Callable[..., Any]) -> Any:
        """Return the reduction along one axis after the other, so that a float32 mean adds up few numbers at a time."""
        x = self._floating(self._last(x))
        if not all(x.shape[1:-1]):
            raise self.misfit(f"a batch of shape {x.shape} has nothing to pool")
        for axis in range(self.rank, 0, -1):
            x = reduce(x, axis=axis, keepdims=self.keepdims)
        return from_last(x, self.data_format) if self.keepdims else x


class GlobalAveragePooling1D(_Global):
    """The mean of each channel of a sequence.

    Args:
        data_format: "channels_last", the default, or "channels_first" for x of shape (batch, channels, steps).
        keepdims: keep the axis of steps, with a size of 1.
        name: see `Layer`.

    Called on x of shape (batch, steps, channels) it returns shape (batch, channels). With a mask of shape (batch,
    steps) the mean is over the steps where it is True.

    Raises:
        ShapeError: the batch has another number of axes, no steps, or a mask of another shape.
    """

    rank = 1

    def call(self, x: Any, mask: Any = None) -> Any:
        """See the class."""
        if mask is None:
            return self._reduced(x, np.mean)
        x = self._floating(self._last(x))
        if mask.shape != x.shape[:2]:
            raise self.misfit(f"a mask must have the shape {x.shape[:2]} of batch and steps, got {mask.shape}")
        kept = mask.reshape(*mask.shape, 1).astype(x.dtype)
        total = np.sum(np.where(kept != 0, x, 0.0), axis=1, keepdims=self.keepdims)
        mean = total / np.sum(kept, axis=1, keepdims=self.keepdims)
        return from_last(mean, self.data_format) if self.keepdims else mean

    def compute_mask(self, x: Any, mask: Any = None) -> None:
        """Return None: the result has no steps to mask."""


class GlobalAveragePooling2D(_Global):
    """The mean of each channel of an image.

    Args:
        data_format: "channels_last", the default, or "channels_first" for x of shape (batch, channels, height, width).
        keepdims: keep the axes of height and width, with a size of 1.
        name: see `Layer`.

    Called on x of shape (batch, height, width, channels) it returns shape (batch, channels).

    Raises:
        ShapeError: the batch has another number of axes, or no pixels.

    Source: Lin, Chen and Yan, "Network in network" (2013), section 3.2.
    """

    rank = 2

    def call(self, x: Any) -> Any:
        """See the class."""
        return self._reduced(x, np.mean)


class GlobalAveragePooling3D(_Global):
    """The mean of each channel of a volume.

    Args: as of `GlobalAveragePooling2D`.

    Called on x of shape (batch, depth, height, width, channels) it returns shape (batch, channels).

    Raises:
        ShapeError: the batch has another number of axes, or no numbers.
    """

    rank = 3

    def call(self, x: Any) -> Any:
        """See the class."""
        return self._reduced(x, np.mean)


class GlobalMaxPooling1D(_Global):
    """The largest number of each channel of a sequence.

    Args:
        data_format: "channels_last", the default, or "channels_first" for x of shape (batch, channels, steps).
        keepdims: keep the axis of steps, with a size of 1.
        name: see `Layer`.

    Called on x of shape (batch, steps, channels) it returns shape (batch, channels).

    Raises:
        ShapeError: the batch has another number of axes, or no steps.
    """

    rank = 1

    def call(self, x: Any) -> Any:
        """See the class."""
        return self._reduced(x, np.max)


class GlobalMaxPooling2D(_Global):
    """The largest number of each channel of an image.

    Args:
        data_format: "channels_last", the default, or "channels_first" for x of shape (batch, channels, height, width).
        keepdims: keep the axes of height and width, with a size of 1.
        name: see `Layer`.

    Called on x of shape (batch, height, width, channels) it returns shape (batch, channels).

    Raises:
        ShapeError: the batch has another number of axes, or no pixels.
    """

    rank = 2

    def call(self, x: Any) -> Any:
        """See the class."""
        return self._reduced(x, np.max)


class GlobalMaxPooling3D(_Global):
    """The largest number of each channel of a volume.

    Args: as of `GlobalMaxPooling2D`.

    Called on x of shape (batch, depth, height, width, channels) it returns shape (batch, channels).

    Raises:
        ShapeError: the batch has another number of axes, or no numbers.
    """

    rank = 3

    def call(self, x: Any) -> Any:
        """See the class."""
        return self._reduced(x, np.max)

"""Pooling into a given number of windows, whatever the size of the batch."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tinygraph.nn.formats import check_format, from_last
from tinygraph.nn.over_axes import OverAxes
from tinygraph.nn.windowed import Size, numbers

__all__ = [
    "AdaptiveAveragePooling1D",
    "AdaptiveAveragePooling2D",
    "AdaptiveAveragePooling3D",
    "AdaptiveMaxPooling1D",
    "AdaptiveMaxPooling2D",
    "AdaptiveMaxPooling3D",
    "largest_in_windows",
    "mean_in_windows",
    "windows",
]  # fmt: skip


def windows(size: int, count: int) -> list[tuple[int, int]]:
    """Return the beginnings and ends of windows side by side; where they do not fit they overlap by one."""
    return [(i * size // count, -(-(i + 1) * size // count)) for i in range(count)]


def mean_in_windows(x: Any, axis: int, count: int) -> Any:
    """Return the mean in each of the windows along an axis."""
    size = x.shape[axis]
    if size % count == 0:
        shape = (*x.shape[:axis], count, size // count, *x.shape[axis + 1 :])
        return np.mean(x.reshape(shape), axis=axis + 1)
    lead, rest = x.shape[:axis], x.shape[axis + 1 :]
    rows = x.reshape(*lead, size, int(np.prod(rest)))
    return (_shares(size, count, x.dtype.str) @ rows).reshape(*lead, count, *rest)


@lru_cache(maxsize=64)
def _shares(size: int, count: int, dtype: str) -> NDArray[Any]:
    """Return the matrix of the means in windows, shape (count, size)."""
    matrix = np.zeros((count, size), dtype)
    for row, (begin, end) in enumerate(windows(size, count)):
        matrix[row, begin:end] = 1 / (end - begin)
    matrix.flags.writeable = False
    return matrix


def largest_in_windows(x: Any, axis: int, count: int) -> Any:
    """Return the largest number in each of the windows along an axis."""
    before = (slice(None),) * axis
    parts = [np.max(x[(*before, slice(*window))], axis=axis) for window in windows(x.shape[axis], count)]
    return np.stack(parts, axis=axis)


class _Adaptive(OverAxes):
    """The base of pooling into a given number of windows, along one axis after the other by `_along`.

    Args:
        output_size: the number of windows, one int or one for each axis.
        data_format: "channels_last", the default, or "channels_first".
        name: see `Layer`.

    Raises:
        ShapeError: the batch has another number of axes.
        ValueError: a number is not positive.
    """

    _along: ClassVar[Callable[..., Any]]

    def __init__(self, output_size: Size, data_format: str | None = None, **options: Any) -> None:
        super().__init__(**options)
        kind = type(self).__name__
        self.output_size = numbers(kind, "output_size", output_size, self.rank)
        self.data_format = check_format(kind, data_format)

    def call(self, x: Any) -> Any:
        """See the class."""
        x = self._floating(self._last(x))
        for axis, count in enumerate(self.output_size, 1):
            x = type(self)._along(x, axis, count)
        return from_last(x, self.data_format)


class AdaptiveAveragePooling1D(_Adaptive):
    """The means of a given number of parts of a sequence, channel by channel: see `AdaptiveAveragePooling2D`."""

    rank = 1
    _along = staticmethod(mean_in_windows)


class AdaptiveAveragePooling2D(_Adaptive):
    """The means of a given number of parts of an image, channel by channel.

    Called on x of shape (batch, height, width, channels) it returns shape (batch, *output_size, channels). The windows
    lie side by side; where they do not fit into the image, they overlap by a row or a column.

    Args:
        output_size: the number of windows, one int or (rows, columns).
        data_format: "channels_last", the default, or "channels_first".
        name: see `Layer`.

    Raises:
        ShapeError: the batch has another number of axes.
        ValueError: a number is not positive.
    """

    rank = 2
    _along = staticmethod(mean_in_windows)


class AdaptiveAveragePooling3D(_Adaptive):
    """The means of a given number of parts of a volume, channel by channel: see `AdaptiveAveragePooling2D`."""

    rank = 3
    _along = staticmethod(mean_in_windows)


class AdaptiveMaxPooling1D(_Adaptive):
    """The largest numbers of a given number of parts of a sequence: see `AdaptiveAveragePooling2D`."""

    rank = 1
    _along = staticmethod(largest_in_windows)


class AdaptiveMaxPooling2D(_Adaptive):
    """The largest numbers of a given number of parts of an image: see `AdaptiveAveragePooling2D`."""

    rank = 2
    _along = staticmethod(largest_in_windows)


class AdaptiveMaxPooling3D(_Adaptive):
    """The largest numbers of a given number of parts of a volume: see `AdaptiveAveragePooling2D`."""

    rank = 3
    _along = staticmethod(largest_in_windows)

"""Layers that make images and sequences larger or smaller: UpSampling, ZeroPadding, Cropping."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygraph.nn.formats import check_format, from_last, shape_wanted, to_last
from tinygraph.nn.layer import Layer
from tinygraph.nn.reshaping import repeated
from tinygraph.nn.windowed import Size, numbers

__all__ = [
    "Cropping1D", "Cropping2D", "Cropping3D", "UpSampling1D", "UpSampling2D", "UpSampling3D", "ZeroPadding1D",
    "ZeroPadding2D", "ZeroPadding3D",
]  # fmt: skip

Array = NDArray[Any]
Edges = int | tuple[Any, ...] | list[Any]


class _Sized(Layer):
    """A layer on batches of images or sequences; a subclass computes `_resized` of a batch with its channels last."""

    rank = 2

    def __init__(self, data_format: str | None, **options: Any) -> None:
        super().__init__(**options)
        self.data_format = check_format(type(self).__name__, data_format)

    def _resized(self, x: Any) -> Any:
        raise NotImplementedError

    def call(self, x: Any) -> Any:
        """See the class."""
        if len(x.shape) != self.rank + 2:
            raise self.misfit(shape_wanted(self.rank, self.data_format, x.shape))
        return from_last(self._resized(to_last(x, self.data_format)), self.data_format)


class UpSampling1D(_Sized):
    """Each step of a sequence several times.

    Args:
        size: how often.
        name: see `Layer`.

    Called on x of shape (batch, steps, channels) it returns shape (batch, steps · size, channels).

    Raises:
        ShapeError: the batch has another number of axes.
        ValueError: `size` is not positive.
    """

    rank = 1

    def __init__(self, size: int = 2, **options: Any) -> None:
        super().__init__(None, **options)
        (self.size,) = numbers("UpSampling1D", "size", size, 1)

    def _resized(self, x: Any) -> Any:
        return repeated(x, 1, self.size)


class UpSampling2D(_Sized):
    """Images whose height and width are multiples of those of x.

    Args:
        size: the factors, one int or (vertical, horizontal).
        data_format: "channels_last", the default, or "channels_first" for x of shape (batch, channels, height, width).
        interpolation: "nearest", each pixel several times, or "bilinear", between the middles of pixels, and as the
            outermost pixels beyond those.
        name: see `Layer`.

    Called on x of shape (batch, height, width, channels) it returns shape (batch, height · size, width · size,
    channels).

    Raises:
        ShapeError: the batch has another number of axes.
        ValueError: a factor is not positive, or there is no such interpolation here.
    """

    def __init__(
        self,
        size: int | tuple[int, int] = 2,
        data_format: str | None = None,
        interpolation: str = "nearest",
        **options: Any,
    ) -> None:
        super().__init__(data_format, **options)
        self.size = numbers("UpSampling2D", "size", size, 2)
        if interpolation not in ("nearest", "bilinear"):
            raise ValueError(f'UpSampling2D: interpolation must be "nearest" or "bilinear", got {interpolation!r}')
        self.interpolation = interpolation

    def _resized(self, x: Any) -> Any:
        if self.interpolation == "nearest":
            return repeated(repeated(x, 1, self.size[0]), 2, self.size[1])
        x = self._floating(x)
        count, height, width, channels = x.shape
        down, right = (between(x.shape[axis + 1], self.size[axis], x.dtype.str) for axis in range(2))
        tall = (down @ x.reshape(count, height, width * channels)).reshape(count, len(down), width, channels)
        return right @ tall


class UpSampling3D(_Sized):
    """Volumes whose depth, height and width are multiples of those of x: each number several times.

    Args:
        size: the factors, one int or (along the depth, vertical, horizontal).
        data_format, name: as of `UpSampling2D`.

    Raises:
        ShapeError: the batch has another number of axes.
        ValueError: a factor is not positive.
    """

    rank = 3

    def __init__(self, size: Size = 2, data_format: str | None = None, **options: Any) -> None:
        super().__init__(data_format, **options)
        self.size = numbers("UpSampling3D", "size", size, 3)

    def _resized(self, x: Any) -> Any:
        for axis, times in enumerate(self.size, 1):
            x = repeated(x, axis, times)
        return x


@lru_cache(maxsize=64)
def between(size: int, factor: int, dtype: str) -> Array:
    """Return the matrix of linear interpolation, shape (size · factor, size): the middle of each pixel of the result
    lies between the middles of two pixels.
    """
    place = np.clip((np.arange(size * factor) + 0.5) / factor - 0.5, 0, max(size - 1, 0))
    matrix: Array = np.maximum(1 - np.abs(place[:, np.newaxis] - np.arange(size)), 0).astype(dtype)
    matrix.flags.writeable = False
    return matrix


class ZeroPadding1D(_Sized):
    """Zeros before and after a sequence.

    Args:
        padding: how many steps, one int or (before, after).
        data_format: "channels_last", the default, or "channels_first" for x of shape (batch, channels, steps).
        name: see `Layer`.

    Called on x of shape (batch, steps, channels) it returns shape (batch, before + steps + after, channels).

    Raises:
        ShapeError: the batch has another number of axes.
        ValueError: a number is negative.
    """

    rank = 1

    def __init__(self, padding: Edges = 1, data_format: str | None = None, **options: Any) -> None:
        super().__init__(data_format, **options)
        self.padding = numbers("ZeroPadding1D", "padding", padding, 2, 0)

    def _resized(self, x: Any) -> Any:
        return np.pad(x, ((0, 0), self.padding, (0, 0)))


class ZeroPadding2D(_Sized):
    """Zeros around images.

    Args:
        padding: how many pixels: one int, (vertical, horizontal), or ((top, bottom), (left, right)).
        data_format: "channels_last", the default, or "channels_first" for x of shape (batch, channels, height, width).
        name: see `Layer`.

    Called on x of shape (batch, height, width, channels) it returns shape (batch, top + height + bottom, left + width
    + right, channels).

    Raises:
        ShapeError: the batch has another number of axes.
        ValueError: a number is negative.
    """

    def __init__(self, padding: Edges = 1, data_format: str | None = None, **options: Any) -> None:
        super().__init__(data_format, **options)
        self.padding = edges("ZeroPadding2D", "padding", padding)

    def _resized(self, x: Any) -> Any:
        return np.pad(x, ((0, 0), *self.padding, (0, 0)))


class ZeroPadding3D(_Sized):
    """Zeros around volumes.

    Args:
        padding: how many: one int, one for each axis, or three pairs (before, after).
        data_format, name: as of `ZeroPadding2D`.

    Raises:
        ShapeError: the batch has another number of axes.
        ValueError: a number is negative.
    """

    rank = 3

    def __init__(
        self, padding: Edges = ((1, 1), (1, 1), (1, 1)), data_format: str | None = None, **options: Any
    ) -> None:
        super().__init__(data_format, **options)
        self.padding = edges("ZeroPadding3D", "padding", padding, 3)

    def _resized(self, x: Any) -> Any:
        return np.pad(x, ((0, 0), *self.padding, (0, 0)))


class Cropping1D(_Sized):
    """Sequences without their first and last steps.

    Args:
        cropping: how many steps, one int or (before, after).
        name: see `Layer`.

    Called on x of shape (batch, steps, channels) it returns shape (batch, steps − before − after, channels).

    Raises:
        ShapeError: nothing is left, or the batch has another number of axes.
        ValueError: a number is negative.
    """

    rank = 1

    def __init__(self, cropping: Edges = (1, 1), **options: Any) -> None:
        super().__init__(None, **options)
        self.cropping = numbers("Cropping1D", "cropping", cropping, 2, 0)

    def _resized(self, x: Any) -> Any:
        return inside(self, x, (self.cropping,))


class Cropping2D(_Sized):
    """Images without their edges.

    Args:
        cropping: how many pixels: one int, (vertical, horizontal), or ((top, bottom), (left, right)).
        data_format: "channels_last", the default, or "channels_first" for x of shape (batch, channels, height, width).
        name: see `Layer`.

    Called on x of shape (batch, height, width, channels) it returns shape (batch, height − top − bottom, width − left
    − right, channels).

    Raises:
        ShapeError: nothing is left, or the batch has another number of axes.
        ValueError: a number is negative.
    """

    def __init__(self, cropping: Edges = ((0, 0), (0, 0)), data_format: str | None = None, **options: Any) -> None:
        super().__init__(data_format, **options)
        self.cropping = edges("Cropping2D", "cropping", cropping)

    def _resized(self, x: Any) -> Any:
        return inside(self, x, self.cropping)


class Cropping3D(_Sized):
    """Volumes without their edges.

    Args:
        cropping: how many: one int, one for each axis, or three pairs (before, after).
        data_format, name: as of `Cropping2D`.

    Raises:
        ShapeError: nothing is left, or the batch has another number of axes.
        ValueError: a number is negative.
    """

    rank = 3

    def __init__(
        self, cropping: Edges = ((1, 1), (1, 1), (1, 1)), data_format: str | None = None, **options: Any
    ) -> None:
        super().__init__(data_format, **options)
        self.cropping = edges("Cropping3D", "cropping", cropping, 3)

    def _resized(self, x: Any) -> Any:
        return inside(self, x, self.cropping)


def inside(layer: _Sized, x: Any, cropping: tuple[tuple[int, ...], ...]) -> Any:
    """Return a batch, its channels last, without its edges.

    Raises:
        ShapeError: nothing is left of an axis.
    """
    if any(sum(cut) >= size for cut, size in zip(cropping, x.shape[1:-1], strict=True)):
        raise layer.misfit(f"nothing is left of a batch of shape {x.shape} after cropping {layer.cropping}")  # type: ignore[attr-defined]
    return x[(slice(None), *(slice(a, size - b) for (a, b), size in zip(cropping, x.shape[1:-1], strict=True)))]


def edges(call: str, name: str, value: Any, rank: int = 2) -> tuple[tuple[int, ...], ...]:
    """Return a pair (before, after) for each axis, ((top, bottom), (left, right)), from one int, one an axis, or all.

    Raises:
        TypeError: a number is no int.
        ValueError: a number is negative, or their number is another.
    """
    given = tuple(value) if isinstance(value, tuple | list) else (value,) * rank
    if len(given) != rank:
        several = {2: "two", 3: "three"}[rank]
        raise ValueError(f"{call}: {name} must be one number, or {several}, or {several} pairs, got {value!r}")
    return tuple([numbers(call, name, item, 2, 0) for item in given])

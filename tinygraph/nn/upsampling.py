"""Layers that make sequences, images and volumes larger: UpSampling."""

from __future__ import annotations

from typing import Any

from tinygraph.nn.image_sizes import resized
from tinygraph.nn.over_axes import Resized
from tinygraph.nn.reshaping import repeated
from tinygraph.nn.windowed import Size, numbers

__all__ = ["UpSampling1D", "UpSampling2D", "UpSampling3D"]


class UpSampling1D(Resized):
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


class UpSampling2D(Resized):
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
        height, width = (size * factor for size, factor in zip(x.shape[1:3], self.size, strict=True))
        return resized(self._floating(x), height, width)


class UpSampling3D(Resized):
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

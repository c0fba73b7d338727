"""Images of another size: stretched, or cut out."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygraph import bounds, draws
from tinygraph.nn.formats import check_format, from_last, to_last
from tinygraph.nn.initializers import Seed
from tinygraph.nn.layer import Layer

__all__ = ["CenterCrop", "RandomCrop", "Resizing", "resized"]

INTERPOLATIONS = ("bilinear", "nearest", "bicubic", "lanczos3", "lanczos5")


def resized(images: Any, height: int, width: int, interpolation: str = "bilinear", antialias: bool = False) -> Any:
    """Return images of another height and width.

    Args:
        images: floating numbers, shape (batch, rows, columns, channels).
        height, width: of the result.
        interpolation: "nearest", or "bilinear", "bicubic", "lanczos3" or "lanczos5" between the middles of pixels.
        antialias: a pixel of a smaller image is a mean of all pixels under it, not of those nearest to its middle.
    """
    count, rows, columns, channels = images.shape
    if interpolation == "nearest":
        down, right = (_nearest(size, wanted) for size, wanted in ((rows, height), (columns, width)))
        images = images if height == rows else images[:, down]
        return images if width == columns else images[:, :, right]
    if height != rows:
        down = _matrix(rows, height, interpolation, antialias, images.dtype.str)
        images = (down @ images.reshape(count, rows, columns * channels)).reshape(count, height, columns, channels)
    return images if width == columns else _matrix(columns, width, interpolation, antialias, images.dtype.str) @ images


def _nearest(size: int, wanted: int) -> NDArray[Any]:
    return np.minimum(((np.arange(wanted) + 0.5) * size / wanted).astype(np.intp), size - 1)


@lru_cache(maxsize=64)
def _matrix(size: int, wanted: int, interpolation: str, antialias: bool, dtype: str) -> NDArray[Any]:
    """Return the matrix of an interpolation, shape (wanted, size)."""
    step = size / wanted
    place = (np.arange(wanted)[:, np.newaxis] + 0.5) * step - 0.5
    x = np.abs(place - np.arange(size)) / (max(step, 1.0) if antialias else 1.0)
    if interpolation == "bilinear":
        weights = np.maximum(1 - x, 0)
    elif interpolation == "bicubic":  # Keys's kernel
        weights = np.where(x < 1, (1.5 * x - 2.5) * x * x + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2) * (x < 2)
    else:
        radius = int(interpolation[-1])
        weights = np.sinc(x) * np.sinc(x / radius) * (x < radius)
    found: NDArray[Any] = (weights / weights.sum(axis=1, keepdims=True)).astype(dtype)
    found.flags.writeable = False
    return found


def _part_of_shape(size: tuple[int, int], wanted: tuple[int, int]) -> tuple[slice, slice]:
    """Return the largest part in the middle of an image whose sides have the proportions of another size."""
    parts = []
    for own, other, to, to_other in ((*size, *wanted), (*size[::-1], *wanted[::-1])):
        part = max(min(own, int(other * to / to_other)), 1)
        begin = int((own - part) / 2)
        parts.append(slice(begin, begin + part))
    return parts[0], parts[1]


class _OfSize(Layer):
    """The base of layers whose images have a height and a width; a subclass computes `_made`, channels last."""

    def __init__(self, height: int, width: int, data_format: str | None, **options: Any) -> None:
        super().__init__(**options)
        kind = type(self).__name__
        self.height = bounds.whole(kind, "height", height, least=1)
        self.width = bounds.whole(kind, "width", width, least=1)
        self.data_format = check_format(kind, data_format)

    def call(self, x: Any) -> Any:
        """See the class."""
        if len(x.shape) not in (3, 4):
            raise self.misfit(f"images must have the shape (batch, height, width, channels), got {x.shape}")
        batch = x if len(x.shape) == 4 else x[np.newaxis]
        y = from_last(self._made(to_last(batch, self.data_format)), self.data_format)
        return y if len(x.shape) == 4 else y[0]

    def _made(self, x: Any) -> Any:
        raise NotImplementedError

    def _stretched(self, x: Any) -> Any:
        """Return the largest part with the proportions of the result, stretched to its size."""
        down, right = _part_of_shape((x.shape[1], x.shape[2]), (self.height, self.width))
        return resized(x[:, down, right], self.height, self.width)


class Resizing(_OfSize):
    """Images stretched to a size.

    Args:
        height, width: of the result.
        interpolation: "bilinear", "nearest", "bicubic", "lanczos3" or "lanczos5".
        crop_to_aspect_ratio: cut the images to the proportions of the result first.
        pad_to_aspect_ratio: put `fill_value` beside the images first, until they have these proportions.
        fill_mode: "constant".
        fill_value: beside images, for `pad_to_aspect_ratio`.
        antialias: a smaller image has means of all pixels.
        data_format: "channels_last", the default, or "channels_first".
        name: see `Layer`.

    Called on x of shape (batch, rows, columns, channels) or (rows, columns, channels) it returns these axes with
    `height` and `width`. Integers are rounded, and stay what they are.

    Raises:
        ValueError: an argument is none of these.
        ShapeError: the batch has another number of axes.
    """

    def __init__(
        self,
        height: int,
        width: int,
        interpolation: str = "bilinear",
        crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False,
        fill_mode: str = "constant",
        fill_value: float = 0.0,
        antialias: bool = False,
        data_format: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(height, width, data_format, **options)
        if interpolation not in INTERPOLATIONS or fill_mode != "constant":
            raise ValueError(
                f'Resizing: interpolation must be one of {", ".join(INTERPOLATIONS)}, and fill_mode "constant", got '
                f"{interpolation!r} and {fill_mode!r}"
            )
        if crop_to_aspect_ratio and pad_to_aspect_ratio:
            raise ValueError("Resizing: images are cut or padded; give crop_to_aspect_ratio or pad_to_aspect_ratio")
        self.interpolation, self.antialias = interpolation, antialias
        self.crop_to_aspect_ratio, self.pad_to_aspect_ratio = crop_to_aspect_ratio, pad_to_aspect_ratio
        self.fill_mode, self.fill_value = fill_mode, fill_value

    def _made(self, x: Any) -> Any:
        dtype = x.dtype
        rows, columns = x.shape[1:3]
        if self.crop_to_aspect_ratio:
            down, right = _part_of_shape((rows, columns), (self.height, self.width))
            x = x[:, down, right]
        elif self.pad_to_aspect_ratio:
            above, left = (int((max(own, int(other * to / per)) - own) / 2) for own, other, to, per in (
                (rows, columns, self.height, self.width), (columns, rows, self.width, self.height)))  # fmt: skip
            x = np.pad(x, ((0, 0), (above, above), (left, left), (0, 0)), constant_values=self.fill_value)
        if self.interpolation == "nearest":
            return resized(x, self.height, self.width, "nearest")
        if dtype.kind == "f":
            return resized(x, self.height, self.width, self.interpolation, self.antialias)
        found = np.round(resized(x.astype(np.float32), self.height, self.width, self.interpolation, self.antialias))
        low, high = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
        return np.clip(found, low, high).astype(dtype)


class CenterCrop(_OfSize):
    """The middles of images. Of an image that is smaller, the largest part with the right proportions is stretched.

    Args:
        height, width: of the result.
        data_format: "channels_last", the default, or "channels_first".
        name: see `Layer`.

    Raises:
        ValueError: a number is not positive.
        ShapeError: the batch has another number of axes.
    """

    def __init__(self, height: int, width: int, data_format: str | None = None, **options: Any) -> None:
        super().__init__(height, width, data_format, **options)

    def _made(self, x: Any) -> Any:
        x = self._floating(x)
        down, right = x.shape[1] - self.height, x.shape[2] - self.width
        if down < 0 or right < 0:
            return self._stretched(x)
        return x[:, down // 2 : down // 2 + self.height, right // 2 : right // 2 + self.width]


class RandomCrop(_OfSize):
    """A part of the images at a drawn place, in training, the same for all images of a batch.

    After `eval()`, and where the images are not larger than the part, it is the largest part in the middle with the
    proportions of the result, stretched to its size.

    Args:
        height, width: of the result.
        seed: an int, a NumPy generator to draw from, or None for new numbers in each run.
        data_format: "channels_last", the default, or "channels_first".
        name: see `Layer`.

    Raises:
        ValueError: a number is not positive.
        ShapeError: the batch has another number of axes.
    """

    def __init__(
        self, height: int, width: int, seed: Seed = None, data_format: str | None = None, **options: Any
    ) -> None:
        super().__init__(height, width, data_format, seed=seed, **options)

    def _made(self, x: Any) -> Any:
        x = self._floating(x)
        down, right = x.shape[1] - self.height, x.shape[2] - self.width
        if not self.training or down <= 0 or right <= 0:
            return self._stretched(x)
        places = draws.uniform(self.generator, (2,), np.float32) * np.array([down + 1, right + 1], np.float32)
        row, column = places.astype(np.intp)
        return x[:, row + np.arange(self.height)][:, :, column + np.arange(self.width)]

"""Images turned, moved, stretched, or in another light, by chance, in training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygraph import bounds, draws
from tinygraph.nn.formats import check_format, from_last, to_last
from tinygraph.nn.initializers import Seed
from tinygraph.nn.layer import Layer

__all__ = ["RandomBrightness", "RandomContrast", "RandomRotation", "RandomTranslation", "RandomZoom", "moved"]

Range = float | Sequence[float]

FILLS = ("reflect", "wrap", "nearest", "constant")


def moved(images: Any, places: Any, fill_mode: str, fill_value: float, interpolation: str) -> Any:
    """Return images whose pixels come from other places.

    Args:
        images: shape (batch, height, width, channels).
        places: for each image six numbers: the pixel at (column x, row y) comes from column a x + b y + c and row
            d x + e y + f. Shape (batch, 6).
        fill_mode: what lies beyond an image: "reflect", its mirror image; "wrap", the same image; "nearest", its edge;
            "constant", `fill_value`.
        fill_value: see `fill_mode`.
        interpolation: "bilinear", between four pixels, or "nearest", the nearest one.
    """
    batch, height, width, _ = images.shape
    down, right = np.arange(height, dtype=np.float32)[:, np.newaxis], np.arange(width, dtype=np.float32)
    numbers = places[:, :, np.newaxis, np.newaxis]
    x = numbers[:, 0] * right + numbers[:, 1] * down + numbers[:, 2]
    y = numbers[:, 3] * right + numbers[:, 4] * down + numbers[:, 5]
    each = np.arange(batch)[:, np.newaxis, np.newaxis]

    def pixels(row: Any, column: Any) -> Any:
        found = images[each, _within(row, height, fill_mode), _within(column, width, fill_mode)]
        if fill_mode != "constant":
            return found
        inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
        return np.where(inside[..., np.newaxis], found, images.dtype.type(fill_value))

    if interpolation == "nearest":
        return pixels(np.floor(y + 0.5).astype(np.intp), np.floor(x + 0.5).astype(np.intp))
    top, left = np.floor(y), np.floor(x)
    below, beside = (y - top)[..., np.newaxis], (x - left)[..., np.newaxis]
    row, column = top.astype(np.intp), left.astype(np.intp)
    below, beside = below.astype(images.dtype), beside.astype(images.dtype)
    upper = pixels(row, column) * (1 - beside) + pixels(row, column + 1) * beside
    lower = pixels(row + 1, column) * (1 - beside) + pixels(row + 1, column + 1) * beside
    return upper * (1 - below) + lower * below


def _within(index: Any, size: int, fill_mode: str) -> Any:
    """Return indices inside of an axis for any indices."""
    if fill_mode == "reflect":
        turn = index % (2 * size)
        return np.where(turn >= size, 2 * size - 1 - turn, turn)
    return index % size if fill_mode == "wrap" else np.clip(index, 0, size - 1)


def _range(call: str, name: str, given: Range, least: float = -math.inf) -> tuple[float, float]:
    """Return the lower and the upper end of a range: a number f is from −f to f."""
    if isinstance(given, Sequence):
        low, high = (bounds.number(call, name, item, least=least) for item in given)
    else:
        high = bounds.number(call, name, given, least=0)
        low = max(-high, least)
    if low > high:
        raise ValueError(f"{call}: {name} must be a number, or two that rise, got {given!r}")
    return float(low), float(high)


class _OfImages(Layer):
    """A layer that changes each image by chance, in training; a subclass computes `_changed`, channels last."""

    data_format = "channels_last"

    def call(self, x: Any) -> Any:
        """See the class."""
        if len(x.shape) not in (3, 4):
            raise self.misfit(f"images must have the shape (batch, height, width, channels), got {x.shape}")
        if not self.training:
            return x
        x = self._floating(x)
        if len(x.shape) == 3:
            return from_last(self._changed(to_last(x[np.newaxis], self.data_format)), self.data_format)[0]
        return from_last(self._changed(to_last(x, self.data_format)), self.data_format)

    def _changed(self, x: Any) -> Any:
        raise NotImplementedError

    def _drawn(self, count: int, ends: tuple[float, float]) -> Any:
        """Return a number between the ends for each image."""
        return ends[0] + (ends[1] - ends[0]) * draws.uniform(self.generator, (count, 1), np.float32)


class _Moved(_OfImages):
    """A layer whose pixels come from other places: `_places` of each image."""

    def __init__(
        self, fill_mode: str, interpolation: str, seed: Seed, fill_value: float, data_format: str | None, **options: Any
    ) -> None:
        super().__init__(seed=seed, **options)
        kind = type(self).__name__
        if fill_mode not in FILLS or interpolation not in ("bilinear", "nearest"):
            raise ValueError(
                f'{kind}: fill_mode must be one of {", ".join(FILLS)}, and interpolation "bilinear" or "nearest", got '
                f"{fill_mode!r} and {interpolation!r}"
            )
        self.fill_mode, self.interpolation, self.fill_value = fill_mode, interpolation, fill_value
        self.data_format = check_format(kind, data_format)

    def _changed(self, x: Any) -> Any:
        places = np.concatenate(self._places(*x.shape[:3]), axis=1)
        return moved(x, places, self.fill_mode, self.fill_value, self.interpolation)

    def _places(self, count: int, height: int, width: int) -> list[Any]:
        raise NotImplementedError


class RandomTranslation(_Moved):
    """Each image moved by chance, in training. After `eval()` the layer does nothing.

    Args:
        height_factor, width_factor: the largest way up or down, and to the left or right, as a share of the image; or
            two, such as (-0.2, 0.3): from a fifth up to three tenths down.
        fill_mode: what lies beyond an image: "reflect", "wrap", "nearest" or "constant".
        interpolation: "bilinear" or "nearest".
        seed: an int, a NumPy generator to draw from, or None for new numbers in each run.
        fill_value: beyond an image, for "constant".
        data_format: "channels_last" or "channels_first".
        name: see `Layer`.

    Called on x of shape (batch, height, width, channels) or (height, width, channels) it returns that shape.

    Raises:
        ValueError: an argument is none of these.
        ShapeError: the batch has another number of axes.
    """

    def __init__(
        self,
        height_factor: Range,
        width_factor: Range,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: Seed = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **options)
        self.height_factor, self.width_factor = height_factor, width_factor
        self._down = _range("RandomTranslation", "height_factor", height_factor)
        self._right = _range("RandomTranslation", "width_factor", width_factor)

    def _places(self, count: int, height: int, width: int) -> list[Any]:
        down, right = height * self._drawn(count, self._down), width * self._drawn(count, self._right)
        zero = np.zeros_like(down)
        return [zero + 1, zero, -right, zero, zero + 1, -down]


class RandomRotation(_Moved):
    """Each image turned by chance, in training. After `eval()` the layer does nothing.

    Args:
        factor: the largest angle, as a share of a full turn; or two, such as (-0.1, 0.2).
        fill_mode, interpolation, seed, fill_value, data_format, name: as of `RandomTranslation`.

    Called on x of shape (batch, height, width, channels) or (height, width, channels) it returns that shape.

    Raises:
        ValueError, ShapeError: as of `RandomTranslation`.
    """

    def __init__(
        self,
        factor: Range,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: Seed = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **options)
        self.factor = factor
        self._turns = _range("RandomRotation", "factor", factor)

    def _places(self, count: int, height: int, width: int) -> list[Any]:
        angle = np.float32(2 * math.pi) * self._drawn(count, self._turns)
        cos, sin, x, y = np.cos(angle), np.sin(angle), (width - 1) / 2, (height - 1) / 2
        return [cos, -sin, x - x * cos + y * sin, sin, cos, y - x * sin - y * cos]


class RandomZoom(_Moved):
    """Each image made larger or smaller by chance, in training. After `eval()` the layer does nothing.

    Args:
        height_factor: the largest change of the height, as a share: 0.2 for between 0.8 and 1.2; or two: (0.2, 0.3)
            shows from 20 % to 30 % more, (-0.3, -0.2) less.
        width_factor: the same for the width; None for that of the height, so that an image keeps its proportions.
        fill_mode, interpolation, seed, fill_value, data_format, name: as of `RandomTranslation`.

    Called on x of shape (batch, height, width, channels) or (height, width, channels) it returns that shape.

    Raises:
        ValueError, ShapeError: as of `RandomTranslation`.
    """

    def __init__(
        self,
        height_factor: Range,
        width_factor: Range | None = None,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: Seed = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **options)
        self.height_factor, self.width_factor = height_factor, width_factor
        self._tall = _range("RandomZoom", "height_factor", height_factor, -1)
        self._wide = None if width_factor is None else _range("RandomZoom", "width_factor", width_factor, -1)

    def _places(self, count: int, height: int, width: int) -> list[Any]:
        tall = 1 + self._drawn(count, self._tall)
        wide = tall if self._wide is None else 1 + self._drawn(count, self._wide)
        zero = np.zeros_like(tall)
        return [wide, zero, (width - 1) / 2 * (1 - wide), zero, tall, (height - 1) / 2 * (1 - tall)]


class RandomContrast(_OfImages):
    """Each image with more or less contrast by chance, in training. After `eval()` the layer does nothing.

    Args:
        factor: (a, b): the distances from the mean of each channel are multiplied by a number from 1 − a to 1 + b; a
            number for both.
        value_range: the lowest and the highest number of an image; the result stays between them.
        seed: an int, a NumPy generator to draw from, or None for new numbers in each run.
        name: see `Layer`.

    Raises:
        ValueError: a number is out of its range.
        ShapeError: the batch has another number of axes.
    """

    def __init__(
        self, factor: Range, value_range: Sequence[float] = (0, 255), seed: Seed = None, **options: Any
    ) -> None:
        super().__init__(seed=seed, **options)
        self.factor, self.value_range = factor, tuple(value_range)
        ends = tuple(factor) if isinstance(factor, Sequence) else (factor, factor)
        less, more = (bounds.number("RandomContrast", "factor", item, least=0) for item in ends)
        self._ends = 1.0 - float(less), 1.0 + float(more)

    def _changed(self, x: Any) -> Any:
        factor = self._drawn(x.shape[0], self._ends)[:, :, np.newaxis, np.newaxis].astype(x.dtype)
        mean = np.mean(np.mean(x, axis=1, keepdims=True), axis=2, keepdims=True)
        return np.clip((x - mean) * factor + mean, self.value_range[0], self.value_range[1])


class RandomBrightness(_OfImages):
    """Each image lighter or darker by chance, in training. After `eval()` the layer does nothing.

    Args:
        factor: the largest change, as a share of the range; or two, such as (-0.1, 0.2).
        value_range: the lowest and the highest number of an image; the result stays between them.
        seed: an int, a NumPy generator to draw from, or None for new numbers in each run.
        name: see `Layer`.

    Raises:
        ValueError: a number is out of its range.
        ShapeError: the batch has another number of axes.
    """

    def __init__(
        self, factor: Range, value_range: Sequence[float] = (0, 255), seed: Seed = None, **options: Any
    ) -> None:
        super().__init__(seed=seed, **options)
        self.factor, self.value_range = factor, tuple(value_range)
        self._ends = _range("RandomBrightness", "factor", factor, -1)

    def _changed(self, x: Any) -> Any:
        change = (self.value_range[1] - self.value_range[0]) * self._drawn(x.shape[0], self._ends)
        return np.clip(
            x + change[:, :, np.newaxis, np.newaxis].astype(x.dtype), self.value_range[0], self.value_range[1]
        )

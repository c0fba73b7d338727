"""Images turned, moved, stretched or slanted, by chance, in training."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygraph import bounds, draws
from tinygraph.nn.initializers import Seed
from tinygraph.nn.random_images import OfImages, Range, ends_of

__all__ = [
    "RandomPerspective",
    "RandomRotation",
    "RandomShear",
    "RandomTranslation",
    "RandomZoom",
    "homography",
    "moved",
]

FILLS = ("reflect", "wrap", "nearest", "constant")


def moved(images: Any, places: Any, fill_mode: str, fill_value: float, interpolation: str) -> Any:
    """Return images whose pixels come from other places.

    Args:
        images: shape (batch, height, width, channels).
        places: for each image six numbers: the pixel at (column x, row y) comes from column a x + b y + c and row
            d x + e y + f, shape (batch, 6); or eight, where both are divided by g x + h y + 1.
        fill_mode: what lies beyond an image: "reflect", its mirror image; "wrap", the same image; "nearest", its edge;
            "constant", `fill_value`.
        fill_value: see `fill_mode`.
        interpolation: "bilinear", between four pixels, or "nearest", the nearest one.
    """
    _, height, width, _ = images.shape
    down, right = np.arange(height, dtype=np.float32)[:, np.newaxis], np.arange(width, dtype=np.float32)
    numbers = places[:, :, np.newaxis, np.newaxis]
    x = numbers[:, 0] * right + numbers[:, 1] * down + numbers[:, 2]
    y = numbers[:, 3] * right + numbers[:, 4] * down + numbers[:, 5]
    if places.shape[1] == 8:
        depth = numbers[:, 6] * right + numbers[:, 7] * down + 1
        x, y = x / depth, y / depth
    each = np.arange(images.shape[0])[:, np.newaxis, np.newaxis]

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


def homography(start: Any, end: Any) -> Any:
    """Return the eight numbers of `moved` that bring four points of each image to four others.

    Args:
        start, end: (column, row) of the points, shape (batch, 4, 2).
    """
    (x, y), (u, v) = ((points[..., 0], points[..., 1]) for points in (start, end))
    one, zero = np.ones_like(u), np.zeros_like(u)
    of_x = np.stack([u, v, one, zero, zero, zero, -x * u, -x * v], axis=-1)
    of_y = np.stack([zero, zero, zero, u, v, one, -y * u, -y * v], axis=-1)
    matrix, target = np.concatenate([of_x, of_y], axis=1), np.concatenate([x, y], axis=1)
    return np.linalg.solve(matrix, target[..., np.newaxis])[..., 0]


def _within(index: Any, size: int, fill_mode: str) -> Any:
    """Return indices inside of an axis for any indices."""
    if fill_mode == "reflect":
        turn = index % (2 * size)
        return np.where(turn >= size, 2 * size - 1 - turn, turn)
    return index % size if fill_mode == "wrap" else np.clip(index, 0, size - 1)


class _Moved(OfImages):
    """A layer whose pixels come from other places: `_places` of each image."""

    def __init__(
        self, fill_mode: str, interpolation: str, seed: Seed, fill_value: float, data_format: str | None, **options: Any
    ) -> None:
        super().__init__(data_format=data_format, seed=seed, **options)
        kind = type(self).__name__
        if fill_mode not in FILLS or interpolation not in ("bilinear", "nearest"):
            raise ValueError(
                f'{kind}: fill_mode must be one of {", ".join(FILLS)}, and interpolation "bilinear" or "nearest", got '
                f"{fill_mode!r} and {interpolation!r}"
            )
        self.fill_mode, self.interpolation, self.fill_value = fill_mode, interpolation, fill_value

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
        self._down = ends_of("RandomTranslation", "height_factor", height_factor)
        self._right = ends_of("RandomTranslation", "width_factor", width_factor)

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
        self._turns = ends_of("RandomRotation", "factor", factor)

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
        self._tall = ends_of("RandomZoom", "height_factor", height_factor, -1)
        self._wide = None if width_factor is None else ends_of("RandomZoom", "width_factor", width_factor, -1)

    def _places(self, count: int, height: int, width: int) -> list[Any]:
        tall = 1 + self._drawn(count, self._tall)
        wide = tall if self._wide is None else 1 + self._drawn(count, self._wide)
        zero = np.zeros_like(tall)
        return [wide, zero, (width - 1) / 2 * (1 - wide), zero, tall, (height - 1) / 2 * (1 - tall)]


class RandomShear(_Moved):
    """Each image slanted by chance, in training. After `eval()` the layer does nothing.

    Args:
        x_factor: the largest way to the left or right, as a share of the way down; or two, such as (0.1, 0.3), for
            ways in the one or the other direction.
        y_factor: the same for the way up or down.
        interpolation, fill_mode, fill_value, data_format, seed, name: as of `RandomTranslation`.

    Called on x of shape (batch, height, width, channels) or (height, width, channels) it returns that shape.

    Raises:
        ValueError, ShapeError: as of `RandomTranslation`.
    """

    def __init__(
        self,
        x_factor: Range = 0.0,
        y_factor: Range = 0.0,
        interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        data_format: str | None = None,
        seed: Seed = None,
        **options: Any,
    ) -> None:
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **options)
        self.x_factor, self.y_factor = x_factor, y_factor
        self._aside = ends_of("RandomShear", "x_factor", x_factor, -1, 1)
        self._down = ends_of("RandomShear", "y_factor", y_factor, -1, 1)

    def _places(self, count: int, height: int, width: int) -> list[Any]:
        sign = np.where(self._drawn(count, (0.0, 1.0)) > 0.5, np.float32(-1), np.float32(1))
        aside, down = sign * self._drawn(count, self._aside), sign * self._drawn(count, self._down)
        zero = np.zeros_like(aside)
        return [zero + 1, aside, zero, down, zero + 1, zero]


class RandomPerspective(_Moved):
    """Each image seen from another side by chance, in training. After `eval()` the layer does nothing.

    Args:
        factor: the chance of an image to be changed is a number drawn between 0 and this; or between two.
        scale: the largest way of a corner, as twice its share of the image.
        interpolation, fill_value, seed, data_format, name: as of `RandomTranslation`.

    Called on x of shape (batch, height, width, channels) or (height, width, channels) it returns that shape.

    Raises:
        ValueError, ShapeError: as of `RandomTranslation`.
    """

    def __init__(
        self,
        factor: Range = 1.0,
        scale: float = 1.0,
        interpolation: str = "bilinear",
        fill_value: float = 0.0,
        seed: Seed = None,
        data_format: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__("constant", interpolation, seed, fill_value, data_format, **options)
        self.factor, self.scale = factor, bounds.number("RandomPerspective", "scale", scale, least=0, most=1)
        self._ends = ends_of("RandomPerspective", "factor", factor, 0, 1)

    def _changed(self, x: Any) -> Any:
        count, height, width, _ = x.shape
        corners = np.array([[0, 0], [width - 1, 0], [0, height - 1], [width - 1, height - 1]], np.float32)
        ways = self.scale * (draws.uniform(self.generator, (count, 4, 2), np.float32) - np.float32(0.5))
        start = corners + np.zeros((count, 1, 1), np.float32)
        seen = moved(x, homography(start, start * (1 + ways)), "constant", self.fill_value, self.interpolation)
        return np.where(self._chosen(x, self._ends), seen, x)

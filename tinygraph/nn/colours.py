"""Images in other colours by chance, in training; hue, saturation and value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygraph import bounds
from tinygraph.nn.initializers import Seed
from tinygraph.nn.random_images import OfImages, Range, ends_of, in_range
from tinygraph.nn.tones import RandomBrightness, RandomContrast

__all__ = [
    "RandomColorDegeneration",
    "RandomColorJitter",
    "RandomGrayscale",
    "RandomHue",
    "RandomSaturation",
    "brightness_of",
    "hsv_of",
    "rgb_of",
    "with_hue",
    "with_saturation",
]


def brightness_of(x: Any) -> Any:
    """Return the brightness of colours, in one channel: 0.2989 red + 0.587 green + 0.114 blue."""
    weights = np.array([0.2989, 0.587, 0.114], x.dtype if x.dtype.kind == "f" else np.float32)
    return (x @ weights[:, None]).astype(x.dtype)


def hsv_of(x: Any) -> Any:
    """Return hue, saturation and value of red, green and blue in the last axis, all from 0 to 1."""
    x = np.where(np.abs(x) < np.finfo(x.dtype).eps, x.dtype.type(0), x)
    r, g, b = (x[..., channel] for channel in range(3))
    value = np.maximum(np.maximum(r, g), b)
    spread = value - np.minimum(np.minimum(r, g), b)
    one = x.dtype.type(1)
    saturation = np.where(value > 0, spread / np.where(value > 0, value, one), 0 * one)
    scale = 1 / (6 * np.where(spread > 0, spread, one))
    hue = np.where(value == g, scale * (b - r) + 2 / 6, scale * (r - g) + 4 / 6)
    hue = np.where(value == r, scale * (g - b), hue)
    hue = np.where(spread > 0, hue, 0 * one)
    hue = hue + np.where(hue < 0, one, 0 * one)
    return np.stack([hue, saturation, value], axis=-1).astype(x.dtype)


def rgb_of(x: Any) -> Any:
    """Return red, green and blue of hue, saturation and value in the last axis: `hsv_of` undone."""
    hue, saturation, value = (x[..., channel] for channel in range(3))
    sixth = np.mod(hue, 1) * 6
    parts = np.abs(sixth - 3) - 1, 2 - np.abs(sixth - 2), 2 - np.abs(sixth - 4)
    colours = [value * ((1 - saturation) + saturation * np.clip(part, 0, 1)) for part in parts]
    return np.stack(colours, axis=-1).astype(x.dtype)


def with_saturation(x: Any, factor: Any, value_range: Sequence[float]) -> Any:
    """Return images with their saturation multiplied, within the range.

    Args:
        x: images.
        factor: for each image, shape (batch, 1, 1).
        value_range: the lowest and the highest saturation.
    """
    hsv = hsv_of(x)
    saturation = np.clip(hsv[..., 1] * factor, value_range[0], value_range[1])
    return rgb_of(np.stack([hsv[..., 0], saturation, hsv[..., 2]], axis=-1))


def with_hue(x: Any, turn: Any, value_range: Sequence[float]) -> Any:
    """Return images with their hue turned.

    Args:
        x: images.
        turn: for each image, from −0.5 to 0.5 of the circle; shape (batch, 1, 1).
        value_range: the lowest and the highest number of an image.
    """
    hsv = hsv_of(in_range(x, value_range, (0, 1)))
    hue = hsv[..., 0] + turn
    hue = np.where(hue > 1, hue - 1, hue)
    hue = np.where(hue < 0, hue + 1, hue)
    turned = np.clip(rgb_of(np.stack([hue, hsv[..., 1], hsv[..., 2]], axis=-1)), 0, 1)
    return in_range(turned, (0, 1), value_range)


class _OfColours(OfImages):
    """A layer with a factor and a range of values, on images of three channels."""

    colours = True

    def __init__(
        self,
        factor: Range,
        value_range: Sequence[float] = (0, 255),
        data_format: str | None = None,
        seed: Seed = None,
        **options: Any,
    ) -> None:
        super().__init__(data_format=data_format, seed=seed, **options)
        self.factor, self.value_range = factor, tuple(value_range)
        self._ends = ends_of(type(self).__name__, "factor", factor, *self._bounds)

    _bounds: tuple[float, float] = (-1, 1)


class RandomSaturation(_OfColours):
    """Each image with stronger or weaker colours by chance, in training. After `eval()` the layer does nothing.

    Args:
        factor: a number f is drawn between the ends, and the saturation is multiplied by f ÷ (1 − f): 0.5 changes
            nothing, 0 leaves grey, 1 as much colour as there is. A number is for between itself and its negative,
            whose images are grey, as in Keras.
        value_range: the saturation stays between these.
        data_format: "channels_last" or "channels_first".
        seed: an int, a NumPy generator to draw from, or None for new numbers in each run.
        name: see `Layer`.

    Raises:
        ValueError: a number is out of its range.
        ShapeError: the images do not have three channels.
    """

    def _changed(self, x: Any) -> Any:
        factor = self._numbers(x, self._ends)[..., 0]
        return with_saturation(x, factor / (1 - factor + 1e-7), self.value_range)


class RandomHue(_OfColours):
    """Each image with its colours turned on the circle of hues by chance, in training. After `eval()` it does nothing.

    Args:
        factor: how far, as a share of half the circle: a number drawn between 0 and this; or between two.
        value_range: the lowest and the highest number of an image.
        data_format: "channels_last" or "channels_first".
        seed: an int, a NumPy generator to draw from, or None for new numbers in each run.
        name: see `Layer`.

    Raises:
        ValueError: a number is out of its range.
        ShapeError: the images do not have three channels.
    """

    _bounds = (0, 1)

    def _changed(self, x: Any) -> Any:
        chance = self._numbers(x, (0.0, 1.0))[..., 0]
        sign = np.where(chance > 0.5, -np.ones_like(chance), np.ones_like(chance))
        return with_hue(x, sign * self._numbers(x, self._ends)[..., 0] * 0.5, self.value_range)


class RandomColorDegeneration(_OfColours):
    """Each image nearer to grey by chance, or farther from it, in training. After `eval()` the layer does nothing.

    Args:
        factor: the share of grey is a number drawn between this and its negative; or between two, from −1 to 1.
        value_range: the lowest and the highest number of an image; the result stays between them.
        data_format: "channels_last" or "channels_first".
        seed: an int, a NumPy generator to draw from, or None for new numbers in each run.
        name: see `Layer`.

    Raises:
        ValueError: a number is out of its range.
        ShapeError: the images do not have three channels.
    """

    def _changed(self, x: Any) -> Any:
        grey = x + self._numbers(x, self._ends) * (brightness_of(x) - x)
        return np.clip(grey, self.value_range[0], self.value_range[1])


class RandomGrayscale(OfImages):
    """Each image in grey by chance, in training. After `eval()` the layer does nothing.

    Args:
        factor: the chance of an image to become grey.
        data_format: "channels_last" or "channels_first".
        seed: an int, a NumPy generator to draw from, or None for new numbers in each run.
        name: see `Layer`.

    Raises:
        ValueError: the factor is not from 0 to 1.
        ShapeError: the images do not have three channels.
    """

    colours = True

    def __init__(self, factor: float = 0.5, data_format: str | None = None, seed: Seed = None, **options: Any) -> None:
        super().__init__(data_format=data_format, seed=seed, **options)
        self.factor = bounds.number("RandomGrayscale", "factor", factor, least=0, most=1)

    def _changed(self, x: Any) -> Any:
        return np.where(self._numbers(x, (0.0, 1.0)) < self.factor, brightness_of(x), x)


class RandomColorJitter(OfImages):
    """Each image with another brightness, contrast, saturation and hue by chance, in training.

    Args:
        value_range: the lowest and the highest number of an image.
        brightness_factor, contrast_factor, saturation_factor, hue_factor: the factors of `RandomBrightness`,
            `RandomContrast`, `RandomSaturation` and `RandomHue`, in this order; None leaves one out.
        seed: an int, a NumPy generator to draw from, or None for new numbers in each run.
        data_format: "channels_last" or "channels_first".
        name: see `Layer`.

    Raises:
        ValueError: a number is out of its range.
        ShapeError: the images do not have three channels.
    """

    def __init__(
        self,
        value_range: Sequence[float] = (0, 255),
        brightness_factor: Range | None = None,
        contrast_factor: Range | None = None,
        saturation_factor: Range | None = None,
        hue_factor: Range | None = None,
        seed: Seed = None,
        data_format: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(data_format=data_format, seed=seed, **options)
        self.value_range = tuple(value_range)
        self.brightness_factor, self.contrast_factor = brightness_factor, contrast_factor
        self.saturation_factor, self.hue_factor = saturation_factor, hue_factor
        given = (
            (RandomBrightness, brightness_factor),
            (RandomContrast, contrast_factor),
            (RandomSaturation, saturation_factor),
            (RandomHue, hue_factor),
        )
        self._changes: list[OfImages] = [
            kind(factor, value_range=self.value_range, seed=self.generator)
            for kind, factor in given
            if factor is not None
        ]

    def _changed(self, x: Any) -> Any:
        for change in self._changes:
            x = change(x, training=True)
        return x

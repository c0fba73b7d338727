"""Images in another light: brighter, with more contrast, in fewer or in other tones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygraph import bounds
from tinygraph.nn.initializers import Seed
from tinygraph.nn.random_images import OfImages, Range, ends_of, in_range

__all__ = [
    "AutoContrast",
    "Equalization",
    "RandomBrightness",
    "RandomContrast",
    "RandomInvert",
    "RandomPosterization",
    "Solarization",
    "equalized",
    "posterized",
    "solarized",
    "with_full_contrast",
]

BYTE = (0.0, 255.0)


def with_full_contrast(x: Any, value_range: Sequence[float]) -> Any:
    """Return images each of whose channels goes from the lowest to the highest number of the range."""
    bytes_of_x = in_range(x, value_range, BYTE)
    low = np.min(bytes_of_x, axis=(1, 2), keepdims=True)
    span = np.max(bytes_of_x, axis=(1, 2), keepdims=True) - low
    scale = 255 / np.where(span == 0, np.ones_like(span), span)
    return np.where(span == 0, x, in_range(np.clip(bytes_of_x * scale - low * scale, 0, 255), BYTE, value_range))


def posterized(x: Any, bits: Any, value_range: Sequence[float]) -> Any:
    """Return images with so many bits a channel: the highest of the eight bits of each number.

    Args:
        x: images.
        bits: for each image, shape (batch, 1, 1, 1).
        value_range: the lowest and the highest number of an image.
    """
    step = 2 ** (8 - bits)
    whole = np.floor(np.clip(in_range(x, value_range, BYTE), 0, 255))
    return in_range(np.floor(whole / step) * step, BYTE, value_range)


def solarized(x: Any, additions: Any, thresholds: Any, value_range: Sequence[float]) -> Any:
    """Return images to which numbers are added, and whose tones above a threshold are inverted.

    Args:
        x: images.
        additions, thresholds: for each image, from 0 to 255; shape (batch, 1, 1, 1).
        value_range: the lowest and the highest number of an image.
    """
    lighter = np.clip(in_range(x, value_range, BYTE) + additions, 0, 255)
    return in_range(np.where(lighter < thresholds, lighter, 255 - lighter), BYTE, value_range)


def equalized(x: Any, value_range: Sequence[float], bins: int) -> Any:
    """Return images whose tones are spread: as many pixels of the batch in each bin of a channel, about."""
    return np.stack([_equalized(x[..., channel], value_range, bins) for channel in range(x.shape[-1])], axis=-1)


def _equalized(x: Any, value_range: Sequence[float], bins: int) -> Any:
    tones = in_range(x, value_range, BYTE)
    places = np.clip(tones * (bins - 1) / 255, 0, bins - 1).astype(np.intp)
    counts = np.bincount(places.reshape(-1), minlength=bins)
    up_to = np.cumsum(counts)
    first = up_to[np.argmax(up_to > 0)]
    table = np.round((up_to - first) * 255 / np.maximum(up_to[-1] - first, 1)).astype(x.dtype)
    found = table[np.clip(tones / 255 * (bins - 1), 0, bins - 1).astype(np.intp)]
    return in_range(np.where(np.count_nonzero(counts) <= 1, tones, found), BYTE, value_range)


class RandomInvert(OfImages):
    """Each image as its negative by chance, in training. After `eval()` the layer does nothing.

    Args:
        factor: the chance of an image to be inverted is a number drawn between 0 and this; or between two.
        value_range: the lowest and the highest number of an image.
        seed: an int, a NumPy generator to draw from, or None for new numbers in each run.
        data_format: "channels_last" or "channels_first".
        name: see `Layer`.

    Raises:
        ValueError: a number is out of its range.
        ShapeError: the batch has another number of axes.
    """

    def __init__(
        self,
        factor: Range = 1.0,
        value_range: Sequence[float] = (0, 255),
        seed: Seed = None,
        data_format: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(data_format=data_format, seed=seed, **options)
        self.factor, self.value_range = factor, tuple(value_range)
        self._ends = ends_of("RandomInvert", "factor", factor, 0, 1)

    def _changed(self, x: Any) -> Any:
        return np.where(self._chosen(x, self._ends), self.value_range[1] - x, x)


class RandomPosterization(OfImages):
    """Each image in fewer tones by chance, in training. After `eval()` the layer does nothing.

    Args:
        factor: the number of bits for a channel is a whole number drawn from 1 to below this; or from the first of two
            to below the second; or the number itself, where both are the same.
        value_range: the lowest and the highest number of an image.
        data_format: "channels_last" or "channels_first".
        seed: an int, a NumPy generator to draw from, or None for new numbers in each run.
        name: see `Layer`.

    Raises:
        ValueError: a number is out of its range.
        ShapeError: the batch has another number of axes.
    """

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
        self._ends = ends_of("RandomPosterization", "factor", factor, 1, 8)

    def _changed(self, x: Any) -> Any:
        return posterized(x, np.floor(self._numbers(x, self._ends)), self.value_range)


class Solarization(OfImages):
    """Each image with its lighter tones inverted, by chance, in training. After `eval()` the layer does nothing.

    Args:
        addition_factor: a number drawn between 0 and this share of 255 is added; or between the first of two and the
            second's share of 255.
        threshold_factor: tones from a threshold on are inverted, which is drawn in the same way.
        value_range: the lowest and the highest number of an image.
        seed: an int, a NumPy generator to draw from, or None for new numbers in each run.
        name: see `Layer`.

    Raises:
        ValueError: a number is out of its range.
        ShapeError: the batch has another number of axes.
    """

    def __init__(
        self,
        addition_factor: Range = 0.0,
        threshold_factor: Range = 0.0,
        value_range: Sequence[float] = (0, 255),
        seed: Seed = None,
        **options: Any,
    ) -> None:
        super().__init__(seed=seed, **options)
        self.addition_factor, self.threshold_factor = addition_factor, threshold_factor
        self.value_range = tuple(value_range)
        additions = ends_of("Solarization", "addition_factor", addition_factor, 0, 1)
        thresholds = ends_of("Solarization", "threshold_factor", threshold_factor, 0, 1)
        self._additions, self._thresholds = ((low, high * 255) for low, high in (additions, thresholds))

    def _changed(self, x: Any) -> Any:
        return solarized(x, self._numbers(x, self._additions), self._numbers(x, self._thresholds), self.value_range)


class AutoContrast(OfImages):
    """Each channel of an image stretched to the whole range, in training and in use.

    Args:
        value_range: the lowest and the highest number of an image.
        data_format: "channels_last" or "channels_first".
        name: see `Layer`.

    Raises:
        ShapeError: the batch has another number of axes.
    """

    always = True
    _draws = False

    def __init__(self, value_range: Sequence[float] = (0, 255), data_format: str | None = None, **options: Any) -> None:
        super().__init__(data_format=data_format, **options)
        self.value_range = tuple(value_range)

    def _changed(self, x: Any) -> Any:
        return with_full_contrast(x, self.value_range)


class Equalization(OfImages):
    """Images whose tones are spread evenly, in training. After `eval()` the layer does nothing.

    The tones are counted in all images of a batch, as Keras's layer counts them.

    Args:
        value_range: the lowest and the highest number of an image.
        bins: the number of tones that are told apart.
        data_format: "channels_last" or "channels_first".
        name: see `Layer`.

    Raises:
        ValueError: `bins` is not positive.
        ShapeError: the batch has another number of axes.
    """

    _draws = False

    def __init__(
        self,
        value_range: Sequence[float] = (0, 255),
        bins: int = 256,
        data_format: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(data_format=data_format, **options)
        self.value_range, self.bins = tuple(value_range), bounds.whole("Equalization", "bins", bins, least=1)

    def _changed(self, x: Any) -> Any:
        return equalized(x, self.value_range, self.bins)


class RandomContrast(OfImages):
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


class RandomBrightness(OfImages):
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
        self._ends = ends_of("RandomBrightness", "factor", factor, -1)

    def _changed(self, x: Any) -> Any:
        change = (self.value_range[1] - self.value_range[0]) * self._drawn(x.shape[0], self._ends)
        return np.clip(
            x + change[:, :, np.newaxis, np.newaxis].astype(x.dtype), self.value_range[0], self.value_range[1]
        )

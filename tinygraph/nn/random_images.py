"""The base of layers that change images by chance, in training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from tinygraph import bounds, draws
from tinygraph.nn.formats import check_format, from_last, to_last
from tinygraph.nn.layer import Layer

__all__ = ["OfImages", "Range", "ends_of", "in_range"]

Range = float | Sequence[float]


def ends_of(
    call: str, name: str, given: Range, least: float = -math.inf, most: float = math.inf
) -> tuple[float, float]:
    """Return the lower and the upper end of a range: a number f is from −f to f, within `least` and `most`."""
    if isinstance(given, Sequence):
        low, high = (bounds.number(call, name, item, least=least, most=most) for item in given)
    else:
        high = bounds.number(call, name, given, least=max(least, 0), most=most)
        low = max(-high, least)
    if low > high:
        raise ValueError(f"{call}: {name} must be a number, or two that rise, got {given!r}")
    return float(low), float(high)


def in_range(x: Any, before: Sequence[float], after: Sequence[float]) -> Any:
    """Return images whose numbers lay between those of `before` with numbers between those of `after`."""
    if tuple(before) == tuple(after):
        return x
    return (x - before[0]) / (before[1] - before[0]) * (after[1] - after[0]) + after[0]


class OfImages(Layer):
    """A layer that changes each image by chance, in training; a subclass computes `_changed`, channels last.

    Called on a dict with "images" it returns a dict in which the images are changed.

    Args:
        data_format: "channels_last" or "channels_first".
        options: see `Layer`.
    """

    colours: ClassVar[bool] = False  # images must have the channels red, green and blue
    always: ClassVar[bool] = False  # images are changed in use, too

    def __init__(self, data_format: str | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.data_format = check_format(type(self).__name__, data_format)

    def call(self, x: Any) -> Any:
        """See the class."""
        if isinstance(x, dict):
            return {**x, "images": self.call(x["images"])}
        if len(x.shape) not in (3, 4):
            raise self.misfit(f"images must have the shape (batch, height, width, channels), got {x.shape}")
        if not (self.training or self.always):
            return x
        x = self._floating(x)
        single = len(x.shape) == 3
        images = to_last(x[np.newaxis] if single else x, self.data_format)
        if self.colours and images.shape[-1] != 3:
            raise self.misfit(f"images must have the three channels red, green and blue, got {x.shape}")
        images = from_last(self._changed(images), self.data_format)
        return images[0] if single else images

    def _changed(self, x: Any) -> Any:
        raise NotImplementedError

    def _drawn(self, count: int, ends: tuple[float, float]) -> Any:
        """Return a number between the ends for each image."""
        return ends[0] + (ends[1] - ends[0]) * draws.uniform(self.generator, (count, 1), np.float32)

    def _numbers(self, x: Any, ends: tuple[float, float]) -> Any:
        """Return a number between the ends for each image, shape (batch, 1, 1, 1), in the dtype of the images."""
        return self._drawn(x.shape[0], ends)[:, :, np.newaxis, np.newaxis].astype(x.dtype)

    def _chosen(self, x: Any, ends: tuple[float, float]) -> Any:
        """Return for each image whether it was drawn, with a chance between the ends; shape (batch, 1, 1, 1)."""
        return self._numbers(x, (0.0, 1.0)) < self._numbers(x, ends)

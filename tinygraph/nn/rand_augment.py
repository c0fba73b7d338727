"""RandAugment: a few changes of images, drawn from many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygraph import bounds, draws
from tinygraph.nn.augmentation import RandomRotation, RandomShear, RandomTranslation
from tinygraph.nn.blurring import RandomSharpness
from tinygraph.nn.colours import RandomColorDegeneration
from tinygraph.nn.initializers import Seed
from tinygraph.nn.random_images import OfImages, Range, ends_of
from tinygraph.nn.tones import (
    AutoContrast,
    Equalization,
    RandomBrightness,
    RandomContrast,
    RandomPosterization,
    Solarization,
)

__all__ = ["RandAugment"]


class RandAugment(OfImages):
    """Images under a few changes, drawn for each batch from eleven, in training. After `eval()` it does nothing.

    The changes: slanted, moved, turned, brighter, nearer to grey, with another contrast, sharpened, in fewer tones,
    solarized, with full contrast, with evenly spread tones.

    Args:
        value_range: the lowest and the highest number of an image.
        num_ops: the number of changes.
        factor: the strength of each, a number from 0 to 1; or two.
        interpolation: "bilinear" or "nearest".
        seed: an int, a NumPy generator to draw from, or None for new numbers in each run.
        data_format: "channels_last" or "channels_first".
        name: see `Layer`.

    Raises:
        ValueError: a number is out of its range.
        ShapeError: the images do not have three channels.

    Source: Cubuk et al., "RandAugment: Practical automated data augmentation with a reduced search space" (2020).
    """

    colours = True

    def __init__(
        self,
        value_range: Sequence[float] = (0, 255),
        num_ops: int = 2,
        factor: Range = 0.5,
        interpolation: str = "bilinear",
        seed: Seed = None,
        data_format: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(data_format=data_format, seed=seed, **options)
        self.value_range, self.num_ops = tuple(value_range), bounds.whole("RandAugment", "num_ops", num_ops, least=1)
        self.factor, self.interpolation = factor, interpolation
        ends = ends_of("RandAugment", "factor", factor, 0, 1)
        drawn: dict[str, Any] = {"seed": self.generator}
        places = {**drawn, "interpolation": interpolation}
        tones = {**drawn, "value_range": self.value_range}
        bits = max(1, int(8 * ends[1]))
        self._changes: list[OfImages] = [
            RandomShear(ends, ends, **places),
            RandomTranslation(ends, ends, **places),
            RandomRotation(ends, **places),
            RandomBrightness(ends, **tones),
            RandomColorDegeneration(ends, **tones),
            RandomContrast(ends, **tones),
            RandomSharpness(ends, **tones),
            RandomPosterization(bits, **tones),
            Solarization(ends, ends, **tones),
            AutoContrast(self.value_range),
            Equalization(self.value_range),
        ]

    def _changed(self, x: Any) -> Any:
        places = np.floor(draws.uniform(self.generator, (self.num_ops,)) * len(self._changes))
        for number in range(self.num_ops):
            results = [change(x, training=True) for change in self._changes]
            for place, result in enumerate(results):
                x = np.where(places[number] == place, result, x)
        return x

"""Dropout."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph import draws
from tinygraph.nn.initializers import Seed
from tinygraph.nn.module import Layer

__all__ = ["Dropout"]


class Dropout(Layer):
    """Set a random share of the numbers to 0 in training, so that no number can rely on another.

    The numbers that stay are divided by 1 − rate, so that sums keep their size. After `eval()` the layer does nothing.

    Args:
        rate: the share, from 0 to below 1.
        seed: an int, a NumPy generator to draw from, or None for new numbers in each run.
        name: see `Layer`.

    Called on x of any shape it returns that shape.

    Raises:
        ValueError: the rate is out of its range.

    Source: Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov, "Dropout: a simple way to prevent neural
    networks from overfitting" (2014).
    """

    def __init__(self, rate: float, seed: Seed = None, **options: Any) -> None:
        super().__init__(seed=seed, **options)
        if not 0 <= rate < 1:
            raise ValueError(f"Dropout: the rate must be at least 0 and less than 1, got {rate!r}")
        self.rate = rate

    def call(self, x: Any) -> Any:
        """See the class."""
        if not self.training or self.rate == 0:
            return x
        x = self._floating(x)
        fine = np.float64 if x.dtype == np.float64 else np.float32
        kept = draws.uniform(self.generator, x.shape, fine) >= self.rate
        return x * (kept * x.dtype.type(1 / (1 - self.rate)))

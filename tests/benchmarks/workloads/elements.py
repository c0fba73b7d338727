"""A long expression of each element of one array: its mean and the gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
from workload import Workload


def elements(size: int = 100_000, aim: float = 0.7) -> Workload:
    """mean(tanh(sin(x) · exp(−x²/2) + σ(x) · log1p(x²))) in float32, and its gradient."""
    x = np.random.default_rng(0).normal(size=size).astype(np.float32)
    work = Workload(f"value and gradient, {size:,} elements", {"x": x}, unit="call", close=2e-3, aim=aim, eager_aim=1.0)

    def plain(lib: Any, w: Any) -> Any:
        x = w["x"]
        return lib.mean(lib.tanh(lib.sin(x) * lib.exp(-(x**2) / 2) + lib.sigmoid(x) * lib.log1p(x**2)))

    for family in ("numpy", "torch", "jax"):
        work.spelling(family, "x**2" if family == "numpy" else "")(plain)

    @work.spelling("numpy", "x * x once")
    def _(lib: Any, w: Any) -> Any:
        x = w["x"]
        square = x * x
        inner = np.sin(x) * np.exp(square * np.float32(-0.5)) + lib.sigmoid(x) * np.log1p(square)
        return np.mean(np.tanh(inner))

    @work.spelling("numpy", "np.square, sum over size")
    def _(lib: Any, w: Any) -> Any:
        x = w["x"]
        inner = np.sin(x) * np.exp(-np.square(x) / 2) + lib.sigmoid(x) * np.log1p(np.square(x))
        return np.sum(np.tanh(inner)) / np.float32(size)

    @work.spelling("numpy", "sigmoid by exp")
    def _(lib: Any, w: Any) -> Any:
        x = w["x"]
        return np.mean(np.tanh(np.log1p(x**2) / (1 + np.exp(-x)) + np.exp(-(x**2) / 2) * np.sin(x)))

    @work.spelling("numpy", "a column, reshaped")
    def _(lib: Any, w: Any) -> Any:
        x = w["x"].reshape(-1, 1)
        return np.mean(np.tanh(np.sin(x) * np.exp(-(x**2) / 2) + lib.sigmoid(x) * np.log1p(x**2)))

    return work


def many_elements(size: int = 10_000_000) -> Workload:
    """The same with so many elements that they leave the caches."""
    return elements(size, 0.5)

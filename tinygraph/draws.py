"""Random draws that a graph can repeat: the functions through which tinygraph's own code asks a generator.

An array that `generator.random(...)` returns is a constant like any other, and a program compiled from one run would
use the numbers of that run for ever. What is drawn here is seen by the compiler, and drawn afresh at every call.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph import modes

__all__ = ["normal", "uniform"]


def uniform(generator: np.random.Generator, shape: tuple[int, ...], dtype: Any = np.float64) -> Any:
    """Numbers from [0, 1), of the given shape, in float32 or float64."""
    if modes.is_tracing():
        return modes.state.tracing.draw(uniform, generator, shape, dtype)
    return generator.random(shape, dtype=dtype)


def normal(generator: np.random.Generator, shape: tuple[int, ...], dtype: Any = np.float64) -> Any:
    """Numbers from the normal distribution of mean 0 and variance 1, of the given shape, in float32 or float64."""
    if modes.is_tracing():
        return modes.state.tracing.draw(normal, generator, shape, dtype)
    return generator.standard_normal(shape, dtype=dtype)

"""Initialisers: functions that make the first values of weights from a shape, a generator and a dtype.

The variance of a sum of n terms is n times the variance of a term. So the variance of weights is `scale` ÷ n, where n
is the number of inputs (fan in), of outputs (fan out), or their mean: signals keep their size from layer to layer.

Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks" (2010); He,
Zhang, Ren and Sun, "Delving deep into rectifiers" (2015); LeCun, Bottou, Orr and Müller, "Efficient backprop" (1998).
Names and numbers are those of Keras.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["INITIALIZERS", "Initializer", "Seed", "checked", "initializer_of"]

Array = NDArray[Any]
Initializer = Callable[[tuple[int, ...], np.random.Generator, Any], Array]
Seed = int | np.random.Generator | None

# The standard deviation of a standard normal distribution cut off at two standard deviations.
CUT = 0.87962566103423978


def fans(shape: tuple[int, ...]) -> tuple[float, float]:
    """Return fan in and fan out of a kernel: the inputs of one output, and the outputs of one input.

    The last two axes are inputs and outputs; the axes before them are the window.
    """
    if len(shape) < 2:
        size = math.prod(shape)
        return size, size
    window = math.prod(shape[:-2])
    return window * shape[-2], window * shape[-1]


def zeros(shape: tuple[int, ...], generator: np.random.Generator, dtype: Any) -> Array:
    """Zeros."""
    return np.zeros(shape, dtype)


def ones(shape: tuple[int, ...], generator: np.random.Generator, dtype: Any) -> Array:
    """Ones."""
    return np.ones(shape, dtype)


def uniform(limit: float) -> Initializer:
    """Numbers from −limit to limit."""
    return lambda shape, generator, dtype: generator.uniform(-limit, limit, shape).astype(dtype)


def normal(deviation: float) -> Initializer:
    """Normally distributed numbers of this standard deviation."""
    return lambda shape, generator, dtype: (deviation * generator.standard_normal(shape)).astype(dtype)


def variance_scaling(scale: float, mode: str, distribution: str) -> Initializer:
    """Random numbers of variance `scale` ÷ n.

    Args:
        scale: 1 after a linear function or tanh, 2 after relu, which lets half of the signal through.
        mode: n is "fan_in", "fan_out", or their mean, "fan_avg".
        distribution: "uniform", or "normal", cut off at two standard deviations.
    """

    def make(shape: tuple[int, ...], generator: np.random.Generator, dtype: Any) -> Array:
        inputs, outputs = fans(shape)
        n = {"fan_in": inputs, "fan_out": outputs, "fan_avg": (inputs + outputs) / 2}[mode]
        deviation = math.sqrt(scale / max(n, 1))
        if distribution == "uniform":
            return uniform(math.sqrt(3) * deviation)(shape, generator, dtype)
        values = generator.standard_normal(shape)
        while (far := np.abs(values) > 2).any():
            values[far] = generator.standard_normal(np.count_nonzero(far))
        return (values * (deviation / CUT)).astype(dtype)

    return make


INITIALIZERS: dict[str, Initializer] = {
    "zeros": zeros,
    "ones": ones,
    "random_uniform": uniform(0.05),
    "random_normal": normal(0.05),
    "glorot_uniform": variance_scaling(1.0, "fan_avg", "uniform"),
    "glorot_normal": variance_scaling(1.0, "fan_avg", "normal"),
    "he_uniform": variance_scaling(2.0, "fan_in", "uniform"),
    "he_normal": variance_scaling(2.0, "fan_in", "normal"),
    "lecun_uniform": variance_scaling(1.0, "fan_in", "uniform"),
    "lecun_normal": variance_scaling(1.0, "fan_in", "normal"),
}


def initializer_of(given: str | Initializer) -> Initializer:
    """Return the initialiser of this name; a function stays itself.

    Raises:
        ValueError: no initialiser has this name.
    """
    if callable(given):
        return given
    try:
        return INITIALIZERS[given]
    except (KeyError, TypeError):
        raise ValueError(f"an initialiser is a function, or one of {', '.join(INITIALIZERS)}; got {given!r}") from None


def checked(given: str | Initializer) -> str | Initializer:
    """Check an initialiser, and return it as it was given: a name can be pickled, and read."""
    initializer_of(given)
    return given

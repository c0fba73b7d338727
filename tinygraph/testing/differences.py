"""Slopes of a function of one number, by central differences extrapolated to a step of zero."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

# The first step, by the bytes of a value: the largest that leaves the extrapolation error near the rounding error.
FIRST_STEP = {2: 2.0**-2, 4: 2.0**-4, 8: 2.0**-7}

# Extrapolation takes three steps. If it has not converged by then, because the function bends on a smaller scale, it
# takes more, each half as long. A step out of the domain of the function is shortened faster, and does not count.
LEAST_STEPS, MOST_STEPS = 3, 16
SHORTEST = 2.0**-60

# The largest relative change of a value that has converged.
SETTLED = 1e-7


@dataclass(frozen=True)
class Slope:
    """A slope with its error, and the slopes of both sides.

    Attributes:
        value: the derivative, an array of the shape of the function's values.
        error: an estimate of its largest absolute error, rounding included.
        noise: the part of the error that rounding may have caused.
        scale: the largest value of the function nearby.
        left, right: the one-sided slopes.
    """

    value: Array
    error: float
    noise: float
    scale: float
    left: Array
    right: Array

    @property
    def kinked(self) -> bool:
        """True if the slopes of the two sides differ by more than a bend explains."""
        scale = 1e-9 + np.maximum(np.abs(self.left), np.abs(self.right))
        return bool(np.any(np.abs(self.left - self.right) > 0.02 * scale)) if np.size(self.left) else False


def slope(
    f: Callable[[float], Array], step: float = FIRST_STEP[8], eps: float = 2.0**-52, scale: float = 0.0,
    middle: Array | None = None,
) -> Slope:  # fmt: skip
    """Return the derivative at 0 of a function of one number.

    Args:
        f: returns an array in float64, even if it computes with less precision.
        step: the first and longest step.
        eps: the precision of the values of f.
        scale: the size of the terms that cancelled to the values of f, if it is larger than the values.
        middle: f(0.0), where it is known.

    Source: Ridders, "Accurate computation of F'(x) and F'(x) F''(x)" (1982).
    """
    if middle is None:
        middle = f(0.0)
    first = step
    best, error = np.full(np.shape(middle), np.nan), np.inf
    row: list[Array] = []
    taken, noise, seen = 0, 0.0, scale
    while taken < MOST_STEPS:
        above, below = f(step), f(-step)
        central = _change(above, below) / (2 * step)
        left, right = _change(middle, below) / step, _change(above, middle) / step
        if not np.all(np.isfinite(central)):
            row = []
            step /= 16
            if step < SHORTEST:
                break
            continue
        earlier, row = row, [central]
        for power, item in enumerate(earlier, start=1):
            row.append(row[-1] + (row[-1] - item) / (4.0**power - 1))
        taken += 1
        if earlier:
            estimate = max(_largest(row[-1] - row[-2]), _largest(row[-1] - earlier[-1]))
            if estimate < error:
                best, error = row[-1], estimate
        # A long step may come near a pole. Its values say nothing about this point.
        near = max(_finite(above), _finite(below), _finite(middle))
        seen = max(seen, min(near, 1000 * max(1.0, _finite(middle))))
        noise = 100 * eps * seen / first
        if taken >= LEAST_STEPS and error <= SETTLED * _largest(best) + noise:
            break
        step /= 2
    return Slope(best, error, noise, seen, left, right)


def _change(after: Array, before: Array) -> Array:
    """Return after - before, and 0 where both are the same infinity."""
    with np.errstate(invalid="ignore", over="ignore"):
        return np.where(after == before, 0.0, after - before)


def _finite(values: Array) -> float:
    return _largest(values[np.isfinite(values)])


def _largest(values: Array) -> float:
    return float(np.max(np.abs(values), initial=0.0))

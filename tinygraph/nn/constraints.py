"""Constraints: functions from a weight to the one that takes its place after each step. Names and numbers are Keras's.

    layer = tg.nn.Dense(10, kernel_constraint=tg.nn.constraints.MaxNorm(3))

The norm of a weight is over `axis`: 0 for the kernel of a Dense layer, (0, 1, 2) for that of a Conv2D.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygraph.nn.configured import Configured, Family

__all__ = ["Constraint", "MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm", "deserialize", "get", "serialize"]

# Added to a norm that is divided by, as in Keras.
EPSILON = 1e-7

Axes = int | Sequence[int]


class Constraint(Configured):
    """The base of constraints. Called on a weight it returns an array of the same shape."""

    def __call__(self, w: Any) -> Any:
        """Return the weight that takes the place of `w`."""
        raise NotImplementedError(f"{type(self).__name__}: give it a method __call__(self, w)")


class NonNeg(Constraint):
    """max(w, 0)."""

    def __call__(self, w: Any) -> Any:
        """Return the weight that takes the place of `w`."""
        return np.maximum(w, 0)


class MaxNorm(Constraint):
    """w, shortened to a largest norm.

    Args:
        max_value: the largest norm.
        axis: the axes of a norm.

    Source: Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov, "Dropout: a simple way to prevent neural
    networks from overfitting" (2014), section 5.1.
    """

    def __init__(self, max_value: float = 2, axis: Axes = 0) -> None:
        self.max_value, self.axis = max_value, axis

    def __call__(self, w: Any) -> Any:
        """Return the weight that takes the place of `w`."""
        norms = _norms(w, self.axis)
        return w * (np.clip(norms, 0, self.max_value) / (EPSILON + norms))


class UnitNorm(Constraint):
    """w with a norm of 1.

    Args:
        axis: the axes of a norm.
    """

    def __init__(self, axis: Axes = 0) -> None:
        self.axis = axis

    def __call__(self, w: Any) -> Any:
        """Return the weight that takes the place of `w`."""
        return w / (EPSILON + _norms(w, self.axis))


class MinMaxNorm(Constraint):
    """w with a norm between two bounds, or moved a part of the way there.

    Args:
        min_value, max_value: the bounds.
        rate: the part of the way at each step, up to 1.
        axis: the axes of a norm.
    """

    def __init__(self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: Axes = 0) -> None:
        self.min_value, self.max_value, self.rate, self.axis = min_value, max_value, rate, axis

    def __call__(self, w: Any) -> Any:
        """Return the weight that takes the place of `w`."""
        norms = _norms(w, self.axis)
        desired = self.rate * np.clip(norms, self.min_value, self.max_value) + (1 - self.rate) * norms
        return w * (desired / (EPSILON + norms))


def _norms(w: Any, axis: Axes) -> Any:
    axes = axis if isinstance(axis, int) else tuple(axis)
    return np.sqrt(np.sum(w * w, axis=axes, keepdims=True))


_FAMILY: Family[Callable[[Any], Any]] = Family("a constraint", [MaxNorm, MinMaxNorm, NonNeg, UnitNorm])
serialize, deserialize, SMALL = _FAMILY.serialize, _FAMILY.deserialize, _FAMILY.names


def get(given: Any) -> Any:
    """Return the constraint of a name, a class or a description; a function stays itself, and so does None.

    Raises:
        ValueError: no constraint has this name.
    """
    return None if given is None else _FAMILY.get(given)

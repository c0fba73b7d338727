"""Distances between numbers: squares, absolute values, margins, angles. One number an example, the mean or the sum over
the last axis.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygraph.engine.primitives import composed
from tinygraph.functions.activations import softplus
from tinygraph.training.losses.pairing import EPSILON, cast, paired

__all__ = [
    "categorical_hinge",
    "cosine_similarity",
    "hinge",
    "huber",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "poisson",
    "squared_hinge",
    "sum_of_squared_errors",
    "unit_vectors",
]


@composed
def mean_squared_error(y_true: Any, y_pred: Any) -> Any:
    """The mean of (y − p)² over the last axis.

    Args:
        y_true, y_pred: numbers of the same shape, or of (n,) and (n, 1).

    Returns:
        An array, or a Tensor, without the last axis.

    Raises:
        ShapeError: the shapes differ.
    """
    y, p, dtype = paired("mean_squared_error", y_true, y_pred)
    return cast(np.mean(np.square(y - p), axis=-1), dtype)


@composed
def sum_of_squared_errors(y_true: Any, y_pred: Any) -> Any:
    """The sum of (y − p)² over the last axis.

    Args, returns, raises: as `mean_squared_error`.
    """
    y, p, dtype = paired("sum_of_squared_errors", y_true, y_pred)
    return cast(np.sum(np.square(y - p), axis=-1), dtype)


@composed
def mean_absolute_error(y_true: Any, y_pred: Any) -> Any:
    """The mean of |y − p| over the last axis.

    Args, returns, raises: as `mean_squared_error`.
    """
    y, p, dtype = paired("mean_absolute_error", y_true, y_pred)
    return cast(np.mean(np.abs(y - p), axis=-1), dtype)


@composed
def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Any:
    """100 times the mean of |y − p| ÷ |y| over the last axis. Targets below 1e-7 count as 1e-7.

    Args, returns, raises: as `mean_squared_error`.
    """
    y, p, dtype = paired("mean_absolute_percentage_error", y_true, y_pred)
    return cast(100 * np.mean(np.abs((y - p) / np.maximum(np.abs(y), EPSILON)), axis=-1), dtype)


@composed
def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Any:
    """The mean of (ln (1 + y) − ln (1 + p))² over the last axis. Numbers below 1e-7 count as 1e-7.

    Args, returns, raises: as `mean_squared_error`.
    """
    y, p, dtype = paired("mean_squared_logarithmic_error", y_true, y_pred)
    logarithms = [np.log(np.maximum(item, EPSILON) + 1) for item in (p, y)]
    return cast(np.mean(np.square(logarithms[0] - logarithms[1]), axis=-1), dtype)


@composed
def log_cosh(y_true: Any, y_pred: Any) -> Any:
    """The mean of ln cosh (p − y) over the last axis: half the square for small errors, the distance for large ones.

    Args, returns, raises: as `mean_squared_error`.
    """
    y, p, dtype = paired("log_cosh", y_true, y_pred)
    error = p - y
    return cast(np.mean(error + softplus(-2 * error) - math.log(2), axis=-1), dtype)


@composed
def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Any:
    """The mean over the last axis of e² ÷ 2 where |e| ≤ δ, else δ|e| − δ² ÷ 2, of the error e = p − y.

    Args:
        y_true, y_pred: as of `mean_squared_error`.
        delta: the error from which on the loss grows in a straight line.

    Returns, raises: as `mean_squared_error`.

    Source: Huber, "Robust estimation of a location parameter" (1964).
    """
    y, p, dtype = paired("huber", y_true, y_pred)
    error = p - y
    distance = np.abs(error)
    straight = delta * distance - 0.5 * delta**2
    return cast(np.mean(np.where(distance <= delta, 0.5 * np.square(error), straight), axis=-1), dtype)


@composed
def hinge(y_true: Any, y_pred: Any) -> Any:
    """The mean of max(1 − y p, 0) over the last axis.

    Args:
        y_true: −1 or 1. If all targets are 0 or 1, a 0 stands for −1.
        y_pred: numbers of the same shape.

    Returns, raises: as `mean_squared_error`.
    """
    y, p, dtype = paired("hinge", y_true, y_pred)
    return cast(np.mean(np.maximum(1 - _signs(y) * p, 0), axis=-1), dtype)


@composed
def squared_hinge(y_true: Any, y_pred: Any) -> Any:
    """The mean of max(1 − y p, 0)² over the last axis.

    Args, returns, raises: as `hinge`.
    """
    y, p, dtype = paired("squared_hinge", y_true, y_pred)
    return cast(np.mean(np.square(np.maximum(1 - _signs(y) * p, 0)), axis=-1), dtype)


@composed
def categorical_hinge(y_true: Any, y_pred: Any) -> Any:
    """max(1 + the largest of (1 − y) p − the sum of y p, 0) over the last axis.

    Args:
        y_true: a 1 for the class of each example, and 0 elsewhere.
        y_pred: numbers of the same shape.

    Returns, raises: as `mean_squared_error`.
    """
    y, p, dtype = paired("categorical_hinge", y_true, y_pred)
    others = np.max((1 - y) * p, axis=-1)
    return cast(np.maximum(others - np.sum(y * p, axis=-1) + 1, 0), dtype)


@composed
def poisson(y_true: Any, y_pred: Any) -> Any:
    """The mean of p − y ln (p + 1e-7) over the last axis: the log loss of counts, without a term of the counts alone.

    Args:
        y_true: counts.
        y_pred: rates, positive numbers of the same shape.

    Returns, raises: as `mean_squared_error`.
    """
    y, p, dtype = paired("poisson", y_true, y_pred)
    return cast(np.mean(p - y * np.log(p + EPSILON), axis=-1), dtype)


@composed
def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """Minus the cosine of the angle between two vectors: −1 for one direction, 1 for opposite ones.

    Args:
        y_true, y_pred: vectors along an axis, of the same shape. The cosine of a vector of zeros is 0.
        axis: that axis.

    Returns:
        An array, or a Tensor, without that axis.

    Raises:
        ShapeError: the shapes differ.
    """
    y, p, dtype = paired("cosine_similarity", y_true, y_pred)
    return cast(-np.sum(unit_vectors(y, axis) * unit_vectors(p, axis), axis=axis), dtype)


def unit_vectors(x: Any, axis: int) -> Any:
    """Return vectors divided by their length. A length below 1e-7 counts as 1e-7."""
    squares = np.sum(np.square(x), axis=axis, keepdims=True)
    return x / np.sqrt(np.maximum(squares, EPSILON**2))


def _signs(y: Any) -> Any:
    """Return targets with −1 in place of 0, if all of them are 0 or 1."""
    return np.where(np.all((y == 0) | (y == 1)), 2 * y - 1, y)

"""Losses: how far predictions are from the truth, as one number to make small."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.errors import ShapeError
from tinygraph.functions.activations import _floating, log1pexp, sigmoid
from tinygraph.functions.logits import log_softmax, one_hot, softmax
from tinygraph.operands import as_array
from tinygraph.primitives import composed, primitive
from tinygraph.tensor import Tensor

REDUCTIONS: dict[str, Callable[..., Any]] = {"mean": np.mean, "sum": np.sum, "none": lambda losses: losses}


@composed
def binary_cross_entropy(predictions: Any, targets: Any, from_logits: bool = False, reduction: str = "mean") -> Any:
    """−(y ln p + (1 − y) ln (1 − p)): the log loss of predictions for yes-or-no targets.

    Args:
        predictions: probabilities between 0 and 1 or, with `from_logits`, any real numbers of which the sigmoid is
            the probability. Logits are exact where probabilities have rounded to 0 or 1.
        targets: 0, 1 or probabilities, of the same shape.
        from_logits: the predictions are logits.
        reduction: "mean", "sum" or "none".

    Returns:
        A scalar; of the shape of `predictions` for "none". A probability of exactly 0 for a target of 1 costs
        infinitely much; one for a target of 0 costs nothing.

    Raises:
        ShapeError: the shapes differ.
        ValueError: a probability is below 0 or above 1, or `reduction` is something else.
    """
    predictions, targets = _array(predictions), _array(targets)
    _check(predictions, targets, reduction, "binary_cross_entropy")
    losses = (binary_log_loss_of_logits if from_logits else binary_log_loss)(predictions, targets)
    return REDUCTIONS[reduction](losses)


@composed
def cross_entropy(predictions: Any, targets: Any, from_logits: bool = True, reduction: str = "mean") -> Any:
    """−Σ y ln p over the classes: the log loss of predictions for one class of several.

    Args:
        predictions: logits or, with `from_logits=False`, probabilities; shape (..., classes).
        targets: class numbers, integers of shape (...), or probabilities of shape (..., classes).
        from_logits: the predictions are logits, and their softmax is the probability.
        reduction: "mean", "sum" (over all but the classes) or "none".

    Returns:
        A scalar; of shape (...) for "none".

    Raises:
        ShapeError: the shapes do not fit.
        ValueError: a class number is not below `classes`, a probability is below 0 or above 1, or `reduction` is
            something else.
    """
    if reduction not in REDUCTIONS:
        raise ValueError(f"cross_entropy: reduction must be one of {', '.join(REDUCTIONS)}, got {reduction!r}")
    predictions, targets = _array(predictions), _array(targets)
    shape = np.shape(_values(predictions))
    labels = _values(targets)
    if not shape:
        raise ShapeError("cross_entropy: predictions must have an axis of classes, got a scalar")
    if np.shape(labels) == shape[:-1] and as_array(labels).dtype.kind in "iub":
        targets = one_hot(labels, shape[-1], _floating(_values(predictions)).dtype)
    elif np.shape(labels) != shape:
        raise ShapeError(
            f"cross_entropy: predictions of shape {shape} need integer targets of shape {shape[:-1]} or probabilities "
            f"of shape {shape}, got {as_array(labels).dtype} targets of shape {np.shape(labels)}"
        )
    losses = (log_loss_of_logits if from_logits else log_loss)(predictions, targets)
    return REDUCTIONS[reduction](losses)


@primitive
def binary_log_loss(p: Any, y: Any) -> Any:
    """The log loss of each probability."""
    p, y = _floating(p), _floating(y)
    _check_probabilities(p, "binary_cross_entropy")
    with np.errstate(divide="ignore"):
        return -(_times_log(y, p) + _times_log(1 - y, 1 - p))


binary_log_loss.derivative(
    lambda g, z, p, y: g * (_over(1 - y, 1 - p) - _over(y, p)),
    lambda g, z, p, y: g * (np.log(1 - p) - np.log(p)),
)


@primitive
def binary_log_loss_of_logits(x: Any, y: Any) -> Any:
    """The log loss of the sigmoid of each logit: softplus(x) − x·y."""
    x, y = _floating(x), _floating(y)
    return log1pexp(x) - x * y


binary_log_loss_of_logits.derivative(
    lambda g, z, x, y: g * (sigmoid(x) - y),
    lambda g, z, x, y: -g * x,
)


@primitive
def log_loss(p: Any, y: Any) -> Any:
    """The log loss of each row of probabilities."""
    p, y = _floating(p), _floating(y)
    _check_probabilities(p, "cross_entropy")
    with np.errstate(divide="ignore"):
        return -np.sum(_times_log(y, p), axis=-1)


log_loss.derivative(
    lambda g, z, p, y: -g[..., None] * _over(y, p),
    lambda g, z, p, y: -g[..., None] * np.log(p),
)


@primitive
def log_loss_of_logits(x: Any, y: Any) -> Any:
    """The log loss of the softmax of each row of logits. A class of logit -inf that is not the target costs nothing."""
    y = _floating(y)
    return -np.sum(y * np.where(y == 0, 0, log_softmax(x)), axis=-1)


log_loss_of_logits.derivative(
    lambda g, z, x, y: g[..., None] * (softmax(x) * np.sum(y, axis=-1, keepdims=True) - y),
    lambda g, z, x, y: -g[..., None] * log_softmax(x),
)


def _times_log(y: Any, p: Any) -> Any:
    """y · ln p, and 0 where y is 0 whatever p is."""
    return np.where(y == 0, 0, y * np.log(np.where(y == 0, 1, p)))


def _over(y: Any, p: Any) -> Any:
    """y ÷ p, and 0 where both are 0."""
    return y / np.where((y == 0) & (p == 0), 1, p)


def _array(item: Any) -> Any:
    return item if isinstance(item, Tensor) else as_array(item)


def _values(structure: Any) -> Any:
    return structure.data if isinstance(structure, Tensor) else structure


def _check(predictions: Any, targets: Any, reduction: str, call: str) -> None:
    if reduction not in REDUCTIONS:
        raise ValueError(f"{call}: reduction must be one of {', '.join(REDUCTIONS)}, got {reduction!r}")
    if predictions.shape != targets.shape:
        raise ShapeError(
            f"{call}: predictions of shape {predictions.shape} and targets of shape {targets.shape} must have the same "
            "shape; reshape one of them"
        )


def _check_probabilities(p: Any, call: str) -> None:
    if np.any((p < 0) | (p > 1)):
        raise ValueError(
            f"{call}: probabilities must lie between 0 and 1, got {np.min(p)} to {np.max(p)}; "
            "pass from_logits=True for logits"
        )

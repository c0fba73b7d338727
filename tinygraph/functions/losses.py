"""Losses: the distance of predictions from the truth, as one number to minimise."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.derivatives.reductions import mean, mean_written_out
from tinygraph.engine.modes import for_any_values
from tinygraph.engine.notes import decomposition
from tinygraph.engine.operands import as_array
from tinygraph.engine.primitives import with_arguments
from tinygraph.engine.tensor import Tensor
from tinygraph.errors import ShapeError
from tinygraph.functions.activations import (
    floating,
    floating_operand,
    in_float32,
    log1pexp,
    sigmoid,
    softplus_written_out,
)  # fmt: skip
from tinygraph.functions.checks import checked, class_numbers, probabilities
from tinygraph.functions.logits import (
    exponentials,
    log_softmax,
    log_softmax_written_out,
    rows_of,
    shifted_logits,
    shifted_written_out,
    softmax,
)
from tinygraph.functions.underlying import class_logits, yes_or_no_logits

REDUCTIONS: dict[str, Callable[..., Any]] = {"mean": mean, "sum": np.sum, "none": lambda losses: losses}


def on_logits(under: Callable[[Any], Any]) -> Callable[..., tuple[tuple[Any, ...], dict[str, Any]]]:
    """Return what replaces the arguments of a loss by the logits under its probabilities, if they are known.

    Args:
        under: returns the logits under predictions, or None.
    """

    def replaced(*args: Any, **kwargs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
        by_position = len(args) > 2  # from_logits
        logits = None if kwargs.get("from_logits") or (by_position and args[2]) else under(args[0])
        if logits is None:
            return args, kwargs
        if by_position:
            return (logits, args[1], True, *args[3:]), kwargs
        return (logits, *args[1:]), {**kwargs, "from_logits": True}

    return replaced


@with_arguments(on_logits(yes_or_no_logits))
@in_float32
def binary_cross_entropy(predictions: Any, targets: Any, from_logits: bool = False, reduction: str = "mean") -> Any:
    """−(y ln p + (1 − y) ln (1 − p)): the log loss of predictions for yes-or-no targets.

    Args:
        predictions: probabilities between 0 and 1 or, with `from_logits`, logits: any real numbers. The sigmoid of a
            logit is its probability. Logits are exact where probabilities have rounded to 0 or 1.
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
    p, y = floating(predictions), floating(targets)
    _check_reduction(reduction, "binary_cross_entropy")
    if p.shape != y.shape:
        raise ShapeError(
            f"binary_cross_entropy: predictions of shape {p.shape} and targets of shape {y.shape} must have the same "
            "shape; reshape one of them"
        )
    if from_logits:
        losses = log1pexp(p) - p * y
    else:
        p = probabilities(p, "binary_cross_entropy")
        with np.errstate(divide="ignore"):
            losses = -(_times_log(y, p) + _times_log(1 - y, 1 - p))
    return REDUCTIONS[reduction](losses)


def _binary_predictions(
    g: Any, z: Any, predictions: Any, targets: Any, from_logits: bool = False, reduction: str = "mean"
) -> Any:
    p, y = predictions, _array(targets)
    if from_logits:
        each = sigmoid(p) - y
    else:
        p = _as_checked(p, "binary_cross_entropy")
        each = _over(1 - y, 1 - p) - _over(y, p)
    return _shared(g, p.size, reduction) * each


def _binary_targets(
    g: Any, z: Any, predictions: Any, targets: Any, from_logits: bool = False, reduction: str = "mean"
) -> Any:
    p = _array(predictions)
    each = -p if from_logits else np.log(1 - p) - np.log(p)
    return _shared(g, p.size, reduction) * each


binary_cross_entropy.derivative(_binary_predictions, _binary_targets)


@decomposition(binary_cross_entropy)
@in_float32
def binary_cross_entropy_written_out(
    predictions: Any, targets: Any, from_logits: bool = False, reduction: str = "mean"
) -> Any:
    """Write the log loss, with the check of the probabilities as a call."""
    p, y = floating_operand(predictions), floating_operand(targets)
    if from_logits:
        return _reduced(softplus_written_out(p) - p * y, reduction)
    p = checked(probabilities, p, "binary_cross_entropy")
    return _reduced(-(_finite_times_log(y, p) + _finite_times_log(1 - y, 1 - p)), reduction)


@with_arguments(on_logits(class_logits))
@in_float32
def cross_entropy(predictions: Any, targets: Any, from_logits: bool = False, reduction: str = "mean") -> Any:
    """−Σ y ln p over the classes: the log loss of predictions for one class of several.

    Args:
        predictions: probabilities or, with `from_logits=True`, logits; shape (..., classes).
        targets: class numbers, integers of shape (...), or probabilities of shape (..., classes).
        from_logits: the predictions are logits, and their softmax is the probability. A class of logit −inf that is
            not the target costs nothing. Logits are exact where probabilities have rounded to 0 or 1.
        reduction: "mean", "sum" (over all but the classes) or "none".

    Returns:
        A scalar; of shape (...) for "none".

    Raises:
        ShapeError: the shapes do not fit.
        ValueError: a class number is not below `classes`, a probability is below 0 or above 1, or `reduction` is
            something else.
    """
    p, y = floating(predictions), as_array(targets)
    _check_reduction(reduction, "cross_entropy")
    _check_classes(p, y)
    if not from_logits:
        p = probabilities(p, "cross_entropy")
        with np.errstate(divide="ignore"):
            losses = -np.sum(_times_log(_distribution(y, p), p), axis=-1)
    elif are_labels(y, p):
        labels = class_numbers(y, p.shape[-1], "cross_entropy").astype(np.intp)
        shifted, logs = shifted_logits(p, -1)
        chosen = np.ascontiguousarray(shifted).reshape(-1)[_places(labels, p.shape[-1])]
        losses = logs[..., 0] - chosen.reshape(labels.shape)
    else:
        y = floating(y)
        losses = -np.sum(y * np.where(y == 0, 0, log_softmax(p)), axis=-1)
    return REDUCTIONS[reduction](losses)


def _class_predictions(
    g: Any, z: Any, predictions: Any, targets: Any, from_logits: bool = False, reduction: str = "mean"
) -> Any:
    p = predictions
    plain = type(p) is type(targets) is np.ndarray and type(g) in (np.ndarray, np.float32, np.float64)
    if from_logits and plain and are_labels(targets, p):
        return _labelled_predictions(_shared(g, targets.size, reduction), p, targets)
    y = _distribution(targets, predictions)
    if not from_logits:
        each = -_over(y, _as_checked(p, "cross_entropy"))
    elif np.ndim(targets) < p.ndim:
        each = softmax(p) - y
    else:
        each = softmax(p) * np.sum(y, axis=-1, keepdims=True) - y
    return _shared(g, math.prod(p.shape[:-1]), reduction)[..., None] * each


def _labelled_predictions(g: Any, p: Any, labels: Any) -> Any:
    """The cotangent of logits, without a row of probabilities for each label."""
    numbers, sums = exponentials(p, -1)
    each = np.ascontiguousarray(numbers)
    each /= sums
    each.reshape(-1)[_places(labels, p.shape[-1])] -= 1
    each *= g[..., None]
    return each


def _places(labels: Any, classes: int) -> Any:
    """The places of labels among the elements of their logits, counted in C order."""
    return np.arange(0, labels.size * classes, max(classes, 1)) + labels.reshape(-1).astype(np.intp)


def _class_targets(
    g: Any, z: Any, predictions: Any, targets: Any, from_logits: bool = False, reduction: str = "mean"
) -> Any:
    p = _array(predictions)
    logs = log_softmax(p) if from_logits else np.log(p)
    return _shared(g, math.prod(p.shape[:-1]), reduction)[..., None] * -logs


cross_entropy.derivative(_class_predictions, _class_targets)


@decomposition(cross_entropy)
@in_float32
def cross_entropy_written_out(
    predictions: Any, targets: Any, from_logits: bool = False, reduction: str = "mean"
) -> Any:
    """Write −Σ y ln p, with a row of y for each class number and the checks as calls."""
    p = floating_operand(predictions)
    y = targets if hasattr(targets, "dtype") else np.asarray(targets)
    if are_labels(y, p):
        classes = p.shape[-1]
        labels = checked(class_numbers, y, classes, "cross_entropy")
        if from_logits and 0 not in p.shape:
            is_chosen = labels[..., None] == np.arange(classes)
            shifted, logs = shifted_written_out(p, -1)
            chosen = np.sum(np.where(is_chosen, shifted, 0), axis=-1)
            return _reduced(np.reshape(logs, chosen.shape) - chosen, reduction)
        y = rows_of(labels, classes, p.dtype)
    y = floating_operand(y)
    if not from_logits:
        p = checked(probabilities, p, "cross_entropy")
        return _reduced(-np.sum(_finite_times_log(y, p), axis=-1), reduction)
    logs = log_softmax_written_out(p)
    return None if logs is None else _reduced(-np.sum(y * np.where(y == 0, 0, logs), axis=-1), reduction)


def _finite_times_log(y: Any, p: Any) -> Any:
    return y * np.log(np.where(y == 0, 1, p))  # where y is 0, 0 · ln 1


def _reduced(losses: Any, reduction: str) -> Any:
    if reduction == "none" or not losses.shape:
        return losses
    if reduction == "sum":
        axes = tuple(range(losses.ndim))
        return np.sum(losses, axis=axes if len(axes) > 1 else 0, keepdims=False)
    average = mean_written_out(losses)
    return np.mean(losses) if average is None else average


def are_labels(targets: Any, predictions: Any) -> bool:
    """Return whether targets are class numbers, as opposed to a probability for each class."""
    return bool(targets.shape == predictions.shape[:-1] and targets.dtype.kind in "iub")


def _distribution(targets: Any, predictions: Any) -> Any:
    """Targets as a probability for each class."""
    if isinstance(targets, Tensor) and targets.dtype.kind in "iub":
        targets = targets.data
    targets = targets if isinstance(targets, Tensor) else as_array(targets)
    if not are_labels(targets, predictions):
        return _array(targets)
    classes = predictions.shape[-1]
    if for_any_values():
        targets = class_numbers(targets, classes, "cross_entropy")
    return rows_of(targets, classes, predictions.dtype)


def _as_checked(p: Any, call: str) -> Any:
    """Return probabilities; a program checks them here, since one of the gradient alone has no other check."""
    return probabilities(p, call) if for_any_values() else p


def _shared(g: Any, count: int, reduction: str) -> Any:
    """The cotangent of each of so many losses."""
    return g / count if reduction == "mean" else g


def _times_log(y: Any, p: Any) -> Any:
    """y · ln p, and 0 where y is 0, for any p."""
    return np.where(y == 0, 0, y * np.log(np.where(y == 0, 1, p)))


def _over(y: Any, p: Any) -> Any:
    """y ÷ p, and 0 where both are 0."""
    return y / np.where((y == 0) & (p == 0), 1, p)


def _array(item: Any) -> Any:
    return item if isinstance(item, Tensor) else floating(item)


def _check_reduction(reduction: str, call: str) -> None:
    if reduction not in REDUCTIONS:
        raise ValueError(f"{call}: reduction must be one of {', '.join(REDUCTIONS)}, got {reduction!r}")


def _check_classes(p: Any, y: Any) -> None:
    """Raise ShapeError unless targets are a class number, or a probability for each class, for each prediction."""
    if not p.shape:
        raise ShapeError("cross_entropy: predictions must have an axis of classes, got a scalar")
    if y.shape != p.shape and not are_labels(y, p):
        raise ShapeError(
            f"cross_entropy: predictions of shape {p.shape} need integer targets of shape {p.shape[:-1]} or "
            f"probabilities of shape {p.shape}, got {y.dtype} targets of shape {y.shape}"
        )

"""Accuracies: the share of predictions that are right.

Class numbers of shape (n,) or (n, 1) and a probability for each class, (n, classes), are all taken as the truth.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.errors import ShapeError
from tinygraph.training.losses.pairing import numbers, predicted, same_rank
from tinygraph.training.metrics.metric import FunctionMean, plain

__all__ = [
    "Accuracy",
    "BinaryAccuracy",
    "CategoricalAccuracy",
    "SparseCategoricalAccuracy",
    "SparseTopKCategoricalAccuracy",
    "TopKCategoricalAccuracy",
    "accuracy",
    "any_accuracy",
    "binary_accuracy",
    "categorical_accuracy",
    "sparse_categorical_accuracy",
    "sparse_top_k_categorical_accuracy",
    "top_k_categorical_accuracy",
    "true_classes",
]


def accuracy(y_true: Any, y_pred: Any) -> Any:
    """1 where a prediction equals its target, else 0.

    Args:
        y_true, y_pred: labels of the same shape, or of (n,) and (n, 1).

    Returns:
        An array of that shape.

    Raises:
        ShapeError: the shapes differ.
    """
    y, p = _alike("accuracy", y_true, plain(y_pred))
    return (y == p).astype(np.float64)


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Any:
    """1 where a probability lies on its target's side of a threshold, else 0.

    Args:
        y_true: 0 or 1.
        y_pred: probabilities of the same shape, or of (n,) and (n, 1).
        threshold: what is above it is taken for 1.

    Returns:
        An array of that shape.

    Raises:
        ShapeError: the shapes differ.
    """
    y, p = _alike("binary_accuracy", y_true, predicted(plain(y_pred)))
    return (y == (p > threshold)).astype(np.float64)


def categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """1 where the class with the highest prediction is the true one, else 0.

    Args:
        y_true: a probability for each class, or class numbers of shape (n,) or (n, 1).
        y_pred: probabilities or logits, shape (..., classes).

    Returns:
        An array without the axis of the classes.

    Raises:
        ShapeError: the shapes do not fit.
    """
    return _right_class("categorical_accuracy", y_true, y_pred)


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """1 where the class with the highest prediction is the true one, else 0.

    Args, returns, raises: as `categorical_accuracy`.
    """
    return _right_class("sparse_categorical_accuracy", y_true, y_pred)


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Any:
    """1 where fewer than k classes have a higher prediction than the true one, else 0.

    Args:
        y_true, y_pred: as of `categorical_accuracy`.
        k: how many classes are looked at.

    Returns, raises: as `categorical_accuracy`.
    """
    return _among_the_first("top_k_categorical_accuracy", y_true, y_pred, k)


def sparse_top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Any:
    """1 where fewer than k classes have a higher prediction than the true one, else 0.

    Args, returns, raises: as `top_k_categorical_accuracy`.
    """
    return _among_the_first("sparse_top_k_categorical_accuracy", y_true, y_pred, k)


def any_accuracy(y_true: Any, y_pred: Any) -> Any:
    """1 where a prediction is right: by `binary_accuracy` where there is one output, else by the highest class.

    Args, returns, raises: as `binary_accuracy` and `categorical_accuracy`.
    """
    p = plain(y_pred)
    one_output = p.ndim < 2 or p.shape[-1] == 1
    return binary_accuracy(y_true, p) if one_output else _right_class("accuracy", y_true, p)


def true_classes(call: str, y_true: Any, p: Any) -> Any:
    """Return the number of the true class of each prediction.

    Args:
        call: the metric to name in messages.
        y_true: class numbers, or a probability for each class.
        p: predictions, shape (..., classes).

    Raises:
        ShapeError: the shapes do not fit.
    """
    y = numbers(call, plain(y_true))
    if p.ndim and y.shape == p.shape and p.shape[-1] > 1:
        return np.argmax(y, axis=-1)
    if p.ndim and y.ndim == p.ndim and y.shape[-1] == 1:
        y = np.squeeze(y, -1)
    if not p.ndim or y.shape != p.shape[:-1]:
        raise ShapeError(
            f"{call}: predictions of shape {p.shape} need class numbers of shape {p.shape[:-1]} or probabilities of "
            f"shape {p.shape}, got targets of shape {y.shape}"
        )
    return y


def _alike(call: str, y_true: Any, p: Any) -> tuple[Any, Any]:
    y, p = same_rank(numbers(call, plain(y_true)), p)
    if y.shape != p.shape:
        raise ShapeError(
            f"{call}: targets of shape {y.shape} and predictions of shape {p.shape} must have the same shape; reshape "
            "one of them, or use sparse_categorical_accuracy for a prediction for each class"
        )
    return y, p


def _right_class(call: str, y_true: Any, y_pred: Any) -> Any:
    p = plain(y_pred)
    return (true_classes(call, y_true, p) == np.argmax(p, axis=-1)).astype(np.float64)


def _among_the_first(call: str, y_true: Any, y_pred: Any, k: int) -> Any:
    p = plain(y_pred)
    classes = true_classes(call, y_true, p).astype(np.intp)
    theirs = np.take_along_axis(p, classes[..., None], axis=-1)
    higher = np.sum(p > np.where(np.isnan(theirs), -np.inf, theirs), axis=-1)
    return (higher < k).astype(np.float64)


class Accuracy(FunctionMean):
    """The share of predictions that equal their targets."""

    function = staticmethod(accuracy)

    def __init__(self, name: str | None = "accuracy", dtype: Any = None) -> None:
        super().__init__(name, dtype)


class AnyAccuracy(FunctionMean):
    """The share of predictions that are right, for one output or several: see `any_accuracy`."""

    function = staticmethod(any_accuracy)

    def __init__(self, name: str | None = "accuracy", dtype: Any = None) -> None:
        super().__init__(name, dtype)


class BinaryAccuracy(FunctionMean):
    """The share of probabilities that lie on their target's side of a threshold."""

    function = staticmethod(binary_accuracy)

    def __init__(self, name: str | None = "binary_accuracy", dtype: Any = None, threshold: float = 0.5) -> None:
        super().__init__(name, dtype, threshold=threshold)


class CategoricalAccuracy(FunctionMean):
    """The share of examples whose true class has the highest prediction, targets as rows of probabilities."""

    function = staticmethod(categorical_accuracy)

    def __init__(self, name: str | None = "categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(name, dtype)


class SparseCategoricalAccuracy(FunctionMean):
    """The share of examples whose true class has the highest prediction, targets as class numbers."""

    function = staticmethod(sparse_categorical_accuracy)

    def __init__(self, name: str | None = "sparse_categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(name, dtype)


class TopKCategoricalAccuracy(FunctionMean):
    """The share of examples whose true class is among the k highest predictions."""

    function = staticmethod(top_k_categorical_accuracy)

    def __init__(self, k: int = 5, name: str | None = "top_k_categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(name, dtype, k=k)


class SparseTopKCategoricalAccuracy(FunctionMean):
    """The share of examples whose true class is among the k highest predictions, targets as class numbers."""

    function = staticmethod(sparse_top_k_categorical_accuracy)

    def __init__(self, k: int = 5, name: str | None = "sparse_top_k_categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(name, dtype, k=k)

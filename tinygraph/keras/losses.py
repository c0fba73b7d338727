"""Keras's losses, with clipped probabilities: values and gradients are those of `keras.losses`.

Arguments and defaults are Keras's, targets first. Each loss returns one number an example; `np.mean` averages them, as
a Keras model does.

    loss = np.mean(tg.keras.losses.sparse_categorical_crossentropy(labels, probabilities))
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from tinygraph.engine.operands import array_of, as_array
from tinygraph.engine.primitives import composed
from tinygraph.engine.tensor import Tensor
from tinygraph.errors import ShapeError
from tinygraph.functions.activations import floating
from tinygraph.functions.checks import class_numbers
from tinygraph.functions.losses import binary_cross_entropy, cross_entropy

__all__ = [
    "EPSILON",
    "binary_crossentropy",
    "categorical_crossentropy",
    "kl_divergence",
    "mean_absolute_error",
    "mean_squared_error",
    "sparse_categorical_crossentropy",
]


def __getattr__(name: str) -> Any:
    from tinygraph.elsewhere import OF_KERAS_LOSSES, no_attribute

    raise AttributeError(
        no_attribute(f"module {__name__!r}", name, OF_KERAS_LOSSES, __all__), name=name, obj=sys.modules[__name__]
    )


# keras.config.epsilon()
EPSILON = 1e-7


@composed
def binary_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Any:
    """−(y ln p + (1 − y) ln (1 − p)), the mean over an axis, with p clipped to between 1e-7 and 1 − 1e-7.

    Args:
        y_true: 0, 1 or probabilities.
        y_pred: probabilities or, with `from_logits`, logits; of the same shape.
        from_logits: the predictions are logits. They are not clipped.
        label_smoothing: s moves targets towards 0.5: 0 becomes s / 2, and 1 becomes 1 − s / 2.
        axis: the axis of the mean.

    Returns:
        An array, or a Tensor, without that axis.

    Raises:
        ShapeError: the shapes differ.
    """
    y, p, dtype = _prepared("binary_crossentropy", y_true, y_pred)
    if label_smoothing:
        y = y * (1 - label_smoothing) + 0.5 * label_smoothing
    if from_logits:
        losses = binary_cross_entropy(p, y, from_logits=True, reduction="none")
    else:
        p = _clipped(p)
        losses = -(y * np.log(p) + (1 - y) * np.log(1 - p))
    return _as(np.mean(losses, axis=axis), dtype)


@composed
def categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Any:
    """−Σ y ln p over the classes. Probabilities are divided by their sum, and clipped as in `binary_crossentropy`.

    Args:
        y_true: a probability for each class.
        y_pred: probabilities or, with `from_logits`, logits; of the same shape.
        from_logits: the predictions are logits. They are not clipped.
        label_smoothing: moves targets towards the same probability for each class.
        axis: the axis of the classes.

    Returns:
        An array, or a Tensor, without the axis of the classes.

    Raises:
        ShapeError: the shapes differ.
    """
    y, p, dtype = _prepared("categorical_crossentropy", y_true, y_pred)
    if label_smoothing:
        y = y * (1 - label_smoothing) + label_smoothing / p.shape[axis]
    if from_logits:
        y, p = np.moveaxis(y, axis, -1), np.moveaxis(p, axis, -1)
        return _as(cross_entropy(p, y, from_logits=True, reduction="none"), dtype)
    return _as(-np.sum(y * np.log(_normalized(p, axis)), axis=axis), dtype)


@composed
def sparse_categorical_crossentropy(y_true: Any, y_pred: Any, from_logits: bool = False, axis: int = -1) -> Any:
    """`categorical_crossentropy` of class numbers: −ln p of the class.

    Args:
        y_true: class numbers, integers in the shape of `y_pred` without the axis of the classes, or with size 1 there.
        y_pred: probabilities or, with `from_logits`, logits.
        from_logits: the predictions are logits. They are not clipped.
        axis: the axis of the classes.

    Returns:
        An array, or a Tensor, without the axis of the classes.

    Raises:
        ShapeError: the shapes do not fit.
        ValueError: a class number is negative, or not below the number of classes. (Keras returns a loss of 0 there.)
    """
    call = "sparse_categorical_crossentropy"
    p = _floating_or_tensor(y_pred)
    y = as_array(y_true.data if isinstance(y_true, Tensor) else y_true)
    if p.ndim and y.ndim == p.ndim and y.shape[axis] == 1:
        y = np.squeeze(y, axis)
    classes_last = p if p.ndim < 2 or axis in (-1, p.ndim - 1) else np.moveaxis(p, axis, -1)
    if not p.ndim or y.shape != classes_last.shape[:-1]:
        raise ShapeError(
            f"{call}: predictions of shape {p.shape} with classes in axis {axis} need targets of shape "
            f"{classes_last.shape[:-1]}, got {y.shape}. Give class numbers, or use categorical_crossentropy"
        )
    y = class_numbers(y, classes_last.shape[-1], call).astype(np.intp)
    classes_last = _as(classes_last, _computed(p.dtype))
    if from_logits:
        return _as(cross_entropy(classes_last, y, from_logits=True, reduction="none"), p.dtype)
    chosen = np.take_along_axis(_normalized(classes_last, -1), y[..., None], axis=-1)[..., 0]
    return _as(-np.log(chosen), p.dtype)


@composed
def kl_divergence(y_true: Any, y_pred: Any) -> Any:
    """Σ y ln (y ÷ p) over the last axis, y and p clipped to between 1e-7 and 1.

    Args:
        y_true, y_pred: probabilities of the same shape.

    Returns:
        An array, or a Tensor, without the last axis.

    Raises:
        ShapeError: the shapes differ.
    """
    y, p, dtype = _prepared("kl_divergence", y_true, y_pred)
    y, p = np.clip(y, EPSILON, 1), np.clip(p, EPSILON, 1)
    return _as(np.sum(y * np.log(y / p), axis=-1), dtype)


@composed
def mean_squared_error(y_true: Any, y_pred: Any) -> Any:
    """The mean of (y − p)² over the last axis.

    Args:
        y_true, y_pred: numbers of the same shape.

    Returns:
        An array, or a Tensor, without the last axis.

    Raises:
        ShapeError: the shapes differ.
    """
    y, p, dtype = _prepared("mean_squared_error", y_true, y_pred)
    return _as(np.mean(np.square(y - p), axis=-1), dtype)


@composed
def mean_absolute_error(y_true: Any, y_pred: Any) -> Any:
    """The mean of |y − p| over the last axis.

    Args:
        y_true, y_pred: numbers of the same shape.

    Returns:
        An array, or a Tensor, without the last axis.

    Raises:
        ShapeError: the shapes differ.
    """
    y, p, dtype = _prepared("mean_absolute_error", y_true, y_pred)
    return _as(np.mean(np.abs(y - p), axis=-1), dtype)


def _floating_or_tensor(item: Any) -> Any:
    return item if isinstance(item, Tensor) else floating(array_of(item))


def _prepared(call: str, y_true: Any, y_pred: Any) -> tuple[Any, Any, Any]:
    """Return the targets in the dtype of the predictions, the predictions, and the dtype: float32 for float16."""
    p = _floating_or_tensor(y_pred)
    y = y_true if isinstance(y_true, Tensor) else array_of(y_true)
    if y.shape != p.shape or not p.ndim:
        raise ShapeError(
            f"{call}: targets of shape {y.shape} and predictions of shape {p.shape} must have the same shape, with an "
            "axis at least; reshape one of them"
        )
    computed = _computed(p.dtype)
    return _as(y, computed), _as(p, computed), p.dtype


def _computed(dtype: Any) -> Any:
    """Return the dtype to compute in: not float16, where 1 − 1e-7 is 1."""
    return np.dtype(np.float32) if dtype == np.float16 else dtype


def _as(array: Any, dtype: Any) -> Any:
    return array if array.dtype == dtype else array.astype(dtype)


def _clipped(p: Any) -> Any:
    return np.clip(p, EPSILON, 1 - EPSILON)


def _normalized(p: Any, axis: int) -> Any:
    """Return probabilities divided by their sum, and clipped."""
    return _clipped(p / np.sum(p, axis=axis, keepdims=True))

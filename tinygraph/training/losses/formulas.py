"""The entropies of probabilities and of logits, as Keras computes them.

A probability is clipped to between 1e-7 and 1 − 1e-7: the loss of a wrong prediction is at most 16.1, and where it is
clipped, its gradient is 0. Logits are not clipped.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygraph.engine.operands import as_array
from tinygraph.engine.tensor import Tensor
from tinygraph.errors import ShapeError
from tinygraph.functions.activations import sigmoid
from tinygraph.functions.checks import class_numbers, whole_numbers
from tinygraph.functions.logits import log_softmax
from tinygraph.functions.losses import binary_cross_entropy, cross_entropy
from tinygraph.training.losses.pairing import EPSILON, cast, computed, numbers, paired, predicted

__all__ = [
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "classes_last",
    "kl_divergence",
    "labels_of",
    "sparse_categorical_crossentropy",
]


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
    y, p, dtype = paired("binary_crossentropy", y_true, y_pred)
    return cast(np.mean(_log_losses(_smoothed(y, label_smoothing, 2), p, from_logits), axis=axis), dtype)


def binary_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """`binary_crossentropy` times (1 − the probability of the truth)^γ: examples that are easy count less.

    Args:
        y_true: 0, 1 or probabilities.
        y_pred: probabilities or, with `from_logits`, logits; of the same shape.
        apply_class_balancing: weigh the ones by `alpha`, and the zeros by 1 − `alpha`.
        alpha: the weight of the ones.
        gamma: the exponent. With 0 it is `binary_crossentropy`.
        from_logits: the predictions are logits. They are not clipped.
        label_smoothing: as in `binary_crossentropy`.
        axis: the axis of the mean.

    Returns:
        An array, or a Tensor, without that axis.

    Raises:
        ShapeError: the shapes differ.

    Source: Lin, Goyal, Girshick, He and Dollár, "Focal loss for dense object detection" (2017), equations 4 and 5.
    """
    y, p, dtype = paired("binary_focal_crossentropy", y_true, y_pred)
    y = _smoothed(y, label_smoothing, 2)
    losses = _log_losses(y, p, from_logits)
    p = sigmoid(p) if from_logits else p
    losses = (1 - (y * p + (1 - y) * (1 - p))) ** gamma * losses
    if apply_class_balancing:
        losses = (y * alpha + (1 - y) * (1 - alpha)) * losses
    return cast(np.mean(losses, axis=axis), dtype)


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
        ShapeError: the shapes differ. Targets that are class numbers belong to `sparse_categorical_crossentropy`.
    """
    y, p = numbers("categorical_crossentropy", y_true), predicted(y_pred)
    if p.ndim and p.shape[axis] > 1 and y.shape in _label_shapes(p, axis):
        raise ShapeError(
            f"categorical_crossentropy: targets of shape {y.shape} beside predictions of shape {p.shape} are one "
            "number for each example, not a probability for each class. For class numbers use "
            "sparse_categorical_crossentropy"
        )
    y, p, dtype = paired("categorical_crossentropy", y, p)
    y = _smoothed(y, label_smoothing, p.shape[axis])
    if from_logits:
        y, p = classes_last(y, axis), classes_last(p, axis)
        return cast(cross_entropy(p, y, from_logits=True, reduction="none"), dtype)
    return cast(-np.sum(y * np.log(_normalized(p, axis)), axis=axis), dtype)


def categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: float | Sequence[float] = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """−Σ α (1 − p)^γ y ln p over the classes: examples that are easy count less.

    Args:
        y_true, y_pred, from_logits, label_smoothing, axis: as of `categorical_crossentropy`.
        alpha: the weight of all classes, or one for each.
        gamma: the exponent. With 0, and `alpha` 1, it is `categorical_crossentropy`.

    Returns:
        An array, or a Tensor, without the axis of the classes.

    Raises:
        ShapeError: the shapes differ.

    Source: Lin, Goyal, Girshick, He and Dollár, "Focal loss for dense object detection" (2017), equations 4 and 5.
    """
    y, p, dtype = paired("categorical_focal_crossentropy", y_true, y_pred)
    y = classes_last(_smoothed(y, label_smoothing, p.shape[axis]), axis)
    if from_logits:
        logs = log_softmax(classes_last(p, axis))
        shares = np.exp(logs)
    else:
        shares = classes_last(_normalized(p, axis), axis)
        logs = np.log(shares)
    weights = np.asarray(alpha, shares.dtype) * (1 - shares) ** gamma
    return cast(-np.sum(weights * y * logs, axis=-1), dtype)


def sparse_categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1
) -> Any:
    """`categorical_crossentropy` of class numbers: −ln p of the class.

    Args:
        y_true: class numbers, integers in the shape of `y_pred` without the axis of the classes, or with size 1 there.
            Floats that are whole numbers will do.
        y_pred: probabilities or, with `from_logits`, logits.
        from_logits: the predictions are logits. They are not clipped.
        ignore_class: a number in `y_true` whose loss is 0, such as that of pixels without a label.
        axis: the axis of the classes.

    Returns:
        An array, or a Tensor, without the axis of the classes.

    Raises:
        ShapeError: the shapes do not fit.
        ValueError: a class number is negative, or not below the number of classes, or no whole number. (Keras returns a
            loss of 0 there.)
    """
    call = "sparse_categorical_crossentropy"
    p = predicted(y_pred)
    y = labels_of(y_true, p.ndim, axis, call)
    dtype = p.dtype
    if not p.ndim or y.shape != classes_last(p, axis).shape[:-1]:
        raise ShapeError(
            f"{call}: predictions of shape {p.shape} with classes in axis {axis} need targets of shape "
            f"{classes_last(p, axis).shape[:-1]}, got {y.shape}. Give class numbers, or use categorical_crossentropy"
        )
    p = cast(classes_last(p, axis), computed(dtype))
    valid = None if ignore_class is None else y != ignore_class
    if valid is not None:
        y, p = np.where(valid, y, 0), np.where(valid[..., None], p, 1)
    y = class_numbers(y, p.shape[-1], call).astype(np.intp)
    if from_logits:
        losses = cross_entropy(p, y, from_logits=True, reduction="none")
    else:
        losses = -np.log(np.take_along_axis(_normalized(p, -1), y[..., None], axis=-1)[..., 0])
    return cast(losses if valid is None else np.where(valid, losses, 0), dtype)


def kl_divergence(y_true: Any, y_pred: Any, from_logits: bool = False) -> Any:
    """Σ y ln (y ÷ p) over the last axis, y and p clipped to between 1e-7 and 1.

    Args:
        y_true, y_pred: probabilities of the same shape.
        from_logits: the predictions are logits. They are not clipped.

    Returns:
        An array, or a Tensor, without the last axis.

    Raises:
        ShapeError: the shapes differ.
    """
    y, p, dtype = paired("kl_divergence", y_true, y_pred)
    y = np.clip(y, EPSILON, 1)
    if from_logits:
        return cast(np.sum(y * (np.log(y) - log_softmax(p)), axis=-1), dtype)
    return cast(np.sum(y * np.log(y / np.clip(p, EPSILON, 1)), axis=-1), dtype)


def labels_of(y_true: Any, dimensions: int, axis: int, call: str) -> Any:
    """Return class numbers without the axis of the classes.

    Args:
        y_true: whole numbers.
        dimensions: how many axes the predictions have.
        axis: the axis of the classes.
        call: the function to name in messages.
    """
    y = as_array(numbers(call, y_true.data if isinstance(y_true, Tensor) else y_true))
    if y.dtype.kind == "f":
        y = whole_numbers(y, call)
    return np.squeeze(y, axis) if dimensions and y.ndim == dimensions and y.shape[axis] == 1 else y


def classes_last(array: Any, axis: int) -> Any:
    """Return an array with the axis of the classes moved to the end."""
    return array if array.ndim < 2 or axis in (-1, array.ndim - 1) else np.moveaxis(array, axis, -1)


def _label_shapes(p: Any, axis: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the shapes that class numbers beside predictions may have."""
    without = classes_last(p, axis).shape[:-1]
    return without, tuple(1 if place == axis % p.ndim else size for place, size in enumerate(p.shape))


def _smoothed(y: Any, smoothing: float, classes: int) -> Any:
    """Return targets moved towards the same probability for each of so many classes."""
    return y * (1 - smoothing) + smoothing / classes if smoothing else y


def _log_losses(y: Any, p: Any, from_logits: bool) -> Any:
    if from_logits:
        return binary_cross_entropy(p, y, from_logits=True, reduction="none")
    p = _clipped(p)
    return -(y * np.log(p) + (1 - y) * np.log(1 - p))


def _clipped(p: Any) -> Any:
    return np.clip(p, EPSILON, 1 - EPSILON)


def _normalized(p: Any, axis: int) -> Any:
    """Return probabilities divided by their sum, and clipped."""
    return _clipped(p / np.sum(p, axis=axis, keepdims=True))

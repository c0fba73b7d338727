"""The entropies that models are trained with: on the logits under a softmax or a sigmoid wherever they are known.

Keras clips probabilities. So does a loss here of probabilities from elsewhere. But if a prediction is the result of a
softmax or a sigmoid, the loss is computed from its operand: it is finite for logits of any size, and an example that
is predicted wrongly has a gradient however sure the prediction is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygraph import bounds
from tinygraph.engine.primitives import composed
from tinygraph.errors import ShapeError
from tinygraph.functions.checks import class_numbers, within
from tinygraph.functions.underlying import class_logits, normalized_class_logits, yes_or_no_logits
from tinygraph.training.losses import formulas
from tinygraph.training.losses.pairing import cast, computed, numbers, predicted

__all__ = [
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_generalized_cross_entropy",
    "kl_divergence",
    "sparse_categorical_crossentropy",
]

_IF_LABELS = "; for class numbers use sparse_categorical_crossentropy"


@composed
def binary_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Any:
    """−(y ln p + (1 − y) ln (1 − p)), the mean over an axis: the log loss of answers of yes or no.

    Args:
        y_true: 0, 1, booleans or probabilities.
        y_pred: probabilities or, with `from_logits`, logits; of the same shape, or one of (n,) and the other of (n, 1).
        from_logits: the predictions are logits.
        label_smoothing: s moves targets towards 0.5: 0 becomes s / 2, and 1 becomes 1 − s / 2.
        axis: the axis of the mean.

    Returns:
        An array, or a Tensor, without that axis.

    Raises:
        ShapeError: the shapes differ.
        ValueError: a target is below 0 or above 1.
    """
    y = within(numbers("binary_crossentropy", y_true), 0, 1, "binary_crossentropy")
    predictions, are_logits = _known(y_pred, from_logits, yes_or_no_logits)
    return formulas.binary_crossentropy(y, predictions, are_logits, label_smoothing, axis)


@composed
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
        y_true, y_pred, from_logits, label_smoothing, axis: as of `binary_crossentropy`.
        apply_class_balancing: weigh the ones by `alpha`, and the zeros by 1 − `alpha`.
        alpha: the weight of the ones.
        gamma: the exponent. With 0 it is `binary_crossentropy`.

    Returns, raises: as `binary_crossentropy`.

    Source: Lin, Goyal, Girshick, He and Dollár, "Focal loss for dense object detection" (2017), equations 4 and 5.
    """
    y = within(numbers("binary_focal_crossentropy", y_true), 0, 1, "binary_focal_crossentropy")
    predictions, are_logits = _known(y_pred, from_logits, yes_or_no_logits)
    return formulas.binary_focal_crossentropy(
        y, predictions, apply_class_balancing, alpha, gamma, are_logits, label_smoothing, axis
    )


@composed
def categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Any:
    """−Σ y ln p over the classes, of probabilities divided by their sum.

    Args:
        y_true: a probability for each class: rows of `to_categorical`, for example.
        y_pred: probabilities or, with `from_logits`, logits; of the same shape.
        from_logits: the predictions are logits.
        label_smoothing: moves targets towards the same probability for each class.
        axis: the axis of the classes.

    Returns:
        An array, or a Tensor, without the axis of the classes.

    Raises:
        ShapeError: the shapes differ. Targets that are class numbers belong to `sparse_categorical_crossentropy`.
        ValueError: a target is below 0 or above 1.
    """
    y = within(numbers("categorical_crossentropy", y_true), 0, 1, "categorical_crossentropy", _IF_LABELS)
    predictions, are_logits = _known(y_pred, from_logits, lambda p: normalized_class_logits(p, axis))
    return formulas.categorical_crossentropy(y, predictions, are_logits, label_smoothing, axis)


@composed
def categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: float | Sequence[float] = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """`categorical_crossentropy` times α (1 − the probability of the class)^γ: examples that are easy count less.

    Args:
        y_true, y_pred, from_logits, label_smoothing, axis: as of `categorical_crossentropy`.
        alpha: the weight of all classes, or one for each.
        gamma: the exponent. With 0, and `alpha` 1, it is `categorical_crossentropy`.

    Returns, raises: as `categorical_crossentropy`.

    Source: Lin, Goyal, Girshick, He and Dollár, "Focal loss for dense object detection" (2017), equations 4 and 5.
    """
    y = within(numbers("categorical_focal_crossentropy", y_true), 0, 1, "categorical_focal_crossentropy", _IF_LABELS)
    predictions, are_logits = _known(y_pred, from_logits, lambda p: normalized_class_logits(p, axis))
    return formulas.categorical_focal_crossentropy(y, predictions, alpha, gamma, are_logits, label_smoothing, axis)


@composed
def categorical_generalized_cross_entropy(y_true: Any, y_pred: Any, q: float) -> Any:
    """(1 − p^q) ÷ q, p the probability of the class: between −ln p, q near 0, and 1 − p, q near 1.

    Labels that are wrong count less than in a cross-entropy.

    Args:
        y_true: class numbers, shape (n,) or (n, 1).
        y_pred: probabilities, shape (n, classes).
        q: the exponent, between 0 and 1.

    Returns:
        An array, or a Tensor, of shape (n,).

    Raises:
        ShapeError: the shapes do not fit.
        ValueError: a class number is negative, or not below the number of classes; or `q` is not between 0 and 1.

    Source: Zhang and Sabuncu, "Generalized cross entropy loss for training deep neural networks with noisy labels"
    (2018), equation 6.
    """
    call = "categorical_generalized_cross_entropy"
    bounds.number(call, "q", q, above=0, below=1)
    p = predicted(y_pred)
    y = formulas.labels_of(y_true, p.ndim, -1, call)
    if p.ndim != 2 or y.shape != p.shape[:1]:
        raise ShapeError(
            f"{call}: targets of shape {y.shape} and predictions of shape {p.shape} must have shapes (n,) and (n, "
            "classes)"
        )
    y = class_numbers(y, p.shape[-1], call).astype(np.intp)
    own = np.take_along_axis(cast(p, computed(p.dtype)), y[:, None], axis=-1)[:, 0]
    return cast((1 - own**q) / q, p.dtype)


@composed
def sparse_categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1
) -> Any:
    """−ln p of the class, for class numbers.

    Args:
        y_true: class numbers in the shape of `y_pred` without the axis of the classes, or with size 1 there: integers,
            or floats that are whole numbers. In the shape of `y_pred`: a probability for each class.
        y_pred: probabilities or, with `from_logits`, logits.
        from_logits: the predictions are logits.
        ignore_class: a number in `y_true` whose loss is 0, such as that of pixels without a label.
        axis: the axis of the classes.

    Returns:
        An array, or a Tensor, without the axis of the classes.

    Raises:
        ShapeError: the shapes do not fit.
        ValueError: a class number is negative, or not below the number of classes, or no whole number.
    """
    y = numbers("sparse_categorical_crossentropy", y_true)
    if y.shape == predicted(y_pred).shape and y.ndim and y.shape[axis] > 1 and ignore_class is None:
        return categorical_crossentropy(y, y_pred, from_logits, axis=axis)
    predictions, are_logits = _known(y_pred, from_logits, lambda p: normalized_class_logits(p, axis))
    return formulas.sparse_categorical_crossentropy(y, predictions, are_logits, ignore_class, axis)


@composed
def kl_divergence(y_true: Any, y_pred: Any) -> Any:
    """Σ y ln (y ÷ p) over the last axis, y clipped to between 1e-7 and 1, and p, too, where it is of no softmax.

    Args:
        y_true, y_pred: probabilities of the same shape.

    Returns:
        An array, or a Tensor, without the last axis.

    Raises:
        ShapeError: the shapes differ.
    """
    return formulas.kl_divergence(y_true, *_known(y_pred, False, class_logits))


def _known(y_pred: Any, from_logits: bool, under: Callable[[Any], Any]) -> tuple[Any, bool]:
    """Return the logits under predictions, or the predictions, and which of the two they are."""
    logits = None if from_logits else under(y_pred)
    return (y_pred, from_logits) if logits is None else (logits, True)

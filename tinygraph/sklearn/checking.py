"""Parameters, labels and weights, checked as scikit-learn checks them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from sklearn.preprocessing import LabelEncoder
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, column_or_1d

__all__ = ["check_parameters", "class_weights", "encoded", "takes_back", "weights_of"]

Method = TypeVar("Method", bound=Callable[..., Any])


def takes_back(method: Method) -> Method:
    """Make a method give an estimator its attributes back when it raises."""

    @functools.wraps(method)
    def whole(self: Any, *args: Any, **kwargs: Any) -> Any:
        before = dict(vars(self))
        try:
            return method(self, *args, **kwargs)
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise

    return cast(Method, whole)


def check_parameters(estimator: Any, rules: dict[str, tuple[str, Callable[[Any], bool]]]) -> None:
    """Refuse the parameters of an estimator that break a rule.

    Args:
        estimator: has the parameters as attributes.
        rules: what a parameter must be, in words and as a test, by its name.

    Raises:
        ValueError: names the first parameter that breaks its rule.
    """
    for name, (words, holds) in rules.items():
        value = getattr(estimator, name)
        try:
            kept = bool(holds(value))
        except (TypeError, ValueError):
            kept = False
        if not kept:
            raise ValueError(f"{type(estimator).__name__}: {name} must be {words}, got {value!r}")


def encoded(estimator: Any, y: Any) -> tuple[LabelEncoder, Any]:
    """Return an encoder of the labels, and the labels as numbers from 0.

    Raises:
        ValueError: the labels are no classes, or all the same.
    """
    check_classification_targets(y)
    encoder = LabelEncoder()
    numbers = encoder.fit_transform(column_or_1d(y, warn=True))
    if len(encoder.classes_) < 2:
        raise ValueError(
            f"{type(estimator).__name__}: there must be at least 2 classes, but the data contain only one class, "
            f"{encoder.classes_[0]!r}"
        )
    return encoder, numbers


def weights_of(sample_weight: Any, x: Any) -> Any:
    """Return the weights of the rows, none negative and not all 0; None for equal ones.

    Raises:
        ValueError: their number is not that of the rows, one is negative, or all are 0.
    """
    if sample_weight is None:
        return None
    weights = _check_sample_weight(sample_weight, x, dtype=x.dtype, ensure_non_negative=True)
    if not weights.any():
        raise ValueError("fit: every sample_weight is 0, so there is nothing to learn from")
    return weights


def class_weights(class_weight: Any, classes: Any, labels: Any, weights: Any) -> Any:
    """Return the weights of the rows, multiplied by those of their classes.

    Args:
        class_weight: None, "balanced" for weights by which all classes count the same, or a dict from classes to
            weights, in which missing ones are 1.
        classes: the classes, as the user names them.
        labels: the class of each row as a number, shape (rows,).
        weights: of the rows, or None.

    Raises:
        ValueError: the dict has something that is no class, or class_weight is none of these.
    """
    if class_weight is None:
        return weights
    if isinstance(class_weight, str) and class_weight == "balanced":
        counts = np.bincount(labels, weights=weights, minlength=len(classes))
        of_class = counts.sum() / (len(classes) * np.where(counts == 0, 1, counts))
    else:
        of_class = compute_class_weight(class_weight, classes=classes, y=classes)
    of_row = of_class[labels]
    return of_row if weights is None else (weights * of_row).astype(weights.dtype)

"""Labels as rows of zeros and a one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygraph.engine.value import Value

__all__ = ["to_categorical"]


def to_categorical(x: Any, num_classes: int | None = None) -> NDArray[np.float64]:
    """Return class numbers one-hot: for each a row of zeros, with a one in the place of the class.

    Args:
        x: class numbers, integers from 0, of shape (...) or (..., 1).
        num_classes: the number of classes; by default the highest class number and 1.

    Returns:
        float64 of shape (..., num_classes).

    Raises:
        IndexError: a class number is not below `num_classes`, or negative. (Keras takes -1 for the last class.)
        ValueError: there are no labels to count the classes of, or the labels are not whole numbers. (Keras cuts
            fractions off.)

        >>> to_categorical([0, 2])
        array([[1., 0., 0.],
               [0., 0., 1.]])
    """
    classes = _class_numbers(x)
    if classes.ndim > 1 and classes.shape[-1] == 1:
        classes = classes[..., 0]
    if not num_classes:
        if not classes.size:
            raise ValueError("to_categorical: there are no labels to count the classes of. Give num_classes=")
        num_classes = int(classes.max()) + 1
    outside = classes[(classes < 0) | (classes >= num_classes)]
    if outside.size:
        raise IndexError(
            f"to_categorical: the label {outside.flat[0]} is not one of {num_classes} classes, which are 0 to "
            f"{num_classes - 1}. Number the labels from 0, or give num_classes="
        )
    one_hot = np.zeros((*classes.shape, num_classes))
    np.put_along_axis(one_hot, classes[..., None], 1, axis=-1)
    return one_hot


def _class_numbers(x: Any) -> NDArray[np.int64]:
    given = x.numpy() if isinstance(x, Value) else np.asarray(x)  # type: ignore[attr-defined]
    try:
        classes: NDArray[np.int64] = given.astype(np.int64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"to_categorical: labels of dtype {given.dtype} are not class numbers. Number them with scikit-learn: "
            "LabelEncoder().fit_transform(labels)"
        ) from error
    if given.dtype.kind == "f" and not np.array_equal(classes, given):
        raise ValueError("to_categorical: class numbers are whole numbers, and some labels have fractions or are NaN")
    return classes

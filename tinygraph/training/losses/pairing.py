"""Targets beside predictions: made of one dtype and one shape, or refused."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.engine.operands import array_of
from tinygraph.engine.tensor import Tensor
from tinygraph.errors import ShapeError
from tinygraph.functions.activations import floating

__all__ = ["EPSILON", "cast", "computed", "numbers", "paired", "predicted", "same_rank"]

# Keras's keras.config.epsilon(): the distance that logarithms and quotients keep from 0.
EPSILON = 1e-7


def paired(call: str, y_true: Any, y_pred: Any) -> tuple[Any, Any, Any]:
    """Return targets and predictions of one shape and dtype, and the dtype of the predictions.

    Args:
        call: the loss to name in messages.
        y_true: the targets, numbers or booleans.
        y_pred: the predictions. Targets of shape (n,) and predictions of shape (n, 1) fit, and so do (n, 1) and (n,).

    Returns:
        Targets and predictions in the dtype of the predictions, or in float32 where that is float16.

    Raises:
        ShapeError: the shapes differ, or there is no axis.
        TypeError: the targets are no numbers.
    """
    p = predicted(y_pred)
    y, p = same_rank(numbers(call, y_true), p)
    if y.shape != p.shape or not p.ndim:
        raise ShapeError(
            f"{call}: targets of shape {y.shape} and predictions of shape {p.shape} must have the same shape, with an "
            "axis at least; reshape one of them"
        )
    if y.dtype.kind == "c" and p.dtype.kind != "c":
        raise TypeError(
            f"{call}: the targets are complex, {y.dtype}, and the predictions are real, {p.dtype}. Give the real part, "
            "y.real, or both parts side by side, np.stack([y.real, y.imag], axis=-1)"
        )
    return cast(y, computed(p.dtype)), cast(p, computed(p.dtype)), p.dtype


def same_rank(y: Any, p: Any) -> tuple[Any, Any]:
    """Return targets and predictions with equally many axes, where one of them has a last axis of size 1 more."""
    if y.ndim == p.ndim + 1 and y.shape[-1] == 1:
        return (y, p[..., None]) if p.ndim == 1 else (np.squeeze(y, -1), p)
    if p.ndim == y.ndim + 1 and p.shape[-1] == 1:
        return (y[..., None], p) if y.ndim == 1 else (y, np.squeeze(p, -1))
    return y, p


def predicted(y_pred: Any) -> Any:
    """Return predictions in a floating dtype."""
    if isinstance(y_pred, Tensor):
        return y_pred if y_pred.dtype.kind in "fc" else y_pred.astype(np.float64)
    return floating(array_of(y_pred))


def numbers(call: str, y_true: Any) -> Any:
    """Return targets as an array or a Tensor.

    Raises:
        TypeError: they are strings or objects.
    """
    y = y_true if isinstance(y_true, Tensor) else array_of(y_true)
    if y.dtype.kind not in "biufc":
        if y.dtype == object and not y.ndim and y.item() is None:
            raise TypeError(f"{call}: there are no targets. Write fit(x, y), or give batches (x, y)")
        raise TypeError(
            f"{call}: targets must be numbers, got {y.dtype}; np.unique(y, return_inverse=True)[1] numbers the labels"
        )
    return y


def computed(dtype: Any) -> Any:
    """Return the dtype to compute in: not float16, where 1 − 1e-7 is 1."""
    return np.dtype(np.float32) if dtype == np.float16 else dtype


def cast(array: Any, dtype: Any) -> Any:
    """Return an array in a dtype, itself where it has that dtype."""
    return array if array.dtype == dtype else array.astype(dtype)

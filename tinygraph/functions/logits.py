"""Softmax and its relatives, stable for values of any size: the largest value is taken out first."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.derivatives.reductions import expand
from tinygraph.engine.modes import for_any_values
from tinygraph.engine.notes import decomposition
from tinygraph.engine.operands import as_array
from tinygraph.engine.primitives import primitive, remembered
from tinygraph.engine.rows import largest, row_sums, sums_by_rows
from tinygraph.functions.activations import floating, floating_operand, in_float32
from tinygraph.functions.checks import class_numbers

Axis = int | tuple[int, ...] | None


@primitive
@in_float32
def logsumexp(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """ln Σ exp(x) over an axis.

    Args:
        x: an array of any shape.
        axis: the axis or axes to sum over; None for all.
        keepdims: keep the summed axes, at size 1.

    Returns:
        An array without the summed axes. Over no elements at all the sum is 0, and the result −∞.
    """
    x = floating(x)
    highest = np.max(x, axis=axis, keepdims=True, initial=-np.inf)
    highest = np.where(np.isfinite(highest), highest, 0)
    with np.errstate(divide="ignore"):
        result = np.log(np.sum(np.exp(x - highest), axis=axis, keepdims=True)) + highest
    return result if keepdims else np.squeeze(result, axis=axis)[()]


def _logsumexp_x(g: Any, z: Any, x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    # exp(x - z) would be the same on paper, but in z the numbers that are small next to the largest x are rounded away.
    g = expand(g, x.shape, axis, keepdims)
    if 0 in x.shape or not (for_any_values() or np.any(np.isinf(z))):
        return g * softmax(x, axis=axis)
    numbers = np.exp(x - _finite(_highest(x, axis)))
    total = np.sum(numbers, axis=axis, keepdims=True)
    return numbers * (g / np.where(total == 0, 1, total))


logsumexp.derivative(_logsumexp_x)


def _highest(x: Any, axis: Axis) -> Any:
    return np.max(x, axis=axis, keepdims=True)


def _finite(highest: Any) -> Any:
    return np.where(np.isfinite(highest), highest, np.zeros((), highest.dtype)[()])


@decomposition(logsumexp)
@in_float32
def logsumexp_written_out(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Write ln Σ exp(x − highest) + highest; the program restores the shape. An array without elements stays a call."""
    x = floating_operand(x)
    if 0 in x.shape:
        return None
    highest = _finite(_highest(x, axis))
    return np.log(np.sum(np.exp(x - highest), axis=axis, keepdims=True)) + highest


# Sums of exponentials in this range lose nothing to overflow or underflow that the shares would show.
LOW, HIGH = 2.0**-10, 2.0**100


def exponentials(x: Any, axis: Axis) -> tuple[Any, Any]:
    """Return positive numbers in proportion to exp(x), as an array of their own, and their sums along an axis."""
    if axis in (-1, x.ndim - 1) and sums_by_rows(x):
        with np.errstate(over="ignore", under="ignore"):
            numbers = np.exp(x)
        sums = row_sums(numbers)
        if sums.min() >= LOW and sums.max() <= HIGH:  # not of NaN
            return numbers, sums
        np.subtract(x, largest(x), out=numbers)
        np.exp(numbers, out=numbers)
        return numbers, row_sums(numbers)
    numbers = np.exp(x - _highest_of(x, axis))
    return numbers, np.add.reduce(numbers, axis, keepdims=True)


def _highest_of(x: Any, axis: Axis) -> Any:
    """Return the largest numbers of an array along an axis, which stays at size 1: −∞ for no number."""
    return np.maximum.reduce(x, axis, keepdims=True, initial=-np.inf)


@remembered
@in_float32
def softmax(x: Any, axis: Axis = -1) -> Any:
    """exp(x) ÷ Σ exp(x): positive numbers that add up to 1 along an axis.

    Args:
        x: logits, an array of any shape.
        axis: the axis or axes along which the result adds up to 1.

    Returns:
        An array of the same shape.
    """
    numbers, sums = exponentials(floating(x), axis)
    return np.divide(numbers, sums, out=numbers) if type(numbers) is np.ndarray else numbers / sums


def _softmax_x(g: Any, z: Any, x: Any, axis: Axis = -1) -> Any:
    if axis == -1 and type(g) is np.ndarray and sums_by_rows(z):
        slope = g - row_sums(g, z)
        slope *= z
        return slope
    return z * (g - np.sum(g * z, axis=axis, keepdims=True))


softmax.derivative(_softmax_x)


@decomposition(softmax)
@in_float32
def softmax_written_out(x: Any, axis: Axis = -1) -> Any:
    """Write exp(x − highest) ÷ Σ exp(x − highest); an array without elements stays a call."""
    x = floating_operand(x)
    if 0 in x.shape:
        return None
    shifted = np.exp(x - _highest(x, axis))
    return shifted / np.sum(shifted, axis=axis, keepdims=True)


@primitive
@in_float32
def log_softmax(x: Any, axis: Axis = -1) -> Any:
    """ln softmax(x), without the loss of precision of taking the logarithm afterwards.

    Args:
        x: logits, an array of any shape.
        axis: the axis or axes along which the softmax adds up to 1.

    Returns:
        An array of the same shape.
    """
    shifted, logs = shifted_logits(floating(x), axis)
    return np.subtract(shifted, logs, out=shifted) if type(shifted) is np.ndarray else shifted - logs


def shifted_logits(x: Any, axis: Axis) -> tuple[Any, Any]:
    """Return x without the largest number along an axis, as an array of its own, and ln Σ exp of that.

    The shift comes first: next to a large logit the logarithm would round away.
    """
    by_rows = axis in (-1, x.ndim - 1) and sums_by_rows(x)
    highest = largest(x) if by_rows else _highest_of(x, axis)
    shifted = x - np.where(np.isfinite(highest), highest, 0)
    numbers = np.exp(shifted)
    with np.errstate(divide="ignore"):
        return shifted, np.log(row_sums(numbers) if by_rows else np.add.reduce(numbers, axis, keepdims=True))


def _log_softmax_x(g: Any, z: Any, x: Any, axis: Axis = -1) -> Any:
    if axis == -1 and type(z) is np.ndarray and sums_by_rows(g):
        slope = np.exp(z)
        slope *= row_sums(g)
        return np.subtract(g, slope, out=slope)
    return g - np.exp(z) * np.sum(g, axis=axis, keepdims=True)


log_softmax.derivative(_log_softmax_x)


@decomposition(log_softmax)
@in_float32
def log_softmax_written_out(x: Any, axis: Axis = -1) -> Any:
    """Write x − highest − ln Σ exp(x − highest); an array without elements stays a call."""
    x = floating_operand(x)
    if 0 in x.shape:
        return None
    shifted, logs = shifted_written_out(x, axis)
    return shifted - logs


def shifted_written_out(x: Any, axis: Axis) -> tuple[Any, Any]:
    """Write x − highest and ln Σ exp(x − highest), of an array with elements.

    The exponentials are those of the softmax, which a gradient reads. Their sum is NaN where the highest is infinite,
    and infinite without the shift.
    """
    highest = _highest(x, axis)
    shifted = x - highest
    logs = np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))
    return shifted, np.where(highest == np.inf, np.inf, logs)


def one_hot(labels: Any, num_classes: int | None = None, dtype: Any = np.float64) -> Any:
    """Rows of zeros, each with a single 1 at the index of its label.

    Args:
        labels: integers from 0, an array of any shape.
        num_classes: length of a row; by default one more than the largest label.
        dtype: of the result.

    Returns:
        An array of shape `labels.shape + (num_classes,)`.

    Raises:
        TypeError: the labels are not integers.
        ValueError: a label is negative, or not below `num_classes`.
    """
    labels = as_array(getattr(labels, "data", labels) if hasattr(labels, "requires_grad") else labels)
    if labels.dtype.kind not in "iub":
        raise TypeError(f"one_hot: labels must be integers, got dtype {labels.dtype}")
    count = int(labels.max(initial=-1)) + 1 if num_classes is None else num_classes
    return rows_of(class_numbers(labels, count, "one_hot"), count, dtype)


def rows_of(labels: Any, classes: int, dtype: Any) -> Any:
    """A row for each label, with a 1 at its place."""
    return (labels[..., None] == np.arange(classes)).astype(dtype)

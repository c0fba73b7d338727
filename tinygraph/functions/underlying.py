"""Logits under probabilities: a loss of the result of a softmax or a sigmoid is computed from their operand.

A probability rounds to 0 or 1 at a logit of 17 in float32 and of 37 in float64. Its logarithm is infinite there, and
the gradient NaN. The logit that it came from has lost nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.engine.primitives import Made, made_by
from tinygraph.engine.tensor import Tensor
from tinygraph.functions.activations import sigmoid, softplus
from tinygraph.functions.logits import logsumexp, softmax

__all__ = ["class_logits", "normalized_class_logits", "reshaped", "yes_or_no_logits"]


def class_logits(predictions: Any, axis: int = -1) -> Any:
    """Return the logits that a softmax along an axis made probabilities of; None for any other probabilities.

    Args:
        predictions: a Tensor, or anything.
        axis: the axis of the classes.
    """
    made = made_by(predictions)
    if made is None or made.function is not softmax:
        return None
    along = made.args[1] if len(made.args) > 1 else made.kwargs.get("axis", -1)
    return made.args[0] if _same_axis(along, axis, predictions.ndim) else None


def normalized_class_logits(predictions: Any, axis: int = -1) -> Any:
    """Return logits whose softmax is the predictions divided by their sum, or None.

    Those of a softmax are its operand. Those of a sigmoid of x are ln sigmoid(x) = −softplus(−x).
    """
    made = made_by(predictions)
    if made is not None and made.function is sigmoid:
        return -softplus(-made.args[0])
    return class_logits(predictions, axis)


def yes_or_no_logits(predictions: Any) -> Any:
    """Return the logits whose sigmoid is the predictions; None for probabilities of an unknown source.

    Those of a sigmoid are its operand. Those of a softmax of x are x minus the logarithm of the sum of exp over the
    other classes: p ÷ (1 − p) is exp(x) ÷ that sum.
    """
    made = made_by(predictions)
    if made is not None and made.function is sigmoid:
        return made.args[0]
    x = class_logits(predictions)
    return None if x is None or predictions.shape[-1] < 2 else x - _of_the_others(x)


def reshaped(array: Any, shape: tuple[int, ...]) -> Any:
    """Return an array in another shape, with the logits under it where they are known and the last axis stays.

    Args:
        array: an array or a Tensor with an axis at least.
        shape: the new shape.
    """
    made = made_by(array) if shape and array.shape[-1:] == shape[-1:] else None
    if made is None or not (made.function is sigmoid or class_logits(array) is not None):
        return array.reshape(shape)
    logits = made.args[0].reshape(shape)
    result = array.reshape(shape)
    if isinstance(result, Tensor):
        result._made = Made(made.function, (logits,), {}, (result._link, logits._link))
    return result


def _of_the_others(x: Any) -> Any:
    """Return ln Σ exp over the other classes, for each class.

    For the class with the highest logit that sum is taken anew; of any other it is at least that logit, so that
    subtracting exp(x) from the sum over all loses nothing.
    """
    first = np.argmax(x, axis=-1, keepdims=True) == np.arange(x.shape[-1])
    highest = np.max(x, axis=-1, keepdims=True)
    each = np.exp(x - highest)
    rest = np.where(first, 1, np.sum(each, axis=-1, keepdims=True) - each)
    without_it = logsumexp(np.where(first, -np.inf, x), axis=-1, keepdims=True)
    return np.where(first, without_it, highest + np.log(rest))


def _same_axis(along: Any, axis: int, dimensions: int) -> bool:
    """Return whether two ways to name an axis name the same one."""
    return isinstance(along, int) and dimensions > 0 and along % dimensions == axis % dimensions

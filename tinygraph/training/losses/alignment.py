"""Connectionist temporal classification: labels of sequences whose places in time are not known."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.engine.operands import as_array
from tinygraph.engine.primitives import composed
from tinygraph.engine.tensor import Tensor
from tinygraph.errors import ShapeError
from tinygraph.functions.checks import class_numbers
from tinygraph.functions.logits import log_softmax
from tinygraph.training.losses.pairing import cast, computed, numbers, predicted

__all__ = ["aligned", "ctc"]

# The logarithm of the probability of what cannot be, as in Keras. −∞ has a gradient of NaN.
NEVER = -1e5


@composed
def ctc(y_true: Any, y_pred: Any) -> Any:
    """−ln of the probability of all ways in which the labels may lie in time.

    Args:
        y_true: class numbers, shape (examples, labels). A 0 is no class: shorter rows end with zeros.
        y_pred: logits, shape (examples, time steps, classes). Class 0 is the blank between two labels.

    Returns:
        An array, or a Tensor, of shape (examples,). Where the time steps are too few for the labels, it is about 1e5.

    Raises:
        ShapeError: the shapes are others.
        ValueError: a class number is negative, or not below the number of classes.

    Source: Graves, Fernández, Gomez and Schmidhuber, "Connectionist temporal classification" (2006), section 4.1.
    """
    labels = as_array(numbers("ctc", y_true.data if isinstance(y_true, Tensor) else y_true))
    if labels.ndim != 2 or np.ndim(y_pred) != 3:
        raise ShapeError(
            f"ctc: targets of shape {labels.shape} and logits of shape {np.shape(y_pred)} must have shapes (examples, "
            "labels) and (examples, time steps, classes)"
        )
    return aligned(labels, y_pred, np.sum(labels != 0, axis=1), None, 0)


def aligned(labels: Any, logits: Any, label_lengths: Any, lengths: Any, blank: int) -> Any:
    """Return −ln of the probability of labels, for each example.

    Args:
        labels: class numbers, shape (examples, labels); those after the length of a row do not count.
        logits: shape (examples, time steps, classes).
        label_lengths: the number of labels of each example.
        lengths: the number of time steps of each example; None for all of them.
        blank: the class between two labels.
    """
    logits = predicted(logits)
    dtype = logits.dtype
    log = log_softmax(cast(logits, computed(dtype)), axis=-1)
    (examples, steps, classes), width = log.shape, labels.shape[1]
    counts = np.arange(width) < as_array(label_lengths)[:, np.newaxis]
    labels = class_numbers(np.where(counts, labels, blank).astype(np.int64), classes, "ctc")
    of_labels = np.take_along_axis(log, np.broadcast_to(labels[:, np.newaxis], (examples, steps, width)), axis=2)
    of_blank = log[:, :, blank : blank + 1]
    # Two equal labels in a row need a blank between them.
    same = np.concatenate([labels[:, :-1] == labels[:, 1:], np.zeros((examples, 1), bool)], axis=1)
    straight, by_blank = (np.where(kind, NEVER, 0).astype(log.dtype) for kind in (same, ~same))
    between = np.full((examples, width + 1), NEVER, log.dtype)  # ln p of n labels so far, and a blank at last
    between[:, 0] = 0
    at = np.full((examples, width), NEVER, log.dtype)  # ln p of n labels so far, and the n-th at last
    for t in range(steps):
        ready = _entered(between, at + straight)
        new_at = np.logaddexp(ready[:, :-1], at) + of_labels[:, t]
        new_between = _entered(ready + of_blank[:, t], at + of_blank[:, t] + by_blank)
        if lengths is None:
            between, at = new_between, new_at
        else:
            goes_on = t < as_array(lengths)[:, np.newaxis]
            between, at = np.where(goes_on, new_between, between), np.where(goes_on, new_at, at)
    found = _entered(between, at)
    last = as_array(label_lengths).astype(np.int64)[:, np.newaxis]
    return cast(-np.take_along_axis(found, last, axis=1)[:, 0], dtype)


def _entered(between: Any, at: Any) -> Any:
    """Return ln p of the places between labels, with what comes from the labels before them."""
    return np.concatenate([between[:, :1], np.logaddexp(between[:, 1:], at)], axis=1)

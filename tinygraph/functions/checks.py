"""Checks of values: each returns its array unchanged, or raises an error that names the wrong values.

A check is one call of the graph. A compiled program makes it at every call, at the place where the user's function made
it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.engine.primitives import primitive

__all__ = ["CHECKS", "checked", "class_numbers", "probabilities", "whole_numbers", "within"]


@primitive
def class_numbers(labels: Any, classes: int, call: str) -> Any:
    """Return the labels unchanged, once all of them are class numbers.

    Args:
        labels: integers, an array of any shape.
        classes: how many classes there are.
        call: the function to name in the message.

    Raises:
        ValueError: a label is negative, or not below `classes`.
    """
    if labels.size and (labels.min() < 0 or labels.max() >= classes):
        raise ValueError(f"{call}: labels run from {labels.min()} to {labels.max()}, but num_classes is {classes}")
    return labels


class_numbers.derivative(lambda g, z, labels, classes, call: g)


@primitive
def probabilities(p: Any, call: str) -> Any:
    """Return the probabilities unchanged, once all of them lie between 0 and 1.

    Args:
        p: an array of any shape.
        call: the function to name in the message.

    Raises:
        ValueError: one of them is below 0 or above 1.
    """
    if np.any((p < 0) | (p > 1)):
        raise ValueError(
            f"{call}: probabilities must lie between 0 and 1, got {np.min(p)} to {np.max(p)}; "
            "pass from_logits=True for logits"
        )
    return p


probabilities.derivative(lambda g, z, p, call: g)


@primitive
def whole_numbers(labels: Any, call: str) -> Any:
    """Return the labels unchanged, once all of them are whole numbers. There is no derivative by labels.

    Args:
        labels: floats, an array of any shape.
        call: the function to name in the message.

    Raises:
        ValueError: one of them has a fraction, or is not finite.
    """
    if not np.all((labels == np.floor(labels)) & np.isfinite(labels)):
        raise ValueError(
            f"{call}: class numbers must be whole numbers, got labels from {labels.min()} to {labels.max()}"
        )
    return labels


@primitive
def within(targets: Any, low: float, high: float, call: str, hint: str = "") -> Any:
    """Return the targets unchanged, once all of them lie in a range.

    Args:
        targets: an array of any shape.
        low, high: the smallest and the largest value that is allowed.
        call: the function to name in the message.
        hint: the end of the message.

    Raises:
        ValueError: one of them is smaller or larger.
    """
    if targets.size and not (targets.min() >= low and targets.max() <= high):
        raise ValueError(
            f"{call}: targets run from {targets.min()} to {targets.max()}, but must lie between {low} and {high}{hint}"
        )
    return targets


within.derivative(lambda g, z, targets, low, high, call, hint="": g)


def checked(check: Callable[..., Any], array: Any, *args: Any) -> Any:
    """Return a checked array, or value of a program: the call of a check inside a decomposition."""
    return array.through(check, *args) if hasattr(array, "through") else check(array, *args)


# The checks. Other rooms add theirs.
CHECKS = {class_numbers, probabilities, whole_numbers, within}

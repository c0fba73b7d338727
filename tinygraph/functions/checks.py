"""Checks of values: each returns its array unchanged, or raises an error that names the wrong values.

A check is one call of the graph. A compiled program makes it at every call, at the place where the user's function made
it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.engine.primitives import primitive

__all__ = [
    "CHECKS", "attempted", "base", "checked", "class_numbers", "divisor", "exponent", "probabilities",
    "whole_numbers", "within",
]  # fmt: skip


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


@primitive
def divisor(b: Any, sign: str) -> Any:
    """Return a number of Python's unchanged, once it is not 0: NumPy would divide by 0, and Python raises.

    Args:
        b: the number.
        sign: of the operation: "/", "//" or "%".

    Raises:
        ZeroDivisionError: it is 0.
    """
    if not b:  # Python says what is wrong
        one, nothing = 1.0, 0.0
        return one / nothing if sign == "/" else one // nothing if sign == "//" else one % nothing
    return b


@primitive
def base(b: Any, exponent: Any) -> Any:
    """Return a number of Python's unchanged, once it has a real power.

    Args:
        b: the number.
        exponent: of the power.

    Raises:
        ZeroDivisionError: it is 0, and the exponent is negative.
        ValueError: it is negative, and the exponent is not whole. NumPy would make NaN of it, and Python a complex
            number.
    """
    has_real_power(b, exponent)
    return b


@primitive
def exponent(e: Any, base: Any) -> Any:
    """Return a number of Python's unchanged, once it is the exponent of a real power.

    Args:
        e: the number.
        base: of the power.

    Raises:
        ZeroDivisionError, ValueError: see `base`.
    """
    has_real_power(base, e)
    return e


@primitive
def attempted(x: Any) -> Any:
    """Return the result of a call that may fail, unchanged. A program makes the call though nobody may read its result:
    the function catches its error.
    """
    return x


attempted.has_effect = True


def has_real_power(base: Any, exponent: Any) -> None:
    """Raise an error if a power of two numbers of Python's does not exist, or is complex."""
    if base == 0 and exponent < 0:
        float(base) ** float(exponent)  # Python says what is wrong
    if base < 0 and exponent % 1 != 0:
        raise ValueError(
            f"({base}) ** {exponent} is a complex number, and a program computes with real ones. Write complex(base) "
            "** exponent, or abs(base) ** exponent"
        )


def checked(check: Callable[..., Any], array: Any, *args: Any) -> Any:
    """Return a checked array, or value of a program: the call of a check inside a decomposition."""
    return array.through(check, *args) if hasattr(array, "through") else check(array, *args)


# The checks. Other rooms add theirs.
CHECKS = {class_numbers, probabilities, whole_numbers, within, divisor, base, exponent, attempted}

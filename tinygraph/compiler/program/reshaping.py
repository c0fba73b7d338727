"""Reshaping: the calls that move no number, reshapes and transposes, and what they do to the axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.compiler.program.facts import RESHAPING
from tinygraph.compiler.program.steps import Step

__all__ = ["axes_of", "has_shape", "is_reshape"]


def is_reshape(step: Step) -> bool:
    """Return whether a step gives an array another shape and keeps its elements in C order."""
    return step.function in RESHAPING and step.kwargs.get("order", "C") == "C" and "F" not in step.args[1:]


def axes_of(step: Step) -> tuple[int, ...]:
    """Return the axis of its operand for each axis of a transposition."""
    operand = step.args[0]
    numbered: Any = np.empty(tuple(range(2, 2 + len(operand.shape))), np.bool_)
    result = step.function(numbered, *step.args[1:], **step.kwargs)  # type: ignore[misc]
    return tuple([size - 2 for size in result.shape])


def has_shape(array: Any, shape: tuple[int, ...]) -> bool:
    """Return whether an array can be looked at in another shape without a copy."""
    try:
        np.reshape(array, shape, copy=False)
    except TypeError:  # NumPy 2.0 does not know copy=
        return bool(np.may_share_memory(array, array.reshape(shape)))
    except ValueError:
        return False
    return True

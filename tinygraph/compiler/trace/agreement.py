"""Agreement: comparisons of the arrays, constants and arguments of two runs of a function."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.compiler.trace.events import Event
from tinygraph.engine.ownership import is_stand_in

__all__ = ["brief", "same", "same_content", "same_memory"]


def same_memory(one: Any, other: Any) -> bool:
    """Return whether two living arrays are the same part of the same memory."""
    return one is other or (
        (one.shape, one.strides, one.dtype) == (other.shape, other.strides, other.dtype)
        and one.size > 0
        and one.__array_interface__["data"] == other.__array_interface__["data"]
    )


def same_content(one: Any, other: Any) -> bool:
    """Return whether two arrays or numbers have the same shape, dtype and bits."""
    one, other = np.asarray(one), np.asarray(other)
    return (one.shape, one.dtype) == (other.shape, other.dtype) and (
        one.dtype == object or np.ascontiguousarray(one).tobytes() == np.ascontiguousarray(other).tobytes()
    )


def same(one: Any, other: Any) -> bool:
    """Return whether the arguments of a call are the same in two runs."""
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if type(one) is Event:
        return bool(one.index == other.index)
    if isinstance(one, _SEQUENCES):
        if len(one) != len(other):
            return False
        # Two runs have one event for a call, and one object for most of their constants.
        return all([a is b or same(a, b) for a, b in zip(one, other, strict=True)])
    if isinstance(one, dict):
        return one.keys() == other.keys() and all([same(item, other[key]) for key, item in one.items()])
    if is_stand_in(one):
        return bool(one._event.index == other._event.index)
    if isinstance(one, _NUMBERS):
        return same_content(one, other)
    if hasattr(one, "__code__") and hasattr(other, "__code__"):
        return bool(one.__code__ is other.__code__)
    try:
        return bool(one == other)
    except Exception:
        return False


# Tuples, made once: `tuple | list` in a call would be made again each time.
_SEQUENCES, _NUMBERS = (tuple, list), (np.generic, float, complex)


def brief(value: Any) -> str:
    """Return a number, or the shape and the first element of an array, for a message."""
    value = np.asarray(value)
    return str(value.item()) if value.size == 1 else f"an array of shape {value.shape} from {value.flat[0]}"

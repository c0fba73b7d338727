"""Comparing: two values are the same setting if they have one type and one value.

1 is no 1.0 and no True, and 0.0 is no -0.0: each makes another program. nan is nan. Objects that can change are the
same only where they are one object.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import is_
from types import MethodType
from typing import Any

import numpy as np

__all__ = ["ATOMS", "MISSING", "equal", "is_atom", "key_in_set", "same_items", "short"]

MISSING: Any = type("Missing", (), {"__repr__": lambda self: "nothing"})()

ATOMS = (int, float, complex, bool, str, bytes, type(None), np.generic)
# The types of atoms that are Python's own: a subclass may have attributes, which change.
_ATOM_TYPES = frozenset((int, float, complex, bool, str, bytes, type(None)))
# Further types that are compared by value: their objects cannot be changed, and hold nothing that can.
_VALUES = (slice, range, np.dtype)


def is_atom(value: Any) -> bool:
    """Return whether a value is a number, a string or None: it cannot be changed, and nothing is in it."""
    return type(value) in _ATOM_TYPES or (isinstance(value, np.generic) and type(value).__module__ == "numpy")


def equal(now: Any, value: Any) -> bool:
    """Return whether two objects are the same setting: equal numbers and strings, of the same type."""
    if type(now) is not type(value):
        return False
    if type(now) is float:
        return (now == value and math.copysign(1, now) == math.copysign(1, value)) or (now != now and value != value)
    if isinstance(now, np.generic):
        return bool(now.dtype == value.dtype and now.tobytes() == value.tobytes())
    if type(now) is complex:
        return equal(now.real, value.real) and equal(now.imag, value.imag)
    if is_atom(now):
        return bool(now == value)
    if type(now) is tuple:
        return len(now) == len(value) and all(a is b or equal(a, b) for a, b in zip(now, value, strict=True))
    if type(now) is MethodType:
        return now.__self__ is value.__self__ and now.__func__ is value.__func__
    return type(now) in _VALUES and bool(now == value)


def same_items(now: Sequence[Any], before: Sequence[Any]) -> bool:
    """Return whether two sequences of one length have the same settings in one order."""
    return all(map(is_, now, before)) or all(a is b or equal(a, b) for a, b in zip(now, before, strict=True))


def key_in_set(item: Any) -> Any:
    """Return a key that tells apart items of a set that compare equal: {1} and {1.0}, {0.0} and {-0.0}."""
    kind = type(item)
    if kind is float or kind is complex:
        return kind, repr(item)
    return (kind, item.tobytes()) if isinstance(item, np.generic) else (kind, item)


def short(value: Any) -> str:
    """Return a value as a message shows it."""
    kind = "computed array" if type(value).__name__ == "Traced" else type(value).__name__
    text = repr(value) if isinstance(value, ATOMS) or value is MISSING else f"a {kind}"
    return text if len(text) < 60 else text[:57] + "..."

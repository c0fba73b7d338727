"""Constants as the record keeps them: a later write into the caller's array cannot make a gradient wrong.

NumPy tells nobody that an array is written into. A small constant that a derivative will read is therefore copied. A
large one is made read-only until its graph is freed: a write before is NumPy's error, at the line that writes. The
arrays of leaves are the matter of `lending`.
"""

from __future__ import annotations

import threading
import weakref
from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds

from tinygraph.engine import modes
from tinygraph.engine.links import Like
from tinygraph.engine.modes import is_tracing

# A constant of at most this many elements is copied: a megabyte of float64, copied in the time of one operation on it.
COPIED = 131_072


class Held:
    """A large constant in the record: the caller's own array, read-only for as long as a derivative may read it."""

    __slots__ = ("_locked", "_value")

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        self._value: Any = array
        self._locked: list[Any] | None = lock(array)

    def release(self) -> None:
        """Make the array what it was, and keep no more than its shape and dtype."""
        locked = self._locked
        if locked is not None:
            self._locked = None
            self._value = Like(self._value)
            unlock(locked)

    def __del__(self) -> None:
        if self._locked:
            unlock(self._locked)


# How many times over an array, by its id, is read-only on behalf of records. What holds it there keeps it alive.
_times_locked: dict[int, int] = {}
# By the id of such an array, views of it that are to become writeable again together with it.
_views_below: dict[int, list[weakref.ref[Any]]] = {}
_locking = threading.RLock()


def lock(array: Any) -> list[Any]:
    """Make an array, and those that it is a view of, read-only until `unlock` is given the list of them."""
    locked = []
    with _locking:
        while isinstance(array, np.ndarray):
            key = id(array)
            if key in _times_locked:
                _times_locked[key] += 1
                locked.append(array)
            else:
                flags = array.flags
                if flags.writeable:
                    flags.writeable = False
                    _times_locked[key] = 1
                    locked.append(array)
            array = array.base
    return locked


def unlock(locked: list[Any]) -> None:
    """Make arrays that `lock` made read-only what they were, unless another lock still holds them."""
    with _locking:
        for array in reversed(locked):
            key = id(array)
            _times_locked[key] -= 1
            if not _times_locked[key]:
                del _times_locked[key]
                _make_writeable(array)


def _make_writeable(array: Any) -> None:
    """Make an array writeable; a view of an array that is still locked becomes so together with that array."""
    below = array.base
    while isinstance(below, np.ndarray):
        if id(below) in _times_locked:
            _views_below.setdefault(id(below), []).append(weakref.ref(array))
            return
        below = below.base
    if isinstance(array.base, np.ndarray) and not array.base.flags.writeable:
        return  # somebody made it so in the meantime
    array.flags.writeable = True
    if id(array) not in _views_below:
        return
    views = [reference() for reference in _views_below.pop(id(array))]
    for view in sorted((view for view in views if view is not None), key=_depth):
        if id(view) not in _times_locked:
            _make_writeable(view)


def _depth(array: Any) -> int:
    """Return the number of arrays below a view."""
    return 1 + _depth(array.base) if isinstance(array.base, np.ndarray) else 0


def kept(array: np.ndarray[Any, Any]) -> Any:
    """Return a constant that a derivative will read, safe from being written into."""
    if modes.unusual and is_tracing():
        return array  # which the program is given at each call
    return Held(array) if array.size > COPIED and _can_be_locked(array) else array.copy(order="K")


def _can_be_locked(array: Any) -> bool:
    """Return whether `unlock` could undo `lock`: NumPy makes no array writeable that is a view of a read-only one."""
    while array.flags.writeable and isinstance(array.base, np.ndarray):
        array = array.base
        if not array.flags.writeable:
            return id(array) in _times_locked
    return True


def copied(item: Any) -> Any:
    """Return an argument, an index for instance, with the arrays in it copied."""
    if type(item) is np.ndarray:
        return item if modes.unusual and is_tracing() else item.copy(order="K")
    return tuple([copied(part) for part in item]) if type(item) is tuple else item


def held_in(structure: Any) -> list[Held]:
    """Return the large constants inside nested tuples and lists."""
    if type(structure) is Held:
        return [structure]
    if type(structure) in (tuple, list):
        return [held for item in structure for held in held_in(item)]
    return []


def duplicate(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return a copy in memory of its own, with the array's strides.

    NumPy's loops differ for an array that has gaps, runs backwards or repeats itself, and may round the last digit
    otherwise. A copy with the same strides gives the same digits.
    """
    # A single element may lie in memory in any way and still count as contiguous; NumPy looks at its strides.
    if array.size == 0 or (array.flags.forc and (array.size > 1 or array.strides in ((), (array.itemsize,)))):
        return array.copy(order="K")
    low, high = byte_bounds(array)
    if high - low > 16 * array.nbytes + 4096 and 0 not in array.strides:
        return array.copy(order="K")  # a column of a large table: its gaps are not worth their memory
    memory = np.zeros(high - low, np.uint8)
    start = array.__array_interface__["data"][0] - low
    twin: np.ndarray[Any, Any] = np.ndarray(array.shape, array.dtype, memory, start, array.strides)
    twin[...] = array
    twin.flags.writeable = array.flags.writeable or 0 not in array.strides
    return twin

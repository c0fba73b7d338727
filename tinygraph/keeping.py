"""Arrays that others can write into: how a record keeps one, so that a later write cannot make a gradient wrong.

NumPy tells nobody when an array is written into. So

- a constant that a derivative will read is copied where it is small, and where it is large it is made read-only until
  the graph is gone through or dropped: writing into it then is NumPy's error, at the line that writes;
- the array of a leaf belongs to the Tensor alone until `t.data` hands it out. From then on it is compared with a copy
  before each use, and a graph that used other values refuses to go backward;
- the array of a result is handed out read-only.
"""

from __future__ import annotations

import sys
import threading
from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds

from tinygraph import modes
from tinygraph.links import DataLeaf, Leaf, Like, next_order
from tinygraph.modes import is_tracing

# A constant of at most this many elements is copied: a megabyte of float64, copied in the time of one operation on it.
COPIED = 131_072


class Held:
    """A large constant in the record: the caller's own array, read-only for as long as a derivative may read it."""

    __slots__ = ("_lock", "_value")

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        self._value: Any = array
        self._lock: Any = Lock(array)

    def release(self) -> None:
        """Make the array what it was, and keep no more than its shape and dtype."""
        if self._lock is not None:
            self._value = Like(self._value)
            self._lock = None


# How many times over an array, by its id, is read-only on behalf of records. What holds it there keeps it alive.
_times_locked: dict[int, int] = {}
_locking = threading.RLock()


class Lock:
    """Keeps an array, and those that it is a view of, read-only for as long as it lives."""

    __slots__ = ("_array", "_below")

    def __init__(self, array: Any) -> None:
        self._array = self._below = None
        with _locking:
            base = array.base
            if isinstance(base, np.ndarray):
                self._below = Lock(base)
            times = _times_locked.get(id(array), 0)
            flags = array.flags
            if times or flags.writeable:
                _times_locked[id(array)] = times + 1
                flags.writeable = False
                self._array = array

    def __del__(self) -> None:
        self._below = None  # a view can be made writeable only if what is below it is
        array = self._array
        if array is not None:
            with _locking:
                times = _times_locked.pop(id(array)) - 1
                if times:
                    _times_locked[id(array)] = times
                else:
                    array.flags.writeable = True


def kept(array: np.ndarray[Any, Any]) -> Any:
    """A constant that a derivative will read, safe from being written into."""
    if modes.unusual and is_tracing():
        return array  # which the program is given at each call
    return array.copy(order="K") if array.size <= COPIED else Held(array)


def copied(item: Any) -> Any:
    """An argument, an index for instance, with the arrays in it copied."""
    if type(item) is np.ndarray:
        return item if modes.unusual and is_tracing() else item.copy(order="K")
    return tuple([copied(part) for part in item]) if type(item) is tuple else item


def held_in(structure: Any) -> list[Held]:
    """The large constants inside nested tuples and lists."""
    if type(structure) is Held:
        return [structure]
    if type(structure) in (tuple, list):
        return [held for item in structure for held in held_in(item)]
    return []


def duplicate(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """A copy in memory of its own, with the array's strides.

    NumPy computes an array that has gaps, runs backwards or repeats itself in other loops, which may round the last
    digit otherwise. With strides kept, what is computed of the copy equals what is computed of the array.
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


# --- the array of a leaf ----------------------------------------------------------------------------------------------


class _HandedOut:
    """A leaf whose array others may hold. Whoever asks whether it is differentiable, as each use does, has it checked.

    `before` is a copy of the array, or the number, as it was when it was last seen.
    """

    __slots__ = ()

    def _check(self: Any) -> None:
        if self.before is None:  # in a function that is being compiled
            return
        if not same(self._value, self.before):
            self.before = self._value.copy(order="K")
            self.order = self.rewritten = next_order()
        if _holders(self) <= _NOBODY_ELSE:
            take_back(self)


class HandedLeaf(_HandedOut, Leaf):
    """A leaf that wants a gradient, and whose array others may hold."""

    __slots__ = ()

    @property
    def differentiable(self) -> bool:  # type: ignore[override]
        """True; and the array has been compared with what it was."""
        self._check()
        return True


class HandedDataLeaf(_HandedOut, DataLeaf):
    """A leaf that wants no gradient, and whose array others may hold."""

    __slots__ = ()

    @property
    def differentiable(self) -> bool:  # type: ignore[override]
        """False; and the array has been compared with what it was."""
        self._check()
        return False


def hand_out(link: Any, before: Any) -> None:
    """Note that others hold a leaf's array from now on; `before` is a copy of it."""
    link.before = before
    link.__class__ = HandedLeaf if type(link) is Leaf else HandedDataLeaf


def take_back(link: Any) -> None:
    """Note that nobody else holds a leaf's array any more."""
    link.before = None
    link.__class__ = Leaf if type(link) is HandedLeaf else DataLeaf


def same(array: Any, before: Any) -> bool:
    """Whether two arrays of one shape, dtype and layout hold the same bits."""
    if array.nbytes <= 2048:
        return bool(array.tobytes() == before.tobytes())
    return bool((_bits(array) == _bits(before)).all())


def _bits(array: Any) -> Any:
    return array.ravel("K").view(np.uint64 if array.nbytes % 8 == 0 else np.uint8)


def _holders(link: Any) -> int:
    array = link._value
    return sys.getrefcount(array)


def _count_without_others() -> int:
    link = Leaf(np.empty(1), None, None)
    tensors = [link._value]  # a Tensor holds the array too
    return _holders(link) if tensors else 0


_NOBODY_ELSE = _count_without_others()

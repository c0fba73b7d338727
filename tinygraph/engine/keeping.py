"""Arrays that others can write into: how a record keeps one, so that a later write cannot make a gradient wrong.

NumPy tells nobody when an array is written into. So

- a constant that a derivative will read is copied where it is small, and where it is large it is made read-only until
  the graph is gone through or dropped: writing into it then is NumPy's error, at the line that writes;
- the array of a leaf belongs to the Tensor alone until `t.data` hands it out. From then on it is compared with a copy
  before each use, and a graph that used other values refuses to go backward;
- the array of a result is handed out read-only.
"""

from __future__ import annotations

import threading
import weakref
from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds

from tinygraph.engine import modes
from tinygraph.engine.links import DataLeaf, Leaf, Like, next_order
from tinygraph.engine.modes import is_tracing
from tinygraph.engine.ownership import is_lent, same_bits

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
    """Make an array writeable or, as long as what it is a view of is locked, note that it is to be."""
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
    """The number of arrays below a view."""
    return 1 + _depth(array.base) if isinstance(array.base, np.ndarray) else 0


def kept(array: np.ndarray[Any, Any]) -> Any:
    """A constant that a derivative will read, safe from being written into."""
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


# In place of what an array was before: it was written into just now, by its Tensor's own leave, and not used since.
UNSEEN = object()


class _HandedOut:
    """A leaf whose array others may hold.

    The record and the pass ask each operand whether it is differentiable, and such a leaf compares its array then: an
    own question would cost each recorded call, of whatever leaf. Whoever wants the comparison alone calls
    `notice_writes`.

    `before` is a copy of the array, or the number, as it was when it was last seen; or `UNSEEN`.
    """

    __slots__ = ()

    before: Any

    def _check(self: Any) -> None:
        before: Any = self.before
        if before is None:  # in a function that is being compiled
            return
        written = before is not UNSEEN and not same_bits(self._value, before)
        if written:
            self.order = self.rewritten = next_order()
        if not is_lent(self):
            take_back(self)
        elif written or before is UNSEEN:
            self.before = self._value.copy(order="K")


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


def notice_writes(leaf: Leaf) -> None:
    """Compare a leaf's array with what it was, if others may hold it; a write makes its graphs out of date."""
    if isinstance(leaf, _HandedOut):
        leaf._check()


def hand_out(link: Any, before: Any) -> None:
    """Note that others hold a leaf's array from now on; `before` is a copy of it."""
    link.before = before
    link.__class__ = HandedLeaf if type(link) is Leaf else HandedDataLeaf


def take_back(link: Any) -> None:
    """Note that nobody else holds a leaf's array any more."""
    link.before = None
    link.__class__ = Leaf if type(link) is HandedLeaf else DataLeaf

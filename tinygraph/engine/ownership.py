"""Ownership: the owner of an array's memory, the others that share it, and the number of writes into it.

The record, the tracer and the planner ask here. The arrays themselves give the answer, and no list of functions:

- a view keeps the array that owns its memory in `base`, and arrays that share memory have overlapping bounds:
  after `y = x[1:3]`, `owner(y)` is x, and `share_memory(x, y)`;
- an array in somebody else's hands has more references than its Tensor and the record make.

While a function is compiled, stand-ins take the place of arrays. Those that share memory have one `StandInMemory`,
whose version counts the writes. A view from an older version is taken again before it is used; a backward pass reads
the operand of a call as it was when the call was made.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

import numpy as np

__all__ = [
    "StandInMemory", "apart", "base_of", "held_alone", "holders_in_loop", "is_array", "is_lent", "is_own", "is_shared",
    "is_stand_in", "is_temporary", "owner", "pop_own", "reach_each_other", "read_only", "same_bits", "share_memory",
]  # fmt: skip


# --- arrays -----------------------------------------------------------------------------------------------------------


def base_of(array: Any) -> Any:
    """Return the array that a view, or a stand-in for one, was taken of; None for an owner, and for a number."""
    if type(array) is not np.ndarray:
        return getattr(array, "_base", None)
    base = array.base
    return base if base is None or isinstance(base, np.ndarray) else getattr(base, "base", base)


def owner(array: Any) -> Any:
    """Return the object that owns the memory of an array: the array itself, or the last of its bases.

    NumPy's strided views, as of `sliding_window_view`, have an object in between that is no array and has a base. Of a
    stand-in it is the memory.
    """
    if is_stand_in(array):
        return array._memory
    while (below := getattr(array, "base", None)) is not None:
        array = below
    return array


def reach_each_other(one: Any, other: Any) -> bool:
    """Return whether a write into one of two arrays may be seen in the other. Stand-ins have one memory then."""
    if is_stand_in(one):
        return is_stand_in(other) and one._memory is other._memory
    return share_memory(one, other)


def share_memory(one: Any, other: Any) -> bool:
    """Return whether two arrays may share memory: their bounds overlap. A number shares none."""
    return type(one) is type(other) is np.ndarray and bool(np.may_share_memory(one, other))


def apart(arrays: Iterable[Any], others: Iterable[Any] = ()) -> list[Any]:
    """Return the arrays, with copies of those that share memory with one before them, or with one of the others.

    A Tensor is copied where it comes twice: nobody writes into its value. A number shares no memory.
    """
    taken = [item for item in others if type(item) is np.ndarray]
    found: list[Any] = []
    for array in arrays:
        if type(array) is np.ndarray:
            if any([type(item) is np.ndarray and np.may_share_memory(array, item) for item in taken]):
                array = array.copy()
        elif not isinstance(array, np.generic) and any([array is item for item in taken]):
            array = np.copy(array)
        taken.append(array)
        found.append(array)
    return found


def read_only(array: Any) -> Any:
    """Return a view of an array that cannot be written into; a number as it is."""
    if not isinstance(array, np.ndarray):
        return array
    view = array.view()  # whatever its flags are: NumPy warns where those of np.broadcast_arrays are read
    view.flags.writeable = False
    return view


def same_bits(array: Any, before: Any) -> bool:
    """Return whether two arrays of one shape, dtype and layout hold the same bits: nobody has written since."""
    if array.nbytes <= 2048 or array.dtype.hasobject:
        return bool(array.tobytes() == before.tobytes())
    return bool((_bits(array) == _bits(before)).all())


def _bits(array: Any) -> Any:
    """Return the elements of an array as whole numbers."""
    return array.ravel("K").view(np.uint64 if array.nbytes % 8 == 0 else np.uint8)


# --- counts of references ---------------------------------------------------------------------------------------------

# Each count is compared with that of a known case, found by the same function or by one with the same variables: how
# many references a call itself makes is the interpreter's own matter.


def _holders(owner: Any) -> int:
    """Return the count of references to the array of a Tensor, or of a link."""
    array = owner._value
    return sys.getrefcount(array)


def _holders_below(tensor: Any) -> int:
    """Return the count of references to the array below that of a Tensor."""
    below = base_of(tensor._value)
    return sys.getrefcount(below)


# The counts for an array that nothing but a Tensor holds, and for the array below a view of it.
_ALONE = _holders(SimpleNamespace(_value=np.empty(1)))
_ALONE_BELOW = _holders_below(SimpleNamespace(_value=np.empty((1, 2)).T))


def is_own(link: Any) -> bool:
    """Return whether nobody but a link holds its array: no Tensor has it any more."""
    return _holders(link) <= _ALONE


def is_lent(link: Any) -> bool:
    """Return whether anybody but a leaf's link and its Tensor holds the array of the leaf."""
    array = link._value
    return sys.getrefcount(array) > _ALONE + 1


def is_shared(tensor: Any, recorded: Callable[[Any], int]) -> bool:
    """Return whether an array in another's hands shares a Tensor's memory.

    Args:
        tensor: the Tensor.
        recorded: returns how many of the references to the array below a view are the record's own.
    """
    value = tensor._value
    memory = getattr(value, "_memory", None)
    if memory is not None and memory.keeper is not None:
        return True
    below = base_of(value)
    del value
    if _holders(tensor) > _ALONE + (tensor._link._value is tensor._value):
        return True
    if below is None:
        return False
    known = recorded(below)
    del below
    return _holders_below(tensor) > _ALONE_BELOW + known


def pop_own(arrays: dict[Any, Any], key: Any) -> Any:
    """Take an array out of a dict. Return it, or a copy if anybody else may hold its memory; a number as it is."""
    if type(arrays[key]) is not np.ndarray:
        return arrays.pop(key)
    array, holders, below = _pop_counted(arrays, key)
    base = array.base
    if holders > _POPPED_ALONE or (
        base is not None
        and (
            below > _POPPED_ALONE_BELOW
            or type(base) is not np.ndarray
            or base.size != array.size
            or not array.flags.writeable
        )
    ):
        return array.copy()
    return array


def held_alone(arrays: list[Any]) -> Any:
    """Return the first array of a list that nobody holds besides the list; None where each has another holder.

    A view of an array holds the array, too. Saved programs have a copy of this function.
    """
    alone = [np.empty(0)]
    free = [place for place in range(len(arrays)) if sys.getrefcount(arrays[place]) == sys.getrefcount(alone[0])]
    return arrays[free[0]] if free else None


def _pop_counted(arrays: dict[Any, Any], key: Any) -> tuple[Any, int, int]:
    """Take an array out of a dict. Return it, and the counts of references to it and to the array it is a view of."""
    array = arrays.pop(key)
    base = array.base
    return array, sys.getrefcount(array), sys.getrefcount(base)


# The counts for an array that only the dict holds, and for the array below a view that alone holds it.
_, _POPPED_ALONE, _ = _pop_counted({None: np.empty(1)}, None)
_, _, _POPPED_ALONE_BELOW = _pop_counted({None: np.empty((1, 2)).T}, None)


def holders_in_loop(item: Any) -> int:
    """Return the count of references to an item of a list that a loop goes over, beside those of the two.

    The function that asks has the item as its argument.
    """
    return sys.getrefcount(item) - _IN_LOOP


def _asked_in_loop(item: Any) -> int:
    return holders_in_loop(item)


_IN_LOOP = 0
(_IN_LOOP,) = [_asked_in_loop(item) for item in [object()]]


def is_temporary(array: Any) -> bool:
    """Return whether the argument of the method that asks is an array that the method's caller has no name for."""
    return sys.getrefcount(array) <= _TEMPORARY


class _Counted:
    """A method that asks for the count of its argument, as `Tensor.assign` does."""

    def given(self, array: Any) -> int:
        return self.holders(array)

    @staticmethod
    def holders(array: Any) -> int:
        return sys.getrefcount(array)

    def temporary(self) -> int:
        array = np.empty(1)
        named = self.given(array)
        unnamed = self.given(array + array)
        return unnamed if unnamed < named else -1  # where the two cannot be told apart, every array is copied


# The count for an argument that the caller of the method has no name for.
_TEMPORARY = _Counted().temporary()


# --- stand-ins --------------------------------------------------------------------------------------------------------


def is_array(value: Any) -> bool:
    """Return whether a value is an array, or stands for one, as opposed to a number."""
    return isinstance(value, np.ndarray)  # a stand-in says so of its `__class__`


def is_stand_in(array: Any) -> bool:
    """Return whether something stands for an array in a function that is being compiled."""
    return type(getattr(array, "_memory", None)) is StandInMemory


class StandInMemory:
    """The memory of one or several stand-ins, while a function is compiled.

    Attributes:
        keeper: who else has the memory, for messages: "an argument"; None where it is the function's own.
        writable: whether the function may write into the memory.
        version: how often the memory was written into.
        leaves: the leaves that handed out a value in this memory: a write makes their graphs out of date.
    """

    __slots__ = ("keeper", "leaves", "version", "writable")

    def __init__(self, keeper: str | None = None, writable: bool = True) -> None:
        self.keeper = keeper
        self.writable = writable
        self.version = 0
        self.leaves: tuple[Any, ...] = ()

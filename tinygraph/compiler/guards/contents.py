"""Contents: objects of other libraries that a function finds outside, and what is in them.

tinygraph cannot look into an object whose class somebody else wrote. Such an object is one of three:

    a value         np.add, Fraction(1, 2), a date, a compiled pattern     nothing in it changes
    readable        array.array, bytearray, pandas.Series, a spline        its bytes are compared before each call
    unreadable      a lock, an open file, an iterator, a queue             refused where the function uses it

The bytes of an object are those of its memory, where `memoryview` can look into that, or else what `pickle` writes.
"""

from __future__ import annotations

import array
import pickle
import random
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = [
    "GENERATORS", "Content", "Unreadable", "generators_in", "is_iterator", "is_value", "lends_memory", "reader_of",
]  # fmt: skip

GENERATORS = (np.random.Generator, np.random.RandomState, np.random.BitGenerator, random.Random)
# What takes more bytes is not compared at each call: a million of them take a tenth of a millisecond.
READ_AT_EACH_CALL = 1 << 20


class Content:
    """An object that can be read, and what was in it.

    Attributes:
        name: the object's, as one would write it: "model.table".
    """

    __slots__ = ("_attributes", "_before", "_item", "_read", "name")

    def __init__(self, name: str, item: Any, read: Callable[[Any], Any]) -> None:
        self.name = name or f"a {type(item).__name__}"
        self._item, self._read, self._before = item, read, read(item)
        self._attributes = dict(vars(item)) if hasattr(item, "__dict__") else None

    def holds(self) -> bool:
        """Return whether the content is what it was."""
        try:
            return bool(self._read(self._item) == self._before)
        except Exception:  # it cannot be read any more: a memoryview that was released
            return False

    def restore(self) -> str | None:
        """Put back what can be, and say that the content was changed, or None."""
        if self.holds():
            return None
        item = self._item
        if isinstance(item, bytearray):
            item[:] = self._before[2]
        elif isinstance(item, array.array):
            item[:] = array.array(item.typecode, self._before[2])
        elif isinstance(item, np.ndarray):
            item[...] = np.frombuffer(self._before[2], item.dtype).reshape(item.shape)
        elif self._read is _memory:
            memoryview(item).cast("B")[:] = self._before[2]
        elif self._attributes is not None:
            vars(item).clear()
            vars(item).update(self._attributes)
        return f"changed what is in {self.name}"


def is_iterator(item: Any) -> bool:
    """Return whether an object gives something else each time it is asked: a generator, a cycle, an open file."""
    return hasattr(type(item), "__next__")


def lends_memory(item: Any) -> bool:
    """Return whether an object has memory that others can look into, and somebody can write to."""
    try:
        return not memoryview(item).readonly
    except (TypeError, ValueError, BufferError):
        return False


def is_value(item: Any) -> bool:
    """Return whether nothing in an object can change, or it is code: it is hashed by value, or known by a name."""
    kind = type(item)
    hashing: Any = kind.__hash__
    if hasattr(kind, "__get__") or (hashing is not None and hashing is not object.__hash__):
        return True
    try:
        return isinstance(item.__reduce_ex__(4), str)
    except Exception:
        return False


def reader_of(item: Any) -> Callable[[Any], Any] | None:
    """The function that reads the content of an object, or None where it cannot be read at each call."""
    for read in (_memory, _pickled):
        try:
            read(item)
        except Exception:
            continue
        return read
    return None


class _TooMuchError(Exception):
    """There are more bytes than are compared at each call."""


def _memory(item: Any) -> Any:
    array = isinstance(item, np.ndarray)
    if array and item.dtype.hasobject:
        raise TypeError
    view = None if array else memoryview(item)
    if (item.nbytes if view is None else view.nbytes) > READ_AT_EACH_CALL:
        raise _TooMuchError
    if view is None:
        return item.shape, item.dtype, item.tobytes()
    return view.format, view.shape, view.tobytes()


class _Bytes(list[bytes]):
    """A file for `pickle` that takes so many bytes, and no more."""

    left = READ_AT_EACH_CALL

    def write(self, data: Any) -> int:
        """Take some bytes."""
        self.left -= len(data)
        if self.left < 0:
            raise _TooMuchError
        self.append(bytes(data))
        return len(data)


def _pickled(item: Any) -> Any:
    taken = _Bytes()
    _Pickler(taken).dump(item)
    return b"".join(taken)


class _Pickler(pickle.Pickler):
    """Writes a random generator as a number, and notes it: its state is no content of the object that holds it."""

    def __init__(self, file: _Bytes) -> None:
        super().__init__(file, 4)
        self.generators: list[Any] = []

    def persistent_id(self, item: Any) -> Any:
        """A number for a generator, None for any other object."""
        if not isinstance(item, GENERATORS):
            return None
        self.generators.append(item)
        return id(item)


def generators_in(item: Any) -> list[Any]:
    """The random generators that an object of a library holds, as far as `pickle` finds them."""
    pickler = _Pickler(_Bytes())
    pickler.dump(item)
    return pickler.generators


def _refusing(name: str) -> Callable[..., Any]:
    def method(self: Unreadable, *args: Any, **kwargs: Any) -> Any:
        raise object.__getattribute__(self, "_refusal")()

    method.__name__ = method.__qualname__ = name
    return method


class Unreadable:
    """In place of an object that cannot be read, while a function is recorded: whatever it is asked, it refuses.

    Args:
        kind: the class of the object, for `isinstance`.
        refusal: makes the error.
    """

    __slots__ = ("_kind", "_refusal")

    def __init__(self, kind: type, refusal: Callable[[], Exception]) -> None:
        object.__setattr__(self, "_kind", kind)
        object.__setattr__(self, "_refusal", refusal)

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        found: type = object.__getattribute__(self, "_kind")
        return found

    __array_priority__ = 1000.0

    __array_ufunc__ = _refusing("__array_ufunc__")
    __getattr__ = _refusing("__getattr__")
    __setattr__ = __delattr__ = _refusing("__setattr__")
    __call__ = _refusing("__call__")
    __iter__ = __next__ = __reversed__ = __len__ = __contains__ = _refusing("__iter__")
    __getitem__ = __setitem__ = __delitem__ = _refusing("__getitem__")
    __enter__ = __exit__ = _refusing("__enter__")
    __bool__ = __int__ = __float__ = __complex__ = __index__ = __str__ = __format__ = _refusing("__bool__")
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _refusing("__eq__")
    __hash__ = _refusing("__hash__")
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _refusing("__add__")
    __mod__ = __rmod__ = __floordiv__ = __rfloordiv__ = __pow__ = __rpow__ = __matmul__ = __rmatmul__ = __add__
    __and__ = __rand__ = __or__ = __ror__ = __xor__ = __rxor__ = __neg__ = __pos__ = __abs__ = __invert__ = __add__

    def __repr__(self) -> str:
        return f"<a {type(self).__name__} in place of a {self.__class__.__name__}>"

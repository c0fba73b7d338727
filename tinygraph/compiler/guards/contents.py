"""Contents: objects of other libraries that a function finds outside, and the bytes in them.

tinygraph cannot look into an object whose class somebody else wrote. Such an object is one of three:

    a value         np.add, Fraction(1, 2), a date, a compiled pattern     nothing in it changes
    readable        array.array, bytearray, pandas.Series, a spline        its bytes are compared before each call
    unreadable      a lock, an open file, an iterator, a queue             refused where the function uses it

The bytes of an object are those of its memory, where `memoryview` can look into that, or else what `pickle` writes.
"""

from __future__ import annotations

import array
import copyreg
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.compiler.guards.generators import GENERATORS

__all__ = ["Content", "generators_in", "is_value", "lends_memory", "reader_of"]

# More bytes than these are not compared at each call: a million of them take a tenth of a millisecond.
READ_AT_EACH_CALL = 1 << 20


class Content:
    """An object that can be read, with the bytes that were in it.

    Attributes:
        name: the object's, as the user would write it: "model.table".
    """

    __slots__ = ("_attributes", "_before", "_item", "_read", "name")

    def __init__(
        self, name: str, item: Any, read: Callable[[Any], Any], before: Any, attributes: dict[str, Any] | None
    ) -> None:  # fmt: skip
        self.name = name
        self._item, self._read, self._before, self._attributes = item, read, before, attributes

    @classmethod
    def of(cls, item: Any, name: str, read: Callable[[Any], Any]) -> Content:
        """Read an object with one of the functions that `reader_of` gives."""
        attributes = dict(vars(item)) if hasattr(item, "__dict__") else None
        return cls(name or f"a {type(item).__name__}", item, read, read(item), attributes)

    def holds(self) -> bool:
        """Return whether the bytes are what they were."""
        try:
            return bool(self._read(self._item) == self._before)
        except Exception:  # no longer readable: a memoryview that was released
            return False

    def restore(self) -> str | None:
        """Put back what can be. Return a sentence that the content was changed, or None."""
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


def lends_memory(item: Any) -> bool:
    """Return whether an object has memory that others can read and somebody can write to."""
    try:
        return not memoryview(item).readonly
    except (TypeError, ValueError, BufferError):
        return False


def is_value(item: Any) -> bool:
    """Return whether an object never changes: it is code, or it is hashed by value, or pickled as a name."""
    kind = type(item)
    hashing: Any = kind.__hash__
    if hasattr(kind, "__get__") or (hashing is not None and hashing is not object.__hash__):
        return True
    reduce = copyreg.dispatch_table.get(kind)  # which `pickle` asks first: the entry for a ufunc returns its name
    try:
        if reduce is None:
            return isinstance(item.__reduce_ex__(4), str)
        # `np.frompyfunc` makes ufuncs of the user's functions, under names that lead to nothing.
        return isinstance(reduce(item), str) and bool(pickle.dumps(item))
    except Exception:
        return False


def reader_of(item: Any) -> Callable[[Any], Any] | None:
    """Return the function that reads the content of an object, or None where it cannot be read at each call."""
    for read in (_memory, _pickled):
        try:
            read(item)
        except Exception:
            continue
        return read
    return None


class _TooMuchError(Exception):
    """An object has more bytes than are compared at each call."""


def _memory(item: Any) -> Any:
    """Return the layout and the bytes of an object's memory."""
    is_array = isinstance(item, np.ndarray)
    if is_array and item.dtype.hasobject:
        raise TypeError
    view: Any = item if is_array else memoryview(item)
    if view.nbytes > READ_AT_EACH_CALL:
        raise _TooMuchError
    return (view.dtype if is_array else view.format), view.shape, view.tobytes()


class _Bytes(list[bytes]):
    """A file for `pickle` that takes a limited number of bytes."""

    left = READ_AT_EACH_CALL

    def write(self, data: Any) -> int:
        """Take some bytes."""
        self.left -= len(data)
        if self.left < 0:
            raise _TooMuchError
        self.append(bytes(data))
        return len(data)


def _pickled(item: Any) -> Any:
    """Return the bytes that `pickle` writes of an object."""
    taken = _Bytes()
    _Pickler(taken).dump(item)
    return b"".join(taken)


class _Pickler(pickle.Pickler):
    """A pickler that writes a random generator as a number and notes it.

    The state of a generator is no content of the object that holds it.
    """

    def __init__(self, file: _Bytes) -> None:
        super().__init__(file, 4)
        self.generators: list[Any] = []

    def persistent_id(self, item: Any) -> Any:
        """Return a number for a generator, None for any other object."""
        if not isinstance(item, GENERATORS):
            return None
        self.generators.append(item)
        return id(item)


def generators_in(item: Any) -> list[Any]:
    """Return the random generators that an object of a library holds, as far as `pickle` finds them."""
    pickler = _Pickler(_Bytes())
    pickler.dump(item)
    return pickler.generators

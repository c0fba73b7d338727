"""Traced: what a function sees in place of an array while it is being compiled.

It has an array's shape, dtype and methods, and it answers NumPy's protocols, so that the function, the derivative
rules and the optimisers run on it unchanged. Each call is carried out, and remembered. What would let a value out of
NumPy's hands, into Python's `if` or a `float`, is refused: the program would keep using the value of this one run.
"""

from __future__ import annotations

import datetime
import decimal
import numbers
import sys
from collections.abc import Callable, Iterator
from typing import Any, NoReturn, Protocol

import numpy as np

from tinygraph.compiler.trace.events import Event
from tinygraph.compiler.trace.refused import AS_CONDITION, AS_NUMBER, AS_PLACE, IN_PLACE, refused
from tinygraph.derivatives.conversions import asking_for_array
from tinygraph.engine.array_methods import ArrayMethods
from tinygraph.engine.ownership import Memory
from tinygraph.engine.refusing import overwrites
from tinygraph.engine.table import function_name, is_plain
from tinygraph.users_code.instructions import is_indexing, stores_a_part

__all__ = ["Recorder", "Traced"]


class Recorder(Protocol):
    """The recorder of a run, as far as a stand-in asks it for anything: each operation on it is a call to record."""

    def check_open(self) -> None:
        """Raise GraphError if the run is over, or in another thread."""

    def operand(self, item: Any) -> Any:
        """Return an argument as an event remembers it."""

    def own(self, value: Any) -> Traced:
        """Return a stand-in for an array of its own, with the same values."""

    def converted(self, traced: Traced, dtype: np.dtype[Any]) -> Traced:
        """Return a copy in another dtype."""

    def overwrite(self, target: Traced, result: Traced) -> Traced:
        """Record `target[...] = result`."""

    def call(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], is_own: bool = False
    ) -> Any:
        """Carry out a call and record it as one event."""

    def call_ufunc(self, ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Record a ufunc, or one of its methods, with a stand-in among its arguments."""

    def call_function(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Record any other of NumPy's functions with a stand-in among its arguments."""

    def operate(self, function: np.ufunc, *operands: Any) -> Any:
        """Record an operator."""

    def index(self, traced: Traced, index: Any) -> Any:
        """Record `traced[index]`."""


def _refusing(name: str, what: str, instead: str) -> Callable[..., Any]:
    def method(self: Traced, *args: Any, **kwargs: Any) -> NoReturn:
        self._tape.check_open()
        raise refused(what, instead)

    method.__name__ = method.__qualname__ = name
    return method


def _operator(function: np.ufunc) -> tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]:
    """The methods `x + y`, `y + x` and `x += y`."""

    def method(self: Traced, other: Any) -> Any:
        if _is_operand(other):
            return self._tape.operate(function, self, other)
        if function in _EQUALITIES and isinstance(other, _NEVER_EQUAL):
            return self._tape.call(np.full, (self.shape, function is np.not_equal), {})
        return _unknown(self, other)

    def reflected(self: Traced, other: Any) -> Any:
        return self._tape.operate(function, other, self) if _is_operand(other) else _unknown(self, other)

    def in_place(self: Traced, other: Any) -> Any:
        if not _is_operand(other):
            if not hasattr(other, "_link") or self._is_number:
                return _unknown(self, other)
            if not is_plain(function):  # a Tensor, whose gradient would be lost
                raise overwrites(function_name(function), "out=, as `a += t` on an array does")
            other = other._value
        result = self._tape.operate(function, self, other)
        # A number is immutable in NumPy too: the name gets a new one. An array of one number is written into.
        return result if self._is_number else self._tape.overwrite(self, result)

    return method, reflected, in_place


def _is_operand(other: Any) -> bool:
    """Return whether an operator takes it: an array, a number or a nested list, but no Tensor, which knows better."""
    return type(other) is Traced or (isinstance(other, _OPERANDS) and not isinstance(other, _NEVER_EQUAL))


_OPERANDS = (np.ndarray, np.generic, int, float, complex, list, tuple, range)
_EQUALITIES = (np.equal, np.not_equal)
# What no number is equal to, of whatever value it is.
_NEVER_EQUAL = (str, bytes, type(None), dict, set, frozenset)
# Objects that NumPy makes an array of objects of, and computes with one by one.
_OBJECTS = (numbers.Number, decimal.Decimal, datetime.date, datetime.time, datetime.timedelta)


def _unknown(traced: Traced, other: Any) -> Any:
    """NotImplemented, so that the other operand is asked; but a number that is none of NumPy's is refused."""
    if isinstance(other, _OBJECTS):
        kind = type(other).__name__
        raise refused(
            f"an array meets a {kind}, and NumPy goes over to Python's objects",
            f"Make it a number that NumPy knows, float({kind.lower()}), or compare it outside",
        )
    return NotImplemented


def _unary(function: np.ufunc) -> Callable[..., Any]:
    def method(self: Traced) -> Any:
        return self._tape.operate(function, self)

    return method


class Traced(ArrayMethods[Any]):
    """An array in a function that is being compiled. See the module's text.

    Attributes:
        _tape: the recorder of the run that it belongs to.
        _event: what computed it. An update in place puts another event here.
        _value: the array itself, None in a run that only repeats another.
        _weak: it is a Python number, whose dtype gives way to that of any array.
        _is_number: it stands for a number, which is immutable, and not for an array, if of one number.
        _memory: what it lies in, and may share with others.
        _seen: the version of the memory that its event is of.
        _base, _taken: for a view the array that it looks into, and the calls that took it from there.
        _past: what it was before, as triples of the order until which, an event and a value.
    """

    __slots__ = (
        "__weakref__",
        "_base",
        "_event",
        "_is_number",
        "_memory",
        "_past",
        "_seen",
        "_taken",
        "_tape",
        "_value",
        "_weak",
    )  # fmt: skip

    __array_priority__ = 500.0

    def __init__(
        self, tape: Recorder, event: Event, value: Any, weak: bool = False, is_number: bool = False,
        memory: Memory | None = None,
    ) -> None:  # fmt: skip
        self._tape = tape
        self._event = event
        self._value = value
        self._weak = weak
        self._is_number = is_number or weak
        self._memory = Memory() if memory is None else memory
        self._seen = self._memory.version
        self._base: Traced | None = None
        self._taken: tuple[Any, ...] = ()
        self._past: list[tuple[int, Event, Any]] | None = None

    # Code that asks `isinstance(x, np.ndarray)` is to go the way that it goes with arrays.
    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return float if self._weak else self.dtype.type if self._is_number else np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        """The size of each axis."""
        return self._event.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the elements."""
        return self._event.dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self._event.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return self._event.size

    @property
    def itemsize(self) -> int:
        """The bytes that one element takes."""
        return self._event.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """The bytes that the elements take."""
        return self.size * self.itemsize

    # --- NumPy's protocols ------------------------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return self._tape.call_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        return self._tape.call_function(function, args, kwargs)

    def __array__(self, dtype: Any = None, copy: Any = None) -> NoReturn:
        self._tape.check_open()
        frame = sys._getframe(1)
        if is_indexing(frame):  # an index asks for its values
            raise refused("a plain array is indexed with a computed one", AS_PLACE)
        name, formula = asking_for_array(frame)
        if formula is not None:
            raise refused(
                f"{name} makes a plain array of one that depends on the arguments",
                f"Write {formula}, which is recorded",
            )
        raise refused(
            "an array that depends on the arguments is turned into a plain one",
            "This is what np.asarray, np.array, writing into a plain array (`plain += x`, `plain[i] = x`), and "
            "functions that NumPy does not let us see do. Leave np.asarray out; join with np.stack; compute "
            f"`plain = plain + x`. {AS_PLACE}",
        )

    # --- Python's protocols -----------------------------------------------------------------------------------------

    __bool__ = _refusing("__bool__", "a computed value stands in Python's if, while, and, or, not or assert",
                         AS_CONDITION)  # fmt: skip
    __contains__ = _refusing("__contains__", "`in` asks for a computed value", AS_CONDITION)

    def __float__(self) -> float:
        self._tape.check_open()
        if stores_a_part(sys._getframe(1)):
            raise refused(
                "array[index] = value writes a computed value into a plain array",
                "Gather the values in a list and join them with np.stack, or choose with np.where(mask, value, array)",
            )
        raise refused("float() asks for a computed value", AS_NUMBER)

    __int__ = _refusing("__int__", "int() asks for a computed value", AS_NUMBER)
    __complex__ = _refusing("__complex__", "complex() asks for a computed value", AS_NUMBER)
    __index__ = _refusing("__index__", "a computed value is used as a count or a place", f"{AS_NUMBER}. {AS_PLACE}")
    __round__ = _refusing("__round__", "round() asks for a computed value", AS_NUMBER)
    item = _refusing("item", "item() asks for a computed value", AS_NUMBER)
    tolist = _refusing("tolist", "tolist() asks for computed values", AS_NUMBER)
    tobytes = _refusing("tobytes", "tobytes() asks for computed values", AS_NUMBER)
    __str__ = _refusing("__str__", "a computed value is printed", "Return it, and print it outside")
    __format__ = _refusing("__format__", "a computed value is printed", "Return it, and print it outside")
    __reduce__ = _refusing("__reduce__", "a computed value is pickled", "Return it, and pickle it outside")
    __setitem__ = _refusing("__setitem__", "x[index] = value writes into an array", IN_PLACE)
    fill = _refusing("fill", "fill() writes into an array", IN_PLACE)
    sort = _refusing("sort", "sort() writes into an array", "Use np.sort(x)")
    partition = _refusing("partition", "partition() writes into an array", "Use np.partition(x, kth)")
    put = _refusing("put", "put() writes into an array", IN_PLACE)
    resize = _refusing("resize", "resize() changes an array", "Use np.resize(x, shape)")
    setfield = _refusing("setfield", "setfield() writes into an array", IN_PLACE)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or not hasattr(self.__class__, name):
            raise AttributeError(f"an array in a function that is being compiled has no attribute {name!r}")
        raise refused(
            f"an array's {name} is asked for",
            "It is not part of what is recorded; use a NumPy function instead",
        )

    def __hash__(self) -> int:
        if self.shape:
            raise TypeError("unhashable type: 'numpy.ndarray'")
        raise refused("a computed value is hashed, as the key of a dict or of a cache, or an item of a set", AS_NUMBER)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        if not self.shape:
            raise TypeError("iteration over a 0-d array")
        return (self[index] for index in range(self.shape[0]))

    def __repr__(self) -> str:
        return f"<{self.dtype} array of shape {self.shape} in a function that is being compiled>"

    def __copy__(self) -> Any:
        return np.copy(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return np.copy(self)

    def __getitem__(self, index: Any) -> Any:
        if not self.shape and type(index) is tuple and not index:  # the number in an array of one
            event, value = self._tape.operand(self), self._value
            return Traced(self._tape, event, None if value is None else value[()], self._weak, is_number=True)
        return self._tape.index(self, index)

    # --- operators --------------------------------------------------------------------------------------------------

    __add__, __radd__, __iadd__ = _operator(np.add)
    __sub__, __rsub__, __isub__ = _operator(np.subtract)
    __mul__, __rmul__, __imul__ = _operator(np.multiply)
    __truediv__, __rtruediv__, __itruediv__ = _operator(np.divide)
    __floordiv__, __rfloordiv__, __ifloordiv__ = _operator(np.floor_divide)
    __mod__, __rmod__, __imod__ = _operator(np.remainder)
    __pow__, __rpow__, __ipow__ = _operator(np.power)
    __matmul__, __rmatmul__, __imatmul__ = _operator(np.matmul)
    __and__, __rand__, __iand__ = _operator(np.bitwise_and)
    __or__, __ror__, __ior__ = _operator(np.bitwise_or)
    __xor__, __rxor__, __ixor__ = _operator(np.bitwise_xor)
    __lshift__, __rlshift__, __ilshift__ = _operator(np.left_shift)
    __rshift__, __rrshift__, __irshift__ = _operator(np.right_shift)
    __eq__ = _operator(np.equal)[0]
    __ne__ = _operator(np.not_equal)[0]
    __lt__ = _operator(np.less)[0]
    __le__ = _operator(np.less_equal)[0]
    __gt__ = _operator(np.greater)[0]
    __ge__ = _operator(np.greater_equal)[0]
    __neg__ = _unary(np.negative)
    __pos__ = _unary(np.positive)
    __abs__ = _unary(np.absolute)
    __invert__ = _unary(np.invert)

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    # --- ndarray's methods ------------------------------------------------------------------------------------------

    @staticmethod
    def _numpy(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], frame: Any) -> Any:
        return function(*args, **kwargs)

    def copy(self, order: Any = "C") -> Any:
        """See `numpy.ndarray.copy`."""
        return np.copy(self, order=order)

    @property
    def T(self) -> Any:  # noqa: N802 - NumPy's name
        """The axes in reverse order."""
        return np.transpose(self)

    def astype(self, dtype: Any, order: Any = "K", casting: Any = "unsafe", subok: Any = True, copy: Any = True) -> Any:
        """See `numpy.ndarray.astype`."""
        if not copy and order in ("K", "A") and np.dtype(dtype) == self.dtype:
            return self
        result = self._tape.converted(self, np.dtype(dtype))
        return result if order == "K" else np.copy(result, order=order)

    def flatten(self, order: Any = "C") -> Any:
        """See `numpy.ndarray.flatten`: a copy, as opposed to `ravel`."""
        return self._tape.own(self.ravel() if order == "C" else self.ravel(order=order))

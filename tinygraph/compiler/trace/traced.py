"""Traced: the stand-in for an array in a function that is being compiled.

It has an array's shape, dtype and methods, and it answers NumPy's protocols, so that the function, the derivative
rules and the optimisers run on it unchanged. Each call is carried out and recorded. A value that would escape from
NumPy is refused: see `escapes`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tinygraph.compiler.trace.escapes import Escapes
from tinygraph.compiler.trace.events import Event, negates
from tinygraph.compiler.trace.operators import Operators
from tinygraph.compiler.trace.recorder import Recorder
from tinygraph.compiler.trace.refused import refused
from tinygraph.engine.array_methods import ArrayMethods
from tinygraph.engine.flat import Flat
from tinygraph.engine.orders import lies_in, order_after
from tinygraph.engine.out_by_position import with_named_out
from tinygraph.engine.ownership import StandInMemory

__all__ = ["Traced"]

_OF_PYTHON: dict[str, type] = {"f": float, "i": int, "b": bool, "c": complex}


class Traced(Escapes, Operators, ArrayMethods[Any]):
    """An array in a function that is being compiled.

    Attributes:
        _recorder: the recorder of the run.
        _event: the event that it stands for. A write into the array puts another event here.
        _value: the array itself; None in a run that only repeats another.
        _weak: it is a Python float, int, bool or complex number, whose dtype gives way to that of any array.
        _is_number: it stands for a number, which is immutable, and not for an array with one element.
        _memory: the memory that it lies in. Arrays that share memory have one `StandInMemory`.
        _seen: the version of the memory that the event shows.
        _base, _taken: of a view, the array that it looks into, and the calls that took the view.
        _as_place: of a place in a list, the instruction that takes elements there.
        _past: its earlier states, each with the order of the write that ended it, its event and its value.
    """

    __slots__ = (
        "__weakref__", "_as_place", "_base", "_event", "_is_number", "_memory", "_past", "_recorder", "_seen", "_taken",
        "_value", "_weak",
    )  # fmt: skip

    __array_priority__ = 500.0

    def __init__(
        self, recorder: Recorder, event: Event, value: Any, weak: bool = False, is_number: bool = False,
        memory: StandInMemory | None = None,
    ) -> None:  # fmt: skip
        self._recorder = recorder
        self._event = event
        self._value = value
        self._weak = weak
        self._is_number = is_number or weak
        self._memory = StandInMemory() if memory is None else memory
        self._seen = self._memory.version
        self._base: Traced | None = None
        self._taken: tuple[Any, ...] = ()
        self._past: list[tuple[int, Event, Any]] | None = None

    # Code that asks `isinstance(x, np.ndarray)` takes the branch that it takes with an array.
    @property  # type: ignore[misc]
    def __class__(self) -> type:
        if self._weak:
            return _OF_PYTHON[self.dtype.kind]
        return self.dtype.type if self._is_number else np.ndarray

    def _set_shape(self, shape: Any) -> None:
        raise refused("the shape of an array is set", "Write x = x.reshape(shape)")

    # They are asked for ten times a call, and a function in Python would take five times as long.
    shape: tuple[int, ...] = property(  # type: ignore[assignment]
        operator.attrgetter("_event.shape"), _set_shape, doc="The size of each axis."
    )
    dtype: np.dtype[Any] = property(  # type: ignore[assignment]
        operator.attrgetter("_event.dtype"), doc="The type of the elements."
    )
    size: int = property(operator.attrgetter("_event.size"), doc="The number of elements.")  # type: ignore[assignment]

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self._event.shape)

    @property
    def itemsize(self) -> int:
        """The bytes that one element takes."""
        return self._event.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """The bytes that the elements take."""
        return self.size * self.itemsize

    def is_complement_of(self, mask: Any) -> bool:
        """Return whether this array of booleans is known to be the negation of another."""
        return type(mask) is Traced and negates(self._event, mask._event)

    # --- NumPy's protocols ------------------------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return self._recorder.call_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        return self._recorder.call_function(function, *with_named_out(function, args, kwargs))

    # --- Python's protocols -----------------------------------------------------------------------------------------

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        if not self.shape:
            raise TypeError("iteration over a 0-d array")
        return (self[index] for index in range(self.shape[0]))

    def __copy__(self) -> Any:
        return np.copy(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return np.copy(self)

    def __getitem__(self, index: Any) -> Any:
        if not self.shape and type(index) is tuple and not index:  # the number in an array of one
            event, value = self._recorder.operand(self), self._value
            return Traced(self._recorder, event, None if value is None else value[()], self._weak, is_number=True)
        return self._recorder.index(self, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        self._recorder.write(self, index, value, "x[index] = value")

    def taken_of(self, array: Any) -> Any:
        """Return the view of another array that this one is of its own."""
        for taken in self._taken:
            array = taken.again(self._recorder, array)
        return array

    # --- ndarray's methods ------------------------------------------------------------------------------------------

    @staticmethod
    def _numpy(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], frame: Any) -> Any:
        return function(*args, **kwargs)

    def copy(self, order: Any = "C") -> Any:
        """See `numpy.ndarray.copy`."""
        return self if self._is_number else np.copy(self, order=order)  # a number is immutable

    @property
    def real(self) -> Any:
        """The real part. It can be written into, and set."""
        return self._part(np.real(self)) if self.dtype.kind == "c" else self

    @real.setter
    def real(self, value: Any) -> None:
        self._recorder.write(self.real, ..., value, "x.real = value")

    @property
    def imag(self) -> Any:
        """The imaginary part. That of a complex array can be written into, and set."""
        return self._part(np.imag(self))

    @imag.setter
    def imag(self, value: Any) -> None:
        if self.dtype.kind != "c":
            raise TypeError("array does not have imaginary part to set")
        self._recorder.write(self.imag, ..., value, "x.imag = value")

    def _part(self, part: Any) -> Any:
        """Return a part of a number; that of a number of Python's is one of Python's."""
        if self._weak:
            part._weak = part._is_number = True
        return part

    def conj(self) -> Any:
        """See `numpy.ndarray.conj`."""
        return self._part(np.conjugate(self)) if self.dtype.kind == "c" else self

    conjugate = conj

    def fill(self, value: Any) -> None:
        """See `numpy.ndarray.fill`."""
        self._write_all(value, "x.fill()")

    def _write_all(self, value: Any, call: str) -> None:
        """Write a value everywhere; a number's methods write nothing, as NumPy's."""
        if not self._is_number:
            self._recorder.write(self, ..., value, call)

    def sort(self, axis: int = -1, kind: Any = None, order: None = None, *, stable: bool | None = None) -> None:
        """See `numpy.ndarray.sort`."""
        self._write_all(np.sort(self, axis, kind, stable=stable), "x.sort()")

    def partition(self, kth: Any, axis: int = -1, kind: Any = "introselect", order: None = None) -> None:
        """See `numpy.ndarray.partition`."""
        self._write_all(np.partition(self, kth, axis, kind), "x.partition()")

    def put(self, indices: Any, values: Any, mode: Any = "raise") -> None:
        """See `numpy.ndarray.put`."""
        self._recorder.call_function(np.put, (self, indices, values, mode), {})

    @property
    def flat(self) -> Any:
        """The elements one by one, in C order. They can be written into."""
        return Flat(self)

    @flat.setter
    def flat(self, value: Any) -> None:
        Flat(self)[:] = value

    @property
    def T(self) -> Any:  # noqa: N802 - NumPy's name
        """The axes in reverse order."""
        return np.transpose(self)

    def astype(self, dtype: Any, order: Any = "K", casting: Any = "unsafe", subok: Any = True, copy: Any = True) -> Any:
        """See `numpy.ndarray.astype`."""
        order = order_after(order, self)
        if not copy and np.dtype(dtype) == self.dtype and lies_in(self, order):
            return self
        result = self._recorder.converted(self, np.dtype(dtype))
        return result if order == "K" else np.copy(result, order=order)

    def flatten(self, order: Any = "C") -> Any:
        """See `numpy.ndarray.flatten`: a copy, as opposed to `ravel`."""
        return self._recorder.own(self.ravel() if order == "C" else self.ravel(order=order))

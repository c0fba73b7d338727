"""The operators of a stand-in: each is a call of the ufunc that it stands for, and is recorded as one."""

from __future__ import annotations

import datetime
import decimal
import numbers
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.compiler.trace.recorder import Recorder
from tinygraph.compiler.trace.refused import AS_NUMBER, refused
from tinygraph.engine.modes import state
from tinygraph.engine.refusing import lost_in_array
from tinygraph.engine.table import function_name, is_plain

__all__ = ["Operators"]


def _operator(function: np.ufunc) -> tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]:
    """Return the methods for `x + y`, `y + x` and `x += y`."""
    repeats = function is np.multiply

    def method(self: Operators, other: Any) -> Any:
        if repeats and self._is_number and isinstance(other, _REPEATED):
            return NotImplemented  # Python repeats the list, and asks for the count
        if _is_operand(other):
            return self._recorder.operate(function, self, other)
        if function in _EQUALITIES and isinstance(other, _NEVER_EQUAL):
            if self._weak:
                return function is np.not_equal
            return self._recorder.call(np.full, (self.shape, function is np.not_equal), {})
        return _not_implemented(other)

    def reflected(self: Operators, other: Any) -> Any:
        if repeats and self._is_number and isinstance(other, _REPEATED):
            return NotImplemented
        return self._recorder.operate(function, other, self) if _is_operand(other) else _not_implemented(other)

    def in_place(self: Operators, other: Any) -> Any:
        if not _is_operand(other) or (repeats and self._is_number and isinstance(other, _REPEATED)):
            if not hasattr(other, "_link") or self._is_number:
                return _not_implemented(other)
            if not is_plain(function) and other._link.differentiable and state.recording:
                raise lost_in_array(f"{function_name(function)}, with out= or as `a += t` does", [other])
            other = other._value
        result = self._recorder.operate(function, self, other)
        # A number is immutable in NumPy too: the name gets a new one. An array of one number is written into.
        return result if self._is_number else self._recorder.overwrite(self, result)

    return method, reflected, in_place


def _unary(function: np.ufunc) -> Callable[..., Any]:
    def method(self: Operators) -> Any:
        return self._recorder.operate(function, self)

    return method


def _is_operand(other: Any) -> bool:
    """Return whether an operator computes with it: an array, a number or a nested list. A Tensor has operators too."""
    return issubclass(type(other), Operators) or (isinstance(other, _OPERANDS) and not isinstance(other, _NEVER_EQUAL))


def _not_implemented(other: Any) -> Any:
    """Return NotImplemented, so that Python asks the other operand; a number that is none of NumPy's is refused."""
    if isinstance(other, _OBJECTS):
        kind = type(other).__name__
        raise refused(
            f"an array meets a {kind}, and NumPy would compute with Python's objects",
            f"Make it a number that NumPy knows, float({kind.lower()}), or compare it outside",
        )
    return NotImplemented


_OPERANDS = (np.ndarray, np.generic, int, float, complex, list, tuple, range)
_REPEATED = (list, tuple)
_EQUALITIES = (np.equal, np.not_equal)
# No number is equal to one of these, whatever its value.
_NEVER_EQUAL = (str, bytes, type(None), dict, set, frozenset)
# NumPy makes an array of objects of these, and computes with them one by one.
_OBJECTS = (numbers.Number, decimal.Decimal, datetime.date, datetime.time, datetime.timedelta)


class Operators:
    """An array whose operators are recorded.

    Attributes:
        _recorder: records them.
        _is_number: the array is a number, which is immutable.
    """

    __slots__ = ()

    _recorder: Recorder
    _is_number: bool
    _weak: bool
    shape: Any
    dtype: Any

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

    def __rdivmod__(self, other: Any) -> Any:
        return other // self, other % self

    def __hash__(self) -> int:  # beside `__eq__`, since Python makes a class with that one alone unhashable
        if self.shape:
            raise TypeError("unhashable type: 'numpy.ndarray'")
        if self.dtype == np.bool_:
            return hash(self._recorder.decide(self, bool))
        raise refused("a computed value is hashed, as the key of a dict or of a cache, or an item of a set", AS_NUMBER)

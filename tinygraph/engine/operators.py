"""The operators of a Tensor: arithmetic is recorded, comparisons return what NumPy returns."""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.engine.in_place import in_place
from tinygraph.engine.operands import plain
from tinygraph.engine.record import call_operator, record_call
from tinygraph.engine.table import operation_of

__all__ = ["ARITHMETIC", "Operators"]

_getframe = sys._getframe


def power(x: Any, y: Any) -> Any:
    """Return `x ** y` as NumPy computes it for arrays: small exponents by multiplication and roots, not by `pow`."""
    if type(x) is np.float64:
        return x * x if type(y) in (int, float) and y == 2 else np.asarray(x) ** y
    return x**y


# The operators of two operands that are recorded, each with its NumPy function and what computes it.
ARITHMETIC: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "add": (np.add, operator.add),
    "sub": (np.subtract, operator.sub),
    "mul": (np.multiply, operator.mul),
    "truediv": (np.divide, operator.truediv),
    "pow": (np.power, power),
    "matmul": (np.matmul, operator.matmul),
    "mod": (np.remainder, operator.mod),
}


def _binary(name: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return the methods `t + other` and `other + t` of an operator."""
    function, compute = ARITHMETIC[name]

    def method(self: Any, other: Any) -> Any:
        return call_operator(function, compute, self, other, _getframe(1))

    def reflected(self: Any, other: Any) -> Any:
        return call_operator(function, compute, other, self, _getframe(1))

    return method, reflected


def _unary(function: Callable[..., Any], compute: Callable[..., Any]) -> Callable[..., Any]:
    """Return the method of an operator with one operand, `-t`."""

    def method(self: Any) -> Any:
        op = operation_of(function)
        assert op is not None
        return record_call(op, compute, (self,), {}, _getframe(1))

    return method


def _comparison(compare: Callable[..., Any]) -> Callable[..., Any]:
    """A comparison operator: it has no derivative, and returns what NumPy returns."""

    def method(self: Any, other: Any) -> Any:
        if isinstance(other, Operators):
            other = other._value
        return compare(self._value, other)

    return method


def _bitwise(name: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return the methods `t & other` and `other & t` of an operator on bits, which is NumPy's on the plain values."""
    compute = getattr(operator, name)

    def method(self: Any, other: Any) -> Any:
        return compute(self._value, plain(other))

    def reflected(self: Any, other: Any) -> Any:
        return compute(plain(other), self._value)

    return method, reflected


class Operators:
    """Python's operators of a Tensor."""

    __slots__ = ()

    _value: Any

    __add__, __radd__ = _binary("add")
    __sub__, __rsub__ = _binary("sub")
    __mul__, __rmul__ = _binary("mul")
    __truediv__, __rtruediv__ = _binary("truediv")
    __pow__, __rpow__ = _binary("pow")
    __matmul__, __rmatmul__ = _binary("matmul")
    __mod__, __rmod__ = _binary("mod")

    __iadd__ = in_place(operator.add, "+=")
    __isub__ = in_place(operator.sub, "-=")
    __imul__ = in_place(operator.mul, "*=")
    __itruediv__ = in_place(operator.truediv, "/=")
    __ipow__ = in_place(operator.pow, "**=")
    __imatmul__ = in_place(operator.matmul, "@=")
    __imod__ = in_place(operator.mod, "%=")
    __ifloordiv__ = in_place(operator.floordiv, "//=")

    __neg__ = _unary(np.negative, operator.neg)
    __pos__ = _unary(np.positive, operator.pos)
    __abs__ = _unary(np.absolute, abs)

    # Comparisons, and division that rounds down, have no derivative.
    __eq__ = _comparison(operator.eq)
    __ne__ = _comparison(operator.ne)
    __lt__ = _comparison(operator.lt)
    __le__ = _comparison(operator.le)
    __gt__ = _comparison(operator.gt)
    __ge__ = _comparison(operator.ge)

    __and__, __rand__ = _bitwise("and_")
    __or__, __ror__ = _bitwise("or_")
    __xor__, __rxor__ = _bitwise("xor")
    __lshift__, __rlshift__ = _bitwise("lshift")
    __rshift__, __rrshift__ = _bitwise("rshift")

    def __invert__(self) -> Any:
        return ~self._value

    # Two Tensors of equal values are two places to have a gradient: they are different keys.
    __hash__ = object.__hash__

    def __floordiv__(self, other: Any) -> Any:
        return np.floor_divide(self._value, plain(other))

    def __rfloordiv__(self, other: Any) -> Any:
        return np.floor_divide(plain(other), self._value)

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> Any:
        return other // self, other % self

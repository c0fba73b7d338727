"""The operators of a Tensor: arithmetic is recorded, comparisons return what NumPy returns."""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygraph.derivatives import arithmetic
from tinygraph.engine import record
from tinygraph.engine.in_place import in_place
from tinygraph.engine.operands import plain
from tinygraph.engine.record import unary
from tinygraph.engine.table import operation_of

if TYPE_CHECKING:
    from tinygraph.engine.tensor import Tensor

__all__ = ["Operators"]

_getframe = sys._getframe


def _comparison(compare: Callable[..., Any]) -> Callable[..., Any]:
    """A comparison operator: it has no derivative, and returns what NumPy returns."""

    def method(self: Any, other: Any) -> Any:
        if isinstance(other, Operators):
            other = other._value
        return compare(self._value, other)

    return method


class Operators:
    """Python's operators of a Tensor."""

    __slots__ = ()

    _value: Any

    __add__, __radd__ = record.operator(np.add, operator.add)
    __sub__, __rsub__ = record.operator(np.subtract, operator.sub)
    __mul__, __rmul__ = record.operator(np.multiply, operator.mul)
    __truediv__, __rtruediv__ = record.operator(np.divide, operator.truediv)
    __pow__, __rpow__ = record.operator(np.power, arithmetic.power)
    __matmul__, __rmatmul__ = record.operator(np.matmul, operator.matmul)
    __mod__, __rmod__ = record.operator(np.remainder, operator.mod)

    __iadd__ = in_place(operator.add, "+=")
    __isub__ = in_place(operator.sub, "-=")
    __imul__ = in_place(operator.mul, "*=")
    __itruediv__ = in_place(operator.truediv, "/=")
    __ipow__ = in_place(operator.pow, "**=")
    __imatmul__ = in_place(operator.matmul, "@=")
    __imod__ = in_place(operator.mod, "%=")

    def __neg__(self: Any) -> Tensor:
        return unary(operation_of(np.negative), operator.neg, self, _getframe(1))  # type: ignore[arg-type]

    def __pos__(self: Any) -> Tensor:
        return unary(operation_of(np.positive), operator.pos, self, _getframe(1))  # type: ignore[arg-type]

    def __abs__(self: Any) -> Tensor:
        return unary(operation_of(np.absolute), abs, self, _getframe(1))  # type: ignore[arg-type]

    # Comparisons, and division that rounds down, have no derivative.
    __eq__ = _comparison(operator.eq)
    __ne__ = _comparison(operator.ne)
    __lt__ = _comparison(operator.lt)
    __le__ = _comparison(operator.le)
    __gt__ = _comparison(operator.gt)
    __ge__ = _comparison(operator.ge)

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

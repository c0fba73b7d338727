"""Python's numbers: the stand-in for a counter, and for what Python computes from it.

Arithmetic on it is Python's own, and is kept in the run's `Reckoning`. Where it meets an array it becomes an argument
of the program. Where Python asks for its value, in `if t % 10 == 0`, in `range(t)` or as an index, the recording ends:
the int is part of the signature, as every int is at first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from tinygraph.compiler.trace.reckoning import OPERATIONS, At, Line, Reckoning, Root
from tinygraph.compiler.trace.recorder import Recorder
from tinygraph.compiler.trace.refused import refused
from tinygraph.compiler.trace.tape import instruction
from tinygraph.engine.modes import state
from tinygraph.errors import UnsupportedError
from tinygraph.users_code.source import users_line

__all__ = ["NUMBERS", "BeyondError", "PythonNumber", "SteeringError", "asked_for"]

# The types of the constants that Python's arithmetic on a counter may have.
NUMBERS = frozenset((int, float, bool, complex))
# No number is equal to one of these, and none is added to one.
_OTHERS = (str, bytes, type(None), dict, set, frozenset, list, tuple)


class SteeringError(UnsupportedError):
    """The value of a counter was asked for: it is part of the signature.

    Attributes:
        counters: the counters that the value depends on, by the places that they have in all programs.
        why: a clause that says what asks, with the user's line.
    """

    counters: frozenset[tuple[Any, ...]] = frozenset()
    why: str = ""


class BeyondError(SteeringError):
    """A counter has a value that no argument of a program can have. Others of its values may be arguments."""


def asked_for(number: PythonNumber, why: str, kind: type[SteeringError] = SteeringError) -> SteeringError:
    """Return the error for a counter whose value is asked for."""
    error = kind(str(refused(f"the value of {number._text()} is asked for: {why}", "It is part of the signature")))
    error.why = f"{why} ({users_line()})"
    error.counters = frozenset([number._reckoning.counters[at].place for at in number._counters])
    if state.tracing is not None:  # the run fails with this error, even if the function catches it
        state.tracing.refusal = error
    return error


def _binary(text: str, ufunc: np.ufunc) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return the methods for `t + other` and `other + t`."""

    def method(self: PythonNumber, other: Any) -> Any:
        return self._with(text, ufunc, other, self, other)

    def reflected(self: PythonNumber, other: Any) -> Any:
        return self._with(text, ufunc, other, other, self)

    return method, reflected


def _unary(text: str) -> Callable[..., Any]:
    def method(self: PythonNumber) -> Any:
        return self._computed(text, self)

    return method


def _asking(what: str) -> Callable[..., Any]:
    def method(self: PythonNumber, *args: Any, **kwargs: Any) -> NoReturn:
        self._recorder.check_open()
        raise asked_for(self, what)

    return method


class PythonNumber:
    """A number of Python's in a function that is being compiled: a counter, or what Python computed from one.

    Args:
        recorder: of the run.
        reckoning: of the run.
        place: of the number in the reckoning.
        value: the number itself.
        counters: the places of the counters that it depends on.
    """

    __slots__ = ("__weakref__", "_counters", "_place", "_reckoning", "_recorder", "_value")

    __array_priority__ = 400.0

    def __init__(
        self, recorder: Recorder, reckoning: Reckoning, place: int, value: Any, counters: frozenset[int]
    ) -> None:  # fmt: skip
        self._recorder = recorder
        self._reckoning = reckoning
        self._place = place
        self._value = value
        self._counters = counters

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        kind = type(self._value)
        if self._place >= len(self._reckoning.counters):  # a counter is an int at each call
            self._reckoning.asked.setdefault(self._place, Root(self._place, kind))
        return kind

    def _text(self) -> str:
        return self._reckoning.text_of(self._place)

    # --- arithmetic ---------------------------------------------------------------------------------------------------

    def _with(self, text: str, ufunc: np.ufunc, other: Any, *operands: Any) -> Any:
        """Compute with another operand: in Python if it is a number of Python's, in NumPy if it is an array."""
        kind = type(other)
        if kind in NUMBERS or kind is PythonNumber:
            return self._computed(text, *operands)
        if isinstance(other, np.ndarray | np.generic):  # a stand-in for an array is one as well
            return self._recorder.operate(ufunc, *operands)
        if hasattr(kind, "_link") or issubclass(kind, _OTHERS):
            return NotImplemented
        raise asked_for(self, f"it meets a {kind.__name__}")

    def _computed(self, text: str, *operands: Any) -> PythonNumber:
        """Compute an operation in Python."""
        return self._called(OPERATIONS[text], text, *operands)

    def _called(self, function: Callable[..., Any], text: str, *operands: Any) -> PythonNumber:
        """Compute a function in Python.

        Args:
            function: the function.
            text: the operation, "{} + {}", or the name of the function.
            operands: numbers, some of them stand-ins.
        """
        self._recorder.check_open()
        numbers = [item for item in operands if type(item) is PythonNumber]
        counters = frozenset([counter for number in numbers for counter in number._counters])
        try:
            value = function(*[item._value if type(item) is PythonNumber else item for item in operands])
        except Exception as error:  # the function may catch it, and go another way than for other values
            asked_for(numbers[0], f"Python raises {type(error).__name__}", BeyondError)
            raise
        places = tuple([At(item._place) if type(item) is PythonNumber else item for item in operands])
        place = self._reckoning.add(Line(text, places, *instruction()))
        return PythonNumber(self._recorder, self._reckoning, place, value, counters)

    __add__, __radd__ = _binary("{} + {}", np.add)
    __sub__, __rsub__ = _binary("{} - {}", np.subtract)
    __mul__, __rmul__ = _binary("{} * {}", np.multiply)
    __truediv__, __rtruediv__ = _binary("{} / {}", np.divide)
    __floordiv__, __rfloordiv__ = _binary("{} // {}", np.floor_divide)
    __mod__, __rmod__ = _binary("{} % {}", np.remainder)
    __and__, __rand__ = _binary("{} & {}", np.bitwise_and)
    __or__, __ror__ = _binary("{} | {}", np.bitwise_or)
    __xor__, __rxor__ = _binary("{} ^ {}", np.bitwise_xor)
    __lshift__, __rlshift__ = _binary("{} << {}", np.left_shift)
    __rshift__, __rrshift__ = _binary("{} >> {}", np.right_shift)
    __eq__ = _binary("{} == {}", np.equal)[0]
    __ne__ = _binary("{} != {}", np.not_equal)[0]
    __lt__ = _binary("{} < {}", np.less)[0]
    __le__ = _binary("{} <= {}", np.less_equal)[0]
    __gt__ = _binary("{} > {}", np.greater)[0]
    __ge__ = _binary("{} >= {}", np.greater_equal)[0]
    __neg__, __pos__, __invert__, __abs__ = _unary("-{}"), _unary("+{}"), _unary("~{}"), _unary("abs({})")
    __trunc__, __floor__, __ceil__ = _unary("trunc({})"), _unary("floor({})"), _unary("ceil({})")

    def __pow__(self, other: Any, modulus: Any = None) -> Any:
        if modulus is not None:
            raise asked_for(self, "pow() is called with a modulus")
        return self._with("{} ** {}", np.power, other, self, other)

    def __rpow__(self, other: Any, modulus: Any = None) -> Any:
        return self._with("{} ** {}", np.power, other, other, self)

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> Any:
        return other // self, other % self

    def __round__(self, digits: Any = None) -> Any:
        return self._computed("round({})", self) if digits is None else self._computed("round({}, {})", self, digits)

    # --- NumPy's protocols --------------------------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return self._recorder.call_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        return self._recorder.call_function(function, args, kwargs)

    # --- its value ----------------------------------------------------------------------------------------------------

    __bool__ = _asking("it stands in Python's if, while, and, or, not or assert")
    __index__ = _asking("it is a count, an index or the end of a range")
    __int__ = _asking("int() is called")
    __float__ = _asking("float() is called")
    __complex__ = _asking("complex() is called")
    __hash__ = _asking("it is a key, or an item of a set")
    __str__ = __repr__ = __format__ = _asking("it is printed")
    __array__ = _asking("an array is made of it")
    __reduce_ex__ = __reduce__ = _asking("it is pickled")

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return self

    def __getattr__(self, name: str) -> Any:
        if name == "dtype" or hasattr(type(self._value), name):
            raise asked_for(self, f".{name} is read")
        raise AttributeError(f"{type(self._value).__name__!r} object has no attribute {name!r}")

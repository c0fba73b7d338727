"""Noticing: a run that shows whether code asks for the value of an open size, and does more than arithmetic with it.

The run repeats a recorded one. The shapes of its stand-ins hold an `OpenSize` for each axis whose size differed in an
earlier recording. It is no int, but says that it is one, so that Python must ask it for its value:

    n = x.shape[0]          nothing is noticed
    x.reshape(n * 3, -1)    nor here: whoever computes a shape, c * n + d, computes it at every size in the same way
    x.sum() / n             nor here
    n > 50, n % 2, n // 2   noticed: another size may decide otherwise
    range(n), [0] * n       noticed: Python asks for the value
    len(x)                  likewise a size to come; see `questions`. In `map(len, xs)` it is noticed

Nothing is noticed of what the engine and the tracer ask on their own account. They look at sizes to tell 0 and 1 from
others, and whether two are equal.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygraph.compiler.trace.events import Event

__all__ = ["Noticed", "NoticingEvents", "OpenSize", "value_of"]

# The engine's record and pass and the tracer look at sizes on their own account: to tell 0 and 1 from others, whether
# two are equal, and large arrays from small ones. The value goes nowhere else.
_OWN_ACCOUNT = frozenset((
    "tinygraph.compiler.trace.bounds", "tinygraph.compiler.trace.execution", "tinygraph.compiler.trace.views",
    "tinygraph.compiler.trace.writes", "tinygraph.engine.fitting",
    "tinygraph.engine.guarded_pass", "tinygraph.engine.masks", "tinygraph.engine.quick", "tinygraph.engine.reaching",
    "tinygraph.engine.record",
))  # fmt: skip

# What else is in these rooms asks on behalf of whoever calls it, as a Tensor's method does for `len(t)`.
_ON_BEHALF = ("tinygraph.compiler.", "tinygraph.engine.")

# Functions of NumPy that make an array of a shape, or broadcast some, likewise.
_MAKERS = frozenset(("ones", "full", "zeros_like", "ones_like", "full_like", "empty_like"))
_BROADCASTING = "numpy.lib._stride_tricks_impl"


def _is_maker(module: str, function: str) -> bool:
    return module == _BROADCASTING or (module.startswith("numpy.") and function in _MAKERS)


# Rules that compute with a size at every size in the same way.
_ALIKE = frozenset(("tinygraph.derivatives.reductions.count",))


class Noticed:
    """The questions that code has asked: the name of the asking module, with that of the function."""

    def __init__(self) -> None:
        self.questions: list[str] = []

    def ask(self) -> None:
        """Note that the value of an open size is asked for, unless it is on the engine's own account."""
        frame: Any = sys._getframe(2)
        is_first = True
        while frame is not None:
            module, function = frame.f_globals.get("__name__", ""), frame.f_code.co_name
            if is_first and (module in _OWN_ACCOUNT or f"{module}.{function}" in _ALIKE):
                return
            if not module.startswith(_ON_BEHALF) and not _is_maker(module, function):
                self.questions.append(f"{module}.{function}")
                return
            is_first = is_first and (module == __name__ or module.startswith("numpy."))
            frame = frame.f_back


def value_of(item: Any) -> Any:
    """Return the value of an open size; anything else as it is."""
    return item._value if type(item) is OpenSize else item


def _asked(operation: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method that asks for the value."""

    def method(self: OpenSize, *others: Any) -> Any:
        self._noticed.ask()
        return operation(self._value, *[value_of(other) for other in others])

    return method


def _turned(operation: Callable[..., Any]) -> Callable[..., Any]:
    return lambda value, other: operation(other, value)


class OpenSize:
    """The size of an open axis, `times * n + plus`, in a run that notices who asks for its value."""

    __slots__ = ("_noticed", "_plus", "_times", "_value")

    __array_priority__ = 1000.0

    def __init__(self, noticed: Noticed, value: Any, times: int | None, plus: int = 0) -> None:
        """Hold a size; `times` is None where it is no such sum."""
        self._noticed = noticed
        self._value = value
        self._times = times
        self._plus = plus

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return int

    # --- sums and multiples are sizes -------------------------------------------------------------------------------

    def _linear(self, value: Any, times: Any, plus: Any) -> Any:
        return OpenSize(self._noticed, value, times, plus) if times else value

    def __add__(self, other: Any) -> Any:
        if type(other) is OpenSize and None not in (self._times, other._times):
            return self._linear(self._value + other._value, self._times + other._times, self._plus + other._plus)  # type: ignore[operator]
        if type(other) is int and self._times is not None:
            return self._linear(self._value + other, self._times, self._plus + other)
        return _combined(operator.add, self, other)

    __radd__ = __add__

    def __mul__(self, other: Any) -> Any:
        if type(other) is int and self._times is not None:
            return self._linear(self._value * other, self._times * other, self._plus * other)
        return _combined(operator.mul, self, other)

    def __rmul__(self, other: Any) -> Any:
        return self.__mul__(other) if type(other) is int else _combined(_turned(operator.mul), self, other)

    def __sub__(self, other: Any) -> Any:
        return self + -other if type(other) in (int, OpenSize) else _combined(operator.sub, self, other)

    def __rsub__(self, other: Any) -> Any:
        return -self + other if type(other) is int else _combined(_turned(operator.sub), self, other)

    def __neg__(self) -> Any:
        return self * -1

    def __pos__(self) -> Any:
        return self

    def __truediv__(self, other: Any) -> Any:
        return _combined(operator.truediv, self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return _combined(_turned(operator.truediv), self, other)

    # --- comparisons that have one outcome for all sizes from 2 on --------------------------------------------------

    def _compared(self, other: Any, operation: Callable[[Any, Any], bool]) -> bool:
        if type(other) is OpenSize and other._times == self._times is not None:
            return operation(self._plus, other._plus)
        if type(other) is int and self._times is not None and self._times > 0 and other < 2 * self._times + self._plus:
            return operation(1, 0)  # it is larger at every size
        self._noticed.ask()
        return operation(self._value, value_of(other))

    def __eq__(self, other: object) -> bool:
        return self._compared(other, operator.eq)

    def __ne__(self, other: object) -> bool:
        return self._compared(other, operator.ne)

    def __lt__(self, other: Any) -> bool:
        return self._compared(other, operator.lt)

    def __le__(self, other: Any) -> bool:
        return self._compared(other, operator.le)

    def __gt__(self, other: Any) -> bool:
        return self._compared(other, operator.gt)

    def __ge__(self, other: Any) -> bool:
        return self._compared(other, operator.ge)

    def __bool__(self) -> bool:
        return self._compared(0, operator.ne)

    # --- what else asks for the value -------------------------------------------------------------------------------

    __hash__ = _asked(hash)
    __index__ = _asked(operator.index)
    __int__ = _asked(int)
    __float__ = _asked(float)
    __complex__ = _asked(complex)
    __repr__ = _asked(repr)
    __str__ = _asked(str)
    __format__ = _asked(format)
    __abs__ = _asked(abs)
    __round__ = _asked(round)
    __invert__ = _asked(operator.invert)
    __floordiv__, __rfloordiv__ = _asked(operator.floordiv), _asked(_turned(operator.floordiv))
    __mod__, __rmod__ = _asked(operator.mod), _asked(_turned(operator.mod))
    __divmod__, __rdivmod__ = _asked(divmod), _asked(_turned(divmod))
    __pow__, __rpow__ = _asked(pow), _asked(_turned(pow))
    __and__, __rand__ = _asked(operator.and_), _asked(_turned(operator.and_))
    __or__, __ror__ = _asked(operator.or_), _asked(_turned(operator.or_))
    __xor__, __rxor__ = _asked(operator.xor), _asked(_turned(operator.xor))
    __lshift__, __rlshift__ = _asked(operator.lshift), _asked(_turned(operator.lshift))
    __rshift__, __rrshift__ = _asked(operator.rshift), _asked(_turned(operator.rshift))

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        self._noticed.ask()
        return np.asarray(self._value, dtype=dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        self._noticed.ask()
        return getattr(ufunc, method)(*[value_of(item) for item in args], **kwargs)

    def __getattr__(self, name: str) -> Any:
        self._noticed.ask()
        return getattr(self._value, name)


def _combined(operation: Callable[[Any, Any], Any], size: OpenSize, other: Any) -> Any:
    """Return the result of an operation on a size and what is no size: with a stand-in it is a call to be recorded.

    The number in that call is compared with those of the other recordings.
    """
    if not _is_recorded(other):
        size._noticed.ask()
    return operation(size._value, value_of(other))


def _is_recorded(other: Any) -> bool:
    return hasattr(type(other), "_recorder") or type(other).__module__ == "tinygraph.engine.tensor"


class NoticingEvents(list[Event]):
    """The events of a run, whose shapes hold open sizes.

    Args:
        noticed: notes the questions.
        shapes: of the events of an earlier recording.
        sizes: the size then, and now.
    """

    def __init__(self, noticed: Noticed, shapes: Sequence[tuple[int, ...]], sizes: tuple[int, int]) -> None:
        super().__init__()
        self._noticed = noticed
        self._shapes = shapes
        self._sizes = sizes

    def append(self, event: Event) -> None:
        """Append an event, and let its shape hold open sizes."""
        position = len(self)
        if position < len(self._shapes) and len(self._shapes[position]) == len(event.shape):
            earlier = self._shapes[position]
            if earlier != event.shape:
                size = event.size
                event.shape = tuple([self._size(*pair) for pair in zip(earlier, event.shape, strict=True)])
                event.size = self._product(event.shape, size)
        super().append(event)

    def _size(self, earlier: int, now: int) -> Any:
        """Return the stand-in for a size that was another one in the earlier recording."""
        if earlier == now:
            return now
        one, other = self._sizes
        times, rest = divmod(now - earlier, other - one)
        return OpenSize(self._noticed, now, None if rest else times, 0 if rest else now - times * other)

    def _product(self, shape: tuple[Any, ...], value: int) -> Any:
        found: Any = 1
        for size in shape:
            if type(found) is OpenSize and type(size) is OpenSize:
                return OpenSize(self._noticed, value, None)
            found = size * found
        return found

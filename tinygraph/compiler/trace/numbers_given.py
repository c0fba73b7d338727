"""Numbers given: the results of Python's arithmetic on counters that a program is given at each call."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from tinygraph.compiler.trace.events import Event
from tinygraph.compiler.trace.python_numbers import BeyondError, PythonNumber, asked_for
from tinygraph.compiler.trace.reckoning import Reckoning, Root
from tinygraph.compiler.trace.tape import Tape
from tinygraph.users_code.source import assigned_name

__all__ = ["NumbersGiven"]

_DTYPES: dict[type, Any] = {int: np.int64, float: np.float64, bool: np.bool_}
# NumPy converts an int to these by way of a float64, which is exact up to here.
_EXACT = {np.dtype(np.float32): 2.0**53, np.dtype(np.float16): 2.0**11}


class NumbersGiven:
    """The numbers that the program of one run is given, as arguments.

    Args:
        tape: gets an event for each.

    Attributes:
        reckoning: the arithmetic that they come from.
        events: of the numbers, in the order of `reckoning.given`.
    """

    def __init__(self, tape: Tape) -> None:
        self.reckoning = Reckoning()
        self.events: list[Event] = []
        self._tape = tape
        self._of_place: dict[int, int] = {}  # by the place of a number its position among those that are given
        self._of_event: dict[int, PythonNumber] = {}

    def event_of(self, number: PythonNumber) -> tuple[Event, Any]:
        """Return the event and the value of the argument that a number becomes.

        Raises:
            BeyondError: no argument of a program has such a value.
        """
        value, kind = number._value, type(number._value)
        dtype = _DTYPES.get(kind)
        if dtype is None or (kind is int and not -(2**63) <= value < 2**63):
            raise asked_for(number, "it is a complex number, or an int of more than 64 bits", BeyondError)
        known = self._of_place.get(number._place)
        if known is None:
            known = self._of_place[number._place] = len(self.events)
            event = self._tape.event("argument", (), np.dtype(dtype), self._name_of(number._place))
            self.events.append(event)
            self._of_event[event.index] = number
            bounds = (-(2**63), 2**63 - 1) if kind is int else ()
            self.reckoning.given.append(Root(number._place, kind, *bounds))
        return self.events[known], dtype(value)

    def narrow(self, event: Event, dtype: np.dtype[Any]) -> None:
        """Take note that an int meets an array of a dtype, which has bounds.

        Raises:
            BeyondError: the int is not within them. NumPy raises an error for it, or rounds it in another way.
        """
        number = self._of_event.get(event.index)
        if number is None:
            return
        info = np.iinfo(dtype) if dtype.kind in "iu" else None
        low, high = (-_EXACT.get(dtype, np.inf), _EXACT.get(dtype, np.inf)) if info is None else (info.min, info.max)
        if not low <= number._value <= high:
            raise asked_for(number, f"{dtype} does not hold it", BeyondError)
        self.reckoning.given[self._of_place[number._place]].narrow(low, high)

    def _name_of(self, place: int) -> str:
        """Return the name of a number: the user's, or one made of the words of its text."""
        reckoning = self.reckoning
        if place < len(reckoning.counters):
            words = re.sub(r"\W+", "_", reckoning.counters[place].name).strip("_")
        else:
            line = reckoning.lines[place - len(reckoning.counters)]
            own = assigned_name(line.code, line.lasti)
            if own is not None and own.isidentifier():
                return own
            words = "_".join(_WORDS.get(part) or part for part in re.findall(_PARTS, reckoning.text_of(place)))
        return words if len(words) < 24 and words.isidentifier() else f"number_{len(self.events) + 1}"


_WORDS = {
    "**": "power", "//": "over", "==": "is", "!=": "is_not", "<=": "up_to", ">=": "from", "<": "below", ">": "above",
    "+": "plus", "-": "minus", "*": "times", "/": "over", "%": "modulo", "1": "one", "2": "two", "0.5": "half",
}  # fmt: skip
_PARTS = r"[\w.]+|\*\*|//|[=!<>]=|[-+*/%<>&|^~]"

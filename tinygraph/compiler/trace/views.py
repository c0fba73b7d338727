"""Views: results that lie in the memory of an operand, and that are taken again when somebody writes into it."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygraph.compiler.trace.events import Event
from tinygraph.compiler.trace.refused import AS_NUMBER, refused
from tinygraph.compiler.trace.traced import Recorder, Traced
from tinygraph.engine.links import mapped, next_order
from tinygraph.engine.ownership import share
from tinygraph.engine.table import function_name

__all__ = ["Fact", "Taken", "become", "check_positions", "fact_of", "look_into"]

# In place of an array that a view was taken from.
_HERE: Any = object()


@dataclass(frozen=True, slots=True)
class Fact:
    """The memory of a result, which the first run saw and the second repeats."""

    operand: int | None
    is_same: bool
    is_number: bool


@dataclass(frozen=True, slots=True)
class Taken:
    """A call that took a view: the function, the position among its results, and its arguments."""

    function: Callable[..., Any]
    position: int
    args: Any
    kwargs: Any

    def of(self, operand: Traced) -> Taken:
        """The call with a gap in place of the array that it looks into, and its other arguments as they are now."""

        def hold(item: Any) -> Any:
            if item is operand:
                return _HERE
            if type(item) is Traced:
                return Traced(item._tape, item._event, item._value, item._weak, item._is_number)
            return item.copy() if type(item) is np.ndarray else item

        return Taken(self.function, self.position, mapped(self.args, hold), mapped(self.kwargs, hold))

    def again(self, tape: Recorder, array: Traced) -> Traced:
        """The view of an array, taken in the same way."""
        args, kwargs = mapped([self.args, self.kwargs], lambda item: array if item is _HERE else item)
        found = tape.call(self.function, args, kwargs)
        return found if type(found) is Traced else found[self.position]


def fact_of(part: Any, operands: Sequence[Traced], is_own: bool) -> Fact:
    """The memory of a part of a result: that of an operand, or its own; a number has none."""
    for position, operand in enumerate(operands):
        if share(part, operand._value):
            return Fact(position, part is operand._value and not is_own, False)
    return Fact(None, False, not isinstance(part, np.ndarray))


def check_positions(function: Callable[..., Any], operands: Sequence[Traced], facts: list[Fact]) -> None:
    """Refuse a view whose shape or offset a computed count decides; an index is looked up by the program."""
    shown = {fact.operand for fact in facts} - {None}
    counts = [position for position, item in enumerate(operands) if not item.shape and item.dtype.kind in "iu"]
    if shown and function is not operator.getitem and not shown.issuperset(counts):
        raise refused(f"a computed value is used as an axis, a size or a place by {function_name(function)}", AS_NUMBER)


def look_into(view: Traced, operand: Traced, taken: Taken) -> None:
    """Note that a result is a view of an operand, and how it was taken."""
    view._base = operand if operand._base is None else operand._base
    view._memory, view._seen = operand._memory, operand._memory.version
    view._taken = (*operand._taken, taken.of(operand))


def become(traced: Traced, event: Event, value: Any) -> None:
    """Let a stand-in stand for another value from now on."""
    traced._past = [*(traced._past or ()), (next_order(), traced._event, traced._value)]
    traced._event, traced._value = event, value

"""Views: results that lie in the memory of an operand. After a write into that memory they are taken again."""

from __future__ import annotations

import bisect
import operator
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from tinygraph.compiler.kernels.parts import ViewCall, view_at
from tinygraph.compiler.program.predicates import is_basic
from tinygraph.compiler.trace.events import Event
from tinygraph.compiler.trace.operands import names_itself
from tinygraph.compiler.trace.recorder import Recorder
from tinygraph.compiler.trace.refused import AS_NUMBER, refused
from tinygraph.compiler.trace.tape import Alias
from tinygraph.compiler.trace.traced import Traced
from tinygraph.engine.keeping import duplicate
from tinygraph.engine.links import next_order
from tinygraph.engine.nested import mapped
from tinygraph.engine.ownership import owner, read_only, share_memory
from tinygraph.engine.table import function_name

__all__ = [
    "HERE", "Overwritten", "Taken", "alias_of", "apart", "become", "check_positions", "earlier_state", "in_array",
    "laid_out", "look_into", "overwritten_at", "take_again",
]  # fmt: skip

# Stands for the array that a view was taken of, among the arguments of the call that took it.
HERE: Any = object()

# An array of fewer bytes is kept as it was before a write: its part is a second array, and nothing is saved.
SMALL = 1 << 12

# A view of an array so many times as large is copied to be kept.
FAR = 4


class Overwritten(NamedTuple):
    """A part of an array before a write: the array as it was can be made again of it, from the array after the write.

    A loop that writes 100 rows of an array would keep 100 arrays otherwise.

    Attributes:
        part: a copy of the part.
        index, views: the place of the part; see `part_written`.
    """

    part: Any
    index: Any
    views: Any


class Taken(NamedTuple):
    """A call that took a view.

    Attributes:
        function, args, kwargs: the call.
        position: of the view among its results; None where it is the result.
    """

    function: Callable[..., Any]
    position: int | None
    args: Any
    kwargs: Any

    def of(self, operand: Traced) -> Taken:
        """Return the call without the operand that the view looks into, its other arguments as they are now."""

        def hold(item: Any) -> Any:
            if item is operand:
                return HERE
            if type(item) is Traced:
                return Traced(item._recorder, item._event, item._value, item._weak, item._is_number)
            return item.copy() if type(item) is np.ndarray else item

        args = [
            HERE if item is operand else item if names_itself(item) else mapped(item, hold) for item in self.args
        ]  # fmt: skip
        return Taken(self.function, self.position, tuple(args), mapped(self.kwargs, hold) if self.kwargs else {})

    def again(self, recorder: Recorder, array: Traced) -> Traced:
        """Return the view of an array, taken by the same call."""
        args, kwargs = mapped([self.args, self.kwargs], lambda item: array if item is HERE else item)
        found: Any = recorder.call(self.function, args, kwargs)
        view: Traced = found if type(found) is Traced else found[self.position]
        return view

    def as_call(self) -> ViewCall:
        """Return the call as a write names it.

        Raises:
            UnsupportedError: the array stands among several in a list, or is given by keyword.
        """
        at = next((place for place, item in enumerate(self.args) if item is HERE), None)
        if at is None:
            raise refused(
                f"a view by {function_name(self.function)} of several arrays is written into",
                "Give the function the array alone, as its first argument",
            )
        return ViewCall(self.function, self.args[:at], self.args[at + 1 :], self.kwargs, self.position)


def alias_of(function: Callable[..., Any], result: Any, operands: Sequence[Traced], is_own: bool) -> Alias:
    """Return whose memory a result lies in: an operand's, or its own; a number has none."""
    if type(result) is not np.ndarray:
        return _OWN if isinstance(result, np.ndarray) else _NUMBER
    if isinstance(function, np.ufunc):  # computes into new memory
        return _OWN
    for position, operand in enumerate(operands):
        if share_memory(result, operand._value):
            return Alias(position, result is operand._value and not is_own, False)
    return _OWN


_OWN, _NUMBER = Alias(None, False, False), Alias(None, False, True)


def check_positions(function: Callable[..., Any], operands: Sequence[Traced], aliases: list[Alias]) -> None:
    """Refuse a view whose shape or offset depends on a computed number; an index is looked up by the program."""
    shown = {alias.operand for alias in aliases if alias.operand is not None}
    if not shown or function is operator.getitem:
        return
    counts = [position for position, item in enumerate(operands) if not item.shape and item.dtype.kind in "iu"]
    if not shown.issuperset(counts):
        raise refused(
            f"a computed value is used as an axis, a size or an index by {function_name(function)}", AS_NUMBER
        )


def look_into(view: Traced, operand: Traced, taken: Taken) -> None:
    """Note that a result is a view of an operand, and the call that took it."""
    view._base = operand if operand._base is None else operand._base
    view._memory, view._seen = operand._memory, operand._memory.version
    view._taken = (*operand._taken, taken.of(operand))


def take_again(recorder: Recorder, view: Traced) -> None:
    """Let a view show what was written into its memory: record the calls that took it once more."""
    found: Any = view._base
    for taken in view._taken:
        found = taken.again(recorder, found)
    become(view, recorder.operand(found), found._value)
    view._seen = view._memory.version


def become(traced: Traced, event: Event, value: Any, overwritten: Overwritten | None = None) -> None:
    """Let a stand-in stand for another event and value from now on.

    Args:
        traced: the stand-in.
        event, value: those from now on.
        overwritten: the part in which the value differs from the one so far; None if that is not known.
    """
    if traced._past is None:
        traced._past = []
    traced._past.append((next_order(), traced._event, traced._value if overwritten is None else overwritten))
    traced._event, traced._value = event, value


def overwritten_at(array: Any, index: Any, views: Sequence[ViewCall]) -> Overwritten | None:
    """Return the part of an array that a write goes over; None where to keep the part would save little.

    Args:
        array: as it is before the write; None in a run without values.
        index, views: see `part_written`.
    """
    if array is None or array.nbytes < SMALL or not is_basic(index):
        return None
    if not all([view.function in (operator.getitem, np.transpose) and _is_fixed(view) for view in views]):
        return None
    part = view_at(array, views)[index]
    return Overwritten(part.copy(), index, tuple(views)) if 2 * part.nbytes <= array.nbytes else None


def _is_fixed(view: ViewCall) -> bool:
    """Return whether a view is at a place that no array names, and is no copy."""
    return not view.before and not view.keywords and all(map(is_basic, view.after))


def in_array(value: Any) -> Any:
    """Return a number in an array of its own, of which there are views; an array, or nothing, as it is."""
    return read_only(np.asarray(value)) if isinstance(value, np.generic) else value


def apart(value: Any) -> Any:
    """Return an array that holds no memory of a far larger one: a column keeps no table. A number as it is."""
    if (
        type(value) is np.ndarray
        and value.base is not None
        and FAR * value.nbytes + SMALL < getattr(owner(value), "nbytes", 0)
    ):
        return read_only(duplicate(value))
    return value


def laid_out(made: Traced, like: Any) -> Traced:
    """Return a new array with the memory layout of another one, since a later `order="K"` depends on it."""
    value = like._value if type(like) is Traced else like
    fits = isinstance(value, np.ndarray) and value.shape == made.shape and made._value is not None
    if fits and value.strides != made._value.strides:
        laid = np.empty_like(value, dtype=made.dtype)
        np.copyto(laid, made._value)
        made._value = read_only(laid)
    return made


def earlier_state(traced: Traced, order: int) -> Traced:
    """Return a stand-in for an array as it was at an order of the record's counter."""
    past = traced._past or []
    place = bisect.bisect_right(past, order, key=operator.itemgetter(0))
    if place == len(past):
        event, value = traced._event, traced._value
    else:
        event, value = past[place][1], _earlier_value(traced, past, place)
    return Traced(traced._recorder, event, value, traced._weak, traced._is_number)


def _earlier_value(traced: Traced, past: list[tuple[int, Event, Any]], place: int) -> Any:
    """Return the value of an earlier state, and keep it: a reverse pass asks for the state before this one next."""
    known = place
    while known < len(past) and type(past[known][2]) is Overwritten:
        known += 1
    value = traced._value if known == len(past) else past[known][2]
    if known == place:
        return value
    value = duplicate(value)
    value.flags.writeable = True
    for _, _, overwritten in reversed(past[place:known]):
        view_at(value, overwritten.views)[overwritten.index] = overwritten.part
    past[place] = (*past[place][:2], read_only(value))
    return value

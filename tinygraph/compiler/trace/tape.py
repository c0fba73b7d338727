"""The tape: the events and the calls of a run in their order, and their comparison with those of an earlier run."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tinygraph.compiler.trace.agreement import brief, same
from tinygraph.compiler.trace.events import ALWAYS, Event
from tinygraph.compiler.trace.refused import refused
from tinygraph.engine.links import next_order
from tinygraph.engine.modes import state
from tinygraph.engine.table import function_name
from tinygraph.errors import UnsupportedError
from tinygraph.users_code.source import source_of

__all__ = ["Alias", "RecordedCall", "Tape", "instruction"]

# Code whose calls are made on behalf of the user's line that called it.
_OURS = frozenset(("tinygraph", "numpy", "scipy", "contextlib", "functools"))


class Alias(NamedTuple):
    """The relation of a result's memory to that of the operands, as the first run saw it.

    Attributes:
        operand: the position of the operand whose memory the result shares, None where it has its own.
        is_same: the result is that operand.
        is_number: the result is a number, and no array.
    """

    operand: int | None
    is_same: bool
    is_number: bool


class RecordedCall(NamedTuple):
    """A call of the first run, as the second run compares its own with it and takes its results from it.

    Attributes:
        function, args, kwargs: the call, with events in place of arrays.
        outline: its result, with shapes and dtypes in place of arrays.
        aliases: for each of its results the operand that it is a view of, if any.
        code, lasti: the user's instruction that made the call.
        is_attempt: it may fail, and the user's function may catch the error.
    """

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    outline: Any
    aliases: list[Alias]
    code: Any
    lasti: int
    is_attempt: bool = False


class Tape:
    """The events and calls of a run.

    Args:
        call_name: the name of the compiled function, for messages.
        reference: the tape of the run that this run repeats without computing.
        nonfinite: numbers from outside may be infinite or NaN.
        events: the list that gets the events, where it is none of Python's; see `tinygraph.compiler.trace.noticing`.

    Attributes:
        since: the order, on the record's counter, at which the run began.
        events: the inputs, the constants and the results of calls.
        calls: what the run called.
        orders: for each call that took elements in the order of memory, the axes in that order.
        quiet: the kinds of floating-point errors that `np.errstate` ignores inside the run.
        states: the numbers of the states in which Python decided in a `while` loop.
        last_in_order: the result of the last call that other processes take part in.
        is_guarded: a call that may fail stands in a `try` of the user's, who may go on without its result.
        has_events_of_reference: the events of its calls are those of the run that it repeats.
    """

    def __init__(
        self, call_name: str, reference: Tape | None, nonfinite: bool, events: list[Event] | None = None
    ) -> None:  # fmt: skip
        self.call_name = call_name
        self.reference = reference
        self.nonfinite = nonfinite
        self.since = next_order()
        self.events: list[Event] = [] if events is None else events
        self.calls: list[RecordedCall] = []
        self.orders: list[tuple[int, ...]] = []
        self.quiet: set[str] = set() if reference is None else reference.quiet
        self.states: dict[Any, int] = {}
        self.last_in_order: Any = None
        self.is_guarded: bool = reference is not None and reference.is_guarded
        self.has_events_of_reference = reference is not None and events is None

    def event(self, kind: str, shape: tuple[int, ...], dtype: np.dtype[Any], name: str | None = None) -> Event:
        """Add the event of an input or a constant.

        Raises:
            UnsupportedError: the earlier run had another event here.
        """
        event = Event(kind, len(self.events), shape, dtype, name)
        if self.nonfinite and kind != "constant":
            event.finite = min(event.finite, ALWAYS if dtype.kind not in "fc" else 0)
        self.events.append(event)
        if self.reference is not None:
            expected = self.reference.events[event.index] if event.index < len(self.reference.events) else None
            if expected is None or (expected.kind, expected.shape, expected.dtype) != (kind, shape, dtype):
                raise self.differs()
        return event

    def earlier(self, event: Event) -> Event:
        """Return the event at the same position of the run that this one repeats."""
        assert self.reference is not None
        return self.reference.events[event.index]

    def repeated(self, function: Any, args: Any, kwargs: Any) -> RecordedCall:
        """Return the earlier run's call at this position.

        Raises:
            UnsupportedError: that was another call.
        """
        assert self.reference is not None
        position = len(self.calls)
        expected = self.reference.calls[position] if position < len(self.reference.calls) else None
        if expected is None:
            raise self.differs()
        is_same = (
            (function is expected.function or same(function, expected.function)) and same(args, expected.args)
            and (same(kwargs, expected.kwargs) if kwargs else not expected.kwargs)
        )  # fmt: skip
        if not is_same:
            raise self.differs(call=expected)
        return expected

    def add_repeated(self, args: Any, kwargs: Any) -> Event:
        """Add the event of a repeated call's result, which is that of the run that this one repeats.

        A call that reads plain arrays has an event of its own: each run may have made its own arrays.

        Args:
            args, kwargs: of the call, with events in the places of stand-ins and plain arrays.

        Raises:
            UnsupportedError: the earlier run had an input or a constant here.
        """
        assert self.reference is not None
        position = len(self.events)
        event = self.reference.events[position] if position < len(self.reference.events) else None
        if event is None or event.kind != "call":
            raise self.differs()
        if _reads_array(args) or (kwargs and _reads_array(kwargs)):
            event = event.with_arguments(args, kwargs)
        self.events.append(event)
        return event

    def axes(self, look: Callable[[], tuple[int, ...]]) -> tuple[int, ...]:
        """Return the axes of an array in the order of memory; a run that repeats another has no memory to look at.

        Args:
            look: finds them in the first run.
        """
        position = len(self.orders)
        if self.reference is None:
            self.orders.append(look())
        elif position == len(self.reference.orders):
            raise self.differs()
        else:
            self.orders.append(self.reference.orders[position])
        return self.orders[-1]

    def check_complete(self) -> None:
        """Refuse a run that ended before the run that it repeats.

        Raises:
            UnsupportedError: it made fewer calls.
        """
        if self.reference is not None and len(self.calls) != len(self.reference.calls):
            raise self.differs()

    def differs(self, event: Event | None = None, call: RecordedCall | None = None) -> UnsupportedError:
        """Return the error for two runs that differ, at an event or at a call of the first."""
        found = ""
        if event is not None and event.content is not None:
            found = f" A plain value there was {brief(self.earlier(event).content)}, then {brief(event.content)}."
        elif call is not None and call.code is not None:
            found = f" Before, {function_name(call.function)} was called at {source_of(call.code, call.lasti)}."
        return refused(
            f"two runs of {self.call_name} on the same arguments differ.{found}",
            "Something unseen changes from run to run and would become part of the program: a random generator, a "
            "clock, a counter. Draw with tinygraph.draws.uniform(generator, shape) or normal(generator, shape); pass "
            "other things as arguments, or keep them in a Tensor",
        )


def _reads_array(args: Any) -> bool:
    """Return whether a plain array is among the arguments of a call."""
    for item in args.values() if type(args) is dict else args:
        if type(item) is Event:
            if item.kind == "array":
                return True
        elif type(item) in _NESTED and _reads_array(item):
            return True
    return False


_NESTED = frozenset((tuple, list, dict))


@functools.cache
def _is_ours(module: str) -> bool:
    return module.partition(".")[0] in _OURS


def instruction() -> tuple[Any, int]:
    """Return the user's instruction that is being executed, or on whose behalf a rule runs: its code and its offset."""
    if state.origin is not None:
        return state.origin
    frame: Any = sys._getframe(1)
    while frame is not None and _is_ours(frame.f_globals.get("__name__", "")):
        frame = frame.f_back
    return (None, 0) if frame is None else (frame.f_code, frame.f_lasti)

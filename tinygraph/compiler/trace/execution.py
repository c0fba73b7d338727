"""Execution: the calls of a run. The first run carries each out on real values, the second repeats it from the tape."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from tinygraph.compiler.trace.bounds import bound_below, finiteness
from tinygraph.compiler.trace.carrying_out import Failure, carried_out, quiet_context
from tinygraph.compiler.trace.error_handling import ErrorHandling
from tinygraph.compiler.trace.events import Event
from tinygraph.compiler.trace.functions import Part
from tinygraph.compiler.trace.operands import Outline, as_part, outline, sequence_like
from tinygraph.compiler.trace.recorder import Recorder
from tinygraph.compiler.trace.refused import refused
from tinygraph.compiler.trace.tape import Alias, RecordedCall, Tape
from tinygraph.compiler.trace.traced import Traced
from tinygraph.compiler.trace.views import Taken, alias_of, check_positions, look_into
from tinygraph.engine.modes import state
from tinygraph.engine.ownership import read_only
from tinygraph.engine.table import function_name
from tinygraph.functions.checks import CHECKS, attempted
from tinygraph.users_code.handlers import may_be_caught
from tinygraph.users_code.source import users_line

__all__ = ["CallToRecord", "Execution"]


class CallToRecord(NamedTuple):
    """A call that is being recorded.

    Attributes:
        function, args, kwargs: the call, with stand-ins among its arguments.
        event_args, event_kwargs: the arguments with events in place of the stand-ins.
        operands: the stand-ins.
        is_own: its results are no operands, even where the function returns one.
        code, lasti: the user's instruction that made it.
    """

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    event_args: tuple[Any, ...]
    event_kwargs: dict[str, Any]
    operands: Sequence[Traced]
    is_own: bool
    code: Any
    lasti: int


# Tuples, made once: `tuple | list` in a call would be made again each time.
_SEQUENCES, _NUMBERS = (tuple, list), (bool, int, float, complex)


class Execution:
    """The execution of a run's calls.

    Args:
        tape: gets the calls and the events of their results.

    Attributes:
        errors: the handling of floating-point errors.
        passes: the number of backward passes that the run is inside now.
        differentiated: the call that the backward pass is at, as its instruction and the event of its result.
        outside_as_it_is: returns a block in which the function's surroundings are as they were before the run.
        quiet: a context in which NumPy warns of nothing.
        runs_in: the code that calls the user's function.
    """

    def __init__(self, tape: Tape) -> None:
        self.errors = ErrorHandling()
        self.passes = 0
        self.differentiated: tuple[Any, int, Event | None] = (None, 0, None)
        self.outside_as_it_is: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext
        self.quiet = quiet_context()
        self.runs_in: Any = None
        self._tape = tape
        self._failure: Failure | None = None
        self._is_caught = False  # the function may catch an error of the call

    def record(self, recorder: Recorder, call: CallToRecord) -> Any:
        """Carry out or repeat a call; return stand-ins for its results, which ask the recorder."""
        if self._tape.reference is None:
            value = self._carry_out(call)
            recorded = self._recorded(call, value)
        else:
            recorded = self._tape.repeated(call.function, call.event_args, call.event_kwargs)
            value = recorded.outline
        self._tape.calls.append(recorded)
        if not isinstance(value, _SEQUENCES):
            result = self._result(recorder, call, call.function, value, None, recorded.aliases[0])
            if recorded.is_attempt:
                recorder.call(attempted, (result,), {})
            return result
        parts = [
            self._result(recorder, call, Part.of(call.function, position), as_part(part), position, alias)
            for position, (part, alias) in enumerate(zip(value, recorded.aliases, strict=True))
        ]
        if recorded.is_attempt:
            recorder.call(attempted, (parts[0],), {})
        return sequence_like(value, parts)

    def _carry_out(self, call: CallToRecord) -> Any:
        """Return the result of a call on real values.

        Raises:
            UnsupportedError: the result is no array, or the call stands in an `np.errstate` that no program has.
        """
        if self.errors.blocks:
            self._tape.quiet |= self.errors.ignored()
        if type(call.function) is not np.ufunc or self.errors.raises:
            self._is_caught = may_be_caught(sys._getframe(1), self.runs_in)
            self._tape.is_guarded |= self._is_caught
        try:
            value = carried_out(call.function, call.args, call.kwargs, self.outside_as_it_is, self.quiet)
        except Exception as error:
            self._failure = self._failure or Failure(function_name(call.function), error, users_line())
            raise
        if isinstance(value, _NUMBERS):
            return np.asarray(value)[()]
        if not hasattr(value, "dtype") and not isinstance(value, _SEQUENCES):
            raise refused(
                f"{function_name(call.function)} returned {type(value).__name__}, not an array",
                "Only functions of arrays that return arrays can be compiled",
            )
        return value

    def _recorded(self, call: CallToRecord, value: Any) -> RecordedCall:
        """Return a call and the outline of its result, for the second run."""
        function, operands = call.function, call.operands
        if isinstance(value, _SEQUENCES):
            known, aliases = outline(value), [alias_of(function, part, operands, call.is_own) for part in value]
        else:
            known, aliases = Outline(value.shape, value.dtype), [alias_of(function, value, operands, call.is_own)]
        if aliases[0].operand is not None or len(aliases) > 1:
            check_positions(function, operands, aliases)
        is_attempt = self._is_caught and fails_for_values(function)
        recorded = (function, call.event_args, call.event_kwargs, known, aliases, call.code, call.lasti, is_attempt)
        return tuple.__new__(RecordedCall, recorded)

    def _result(
        self, recorder: Recorder, call: CallToRecord, function: Callable[..., Any], value: Any,
        position: int | None, alias: Alias,
    ) -> Traced:  # fmt: skip
        """Add the event of one result of a call; return its stand-in.

        Args:
            recorder: of the stand-in.
            call: the call.
            function: returns this one result.
            value: the result, or its outline.
            position: among several results; None for the only one.
            alias: the operand that it is a view of, if any.
        """
        event = self._add_event(call, function, value)
        operand = None if alias.operand is None else call.operands[alias.operand]
        if operand is not None and alias.is_same:
            return operand
        known = None if type(value) is Outline else read_only(value)
        result = Traced(recorder, event, known, is_number=alias.is_number)
        if operand is not None:
            look_into(result, operand, Taken(call.function, position, call.args, call.kwargs))
        return result

    def _add_event(self, call: CallToRecord, function: Callable[..., Any], value: Any) -> Event:
        if self._tape.has_events_of_reference:
            return self._tape.add_repeated(call.event_args, call.event_kwargs)
        event = Event("call", len(self._tape.events), value.shape, value.dtype)
        event.function, event.args, event.kwargs = function, call.event_args, call.event_kwargs
        event.code, event.lasti, event.label = call.code, call.lasti, state.label
        if self.passes:
            event.section = "backward"
            code, lasti, at = self.differentiated
            if code is call.code and lasti == call.lasti:
                event.differentiated = at
        if self._tape.reference is None:
            event.low = bound_below(function, event.args, event.kwargs, event.dtype)
            event.finite = finiteness(function, event.args, event.kwargs, event.dtype)
        else:  # the same call of the same values
            earlier = self._tape.earlier(event)
            event.low, event.finite = earlier.low, earlier.finite
        self._tape.events.append(event)
        return event

    def check_failures(self) -> None:
        """Refuse a run that went on after a call had failed: a program makes the same calls each time."""
        if self._failure is not None:
            raise self._failure.error_in(self._tape.call_name)


def fails_for_values(function: Any) -> bool:
    """Return whether a call may fail for some values of its arguments: a check, a solver, or a user's function."""
    if function is attempted or isinstance(function, np.ufunc):
        return False
    module = getattr(function, "__module__", None) or ""
    if module.startswith("numpy"):
        return module.startswith("numpy.linalg")
    return function in CHECKS or not module.startswith("tinygraph")

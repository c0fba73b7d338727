"""Pull: a call of a reverse pass, of which the calls that its rules make are remembered, or made again.

A pattern has the values that the rules made, each with its call, and numbers in place of the arrays: first those that
the pull was given, then those that it makes. Fitting a cotangent to its operand is a part of the pull, and adding it
to the others that reach the operand is not.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tinygraph.compiler.program.decisions import decided
from tinygraph.compiler.trace.bounds import LOOK_BELOW, bound_below, finiteness
from tinygraph.compiler.trace.carrying_out import carrying_out, runs_users_code
from tinygraph.compiler.trace.events import Event, events_in
from tinygraph.compiler.trace.tape import RecordedCall, Tape
from tinygraph.compiler.trace.traced import Traced
from tinygraph.compiler.trace.views import Taken, look_into
from tinygraph.engine.modes import state
from tinygraph.engine.nested import instances
from tinygraph.engine.ownership import read_only, share_memory

if TYPE_CHECKING:
    from tinygraph.compiler.trace.execution import Execution
    from tinygraph.compiler.trace.masks_outside import MasksOutside
    from tinygraph.compiler.trace.outside import Outside
    from tinygraph.compiler.trace.recording import Recording
    from tinygraph.compiler.trace.reliance import Reliance

__all__ = ["Pattern", "Pull", "Run"]


class _Made(NamedTuple):
    """A value that a rule makes.

    Attributes:
        event: that of the first time.
        args: its arguments, with anything where an array stands.
        arrays: where in the arguments an array stands, each with its number among those of the pull.
        call: the call of the first time; None for a constant.
    """

    event: Event
    args: tuple[Any, ...]
    arrays: tuple[tuple[int, int], ...]
    call: RecordedCall | None


class _Fitted(NamedTuple):
    """The cotangent of an operand, fitted to it.

    Attributes:
        made: what fitting it made.
        number: of the cotangent among the arrays of the pull.
        is_number: whether the cotangent is a number, as opposed to an array.
        reach: the reach of the cotangent.
        view: the call that took it as a view of another value, and the number of that one; None where none did.
    """

    made: list[_Made]
    number: int
    is_number: bool
    reach: Any
    view: tuple[_Made, int] | None


class Pattern(NamedTuple):
    """The values that a pull makes, for pulls that are like it.

    Attributes:
        rules: what the rules make.
        fitted: for each operand that a gradient flows to.
        made: all of it, in order.
        bounds_follow: the bounds of what it makes follow from those of the arrays that it is given. Those of some
            functions depend on how these were computed, too.
    """

    rules: list[_Made]
    fitted: list[_Fitted]
    made: list[_Made]
    bounds_follow: bool

    @property
    def nbytes(self) -> int:
        """The bytes of its masks."""
        return sum([0 if part.reach is None else part.reach.nbytes for part in self.fitted])


class Run(NamedTuple):
    """The parts of a run that a pull asks, or changes."""

    recording: Recording
    execution: Execution
    outside: Outside
    reliance: Reliance
    masks: MasksOutside

    @property
    def tape(self) -> Tape:
        """The tape of the run."""
        return self.recording.tape

    def effects(self) -> tuple[Any, ...]:
        """Return what rules change beside the events and calls, where they do more than to make calls."""
        tape, last = self.tape, self.tape.last_in_order
        return (
            len(tape.orders), len(tape.states), len(self.recording.generators.found), len(self.outside.captured),
            len(self.masks.read), self.reliance.counts(), None if last is None else last._event.index,
        )  # fmt: skip


class Pull:
    """One pull of a cotangent through a call.

    Args:
        run: the run.
        arrays: the cotangent, and the call's result and arguments as far as they are arrays.
        pattern: what an earlier pull made; None for the first of its kind.
        learn: gets what the first of its kind made; None where another one may make other calls, or did.
    """

    def __init__(
        self, run: Run, arrays: list[Traced], pattern: Pattern | None, learn: Callable[[Any], None]
    ) -> None:  # fmt: skip
        self._run = run
        self._pattern = pattern
        self._learn = learn
        self._arrays = arrays
        if pattern is None:
            self._begun = self._ends()
            self._spans: list[tuple[tuple[int, int], tuple[int, int], Any, Any]] = []
            self._before = self._run.effects()
        else:
            self._events = [array._event for array in arrays]
            self._values = [array._value for array in arrays]

    def _ends(self) -> tuple[int, int]:
        return len(self._run.tape.events), len(self._run.tape.calls)

    # --- the first of its kind ----------------------------------------------------------------------------------------

    def note(self, cotangent: Any = None, reach: Any = None) -> None:
        """Note that the rules have run, or that their result for an operand was fitted to it.

        Args:
            cotangent, reach: that of the operand, and its reach.
        """
        self._spans.append((self._begun, self._ends(), cotangent, reach))

    def go_on(self) -> None:
        """Note that what was recorded since the last note is none of the pull's."""
        self._begun = self._ends()

    def remember(self) -> None:
        """Remember what the pull made, for pulls that are like it."""
        self._learn(self._learnt())

    def _learnt(self) -> Pattern | None:
        if self._run.effects() != self._before:
            return None
        tape = self._run.tape
        numbers: dict[int, int] = {}
        for number, array in enumerate(self._arrays):
            numbers.setdefault(array._event.index, number)
        count = len(self._arrays)
        made: list[list[_Made]] = []
        for (event, call), (last_event, last_call), _, _ in self._spans:
            calls = iter(tape.calls[call:last_call])
            made.append([])
            for value in tape.events[event:last_event]:
                found = _made(value, calls, numbers)
                if found is None:
                    return None
                numbers[value.index] = count
                count += 1
                made[-1].append(found)
            if next(calls, None) is not None:
                return None
        fitted: list[_Fitted] = []
        every = [value for part in made for value in part]
        for part, (_, _, cotangent, reach) in zip(made[1:], self._spans[1:], strict=True):
            of_cotangent = self._number_of(cotangent, numbers)
            if of_cotangent is None or not (reach is None or type(reach) is np.ndarray):
                return None
            view = None
            if of_cotangent >= len(self._arrays) and cotangent._base is not None:
                view = _view(cotangent, every[of_cotangent - len(self._arrays)], numbers, len(self._arrays))
                if view is None:
                    return None
            fitted.append(_Fitted(part, of_cotangent, cotangent._is_number, reach, view))
        return Pattern(made[0], fitted, every, all([value.event.function not in LOOK_BELOW for value in every]))

    def _number_of(self, cotangent: Any, numbers: dict[int, int]) -> int | None:
        """Return the number of a cotangent among the arrays of the pull; None where it was written into."""
        for number, array in enumerate(self._arrays):
            if cotangent is array:
                return number
        is_own = (
            type(cotangent) is Traced and cotangent._past is None and not cotangent._weak
            and not cotangent._memory.version and cotangent._memory.keeper is None
        )  # fmt: skip
        number = numbers.get(cotangent._event.index, -1) if is_own else -1
        return number if number >= len(self._arrays) else None

    # --- one that is like it ------------------------------------------------------------------------------------------

    @property
    def is_known(self) -> bool:
        """True if an earlier pull was like this one."""
        return self._pattern is not None

    def apply_rules(self) -> bool:
        """Record what the rules make. Return False where the calls turn out to be others, and record nothing."""
        assert self._pattern is not None
        tape = self._run.tape
        events, calls = self._ends()
        try:
            if tape.reference is not None:
                self._values += [None] * len(self._pattern.made)
            elif not self._run.execution.quiet.run(_compute, self._pattern.made, self._values):
                self._learn(None)
                return False
            self._record(self._pattern.rules)
        except Exception:  # the rules themselves raise it, and are named
            del tape.events[events:], tape.calls[calls:]
            self._learn(None)
            return False
        return True

    def fitted(self) -> Iterator[tuple[Any, Callable[[], Any]]]:
        """Yield for each operand that a gradient flows to the reach of its cotangent, and a function that makes it."""
        assert self._pattern is not None
        found: dict[int, Any] = dict(enumerate(self._arrays))
        for part in self._pattern.fitted:
            # An array of its own, as the rules would make it: a run has one event for an array that it meets again.
            reach = None if part.reach is None else part.reach.copy()
            yield reach, functools.partial(self._cotangent, part, found)

    def _cotangent(self, part: _Fitted, found: dict[int, Any]) -> Any:
        number = part.number
        if part.made:
            self._record(part.made)
        if number not in found:
            found[number] = self._stand_in(number, part.is_number)
            if part.view is not None:
                (_, args, ((place, _),), call), base = part.view
                assert call is not None
                array = self._stand_in(base, is_number=False)
                given = tuple([array if at == place else item for at, item in enumerate(args)])
                look_into(found[number], array, Taken(call.function, None, given, call.kwargs))
        return found[number]

    def _stand_in(self, number: int, is_number: bool) -> Traced:
        value = self._values[number]
        known = None if value is None else read_only(value)
        return Traced(self._run.recording, self._events[number], known, is_number=is_number)

    def _record(self, made: list[_Made]) -> None:
        """Record calls that were carried out, or compare them with those of an earlier run."""
        tape, events = self._run.tape, self._events
        label, at = state.label, self._run.execution.differentiated[2]
        assert state.origin is not None and self._pattern is not None
        follows = self._pattern.bounds_follow
        code, lasti = state.origin
        for before, args, arrays, call in made:
            if arrays:
                filled = list(args)
                for place, number in arrays:
                    filled[place] = events[number]
                args = tuple(filled)
            if call is not None and tape.has_events_of_reference:
                tape.calls.append(tape.repeated(call.function, args, call.kwargs))
                events.append(tape.add_repeated(args, call.kwargs))
                continue
            event = before.again(len(tape.events), args)
            if call is not None:
                event.code, event.lasti, event.label, event.differentiated = code, lasti, label, at
                if not follows:
                    event.low = bound_below(call.function, args, call.kwargs, event.dtype)
                    event.finite = finiteness(call.function, args, call.kwargs, event.dtype)
                tape.calls.append(
                    RecordedCall(call.function, args, call.kwargs, call.outline, call.aliases, code, lasti)
                )
            tape.events.append(event)
            events.append(event)


def _view(cotangent: Traced, made: _Made, numbers: dict[int, int], given: int) -> tuple[_Made, int] | None:
    """Return the call that took a cotangent as a view of a value that the pull made, and the number of that value.

    Args:
        cotangent: the view.
        made: the value that it shows.
        numbers: by the index of an event the number of the array.
        given: how many arrays the pull was given.
    """
    base: Any = cotangent._base
    number = numbers.get(base._event.index, -1)
    is_whole = (
        len(cotangent._taken) == 1 and base._base is None and base._past is None and not base._weak
        and made.call is not None and made.call.aliases[0].operand == 0 and [at for _, at in made.arrays] == [number]
    )  # fmt: skip
    return (made, number) if is_whole and number >= given else None


def _made(event: Event, calls: Iterator[RecordedCall], numbers: dict[int, int]) -> _Made | None:
    """Return a value that a rule made as a pattern has it; None where the next time may differ.

    Args:
        event: the value.
        calls: those that were recorded and are not taken yet.
        numbers: by the index of an event the number of the array, for the arrays of the pull so far.
    """
    if event.kind == "constant":
        return _Made(event, (), (), None)
    call = next(calls, None)
    assert state.origin is not None
    is_plain = (
        event.kind == "call" and call is not None and call.function is event.function
        and event.label is state.label and (event.code, event.lasti) == (state.origin[0], state.origin[1])
        and event.section == "backward" and event.name is None
        and not runs_users_code(event.function, event.args) and event.function is not decided
        and not hasattr(event.function, "has_effect") and not hasattr(event.function, "while_recording")
        and getattr(event.function, "__module__", None) != "tinygraph.draws"
    )  # fmt: skip
    if not is_plain:
        return None
    assert call is not None
    arrays = [(place, item) for place, item in enumerate(event.args) if type(item) is Event]
    if (
        len(events_in([event.args, event.kwargs])) != len(arrays) or call.aliases[0].is_same
        or instances(np.ndarray, (event.args, event.kwargs)) or any([item.index not in numbers for _, item in arrays])
    ):  # fmt: skip
        return None
    at = tuple([(place, numbers[item.index]) for place, item in arrays])
    return _Made(event, event.args, at, call)


def _compute(made: list[_Made], values: list[Any]) -> bool:
    """Carry out calls on real arrays. NumPy warns of nothing while it runs in a quiet context.

    Args:
        made: the calls, and constants.
        values: of the arrays that were there before. It gets those of the calls.

    Returns:
        False where a result is of another kind than before.
    """
    tracer, state.tracing = state.tracing, None
    try:
        for event, args, arrays, call in made:
            if call is None:
                values.append(event.content)
                continue
            given = list(args)
            for place, number in arrays:
                given[place] = values[number]
            carrying_out.function = call.function
            value = call.function(*given, **call.kwargs) if call.kwargs else call.function(*given)
            # Of operands alike, a ufunc makes a result that is alike.
            if type(call.function) is not np.ufunc and not _is_alike(value, call, given, arrays):
                return False
            values.append(value)
    finally:
        state.tracing = tracer
        carrying_out.function = None
    return True


def _is_alike(value: Any, call: RecordedCall, given: list[Any], arrays: tuple[tuple[int, int], ...]) -> bool:
    """Return whether a result has the shape and dtype, and lies in the memory, that it had before."""
    known, alias = call.outline, call.aliases[0]
    is_array = type(value) is np.ndarray
    if is_array is alias.is_number or (value.shape, value.dtype) != (known.shape, known.dtype):
        return False
    if not is_array or isinstance(call.function, np.ufunc):
        return True
    shared = [at for at, (place, _) in enumerate(arrays) if share_memory(value, given[place])]
    return (shared[0] if shared else None) == alias.operand

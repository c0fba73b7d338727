"""Pulling again: a pull of a reverse pass that makes what an earlier one made, of its own arrays.

No rule runs. The calls of the pattern are carried out on the arrays at hand and written on the tape, and so are the
sums of the cotangents that reach an operand by several ways.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygraph.compiler.trace.bounds import bound_below, finiteness
from tinygraph.compiler.trace.carrying_out import carrying_out
from tinygraph.compiler.trace.events import Event
from tinygraph.compiler.trace.pull import AS_GIVEN, Fitted, Made, Pattern, Run
from tinygraph.compiler.trace.tape import RecordedCall, Tape
from tinygraph.compiler.trace.traced import Traced
from tinygraph.compiler.trace.views import Taken, look_into
from tinygraph.engine.delivering import note_reach
from tinygraph.engine.links import Call
from tinygraph.engine.masks import is_at_hand
from tinygraph.engine.modes import on_behalf_of, state
from tinygraph.engine.ownership import read_only, share_memory
from tinygraph.engine.pulling import add, hand
from tinygraph.engine.scopes import Label

if TYPE_CHECKING:
    from tinygraph.engine.delivering import Guarded

__all__ = ["PullingAgain", "computed", "record"]

# To make a named tuple by its class takes three times as long.
_recorded_call: Callable[[type[RecordedCall], tuple[Any, ...]], RecordedCall] = tuple.__new__


class PullingAgain:
    """The pulls of a run that are like earlier ones.

    Args:
        run: the run.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._kinds: dict[Any, int] = {}
        self._sums: dict[Any, tuple[Made, bool] | None] = {}
        self._call: Any = None
        self._label: Label | None = None

    def is_plain(self, array: Any) -> bool:
        """Return whether an array is a stand-in of this run that nobody has written into since it was made."""
        return (
            type(array) is Traced and not array._weak and array._recorder is self._run.recording
            and array._seen == array._memory.version
        )  # fmt: skip

    def key_of(self, array: Traced) -> Any:
        """Return what rules may ask of an array; None where its content is a part of the program."""
        event, value = array._event, array._value
        kind = event.kind_for_rules
        if kind < 0:
            if event.content is not None:
                return None
            about = event.shape, event.dtype, event.low, event.finite
            kind = event.kind_for_rules = self._kinds.setdefault(about, len(self._kinds))
        return kind, array._is_number, value.strides if type(value) is np.ndarray else None

    def pull(
        self, call: Call, links: list[Any], pattern: Pattern, arrays: list[Traced], guarded: Guarded
    ) -> bool:  # fmt: skip
        """Deliver what a pull makes. Return False where its calls turn out to be others, and record nothing.

        Args:
            call: the call that is pulled through.
            links: those of its operands that a gradient flows to.
            pattern: what the pull makes.
            arrays: the cotangent, and the call's result and arguments as far as they are arrays.
            guarded: the state of the pass.
        """
        self._call, self._label = call, Label(None, () if call.label is None else call.label.scope, True)
        try:
            return self._pull(links, pattern, arrays, guarded)
        finally:
            self._call = None  # the pass counts who holds a call

    def _pull(self, links: list[Any], pattern: Pattern, arrays: list[Traced], guarded: Guarded) -> bool:
        tape = self._run.tape
        begun = len(tape.events), len(tape.calls)
        events, values = [array._event for array in arrays], [array._value for array in arrays]
        try:
            if tape.reference is not None:
                values += [None] * len(pattern.made)
            elif not self._run.execution.quiet.run(computed, pattern.made, values):
                return False
            self._record(pattern.rules, events, pattern.bounds_follow)
        except Exception:  # the rules themselves raise it, and are named
            del tape.events[begun[0] :], tape.calls[begun[1] :]
            return False
        found: dict[int, Traced] = dict(enumerate(arrays))
        for link, part in zip(links, pattern.fitted, strict=True):
            if part.made:
                self._record(part.made, events, pattern.bounds_follow)
            if part.number not in found:
                found[part.number] = self._stand_in(part, events, values, arrays)
            if part.reach is not None or guarded.reach:
                self._note_reach(link, part, guarded)
            hand(link, found[part.number], guarded.cotangents, guarded.waiting, self._sum)
        for number, loosely in pattern.relied:
            self._run.reliance.rely([events[number]], loosely)
        return True

    def _note_reach(self, link: Any, part: Fitted, guarded: Guarded) -> None:
        reach = part.reach
        if reach is AS_GIVEN:
            reach = guarded.reach[self._call]
        elif reach is not None:
            # An array of its own, as the rules would make it: a run has one event for an array that it meets again.
            reach = reach.mask()
        if is_at_hand(guarded.reach.get(link, reach)):
            note_reach(link, reach, guarded)
        else:  # to unite two masks may be a call of the program
            with on_behalf_of(self._call, state.recording):
                note_reach(link, reach, guarded)

    def _stand_in(self, part: Fitted, events: list[Event], values: list[Any], arrays: list[Traced]) -> Traced:
        """Return the stand-in for the cotangent of an operand, where the pull was given these arrays."""
        recording, number = self._run.recording, part.number
        found = Traced(recording, events[number], read_only(values[number]), is_number=part.is_number)
        if not part.views:
            return found
        numbers = [of for _, of in part.views]
        shown = [arrays[0] if at == 0 else Traced(recording, events[at], read_only(values[at])) for at in numbers]
        for ((_, args, ((place, _),), call), _), array, view in zip(
            part.views, shown, [*shown[1:], found], strict=True
        ):
            assert call is not None
            given = tuple([array if at == place else item for at, item in enumerate(args)])
            look_into(view, array, Taken(call.function, None, given, call.kwargs))
        return found

    def _sum(self, left: Any, right: Any, waiting: Any) -> Any:
        """Return the sum of two cotangents of an operand."""
        key = None
        if self._run.tape.reference is None and self.is_plain(left) and self.is_plain(right):
            key = self.key_of(left), self.key_of(right), left._event is right._event
        if key is None or None in key or self._sums.get(key, self) is None:
            return self._summed(left, right, waiting)
        known = self._sums.get(key)
        if known is None:
            begun = len(self._run.tape.events), len(self._run.tape.calls)
            found = self._summed(left, right, waiting)
            self._sums[key] = self._learnt(found, (left._event, right._event), begun)
            return found
        made, is_number = known
        events = [left._event, right._event]
        value = self._run.execution.quiet.run(np.add, left._value, right._value)
        self._record([made], events, follows=True)
        return Traced(self._run.recording, events[-1], read_only(value), is_number=is_number)

    def _summed(self, left: Any, right: Any, waiting: Any) -> Any:
        with on_behalf_of(self._call, state.recording):
            return add(left, right, waiting)

    def _learnt(self, found: Any, events: tuple[Event, Event], begun: tuple[int, int]) -> tuple[Made, bool] | None:
        """Return the one call that a sum made; None where it made more."""
        tape = self._run.tape
        made, calls = tape.events[begun[0] :], tape.calls[begun[1] :]
        if len(made) != 1 or len(calls) != 1 or not self.is_plain(found) or found._base is not None:
            return None
        (event,), (call,) = made, calls
        is_sum = event.function is np.add and found._event is event and not event.kwargs
        if not is_sum or event.args[0] is not events[0] or event.args[1] is not events[1]:
            return None
        return Made(event, event.args, ((0, 0), (1, 1)), call), found._is_number

    def _record(self, made: list[Made], events: list[Event], follows: bool) -> None:
        at = self._run.execution.differentiated[2]
        record(self._run.tape, made, events, follows, (self._call.code, self._call.lasti, self._label, at))


def record(
    tape: Tape, made: list[Made], events: list[Event], follows: bool, origin: tuple[Any, ...] | None = None
) -> None:  # fmt: skip
    """Record calls that were carried out, or compare them with those of an earlier run.

    Args:
        tape: the tape of the run.
        made: the calls, and constants.
        events: of the arrays that there were before. It gets those of the calls.
        follows: the bounds of their results are those of the first time.
        origin: the instruction, the label and the differentiated event of all calls; None for those of the first time.
    """
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
            if origin is None:
                event.code, event.lasti, event.label, event.name = before.code, before.lasti, before.label, before.name
            else:
                event.code, event.lasti, event.label, event.differentiated = origin
            if not follows:
                event.low = bound_below(call.function, args, call.kwargs, event.dtype)
                event.finite = finiteness(call.function, args, call.kwargs, event.dtype)
                event.kind_for_rules = -1
            recorded = (call.function, args, call.kwargs, call.outline, call.aliases, event.code, event.lasti, False)
            tape.calls.append(_recorded_call(RecordedCall, recorded))
        tape.events.append(event)
        events.append(event)


def computed(made: list[Made], values: list[Any]) -> bool:
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

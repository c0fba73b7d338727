"""Repeated passes: backward passes of the second run, which follow from what the first run recorded of them.

The calls that a pass makes follow from the calls that it goes through, if the rules of these are ours. So where the
second run goes backward through the same calls, it takes over what the first run recorded. Pulling once more would take
seven times as long: a loop of 400 iterations has 7,000 pulls.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import FunctionType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tinygraph.compiler.program.decisions import decided
from tinygraph.compiler.trace.agreement import same
from tinygraph.compiler.trace.carrying_out import runs_users_code
from tinygraph.compiler.trace.events import Event
from tinygraph.compiler.trace.pull import Run
from tinygraph.compiler.trace.traced import Traced
from tinygraph.compiler.trace.views import earlier_state
from tinygraph.engine.keeping import Held
from tinygraph.engine.links import Call, Leaf, Like, next_order
from tinygraph.engine.operands import plain
from tinygraph.engine.places import Place

if TYPE_CHECKING:
    from tinygraph.compiler.trace.alike import Alike
    from tinygraph.engine.gathering import Waiting
    from tinygraph.engine.table import Operation

__all__ = ["RepeatedPasses"]


class _Position(NamedTuple):
    """A position in a run: the numbers of its events, its calls and its pulls, and all else that rules change.

    Attributes:
        relied: how many values rules took to be finite, in each of the two ways.
    """

    events: int
    calls: int
    pulls: int
    relied: tuple[int, int]
    effects: tuple[Any, ...]


class _Result(NamedTuple):
    """The cotangent of a leaf or of a call.

    Attributes:
        number: of the leaf, or of the call.
        event: the index of the cotangent's event.
        is_number: whether the cotangent is a number, as opposed to an array.
    """

    number: int
    event: int
    is_number: bool


class _Made(NamedTuple):
    """A pass that the first run made.

    Attributes:
        key: what it went through.
        begun, ended: how far the run had come before the pass, and after it.
        leaves: the cotangents of leaves, in the order in which the pass came to them.
        calls: the cotangents that calls keep.
        freed: the numbers of the calls whose cotangents were handed on, each with what stands for its cotangent.
        arrays: the events of plain arrays that the rules made.
        viewed: the indices of the events of plain arrays that those are views of.
        relied: the indices of the events that the rules took to be finite, in each of the two ways.
    """

    key: _Key
    begun: _Position
    ended: _Position
    leaves: list[_Result]
    calls: list[_Result]
    freed: list[tuple[int, Like]]
    arrays: list[Event]
    viewed: set[int]
    relied: tuple[list[int], list[int]]


class _Begun(NamedTuple):
    """A pass that the run is inside.

    Attributes:
        waiting: the state of the pass.
        position: how far the run had come.
        key: what the pass goes through; None where it may not be repeated.
        keep: the links whose cotangents are asked for: arrays of the function's. Those of other calls are let go then.
    """

    waiting: Waiting
    position: _Position
    key: _Key | None
    keep: Sequence[Any]


class RepeatedPasses:
    """The backward passes of a run.

    Args:
        run: the parts of the run that a pass asks, or changes.
        alike: the pulls of the run.
        before: the passes of the run that this one repeats.
    """

    def __init__(self, run: Run, alike: Alike, before: RepeatedPasses | None) -> None:
        self._run = run
        self._alike = alike
        self._before = before
        self._made: list[_Made | None] = []
        self._begun: list[_Begun] = []
        self._last: _Made | None = None

    def repeated(
        self, waiting: Waiting, roots: Sequence[Any], seeds: Sequence[Any], settings: tuple[bool, ...],
        keep: Sequence[Any],
    ) -> dict[Any, Any] | None:  # fmt: skip
        """Begin a pass. Return None where its pulls have to be made, else the cotangents of its leaves.

        Args:
            waiting: the state of the pass. Its calls get their cotangents, too.
            roots, seeds: the links where the pass begins, with stand-ins for their cotangents.
            settings: what else decides which calls the pass makes, and what it keeps.
            keep: links whose cotangents are asked for.
        """
        tape, position = self._run.tape, self._position()
        known, key, is_outermost = self._known(), None, not self._begun
        self._begun.append(_Begun(waiting, position, None, keep))
        self._last = None
        if is_outermost and (tape.reference is None or (known is not None and known.begun == position)):
            key = _key_of(waiting, roots, seeds, settings, keep, self._run)
            self._begun[-1] = self._begun[-1]._replace(key=key)
        if known is None or key is None or not key.is_as(known.key) or not self._holds(known):
            return None
        self._last = known
        return self._again(known, waiting, key)

    def _known(self) -> _Made | None:
        """Return the pass at this place of the run that this one repeats, if its events can be taken over."""
        place = len(self._made)
        if self._before is None or place >= len(self._before._made) or not self._run.tape.has_events_of_reference:
            return None  # a run that notices what rules ask for has events of its own
        return self._before._made[place]

    def note(self, cotangents: dict[Any, Any]) -> None:
        """Note that the pulls of a pass have been made, which delivered these cotangents to leaves."""
        if len(self._begun) == 1 and self._run.tape.reference is None:
            self._last = self._made_of(self._begun[-1], cotangents)

    def leave(self) -> None:
        """End a pass, which may have failed."""
        self._begun.pop()
        if not self._begun:
            self._made.append(self._last)

    def _position(self) -> _Position:
        tape, run = self._run.tape, self._run
        pulls, relied = len(self._alike.numbers), run.reliance.counts()
        return _Position(len(tape.events), len(tape.calls), pulls, relied, run.effects_outside())

    # --- the first time -----------------------------------------------------------------------------------------------

    def _made_of(self, begun: _Begun, cotangents: dict[Any, Any]) -> _Made | None:
        """Return what a pass recorded and delivered; None where the second run has to make it, too."""
        ended, (waiting, position, key, keep), calls = self._position(), begun, begun.waiting.calls
        if (
            key is None or ended.effects != position.effects or self._run.recording.numbers.reckoning.counters
            or not all([self._is_ours(op) for op in {call.op for call in calls}])
        ):  # fmt: skip
            return None
        made = self._run.tape.events[position.events : ended.events]
        arrays = [event for event in made if event.kind == "array"]
        viewed = {self._viewed(event.content, key) for event in arrays}
        if None in viewed or not all(map(_is_repeatable, made)):
            return None
        numbers = {id(leaf): number for number, leaf in enumerate(key.leaves)}
        if not all([id(leaf) in numbers for leaf in cotangents]):
            return None
        # `gradients` makes an array of its own of a view that is asked for, and `backward` of each gradient of a leaf.
        leaves = [
            _result(numbers[id(leaf)], cotangent, as_array=not keep or _is_view(cotangent))
            for leaf, cotangent in cotangents.items()
        ]
        asked = {id(link) for link in keep}
        kept: list[_Result | None] = []
        freed: list[tuple[int, Like]] = []
        for number, call in enumerate(calls):
            adjoint = call._adjoint
            if type(adjoint) is Like:
                freed.append((number, adjoint))
            elif adjoint is not waiting and (not keep or id(call) in asked):
                kept.append(_result(number, adjoint, as_array=bool(keep) and _is_view(adjoint)))
        if None in leaves or None in kept:
            return None
        relied = self._run.reliance.since(position.relied)
        return _Made(key, position, ended, leaves, kept, freed, arrays, viewed - {-1}, relied)  # type: ignore[arg-type]

    def _is_ours(self, op: Operation) -> bool:
        return self._alike.are_ours(op) and not runs_users_code(op.function, ())

    def _viewed(self, array: Any, key: _Key) -> int | None:
        """Return the index of the event of the array that another one is a view of; -1 for an array that rules made.

        Args:
            array: made by a rule, or a part of an argument.
            key: of the pass.

        Returns:
            None where it is not known which arrays of the next run it will be a part of.
        """
        base = _base_of(array)
        if base is array:
            return None if id(base) in key.bases else -1
        event = self._run.recording.plain_arrays.met_once(base)
        if event is None:
            return None if id(base) in key.bases else -1
        return event.index

    def _holds(self, made: _Made) -> bool:
        """Return whether the arrays that rules made are constants, which nothing but this pass met."""
        assert self._before is not None
        met = self._before._run.recording.plain_arrays.met_again
        events = self._run.tape.events
        return all([index < len(events) and events[index].fixed for index in made.viewed]) and all([
            met.get(event.index, 0) <= made.ended.events for event in made.arrays
        ])  # fmt: skip

    # --- again --------------------------------------------------------------------------------------------------------

    def _again(self, made: _Made, waiting: Waiting, key: _Key) -> dict[Any, Any]:
        """Record what the pass of the other run recorded, and deliver what it delivered."""
        tape, before = self._run.tape, self._before
        assert tape.reference is not None and before is not None
        tape.events += tape.reference.events[made.begun.events : made.ended.events]
        tape.calls += tape.reference.calls[made.begun.calls : made.ended.calls]
        self._run.recording.plain_arrays.take_over(before._run.recording.plain_arrays, made.arrays)
        self._alike.numbers += before._alike.numbers[made.begun.pulls : made.ended.pulls]
        self._run.reliance.take_over(made.relied)
        for result in made.calls:
            waiting.calls[result.number]._adjoint = self._stand_in(result)
        for number, like in made.freed:
            waiting.calls[number]._adjoint = like
        return {key.leaves[result.number]: self._stand_in(result) for result in made.leaves}

    def _stand_in(self, result: _Result) -> Traced:
        return Traced(self._run.recording, self._run.tape.events[result.event], None, is_number=result.is_number)


def _is_repeatable(event: Event) -> bool:
    """Return whether an event of a pass is no input, and no decision."""
    return event.kind in ("constant", "array") or (event.kind == "call" and event.function is not decided)


def _is_view(cotangent: Any) -> bool:
    return type(cotangent) is Traced and cotangent._base is not None


def _base_of(array: Any) -> Any:
    """Return the array whose memory an array is a part of."""
    while type(array.base) is np.ndarray:
        array = array.base
    return array


def _result(number: int, cotangent: Any, as_array: bool) -> _Result | None:
    """Return a cotangent as a pass that is repeated delivers it; None where it is more than an array of its own.

    Args:
        number: of the leaf or the call that it reached.
        cotangent: the cotangent.
        as_array: whoever gets it makes an array of its own of it.
    """
    if type(cotangent) is not Traced or cotangent._past is not None or cotangent._seen != cotangent._memory.version:
        return None
    memory = cotangent._memory
    is_own = cotangent._base is None and not cotangent._weak and not memory.version and memory.keeper is None
    return _Result(number, cotangent._event.index, cotangent._is_number) if is_own or as_array else None


# --- what a pass goes through -----------------------------------------------------------------------------------------


class _UnknownError(Exception):
    """It is not known what a pass goes through."""


class _Key:
    """The calls that a pass goes through, and all else that decides which calls it makes.

    Args:
        run: the run.
        calls: those of the pass.

    Attributes:
        exact: objects that are the same in two runs, or equal: operations, numbers of links, indices of events.
        constants: arguments that are no links.
        leaves: the leaves that the calls read.
        bases: the ids of the plain arrays whose memory the arguments are parts of.
    """

    def __init__(self, run: Run, calls: list[Any]) -> None:
        self.exact: list[Any] = []
        self.constants: list[Any] = []
        self.leaves: list[Any] = []
        self.bases: set[int] = set()
        self._captured = run.outside.captured
        self._plain_arrays = run.recording.plain_arrays
        self._numbers: dict[int, int] = {id(call): number for number, call in enumerate(calls)}
        self._of_arrays: dict[int, Event | None] = {}

    def is_as(self, other: _Key) -> bool:
        """Return whether two passes go through the same."""
        return self.exact == other.exact and same(self.constants, other.constants)

    def add(self, item: Any, order: int) -> None:
        """Add an argument, as it was when the call of this order was made.

        Raises:
            _UnknownError: it may be another one in the next run.
        """
        kind = type(item)
        if kind is tuple or kind is list:
            self.exact.append((kind, len(item)))
            for part in item:
                self.add(part, order)
        elif isinstance(item, Call):
            self.exact.append(self._numbers.get(id(item)))
            self.add_value(item._value, order)
        elif isinstance(item, Leaf):
            number = self._numbers.get(id(item))
            if number is None:
                number = self._numbers[id(item)] = -1 - len(self.leaves)
                self.leaves.append(item)
            # A leaf from outside is one object in both runs.
            self.exact.append((number, item.differentiable, item if item in self._captured else None))
            self.add_value(item._value, order)
        elif kind is Traced:
            self.add_value(item, order)
        elif kind is Held:
            self.add(item._value, order)
        elif isinstance(item, np.ndarray):
            self._add_array(item)
        elif kind is Like:
            self.exact.append((item.shape, item.dtype))
        elif kind is Place:
            self._add_place(item, order)
        elif kind is FunctionType:  # code of the user's
            raise _UnknownError
        else:
            self.exact.append("constant")
            self.constants.append(item)

    def add_value(self, value: Any, order: int) -> None:
        """Add a stand-in, as it was when the call of this order was made, or what stands for one that was not kept."""
        value = value if type(value) is Traced else plain(value)
        if type(value) is Traced:
            state = value if value._past is None else earlier_state(value, order)
            self.exact.append(-1 - state._event.index if state._is_number else state._event.index)
        elif type(value) is Like:
            self.exact.append((value.shape, value.dtype))
        else:
            raise _UnknownError

    def _add_place(self, place: Place, order: int) -> None:
        """Add the place of a write: the calls that lead to a view, and the index into the view."""
        self.exact.append((len(place.steps), place.repeats))
        for step in place.steps:
            self.exact.append((step.function, step.position))
            self.add(step.args, order)
            self.constants.append(step.keywords)
        self.add(place.index, order)

    def _add_array(self, array: Any) -> None:
        if id(array) not in self._of_arrays:  # it takes a while to compare a large one
            self._of_arrays[id(array)] = self._plain_arrays.met_once(array)
        event = self._of_arrays[id(array)]
        if event is None:
            raise _UnknownError
        self.bases.add(id(_base_of(array)))
        self.exact.append(("array", event.index))


def _key_of(
    waiting: Waiting, roots: Sequence[Any], seeds: Sequence[Any], settings: tuple[bool, ...], keep: Sequence[Any],
    run: Run,
) -> _Key | None:  # fmt: skip
    """Return what a pass goes through; None where it is not known.

    Args:
        waiting, roots, seeds, settings, keep: see `RepeatedPasses.repeated`.
        run: the run.
    """
    if waiting.begun or waiting.ends:
        return None
    key = _Key(run, waiting.calls)
    key.exact.append(settings)
    try:
        for link, seed in zip(roots, seeds, strict=True):
            key.add(link, next_order())
            key.add_value(seed, next_order())
        for call in waiting.calls:
            order = call.order
            key.exact.append(call.op)
            key.add_value(call._value, order)
            for item in call.args:
                key.add(item, order)
            if call.keywords:
                key.constants.append(call.keywords)
        for link in keep:
            key.add(link, next_order())
    except _UnknownError:
        return None
    return key

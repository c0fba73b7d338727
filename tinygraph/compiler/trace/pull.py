"""Pull: a call of a reverse pass, of which the calls that its rules make are remembered, for pulls that are like it.

A pattern has the values that the rules made, each with its call, and numbers in place of the arrays: first those that
the pull was given, then those that it makes. Fitting a cotangent to its operand is a part of the pull, and adding it
to the others that reach the operand is not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tinygraph.compiler.program.decisions import decided
from tinygraph.compiler.trace.bounds import LOOK_BELOW
from tinygraph.compiler.trace.carrying_out import runs_users_code
from tinygraph.compiler.trace.events import Event, events_in
from tinygraph.compiler.trace.tape import RecordedCall, Tape
from tinygraph.compiler.trace.traced import Traced
from tinygraph.engine.modes import state
from tinygraph.engine.nested import instances

if TYPE_CHECKING:
    from tinygraph.compiler.trace.execution import Execution
    from tinygraph.compiler.trace.masks_outside import MasksOutside
    from tinygraph.compiler.trace.outside import Outside
    from tinygraph.compiler.trace.recording import Recording
    from tinygraph.compiler.trace.reliance import Reliance

__all__ = ["FirstPull", "Fitted", "Made", "Pattern", "Run", "made_of"]


class Made(NamedTuple):
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


class Fitted(NamedTuple):
    """The cotangent of an operand, fitted to it.

    Attributes:
        made: what fitting it made.
        number: of the cotangent among the arrays of the pull.
        is_number: whether the cotangent is a number, as opposed to an array.
        reach: the reach of the cotangent; `AS_GIVEN` for that of the call's own.
        views: the calls that took it as a view of another value, each with the number of what it was taken of.
    """

    made: list[Made]
    number: int
    is_number: bool
    reach: Any
    views: list[tuple[Made, int]]


class Packed(NamedTuple):
    """A mask, eight elements in a byte."""

    bits: Any
    shape: tuple[int, ...]

    @classmethod
    def of(cls, mask: Any) -> Packed:
        """Pack a mask."""
        return cls(np.packbits(mask), mask.shape)

    def mask(self) -> Any:
        """Return a new array with the mask."""
        return np.unpackbits(self.bits, count=math.prod(self.shape)).view(bool).reshape(self.shape)


# The reach of an operand's cotangent is the array that is the reach of the call's cotangent.
AS_GIVEN: Any = object()


class Pattern(NamedTuple):
    """The values that a pull makes, for pulls that are like it.

    Attributes:
        rules: what the rules make.
        fitted: for each operand that a gradient flows to.
        made: all of it, in order.
        bounds_follow: the bounds of what it makes follow from those of the arrays that it is given. Those of some
            functions depend on how these were computed, too.
        relied: the numbers of the arrays that the rules took to be finite, each with whether they did so loosely.
    """

    rules: list[Made]
    fitted: list[Fitted]
    made: list[Made]
    bounds_follow: bool
    relied: list[tuple[int, bool]]

    @property
    def nbytes(self) -> int:
        """The bytes of its masks."""
        return sum([part.reach.bits.nbytes for part in self.fitted if type(part.reach) is Packed])


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
        return *self.effects_outside(), self.reliance.counts()

    def effects_outside(self) -> tuple[Any, ...]:
        """Return what rules change beside the events, the calls, and the values that they take to be finite."""
        tape, last = self.tape, self.tape.last_in_order
        return (
            len(tape.orders), len(tape.states), len(self.recording.generators.found), len(self.outside.captured),
            len(self.masks.read), None if last is None else last._event.index,
        )  # fmt: skip


class FirstPull:
    """The first pull of its kind, of a cotangent through a call.

    Args:
        run: the run.
        arrays: the cotangent, and the call's result and arguments as far as they are arrays.
        reach: that of the cotangent.
        learn: gets what it made; None where another one may make other calls.
    """

    def __init__(
        self, run: Run, arrays: list[Traced], reach: Any, learn: Callable[[Pattern | None], None]
    ) -> None:  # fmt: skip
        self._run = run
        self._learn = learn
        self._arrays = arrays
        self._reach = reach
        self._begun = self._ends()
        self._spans: list[tuple[tuple[int, int], tuple[int, int], Any, Any]] = []
        self._before = self._run.effects_outside()
        # Of the pull that this one is a part of, where a rule makes a pass of its own.
        self._noted_around = run.reliance.noted
        self._noted: list[tuple[Event, bool]] = []
        run.reliance.noted = self._noted

    def _ends(self) -> tuple[int, int]:
        return len(self._run.tape.events), len(self._run.tape.calls)

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
        self._run.reliance.noted = self._noted_around
        if self._noted_around is not None:
            self._noted_around += self._noted
        self._learn(self._learnt())

    def _learnt(self) -> Pattern | None:
        if self._run.effects_outside() != self._before:
            return None
        tape = self._run.tape
        numbers: dict[int, int] = {}
        for number, array in enumerate(self._arrays):
            numbers.setdefault(array._event.index, number)
        count = len(self._arrays)
        made: list[list[Made]] = []
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
        fitted: list[Fitted] = []
        every = [value for part in made for value in part]
        for part, (_, _, cotangent, reach) in zip(made[1:], self._spans[1:], strict=True):
            of_cotangent = self._number_of(cotangent, numbers)
            if of_cotangent is None or not (reach is None or type(reach) is np.ndarray):
                return None
            views = self._views(cotangent, of_cotangent, every, numbers)
            if views is None or self._is_laid_out(cotangent):
                return None
            if reach is not None:
                reach = AS_GIVEN if reach is self._reach else Packed.of(reach)
            fitted.append(Fitted(part, of_cotangent, cotangent._is_number, reach, views))
        relied = [(numbers.get(event.index, -1), loosely) for event, loosely in self._noted]
        if any([number < 0 for number, _ in relied]) or (self._reach is not None and not _bounds_follow(made[0])):
            return None  # whether the rules rely on more depends on more than the kinds of the arrays
        return Pattern(made[0], fitted, every, _bounds_follow(every), relied)

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

    def _is_laid_out(self, cotangent: Traced) -> bool:
        """Return whether a new array may have got the order of another one in memory, which no call says."""
        value = cotangent._value
        return cotangent._event.function is np.full and value is not None and not value.flags.c_contiguous

    def _views(
        self, cotangent: Traced, number: int, every: list[Made], numbers: dict[int, int]
    ) -> list[tuple[Made, int]] | None:
        """Return the calls that took a cotangent as a view, each with the number of the array that it was taken of.

        Args:
            cotangent: perhaps a view: of a value that the pull made, or of the cotangent that it was given.
            number: its own among the arrays of the pull.
            every: the values that the pull made.
            numbers: by the index of an event the number of the array.

        Returns:
            None where the next time may differ.
        """
        count, base = len(self._arrays), cotangent._base
        if number < count or base is None:
            return []
        given = self._arrays[0] if self._arrays else None
        if given is not None and base is (given if given._base is None else given._base):
            before, first = given._taken, 0
        elif base._base is None and base._past is None and not base._weak:
            before, first = (), numbers.get(base._event.index, -1)
        else:
            return None
        views: list[tuple[Made, int]] = []
        while number != first:
            made = every[number - count] if number >= count else None
            if made is None or made.call is None or made.call.aliases[0].operand != 0 or len(made.arrays) != 1:
                return None
            number = made.arrays[0][1]
            views.insert(0, (made, number))
        taken = cotangent._taken
        is_whole = len(taken) == len(before) + len(views)
        return views if is_whole and all([one is other for one, other in zip(taken, before, strict=False)]) else None


def _bounds_follow(made: list[Made]) -> bool:
    return all([value.event.function not in LOOK_BELOW for value in made])


def _made(event: Event, calls: Iterator[RecordedCall], numbers: dict[int, int]) -> Made | None:
    """Return a value that a rule made as a pattern has it; None where the next time may differ.

    Args:
        event: the value.
        calls: those that were recorded and are not taken yet.
        numbers: by the index of an event the number of the array, for the arrays of the pull so far.
    """
    assert state.origin is not None
    is_of_rule = (
        event.label is state.label and (event.code, event.lasti) == (state.origin[0], state.origin[1])
        and event.section == "backward" and event.name is None
    )  # fmt: skip
    return made_of(event, calls, numbers) if is_of_rule or event.kind == "constant" else None


def made_of(event: Event, calls: Iterator[RecordedCall], numbers: dict[int, int]) -> Made | None:
    """Return a value as a pattern has it; None where the next time may differ.

    Args:
        event, calls, numbers: see `_made`.
    """
    if event.kind == "constant":
        return Made(event, (), (), None)
    call = next(calls, None)
    is_plain = (
        event.kind == "call" and call is not None and call.function is event.function
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
    return Made(event, event.args, at, call)

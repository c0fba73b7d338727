"""Plain arrays from outside: what each held when a run met it, and what a later write made of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygraph.compiler.trace.agreement import same_content, same_memory
from tinygraph.compiler.trace.events import Event
from tinygraph.compiler.trace.refused import IN_PLACE, refused
from tinygraph.compiler.trace.tape import Tape, instruction
from tinygraph.engine.keeping import duplicate
from tinygraph.engine.links import next_order
from tinygraph.engine.ownership import same_bits

__all__ = ["PlainArrays"]


@dataclass(frozen=True, slots=True)
class _ArrayVersion:
    """A plain array as a run met it.

    Attributes:
        order: when, on the record's counter.
        event: its event.
        array: the array.
        before: a copy of what it held.
    """

    order: int
    event: Event
    array: np.ndarray[Any, Any]
    before: np.ndarray[Any, Any]

    def holds(self, array: np.ndarray[Any, Any]) -> bool:
        """Return whether the array holds what it held."""
        before = self.before
        return array is before or (
            (array.shape, array.dtype) == (before.shape, before.dtype) and same_bits(array, before)
        )


class PlainArrays:
    """The plain arrays that a run met.

    Args:
        tape: gets an event for each, and for each write into one.

    Attributes:
        met_again: by the index of its event the number of events when the run met an array for the last time, of the
            arrays that it met several times.
    """

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self._versions: dict[int, list[_ArrayVersion]] = {}  # by the id of an array, which they keep alive
        self.met_again: dict[int, int] = {}

    def event_of(self, array: Any, may_change: bool = True) -> Event:
        """Return the event of an array as it is now: a write since the last event makes another.

        Args:
            array: the array.
            may_change: the function may write into it unseen. An array that only stands outside is not copied.
        """
        met = self._versions.setdefault(id(array), [])
        if not met or not met[-1].holds(array):
            self._meet(array, met, may_change)
        else:
            self.met_again[met[-1].event.index] = len(self._tape.events)
        return met[-1].event

    def as_of(self, array: Any, order: int) -> Any:
        """Return an array as it was at an order of the record's counter, before later writes into it."""
        met = [version for version in self._versions.get(id(array), ()) if version.order < order]
        return array if not met or met[-1].holds(array) else met[-1].before

    def met_once(self, array: Any) -> Event | None:
        """Return the event of an array that holds what it held when the run met it; None for any other."""
        met = self._versions.get(id(array), ())
        return met[0].event if len(met) == 1 and met[0].holds(array) else None

    def take_over(self, other: PlainArrays, events: list[Event]) -> None:
        """Take the arrays of some events for met, as another run met them: constants of calls that this run repeats."""
        indices = {event.index for event in events}
        for key, met in other._versions.items():
            if met[0].event.index in indices:
                self._versions.setdefault(key, list(met))
        for event in events:
            event.fixed, event.content = True, event.as_met

    def _meet(self, array: Any, met: list[_ArrayVersion], may_change: bool) -> None:
        """Record the array as it is now, after the versions of it that were met before."""
        event = self._tape.event("array", array.shape, array.dtype)
        met.append(_ArrayVersion(next_order(), event, array, duplicate(array) if may_change else array))
        event.content, event.as_met = array, met[-1].before
        event.code, event.lasti = instruction()
        if self._tape.reference is not None:
            self._compare(event, self._tape.earlier(event), is_written_into=len(met) > 1)
        self._versions.setdefault(id(event.as_met), met[-1:])

    def _compare(self, event: Event, earlier: Event, is_written_into: bool) -> None:
        """Tell an array that each run makes, which is a constant, from one outside, which the program reads anew.

        Raises:
            UnsupportedError: the runs made different constants, or the function writes into an array from outside.
        """
        event.fixed = not same_memory(event.content, earlier.content)
        if event.fixed:
            event.content = event.as_met
            if not same_content(event.as_met, earlier.as_met):
                raise self._tape.differs(event)
        elif is_written_into:
            raise refused("a plain array from outside is written into", IN_PLACE)
        elif earlier.as_met is not earlier.content and not same_content(event.as_met, earlier.as_met):
            raise refused(
                f"an array of shape {event.shape} is filled anew each time that {self._tape.call_name} runs",
                "A program would not fill it. Make a new array at each call, or fill it outside, before the call, and "
                "pass it as an argument",
            )

"""Reliance: the values that rules took to be finite, and the inputs that must be finite for the program to be right."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tinygraph.compiler.trace.bounds import finiteness, finiteness_of
from tinygraph.compiler.trace.events import ALWAYS, OF_FINITE, Event, events_in
from tinygraph.compiler.trace.traced import Traced
from tinygraph.engine.operands import plain

__all__ = ["NO_DOUBTS", "Doubts", "Reliance"]


@dataclass(frozen=True)
class Doubts:
    """The things that a run does not take for granted, since they were not so at a call.

    Attributes:
        nonfinite: numbers from outside may be infinite or NaN.
        masks: the conditions that the function finds outside may have other values at each call.
    """

    nonfinite: bool = False
    masks: bool = False


NO_DOUBTS = Doubts()


class Reliance:
    """The values that rules took to be finite, as they are for finite arguments.

    Args:
        events: the events of the run.

    Attributes:
        noted: gets each value that a rule takes to be finite, and whether it does so loosely; None where nobody asks.

    A condition, a mask or an index leaves elements out of a result, and their cotangent is 0. Where a value is
    infinite, a rule then makes 0 · ∞, which is NaN. A program that relies on finite values is made for calls with
    finite inputs; other calls get a program that is recorded with doubts.
    """

    def __init__(self, events: list[Event]) -> None:
        self._events = events
        # Dicts for sets in the order in which the rules came to the values.
        self._relied: dict[Event, None] = {}
        self._relied_loosely: dict[Event, None] = {}  # where only a choice between values left elements out
        self.noted: list[tuple[Event, bool]] | None = None

    def rely(self, events: list[Event], loosely: bool) -> None:
        """Take values to be finite; loosely where only a choice between values left elements out."""
        (self._relied_loosely if loosely else self._relied).update(dict.fromkeys(events))
        if self.noted is not None:
            self.noted += [(event, loosely) for event in events]

    def stays_finite(self, found: list[tuple[Any, Any]], g: Any, begun: int, least: int, loose: bool) -> bool:
        """Return whether rules make no NaN of a cotangent of 0.

        Args:
            found: for each operand its link and the cotangent that its rule made, in the events from `begun` on.
            g: the cotangent of the result.
            begun: the number of events before the rules.
            least: the finiteness that the rules need, on the scale of `Event.finite`.
            loose: only a choice between values left elements out. An element that was not chosen is infinite only
                where an argument is, or where an operation made it so.
        """
        # By its index: a repeated call has the inputs of the run that it repeats.
        given = getattr(getattr(plain(g), "_event", None), "index", None)
        known: dict[int, tuple[int, bool]] = {}
        read: list[Event] = []

        def finite_and_pulled(event: Event) -> tuple[int, bool]:
            """Return the finiteness of a value, and whether it is made of the cotangent."""
            if event.index == given:
                return ALWAYS, True
            if event.index < begun or event.kind != "call":
                known_of = finiteness_of(event)
                if OF_FINITE <= known_of < ALWAYS:
                    read.append(event)
                return known_of, False
            if event.index not in known:
                pulled = any([finite_and_pulled(operand)[1] for operand in events_in([event.args, event.kwargs])])
                # A factor of 0 leaves 0. Beside it an input may be any finite number, and each call looks at it.
                beside = finite_or_input if pulled else finite
                known[event.index] = (
                    finiteness(event.function, event.args, event.kwargs, event.dtype, beside), pulled
                )  # fmt: skip
            return known[event.index]

        def finite(event: Event) -> int:
            return finite_and_pulled(event)[0]

        def finite_or_input(event: Event) -> int:
            found_of = finite(event)
            return ALWAYS if found_of == OF_FINITE and event.kind != "call" else found_of

        events = [part._event for _, cotangent in found for part in _parts(plain(cotangent)) if type(part) is Traced]
        if not all([finite(event) >= least for event in events]):
            return False
        self.rely(read, loose)
        return True

    def is_finite(self, cotangent: Any) -> bool:
        """Return whether no element is infinite or NaN, for arguments that are finite."""
        events = [part._event for part in _parts(plain(cotangent)) if type(part) is Traced]
        known = [finiteness_of(event) for event in events]
        if min(known, default=ALWAYS) < OF_FINITE:
            return False
        self.rely([event for event, found in zip(events, known, strict=True) if found < ALWAYS], loosely=True)
        return True

    def counts(self) -> tuple[int, int]:
        """Return how many values rules took to be finite so far, in each of the two ways."""
        return len(self._relied), len(self._relied_loosely)

    def since(self, counts: tuple[int, int]) -> tuple[list[int], list[int]]:
        """Return the indices of the values that rules took to be finite since there were so many, in each way."""
        return tuple([  # type: ignore[return-value]
            [event.index for event in itertools.islice(relied, count, None)]
            for relied, count in zip((self._relied, self._relied_loosely), counts, strict=True)
        ])  # fmt: skip

    def take_over(self, indices: tuple[list[int], list[int]]) -> None:
        """Take values to be finite that the run before took to be, by their indices in each way."""
        for relied, found in zip((self._relied, self._relied_loosely), indices, strict=True):
            relied.update(dict.fromkeys([self._events[index] for index in found]))

    def inputs(self) -> set[int]:
        """Return the indices of the inputs that must be finite for the program to be right."""
        return _inputs_below(self._relied) | {
            index for index in _inputs_below(self._relied_loosely) if self._events[index].kind != "state"
        }


def _inputs_below(events: Iterable[Event]) -> set[int]:
    """Return the indices of the inputs that some events depend on, without those known to be finite."""
    waiting = list(events)
    seen = {event.index for event in waiting}
    inputs = set()
    while waiting:
        event = waiting.pop()
        if event.kind != "call":
            inputs.add(event.index)
            continue
        for operand in events_in([event.args, event.kwargs]):
            if operand.index not in seen and operand.finite < ALWAYS:
                seen.add(operand.index)
                waiting.append(operand)
    return inputs


def _parts(cotangent: Any) -> Any:
    return cotangent if isinstance(cotangent, list | tuple) else (cotangent,)

"""The trace of one run, and what the engine's backward pass tells it and asks of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.compiler.trace.bounds import finiteness, finiteness_of
from tinygraph.compiler.trace.events import Event, events_in
from tinygraph.compiler.trace.outside import WithTensors
from tinygraph.compiler.trace.traced import Traced
from tinygraph.engine.links import Call, Like
from tinygraph.engine.operands import plain
from tinygraph.engine.table import Operation, function_name
from tinygraph.engine.tensor import Tensor
from tinygraph.errors import GraphError
from tinygraph.users_code.source import assigned_name, source_of

__all__ = ["Trace"]


class Trace(WithTensors):
    """One run of a function, through its forward calls, its backward pass and its updates."""

    def enter_backward(self, seeds: Any) -> list[Any]:
        """A backward pass begins: its seeds, so that what is made of them is recorded."""
        self.depth += 1
        return [seed if type(seed) is Tensor else self.lift(seed) for seed in seeds]

    def leave_backward(self) -> None:
        """A backward pass is over."""
        self.depth -= 1

    def check_passable(self, calls: list[Call]) -> None:
        """Refuse to go back into calls that were recorded before the function was called."""
        for call in calls:
            if call.order < self.since:
                raise GraphError(
                    f"compile: a gradient would flow from {self.call_name} into a {function_name(call.op.function)} "
                    f"that was recorded outside ({source_of(call.code, call.lasti)}), and a compiled function records "
                    "nothing. Compute it inside, or cut the tie with detach()"
                )

    def name_cotangent(self, call: Call, g: Any) -> None:
        """Call the gradient with respect to z d_z."""
        event = getattr(plain(g), "_event", None)
        name = getattr(call.label, "name", None) or assigned_name(call.code, call.lasti)
        if event is not None and name is not None and event.name is None and event.section == "backward":
            event.name = f"d_{name}"

    def stays_finite(self, found: list[tuple[Any, Any]], g: Any, begun: int, least: int, loose: bool) -> bool:
        """Return whether rules make no NaN of a cotangent of 0.

        Args:
            found: what they made of it, in the events from `begun` on.
            g: the cotangent.
            least: of what they read, how much must be known; see `Event.finite`.
            loose: only a choice of values left something out. What it did not choose is infinite only where an
                argument is, or where an operation made it so.
        """
        given = getattr(plain(g), "_event", None)
        known: dict[int, int] = {}
        read: list[Event] = []

        def finite(event: Event) -> int:
            if event is given:
                return 2
            if event.index < begun or event.kind != "call":
                known_of = finiteness_of(event)
                if known_of == 1:
                    read.append(event)
                return known_of
            if event.index not in known:
                known[event.index] = finiteness(event.function, event.args, event.kwargs, event.dtype, finite)
            return known[event.index]

        events = [part._event for _, cotangent in found for part in _parts(plain(cotangent)) if type(part) is Traced]
        if not all([finite(event) >= least for event in events]):
            return False
        (self.relied_loosely if loose else self.relied).update(read)
        return True

    def is_finite(self, cotangent: Any) -> bool:
        """Return whether no element is infinite or NaN, for arguments that are finite."""
        events = [part._event for part in _parts(plain(cotangent)) if type(part) is Traced]
        known = [finiteness_of(event) for event in events]
        if min(known, default=2) < 1:
            return False
        self.relied_loosely.update([event for event, found in zip(events, known, strict=True) if found == 1])
        return True

    def taken_for_finite(self) -> set[int]:
        """The indices of the inputs that are taken to be finite, so that the program is right."""
        return _inputs_below(self.relied) | {
            index for index in _inputs_below(self.relied_loosely) if self.events[index].kind != "state"
        }

    def put_away(self, op: Operation, reach: Any, z: Any, args: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]] | None:
        """The result and arguments of an elementwise call, moved to a regular point where nothing was reached.

        None where no regular point is known. Where `np.where` leaves an element out, the slope may be infinite, and
        0 · ∞ is NaN. A program cannot change its course when it meets one, as an eager pass does.
        """
        regular = _regular_point(op, z, args)
        if regular is None:
            return None

        def moved(item: Any, to: Any) -> Any:
            # What no rule reads was not kept, and a Like stands for it.
            if not hasattr(item, "dtype") or item.dtype.kind not in "fc" or type(item) is Like:
                return item
            if type(plain(item)) is not Traced:
                item = self.lift(item)
            elsewhere = np.where(reach, item, to)
            return elsewhere if elsewhere.dtype == z.dtype or item.dtype != np.float64 else elsewhere.astype(z.dtype)

        return moved(z, regular[1]), tuple([moved(item, regular[0]) for item in args])

    def unfixed(self, mask: Any) -> Any:
        """A mask from outside as one that the program looks up at each call."""
        return self.lift(mask) if type(mask) is np.ndarray and mask.ndim else mask


def _inputs_below(events: set[Event]) -> set[int]:
    """The indices of the inputs that some events depend on, and that are not known to be finite."""
    waiting, seen = list(events), {event.index for event in events}
    inputs = set()
    while waiting:
        event = waiting.pop()
        if event.kind != "call":
            inputs.add(event.index)
            continue
        for operand in events_in([event.args, event.kwargs]):
            if operand.index not in seen and operand.finite < 2:
                seen.add(operand.index)
                waiting.append(operand)
    return inputs


def _parts(cotangent: Any) -> Any:
    return cotangent if isinstance(cotangent, list | tuple) else (cotangent,)


def _regular_point(op: Operation, z: Any, args: tuple[Any, ...]) -> tuple[float, Any] | None:
    """A number at which an elementwise function and its slopes are finite, and the function there."""
    for number in (0.5, 1.5):
        operands = [
            item if not hasattr(item, "dtype") else np.full(1, number if item.dtype.kind in "fc" else 1, item.dtype)
            for item in args
        ]
        with np.errstate(all="ignore"):
            there = op.function(*operands)
            slopes = [
                rule(np.ones(1, z.dtype), there, *operands)
                for rule, item in zip(op.rules, args, strict=False)
                if rule is not None and hasattr(item, "dtype")  # a number of Python's has no gradient
            ]
        if np.all(np.isfinite(there)) and all([np.all(np.isfinite(slope)) for slope in slopes]):
            return number, there[0].item()
    return None

"""The trace of one run: the engine's `Tracer`, as `engine/hooks.py` states it."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from tinygraph.compiler.trace import numpy_calls, regular_points, sizes, writes
from tinygraph.compiler.trace.alike import Alike
from tinygraph.compiler.trace.carrying_out import runs_users_code
from tinygraph.compiler.trace.elements import calls_of_elements
from tinygraph.compiler.trace.events import Event
from tinygraph.compiler.trace.execution import Execution
from tinygraph.compiler.trace.masks_outside import MasksOutside
from tinygraph.compiler.trace.outside import TENSOR_VALUE, Outside
from tinygraph.compiler.trace.pull import Run
from tinygraph.compiler.trace.recording import Recording
from tinygraph.compiler.trace.reliance import NO_DOUBTS, Doubts, Reliance
from tinygraph.compiler.trace.repeated_passes import RepeatedPasses
from tinygraph.compiler.trace.steps_again import StepsAgain
from tinygraph.compiler.trace.tape import Tape
from tinygraph.compiler.trace.traced import Traced
from tinygraph.compiler.trace.world import unwatch, watch
from tinygraph.engine.links import Call, name_of, variable_of
from tinygraph.engine.modes import Setting
from tinygraph.engine.ownership import read_only
from tinygraph.engine.table import Operation, function_name
from tinygraph.engine.tensor import Tensor
from tinygraph.errors import GraphError, UnsupportedError
from tinygraph.users_code.source import source_of

__all__ = ["Trace"]


class Trace:
    """One run of a function: its forward calls, its backward pass and its updates.

    Args:
        call: the name of the compiled function, for messages.
        reference: the run that this run repeats without computing.
        doubts: what the run does not take for granted.
        events: see `Tape`.

    Attributes:
        tape: the events and the calls of the run.
        execution: carries out the calls of the run, or repeats them, and records them on the tape.
        recording: makes the stand-ins, and is asked for each operation on one.
        outside: the Tensors that the run found, and its copies of their values and gradients.
        refusal: the first error that said what cannot be compiled; the function may have caught it.
        reliance: the values that the run's rules took to be finite.
        alike: the pulls of its backward passes that are like earlier ones.
        passes: its backward passes, and those of the run that it repeats.
        masks: the arrays outside that told the run's rules what a cotangent reaches.
        notes: see `engine.hooks.Tracer`.
    """

    def __init__(
        self, call: str, reference: Trace | None = None, doubts: Doubts = NO_DOUBTS, events: list[Event] | None = None
    ) -> None:  # fmt: skip
        self.tape: Tape = Tape(call, None if reference is None else reference.tape, doubts.nonfinite, events)
        self.execution = Execution(self.tape)
        self.recording = Recording(self.tape, self.execution)
        self.outside = Outside(self.recording)
        self.refusal: UnsupportedError | None = None
        self.notes: dict[str, Any] = {}
        self.doubts = doubts
        self.reliance = Reliance(self.tape.events)
        self.masks = MasksOutside(looked_up=doubts.masks)
        self._unwatched: list[bool] = []  # for each backward pass that the run is inside: it ended the watch
        # The hooks that a part of the run answers by itself: `engine/hooks.py` says what each returns.
        self.lift, self.own, self.copied = self.recording.lift, self.recording.own, self.recording.copied
        self.layout_of, self.lay_out = self.recording.layout_of, self.recording.lay_out
        self.lies_in = self.recording.lies_in
        self.as_array, self.as_of = self.recording.as_array, self.recording.as_of
        self.holds_traced, self.draw = self.recording.holds_traced, self.recording.draw
        self.call_in_order = self.recording.call_in_order
        self.call, self.call_function = self.recording.call, self.recording.call_function
        self.with_sizes = functools.partial(sizes.with_sizes, self.recording)
        self.plain_index = functools.partial(writes.plain_index, self.recording)
        self.check_own, self.own_gradient = self.outside.check_own, self.outside.own_gradient
        run = Run(self.recording, self.execution, self.outside, self.reliance, self.masks)
        self.alike: Alike = Alike(run, None if reference is None else reference.alike)
        self.pull_alike = self.alike.pull
        self.repeating = StepsAgain(run, self.alike.again).repeating
        self.passes: RepeatedPasses = RepeatedPasses(run, self.alike, None if reference is None else reference.passes)
        self.repeated_pass, self.note_pass = self.passes.repeated, self.passes.note
        self.stays_finite, self.is_finite = self.reliance.stays_finite, self.reliance.is_finite
        self.with_known_mask, self.known_values = self.masks.with_known, self.masks.content
        self.recording.known_values = self.masks.content

    def has_met(self, tensor: Any) -> bool:
        """See `Tracer.has_met`."""
        return type(TENSOR_VALUE.__get__(tensor)) is Traced or tensor._link in self.outside.captured

    def let_go(self) -> None:
        """Let go of the events and stand-ins, which hold each other, and would live as long as a program of the run."""
        for captured in self.outside.captured.values():
            captured.let_go()
        self.recording.arguments.clear()

    @property
    def events(self) -> list[Event]:
        """The events of the run so far: the values it met and computed."""
        return self.tape.events

    # --- calls ------------------------------------------------------------------------------------------------------

    def call_primitive(
        self, primitive: Callable[..., Any], function: Callable[..., Any], args: Any, kwargs: Any
    ) -> Any:
        """Carry out a call of a function under `tg.primitive` and record it."""
        return numpy_calls.call_primitive(self.recording, primitive, function, args, kwargs)

    @contextlib.contextmanager
    def unwatched(self) -> Iterator[None]:
        """Run code of ours, without a look at each of its calls."""
        was_watched = unwatch()
        try:
            yield
        finally:
            if was_watched:
                watch()

    @contextlib.contextmanager
    def unrecorded(self) -> Iterator[None]:
        """Compute on plain arrays while the block runs: nothing is recorded, the surroundings are as before the run."""
        with self.execution.outside_as_it_is(), Setting(tracing=None):
            yield

    # --- Tensors ----------------------------------------------------------------------------------------------------

    def shown(self, value: Any, link: Any) -> Any:
        """Return a Tensor's value as `t.data` hands it out: of a leaf the array itself, else a read-only view."""
        if type(value) is not Traced:
            return value
        if link is not None:
            value._is_number = False
            value._value = None if value._value is None else read_only(np.asarray(value._value))
            if link not in value._memory.leaves:
                value._memory.leaves += (link,)
            return value
        view = Traced(self.recording, self.recording.operand(value), value._value, memory=value._memory)
        view._base = value if value._base is None else value._base
        view._taken = value._taken
        return view

    # --- the backward pass ------------------------------------------------------------------------------------------

    def enter_backward(self, seeds: Any, calls: Sequence[Call]) -> list[Any]:
        """Begin a backward pass; return the stand-ins for its seeds.

        The world is not watched while rules of ours run: a pass makes a hundred calls in Python for each recorded one.
        """
        self.execution.passes += 1
        was_watched = unwatch()
        if was_watched and any([runs_users_code(call.op.function, call.args) for call in calls]):
            was_watched = False
            watch()
        self._unwatched.append(was_watched)
        return [seed if type(seed) is Tensor else self.lift(seed) for seed in seeds]

    def leave_backward(self) -> None:
        """End a backward pass."""
        self.execution.passes -= 1
        self.passes.leave()
        if self._unwatched.pop():
            watch()

    def check_passable(self, calls: list[Call]) -> None:
        """Refuse a backward pass into calls that were recorded before the run began."""
        for call in calls:
            if call.order < self.tape.since:
                raise GraphError(
                    f"compile: a gradient would flow from {self.tape.call_name} into a "
                    f"{function_name(call.op.function)} that was recorded outside "
                    f"({source_of(call.code, call.lasti)}), "
                    "and a compiled function records nothing. Compute it inside, or cut the tie with detach()"
                )

    def name_cotangent(self, call: Call, g: Any) -> None:
        """Name the cotangent of z `d_z`, and note the call that the rules now differentiate."""
        result = call._value
        at = getattr(result._value if type(result) is Tensor else result, "_event", None)
        self.execution.differentiated = (call.code, call.lasti, at)
        event = getattr(g._value if type(g) is Tensor else g, "_event", None)
        if event is None or event.name is not None or event.section != "backward":
            return
        name = name_of(call) or variable_of(call)
        if name is not None:
            event.name = f"d_{name}"

    def put_away(self, op: Operation, reach: Any, z: Any, args: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]] | None:
        """Return an elementwise call's result and arguments with a regular point where nothing was reached, or None."""
        return regular_points.put_away(self.lift, op, reach, z, args)

    def calls_of_elements(self, start: int, elements: Any, result: Any) -> list[Any] | None:
        """See `Tracer.calls_of_elements`."""
        return calls_of_elements(self.tape.events, start, elements, result)

    def unfixed(self, mask: Any) -> Any:
        """Return the stand-in for a mask from outside, which the program looks up at each call."""
        return self.lift(mask) if type(mask) is np.ndarray and mask.ndim else mask

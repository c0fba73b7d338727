"""The tape: the inputs of a run and the calls that it makes, carried out or repeated, and recorded in order."""

from __future__ import annotations

import contextlib
import copy
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygraph.compiler.trace import numpy_calls
from tinygraph.compiler.trace.agreement import brief, same, same_content, same_memory
from tinygraph.compiler.trace.bounds import bound_below, finiteness
from tinygraph.compiler.trace.carrying_out import carrying_out, real, result_of, runs_users_code
from tinygraph.compiler.trace.events import Event
from tinygraph.compiler.trace.functions import Part
from tinygraph.compiler.trace.operands import PLAIN, as_part, given_way, outline, without_class
from tinygraph.compiler.trace.orders import axes_in_memory, order_of, without_order
from tinygraph.compiler.trace.refusals import check_recordable
from tinygraph.compiler.trace.refused import AS_NUMBER, IN_PLACE, refused
from tinygraph.compiler.trace.traced import Traced
from tinygraph.compiler.trace.views import Fact, Taken, become, check_positions, fact_of, look_into
from tinygraph.derivatives.shapes import astype
from tinygraph.engine.keeping import duplicate
from tinygraph.engine.links import instances, mapped, next_order
from tinygraph.engine.modes import state
from tinygraph.engine.ownership import Memory, read_only, same_bits
from tinygraph.engine.table import function_name
from tinygraph.engine.tensor import Tensor
from tinygraph.errors import GraphError, UnsupportedError
from tinygraph.users_code.source import source_of, users_line

__all__ = ["Tape"]


# Code whose calls are made on behalf of the user's line that called it.
_OURS = frozenset(("tinygraph", "numpy", "scipy", "contextlib", "functools"))


@dataclass(frozen=True, slots=True)
class ArrayVersion:
    """A plain array as a run met it: when, its event, and a copy of what it held."""

    order: int
    event: Event
    array: np.ndarray[Any, Any]
    before: np.ndarray[Any, Any]

    def holds(self, array: np.ndarray[Any, Any]) -> bool:
        """Return whether the array is as it was."""
        before = self.before
        return array is before or (
            (array.shape, array.dtype) == (before.shape, before.dtype) and same_bits(array, before)
        )


_NOTHING = contextlib.nullcontext()


class Tape:
    """The events of a run in their order, inputs, constants and calls, and what records them.

    Args:
        call: the name of the compiled function, for messages.
        reference: an earlier run that this one only repeats, without computing.
        careful: numbers from outside may be infinite or NaN.
    """

    def __init__(self, call: str, reference: Tape | None = None, careful: bool = False) -> None:
        self.call_name = call
        self.careful = careful
        self.reference = reference
        self.since = next_order()
        self.events: list[Event] = []
        self.calls: list[tuple[Any, ...]] = []
        self.arrays: dict[int, list[ArrayVersion]] = {}
        self.generators: list[Any] = []
        self.copies: list[Any] = []
        # For each call that took elements as they lay in memory the axes in that order.
        self.orders: list[tuple[int, ...]] = []
        self.depth = 0
        self.closed = False
        # How NumPy handles floating-point errors around the run; how many `np.errstate` of the user's are in force
        # inside; and the errors that these ignore.
        self.errors = np.geterr()
        # Whether somebody looks on: see `tinygraph.compiler.trace.world`.
        self.watched = reference is None
        self.errstates = 0
        self.quiet: set[str] = set()
        self.thread = threading.get_ident()
        # Puts what is found outside back in its places for a while: see `Surroundings.as_it_is`.
        self.outside_as_it_is: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext
        self.any_weak = False
        self.failure: tuple[str, Exception, str] | None = None

    # --- what the run is given --------------------------------------------------------------------------------------

    def event(self, kind: str, shape: tuple[int, ...], dtype: np.dtype[Any], name: str | None = None) -> Event:
        """Add an event to the tape."""
        event = Event(kind, len(self.events), shape, dtype, name)
        if self.careful and kind != "constant":
            event.finite = min(event.finite, 2 if dtype.kind not in "fc" else 0)
        self.events.append(event)
        if self.reference is not None:
            expected = self.reference.events[event.index] if event.index < len(self.reference.events) else None
            if expected is None or (expected.kind, expected.shape, expected.dtype) != (kind, shape, dtype):
                raise self.differs(None)
        return event

    def argument(self, value: Any, name: str) -> Traced:
        """Return the stand-in for an argument, an array or a number."""
        array = np.float64(value) if type(value) is float else value
        weak = type(value) is float
        self.any_weak = self.any_weak or weak
        event = self.event("argument", array.shape, array.dtype, name)
        memory = Memory("an argument", writable=False)
        return Traced(self, event, read_only(array), weak, isinstance(array, np.generic), memory)

    def array(self, array: Any, name: str | None = None) -> Traced:
        """Return the stand-in for a plain array from outside."""
        event = self._array_event(array, watched=False)
        event.name = event.name or name
        return Traced(self, event, read_only(array), memory=Memory("a plain array from outside", writable=False))

    def _array_event(self, array: Any, watched: bool = True) -> Event:
        """Return the event of a plain array as it is now: a write since the last one makes another event.

        Args:
            array: the array.
            watched: whether the function may write into it unseen. What only stands outside is not copied.
        """
        met = self.arrays.setdefault(id(array), [])
        if not met or not met[-1].holds(array):
            event = self.event("array", array.shape, array.dtype)
            met.append(ArrayVersion(next_order(), event, array, duplicate(array) if watched else array))
            event.content, event.as_met = array, met[-1].before
            event.code, event.lasti = self._here()
            if self.reference is not None:
                other = self.reference.events[event.index]
                event.fixed = not same_memory(array, other.content)
                if event.fixed:
                    event.content = event.as_met
                    if not same_content(event.as_met, other.as_met):
                        raise self.differs(event)
                elif len(met) > 1:
                    raise refused("a plain array from outside is written into", IN_PLACE)
                elif other.as_met is not other.content and not same_content(event.as_met, other.as_met):
                    raise refused(
                        f"an array of shape {array.shape} is filled anew each time that {self.call_name} runs",
                        "A program would not fill it. Make a new array at each call, or fill it outside, before the "
                        "call, and pass it as an argument",
                    )
            self.arrays.setdefault(id(event.as_met), met[-1:])
        return met[-1].event

    def lift(self, value: Any) -> Any:
        """A value that becomes a Tensor's, as a Traced, so that what is computed from it is recorded."""
        if type(value) is Traced:
            return value
        if type(value) is np.ndarray:
            return Traced(self, self._array_event(value), read_only(value))
        event = self.event("constant", np.shape(value), value.dtype)
        event.content = value
        event.low = float(value) if value.dtype.kind in "fiu" and value == value else -np.inf
        if self.reference is not None and not same_content(value, self.reference.events[event.index].content):
            raise self.differs(event)
        return Traced(self, event, value, is_number=True)

    def own(self, value: Any) -> Traced:
        """An array of its own, of the value of another: no write into one of the two reaches the other."""
        lifted = self.lift(value)
        return Traced(self, self.operand(lifted), lifted._value)

    def holds_traced(self, structure: Any) -> bool:
        """Return whether there is a Traced inside nested tuples, lists and dicts."""
        return any(True for _ in instances(Traced, structure))

    def as_array(self, value: Any, dtype: Any = None) -> Any:
        """`np.asarray`, which leaves a Traced what it is."""
        if type(value) in (list, tuple) and self.holds_traced(value):
            return self.as_array(np.stack([self.as_array(part) for part in value]), dtype)
        if type(value) is not Traced:
            return np.asarray(value, dtype=dtype)
        if value._weak:
            value = self.own(value)
        return value if dtype is None or np.dtype(dtype) == value.dtype else self.converted(value, np.dtype(dtype))

    def check_open(self) -> None:
        """Refuse what was kept from a run that is over, or belongs to another thread."""
        if self.closed:
            raise GraphError(
                f"compile: this Tensor, or array, was computed while {self.call_name} was being compiled, and was "
                "kept: it has no value of its own. What is to be used outside must be returned"
            )
        tracer: Any = state.tracing
        if tracer is None and carrying_out.function is not None and self.thread == threading.get_ident():
            called = function_name(carrying_out.function)
            raise refused(
                f"a function that {called} calls uses an array of {self.call_name}, beside what it is called with",
                "Give it the array as a further argument, as in np.apply_along_axis(f, axis, x, w) or np.piecewise(x, "
                "conditions, functions, w); or write it out with NumPy's functions, np.where in place of np.piecewise",
            )
        if getattr(tracer, "tape", None) is not self:
            raise GraphError(
                f"compile: {self.call_name} is being compiled in another thread, and this is an array in it"
            )

    def check_failures(self) -> None:
        """Refuse a run that went on after a call had failed: a program makes the same calls each time."""
        if self.failure is not None:
            name, error, line = self.failure
            raise UnsupportedError(
                f"compile: {name} failed ({type(error).__name__}: {error}), and {self.call_name} went on without it "
                f"({line}). A program makes the same calls each time. Ask for what tells the cases apart, such as "
                "x.ndim or x.shape, which are known while the function is compiled"
            )

    def converted(self, traced: Traced, dtype: np.dtype[Any]) -> Traced:
        """Return a copy in another dtype."""
        own = self.own(traced)
        return own if dtype == traced.dtype else self.own(self.call(astype, (own, dtype), {}))

    def call(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], is_own: bool = False
    ) -> Any:
        """Carry out a call, or repeat one, and remember it.

        Args:
            function, args, kwargs: the call.
            is_own: it is an operation of its own, such as a check, even where it gives an argument back.
        """
        looking = sys.getprofile() if self.watched else None
        if looking is None:
            return self._called(function, args, kwargs, is_own)
        sys.setprofile(None)  # nobody looks at how a call is recorded, which took as long as to record it
        try:
            return self._called(function, args, kwargs, is_own)
        finally:
            sys.setprofile(looking)

    def _called(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], is_own: bool) -> Any:
        self.check_open()
        check_recordable(function, args)
        if type(kwargs.get("axis")) is Traced:
            raise refused(f"a computed value is used as an axis by {function_name(function)}", AS_NUMBER)
        order = order_of(function, args, kwargs)
        if order != "C" and type(args[0]) is Traced:
            return self._in_order(order, function, args, kwargs)
        args, kwargs = given_way(self, args, kwargs) if self.any_weak else (args, kwargs)
        operands = list(instances(Traced, (args, kwargs)))
        return self._record(
            function, mapped(args, self.operand), mapped(kwargs, self.operand), args, kwargs, operands=operands,
            is_own=is_own,
        )  # fmt: skip

    def _in_order(self, order: str, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """A call that takes elements in another order than C's, as transposes and one in C order."""
        (array, *rest), kwargs = without_order(function, args, kwargs)
        axes = tuple(range(array.ndim))[::-1]
        if order != "F":
            axes = self._axes_in_memory(array, order)
        if axes != tuple(range(array.ndim)):
            array = self.call(np.transpose, (array, axes), {})
        if function is np.ravel or (order != "F" and axes == tuple(range(array.ndim))):
            return self.call(function, (array, *rest), kwargs)
        shape = rest[0] if rest else next(kwargs[key] for key in ("shape", "newshape") if key in kwargs)
        shape = shape if isinstance(shape, tuple | list) else (shape,)
        return self.call(np.transpose, (self.call(np.reshape, (array, tuple(shape[::-1])), {}),), {})

    def _axes_in_memory(self, array: Traced, order: str) -> tuple[int, ...]:
        """See `axes_in_memory`; a run that repeats another has no memory to look at."""
        place = len(self.orders)
        if self.reference is None:
            self.orders.append(axes_in_memory(np.asarray(array._value), order))
        elif place == len(self.reference.orders):
            raise self.differs(None)
        else:
            self.orders.append(self.reference.orders[place])
        return self.orders[-1]

    def _record(
        self, function: Callable[..., Any], event_args: Any, event_kwargs: Any, args: Any, kwargs: Any,
        compute: Callable[..., Any] | None = None, operands: Sequence[Traced] = (), is_own: bool = False,
    ) -> Any:  # fmt: skip
        code, lasti = self._here()

        def remember(part: Any, callable_: Callable[..., Any], place: int) -> Traced:
            event = Event("call", len(self.events), tuple(part.shape), part.dtype)
            event.function, event.args, event.kwargs = callable_, event_args, event_kwargs
            event.code, event.lasti, event.label = code, lasti, state.label
            event.section = "backward" if self.depth else "forward"
            event.low = bound_below(callable_, event_args, event_kwargs, event.dtype)
            event.finite = finiteness(callable_, event_args, event_kwargs, event.dtype)
            self.events.append(event)
            fact: Fact = facts[place]
            operand = None if fact.operand is None else operands[fact.operand]
            if operand is not None and fact.is_same:
                return operand
            result = Traced(self, event, read_only(part) if type(part) is not Event else None, False, fact.is_number)
            if operand is not None:
                look_into(result, operand, Taken(function, place, args, kwargs))
            return result

        if self.reference is not None:
            value, facts = self._repeat(function, event_args, event_kwargs)
        else:
            value = self._carry_out(function, compute or function, args, kwargs)
            several = isinstance(value, tuple | list)
            facts = [fact_of(part, operands, is_own) for part in (value if several else (value,))]
            check_positions(function, operands, facts)
            self.calls.append((function, event_args, event_kwargs, outline(value), code, lasti, facts))
        if not isinstance(value, tuple | list):
            return remember(value, function, 0)
        parts = [remember(as_part(part), Part.of(function, place), place) for place, part in enumerate(value)]
        return type(value)(*parts) if hasattr(type(value), "_fields") else type(value)(parts)

    def _carry_out(self, function: Callable[..., Any], compute: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Carry out a call of `function` with real arguments, by `compute`.

        Nothing is recorded in the meantime, and NumPy says nothing: it will when the program runs.
        """
        if self.errstates:
            self._heed_errstate()
        tracer, state.tracing = state.tracing, None
        carrying_out.function = function
        try:
            with (
                np.errstate(all="ignore"),
                self.outside_as_it_is() if runs_users_code(function, args) else _NOTHING,
            ):
                value = result_of(compute, mapped(args, real), mapped(kwargs, real))
        except Exception as error:
            self.failure = self.failure or (function_name(function), error, users_line())
            raise
        finally:
            state.tracing = tracer
            carrying_out.function = None
        if isinstance(value, bool | int | float | complex):
            return np.asarray(value)[()]
        if not hasattr(value, "dtype") and not isinstance(value, tuple | list):
            raise refused(
                f"{function_name(function)} returned {type(value).__name__}, not an array",
                "Only functions of arrays that return arrays can be compiled",
            )
        return value

    def _heed_errstate(self) -> None:
        """Take note of the errors that `np.errstate` ignores inside the function; another handling is refused."""
        before: dict[str, Any] = {**self.errors}
        for kind, how in np.geterr().items():
            if how != before[kind]:
                if how != "ignore":
                    raise refused(
                        f'np.errstate({kind}="{how}") stands inside the function',
                        f'Put it around the call, with np.errstate({kind}="{how}"): step(x), where a program heeds it',
                    )
                self.quiet.add(kind)

    def _repeat(self, function: Any, args: Any, kwargs: Any) -> Any:
        """The result of the same call in the reference run: shapes and dtypes, and what shared memory."""
        assert self.reference is not None
        place = len(self.calls)
        expected = self.reference.calls[place] if place < len(self.reference.calls) else None
        if expected is None or not (
            same(function, expected[0]) and same(args, expected[1]) and same(kwargs, expected[2])
        ):
            raise self.differs(None, expected)
        self.calls.append(expected)
        return expected[3], expected[6]

    def differs(self, event: Event | None, expected: Any = None) -> UnsupportedError:
        """The error for two runs that did not do the same."""
        what = ""
        if event is not None and event.content is not None and self.reference is not None:
            first = self.reference.events[event.index].content
            what = f" A plain value there was {brief(first)}, then {brief(event.content)}."
        elif expected is not None and expected[4] is not None:
            what = f" Before, {function_name(expected[0])} was called at {source_of(expected[4], expected[5])}."
        return refused(
            f"two runs of {self.call_name} on the same arguments did not do the same.{what}",
            "Something that changes from run to run is used without being seen, and would become part of the program: "
            "a random generator, a clock, a counter. Draw with tinygraph.draws.uniform(generator, shape) or "
            "normal(generator, shape); pass other things as arguments, or keep them in a Tensor",
        )

    def draw(self, function: Callable[..., Any], generator: Any, shape: Any, dtype: Any) -> Any:
        """A random draw: done on a copy of the generator now, and on the generator itself at each call."""
        own = getattr(generator, "state", generator)
        place = next((n for n, known in enumerate(self.generators) if getattr(known, "state", known) is own), None)
        if place is None:
            place = len(self.generators)
            self.generators.append(generator)
            self.copies.append(copy.deepcopy(generator))
        args = (place, tuple(shape) if isinstance(shape, tuple | list) else shape, np.dtype(dtype))
        real = (self.copies[place], *args[1:])
        return self._record(function, args, {}, real, {}, function)

    def operand(self, item: Any) -> Any:
        """Return an argument of a call in the form that an event keeps."""
        if type(item) is Traced:
            if item._tape is not self:
                item._tape.check_open()
            if item._seen != item._memory.version:
                self._take_again(item)
            return item._event
        if type(item) is Tensor:
            return self.operand(item._value)
        if isinstance(item, np.ndarray):
            return self._array_event(item)
        if type(item) in PLAIN:
            return item
        if hasattr(type(item), "__array__") and not isinstance(item, np.generic):
            return self._array_event(np.asarray(item))  # an object of the user's that NumPy makes an array of
        return without_class(item)

    # --- NumPy's protocols ------------------------------------------------------------------------------------------

    def operate(self, function: np.ufunc, *operands: Any) -> Any:
        """See `Recorder.operate`."""
        return numpy_calls.operate(self, function, *operands)

    def call_ufunc(self, ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """See `Recorder.call_ufunc`."""
        return numpy_calls.call_ufunc(self, ufunc, method, inputs, kwargs)

    def call_function(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """See `Recorder.call_function`."""
        return numpy_calls.call_function(self, function, args, kwargs)

    def index(self, traced: Traced, index: Any) -> Any:
        """See `Recorder.index`."""
        return numpy_calls.index(self, traced, index)

    # --- memory -----------------------------------------------------------------------------------------------------

    def overwrite(self, target: Traced, result: Traced) -> Traced:
        """`target[...] = result`, for an array that the function made, or a Tensor's data."""
        memory = target._memory
        if target._is_number:
            raise TypeError("return arrays must be of ArrayType")
        if target._base is not None or not memory.writable:
            raise refused(
                "an argument, a plain array from outside, or a view of another array is written into", IN_PLACE
            )
        if result.shape != target.shape:
            raise ValueError(f"an array of shape {result.shape} cannot be written into one of {target.shape}")
        if result.dtype != target.dtype:
            if not np.can_cast(result.dtype, target.dtype, "same_kind"):
                raise TypeError(f"an array of dtype {result.dtype} cannot be written into one of {target.dtype}")
            result = self.converted(result, target.dtype)
        event, value = self.operand(result), result._value
        become(target, event, value)
        memory.version += 1
        target._seen = memory.version
        for link in memory.leaves:
            link.order = link.rewritten = next_order()
        return target

    def _take_again(self, view: Traced) -> None:
        """Let a view show what the array that it looks into has become."""
        found: Any = view._base
        for taken in view._taken:
            found = taken.again(self, found)
        become(view, self.operand(found), found._value)
        view._seen = view._memory.version

    def as_of(self, item: Any, order: int) -> Any:
        """An argument of a recorded call as it was when the call was made, whatever was written into it since."""
        if type(item) is Traced:
            if item._past is None and item._seen == item._memory.version:
                return item
            then = next((past[1:] for past in item._past or () if past[0] > order), (item._event, item._value))
            return Traced(self, *then, item._weak, item._is_number)
        if type(item) is np.ndarray:
            met = [version for version in self.arrays.get(id(item), ()) if version.order < order]
            return item if not met or met[-1].holds(item) else met[-1].before
        return item

    def _here(self) -> tuple[Any, int]:
        """The user's instruction that is being executed, or on whose behalf."""
        if state.origin is not None:
            return state.origin
        frame: Any = sys._getframe(2)
        while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] in _OURS:
            frame = frame.f_back
        return (None, 0) if frame is None else (frame.f_code, frame.f_lasti)

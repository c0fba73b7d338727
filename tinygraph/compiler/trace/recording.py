"""The recording of a run: it makes stand-ins for values, and prepares each call on them for its execution."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.compiler.trace import deciding, numpy_calls, writes
from tinygraph.compiler.trace.agreement import same_content
from tinygraph.compiler.trace.carrying_out import carrying_out
from tinygraph.compiler.trace.events import Event
from tinygraph.compiler.trace.execution import CallToRecord, Execution
from tinygraph.compiler.trace.generators import Generators
from tinygraph.compiler.trace.noticing import OpenSize, value_of
from tinygraph.compiler.trace.numbers_given import NumbersGiven
from tinygraph.compiler.trace.operands import NESTED, PLAIN, as_builtin, names_itself, promoted
from tinygraph.compiler.trace.orders import axes_in_memory, order_of, transposed_call, without_order
from tinygraph.compiler.trace.plain_arrays import PlainArrays
from tinygraph.compiler.trace.python_numbers import PythonNumber
from tinygraph.compiler.trace.reckoning import CounterSource
from tinygraph.compiler.trace.refusals import check_recordable
from tinygraph.compiler.trace.refused import refused
from tinygraph.compiler.trace.sizes import with_sizes
from tinygraph.compiler.trace.tape import Tape, instruction
from tinygraph.compiler.trace.traced import Traced
from tinygraph.compiler.trace.views import apart, earlier_state, in_array, laid_out, take_again
from tinygraph.compiler.trace.world import unwatch, watch
from tinygraph.derivatives.shapes import astype
from tinygraph.engine.modes import state
from tinygraph.engine.nested import instances, mapped
from tinygraph.engine.orders import in_order
from tinygraph.engine.ownership import StandInMemory, read_only
from tinygraph.engine.table import function_name
from tinygraph.engine.tensor import Tensor
from tinygraph.errors import GraphError

__all__ = ["Recording"]

# Functions of elements beside the ufuncs, and the keywords that are given elements.
_OF_ELEMENTS = frozenset((np.where, np.clip))
_ELEMENTS = frozenset(("where", "min", "max", "a_min", "a_max"))


class Recording:
    """The recorder of one run, as a stand-in asks it (`Recorder`) and as the trace does.

    Args:
        tape: gets the events of arguments, constants and arrays from outside.
        execution: carries out the calls, and writes them on the tape.

    Attributes:
        tape: the tape.
        plain_arrays: the plain arrays from outside that the run met.
        generators: the random generators that it drew from.
        numbers: the numbers that Python computes from counters, as far as the program is given them.
        closed: the run is over.
        arguments: the arrays among the arguments: their events, and their stand-ins.
        known_values: see `Recorder.known_values`.
    """

    def __init__(self, tape: Tape, execution: Execution) -> None:
        self.tape = tape
        self.plain_arrays = PlainArrays(tape)
        self.generators = Generators()
        self.numbers = NumbersGiven(tape)
        self.closed = False
        self.arguments: list[tuple[Event, Traced]] = []
        self._execution = execution
        self._thread = threading.get_ident()
        self.has_weak = False
        self.known_values: Callable[[Traced], Any] = lambda mask: None

    # --- stand-ins --------------------------------------------------------------------------------------------------

    def argument(self, value: Any, name: str) -> Traced:
        """Return the stand-in for an argument, an array or a number."""
        weak = type(value) is float
        self.has_weak = self.has_weak or weak
        array = np.float64(value) if weak else value
        event = self.tape.event("argument", array.shape, array.dtype, name)
        memory = StandInMemory("an argument")
        traced = Traced(self, event, read_only(array), weak, isinstance(array, np.generic), memory)
        if not traced._is_number:
            self.arguments.append((event, traced))
        return traced

    def written_arguments(self) -> list[tuple[Event, Event]]:
        """Return the events of the arguments that the run wrote into, each with that of its new values."""
        return [(event, traced._event) for event, traced in self.arguments if traced._event is not event]

    def counter(self, value: int, source: CounterSource) -> PythonNumber:
        """Return the stand-in for an int that changes from call to call."""
        self.has_weak = True
        place = self.numbers.reckoning.add_counter(source)
        return PythonNumber(self, self.numbers.reckoning, place, value, frozenset((place,)))

    def number(self, item: Any) -> Any:
        """Return an operand, for a number of Python's the argument of the program that it becomes."""
        if type(item) is not PythonNumber:
            return item
        event, value = self.numbers.event_of(item)
        memory = StandInMemory("an argument", writable=False)
        return Traced(self, event, value, event.dtype.kind != "b", is_number=True, memory=memory)

    def array(self, array: Any, name: str | None = None) -> Traced:
        """Return the stand-in for a plain array from outside."""
        event = self.plain_arrays.event_of(array, may_change=False)
        event.name = event.name or name
        return Traced(self, event, read_only(array), memory=StandInMemory("a plain array from outside", writable=False))

    def lift(self, value: Any) -> Any:
        """Return the stand-in for the value of a new Tensor, an array or a NumPy number."""
        if type(value) is Traced:
            return value
        if type(value) is PythonNumber:
            return self.own(self.number(value))
        if type(value) is np.ndarray:
            return Traced(self, self.plain_arrays.event_of(value), read_only(value))
        event = self.tape.event("constant", np.shape(value), value.dtype)
        event.content = value
        event.low = float(value) if value.dtype.kind in "fiu" and value == value else -np.inf
        if self.tape.reference is not None and not same_content(value, self.tape.earlier(event).content):
            raise self.tape.differs(event)
        return Traced(self, event, value, is_number=True)

    def own(self, value: Any) -> Traced:
        """Return a stand-in for an array of its own, with the same values: no write into one reaches the other."""
        lifted = self.lift(value)
        return Traced(self, self.operand(lifted), apart(in_array(lifted._value)))

    def copied(self, array: Traced) -> Traced:
        """Return a stand-in for a copy, in which there are no gaps and no repetitions in memory."""
        own = self.own(array)
        if type(own._value) is np.ndarray and not own._value.flags.forc:
            own._value = read_only(own._value.copy(order="K"))
        return own

    def layout_of(self, array: Traced) -> Any:
        """Return the array that a stand-in stands for; None in a run without values."""
        return None if array._value is None else np.asarray(array._value)

    def lies_in(self, array: Traced, order: str) -> bool:
        """Return whether what a stand-in stands for lies in memory in an order."""
        return array.ndim < 2 or bool(self.tape.axes(lambda: (int(in_order(array._value, order)),))[0])

    def lay_out(self, array: Traced, like: Any) -> None:
        """Note that what a stand-in stands for lies in memory as another array does."""
        laid_out(array, like)

    def as_array(self, value: Any, dtype: Any = None) -> Any:
        """Return `np.asarray(value, dtype)`; a stand-in stays one."""
        if type(value) in (list, tuple) and self.holds_traced(value):
            return self.as_array(np.stack([self.as_array(part) for part in value]), dtype)
        value = self.number(value)
        if type(value) is not Traced:
            return np.asarray(value, dtype=dtype)
        if value._weak:
            value = self.own(value)
        return value if dtype is None or np.dtype(dtype) == value.dtype else self.converted(value, np.dtype(dtype))

    def holds_traced(self, structure: Any) -> bool:
        """Return whether there is a stand-in inside nested tuples, lists and dicts."""
        return bool(instances(Traced, structure))

    def check_known(self, array: np.ndarray[Any, Any]) -> None:
        """Refuse an array from outside as a size, where the run has met it unseen, within an array of objects."""
        if not self.plain_arrays.event_of(array).fixed and self.tape.reference is not None:
            raise refused(
                "an array from outside, within another object, is a shape, a count or an axis",
                "Give the function the array as an argument, or make it a tuple outside",
            )

    def converted(self, traced: Traced, dtype: np.dtype[Any]) -> Traced:
        """Return a stand-in for a copy in another dtype."""
        if traced._weak and traced.dtype.kind == "i":
            self.numbers.narrow(traced._event, dtype)
        own = self.own(traced)
        return self.copied(own) if dtype == traced.dtype else self.own(self.call(astype, (own, dtype), {}))

    def as_of(self, item: Any, order: int) -> Any:
        """Return an argument as it was when the call of this order was made, before later writes into it."""
        if type(item) is Traced:
            is_now = item._past is None and item._seen == item._memory.version
            return item if is_now else earlier_state(item, order)
        return self.plain_arrays.as_of(item, order) if type(item) is np.ndarray else item

    def operand(self, item: Any) -> Any:
        """Return an argument of a call as an event keeps it: an event in place of a stand-in."""
        if type(item) is Traced:
            if item._recorder is not self:
                item._recorder.check_open()
            if item._seen != item._memory.version:
                take_again(self, item)
            return item._event
        if type(item) is Tensor:
            return self.operand(item._value)
        if isinstance(item, np.ndarray):
            return self.plain_arrays.event_of(item)
        if type(item) in PLAIN:
            return item
        if type(item) is OpenSize:
            return value_of(item)
        if hasattr(type(item), "__array__") and not isinstance(item, np.generic):
            return self.plain_arrays.event_of(np.asarray(item))  # an object of the user's that NumPy makes an array of
        return as_builtin(item)

    # --- calls ------------------------------------------------------------------------------------------------------

    def call(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], is_own: bool = False
    ) -> Any:
        """Carry out a call, or repeat one, and record it.

        Args:
            function, args, kwargs: the call.
            is_own: its results are no operands, even where the function returns one, as a check does.
        """
        if not unwatch():
            return self._call(function, args, kwargs, is_own)
        try:  # `world` watches the user's code; watching how a call is recorded doubled its time
            return self._call(function, args, kwargs, is_own)
        finally:
            watch()

    def _call(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], is_own: bool) -> Any:
        self.check_open()
        if self.numbers.reckoning.counters:
            args = numpy_calls.with_numbers(self.number, function, args, kwargs)
        if kwargs or len(args) > 1:
            args, kwargs = with_sizes(self, function, args, kwargs)
            args, kwargs = self._lists_as_arrays(function, args, kwargs)
        check_recordable(function, args)
        order = order_of(function, args, kwargs)
        if order != "C" and type(args[0]) is Traced:
            return self._call_in_order(order, function, args, kwargs)
        if self.has_weak:
            args, kwargs = promoted(self, args, kwargs)
        operands: list[Traced] = []
        event_args, event_kwargs = self._kept(args, operands), kwargs
        if kwargs:
            operands += instances(Traced, kwargs)
            event_kwargs = mapped(kwargs, self.operand)
        call = CallToRecord(function, args, kwargs, event_args, event_kwargs, operands, is_own, *instruction())
        return self._execution.record(self, call)

    def _lists_as_arrays(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments of a call with arrays for lists of elements, and for a condition that is a number.

        The text of a program asks for their elements with operators, and `[True, False] != 0` is a single True.
        """
        if isinstance(function, np.ufunc) or function in _OF_ELEMENTS:
            args = tuple([self.as_array(item) if type(item) in (list, tuple) else item for item in args])
            if function is np.where and type(args[0]) is not Traced:
                args = (np.asarray(args[0]), *args[1:])
        if kwargs and any([type(item) in (list, tuple) for item in kwargs.values()]):
            kwargs = {
                key: self.as_array(item) if key in _ELEMENTS and type(item) in (list, tuple) else item
                for key, item in kwargs.items()
            }
        return args, kwargs

    def _kept(self, args: tuple[Any, ...], operands: list[Traced]) -> tuple[Any, ...]:
        """Return the arguments of a call as an event keeps them.

        Args:
            args: the arguments.
            operands: gets the stand-ins among them.
        """
        kept: list[Any] = []
        for item in args:
            kind = type(item)
            if kind is Traced:
                operands.append(item)
                is_now = item._recorder is self and item._seen == item._memory.version
                kept.append(item._event if is_now else self.operand(item))
            elif kind is tuple and names_itself(item):
                kept.append(item)
            elif kind in NESTED:
                operands += instances(Traced, item)
                kept.append(mapped(item, self.operand))
            else:
                kept.append(item if kind in PLAIN else self.operand(item))
        return tuple(kept)

    def _call_in_order(
        self, order: str, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Record a call that takes elements in another order than C's, as transposes and a call in C order."""
        args, kwargs = without_order(function, args, kwargs)
        array = args[0]
        if order == "F":
            axes = tuple(range(array.ndim))[::-1]
        else:
            axes = self.tape.axes(lambda: axes_in_memory(np.asarray(array._value), order))
        return transposed_call(self, function, args, kwargs, axes, is_reversed=order == "F")

    def draw(self, function: Callable[..., Any], generator: Any, shape: Any, dtype: Any) -> Any:
        """Record a random draw: from a copy of the generator now, and from the generator itself at each call."""
        position = self.generators.position_of(generator)
        shape = tuple(map(value_of, shape)) if isinstance(shape, tuple | list) else value_of(shape)
        rest = (shape, np.dtype(dtype))
        args, event_args = (self.generators.copies[position], *rest), (position, *rest)
        call = CallToRecord(function, args, {}, event_args, {}, (), False, *instruction())
        return self._execution.record(self, call)

    def call_in_order(self, function: Callable[..., Any], x: Any, args: tuple[Any, ...]) -> Any:
        """Record a call that other processes take part in: its operands are an array, and the call before it."""
        x = self.as_array(x)
        x = x if type(x) is Traced else self.own(x)
        self.tape.last_in_order = self.call(function, (x, self.tape.last_in_order, *args), {}, is_own=True)
        return self.tape.last_in_order

    # --- operations on stand-ins ------------------------------------------------------------------------------------

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

    def decide(self, traced: Traced, ask: Callable[[Any], Any]) -> Any:
        """See `Recorder.decide`."""
        if not unwatch():
            return deciding.decide(self, self.tape, traced, ask)
        try:
            return deciding.decide(self, self.tape, traced, ask)
        finally:
            watch()

    def overwrite(self, target: Traced, result: Traced) -> Traced:
        """See `Recorder.overwrite`."""
        return writes.overwrite(self, target, result)

    def write(self, target: Traced, index: Any, value: Any, call: str) -> None:
        """See `Recorder.write`."""
        writes.write(self, target, index, value, call)

    # --- the run itself ---------------------------------------------------------------------------------------------

    def check_open(self) -> None:
        """Refuse a stand-in of a run that is over, or of another thread, or inside a call that is being carried out."""
        name = self.tape.call_name
        if self.closed:
            raise GraphError(
                f"compile: a Tensor or array that was computed while {name} was compiled has no value afterwards. "
                f"A value that is used outside must be returned by {name}"
            )
        tracer: Any = state.tracing
        if tracer is None and carrying_out.function is not None and self._thread == threading.get_ident():
            called = function_name(carrying_out.function)
            raise refused(
                f"a function that {called} calls uses an array of {name} that is not among its arguments",
                "Give it the array as a further argument, as in np.apply_along_axis(f, axis, x, w) or np.piecewise(x, "
                "conditions, functions, w); or write it out with NumPy's functions, np.where in place of np.piecewise",
            )
        if getattr(tracer, "recording", None) is not self:
            raise GraphError(
                f"compile: an array of {name} is used in another thread than the one that is compiling {name}. Use it "
                f"in that thread, or return it from {name} and hand on the result"
            )

"""Recording: what a run is given, and the calls that it makes, carried out or repeated, and remembered."""

from __future__ import annotations

import copy
import operator
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.compiler.traced import IN_PLACE, Part, Traced, refused
from tinygraph.compiler.tracing.agreement import brief, same, same_content, same_memory
from tinygraph.compiler.tracing.refusals import check_recordable
from tinygraph.compiler.tracing.steps import Captured, Step, bound_below, steps_in
from tinygraph.derivatives.indexing import scatter
from tinygraph.derivatives.shapes import astype
from tinygraph.derivatives.table import function_name
from tinygraph.errors import GraphError, UnsupportedError
from tinygraph.links import mapped, next_order
from tinygraph.modes import state
from tinygraph.source import source_of, users_line
from tinygraph.tensor import Tensor

__all__ = ["Recording"]

# Code whose calls are made on behalf of the user's line that called it.
_OURS = frozenset(("tinygraph", "numpy", "scipy", "contextlib", "functools"))
# What may look into the memory of its first array.
_VIEWS = frozenset((
    np.reshape, np.transpose, np.matrix_transpose, np.swapaxes, np.moveaxis, np.rollaxis, np.squeeze, np.expand_dims,
    np.ravel, np.broadcast_to, np.broadcast_arrays, np.real, np.imag, np.diagonal, np.flip, np.fliplr, np.flipud,
    np.rot90, np.atleast_1d, np.atleast_2d, np.atleast_3d, np.split, np.array_split, np.hsplit, np.vsplit, np.dsplit,
    operator.getitem,
))  # fmt: skip


class Recording:
    """What a run has met, in the order in which it met it: inputs, constants and calls.

    Args:
        call: what the compiled function is called, for messages.
        reference: an earlier run that this one only repeats, without computing.
    """

    def __init__(self, call: str, reference: Recording | None = None) -> None:
        self.call_name = call
        self.reference = reference
        self.since = next_order()
        self.steps: list[Step] = []
        self.calls: list[tuple[Any, ...]] = []
        self.captured: dict[Any, Captured] = {}
        self.arrays: dict[int, Step] = {}
        self.generators: list[Any] = []
        self.copies: list[Any] = []
        self.depth = 0
        self.closed = False
        self.any_weak = False
        self.refusal: UnsupportedError | None = None
        self.failure: tuple[str, Exception, str] | None = None

    # --- what the run is given --------------------------------------------------------------------------------------

    def _step(self, kind: str, shape: tuple[int, ...], dtype: np.dtype[Any], name: str | None = None) -> Step:
        step = Step(kind, len(self.steps), shape, dtype, name)
        self.steps.append(step)
        if self.reference is not None:
            expected = self.reference.steps[step.index] if step.index < len(self.reference.steps) else None
            if expected is None or (expected.kind, expected.shape, expected.dtype) != (kind, shape, dtype):
                raise self.differs(None)
        return step

    def argument(self, value: Any, name: str) -> Traced:
        """The stand-in for an argument: an array or a number."""
        array = np.float64(value) if type(value) is float else value
        self.any_weak = self.any_weak or type(value) is float
        traced = Traced(self, self._step("argument", array.shape, array.dtype, name), array, type(value) is float)
        traced._base = traced  # the caller's memory, which is not written to
        return traced

    def array(self, array: Any, name: str | None = None) -> Traced:
        """The stand-in for a plain array that was not made by anything recorded."""
        step = self._array_step(array)
        step.name = step.name or name
        traced = Traced(self, step, array)
        traced._base = traced
        return traced

    def _array_step(self, array: Any) -> Step:
        step = self.arrays.get(id(array))
        if step is None:
            step = self.arrays[id(array)] = self._step("array", array.shape, array.dtype)
            step.content = array
            step.code, step.lasti = self._here()
            if self.reference is not None:
                other = self.reference.steps[step.index].content
                step.fixed = not same_memory(array, other)
                if step.fixed and not same_content(array, other):
                    raise self.differs(step)
        return step

    def lift(self, value: Any) -> Any:
        """A value that becomes a Tensor's, as a Traced, so that what is computed from it is recorded."""
        if type(value) is Traced:
            return value
        if type(value) is np.ndarray:
            traced = self.array(value)
            if traced._step.fixed or self.reference is None:
                traced._base = None
            return traced
        step = self._step("constant", np.shape(value), value.dtype)
        step.content = value
        step.low = float(value) if value.dtype.kind in "fiu" and value == value else -np.inf
        if self.reference is not None and not same_content(value, self.reference.steps[step.index].content):
            raise self.differs(step)
        return Traced(self, step, value)

    def fresh(self, value: Any) -> Traced:
        """An array of its own, of the value of another: a Tensor's."""
        lifted = self.lift(value)
        return Traced(self, self.operand(lifted), lifted._value)

    def as_array(self, value: Any, dtype: Any = None) -> Any:
        """`np.asarray`, which leaves a Traced what it is."""
        if type(value) is not Traced:
            return np.asarray(value, dtype=dtype)
        if value._weak:
            value = Traced(self, value._step, value._value)
        return value if dtype is None or np.dtype(dtype) == value.dtype else self.converted(value, np.dtype(dtype))

    def check_open(self) -> None:
        """Refuse what was kept from a run that is over, or belongs to another thread."""
        if self.closed:
            raise GraphError(
                f"compile: this Tensor, or array, was computed while {self.call_name} was being compiled, and was "
                "kept: it has no value of its own. What is to be used outside must be returned"
            )
        if state.tracing is not self:
            raise GraphError(
                f"compile: {self.call_name} is being compiled in another thread, and this is an array in it"
            )

    def check_failures(self) -> None:
        """Refuse a run in which a call failed, and the function went on: a program has no such turns."""
        if self.failure is not None:
            name, error, line = self.failure
            raise UnsupportedError(
                f"compile: {name} failed ({type(error).__name__}: {error}), and {self.call_name} went on without it "
                f"({line}). A program makes the same calls each time. Ask for what tells the cases apart, such as "
                "x.ndim or x.shape, which are known while the function is compiled"
            )

    def converted(self, traced: Traced, dtype: np.dtype[Any]) -> Traced:
        """A copy in another dtype."""
        if dtype == traced.dtype:
            return Traced(self, self.operand(traced), traced._value)
        strong = Traced(self, self.operand(traced), traced._value)
        result: Traced = self.call(astype, (strong, dtype), {})
        return result

    def call(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Carry out a call, or repeat one, and remember it."""
        self.check_open()
        check_recordable(function, args)
        args, kwargs = self._given_way(args, kwargs)
        result = self._record(function, mapped(args, self.operand), mapped(kwargs, self.operand), args, kwargs)
        if function in _VIEWS:
            base = next((item for item in args if type(item) is Traced), None)
            for part in result if isinstance(result, tuple | list) else (result,):
                if base is not None:
                    part._base = base if base._base is None else base._base
                    part._seen = part._base._writes
        return result

    def _record(
        self, function: Callable[..., Any], step_args: Any, step_kwargs: Any, args: Any, kwargs: Any,
        compute: Callable[..., Any] | None = None,
    ) -> Any:  # fmt: skip
        code, lasti = self._here()
        masked = function in (np.where, scatter) or (
            function is np.multiply and any(getattr(item, "dtype", None) == np.bool_ for item in step_args)
        )
        masked = masked or any([step.masked for step in steps_in(step_args)])

        def remember(part: Any, callable_: Callable[..., Any]) -> Traced:
            step = Step("call", len(self.steps), tuple(part.shape), part.dtype)
            step.function, step.args, step.kwargs = callable_, step_args, step_kwargs
            step.code, step.lasti, step.scope = code, lasti, state.scope
            step.section = "backward" if self.depth else "forward"
            step.masked, step.low = masked, bound_below(function, step_args)
            self.steps.append(step)
            return Traced(self, step, part if type(part) is not Step else None)

        if self.reference is not None:
            value = self._repeat(function, step_args, step_kwargs)
        else:
            # While a call is carried out nothing is recorded, and NumPy says nothing: it will when the program runs.
            state.tracing = None
            try:
                with np.errstate(all="ignore"):
                    value = (compute or function)(*mapped(args, _real), **mapped(kwargs, _real))
            except Exception as error:
                self.failure = self.failure or (function_name(function), error, users_line())
                raise
            finally:
                state.tracing = self
            if isinstance(value, bool | int | float | complex):
                value = np.asarray(value)[()]
            if not hasattr(value, "dtype") and not isinstance(value, tuple | list):
                raise refused(
                    f"{function_name(function)} returned {type(value).__name__}, not an array",
                    "Only functions of arrays that return arrays can be compiled",
                )
            self.calls.append((function, step_args, step_kwargs, _outline(value), code, lasti))
        if not isinstance(value, tuple | list):
            return remember(value, function)
        parts = [remember(_as_part(part), Part.of(function, place)) for place, part in enumerate(value)]
        return type(value)(*parts) if hasattr(type(value), "_fields") else type(value)(parts)

    def _repeat(self, function: Any, args: Any, kwargs: Any) -> Any:
        """What the same call made in the reference run, as shapes and dtypes."""
        assert self.reference is not None
        place = len(self.calls)
        expected = self.reference.calls[place] if place < len(self.reference.calls) else None
        if expected is None or not (
            same(function, expected[0]) and same(args, expected[1]) and same(kwargs, expected[2])
        ):
            raise self.differs(None, expected)
        self.calls.append(expected)
        return expected[3]

    def differs(self, step: Step | None, expected: Any = None) -> UnsupportedError:
        """The error for two runs that did not do the same."""
        what = ""
        if step is not None and step.content is not None and self.reference is not None:
            first = self.reference.steps[step.index].content
            what = f" A plain value there was {brief(first)}, then {brief(step.content)}."
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
        place = next((place for place, known in enumerate(self.generators) if known is generator), None)
        if place is None:
            place = len(self.generators)
            self.generators.append(generator)
            self.copies.append(copy.deepcopy(generator))
        args = (place, tuple(shape) if isinstance(shape, tuple | list) else shape, np.dtype(dtype))
        real = (self.copies[place], *args[1:])
        return self._record(function, args, {}, real, {}, function)

    def _given_way(self, args: Any, kwargs: Any) -> tuple[Any, Any]:
        """The arguments, with Python numbers in the dtype that they take next to the arrays among them."""
        if not self.any_weak or not (kwargs or any([_may_be_weak(item) for item in args])):
            return args, kwargs
        weak: list[Traced] = []
        strong: list[Any] = []

        def look(item: Any) -> Any:
            if type(item) is Traced:
                weak.append(item) if item._weak else strong.append(item.dtype)
            elif isinstance(item, np.ndarray | np.generic):
                strong.append(item.dtype)
            return item

        mapped(args, look)
        mapped(kwargs, look)
        if not weak or not strong or any(dtype.kind not in "fciub" for dtype in strong):
            return args, kwargs
        common = np.result_type(*strong, 1.0)
        target = np.zeros(0, common).real.dtype

        def give_way(item: Any) -> Any:
            return self.converted(item, target) if type(item) is Traced and item._weak else item

        return (args, kwargs) if target == np.float64 else (mapped(args, give_way), mapped(kwargs, give_way))

    def operand(self, item: Any) -> Any:
        """What a step remembers of an argument of a call."""
        if type(item) is Traced:
            if item._trace is not self:
                item._trace.check_open()
            base = item._base
            if base is not None and base._writes != item._seen and base is not item:
                raise refused(
                    "a view is used after the array that it looks into was updated",
                    "Take the view again after the update, or np.copy it before",
                )
            return item._step
        if type(item) is Tensor:
            return self.operand(item._value)
        if isinstance(item, np.ndarray):
            return self._array_step(item)
        return item

    def overwrite(self, target: Traced, result: Traced) -> Traced:
        """`target[...] = result`, for an array that the function made, or a Tensor's data."""
        if target._base is not None:
            raise refused(
                "an argument, a plain array from outside, or a view of another array is written into", IN_PLACE
            )
        if result.shape != target.shape:
            raise ValueError(f"an array of shape {result.shape} cannot be written into one of {target.shape}")
        if result.dtype != target.dtype:
            if not np.can_cast(result.dtype, target.dtype, "same_kind"):
                raise TypeError(f"an array of dtype {result.dtype} cannot be written into one of {target.dtype}")
            result = self.converted(result, target.dtype)
        target._step, target._value = result._step, result._value
        target._writes += 1
        return target

    def _here(self) -> tuple[Any, int]:
        """The user's instruction that is being executed, or on whose behalf."""
        if state.origin is not None:
            return state.origin
        frame: Any = sys._getframe(2)
        while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] in _OURS:
            frame = frame.f_back
        return (None, 0) if frame is None else (frame.f_code, frame.f_lasti)


def _real(item: Any) -> Any:
    """The value that a call is carried out with."""
    if type(item) is Traced:
        return float(item._value) if item._weak else item._value
    return item


def _may_be_weak(item: Any) -> bool:
    """Whether an argument is a Python number of the run's, or may hold one, seen at a glance."""
    return item._weak if type(item) is Traced else type(item) in _NESTED


_NESTED = frozenset((tuple, list, dict))


def _as_part(part: Any) -> Any:
    return part if hasattr(part, "dtype") else np.asarray(part)


def _outline(value: Any) -> Any:
    """The shapes and dtypes of a call's result, as steps without a program."""
    if isinstance(value, tuple | list):
        parts = [_outline(_as_part(part)) for part in value]
        return type(value)(*parts) if hasattr(type(value), "_fields") else type(value)(parts)
    return Step("outline", -1, tuple(value.shape), value.dtype)

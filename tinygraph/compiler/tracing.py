"""Tracing: one run of a function, on real values, remembered as a `Program`.

The function runs with `Traced` in place of arrays. A Tensor is what it always is, a value and a link into the record,
with a `Traced` for its value; so the engine's own record, its backward pass and its rules work as ever, and every
NumPy function that they call on the way is remembered: forward, backward and update alike.

Tensors from outside the function become state. They are met when their value is first read, and nothing is written
to them: while a function is traced, the places where a Tensor keeps its value and its gradient lead, in this thread,
to the run's own copies. A run that fails leaves nothing behind.

The function is run twice. The second run computes nothing; it must make the same calls with the same constants.
Where it does not, something that changes from run to run would have become part of the program.
"""

from __future__ import annotations

import contextlib
import copy
import operator
import random
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tinygraph import record
from tinygraph.compiler.program import Program, Variable
from tinygraph.compiler.traced import IN_PLACE, Method, Part, Traced, refused
from tinygraph.derivatives.indexing import scatter
from tinygraph.derivatives.shapes import astype
from tinygraph.derivatives.table import function_name
from tinygraph.errors import GraphError, UnsupportedError
from tinygraph.graph import Graph, Node
from tinygraph.links import Call, Leaf, Like, arguments, mapped, next_order
from tinygraph.modes import Setting, state
from tinygraph.record import tensors_in
from tinygraph.source import assigned_name, source_of
from tinygraph.tensor import Tensor

__all__ = ["Step", "Trace", "program_of", "run", "trace_twice"]


class Step:
    """A value of the program while it is being made: an input, a constant, or the result of a call.

    Attributes:
        kind: "call", "argument", "state", "gradient" (a Tensor's `grad` from before the call), "array" (a plain array
            from outside, or a constant, as the second run tells) or "constant" (a single number).
        index: its place in the order of the run.
        content: the array or number, for an "array" or a "constant".
        fixed: of an "array" whether each run makes its own, so that it is a constant.
        masked: whether elements may be exactly 0 because a condition left them out; see `where_it_matters`.
        low: no element is below it, whatever the arguments are.
        name: what it is called; None for what the source line says.
    """

    __slots__ = (
        "args", "code", "content", "dtype", "fixed", "function", "index", "kind", "kwargs", "lasti", "low", "masked",
        "name", "scope", "section", "shape", "size",
    )  # fmt: skip

    def __init__(self, kind: str, index: int, shape: tuple[int, ...], dtype: np.dtype[Any], name: str | None = None):
        self.kind = kind
        self.index = index
        self.shape = shape
        self.dtype = dtype
        self.size = int(np.prod(shape, dtype=np.int64))
        self.name = name
        self.function: Callable[..., Any] | None = None
        self.args: tuple[Any, ...] = ()
        self.kwargs: dict[str, Any] = {}
        self.content: Any = None
        self.fixed = False
        self.masked = False
        self.low = -np.inf
        self.code: Any = None
        self.lasti = 0
        self.scope: tuple[str, ...] = ()
        self.section = "forward"

    def place(self) -> str:
        """Where in the user's code it was made."""
        source = source_of(self.code, self.lasti)
        return "an unknown line" if source is None else f"{source}: {source.text}"


class Captured:
    """A leaf that the run found: what it is worth inside the run, whatever it is worth outside.

    Attributes:
        link, tensor: the leaf; None as the Tensor while only its gradient was asked for.
        argument: the place among the arguments' leaves, or None for a Tensor from elsewhere.
        value: its `Traced`; None before it was first read.
        first: the step of the value at the start of the call.
        order: when it was assigned to, as the record counts.
        grad: the gradient: a Traced, a Tensor, None, or UNREAD.
        had_grad: None while the gradient from before the call was not read; else whether there was one.
    """

    __slots__ = ("argument", "first", "first_grad", "grad", "had_grad", "link", "order", "tensor", "value")

    def __init__(self, link: Any, order: int, argument: int | None) -> None:
        self.link = link
        self.order = order
        self.argument = argument
        self.tensor: Any = None
        self.value: Any = None
        self.first: Step | None = None
        self.grad: Any = UNREAD
        self.first_grad: Step | None = None
        self.had_grad: bool | None = None


UNREAD: Any = object()

# --- what cannot be recorded ------------------------------------------------------------------------------------------

_BY_VALUE = (
    "The shape of its result depends on values, and a program is made for given shapes. Keep the shape: "
    "np.where(mask, x, 0), or a sum over a mask; or compute it outside, and pass the result as an argument"
)
_PRINTS = "Return it, and print or save it outside"

_REFUSED: dict[Any, str] = {
    function: instead
    for instead, functions in {
        _BY_VALUE: (
            np.nonzero, np.flatnonzero, np.argwhere, np.unique, np.unique_all, np.unique_counts, np.unique_inverse,
            np.unique_values, np.union1d, np.intersect1d, np.setdiff1d, np.setxor1d, np.trim_zeros, np.bincount,
        ),
        IN_PLACE: (np.copyto, np.put, np.place, np.putmask, np.fill_diagonal, np.put_along_axis),
        _PRINTS: (
            np.array_repr, np.array_str, np.array2string, np.save, np.savetxt, np.savez, np.savez_compressed,
        ),
    }.items()
    for function in functions
}  # fmt: skip

# What these say of an array is known without its values.
_METADATA = frozenset((
    np.shape, np.ndim, np.size, np.result_type, np.can_cast, np.iscomplexobj, np.isrealobj, np.common_type,
    np.shares_memory, np.may_share_memory, np.ix_,
))  # fmt: skip
_LIKE: dict[Any, Callable[..., Any]] = {np.zeros_like: np.zeros, np.ones_like: np.ones, np.empty_like: np.zeros}
_REDUCTIONS: dict[np.ufunc, Callable[..., Any]] = {
    np.add: np.sum, np.multiply: np.prod, np.maximum: np.max, np.minimum: np.min, np.logical_and: np.all,
    np.logical_or: np.any,
}  # fmt: skip
_VIEWS = frozenset((
    np.reshape, np.transpose, np.matrix_transpose, np.swapaxes, np.moveaxis, np.rollaxis, np.squeeze, np.expand_dims,
    np.ravel, np.broadcast_to, np.broadcast_arrays, np.real, np.imag, np.diagonal, np.flip, np.fliplr, np.flipud,
    np.rot90, np.atleast_1d, np.atleast_2d, np.atleast_3d, np.split, np.array_split, np.hsplit, np.vsplit, np.dsplit,
    operator.getitem,
))  # fmt: skip
# Elementwise functions whose slope can be infinite, for finite operands or for large ones.
_STEEP = frozenset((
    np.sqrt, np.cbrt, np.log, np.log2, np.log10, np.log1p, np.divide, np.reciprocal, np.power, np.float_power,
    np.exp, np.exp2, np.expm1, np.sinh, np.cosh, np.tan, np.arcsin, np.arccos, np.arccosh, np.arctanh,
))  # fmt: skip


def bound_below(function: Any, args: tuple[Any, ...]) -> float:
    """A number that no element of a result lies below, from those of the operands: enough to see that x² + 1 is."""

    def low(item: Any) -> float:
        if type(item) is Step:
            return item.low
        return float(item) if isinstance(item, int | float | np.floating | np.integer) else -np.inf

    if function in (np.square, np.absolute, np.exp, np.exp2, np.cosh):
        return 1.0 if function is np.cosh else 0.0
    if function is np.power:
        return 0.0 if len(args) == 2 and type(args[1]) is int and args[1] % 2 == 0 else -np.inf
    if function is np.add and len(args) == 2:
        return low(args[0]) + low(args[1])
    if function is np.multiply and len(args) == 2:
        if args[0] is args[1]:
            return 0.0
        return 0.0 if low(args[0]) >= 0 and low(args[1]) >= 0 else -np.inf
    if function is np.divide and len(args) == 2:
        return 0.0 if low(args[0]) >= 0 and low(args[1]) > 0 else -np.inf
    if function is np.maximum and len(args) == 2:
        return max(low(args[0]), low(args[1]))
    if function is np.sqrt:
        return float(np.sqrt(max(low(args[0]), 0.0)))
    if function in (np.sum, np.log1p):
        return 0.0 if low(args[0]) >= 0 else -np.inf
    if function in (np.mean, np.reshape, np.transpose, np.broadcast_to, np.max, np.min, operator.getitem, astype):
        return low(args[0])
    return -np.inf


class Trace:
    """One run of a function.

    Args:
        call: what the compiled function is called, for messages.
        reference: an earlier run that this one only repeats, without computing.
    """

    def __init__(self, call: str, reference: Trace | None = None) -> None:
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
        self.refusal: UnsupportedError | None = None

    # --- what the run is given --------------------------------------------------------------------------------------

    def _step(self, kind: str, shape: tuple[int, ...], dtype: np.dtype[Any], name: str | None = None) -> Step:
        step = Step(kind, len(self.steps), shape, dtype, name)
        self.steps.append(step)
        if self.reference is not None:
            expected = self.reference.steps[step.index] if step.index < len(self.reference.steps) else None
            if expected is None or (expected.kind, expected.shape, expected.dtype) != (kind, shape, dtype):
                raise self._differs(None)
        return step

    def argument(self, value: Any, name: str) -> Traced:
        """The stand-in for an argument: an array or a number."""
        array = np.float64(value) if type(value) is float else value
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
                step.fixed = not _same_memory(array, other)
                if step.fixed and not _same_content(array, other):
                    raise self._differs(step)
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
        if self.reference is not None and not _same_content(value, self.reference.steps[step.index].content):
            raise self._differs(step)
        return Traced(self, step, value)

    def fresh(self, value: Any) -> Traced:
        """An array of its own, of the value of another: a Tensor's."""
        lifted = self.lift(value)
        return Traced(self, self._operand(lifted), lifted._value)

    def as_array(self, value: Any, dtype: Any = None) -> Any:
        """`np.asarray`, which leaves a Traced what it is."""
        if type(value) is not Traced:
            return np.asarray(value, dtype=dtype)
        if value._weak:
            value = Traced(self, value._step, value._value)
        return value if dtype is None or np.dtype(dtype) == value.dtype else self.converted(value, np.dtype(dtype))

    # --- calls ------------------------------------------------------------------------------------------------------

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

    def operate(self, function: np.ufunc, *operands: Any) -> Any:
        """What an operator does: between Python numbers the result is one too."""
        weak = all([(type(item) is Traced and item._weak) or type(item) in (int, float) for item in operands])
        result = self.call(function, operands, {})
        result._weak = weak and result.dtype == np.float64
        return result

    def call_ufunc(self, ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What NumPy asks of a Traced among the arguments of a ufunc."""
        if any(True for _ in tensors_in((*inputs, kwargs))):
            return NotImplemented  # the Tensor's turn
        kwargs = dict(kwargs)
        out = kwargs.pop("out", None)
        target = out[0] if type(out) is tuple else out
        where = kwargs.pop("where", True) if method == "__call__" else True
        if method == "at" or (target is not None and type(target) is not Traced):
            raise refused("a computed value is written into a plain array", IN_PLACE)
        if where is not True and target is None:
            raise refused(
                f"{function_name(ufunc)} with where= leaves elements undefined", "Use np.where(mask, result, otherwise)"
            )
        if method == "reduce" and ufunc in _REDUCTIONS:
            axis = kwargs.pop("axis", 0)
            keywords = {key: item for key, item in kwargs.items() if not _is_default(key, item)}
            result = self.call(_REDUCTIONS[ufunc], inputs, keywords if axis is None else {"axis": axis, **keywords})
        elif method != "__call__":
            result = self.call(Method.of(ufunc, method), inputs, kwargs)
        else:
            result = self.call(ufunc, inputs, kwargs)
        if target is None:
            return result
        return self.overwrite(target, result if where is True else self.call(np.where, (where, result, target), {}))

    def call_function(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What NumPy asks of a Traced among the arguments of any other function."""
        if any(True for _ in tensors_in((args, kwargs))):
            return record.call_function(function, args, kwargs, sys._getframe(2))
        if function in _METADATA:
            return function(*mapped(args, _stand_in), **mapped(kwargs, _stand_in))
        if function in _LIKE or function is np.full_like:
            return self._like(function, *args, **kwargs)
        if kwargs.get("out") is not None:
            target = kwargs["out"]
            if type(target) is not Traced:
                raise refused("a computed value is written into a plain array", IN_PLACE)
            return self.overwrite(target, self.call(function, args, {**kwargs, "out": None}))
        return self.call(function, args, kwargs)

    def _like(self, function: Any, like: Any, *args: Any, **kwargs: Any) -> Any:
        fill = (args[0] if args else kwargs["fill_value"]) if function is np.full_like else None
        rest = args[1:] if function is np.full_like else args
        dtype = np.dtype(kwargs.get("dtype") or (rest[0] if rest else None) or like.dtype)
        shape = like.shape if kwargs.get("shape") is None else kwargs["shape"]
        if function is not np.full_like:
            return self.call(_LIKE[function], (shape, dtype), {})
        if type(fill) is not Traced:
            return self.call(np.full, (shape, fill, dtype), {})
        return self.call(np.copy, (self.call(np.broadcast_to, (self.converted(fill, dtype), shape), {}),), {})

    def converted(self, traced: Traced, dtype: np.dtype[Any]) -> Traced:
        """A copy in another dtype."""
        if dtype == traced.dtype:
            return Traced(self, self._operand(traced), traced._value)
        strong = Traced(self, self._operand(traced), traced._value)
        result: Traced = self.call(astype, (strong, dtype), {})
        return result

    def index(self, traced: Traced, index: Any) -> Any:
        """`traced[index]`"""
        index = mapped(index, lambda item: item.data if type(item) is Tensor else item)
        for item in index if type(index) is tuple else (index,):
            if type(item) is Traced and item.dtype == np.bool_:
                raise refused("an array is indexed with a computed mask", _BY_VALUE)
            if type(item) is slice and any(type(end) in (Traced, Tensor) for end in (item.start, item.stop, item.step)):
                raise refused(
                    "a slice begins or ends at a computed place",
                    "Use np.take(x, start + np.arange(length), axis=0), whose shape is known, or make the ends int "
                    "arguments",
                )
        return self.call(operator.getitem, (traced, index), {})

    def call_primitive(
        self, primitive: Callable[..., Any], function: Callable[..., Any], args: Any, kwargs: Any
    ) -> Any:
        """A call of a function under `tg.primitive`: one step, unless it asks to be seen through."""
        if getattr(primitive, "transparent", False) or not _has_traced((args, kwargs)):
            return function(*args, **kwargs)
        return self.call(primitive, args, kwargs)

    def call(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Carry out a call, or repeat one, and remember it."""
        self.check_open()
        instead = _REFUSED.get(function)
        if instead is None and function is np.where and len(args) == 1:
            instead = _BY_VALUE
        if instead is None and function in (np.repeat, np.delete, np.compress, np.extract):
            choosing = args[0] if function in (np.compress, np.extract) else args[1] if len(args) > 1 else None
            instead = _BY_VALUE if type(choosing) is Traced else None
        if instead is not None:
            raise refused(f"{function_name(function)} of a computed value", instead)
        args, kwargs = self._given_way(args, kwargs)
        result = self._record(function, mapped(args, self._operand), mapped(kwargs, self._operand), args, kwargs)
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
        masked = masked or any(_steps_in(step_args, lambda step: step.masked))

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
            with _computing(self):
                value = (compute or function)(*mapped(args, _real), **mapped(kwargs, _real))
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
            _same(function, expected[0]) and _same(args, expected[1]) and _same(kwargs, expected[2])
        ):
            raise self._differs(None, expected)
        self.calls.append(expected)
        return expected[3]

    def _differs(self, step: Step | None, expected: Any = None) -> UnsupportedError:
        what = ""
        if step is not None and step.content is not None and self.reference is not None:
            first = self.reference.steps[step.index].content
            what = f" A plain value there was {_brief(first)}, then {_brief(step.content)}."
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

    def _operand(self, item: Any) -> Any:
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
            return self._operand(item._value)
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

    def check_own(self, link: Any, what: str) -> None:
        """Refuse to change what a Tensor from outside is, as opposed to its value."""
        if (_ORDER.__get__(link) if isinstance(link, Leaf) else link.order) < self.since:
            raise refused(
                f"{what} of a Tensor from outside is changed",
                "Set it before the call; give a Tensor another value with assign(), or under tg.no_grad()",
            )

    def is_state(self, traced: Traced) -> bool:
        """Whether this is the very array that a Tensor from outside holds."""
        return any(captured.value is traced for captured in self.captured.values())

    def _here(self) -> tuple[Any, int]:
        """The user's instruction that is being executed, or on whose behalf."""
        if state.origin is not None:
            return state.origin
        frame: Any = sys._getframe(2)
        while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] in _OURS:
            frame = frame.f_back
        return (None, 0) if frame is None else (frame.f_code, frame.f_lasti)

    # --- the backward pass ------------------------------------------------------------------------------------------

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
        step = getattr(record.plain(g), "_step", None)
        name = getattr(call.label, "name", None) or assigned_name(call.code, call.lasti)
        if step is not None and name is not None and step.name is None and step.section == "backward":
            step.name = f"d_{name}"

    def where_it_matters(self, call: Call, g: Any, z: Any, args: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
        """The result and arguments of a call for its rules, moved to a regular point where the cotangent is 0.

        Where `np.where` leaves an element out its cotangent is 0, and the slope there may be infinite; 0 · ∞ is NaN.
        The eager pass looks for a NaN, which costs nothing. A program cannot change its course, so it asks, but only
        where both can happen.
        """
        function: Any = call.op.function
        step = getattr(record.plain(g), "_step", None)
        if function not in _STEEP or step is None or not step.masked:
            return z, args
        lows = [
            getattr(getattr(item._value, "_step", None), "low", -np.inf) if isinstance(item, Call | Leaf) else item
            for item in arguments(call)[0]
        ]
        last = lows[-1] if isinstance(lows[-1], int | float | np.number) else -np.inf
        if (
            (function in (np.sqrt, np.cbrt, np.log, np.log2, np.log10, np.reciprocal, np.divide) and last > 0)
            or (function is np.log1p and last >= 0)
            or (function is np.power and last >= 1)
        ):
            return z, args
        regular = 1.5 if function is np.arccosh else 0.5
        nothing = g == 0
        there = float(function(*[regular] * function.nin))
        moved = tuple([np.where(nothing, regular, item) if hasattr(item, "dtype") else item for item in args])
        return (np.where(nothing, there, z) if hasattr(z, "ndim") and type(z) is not Like else z), moved

    # --- Tensors from outside ---------------------------------------------------------------------------------------

    def captured_leaf(self, link: Leaf, tensor: Any = None) -> Captured:
        """What the run knows of a leaf that is older than it."""
        found = self.captured.get(link)
        if found is None:
            found = self.captured[link] = Captured(link, _ORDER.__get__(link), None)
        if tensor is not None and found.tensor is None:
            found.tensor = tensor
        if found.value is None and found.tensor is not None:
            value = _VALUE.__get__(found.tensor)
            found.first = self._step("state", value.shape, value.dtype, link.name)
            found.value = Traced(self, found.first, value)
        return found

    def given_tensor(self, tensor: Tensor, place: int, name: str) -> None:
        """A leaf that is an argument."""
        link = tensor._link
        self.captured[link] = Captured(link, _ORDER.__get__(link), place)
        self.captured_leaf(link, tensor).first.name = name  # type: ignore[union-attr]

    def value_of_tensor(self, tensor: Any, value: Any) -> Any:
        """What reading a Tensor's value gives."""
        if type(value) is Traced:
            return value
        link = tensor._link
        if isinstance(link, Leaf):
            return self.captured_leaf(link, tensor).value
        return self.array(value) if type(value) is np.ndarray else self.lift(value)

    def set_value_of_tensor(self, tensor: Any, value: Any) -> bool:
        """A Tensor is given a value. Returns whether that stays inside the run."""
        link = tensor._link
        if not (isinstance(link, Leaf) and _ORDER.__get__(link) < self.since):
            return False
        self.captured_leaf(link, tensor).value = self._own(self.lift(value))
        return True

    def _own(self, traced: Traced) -> Traced:
        """The same value as an array of its own, so that an update in place of one is none of the other."""
        return traced if traced._base is None else Traced(self, self._operand(traced), traced._value)

    def grad_of(self, link: Any, gradient: Any) -> Any:
        """What reading the gradient of an older leaf gives."""
        captured = self.captured_leaf(link)
        if captured.grad is UNREAD:
            captured.had_grad = gradient is not None
            captured.grad = None
            if gradient is not None:
                array = np.asarray(gradient._value if type(gradient) is Tensor else gradient)
                captured.first_grad = self._step("gradient", array.shape, array.dtype)
                captured.grad = Traced(self, captured.first_grad, array)
        return captured.grad

    def set_grad_of(self, link: Any, gradient: Any) -> None:
        """An older leaf is given a gradient."""
        captured = self.captured_leaf(link)
        if gradient is not None and type(gradient) is not Tensor:
            lifted = self.lift(gradient)
            gradient = Traced(self, self._operand(lifted), lifted._value)
        captured.grad = gradient


# --- while a function is traced ---------------------------------------------------------------------------------------

_OURS = frozenset(("tinygraph", "numpy", "scipy", "contextlib", "functools"))
_VALUE: Any = Tensor.__dict__["_value"]
_LEAF_VALUE: Any = Leaf.__dict__["_value"]
_GRAD: Any = Leaf.__dict__["_grad"]
_ORDER: Any = Leaf.__dict__["order"]
_BEFORE: Any = Leaf.__dict__["before"]
_REWRITTEN: Any = Leaf.__dict__["rewritten"]


class _TensorValue:
    """In place of the slot where Tensors keep their value."""

    def __get__(self, tensor: Any, kind: Any = None) -> Any:
        if tensor is None:
            return _VALUE
        value = _VALUE.__get__(tensor)
        trace = state.tracing
        return value if trace is None else trace.value_of_tensor(tensor, value)

    def __set__(self, tensor: Any, value: Any) -> None:
        trace = state.tracing
        if trace is not None:
            try:
                _VALUE.__get__(tensor)
            except AttributeError:  # a Tensor is being made
                value = trace.lift(value)
            else:
                value = trace.lift(value)
                if trace.set_value_of_tensor(tensor, value):
                    return
        _VALUE.__set__(tensor, value)


class _LeafSlot:
    """In place of one of the slots of a leaf: those of leaves from before the run are the run's own copies."""

    def __init__(self, slot: Any, read: Callable[..., Any], write: Callable[..., Any]) -> None:
        self.slot = slot
        self.read = read
        self.write = write

    def __get__(self, leaf: Any, kind: Any = None) -> Any:
        if leaf is None:
            return self.slot
        value = self.slot.__get__(leaf)
        trace = state.tracing
        return value if trace is None or _ORDER.__get__(leaf) > trace.since else self.read(trace, leaf, value)

    def __set__(self, leaf: Any, value: Any) -> None:
        trace = state.tracing
        if trace is not None:
            try:
                older = _ORDER.__get__(leaf) < trace.since
            except AttributeError:  # a leaf is being made, and has no order yet
                older = False
            if older:
                self.write(trace, leaf, value)
                return
            if self.slot is _LEAF_VALUE:
                value = trace.lift(value)
        self.slot.__set__(leaf, value)


def _leaf_value(trace: Trace, leaf: Any, value: Any) -> Any:
    captured = trace.captured_leaf(leaf)
    return trace.lift(value) if captured.value is None else captured.value


def _set_order(trace: Trace, leaf: Any, order: Any) -> None:
    trace.captured_leaf(leaf).order = order


_IN_THEIR_PLACE: list[tuple[type, str, Any, Any]] = [
    (Tensor, "_value", _VALUE, _TensorValue()),
    # What is written to a leaf's own copy is written to its Tensor too.
    (Leaf, "_value", _LEAF_VALUE, _LeafSlot(_LEAF_VALUE, _leaf_value, lambda trace, leaf, value: None)),
    (Leaf, "_grad", _GRAD, _LeafSlot(_GRAD, Trace.grad_of, Trace.set_grad_of)),
    (
        Leaf, "order", _ORDER,
        _LeafSlot(_ORDER, lambda trace, leaf, order: trace.captured_leaf(leaf).order, _set_order),
    ),
    # Whether somebody wrote into its array is asked outside; inside nobody can.
    (Leaf, "before", _BEFORE, _LeafSlot(_BEFORE, lambda trace, leaf, before: None, lambda trace, leaf, value: None)),
    (Leaf, "rewritten", _REWRITTEN, _LeafSlot(_REWRITTEN, lambda trace, leaf, order: 0, lambda *ignored: None)),
]  # fmt: skip

_one_at_a_time = threading.RLock()


@contextlib.contextmanager
def _diverted(trace: Trace) -> Iterator[None]:
    """While the block runs, this thread records into the trace, and Tensors from outside are not written to."""
    with _one_at_a_time:
        for kind, name, _, instead in _IN_THEIR_PLACE:
            setattr(kind, name, instead)
        try:
            with Setting(tracing=trace):
                yield
        finally:
            trace.closed = True
            for kind, name, slot, _ in _IN_THEIR_PLACE:
                setattr(kind, name, slot)


@contextlib.contextmanager
def _computing(trace: Trace) -> Iterator[None]:
    """While a call is carried out nothing is recorded, and NumPy says nothing: it will when the program runs."""
    state.tracing = None
    try:
        with np.errstate(all="ignore"):
            yield
    finally:
        state.tracing = trace


@contextlib.contextmanager
def _global_generators() -> Iterator[None]:
    """Put the generators that NumPy and Python keep for everybody back as they were."""
    numpys, pythons = np.random.get_state(), random.getstate()
    try:
        yield
    finally:
        np.random.set_state(numpys)
        random.setstate(pythons)


# --- small things -----------------------------------------------------------------------------------------------------


def _real(item: Any) -> Any:
    """The value that a call is carried out with."""
    if type(item) is Traced:
        return float(item._value) if item._weak else item._value
    return item


def _stand_in(item: Any) -> Any:
    """An array of the same shape and dtype, without memory."""
    if type(item) is Traced:
        return 0.0 if item._weak else np.broadcast_to(np.zeros((), item.dtype), item.shape)
    return item


def _as_part(part: Any) -> Any:
    return part if hasattr(part, "dtype") else np.asarray(part)


def _outline(value: Any) -> Any:
    """The shapes and dtypes of a call's result, as steps without a program."""
    if isinstance(value, tuple | list):
        parts = [_outline(_as_part(part)) for part in value]
        return type(value)(*parts) if hasattr(type(value), "_fields") else type(value)(parts)
    return Step("outline", -1, tuple(value.shape), value.dtype)


def _has_traced(structure: Any) -> bool:
    kind = type(structure)
    if kind is tuple or kind is list:
        return any([_has_traced(item) for item in structure])
    if kind is dict:
        return any([_has_traced(item) for item in structure.values()])
    return kind is Traced


def _steps_in(structure: Any, ask: Callable[[Step], Any]) -> Iterator[Any]:
    """The answers of the steps inside nested tuples, lists and dicts, in order."""
    if type(structure) is Step:
        yield ask(structure)
    elif isinstance(structure, tuple | list):
        for item in structure:
            yield from _steps_in(item, ask)
    elif isinstance(structure, dict):
        for item in structure.values():
            yield from _steps_in(item, ask)


def _is_default(key: str, item: Any) -> bool:
    return item is {"keepdims": False, "where": True}.get(key) or (key == "initial" and item is np._NoValue)


def _same_memory(one: Any, other: Any) -> bool:
    """Whether two arrays are the same part of the same memory, both being alive."""
    return one is other or (
        (one.shape, one.strides, one.dtype) == (other.shape, other.strides, other.dtype)
        and one.size > 0
        and one.__array_interface__["data"] == other.__array_interface__["data"]
    )


def _same_content(one: Any, other: Any) -> bool:
    one, other = np.asarray(one), np.asarray(other)
    return (one.shape, one.dtype) == (other.shape, other.dtype) and (
        one.dtype == object or np.ascontiguousarray(one).tobytes() == np.ascontiguousarray(other).tobytes()
    )


def _same(one: Any, other: Any) -> bool:
    """Whether two arguments of calls are the same, in two runs."""
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if type(one) is Step:
        return bool(one.index == other.index)
    if isinstance(one, tuple | list):
        return len(one) == len(other) and all(_same(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(item, other[key]) for key, item in one.items())
    if isinstance(one, np.generic | float | complex):
        return _same_content(one, other)
    if hasattr(one, "__code__") and hasattr(other, "__code__"):
        return bool(one.__code__ is other.__code__)
    try:
        return bool(one == other)
    except Exception:
        return False


def _brief(value: Any) -> str:
    value = np.asarray(value)
    return str(value.item()) if value.size == 1 else f"an array of shape {value.shape} from {value.flat[0]}"


# --- from a run to a program ------------------------------------------------------------------------------------------


def run(call: str, enter: Callable[[Trace], Callable[[], Any]], reference: Trace | None = None) -> tuple[Trace, Any]:
    """Run a function once.

    Args:
        call: its name.
        enter: given the trace, makes the stand-ins of the arguments, and returns what runs the function on them.
        reference: the run that is repeated.

    Returns:
        The trace, and what the function returned, with steps in place of arrays.
    """
    trace = Trace(call, reference)
    with _diverted(trace):
        result = enter(trace)()
        if trace.refusal is not None:
            raise trace.refusal
        outline = results_of(trace, result)
    if reference is not None and len(trace.calls) != len(reference.calls):
        raise trace._differs(None)
    return trace, outline


def results_of(trace: Trace, result: Any) -> Any:
    """What a function returned, with a step for each array."""
    if isinstance(result, dict):
        return {key: results_of(trace, item) for key, item in result.items()}
    if isinstance(result, list | tuple):
        items = [results_of(trace, item) for item in result]
        return type(result)(*items) if hasattr(result, "_fields") else items if type(result) is list else tuple(items)
    if type(result) in (Traced, Tensor) or isinstance(result, np.ndarray):
        return trace._operand(result)
    return result


def trace_twice(call: str, enter: Callable[[Trace], Callable[[], Any]]) -> tuple[Trace, Any]:
    """Run a function twice, the second time only to see that it does the same. Returns the second run."""
    with _global_generators():
        first, _ = run(call, enter)
        return run(call, enter, first)


def program_of(
    trace: Trace, result: Any, order: list[Step], names: dict[int, str]
) -> tuple[Program, list[Captured], list[Captured], set[int]]:
    """The program of a run.

    Args:
        trace: the run.
        result: what the function returned, with steps in place of arrays.
        order: the inputs that may be arguments, in the order in which they will be given.
        names: by a Tensor's id what its surroundings call it.

    Returns:
        The program, whose results are the function's, and the new gradients where there are any; the leaves behind its
        variables; the leaves that get a gradient; the indices of those of `order` that are arguments.
    """
    state_of = [captured for captured in trace.captured.values() if captured.first is not None]
    graded = [
        captured for captured in trace.captured.values()
        if captured.grad is not UNREAD and captured.grad is not None
        and trace_step(captured.grad) is not captured.first_grad
    ]  # fmt: skip
    for captured in state_of:
        step = captured.first
        assert step is not None
        link = captured.link
        step.name = step.name or link.name or names.get(id(captured.tensor)) or assigned_name(link.code, link.lasti)
    for captured in graded:
        step = trace_step(captured.grad)
        if step.name is None and step.section == "backward" and captured.first is not None:
            step.name = f"d_{captured.first.name}"
    outputs = list(_steps_in(result, lambda step: step))
    grads = [trace_step(captured.grad) for captured in graded]
    updated = {
        id(captured): captured.value._step for captured in state_of if captured.value._step is not captured.first
    }
    _name_compositions(trace.steps)
    needed = _needed([*outputs, *grads, *updated.values()], trace.steps)
    forward_results = _needed([*outputs, *grads], [])
    begun = min((step.index for step in trace.steps if step.section == "backward"), default=-1)
    nodes: dict[int, Node] = {}
    sections: dict[int, str] = {}

    def add(step: Step, function: Any, args: Any, kwargs: Any) -> Node:
        node = Node(
            index=len(nodes), function=function, args=args, kwargs=kwargs, shape=step.shape, dtype=step.dtype,
            name=step.name or (assigned_name(step.code, step.lasti) if step.kind == "call" else None),
            scope=step.scope, source=source_of(step.code, step.lasti),
            requires_grad=step.kind == "state" and id(step) in differentiable,
        )  # fmt: skip
        nodes[step.index] = node
        return node

    def operand(item: Any, as_value: bool = False) -> Any:
        if type(item) is not Step:
            return item
        if item.index in nodes:
            return nodes[item.index]
        assert item.kind in ("array", "constant")
        return add(item, np.copy, (item.content,), {}) if as_value else item.content

    differentiable = {id(captured.first) for captured in state_of if captured.link.differentiable}
    used = {step.index for step in order if step.kind == "argument" or step.index in needed}
    arguments = [add(step, None, (), {}) for step in order if step.index in used]
    inputs = {id(captured): add(captured.first, None, (), {}) for captured in state_of}  # type: ignore[arg-type]
    for step in trace.steps:
        if step.kind == "call" and step.index in needed:
            node = add(step, step.function, mapped(step.args, operand), mapped(step.kwargs, operand))
            if step.section == "backward":
                sections[node.index] = "backward"
            elif step.index not in forward_results and step.index > begun:
                sections[node.index] = "update"
    variables = tuple(
        Variable(
            inputs[id(captured)],
            captured.first.name or f"variable_{place}",  # type: ignore[union-attr]
            operand(updated[id(captured)], True) if id(captured) in updated else None,
        )
        for place, captured in enumerate(state_of)
    )
    results = _filled(result, operand)
    if grads:
        results = (results, [operand(step, True) for step in grads])
    graph_outputs = [*_nodes_of(results), *[v.updated for v in variables if v.updated is not None]]
    graph = Graph(tuple(nodes.values()), tuple(graph_outputs))
    program = Program(graph, tuple(arguments), variables, results, sections, tuple(trace.generators))
    return program, state_of, graded, used


def trace_step(gradient: Any) -> Step:
    """The step of a gradient, a Traced or a Tensor."""
    value = _VALUE.__get__(gradient) if type(gradient) is Tensor else gradient
    step: Step = value._step
    return step


def _filled(result: Any, operand: Callable[..., Any]) -> Any:
    if isinstance(result, dict):
        return {key: _filled(item, operand) for key, item in result.items()}
    if isinstance(result, list | tuple):
        items = [_filled(item, operand) for item in result]
        return items if isinstance(result, list) else tuple(items)
    return operand(result, True) if type(result) is Step else result


def _nodes_of(structure: Any) -> Iterator[Node]:
    if isinstance(structure, Node):
        yield structure
    elif isinstance(structure, tuple | list):
        for item in structure:
            yield from _nodes_of(item)
    elif isinstance(structure, dict):
        for item in structure.values():
            yield from _nodes_of(item)


def _needed(roots: list[Step], steps: list[Step]) -> set[int]:
    """The indices of the steps that the roots are computed from, and of all draws: a generator's stream goes on."""
    found: dict[int, Step] = {step.index: step for step in roots}
    for step in steps:
        if getattr(step.function, "__module__", None) == "tinygraph.draws":
            found.setdefault(step.index, step)
    waiting = list(found.values())
    for step in waiting:  # grows while we walk it
        for operand in _steps_in((step.args, step.kwargs), lambda item: item):
            if operand.index not in found:
                found[operand.index] = operand
                waiting.append(operand)
    return set(found)


def _name_compositions(steps: list[Step]) -> None:
    """Give the last step that was made on behalf of an instruction the name that its result was assigned to."""
    last: dict[tuple[Any, int], Step] = {}
    for step in steps:
        if step.kind == "call" and step.section == "forward" and step.lasti < 0:
            last[(step.code, step.lasti)] = step
    for step in last.values():
        if step.name is None:
            step.name = assigned_name(step.code, ~step.lasti)


"""The record: call a NumPy function on Tensors, compute its value, and remember the call.

A Tensor is a value and a link into the record. The link is a `Leaf` for a value from outside, or a `Call` for the
result of a function. Calls link to the links of their operands, never the other way round. So the newest Tensors alone
hold a graph, and it goes when they go.

    a = tg.Tensor(3.0)      Tensor ── value 3.0
                                └──── link ─► Leaf
    c = a * a               Tensor ── value 9.0
                                └──── link ─► Call multiply ─► the Leaf of a (twice)

A Call keeps its value only if a derivative rule will read it, or if it is small enough to be shown. Otherwise a `Like`,
its shape and dtype, stands in.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FrameType
from typing import Any

import numpy as np

from tinygraph.engine import modes
from tinygraph.engine.data import is_data, on_data
from tinygraph.engine.keeping import copied, kept
from tinygraph.engine.links import LIVE, DataCall, Like, LiveData, Spread, Unnamed, make_outer, make_parts, next_order
from tinygraph.engine.memory import as_constant, as_writable, live_view, memory_of, snapshot, value_to_keep
from tinygraph.engine.modes import state
from tinygraph.engine.nested import mapped
from tinygraph.engine.nonfinite import watch_result, watch_unrecorded
from tinygraph.engine.operands import array_of, has_tensors, plain, plain_array, prepared, tensors_in
from tinygraph.engine.ownership import base_of, is_array, is_stand_in, reach_each_other
from tinygraph.engine.places import ViewStep
from tinygraph.engine.refusing import explained, lost_in_array, no_numbers, overwrites, unsupported
from tinygraph.engine.scopes import Entry, Label
from tinygraph.engine.settling import note_view
from tinygraph.engine.table import Operation, composition_of, function_name, is_plain, operation_of, product_with_sparse
from tinygraph.engine.value import Value
from tinygraph.errors import ShapeError

# NumPy's warnings of this file's lines are remembered nowhere, so that none is taken for a repetition: see
# `warning_lines`.
__warningregistry__ = None

# An intermediate array of at most this many elements stays in the record, to be shown in a picture.
SHOWN = 2048

# A chain of calls that no gradient passes through is remembered this far back, enough for a picture
# without letting a loop on plain data grow for ever.
DATA_DEPTH = 64

# One object for each instruction offset: calls from the same loop share it, and a call is 32 bytes lighter.
OFFSETS = list(range(4096))

_new: Callable[[type], Any] = object.__new__


# --- one call ---------------------------------------------------------------------------------------------------------


def record_call(
    op: Operation, compute: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], frame: FrameType
) -> Any:
    """Compute a call and record it.

    Args:
        op: its entry in the derivative table.
        compute: the function that computes it on arrays.
        args: its arguments, Tensors among them, also inside lists.
        kwargs: its keywords.
        frame: of the line that makes the call.

    Returns:
        A Tensor; or what NumPy returns, where the result has no derivative: places, or integers.
    """
    if modes.unusual and state.tracing is not None:
        with modes.code_of_ours():
            return _record_call(op, compute, args, kwargs, frame)
    return _record_call(op, compute, args, kwargs, frame)


def _record_call(
    op: Operation, compute: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], frame: FrameType
) -> Any:
    args, kwargs = _with_sizes(op.function, *prepared(op, args, kwargs))
    value = _computed(op, compute, args, kwargs)
    if type(value) is tuple:
        return value  # np.where(condition) alone: places, which have no derivative
    tensors = tensors_in(args)
    is_view = _is_view(value, tensors)
    live = any([type(tensor._link) in LIVE for tensor in tensors])
    if live and is_view:
        value, view = _of_live(op, args, kwargs, value, frame)
        if view is not None:
            return view
        is_view = False
    if live and _of_data(tensors):
        return as_writable(value)
    if not state.recording:
        return _without_record(op, args, kwargs, value, tensors[0] if is_view and tensors else None)
    needed: frozenset[int] = frozenset()
    needs_result = False
    if _wants_gradient(op, args):
        check_numbers(op, value, *args)
        if op.takes_dtype and value.dtype.kind not in "fc":
            return value  # integers: a step function, as `np.floor` is
        call = _new(Spread)
        needed, needs_result = op.needs, op.needs_result
    else:
        depth = 1 + max((getattr(tensor._link, "depth", 0) for tensor in tensors), default=0)
        if live:
            return as_writable(value)
        if depth > DATA_DEPTH:
            return unrecorded(value)
        call = _new(DataCall)
        call.depth = depth
    call.op = op
    call.args = tuple([_remembered(item, place in needed) for place, item in enumerate(args)])
    call.keywords = all_copied(kwargs)
    call._value = value if value.size <= SHOWN or needs_result else Like(value)
    call._grad = call._adjoint = None
    call.order = next_order()
    note_origin(call, frame, value)
    result = _new(Value._kind)
    result._value = value
    result._link = call
    if is_view:
        note_view(result, tensors[0])
    return result


def _with_sizes(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments of a call, in a function that is being compiled with known sizes and axes."""
    tracer = state.tracing if modes.unusual else None
    return (args, kwargs) if tracer is None else tracer.with_sizes(function, args, kwargs)


def _computed(op: Operation, compute: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return the result of a call as NumPy's type for it.

    Raises:
        ShapeError, ValueError, IndexError: NumPy refused the arguments.
    """
    try:
        value = compute(*plain(args), **plain(kwargs))
    except (ValueError, IndexError) as error:
        raise explained(error, op, args) from None
    if type(value) is complex:  # Python's result of 1j * np.float64(2)
        return np.complex128(value)
    if type(value) is not np.ndarray and isinstance(value, np.ndarray):
        return plain_array(value)  # of a list in which there is one
    return value


def _without_record(op: Operation, args: tuple[Any, ...], kwargs: dict[str, Any], value: Any, of: Any) -> Any:
    """Return the result of a call that is not recorded: a Tensor that requires no gradient.

    Args:
        op, args, kwargs: of the call.
        value: its result.
        of: the Tensor that the result is a view of; None for no view.
    """
    if state.watching:
        watch_unrecorded(function_name(op.function), plain(args), value)
    result = unrecorded(value, None if of is None else of._link)
    if of is not None:
        if type(of._link) is Unnamed:
            result._link.taken = _taken_from(of, op, args, kwargs)
        note_view(result, of)
    return result


def _taken_from(
    of: Any, op: Operation, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Unnamed, ViewStep] | None:
    """Return the link of a Tensor, and the step to the view that a call makes of it; None if more Tensors are in it."""
    position = next((place for place, item in enumerate(args) if item is of), None)
    if position is None or len(tensors_in(args)) > 1:
        return None
    others = tuple([copied(item) for item in (*args[:position], *args[position + 1 :])])
    return of._link, ViewStep(op.function, others, all_copied(kwargs), position=position)


def _is_view(value: Any, tensors: list[Any]) -> bool:
    """Return whether a result may be a view of an operand, or is the array of an operand itself."""
    if type(value) is np.ndarray:
        return value.base is not None or any([value is tensor._value for tensor in tensors])
    return (
        bool(modes.unusual)
        and is_array(value)
        and (base_of(value) is not None or any([value is tensor._value for tensor in tensors]))
    )


def _of_data(tensors: list[Any]) -> bool:
    """Return whether each of some Tensors is data, whose calls nobody has to remember."""
    return all([is_data(tensor) for tensor in tensors]) and not (state.tracing or state.watching)


def _of_live(op: Operation, args: Any, kwargs: dict[str, Any], value: Any, frame: FrameType) -> tuple[Any, Any]:
    """Return a result computed from live Tensors, and the Tensor of it if it is a view of one of the arguments."""
    tensors = [tensor for tensor in tensors_in(args) if type(tensor._link) in LIVE]
    if not any([reach_each_other(value, memory_of(tensor).array) for tensor in tensors]):
        return value, None
    position = next((place for place, item in enumerate(args) if item is tensors[0]), None)
    if position is None or len(tensors) > 1:
        return snapshot(value), None  # no view that NumPy is known to take
    args = tuple([item if item is tensors[0] else copied(item) for item in args])
    origin = (*(state.origin or (frame.f_code, frame.f_lasti)), state.label)
    return value, live_view(op, args, position, all_copied(kwargs), value, state.recording, origin)


def _wants_gradient(op: Operation, args: tuple[Any, ...]) -> bool:
    """Return whether a gradient flows to an argument. Links keep the values that the rules will read."""
    rules = op.rules
    wanted = False
    for position, argument in enumerate(args):
        for tensor in tensors_in(argument):
            link = tensor._link
            if link.differentiable and position < len(rules) and rules[position] is not None:
                wanted = True
            if position in op.needs and type(link._value) is Like:
                link._value = value_to_keep(tensor)
    return wanted


def note_origin(call: Any, frame: FrameType, value: Any) -> None:
    """Note the scope and the line that a call is made in, and look for NaN in its value where that is asked for."""
    call.label = state.label
    origin = state.origin
    if origin is None:
        call.code = frame.f_code
        lasti = frame.f_lasti
        call.lasti = OFFSETS[lasti] if lasti < 4096 else lasti
    else:
        call.code, call.lasti = origin
    if state.watching:
        watch_result(call, value)


def unrecorded(value: Any, view_of: Any = None) -> Any:
    """Return a Tensor that holds a value and requires no gradient.

    Args:
        value: its array, or a number.
        view_of: the link of the Tensor that the value may be a view of.
    """
    tensor = _new(Value._kind)
    tensor._value = value
    tensor._link = Unnamed(value)
    if view_of is not None and not view_of.is_call:
        tensor._link.view_of = view_of.view_of if type(view_of) is Unnamed else view_of
    return tensor


def check_numbers(op: Operation, value: Any, *args: Any) -> None:
    """Raise UnsupportedError for a result that is made of objects or of spans of time: no gradient goes through it."""
    if not hasattr(value, "dtype") or value.dtype.kind in "OmM":
        raise no_numbers(op, value, args)


def _remembered(structure: Any, needed: bool) -> Any:
    """Return an argument as a call remembers it: links for Tensors, and arrays that no later write changes."""

    def remember(item: Any) -> Any:
        if isinstance(item, Value):
            return as_constant(item, needed) if type(item._link) is LiveData else item._link
        if type(item) is not np.ndarray:
            return item
        return kept(item) if needed or item.size <= SHOWN else Like(item)

    return mapped(structure, remember)


def all_copied(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return keywords with the arrays in them copied."""
    return mapped(kwargs, copied) if kwargs else kwargs


# --- any function, and operators --------------------------------------------------------------------------------------


def call_function(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], frame: FrameType) -> Any:
    """Call a NumPy function, or a primitive, on arguments among which there are Tensors.

    Raises:
        UnsupportedError: the table does not know the function.
        ShapeError: NumPy refused the shapes.
    """
    result = on_data(function, function, args, kwargs)
    if result is not NotImplemented:
        return result
    if kwargs.get("out") is not None:
        rest = {key: item for key, item in kwargs.items() if key != "out"}
        return into(kwargs["out"], call_function(function, args, rest, frame), function, frame)
    op = operation_of(function)
    if op is not None:
        return record_call(op, op.function if modes.unusual and modes.is_tracing() else op.compute, args, kwargs, frame)
    if is_plain(function):
        return function(*plain(args), **plain(kwargs))
    written_out = composition_of(function)
    if written_out is not None:
        args, kwargs = _with_sizes(function, args, kwargs)
        return compose(function_name(function), written_out, args, kwargs, frame)
    if function in _WITH_LIKE and state.tracing is not None and not has_tensors((args, kwargs)):
        return as_writable(state.tracing.call_function(function, args, kwargs))
    raise unsupported(function)


def into(out: Any, result: Any, function: Callable[..., Any], frame: FrameType) -> Any:
    """Write the result of a call into the array of its `out=`. Returns that array."""
    name = function_name(function)
    if type(out) is tuple:
        if len(out) != 1:
            raise overwrites(name, "several out=")
        (out,) = out
    dtype = getattr(result, "dtype", None)
    if dtype is not None and not np.can_cast(dtype, out.dtype, "same_kind"):
        raise TypeError(f"{name}: a result of dtype {dtype} does not fit into out= of {out.dtype}")
    if np.ndim(result) > out.ndim:
        raise ShapeError(f"{name}: a result of shape {np.shape(result)} does not fit into out= of {out.shape}")
    if isinstance(out, Value):
        out._write(..., result, frame, f"{name}, out=t")
    elif not (type(out) is np.ndarray or is_stand_in(out)) or (
        isinstance(result, Value) and result._link.differentiable and state.recording
    ):
        raise lost_in_array(f"{name}, with out= or as `a += t` does", tensors_in(result))
    else:
        out[...] = plain(result)
    return out


# Functions that make arrays, and ask the Tensor in `like=` alone: `np.arange(3.0, like=t)`.
_WITH_LIKE: frozenset[Any] = frozenset((
    np.array, np.asarray, np.asanyarray, np.ascontiguousarray, np.arange, np.zeros, np.ones, np.empty, np.full, np.eye,
    np.identity, np.tri,
))  # fmt: skip


def call_operator(function: Callable[..., Any], compute: Callable[..., Any], x: Any, y: Any, frame: FrameType) -> Any:
    """Record an operator of Python's, `x + y`. Return NotImplemented for an operand that has operators of its own.

    Args:
        function: the NumPy function that the operator calls.
        compute: the operator.
        x: its left operand.
        y: its right operand. One of the two is a Tensor.
        frame: of the line that makes the call.
    """
    operands = [item if isinstance(item, Value) else constant(item) for item in (x, y)]
    if any([item is NotImplemented for item in operands]):
        return product_with_sparse(function, x, y, frame)
    op = operation_of(function)
    assert op is not None
    return record_call(op, compute, tuple(operands), {}, frame)


def constant(other: Any) -> Any:
    """Return a constant operand as NumPy takes it, or NotImplemented for an object with operators of its own."""
    if isinstance(other, np.ndarray):
        return plain_array(other)
    if isinstance(other, np.generic | int | float | complex):
        return other
    return array_of(other) if isinstance(other, list | tuple) else NotImplemented


def compose(
    name: str, written_out: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], frame: FrameType
) -> Any:
    """Run a function written out with others, under a scope with its name, on behalf of the user's line."""
    # `with Setting(label=..., origin=...):` written out, which takes a third of the time.
    label, origin = state.label, state.origin
    entry = name if type(name) is Entry else Entry(name)
    modes.begin_unusual()
    state.label = Label(None, (entry,) if label is None else (*label.scope, entry), True)
    state.origin = origin or (frame.f_code, frame.f_lasti)
    try:
        result = written_out(*args, **kwargs)
    finally:
        state.label, state.origin = label, origin
        modes.end_unusual()
        entry.left = next_order()
    if origin is None and isinstance(result, Value) and result._link.lasti == frame.f_lasti:
        make_outer(result._link)  # what the user assigns is this call's result, not those on the way
    elif origin is None and isinstance(result, tuple | list):
        make_parts(result, frame.f_lasti)
    return result

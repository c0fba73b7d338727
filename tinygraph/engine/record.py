"""The record: call a NumPy function on Tensors, compute its value, and remember how.

A Tensor is a value and a link into the record. The link is a `Leaf`, where a value came from outside, or
a `Call`, where a function made it. Calls link to the links of their operands, never the other way round, so
that a graph is held by its newest Tensors alone and goes when they go.

    a = tg.Tensor(3.0)      Tensor ── value 3.0
                                └──── link ─► Leaf
    c = a * a               Tensor ── value 9.0
                                └──── link ─► Call multiply ─► the Leaf of a (twice)

A Call keeps its value only where a derivative rule will read it or where it is small enough to be shown;
otherwise a `Like`, its shape and dtype, stands in. This file is the hot path of the library: what is written
out twice here was measured to be worth it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygraph.engine import modes
from tinygraph.engine.keeping import COPIED, copied, kept
from tinygraph.engine.links import Both, DataCall, First, Left, Like, Right, Spread, Unary, Unnamed, mapped, next_order
from tinygraph.engine.modes import state
from tinygraph.engine.nonfinite import watch_result, watch_unrecorded
from tinygraph.engine.operands import CONSTANTS, NUMBERS, array_of, has_tensors, plain, plain_array, tensors_in
from tinygraph.engine.refusing import explained, no_numbers, overwrites, unsupported
from tinygraph.engine.scopes import Entry
from tinygraph.engine.table import Operation, composition_of, function_name, is_plain, operation_of
from tinygraph.errors import UnsupportedError

if TYPE_CHECKING:
    from tinygraph.engine.tensor import Tensor

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
_float64 = np.float64
_FLOAT64 = np.dtype(np.float64)
_getframe = sys._getframe


# --- the record of one and two operands -------------------------------------------------------------------------------


def _place(call: Any, frame: FrameType, value: Any) -> None:
    """Write into a call what is particular to this thread: its scope, and the line it is made on behalf of."""
    call.label = state.scope or None
    origin = state.origin
    if origin is None:
        call.code = frame.f_code
        lasti = frame.f_lasti
        call.lasti = OFFSETS[lasti] if lasti < 4096 else lasti
    else:
        call.code, call.lasti = origin
    if state.watching:
        watch_result(call, value)


def unrecorded(value: Any, origin: Any = None) -> Tensor:
    """A Tensor that holds a value and requires no gradient.

    Args:
        value: its array, or a number.
        origin: the link of the Tensor that the value may be a view of.
    """
    tensor = _new(Tensor)
    tensor._value = value
    tensor._link = Unnamed(value, None, None)
    if origin is not None and not origin.is_call:
        tensor._link.before = origin.before if type(origin) is Unnamed else origin
    return tensor  # type: ignore[no-any-return]


def unary(op: Operation, compute: Callable[..., Any], x: Tensor, frame: FrameType) -> Tensor:
    """Compute and record f(x)."""
    link = x._link
    if not link.differentiable or (modes.unusual and not state.recording):
        return spread(op, compute, (x,), {}, frame)  # type: ignore[no-any-return]
    try:
        value = compute(x._value)
    except ValueError as error:
        raise explained(error, op, (x,)) from None
    call: Any = _new(Unary)
    call.op = op
    call.x = link
    if type(value) is _float64:
        call._value = value
    else:
        call._value = value if op.needs_result or value.size <= SHOWN else Like(value)
        if op.needs_x and type(link._value) is Like:
            link._value = x._value
    call._grad = call._adjoint = None
    call.order = next_order()
    if modes.unusual:
        _place(call, frame, value)
    else:
        call.label = None
        call.code = frame.f_code
        lasti = frame.f_lasti
        call.lasti = OFFSETS[lasti] if lasti < 4096 else lasti
    tensor = _new(Tensor)
    tensor._value = value
    tensor._link = call
    return tensor  # type: ignore[no-any-return]


def operator(
    function: Callable[..., Any], compute: Callable[..., Any]
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The pair of methods, `t * other` and `other * t`, that compute and record one binary operation.

    This is `unary`'s body for two operands, once for each case of which of them wants a gradient: a generic
    record with a loop over arguments took four times as long.
    """
    op = operation_of(function)
    assert op is not None
    # A number is computed from numbers, which are never given back; but that of a product can be one of two vectors.
    number = _float64 if function is not np.matmul else None

    def method(self: Tensor, other: Any) -> Any:
        x = self._link
        if type(other) is Tensor:
            y = other._link
            if not (x.differentiable and y.differentiable) or (modes.unusual and not state.recording):
                return binary(op, compute, self, other, _getframe(1))
            try:
                value = compute(self._value, other._value)
            except ValueError as error:
                raise explained(error, op, (self, other)) from None
            call: Any = _new(Both)
            call.x = x
            call.y = y
            if type(value) is number:
                call._value = value
            else:
                call._value = value if op.needs_result or value.size <= SHOWN else Like(value)
                if op.needs_x and type(x._value) is Like:
                    x._value = self._value
                if op.needs_y and type(y._value) is Like:
                    y._value = other._value
        elif type(other) in CONSTANTS and x.differentiable and not (modes.unusual and not state.recording):
            try:
                value = compute(self._value, other)
            except ValueError as error:
                raise explained(error, op, (self, other)) from None
            call = _new(Left)
            call.x = x
            call.y = other
            if type(other) is np.ndarray:
                if other.dtype is not _FLOAT64:
                    _check_numbers(op, value, other)
                call.y = kept(other) if op.needs_y or other.size <= SHOWN else Like(other)
            if type(value) is number:
                call._value = value
            else:
                call._value = value if op.needs_result or value.size <= SHOWN else Like(value)
                if op.needs_x and type(x._value) is Like:
                    x._value = self._value
        else:
            return binary(op, compute, self, other, _getframe(1))
        call.op = op
        call._grad = call._adjoint = None
        call.order = next_order()
        frame = _getframe(1)
        if modes.unusual:
            _place(call, frame, value)
        else:
            call.label = None
            call.code = frame.f_code
            lasti = frame.f_lasti
            call.lasti = OFFSETS[lasti] if lasti < 4096 else lasti
        tensor = _new(Tensor)
        tensor._value = value
        tensor._link = call
        return tensor

    def reflected(self: Tensor, other: Any) -> Any:
        y = self._link
        if type(other) not in NUMBERS or not y.differentiable or modes.unusual:
            return binary(op, compute, other, self, _getframe(1))
        value = compute(other, self._value)
        call: Any = _new(Right)
        call.op = op
        call.x = other
        call.y = y
        if type(value) is _float64:
            call._value = value
        else:
            call._value = value if op.needs_result or value.size <= SHOWN else Like(value)
            if op.needs_y and type(y._value) is Like:
                y._value = self._value
        call._grad = call._adjoint = None
        call.order = next_order()
        frame = _getframe(1)
        call.label = None
        call.code = frame.f_code
        lasti = frame.f_lasti
        call.lasti = OFFSETS[lasti] if lasti < 4096 else lasti
        tensor = _new(Tensor)
        tensor._value = value
        tensor._link = call
        return tensor

    return method, reflected


def binary(op: Operation, compute: Callable[..., Any], x: Any, y: Any, frame: FrameType) -> Any:
    """Compute and record f(x, y) where at least one of the two is a Tensor; NotImplemented for foreign objects."""
    x_link = x._link if type(x) is Tensor else None
    y_link = y._link if type(y) is Tensor else None
    if x_link is None and type(x) not in CONSTANTS and (x := _constant(x)) is NotImplemented:
        return NotImplemented
    if y_link is None and type(y) not in CONSTANTS and (y := _constant(y)) is NotImplemented:
        return NotImplemented
    if (x_link is None and type(x) is Tensor) or (y_link is None and type(y) is Tensor):
        return binary(op, compute, x, y, frame)  # a list of Tensors has become one
    x_wants = x_link is not None and x_link.differentiable and op.rules[0] is not None
    y_wants = y_link is not None and y_link.differentiable and op.rules[1] is not None
    if not (x_wants or y_wants) or (modes.unusual and not state.recording):
        return spread(op, compute, (x, y), {}, frame)
    x_value = x if x_link is None else x._value
    y_value = y if y_link is None else y._value
    try:
        value = compute(x_value, y_value)
    except ValueError as error:
        raise explained(error, op, (x, y)) from None
    if type(value) is complex:  # what Python makes of 1j * np.float64(2)
        value = np.complex128(value)
    elif type(value) is not _float64:
        _check_numbers(op, value, x, y)
    call = _new(Both if x_wants and y_wants else Left if x_wants else Right)
    call.op = op
    call._value = value if value.size <= SHOWN or op.needs_result else Like(value)
    if x_link is None:
        call.x = x if type(x) is not np.ndarray else kept(x) if op.needs_x or x.size <= SHOWN else Like(x)
    else:
        call.x = x_link
        if op.needs_x and type(x_link._value) is Like:
            x_link._value = x_value
    if y_link is None:
        call.y = y if type(y) is not np.ndarray else kept(y) if op.needs_y or y.size <= SHOWN else Like(y)
    else:
        call.y = y_link
        if op.needs_y and type(y_link._value) is Like:
            y_link._value = y_value
    call._grad = call._adjoint = None
    call.order = next_order()
    if modes.unusual:
        _place(call, frame, value)
    else:
        call.label = None
        call.code = frame.f_code
        lasti = frame.f_lasti
        call.lasti = OFFSETS[lasti] if lasti < 4096 else lasti
    tensor = _new(Tensor)
    tensor._value = value
    tensor._link = call
    return tensor


def _constant(other: Any) -> Any:
    """A constant operand as NumPy would take it, or NotImplemented for an object with operators of its own."""
    if isinstance(other, np.ndarray):
        return plain_array(other)
    if isinstance(other, np.generic | int | float | complex):
        return other
    return array_of(other) if isinstance(other, list | tuple) else NotImplemented


# --- the record of any call -------------------------------------------------------------------------------------------


def call_function(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], frame: FrameType) -> Any:
    """Call a NumPy function, or a primitive, on arguments among which there are Tensors.

    Raises:
        UnsupportedError: the table does not know the function.
        ShapeError: NumPy refused the shapes.
    """
    op = operation_of(function)
    if op is not None:
        return spread(op, op.function if modes.unusual and modes.is_tracing() else op.compute, args, kwargs, frame)
    if is_plain(function):
        return function(*plain(args), **plain(kwargs))
    written_out = composition_of(function)
    if written_out is not None:
        return compose(function_name(function), written_out, args, kwargs, frame)
    if function in _WITH_LIKE and not has_tensors((args, kwargs)):
        return state.tracing.call_function(function, args, kwargs) if state.tracing else function(*args, **kwargs)
    raise unsupported(function)


# Functions that make arrays, and ask the Tensor in `like=` alone: `np.arange(3.0, like=t)`.
_WITH_LIKE: frozenset[Any] = frozenset((
    np.array, np.asarray, np.asanyarray, np.ascontiguousarray, np.arange, np.zeros, np.ones, np.empty, np.full, np.eye,
    np.identity, np.tri,
))  # fmt: skip


def compose(
    name: str, written_out: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], frame: FrameType
) -> Any:
    """Run a function written out with others, under a scope with its name, on behalf of the user's line."""
    if kwargs.get("out") is not None:
        raise overwrites(name, "out=")
    # `with Setting(scope=..., origin=...):` written out, which takes a third of the time.
    scope, origin = state.scope, state.origin
    entry = name if type(name) is Entry else Entry(name)
    modes.begin_unusual()
    state.scope, state.origin = (*scope, entry), origin or (frame.f_code, ~frame.f_lasti)
    try:
        result = written_out(*args, **kwargs)
    finally:
        state.scope, state.origin = scope, origin
        modes.end_unusual()
        entry.left = next_order()
    if origin is None and type(result) is Tensor and result._link.lasti == ~frame.f_lasti:
        result._link.lasti = frame.f_lasti  # what the user assigns is this call's result, not those on the way
    return result


# The types of arguments that cannot hide a Tensor.
_OPAQUE = frozenset((*CONSTANTS, str, slice, type(None), type(Ellipsis), np.int32, type))
_MUTABLE = frozenset((np.ndarray, tuple))
_NOTHING: tuple[tuple[Any, ...], dict[str, Any]] = ((), {})


def _opaque(item: Any) -> bool:
    """Whether an argument cannot hide a Tensor, and is small enough to be copied, seen at a glance."""
    if type(item) is tuple:
        return all([type(part) in _OPAQUE and (type(part) is not np.ndarray or part.size <= COPIED) for part in item])
    if type(item) is np.ndarray:
        return bool(item.size <= COPIED) and item.dtype.kind not in "OmM"
    return type(item) in _OPAQUE or isinstance(item, np.dtype)


def first(
    op: Operation,
    compute: Callable[..., Any],
    x: Tensor,
    rest: tuple[Any, ...],
    kwargs: dict[str, Any],
    frame: FrameType,
) -> Tensor:
    """Compute and record f(x, *rest, **kwargs) where x wants a gradient and nothing else is a Tensor.

    A reduction, an index or a reshape is such a call. `spread` would do it too, in twice the time.
    """
    link = x._link
    try:
        value = compute(x._value, *rest, **kwargs)
    except (ValueError, IndexError) as error:
        raise explained(error, op, (x, *rest)) from None
    if op.takes_dtype and value.dtype.kind not in "fc":
        _check_numbers(op, value)
        return value  # type: ignore[no-any-return]  # integers: a step function, as `np.floor` is
    call: Any = _new(First)
    call.op = op
    call.x = link
    if rest or kwargs:
        call.y = tuple([copied(item) if type(item) in _MUTABLE else item for item in rest]), _all_copied(kwargs)
    else:
        call.y = _NOTHING
    if type(value) is _float64:
        call._value = value
    else:
        call._value = value if op.needs_result or value.size <= SHOWN else Like(value)
    if op.needs_x and type(link._value) is Like:
        link._value = x._value
    call._grad = call._adjoint = None
    call.order = next_order()
    if modes.unusual:
        _place(call, frame, value)
    else:
        call.label = None
        call.code = frame.f_code
        lasti = frame.f_lasti
        call.lasti = OFFSETS[lasti] if lasti < 4096 else lasti
    tensor = _new(Tensor)
    tensor._value = value
    tensor._link = call
    return tensor  # type: ignore[no-any-return]


def spread(
    op: Operation, compute: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], frame: FrameType
) -> Any:
    """Compute and record a call with any arguments."""
    if (
        args
        and type(args[0]) is Tensor
        and args[0]._link.differentiable
        and op.rules[0] is not None
        and not (modes.unusual and not state.recording)
        and all([_opaque(item) for item in args[1:]])
        and (not kwargs or ("out" not in kwargs and all([_opaque(item) for item in kwargs.values()])))
    ):
        return first(op, compute, args[0], args[1:], kwargs, frame)
    if kwargs:
        if kwargs.get("out") is not None:
            raise overwrites(function_name(op.function), "out=")
        if has_tensors(kwargs):
            args, kwargs = _bind(op, args, kwargs)
    if not op.takes_sequences and any([type(item) in (list, tuple) for item in args]):
        of_arrays = type(op.function) is np.ufunc  # the rules of a ufunc compute with each of its arguments
        traced = state.tracing.holds_traced if modes.unusual and state.tracing is not None else has_tensors
        args = tuple([array_of(item) if of_arrays or has_tensors(item) or traced(item) else item for item in args])
    if any([isinstance(item, np.ndarray) and type(item) is not np.ndarray for item in args]):
        args = tuple([plain_array(item) if isinstance(item, np.ndarray) else item for item in args])
    try:
        value = compute(*plain(args), **plain(kwargs))
    except (ValueError, IndexError) as error:
        raise explained(error, op, args) from None
    if type(value) is tuple:
        return value  # np.where(condition) alone: places, which have no derivative
    if type(value) is not np.ndarray and isinstance(value, np.ndarray):
        value = plain_array(value)  # of a list in which there is one
    if not state.recording:
        if state.watching:
            watch_unrecorded(function_name(op.function), plain(args), value)
        is_view = type(value) is np.ndarray and value.base is not None
        return unrecorded(value, next((tensor._link for tensor in tensors_in(args)), None) if is_view else None)
    rules = op.rules
    differentiable = False
    for position, argument in enumerate(args):
        for tensor in tensors_in(argument):
            link = tensor._link
            if link.differentiable and position < len(rules) and rules[position] is not None:
                differentiable = True
            if position in op.needs and type(link._value) is Like:
                link._value = tensor._value
    if differentiable and type(value) is not _float64:
        _check_numbers(op, value, *args)
    if differentiable and op.takes_dtype and value.dtype.kind not in "fc":
        return value  # integers: a step function, as `np.floor` is
    if differentiable:
        call = _new(Spread)
    else:
        depth = 1 + max((getattr(tensor._link, "depth", 0) for tensor in tensors_in(args)), default=0)
        if depth > DATA_DEPTH:
            return unrecorded(value)
        call = _new(DataCall)
        call.depth = depth
    call.op = op
    call.x = tuple([_remembered(item, differentiable and place in op.needs) for place, item in enumerate(args)])
    call.y = _all_copied(kwargs)
    call._value = value if value.size <= SHOWN or (differentiable and op.needs_result) else Like(value)
    call._grad = call._adjoint = None
    call.order = next_order()
    _place(call, frame, value)
    result = _new(Tensor)
    result._value = value
    result._link = call
    return result


def _check_numbers(op: Operation, value: Any, *args: Any) -> None:
    """Raise UnsupportedError for a result that is made of objects or of spans of time: no gradient goes through it."""
    if not hasattr(value, "dtype") or value.dtype.kind in "OmM":
        raise no_numbers(op, value, args)


def _remembered(structure: Any, needed: bool) -> Any:
    """An argument as a call remembers it: links for Tensors, and arrays in no danger of being written into."""

    def remember(item: Any) -> Any:
        if type(item) is Tensor:
            return item._link
        if type(item) is not np.ndarray:
            return item
        return kept(item) if needed or item.size <= SHOWN else Like(item)

    return mapped(structure, remember)


def _all_copied(kwargs: dict[str, Any]) -> dict[str, Any]:
    return mapped(kwargs, copied) if kwargs else kwargs


def _bind(op: Operation, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Move arguments that were given by keyword to their places, so that each rule finds its own."""
    names = op.parameters[: len(op.rules)]
    rest = dict(kwargs)
    bound = list(args)
    for name in names[len(args) :]:
        if name not in rest:
            break
        bound.append(rest.pop(name))
    stray = next((key for key, item in rest.items() if has_tensors(item)), None)
    if stray is not None:
        raise UnsupportedError(
            f"{function_name(op.function)}: no gradient can flow to {stray}=; give a plain array "
            f"({stray}.data if it is a constant here)"
        )
    return tuple(bound), rest

"""The quick record: what `record` does, written out for each of the most frequent kinds of call.

The plain record loops over the arguments of a call, asks of each what it is, and is ten times slower. Here the code of
one call stands without a loop, once for each kind: f(x), x + y with a gradient to both or to one, f(x, *constants).
Whatever is unusual goes on to the plain record. The two record the same, and the tests hold them to it.

`install` gives these methods to Tensor. With `TINYGRAPH_QUICK=0` in the environment nothing is installed.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any
from weakref import ref as reference

import numpy as np

from tinygraph.engine import modes, record, settling
from tinygraph.engine.array_methods import TensorMethods
from tinygraph.engine.data import is_data, on_data, part_of_data
from tinygraph.engine.keeping import COPIED, copied, kept
from tinygraph.engine.links import LIVE, LIVE_CALLS, Like, LiveData, next_order
from tinygraph.engine.memory import as_writable, value_to_keep
from tinygraph.engine.modes import state
from tinygraph.engine.operands import CONSTANTS, NUMBERS
from tinygraph.engine.operators import ARITHMETIC
from tinygraph.engine.ownership import is_array, is_stand_in
from tinygraph.engine.quick_links import Both, First, Left, Right, Unary
from tinygraph.engine.record import (
    OFFSETS,
    SHOWN,
    all_copied,
    call_operator,
    check_numbers,
    constant,
    note_origin,
    record_call,
)
from tinygraph.engine.refusing import explained
from tinygraph.engine.settling import note_view, views
from tinygraph.engine.table import Operation, operation_of
from tinygraph.engine.tensor import Tensor
from tinygraph.engine.ufuncs import call_ufunc

__all__ = ["install"]

__warningregistry__ = None  # as in `record`

_new: Callable[[type], Any] = object.__new__
_float64 = np.float64
_ndarray = np.ndarray
_FLOAT64 = np.dtype(np.float64)
_getframe = sys._getframe


# --- the record of one and two operands -------------------------------------------------------------------------------


def unary(op: Operation, compute: Callable[..., Any], x: Any, frame: FrameType) -> Any:
    """Compute and record f(x)."""
    link = x._link
    if not (link.ready or type(link) in LIVE_CALLS) or (
        modes.unusual
        and (not state.recording or (state.tracing is not None and (not link.ready or op.function is np.transpose)))
    ):  # `record_call` knows the views of a stand-in, of which `x.T` alone comes here
        if type(link) is LiveData and (result := on_data(op.function, compute, (x,), {})) is not NotImplemented:
            return result
        return record_call(op, compute, (x,), {}, frame)
    operand = x._value
    try:
        value = compute(operand)
    except ValueError as error:
        raise explained(error, op, (x,)) from None
    call: Any = _new(Unary)
    call.op = op
    call.x = link
    if type(value) is _float64:
        call._value = value
        if type(operand) is not _float64 and op.needs_x and type(link._value) is Like:  # the largest of many
            link._value = operand if link.ready else operand.copy()
    else:
        call._value = value if op.needs_result or value.size <= SHOWN else Like(value)
        if op.needs_x and type(link._value) is Like:
            link._value = operand if link.ready else operand.copy()
    call._grad = call._adjoint = None
    call.order = next_order()
    if modes.unusual:
        note_origin(call, frame, value)
    else:
        call.label = None
        call.code = frame.f_code
        lasti = frame.f_lasti
        call.lasti = OFFSETS[lasti] if lasti < 4096 else lasti
    tensor = _new(Tensor)
    tensor._value = value
    tensor._link = call
    if type(value) is _ndarray and (value.base is not None or value is operand):
        if not link.ready:
            return record_call(op, compute, (x,), {}, frame)
        views.append((reference(tensor), reference(x)))  # `note_view`, written out
        if len(views) > settling.most_views:
            settling.forget_views()
    return tensor


def operator_methods(
    function: Callable[..., Any], compute: Callable[..., Any]
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return the methods `t * other` and `other * t`, which compute and record one binary operation."""
    op = operation_of(function)
    assert op is not None
    return _method(op, compute), _reflected_method(op, compute)


def _method(op: Operation, compute: Callable[..., Any]) -> Callable[..., Any]:
    """Return the method `t * other`: the body of `unary`, once for another Tensor and once for a constant."""
    # A number is computed from numbers, which are never freed; but that of a product can be one of two vectors.
    number = _float64 if op.function is not np.matmul else None

    def method(self: Tensor, other: Any) -> Any:
        x = self._link
        if type(other) is Tensor:
            y = other._link
            if not (x.ready and y.ready) or (modes.unusual and not state.recording):
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
        elif type(other) in CONSTANTS and x.ready and not (modes.unusual and not state.recording):
            try:
                value = compute(self._value, other)
            except ValueError as error:
                raise explained(error, op, (self, other)) from None
            call = _new(Left)
            call.x = x
            call.y = other
            if type(other) is np.ndarray:
                if other.dtype is not _FLOAT64:
                    check_numbers(op, value, other)
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
            note_origin(call, frame, value)
        else:
            call.label = None
            call.code = frame.f_code
            lasti = frame.f_lasti
            call.lasti = OFFSETS[lasti] if lasti < 4096 else lasti
        tensor = _new(Tensor)
        tensor._value = value
        tensor._link = call
        return tensor

    return method


def _reflected_method(op: Operation, compute: Callable[..., Any]) -> Callable[..., Any]:
    """Return the method `other * t`, where `other` is a number."""

    def reflected(self: Tensor, other: Any) -> Any:
        y = self._link
        if type(other) not in NUMBERS or not y.ready or modes.unusual:
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

    return reflected


def binary(op: Operation, compute: Callable[..., Any], x: Any, y: Any, frame: FrameType) -> Any:
    """Compute and record f(x, y) where at least one of the two is a Tensor; NotImplemented for foreign objects."""
    x_link = x._link if type(x) is Tensor else None
    y_link = y._link if type(y) is Tensor else None
    if x_link is None and type(x) not in CONSTANTS:
        if (array := constant(x)) is NotImplemented:
            return call_operator(op.function, compute, x, y, frame)  # a sparse matrix, or an object we do not know
        x = array
    if y_link is None and type(y) not in CONSTANTS:
        if (array := constant(y)) is NotImplemented:
            return call_operator(op.function, compute, x, y, frame)
        y = array
    if (x_link is None and type(x) is Tensor) or (y_link is None and type(y) is Tensor):
        return call_operator(op.function, compute, x, y, frame)  # a list of Tensors has become one
    if (
        (type(x_link) is LiveData or type(y_link) is LiveData)
        and (x_link is None or is_data(x))
        and (y_link is None or is_data(y))
        and not (modes.unusual and (state.tracing or state.watching))
    ):
        return as_writable(compute(x if x_link is None else x._value, y if y_link is None else y._value))
    if x_link is not None and type(x_link) in LIVE:
        x, x_link = _live_operand(x, op.needs_x)
    if y_link is not None and type(y_link) in LIVE:
        y, y_link = _live_operand(y, op.needs_y)
    x_wants = x_link is not None and x_link.differentiable and op.rules[0] is not None
    y_wants = y_link is not None and y_link.differentiable and op.rules[1] is not None
    if not (x_wants or y_wants) or (modes.unusual and not state.recording):
        return call_operator(op.function, compute, x, y, frame)
    x_value = x if x_link is None else x._value
    y_value = y if y_link is None else y._value
    try:
        value = compute(x_value, y_value)
    except ValueError as error:
        raise explained(error, op, (x, y)) from None
    if type(value) is complex:  # what Python makes of 1j * np.float64(2)
        value = np.complex128(value)
    elif type(value) is not _float64:
        check_numbers(op, value, x, y)
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
        note_origin(call, frame, value)
    else:
        call.label = None
        call.code = frame.f_code
        lasti = frame.f_lasti
        call.lasti = OFFSETS[lasti] if lasti < 4096 else lasti
    tensor = _new(Tensor)
    tensor._value = value
    tensor._link = call
    return tensor


def _live_operand(tensor: Any, needed: bool) -> tuple[Any, Any]:
    """Return a live operand and its link, or the constant that it is and None."""
    link = tensor._link
    if type(link) is LiveData:
        return (tensor._value.copy() if needed else tensor._value), None
    if needed and type(link._value) is Like:
        link._value = value_to_keep(tensor)
    return tensor, link


# --- the record of one Tensor and constants ---------------------------------------------------------------------------


# The types of arguments that cannot hide a Tensor.
_OPAQUE = frozenset((*CONSTANTS, str, slice, type(None), type(Ellipsis), np.int32, type))
_NO_ARRAYS = _OPAQUE - {np.ndarray}
_MUTABLE = frozenset((np.ndarray, tuple))
_NO_KEYWORDS: dict[str, Any] = {}


def _opaque(item: Any) -> bool:
    """Return whether an argument can be seen at a glance to hide no Tensor, and is small enough to be copied."""
    if type(item) is tuple:
        return all([type(part) in _OPAQUE and (type(part) is not np.ndarray or part.size <= COPIED) for part in item])
    if type(item) is np.ndarray:
        return bool(item.size <= COPIED) and item.dtype.kind not in "OmM"
    return type(item) in _OPAQUE or isinstance(item, np.dtype)


def _opaque_number(item: Any) -> bool:
    """Return whether an argument can be seen at a glance to hide no Tensor and no array, which a tracer looks up."""
    if type(item) is tuple:
        return _NO_ARRAYS.issuperset(map(type, item))
    return type(item) in _NO_ARRAYS or isinstance(item, np.dtype)


def first(
    op: Operation,
    compute: Callable[..., Any],
    x: Any,
    rest: tuple[Any, ...],
    kwargs: dict[str, Any],
    frame: FrameType,
) -> Any:
    """Compute and record f(x, *rest, **kwargs) where x requires a gradient and nothing else is a Tensor.

    A reduction, an index or a reshape is such a call. `record.record_call` would do it too, in twice the time. A view
    of a live Tensor is left to it.
    """
    link = x._link
    try:
        value = compute(x._value, *rest, **kwargs)
    except (ValueError, IndexError) as error:
        raise explained(error, op, (x, *rest)) from None
    if op.takes_dtype and value.dtype.kind not in "fc":
        check_numbers(op, value)
        return value  # integers: a step function, as `np.floor` is
    call: Any = _new(First)
    call.op = op
    call.x = link
    call.rest = tuple([copied(item) if type(item) in _MUTABLE else item for item in rest]) if rest else ()
    call.keywords = all_copied(kwargs) if kwargs else _NO_KEYWORDS
    if type(value) is _float64:
        call._value = value
    else:
        call._value = value if op.needs_result or value.size <= SHOWN else Like(value)
    if op.needs_x and type(link._value) is Like:
        link._value = x._value if link.ready else x._value.copy()
    call._grad = call._adjoint = None
    call.order = next_order()
    if modes.unusual:
        note_origin(call, frame, value)
    else:
        call.label = None
        call.code = frame.f_code
        lasti = frame.f_lasti
        call.lasti = OFFSETS[lasti] if lasti < 4096 else lasti
    tensor = _new(Tensor)
    tensor._value = value
    tensor._link = call
    if type(value) is _ndarray and (value.base is not None or value is x._value):
        if not link.ready:
            return record_call(op, compute, (x, *rest), kwargs, frame)
        views.append((reference(tensor), reference(x)))  # `note_view`, written out
        if len(views) > settling.most_views:
            settling.forget_views()
    elif modes.unusual and is_stand_in(value) and is_array(value) and (value._base is not None or value is x._value):
        note_view(tensor, x)
    return tensor


def call_function(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], frame: FrameType) -> Any:
    """Call a function on arguments among which there are Tensors, as `record.call_function` does."""
    op = operation_of(function)
    if op is None:
        return record.call_function(function, args, kwargs, frame)
    compute = op.function if modes.unusual and modes.is_tracing() else op.compute
    if (
        args
        and type(x := args[0]) is Tensor
        and ((link := x._link).ready or type(link) in LIVE_CALLS)
        and op.rules[0] is not None
        and not (modes.unusual and (not state.recording or (state.tracing is not None and not link.ready)))
    ):
        if len(args) == 1 and not kwargs and not op.takes_dtype and not modes.unusual:
            return unary(op, compute, x, frame)
        rest = args[1:]
        is_opaque = _opaque if not modes.unusual or state.tracing is None else _opaque_number
        if all([is_opaque(item) for item in rest]) and (
            not kwargs or ("out" not in kwargs and all([is_opaque(item) for item in kwargs.values()]))
        ):
            return first(op, compute, x, rest, kwargs, frame)
    if function is operator.getitem and type(args[0]._link) is LiveData:
        result = part_of_data(*args)
        if result is not NotImplemented:
            return result
    if kwargs and kwargs.get("out") is not None:
        return record.call_function(function, args, kwargs, frame)
    # Whether the first Tensor is data most often decides, and is quicker to ask than `on_data`.
    leading = args[0] if args else None
    leading = leading[0] if type(leading) in (list, tuple) and leading else leading
    if type(leading) is not Tensor or type(leading._link) is LiveData:
        result = on_data(function, compute, args, kwargs)
        if result is not NotImplemented:
            return result
    return record_call(op, compute, args, kwargs, frame)


# --- the methods of a Tensor ------------------------------------------------------------------------------------------


def _array_ufunc(self: Any, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
    if method == "__call__" and not kwargs:
        op = operation_of(ufunc)
        if op is not None:
            if len(inputs) == 1:
                return unary(op, ufunc, self, _getframe(1))
            if len(inputs) == 2:
                return binary(op, ufunc, *inputs, _getframe(1))
    return call_ufunc(ufunc, method, inputs, kwargs, _getframe(1))


def _operator_of_one(function: Callable[..., Any], compute: Callable[..., Any]) -> Callable[..., Any]:
    """The method, `-t` for instance, that computes and records an operation of one operand."""
    op = operation_of(function)
    assert op is not None

    def method(self: Any) -> Any:
        return unary(op, compute, self, _getframe(1))

    return method


def install() -> None:
    """Give Tensor the quick methods."""
    plain: property = vars(TensorMethods)["T"]
    transpose = _operator_of_one(np.transpose, operator.attrgetter("T"))
    transpose.__doc__ = plain.__doc__
    methods: dict[str, Any] = {
        "_numpy": staticmethod(call_function),
        "__array_ufunc__": _array_ufunc,
        "__neg__": _operator_of_one(np.negative, operator.neg),
        "__pos__": _operator_of_one(np.positive, operator.pos),
        "__abs__": _operator_of_one(np.absolute, abs),
        "T": plain.getter(transpose),
    }
    for name, (function, compute) in ARITHMETIC.items():
        methods[f"__{name}__"], methods[f"__r{name}__"] = operator_methods(function, compute)
    for name, method in methods.items():
        setattr(Tensor, name, method)

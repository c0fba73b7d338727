"""In-place operators, `t += v`. Under `no_grad` a leaf is updated; else the Tensor becomes the result of `t + v`.

Every name of the Tensor sees the change, as with arrays. If somebody may hold a view of it, the operator writes into
the whole Tensor, and the view sees the change too. A single number that was computed is no array: as with NumPy's
numbers, the name in `s += v` gets another number, and other names keep theirs.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import numpy as np

from tinygraph.engine.data import is_data
from tinygraph.engine.links import LIVE, Call, Leaf, LiveData, Unnamed, make_outer
from tinygraph.engine.memory import memory_of, snapshot
from tinygraph.engine.modes import is_recording, state
from tinygraph.engine.operands import CONSTANTS, plain
from tinygraph.engine.orders import laid_out
from tinygraph.engine.ownership import base_of, is_array, is_own, is_shared, is_stand_in
from tinygraph.engine.refusing import attribute_kept
from tinygraph.engine.settling import has_views
from tinygraph.engine.value import Value
from tinygraph.engine.writing import write
from tinygraph.errors import ShapeError
from tinygraph.users_code.source import users_line

_getframe = sys._getframe


def in_place(compute: Callable[..., Any], sign: str) -> Callable[..., Any]:
    """Return the method of an operator such as `+=`, for the function that computes `+`."""

    on_data = in_place_on_data(getattr(operator, f"i{compute.__name__}"))

    def method(self: Any, other: Any) -> Any:
        if type(self._link) is LiveData and on_data(self, other) is self:
            return self
        if self.is_leaf and not is_recording():
            value = compute(self._value, plain(other))
            if is_array(self._value) and is_shared(self, lambda below: 0) and has_views(self):
                write(self, ..., _fitted(value, self, other, sign), _getframe(1), f"t {sign} v")
            else:
                self.assign(value)
            return self
        result = compute(self, other)
        if type(result) is not type(self) and is_array(result):  # a step function of it, t // 1
            result = self._numpy(np.zeros_like, (self,), {}, _getframe(1)) + result
        if type(result) is not type(self):
            if type(self._link) is LiveData and is_array(self._value) and isinstance(result, np.generic):
                write(self, ..., _fitted(result, self, other, sign), _getframe(1), f"t {sign} v")
                return self  # an array of no axes, whose sum with a number is a number
            return result
        takes_parts = is_array(self._value)
        if not takes_parts and (self._link.is_call or type(self._link) is Unnamed):
            _note_line(result._link, _getframe(1))
            return result  # a number that was computed: `s += v` gives its name to another
        if state.tracing is not None:
            state.tracing.check_own(self._link, f"what computes it, by {sign},")
        if takes_parts:
            result = _fitted(result, self, other, sign)
            if is_stand_in(self._value) or not self._value.flags.c_contiguous:
                result = laid_out(result, "K", self)
            if type(self._link) in LIVE or is_shared(self, lambda below: _recorded_below(self, below)):
                _note_line(result._link, _getframe(1))
                write(self, ..., result, _getframe(1), f"t {sign} v")
                return self
        value = result._value
        # A Tensor of no axes that was given its value is an array, as np.array(3.0) is, and stays one.
        if isinstance(value, np.generic):
            value = snapshot(value) if is_stand_in(value) else np.array(value)
        self._value = value
        self._link = result._link
        _note_line(self._link, _getframe(1))
        return self

    return method


def _note_line(link: Any, frame: FrameType) -> None:
    """Note that a result comes from the user's line."""
    if link.is_call:
        link.code, link.lasti = frame.f_code, frame.f_lasti
        make_outer(link)


def in_place_on_data(write_into: Callable[..., Any]) -> Callable[..., Any]:
    """Return the method of an operator that is NumPy's own on data, and NotImplemented on other Tensors."""

    def method(self: Any, other: Any) -> Any:
        if not _is_data_beside(self, other):
            return NotImplemented
        if type(self._value) is np.ndarray:
            write_into(self._value, plain(other))
        else:
            self._value = self._link._value = write_into(np.array(self._value), plain(other))[()]
        return self

    return method


def _is_data_beside(tensor: Any, other: Any) -> bool:
    """Return whether both operands are data, and NumPy's own operator does."""
    alone = is_data(other) if isinstance(other, Value) else type(other) in CONSTANTS
    return alone and is_data(tensor) and not (state.tracing or state.watching)


def set_shape(tensor: Any, shape: Any, frame: FrameType) -> None:
    """Make a Tensor a view of itself in another shape, as `t.shape = shape` does. A leaf keeps its shape.

    Raises:
        AttributeError: the elements do not lie in an order in which the shape would be a view.
    """
    if tensor.is_leaf and type(tensor._link) not in LIVE and tensor._link.differentiable:
        raise AttributeError(attribute_kept(tensor, "shape", "t = t.reshape(shape)"))
    if state.tracing is not None:
        state.tracing.check_own(tensor._link, "what computes it, by t.shape = ...,")
    array = tensor._value
    result = tensor._numpy(np.reshape, (tensor, shape), {}, frame)
    if type(array) is np.ndarray and array.size and not np.may_share_memory(result._value, array):
        raise AttributeError(
            f"t.shape = ..., at {users_line()}: it would copy the elements. Write t = t.reshape(shape)"
        )
    tensor._value, tensor._link = result._value, result._link
    if type(tensor._link) in LIVE:
        memory_of(result).move(tensor)


def _fitted(result: Any, tensor: Any, other: Any, sign: str) -> Any:
    """Return a result in the dtype of the Tensor that is to become it. Its shape must be the Tensor's own."""
    if result.shape != tensor.shape:
        raise ShapeError(
            f"{sign}: an operand of shape {np.shape(plain(other))} would make a Tensor of shape {tensor.shape} "
            f"one of {result.shape}; write t = t {sign[:-1]} v if that is meant"
        )
    if result.dtype == tensor.dtype:
        return result
    if not np.can_cast(result.dtype, tensor.dtype, "same_kind"):
        raise TypeError(f"{sign}: a result of dtype {result.dtype} does not fit a Tensor of {tensor.dtype}")
    return result.astype(tensor.dtype)


def _recorded_below(tensor: Any, below: Any) -> int:
    """Count the references to the array below a view that are those of the calls that took the view.

    An array that a Tensor still has is no call's alone: that Tensor is to see the change.
    """
    link, found = tensor._link, 0
    while link.is_call and isinstance(operand := link.args[0], Call | Leaf):
        link = operand
        found += link._value is below or (base_of(link._value) is below and is_own(link))
    return found

"""In-place operators, `t += v`. Under `no_grad` a leaf is updated; else the Tensor becomes the result of `t + v`.

Every name of the Tensor sees the change, as with arrays. A view of an array would see it too, and a view of a Tensor
cannot. So `t += v` is an error if `ownership` finds that somebody else may hold the Tensor's memory.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import numpy as np

from tinygraph.engine.links import Call, Leaf, make_outer
from tinygraph.engine.modes import is_recording, state
from tinygraph.engine.operands import plain
from tinygraph.engine.ownership import base_of, is_shared
from tinygraph.errors import ShapeError, UnsupportedError
from tinygraph.users_code.instructions import stores_a_part_next
from tinygraph.users_code.source import source_of

_getframe = sys._getframe


def in_place(compute: Callable[..., Any], sign: str) -> Callable[..., Any]:
    """Return the method of an operator such as `+=`, for the function that computes `+`."""

    def method(self: Any, other: Any) -> Any:
        if self.is_leaf and not is_recording():
            self.assign(compute(self._value, plain(other)))
            return self
        result = compute(self, other)
        if type(result) is not type(self):
            return result
        if state.tracing is not None:
            state.tracing.check_own(self._link, f"what computes it, by {sign},")
        if self.ndim:
            _check_alone(self, sign, _getframe(1))
            result = _fitted(result, self, other, sign)
        self._value, self._link = result._value, result._link
        if self._link.is_call:
            frame = _getframe(1)
            self._link.code, self._link.lasti = frame.f_code, frame.f_lasti
            make_outer(self._link)
        return self

    return method


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


def _check_alone(tensor: Any, sign: str, frame: FrameType) -> None:
    """Raise an error if an array in another's hands shares a Tensor's memory."""
    if is_shared(tensor, lambda below: _recorded_below(tensor, below)):
        place = source_of(tensor._link.code, tensor._link.lasti)
        if _is_part(tensor, frame):
            error = UnsupportedError(
                f"t[index] {sign} v: writing into a part of a Tensor, at {place}, would change values that the graph "
                f"may still need. Build the whole anew: t = np.where(mask, t {sign[:-1]} v, t), with a mask that is "
                f"True at the index; or join the parts, t = np.concatenate([t[:1], t[1:] {sign[:-1]} v])"
            )
        else:
            error = UnsupportedError(
                f"t {sign} v: this Tensor{f', made at {place},' if place is not None else ''} shares its memory with "
                "another that was taken from it, or that it was taken from (an index, a reshape, a transpose, "
                f"t.data). NumPy would change both, and a graph cannot; write t = t {sign[:-1]} v to change this one "
                "alone"
            )
        if state.tracing is not None:
            state.tracing.refusal = state.tracing.refusal or error
        raise error


def _is_part(tensor: Any, frame: FrameType) -> bool:
    """Return whether a frame is executing `t[index] += v`, the Tensor being the part that was taken for it."""
    link = tensor._link
    taken_here = link.is_call and link.op.function is operator.getitem and link.code is frame.f_code
    return taken_here and stores_a_part_next(frame)


def _recorded_below(tensor: Any, below: Any) -> int:
    """Count the references to the array below a view that are those of the calls that took the view."""
    link, found = tensor._link, 0
    while link.is_call and isinstance(operand := link.args[0], Call | Leaf):
        link = operand
        found += link._value is below or base_of(link._value) is below
    return found

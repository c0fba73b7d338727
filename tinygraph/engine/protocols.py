"""Python's protocols for a Tensor: its length, its parts, its number, its text, its copies.

Whatever would lose the gradient without a word is refused.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Iterator
from types import FrameType, ModuleType
from typing import Any, Generic, TypeVar, cast

import numpy as np

from tinygraph.engine import modes
from tinygraph.engine.conversions import check_number, is_library, lost_gradient
from tinygraph.engine.leaving import note_number
from tinygraph.engine.modes import is_recording, state
from tinygraph.engine.operands import as_array, plain
from tinygraph.engine.ownership import is_array
from tinygraph.engine.value import Value
from tinygraph.engine.writing import read_index, write
from tinygraph.errors import UnsupportedError
from tinygraph.users_code.source import made_at, users_frame, users_line

__all__ = ["Protocols"]

Array = TypeVar("Array")

_getframe = sys._getframe


class Protocols(Generic[Array]):
    """The methods that Python calls for its own syntax and functions: `len(t)`, `t[index]`, `float(t)`, `copy(t)`."""

    __slots__ = ()

    # --- parts --------------------------------------------------------------------------------------------------------

    def __len__(self: Any) -> int:
        if self.ndim == 0:
            raise TypeError("len() of a 0-d Tensor")
        return len(self._value)

    def __iter__(self: Any) -> Iterator[Array]:
        if self.ndim == 0:
            raise TypeError("iteration over a 0-d Tensor")
        return _elements(self)

    def __contains__(self: Any, item: Any) -> bool:
        return item in as_array(plain(self))

    def __getitem__(self: Any, index: Any) -> Array:
        return self._numpy(operator.getitem, (self, read_index(index)), {}, _getframe(1))  # type: ignore[no-any-return]

    def __setitem__(self: Any, index: Any, value: Any) -> None:
        write(self, index, value, _getframe(1))

    _write = write

    def __delitem__(self: Any, index: Any) -> None:
        raise UnsupportedError(
            f"del t[index]: a Tensor{made_at(self._link)} keeps its elements, at {users_line()}. Write "
            "t = np.delete(t, index, axis=0)"
        )

    # --- numbers ------------------------------------------------------------------------------------------------------

    def __bool__(self: Any) -> bool:
        return bool(self._value)

    def __float__(self: Any) -> float:
        if modes.unusual and state.taken_numbers is not None:
            note_number(self._link, "float()", _getframe(1))
        return float(_real_number(self, "float", _getframe(1)))

    def __int__(self: Any) -> int:
        return int(_real_number(self, "int", _getframe(1)))

    def __complex__(self: Any) -> complex:
        if modes.unusual and state.taken_numbers is not None:
            note_number(self._link, "complex()", _getframe(1))
        return complex(_number(self, _getframe(1)))

    def __index__(self: Any) -> int:
        if self.dtype.kind in "fc":
            raise TypeError(
                f"a Tensor of dtype {self.dtype} is no index and no count, at {users_line()}. Write int(t), a whole "
                "number without a gradient"
            )
        return operator.index(self._value)

    def __round__(self: Any, digits: int | None = None) -> Any:
        if self.ndim:
            raise TypeError(
                f"round: a Tensor of shape {self.shape} is not one number, at {users_line()}. Write "
                "np.round(t, digits), a plain array: a step has no derivative"
            )
        return round(self._value, digits)

    # --- text ---------------------------------------------------------------------------------------------------------

    def __format__(self: Any, specification: str) -> str:
        if specification and self.ndim:
            raise TypeError(
                f"format: a Tensor of shape {self.shape} is not one number for {specification!r}, at {users_line()}. "
                "Write np.array2string(t.data, precision=3), or format one element, t[0]"
            )
        return format(self._value.item(), specification) if specification else str(self)

    def __repr__(self: Any) -> str:
        body = np.array2string(np.asarray(self._value), separator=", ", prefix="Tensor(")
        notes = "" if self.dtype == np.float64 else f", dtype={self.dtype}"
        notes += f", name={self.name!r}" if self.name is not None else ""
        notes += ", requires_grad=False" if self.dtype.kind in "fc" and not self.requires_grad else ""
        return f"Tensor({body}{notes})"

    def __str__(self: Any) -> str:
        return str(self._value)

    # --- the array API standard ---------------------------------------------------------------------------------------

    def __array_namespace__(self: Any, *, api_version: str | None = None) -> ModuleType:
        """Return `tinygraph.numpy`, for libraries written for the array API standard."""
        np.empty(0).__array_namespace__(api_version=cast(Any, api_version))  # NumPy says which versions there are
        return sys.modules["tinygraph"].numpy  # type: ignore[no-any-return]  # it is loaded now

    @property
    def device(self: Any) -> str:
        """The device of the array API standard: "cpu"."""
        return "cpu"

    def to_device(self: Any, device: str, /, *, stream: Any = None) -> Array:
        """Return the Tensor itself: there is one device, "cpu"."""
        np.empty(0).to_device(device, stream=stream)  # type: ignore[arg-type]
        return self  # type: ignore[no-any-return]

    def __dlpack__(
        self: Any, *, stream: Any = None, max_version: Any = None, dl_device: Any = None, copy: bool | None = None
    ) -> Any:
        """Return the values for another library. A Tensor with a gradient would lose it, and is refused."""
        if self._link.differentiable and is_recording():
            raise UnsupportedError(lost_gradient(_getframe(1), made_at(self._link)))
        asked = {"stream": stream, "max_version": max_version, "dl_device": dl_device, "copy": copy}
        given = {name: item for name, item in asked.items() if item is not None}  # NumPy 2.0 knows the first alone
        return np.asarray(self._value).__dlpack__(**given)

    def __dlpack_device__(self: Any) -> tuple[int, int]:
        """Return the device of the values as DLPack names it."""
        return np.empty(0).__dlpack_device__()

    # --- copies -------------------------------------------------------------------------------------------------------

    def __copy__(self: Any) -> Array:
        if self.is_leaf and self.requires_grad and is_recording() and not _is_input(self):
            raise UnsupportedError(
                f"copy.copy: the copy would be a leaf of its own, and lose the gradient, at {users_line()}. Write "
                "np.copy(t), which keeps the gradient; or copy.deepcopy(t) if a leaf of its own is meant"
            )
        return self._copied()  # type: ignore[no-any-return]

    def __deepcopy__(self: Any, memo: dict[int, Any]) -> Array:
        return self._copied()  # type: ignore[no-any-return]

    def _copied(self: Any) -> Any:
        """Return a leaf like this one, its gradient copied too; of what is no leaf, or an input, a recorded copy."""
        frame = _getframe(2)
        if not self.is_leaf or _is_input(self):
            if self.requires_grad and is_library(frame):  # matplotlib copies what it draws
                raise UnsupportedError(lost_gradient(frame, made_at(self._link)))
            if not is_array(self._value):
                return self  # a number, which nobody writes into
            return self._numpy(np.copy, (self,), {}, users_frame(frame) or frame)
        twin: Any = Value._kind(np.array(self._value), name=self.name, requires_grad=self.requires_grad)
        gradient = plain(self.grad)
        twin._link._grad = None if gradient is None else np.array(gradient)
        return twin


def _is_input(tensor: Any) -> bool:
    """Return whether a Tensor is an input of a running transform, with respect to which it differentiates."""
    return bool(modes.unusual) and is_recording() and any([link is tensor._link for link in state.inputs])


def _elements(tensor: Any) -> Iterator[Any]:
    """Yield the parts along the first axis, each recorded on behalf of the line that asks for it."""
    for index in range(len(tensor._value)):
        yield tensor._numpy(operator.getitem, (tensor, index), {}, _getframe(1))


def _real_number(tensor: Any, kind: str, frame: FrameType) -> Any:
    if tensor.dtype.kind == "c":
        raise TypeError(
            f"{kind}(t): a number of dtype {tensor.dtype} has an imaginary part, at {users_line()}. Write "
            f"{kind}(t.real), or complex(t)"
        )
    return _number(tensor, frame)


def _number(tensor: Any, frame: FrameType) -> Any:
    """Return the value of a Tensor that is to become a number, if its gradient is not lost without a word."""
    if tensor._link.differentiable and is_recording():
        check_number(frame, tensor._link)
    return tensor._value

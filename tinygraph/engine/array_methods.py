"""The methods of ndarray: most are a NumPy function of the array. A Tensor has them, and what is compiled in its place.

`t.sum(axis=0)` is `np.sum(t, axis=0)`. Those that write into the array, `t.fill(0)`, write into the Tensor.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

from tinygraph.derivatives import shapes
from tinygraph.engine import modes
from tinygraph.engine.flat import Flat
from tinygraph.engine.memory import in_own_memory
from tinygraph.engine.orders import laid_out, lies_in, order_after
from tinygraph.engine.out_by_position import with_named_out
from tinygraph.engine.record import call_function
from tinygraph.errors import ShapeError, UnsupportedError
from tinygraph.users_code.source import made_at, users_line

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike

__all__ = ["ArrayMethods", "TensorMethods"]

Array = TypeVar("Array")

_getframe = sys._getframe


# PyTorch's names of arguments, and what NumPy has for them.
_OF_NUMPY = {"dim": "axis=", "keepdim": "keepdims=", "unbiased": "ddof=1 for unbiased=True, ddof=0 for False"}


def _method(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method that is a NumPy function of the array."""

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        args = (self, *args)
        if len(args) > 2:
            args, kwargs = with_named_out(function, args, kwargs)
        try:
            return self._numpy(function, args, kwargs, _getframe(1))
        except TypeError:
            theirs = next((name for name in _OF_NUMPY if name in kwargs), None)
            if theirs is None:
                raise
        raise TypeError(
            f"t.{function.__name__}: there is no argument {theirs}=, at {users_line()}. Write {_OF_NUMPY[theirs]}"
        )

    method.__name__ = method.__qualname__ = function.__name__
    method.__doc__ = f"See `numpy.ndarray.{function.__name__}`."
    return method


class ArrayMethods(Generic[Array]):
    """The methods of ndarray, for Tensors and stand-ins.

    Attributes:
        _numpy: calls a function with arguments, keywords and the caller's frame.
    """

    __slots__ = ()

    _numpy: Callable[[Callable[..., Any], tuple[Any, ...], dict[str, Any], FrameType], Any]

    @property
    def mT(self: Any) -> Array:  # noqa: N802 - NumPy's name
        """The last two axes exchanged."""
        return self._numpy(np.matrix_transpose, (self,), {}, _getframe(1))  # type: ignore[no-any-return]

    all = _method(np.all)
    any = _method(np.any)
    argmax = _method(np.argmax)
    argmin = _method(np.argmin)
    argpartition = _method(np.argpartition)
    argsort = _method(np.argsort)
    choose = _method(np.choose)
    copy = _method(np.copy)
    cumprod = _method(np.cumprod)
    cumsum = _method(np.cumsum)
    diagonal = _method(np.diagonal)
    dot = _method(np.dot)
    max = _method(np.max)
    mean = _method(np.mean)
    min = _method(np.min)
    nonzero = _method(np.nonzero)
    prod = _method(np.prod)
    ravel = _method(np.ravel)
    round = _method(np.round)
    searchsorted = _method(np.searchsorted)
    squeeze = _method(np.squeeze)
    std = _method(np.std)
    sum = _method(np.sum)
    swapaxes = _method(np.swapaxes)
    take = _method(np.take)
    trace = _method(np.trace)
    var = _method(np.var)
    flatten = _method(np.ravel)

    def repeat(self: Any, repeats: Any, *axis: Any, **keywords: Any) -> Array:
        """See `numpy.ndarray.repeat`."""
        if len(axis) > 1:
            counts = ", ".join([str(count) for count in (repeats, *axis)])
            raise TypeError(
                f"t.repeat: it repeats single elements, along one axis, at {users_line()}. To repeat the whole array "
                f"write np.tile(t, ({counts}))"
            )
        return self._numpy(np.repeat, (self, repeats, *axis), keywords, _getframe(1))  # type: ignore[no-any-return]

    def conj(self: Any) -> Array:
        """See `numpy.ndarray.conj`: a real array is its own conjugate."""
        return self._numpy(np.conjugate, (self,), {}, _getframe(1)) if self.dtype.kind == "c" else self  # type: ignore[no-any-return]

    conjugate = conj

    @property
    def real(self: Any) -> Array:
        """The real part."""
        return self._numpy(np.real, (self,), {}, _getframe(1)) if self.dtype.kind == "c" else self  # type: ignore[no-any-return]

    @property
    def imag(self: Any) -> Array:
        """The imaginary part."""
        return self._numpy(np.imag, (self,), {}, _getframe(1))  # type: ignore[no-any-return]

    @property
    def flat(self: Any) -> Iterator[Array]:
        """The elements one by one, in C order."""
        return iter(self.reshape(-1))

    def reshape(self: Any, *shape: Any, order: str = "C", copy: bool | None = None) -> Array:
        """See `numpy.ndarray.reshape`."""
        new = shape[0] if len(shape) == 1 else shape
        keywords: dict[str, Any] = {} if order == "C" else {"order": order}
        if copy is not None:
            keywords["copy"] = copy
        return self._numpy(np.reshape, (self, new), keywords, _getframe(1))  # type: ignore[no-any-return]

    def transpose(self: Any, *axes: Any) -> Array:
        """See `numpy.ndarray.transpose`."""
        order = axes[0] if len(axes) == 1 and not isinstance(axes[0], int | np.integer) else (axes or None)
        args = (self,) if order is None else (self, order)
        try:
            return self._numpy(np.transpose, args, {}, _getframe(1))  # type: ignore[no-any-return]
        except ShapeError as error:
            if len(axes) != 2:
                raise
            raise ShapeError(f"{error}. To exchange two axes write t.swapaxes({axes[0]}, {axes[1]})") from None

    def clip(self: Any, min: Any = None, max: Any = None, out: Any = None, **keywords: Any) -> Array:  # noqa: A002 - NumPy's names
        """See `numpy.ndarray.clip`."""
        if out is not None:
            keywords["out"] = out
        return self._numpy(np.clip, (self, min, max), keywords, _getframe(1))  # type: ignore[no-any-return]

    def compress(self: Any, condition: ArrayLike, axis: int | None = None, out: Any = None) -> Array:
        """See `numpy.ndarray.compress`."""
        keywords = {"axis": axis} if out is None else {"axis": axis, "out": out}
        return self._numpy(np.compress, (condition, self), keywords, _getframe(1))  # type: ignore[no-any-return]


class TensorMethods(ArrayMethods[Array]):
    """The methods of ndarray, for a Tensor."""

    __slots__ = ()

    _numpy = staticmethod(call_function)

    @property
    def T(self: Any) -> Array:  # noqa: N802 - NumPy's name
        """The axes in reverse order."""
        return self._numpy(np.transpose, (self,), {}, _getframe(1))  # type: ignore[no-any-return]

    @T.setter
    def T(self: Any, value: Any) -> None:  # noqa: N802
        raise AttributeError(f"t.T = ...: a transpose is computed, at {users_line()}. Write t = np.transpose(value)")

    @property
    def flat(self: Any) -> Any:
        """The elements one by one, in C order. They can be written into."""
        return Flat(self)

    @flat.setter
    def flat(self: Any, value: Any) -> None:
        Flat(self)[:] = value

    @property
    def real(self: Any) -> Array:
        """The real part. It can be written into, and set."""
        return self._numpy(np.real, (self,), {}, _getframe(1)) if self.dtype.kind == "c" else self  # type: ignore[no-any-return]

    @real.setter
    def real(self: Any, value: Any) -> None:
        self.real._write(..., value, _getframe(1), "t.real = value")

    @property
    def imag(self: Any) -> Array:
        """The imaginary part. That of a complex Tensor can be written into, and set."""
        return self._numpy(np.imag, (self,), {}, _getframe(1))  # type: ignore[no-any-return]

    @imag.setter
    def imag(self: Any, value: Any) -> None:
        if self.dtype.kind != "c":
            raise TypeError(
                f"t.imag = value, at {users_line()}: the elements are real. Make them complex, t * (1 + 0j)"
            )
        self.imag._write(..., value, _getframe(1), "t.imag = value")

    def astype(
        self: Any, dtype: DTypeLike, order: str = "K", casting: Any = "unsafe", subok: bool = True, copy: bool = True
    ) -> Any:
        """The values converted; the gradient is converted back. See `numpy.ndarray.astype`.

        Converted to integers or booleans, which have no gradient, a Tensor with a gradient becomes a plain array.

        The result is a new Tensor, but with `copy=False` and nothing to convert the same one.
        """
        dtype = np.dtype(dtype)
        if not np.can_cast(self.dtype, dtype, casting):
            raise TypeError(f"astype: cannot cast from {self.dtype} to {dtype} according to {casting!r}")
        order = order_after(order, self)
        if not copy and self.dtype == dtype and lies_in(self, order):
            return self
        converted = self._numpy(shapes.astype, (self, dtype), {}, _getframe(1))
        return converted if order == "K" else laid_out(converted, order)

    def flatten(self: Any, order: str = "C") -> Array:
        """Return the elements along one axis, in memory of their own. See `numpy.ndarray.flatten`."""
        if not isinstance(order, str):
            raise TypeError(
                f"t.flatten: the order is a text, not {order!r}, at {users_line()}. To keep the first axis write "
                "t.reshape(len(t), -1)"
            )
        keywords = {} if order == "C" else {"order": order}
        if modes.unusual and modes.is_tracing():
            return in_own_memory(self._numpy(np.ravel, (self,), keywords, _getframe(1)))  # type: ignore[no-any-return]
        return self._numpy(shapes.flatten, (self,), keywords, _getframe(1))  # type: ignore[no-any-return]

    def copy(self: Any, order: str = "C") -> Array:
        """Return the values in memory of their own. See `numpy.ndarray.copy`."""
        copied = self._numpy(np.copy, (self,), {}, _getframe(1))
        if order != "K" and not (order == "C" and type(self._value) is np.ndarray and self._value.flags.c_contiguous):
            copied = laid_out(copied, order.upper(), self)
        if isinstance(self._value, np.generic):
            copied._value = copied._value[()]  # the copy of a number is a number, and nothing is a view of it
        return copied  # type: ignore[no-any-return]

    if not TYPE_CHECKING:  # a type checker is to see that an attribute is missing

        def __getattr__(self, name):
            from tinygraph.elsewhere import no_attribute_of_tensor  # read when a name is missing

            raise AttributeError(no_attribute_of_tensor(name), name=name, obj=self)

    def fill(self: Any, value: Any) -> None:
        """Write one value everywhere. See `numpy.ndarray.fill`."""
        self._write(..., value, _getframe(1), "t.fill()")

    def sort(self: Any, axis: int = -1, kind: Any = None, order: None = None, *, stable: bool | None = None) -> None:
        """Sort in place. See `numpy.ndarray.sort`."""
        ordered = self._numpy(np.sort, (self,), {"axis": axis, "kind": kind, "stable": stable}, _getframe(1))
        self._write(..., ordered, _getframe(1), "t.sort()")

    def partition(self: Any, kth: Any, axis: int = -1, kind: str = "introselect", order: None = None) -> None:
        """Partition in place. See `numpy.ndarray.partition`."""
        ordered = self._numpy(np.partition, (self, kth), {"axis": axis, "kind": kind}, _getframe(1))
        self._write(..., ordered, _getframe(1), "t.partition()")

    def put(self: Any, indices: Any, values: Any, mode: str = "raise") -> None:
        """Write values at positions of the flattened array. See `numpy.put`."""
        self._numpy(np.put, (self, indices, values), {"mode": mode}, _getframe(1))

    def resize(self: Any, *shape: Any, refcheck: bool = True) -> None:
        """Not supported: a Tensor keeps its shape. Use `t = np.resize(t, shape)`."""
        raise UnsupportedError(
            f"t.resize(): a Tensor{made_at(self._link)} keeps its shape, at {users_line()}. Write "
            "t = np.resize(t, shape)"
        )

"""NumPy's functions that make arrays: what they make of floats is a Tensor that can be written into."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.engine.memory import as_writable
from tinygraph.engine.operands import array_of, has_tensors
from tinygraph.engine.value import Value

__all__ = [
    "arange", "array", "asanyarray", "asarray", "ascontiguousarray", "block", "c_", "copy", "empty", "eye", "full",
    "geomspace", "identity", "linspace", "logspace", "ndarray", "ones", "r_", "tri", "vectorize", "zeros",
]  # fmt: skip


def _made(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of NumPy's that makes an array of numbers, with a Tensor for what it makes of floats."""

    @functools.wraps(function)
    def make(*args: Any, **keywords: Any) -> Any:
        return as_writable(function(*args, **keywords))

    return make


arange = _made(np.arange)
empty = _made(np.empty)
eye = _made(np.eye)
geomspace = _made(np.geomspace)
identity = _made(np.identity)
linspace = _made(np.linspace)
logspace = _made(np.logspace)
ones = _made(np.ones)
tri = _made(np.tri)
zeros = _made(np.zeros)


class _Arrays(type):
    """The class of `ndarray`: Tensors and plain arrays are instances."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, np.ndarray | Value)


class ndarray(metaclass=_Arrays):  # noqa: N801 - NumPy's name
    """See `numpy.ndarray`. What it makes can be written into, and Tensors are instances of it."""

    def __new__(cls, *args: Any, **keywords: Any) -> Any:
        """Make an array of a shape."""
        return as_writable(np.ndarray(*args, **keywords))


def full(shape: Any, fill_value: Any, dtype: Any = None, **keywords: Any) -> Any:
    """See `numpy.full`. A Tensor as the value keeps its gradient."""
    if not has_tensors(fill_value):
        return as_writable(np.full(shape, fill_value, dtype, **keywords))
    value = array_of(fill_value)
    filled = np.copy(np.broadcast_to(value, shape))
    return filled if dtype is None else filled.astype(dtype)


def array(object: Any, dtype: Any = None, *, copy: Any = True, **keywords: Any) -> Any:  # noqa: A002
    """See `numpy.array`. Tensors inside lists keep their gradients."""
    if not has_tensors(object):
        return as_writable(np.array(object, dtype, copy=copy, **keywords))
    found: Any = array_of(object)
    found = np.copy(found) if isinstance(object, Value) and copy else found
    return found if dtype is None or found.dtype == dtype else found.astype(dtype)


def asarray(a: Any, dtype: Any = None, **keywords: Any) -> Any:
    """See `numpy.asarray`. A Tensor stays what it is; of plain arrays this is NumPy's."""
    if not has_tensors(a):
        found = np.asarray(a, dtype, **keywords)
        return found if found is a else as_writable(found)
    found = array_of(a)
    return found if dtype is None or found.dtype == dtype else found.astype(dtype)


asanyarray = ascontiguousarray = asarray


def copy(a: Any, order: Any = "K", **keywords: Any) -> Any:
    """See `numpy.copy`. The copy can be written into."""
    return array(a, copy=True) if has_tensors(a) else as_writable(np.copy(a, order, **keywords))


def block(arrays: Any) -> Any:
    """See `numpy.block`."""
    return np.block(arrays)


class _Joined:
    """`np.r_` and `np.c_` with Tensors among what is joined."""

    def __init__(self, plainly: Any, column: bool) -> None:
        self._plainly = plainly
        self._column = column

    def __getitem__(self, key: Any) -> Any:
        if not has_tensors(key):
            return as_writable(self._plainly[key])
        items = key if type(key) is tuple else (key,)
        parts = [array_of(item) if has_tensors(item) else self._plainly[item] for item in items]
        if self._column:
            parts = [np.reshape(part, (-1, 1)) if part.ndim == 1 else part for part in parts]
            return np.concatenate(parts, axis=-1)
        return np.concatenate([np.reshape(part, (1,)) if part.ndim == 0 else part for part in parts])


r_, c_ = _Joined(np.r_, False), _Joined(np.c_, True)


class vectorize:  # noqa: N801 - NumPy's name
    """See `numpy.vectorize`. The function is called for each element, with Tensors where there are Tensors."""

    def __init__(self, pyfunc: Callable[..., Any], *args: Any, **keywords: Any) -> None:
        self._plainly = np.vectorize(pyfunc, *args, **keywords)
        self._function = pyfunc

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        """Call the function for each element of the arguments, broadcast against each other."""
        if not has_tensors((args, keywords)):
            return as_writable(self._plainly(*args, **keywords))
        arrays = np.broadcast_arrays(*[array_of(item) for item in args])
        flat = [np.ravel(item) for item in arrays]
        results = [self._function(*[item[place] for item in flat], **keywords) for place in range(flat[0].size)]
        return np.reshape(np.stack([array_of(item) for item in results]), arrays[0].shape)

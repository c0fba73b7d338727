"""NumPy's functions that make arrays: what they make of floats is a Tensor that can be written into."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from tinygraph.derivatives import rearranging
from tinygraph.engine.memory import as_writable
from tinygraph.engine.modes import is_tracing, state
from tinygraph.engine.operands import array_of, has_tensors, plain
from tinygraph.engine.value import Value

__all__ = [
    "arange", "bartlett", "blackman", "block", "diag", "diagflat", "empty", "empty_like", "eye", "from_dlpack",
    "fromfunction", "fromiter", "full", "full_like", "geomspace", "hamming", "hanning", "identity", "indices", "kaiser",
    "linspace", "logspace", "meshgrid", "ndarray", "ndenumerate", "ones", "ones_like", "tri", "tril", "triu", "vander",
    "zeros", "zeros_like",
]  # fmt: skip


def _made(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of NumPy's that makes an array of numbers, with a Tensor for what it makes of floats."""

    @functools.wraps(function)
    def make(*args: Any, **keywords: Any) -> Any:
        if is_tracing():
            args, keywords = state.tracing.with_sizes(function, args, keywords)  # type: ignore[union-attr]
            if function in _EMPTY:
                return as_writable(_emptied(function, *args, **keywords))
        return as_writable(function(*args, **keywords))

    return make


# In a function that is being compiled the numbers in an empty array are zeros, so that they are the same in two runs.
_EMPTY: dict[Any, Callable[..., Any]] = {np.empty: np.zeros, np.empty_like: np.zeros_like, np.zeros: np.zeros}


def _emptied(function: Callable[..., Any], *args: Any, **keywords: Any) -> Any:
    """Return an array of zeros, recorded as a call where its shape is known."""
    keywords.pop("like", None)
    instead = _EMPTY[function]
    if instead is np.zeros and not state.tracing.holds_traced([args, keywords]):  # type: ignore[union-attr]
        return state.tracing.call_function(instead, args, keywords)  # type: ignore[union-attr]
    return instead(*args, **keywords)


def _made_of_arrays(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the same for a function that takes arrays. A view of a plain array stays plain."""

    @functools.wraps(function)
    def make(*args: Any, **keywords: Any) -> Any:
        args = tuple([array_of(item) if type(item) in (list, tuple) and has_tensors(item) else item for item in args])
        made = function(*args, **keywords)
        if isinstance(made, tuple | list):
            return type(made)([_unless_view(part, args) for part in made])
        return _unless_view(made, args)

    return make


def _unless_view(made: Any, args: tuple[Any, ...]) -> Any:
    """Return an array that was just made as `as_writable` does, unless it is a view of a plain array."""
    if type(made) is not np.ndarray or any(
        [type(item) is np.ndarray and np.may_share_memory(made, item) for item in args]
    ):
        return made
    return as_writable(made)


empty = _made(np.empty)
eye = _made(np.eye)
identity = _made(np.identity)
ones = _made(np.ones)
tri = _made(np.tri)
zeros = _made(np.zeros)
bartlett = _made(np.bartlett)
blackman = _made(np.blackman)
hamming = _made(np.hamming)
hanning = _made(np.hanning)
kaiser = _made(np.kaiser)
indices = _made(np.indices)
from_dlpack = _made(np.from_dlpack)

empty_like = _made(np.empty_like)
ones_like = _made(np.ones_like)
zeros_like = _made(np.zeros_like)

block = _made(np.block)
diag = _made_of_arrays(np.diag)
diagflat = _made_of_arrays(np.diagflat)
geomspace = _made_of_arrays(np.geomspace)
linspace = _made_of_arrays(np.linspace)
logspace = _made_of_arrays(np.logspace)
meshgrid = _made_of_arrays(np.meshgrid)
tril = _made_of_arrays(np.tril)
triu = _made_of_arrays(np.triu)
vander = _made_of_arrays(np.vander)


class _Arrays(type):
    """The class of `ndarray`: Tensors and plain arrays are instances."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, np.ndarray | Value)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, np.ndarray | Value)

    def __getattr__(cls, name: str) -> Any:
        return getattr(np.ndarray, name)


class ndarray(metaclass=_Arrays):  # noqa: N801 - NumPy's name
    """See `numpy.ndarray`. What it makes can be written into, and Tensors are instances of it."""

    def __new__(cls, *args: Any, **keywords: Any) -> Any:
        """Make an array of a shape."""
        if is_tracing() and "buffer" not in keywords and len(args) < 3:
            return empty(*args, **keywords)
        return as_writable(np.ndarray(*args, **keywords))

    def __class_getitem__(cls, item: Any) -> Any:
        """Return NumPy's type, for a type hint."""
        return np.ndarray[item]


@functools.wraps(np.arange)
def arange(*args: Any, **keywords: Any) -> Any:
    """See `numpy.arange`. Where the start and the step are Tensors, gradients flow to them."""
    if not has_tensors((args, keywords)):
        return as_writable(np.arange(*args, **keywords))
    numbers = np.arange(*plain(args), **{key: item for key, item in plain(keywords).items() if key != "like"})
    start = keywords.get("start", args[0] if len(args) > 1 else 0)
    step = keywords.get("step", args[2] if len(args) > 2 else 1)
    if numbers.dtype.kind not in "fc" or not has_tensors((start, step)):
        return as_writable(numbers)
    # NumPy's own order of rounding.
    return (start + np.arange(len(numbers)) * ((start + step) - start)).astype(numbers.dtype)


@functools.wraps(np.full)
def full(shape: Any, fill_value: Any, dtype: Any = None, order: Any = "C", **keywords: Any) -> Any:
    """See `numpy.full`. A Tensor as the value keeps its gradient."""
    tracer = state.tracing if is_tracing() else None
    if tracer is not None:
        (shape,), _ = tracer.with_sizes(np.full, (shape,), {})
        if has_tensors(fill_value) or tracer.holds_traced(fill_value):
            filled = np.copy(np.broadcast_to(array_of(fill_value), shape), order="F" if order == "F" else "C")
            filled = filled if dtype is None else filled.astype(dtype)
            return filled if has_tensors(fill_value) else as_writable(filled)
    if not has_tensors(fill_value):
        return as_writable(np.full(shape, fill_value, dtype, order, **keywords))
    made = np.full(shape, plain(array_of(fill_value)), dtype, order, **_without_like(keywords))
    return _filled(made, fill_value, order)


@functools.wraps(np.full_like)
def full_like(a: Any, fill_value: Any, *args: Any, **keywords: Any) -> Any:
    """See `numpy.full_like`. A Tensor as the value keeps its gradient."""
    if not has_tensors(fill_value):
        return as_writable(np.full_like(a, fill_value, *args, **keywords))
    return rearranging.full_like(a, array_of(fill_value), *args, **keywords)


def _filled(made: Any, value: Any, order: str) -> Any:
    """Return a Tensor of the shape and dtype of an array, of one value throughout."""
    filled = np.copy(np.broadcast_to(array_of(value), made.shape), order="F" if order == "F" else "C")
    return filled if filled.dtype == made.dtype else filled.astype(made.dtype)


def _without_like(keywords: dict[str, Any]) -> dict[str, Any]:
    """Return the keywords for a plain array, which is like no Tensor."""
    return {key: item for key, item in keywords.items() if key != "like"}


def fromfunction(
    function: Callable[..., Any], shape: Any, *, dtype: Any = float, like: Any = None, **kwargs: Any
) -> Any:
    """See `numpy.fromfunction`."""
    made = function(*indices(shape, dtype=dtype), **kwargs)
    return as_writable(made) if type(made) is np.ndarray and made.base is None else made


def fromiter(iter: Iterable[Any], dtype: Any, count: int = -1, *, like: Any = None) -> Any:  # noqa: A002
    """See `numpy.fromiter`. Tensors among the items keep their gradients."""
    items = list(iter if count < 0 else itertools.islice(iter, count))
    if not has_tensors(items):
        return as_writable(np.fromiter(items, dtype, count))
    if len(items) < count:
        raise ValueError(f"fromiter: there are {len(items)} items, and {count} are asked for")
    return np.stack([array_of(item) for item in items]).astype(dtype)


def ndenumerate(arr: Any) -> Any:
    """See `numpy.ndenumerate`. The elements of a Tensor are read one by one, each when its turn comes."""
    if not isinstance(arr, Value):
        return np.ndenumerate(arr)
    array: Any = arr
    return ((index, array[index]) for index in np.ndindex(array.shape))

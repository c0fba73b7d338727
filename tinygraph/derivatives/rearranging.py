"""Functions that rearrange elements: NumPy rearranges the elements' numbers, and we take the elements by number."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple
from numpy.lib.stride_tricks import sliding_window_view

from tinygraph.derivatives.indexing import scatter
from tinygraph.engine.memory import as_writable
from tinygraph.engine.operands import array_of, plain
from tinygraph.engine.orders import laid_out
from tinygraph.engine.primitives import primitive
from tinygraph.engine.table import composition, derivative


def rearranged(function: Callable[..., Any], *arrays: Any) -> Any:
    """Return the result of a function that only moves, repeats and drops elements of its arguments, arrays.

    The function is called with the numbers of the elements in their place, counted through all the arrays.
    """
    arrays = tuple([array_of(item) for item in arrays])
    ends = np.cumsum([0, *[math.prod(item.shape) for item in arrays]]).tolist()
    numbers = [
        np.arange(start, start + math.prod(item.shape)).reshape(item.shape)
        for start, item in zip(ends, arrays, strict=False)
    ]
    flat = np.ravel(arrays[0]) if len(arrays) == 1 else np.concatenate([np.ravel(item) for item in arrays])
    return np.take(flat, function(*numbers))


@composition(np.insert)
def insert(arr: Any, obj: Any, values: Any, axis: int | None = None) -> Any:
    """The array with values put in before some places along an axis."""
    arr = array_of(arr)
    values = array_of(values)
    values = values if values.dtype == arr.dtype else values.astype(arr.dtype)
    made = rearranged(lambda of_arr, of_values: np.insert(of_arr, plain(obj), of_values, axis), arr, values)
    return made if axis is None else laid_out(made, "A", arr)


@composition(np.resize)
def resize(a: Any, new_shape: Any) -> Any:
    """The elements in a new shape, as often over as they fill it; 0 if there are none."""
    if math.prod(np.shape(a)) == 0:
        return np.resize(plain(a), new_shape) + np.sum(a)
    return rearranged(lambda of_a: np.resize(of_a, new_shape), a)


@composition(np.block)
def block(arrays: Any) -> Any:
    """An array put together from blocks in nested lists."""

    def shapes(structure: Any) -> Any:
        if type(structure) is list:
            return [shapes(item) for item in structure]
        return np.broadcast_to(False, np.shape(plain(structure)))

    ndim = np.block(shapes(arrays)).ndim  # NumPy says if the blocks do not fit

    def joined(structure: Any, axis: int) -> Any:
        if type(structure) is list:
            return np.concatenate([joined(item, axis + 1) for item in structure], axis=axis)
        item = array_of(structure)
        return np.reshape(item, (1,) * (ndim - item.ndim) + item.shape)

    return joined(arrays, -_depth(arrays)) if type(arrays) is list else laid_out(np.copy(array_of(arrays)), "C")


def _depth(structure: Any) -> int:
    """The number of lists around each block."""
    return 1 + _depth(structure[0]) if type(structure) is list else 0


# Windows of more elements are added by their places.
MOST_IN_A_WINDOW = 64


@primitive
def windows_added(g: Any, window: tuple[int, ...], axes: tuple[int, ...], shape: tuple[int, ...]) -> Any:
    """Return the sum of windows at their places in an array: the reverse of `sliding_window_view`.

    Args:
        g: the windows, as `sliding_window_view` has them.
        window: the size of a window along each of `axes`.
        axes: of the array, each once.
        shape: of the array.
    """
    total = np.zeros(shape, g.dtype)
    for place in np.ndindex(*window):
        part = [slice(None)] * len(shape)
        for axis, start, size in zip(axes, place, window, strict=True):
            part[axis] = slice(start, start + shape[axis] - size + 1)
        total[tuple(part)] += g[(..., *place)]
    return total


derivative(windows_added, lambda g, z, windows, window, axes, shape: sliding_window_view(g, window, axes))


def _windows_x(g: Any, z: Any, x: Any, window_shape: Any, axis: Any = None, **keywords: Any) -> Any:
    window = tuple(window_shape) if isinstance(window_shape, tuple | list) else (window_shape,)
    axes = tuple(range(x.ndim)) if axis is None else normalize_axis_tuple(axis, x.ndim, allow_duplicate=True)
    if math.prod(window) <= MOST_IN_A_WINDOW and len({*axes}) == len(axes) == len(window):
        return windows_added(g, tuple(map(int, window)), axes, x.shape)
    places = sliding_window_view(np.arange(math.prod(x.shape)).reshape(x.shape), window_shape, axis)
    return np.reshape(scatter(g, places, (math.prod(x.shape),)), x.shape)


derivative(sliding_window_view, _windows_x)


@composition(np.trim_zeros)
def trim_zeros(filt: Any, trim: str = "fb", axis: Any = None) -> Any:
    """The array without the zeros before its first element, or behind its last, that is none."""
    filt = array_of(filt)
    axes = range(filt.ndim) if axis is None else normalize_axis_tuple(axis, filt.ndim)
    there = np.argwhere(plain(filt) != 0)
    index: list[slice] = [slice(None)] * filt.ndim
    for place in axes:
        if len(there) == 0:
            index[place] = slice(0, 0)
            continue
        first, last = int(there[:, place].min()), int(there[:, place].max())
        index[place] = slice(first if "f" in trim.lower() else None, last + 1 if "b" in trim.lower() else None)
    return filt[tuple(index)]


@composition(np.full_like)
def full_like(
    a: Any, fill_value: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, **keywords: Any
) -> Any:
    """An array of one value throughout, of the shape and dtype of another. It follows the value, not the other."""
    like = np.empty_like(plain(a), dtype=dtype, order=order, shape=shape)  # type: ignore[call-overload]
    if type(fill_value) is type(plain(fill_value)):
        return as_writable(np.full_like(like, fill_value))
    return laid_out(np.broadcast_to(fill_value, like.shape).astype(like.dtype), "K", like)

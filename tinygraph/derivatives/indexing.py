"""Derivatives of choosing elements: indexing with numbers, slices, masks and arrays, `take` and its family."""

from __future__ import annotations

import operator
from types import EllipsisType
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from tinygraph.engine.adding import LEAST, add_at
from tinygraph.engine.dependence import gives_pieces
from tinygraph.engine.modes import for_any_values
from tinygraph.engine.notes import formula
from tinygraph.engine.operands import array_of, as_array, has_tensors, indexable, plain
from tinygraph.engine.orders import laid_out
from tinygraph.engine.primitives import primitive
from tinygraph.engine.table import composition, derivative, no_derivative


@primitive
def scatter(g: Any, index: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of `shape` with `g` added at `index`, once each time it names a place: the reverse of `x[index]`."""
    zeros = np.zeros(shape, dtype=g.dtype)
    if names_each_place_once(index):
        zeros[index] = g
    else:
        add_at(zeros, index, g)
    return zeros


# To look the types up in a set takes a fifth of the time of asking each entry what it is.
_BASIC = frozenset((int, slice, EllipsisType, type(None)))


def names_each_place_once(index: Any) -> bool:
    """Return whether an index names no place twice: numbers, slices and masks do not, arrays of integers may."""
    items = index if type(index) is tuple else (index,)
    return _BASIC.issuperset(map(type, items)) or all(
        item is None
        or item is Ellipsis
        or isinstance(item, int | slice | np.integer)
        or (isinstance(item, np.ndarray) and (item.dtype == bool or item.ndim == 0))
        for item in items
    )


def _getitem(x: Any, index: Any) -> Any:
    """`x[index]`, in half of the time where an array of places chooses rows."""
    if (
        type(x) is type(index) is np.ndarray
        and index.dtype.kind == "i"
        and index.ndim
        and x.ndim > 1
        and x.flags.c_contiguous
    ):
        return x.take(index, axis=0)
    return x[index]


derivative(operator.getitem, lambda g, z, x, index: scatter(g, index, x.shape), compute=_getitem)
formula(operator.getitem, pullbacks=("∇ into its place",))
derivative(scatter, lambda g, z, x, index, shape: x_at(g, index))


@primitive
def scatter_all(pieces: Any, indices: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of `shape` with each of several pieces added at its index: the reverse of reading `x` again and again."""
    total = np.zeros(shape, dtype=pieces[0].dtype)
    for piece, index in zip(pieces, indices, strict=True):
        if names_each_place_once(index):
            total[index] += piece
        else:
            add_at(total, index, piece)
    return total


scatter_all.derivative(lambda g, z, pieces, indices, shape: [x_at(g, index) for index in indices])
gives_pieces(operator.getitem, name_no_place_twice=names_each_place_once, put_together=scatter_all)


def x_at(x: Any, index: Any) -> Any:
    """`x[index]`, as a function."""
    return indexable(x)[index]


def _whole_axis(axis: int, at: Any) -> tuple[Any, ...]:
    return (slice(None),) * axis + (at,)


def _modular(indices: Any, size: int, mode: str) -> Any:
    if mode == "wrap":
        return np.mod(indices, size)
    return np.clip(indices, 0, size - 1) if mode == "clip" else indices


def _take_a(g: Any, z: Any, a: Any, indices: Any, axis: Any = None, out: Any = None, mode: str = "raise") -> Any:
    indices = as_array(indices)
    if indices.dtype.kind not in "iu":
        indices = indices.astype(np.intp)  # NumPy takes places of any dtype, and an empty list is one of floats
    if axis is None or a.ndim == 0:
        flat = (_modular(indices, a.size, mode),)
        return np.reshape(scatter(g, flat, (a.size,)), a.shape)
    axis = normalize_axis_index(axis, a.ndim)
    return scatter(g, _whole_axis(axis, _modular(indices, a.shape[axis], mode)), a.shape)


derivative(np.take, _take_a)


def along(indices: Any, shape: tuple[int, ...], axis: int) -> tuple[Any, ...]:
    """The index that names, for each entry of `indices`, that place along `axis` and its own place along the others.

    Along the others the indices and an array of `shape` broadcast against each other.
    """
    grid = [
        np.arange(size).reshape([-1 if d == position else 1 for d in range(len(shape))])
        for position, size in enumerate(shape)
    ]
    return (*grid[:axis], indices, *grid[axis + 1 :])


def take_along_axis_a(g: Any, z: Any, arr: Any, indices: Any, axis: Any = -1) -> Any:
    """The rule of `np.take_along_axis`: each element of the cotangent to where it was taken from."""
    if axis is None:
        return np.reshape(scatter(g, (indices,), (arr.size,)), arr.shape)
    return scatter(g, along(as_array(indices), arr.shape, normalize_axis_index(axis, arr.ndim)), arr.shape)


def take_along_axis(arr: Any, indices: Any, axis: Any = -1) -> Any:
    """`np.take_along_axis`, in half of the time where many elements are taken along the last axis."""
    if (
        type(arr) is type(indices) is np.ndarray
        and axis in (-1, arr.ndim - 1)
        and indices.size >= LEAST
        and indices.dtype.kind == "i"
        and indices.shape[:-1] == arr.shape[:-1]
        and arr.flags.c_contiguous
        and indices.min() >= 0
        and indices.max() < arr.shape[-1]
    ):
        starts = np.arange(0, arr.size, arr.shape[-1]).reshape(*arr.shape[:-1], 1)
        return arr.reshape(-1).take(indices + starts)
    return np.take_along_axis(arr, indices, axis=axis)


derivative(np.take_along_axis, take_along_axis_a, compute=take_along_axis)


@composition(np.compress)
def compress(condition: Any, a: Any, axis: Any = None, out: None = None) -> Any:
    """The elements, or slices, where a condition holds."""
    return np.take(a, np.flatnonzero(condition), axis=axis)


@composition(np.extract)
def extract(condition: Any, arr: Any) -> Any:
    """The elements where a condition holds."""
    return np.take(np.ravel(arr), np.flatnonzero(condition))


@composition(np.delete)
def delete(arr: Any, obj: Any, axis: Any = None) -> Any:
    """The array without some places along an axis."""
    if axis is None:
        return np.take(np.ravel(arr), np.delete(np.arange(arr.size), obj))
    axis = normalize_axis_index(axis, arr.ndim)
    places = np.delete(np.arange(arr.shape[axis]), obj)
    if isinstance(obj, slice) or (np.size(obj) == 1 and np.asarray(obj).dtype.kind in "ui"):
        return laid_out(np.take(arr, places, axis=axis), "A", arr)
    return arr[_whole_axis(axis, places)]


# --- choosing among arrays --------------------------------------------------------------------------------------------


@composition(np.select)
def select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    """Choose at each index the array of the first condition that holds there."""
    if len(condlist) != len(choicelist):
        raise ValueError(f"select: there are {len(condlist)} conditions and {len(choicelist)} choices")
    *choicelist, chosen = _of_one_dtype([*choicelist, default])
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        chosen = np.where(condition, choice, chosen)
    return laid_out(chosen, "C")


def _of_one_dtype(choices: Any) -> list[Any]:
    """The choices as arrays of one dtype. A Python number takes the dtype of the others."""
    choices = [choice if type(choice) in (int, float, complex) else array_of(choice) for choice in choices]
    dtype = np.result_type(*plain(choices))
    choices = [array_of(choice) for choice in choices]
    return [choice if choice.dtype == dtype else choice.astype(dtype) for choice in choices]


@composition(np.choose)
def choose(a: Any, choices: Any, out: None = None, mode: str = "raise") -> Any:
    """Choose at each index the array with the number that `a` has there."""
    number = _modular(as_array(a), len(choices), mode)
    if not for_any_values() and np.any((number < 0) | (number >= len(choices))):
        raise ValueError(
            f"choose: there are {len(choices)} choices, but `a` goes from {np.min(number)} to {np.max(number)}"
        )
    choices = _of_one_dtype(choices)
    shape = np.broadcast_shapes(number.shape, *[choice.shape for choice in choices])
    stacked = np.stack([np.broadcast_to(choice, shape) for choice in choices])
    return np.take_along_axis(stacked, np.broadcast_to(number, shape)[None], axis=0)[0]


@composition(np.ix_)
def open_mesh(*args: Any) -> Any:
    """Vectors along axes of their own. Places have no derivative; numbers keep theirs."""
    args = tuple([array_of(item) if type(item) in (list, tuple) and has_tensors(item) else item for item in args])
    if not any([hasattr(item, "requires_grad") and item.dtype.kind in "fc" for item in args]):
        return np.ix_(*plain(args))
    found = np.ix_(*plain(args))
    return tuple([np.reshape(item, mesh.shape) for item, mesh in zip(args, found, strict=True)])


no_derivative(
    np.nonzero, np.flatnonzero, np.argwhere, np.searchsorted, np.digitize, np.isin, np.shape, np.ndim, np.size,
    np.ravel_multi_index, np.unravel_index, np.diag_indices_from, np.tril_indices_from, np.triu_indices_from,
)  # fmt: skip
if hasattr(np, "in1d"):
    no_derivative(np.in1d)

"""Derivatives of functions that move elements about: reshaping, transposing, repeating, joining, splitting."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from tinygraph.derivatives.indexing import scatter, x_at
from tinygraph.engine.dependence import elementwise, uses_all
from tinygraph.engine.memory import apart_from, as_writable
from tinygraph.engine.notes import formula
from tinygraph.engine.operands import array_of, plain
from tinygraph.engine.orders import laid_out
from tinygraph.engine.primitives import primitive
from tinygraph.engine.table import composition, derivative, no_derivative
from tinygraph.errors import ShapeError, UnsupportedError


@primitive
def astype(x: Any, dtype: Any) -> Any:
    """The values converted to another dtype."""
    return x.astype(dtype)


# The engine gives a cotangent the dtype of its argument.
derivative(astype, lambda g, z, x, dtype: g)
elementwise(astype)
if hasattr(np, "astype"):
    # That of NumPy 2.0 refuses scalars, which the engine and compiled programs keep for arrays of no dimension.
    @composition(np.astype)
    def _astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
        if device not in ("cpu", None):
            raise ValueError(f"astype: the device must be 'cpu' or None, not {device!r}")
        return x.astype(dtype, copy=copy)

# --- one array to one array, every element once -----------------------------------------------------------------------


def _in_order(g: Any, shape: tuple[int, ...], order: str) -> Any:
    if order == "C":
        return g.reshape(shape)
    if order == "F":
        return np.reshape(g, shape, order="F")
    raise UnsupportedError(
        f"reshape: order={order!r} depends on the memory layout, which the record does not keep. Use order='C' or 'F'"
    )


derivative(np.reshape, lambda g, z, a, shape=None, order="C", **keywords: _in_order(g, a.shape, order))
formula(np.reshape, pullbacks=("∇ reshaped",))
derivative(np.ravel, lambda g, z, a, order="C": _in_order(g, a.shape, order))


@primitive
def flatten(a: Any, order: str = "C") -> Any:
    """The elements along one axis, in memory of their own. `np.ravel` may be a view."""
    return a.flatten(order)


derivative(flatten, lambda g, z, a, order="C": _in_order(g, a.shape, order))
for _same in (np.copy, np.squeeze, np.expand_dims):
    derivative(_same, lambda g, z, a, *args, **kwargs: np.reshape(g, a.shape))


def _transpose_a(g: Any, z: Any, a: Any, axes: Any = None) -> Any:
    if axes is None:
        return g.T
    return np.transpose(g, np.argsort(normalize_axis_tuple(axes, a.ndim)))


derivative(np.transpose, _transpose_a)
formula(np.transpose, pullbacks=("∇ᵀ",))
if hasattr(np, "permute_dims"):
    derivative(np.permute_dims, _transpose_a)
derivative(np.matrix_transpose, lambda g, z, x: np.swapaxes(g, -1, -2))
derivative(np.swapaxes, lambda g, z, a, axis1, axis2: np.swapaxes(g, axis1, axis2))
derivative(np.moveaxis, lambda g, z, a, source, destination: np.moveaxis(g, destination, source))
derivative(np.flip, lambda g, z, m, axis=None: np.flip(g, axis))
derivative(np.flipud, lambda g, z, m: np.flipud(g))
derivative(np.fliplr, lambda g, z, m: np.fliplr(g))
derivative(np.rot90, lambda g, z, m, k=1, axes=(0, 1): np.rot90(g, -k, axes))
derivative(
    np.roll,
    lambda g, z, a, shift, axis=None: np.roll(
        g, tuple([-int(step) for step in shift]) if np.ndim(shift) else -int(shift), axis
    ),
)
uses_all(
    np.reshape, np.ravel, flatten, np.copy, np.squeeze, np.expand_dims, np.transpose, np.swapaxes, np.moveaxis, np.flip,
    np.rot90, np.roll,
)  # fmt: skip


def _at_least(shape_of: Callable[[tuple[int, ...]], tuple[int, ...]]) -> Callable[..., Any]:
    """The composition of atleast_1d and its kin, given the function of shapes."""

    def written_out(*arys: Any) -> Any:
        arys = tuple([array_of(item) for item in arys])
        shapes = [shape_of(item.shape) for item in arys]
        several = [
            item if item.shape == shape else np.reshape(item, shape) for item, shape in zip(arys, shapes, strict=True)
        ]
        return several[0] if len(several) == 1 else tuple(several)

    return written_out


composition(np.atleast_1d)(_at_least(lambda shape: shape or (1,)))
composition(np.atleast_2d)(_at_least(lambda shape: (1,) * (2 - len(shape)) + shape))
composition(np.atleast_3d)(
    _at_least(lambda shape: (1, *shape, 1) if len(shape) == 1 else shape + (1,) * (3 - len(shape)))
)


@composition(np.rollaxis)
def rollaxis(a: Any, axis: int, start: int = 0) -> Any:
    """One axis moved to stand before another."""
    axis = normalize_axis_index(axis, a.ndim)
    start = start + a.ndim if start < 0 else start
    return np.moveaxis(a, axis, start - 1 if axis < start else start)


# --- repeating --------------------------------------------------------------------------------------------------------

# The engine sums a cotangent over the axes along which its argument was repeated.
derivative(np.broadcast_to, lambda g, z, array, shape, subok=False: g)


def _repeat_a(g: Any, z: Any, a: Any, repeats: Any, axis: Any = None) -> Any:
    if axis is None or a.ndim == 0:
        return np.reshape(_repeat_a(g, z, np.reshape(a, (-1,)), repeats, 0), a.shape)
    axis = normalize_axis_index(axis, a.ndim)
    if np.ndim(repeats) == 0 or np.size(repeats) == 1:
        times = int(np.reshape(repeats, ()))
        return np.sum(np.reshape(g, (*a.shape[: axis + 1], times, *a.shape[axis + 1 :])), axis=axis + 1)
    places = np.repeat(np.arange(a.shape[axis]), repeats)
    return scatter(g, (slice(None),) * axis + (places,), a.shape)


derivative(np.repeat, _repeat_a)
uses_all(np.broadcast_to, np.repeat)


@composition(np.tile)
def tile(A: Any, reps: Any) -> Any:  # noqa: N803 - NumPy's name
    """The array repeated `reps` times along each axis."""
    reps = tuple(reps) if np.ndim(reps) else (int(reps),)
    ndim = max(len(reps), A.ndim)
    reps = (1,) * (ndim - len(reps)) + reps
    shape = (1,) * (ndim - A.ndim) + A.shape
    paired = np.reshape(A, [part for size in shape for part in (1, size)])
    repeated = np.broadcast_to(
        paired, [part for times, size in zip(reps, shape, strict=True) for part in (times, size)]
    )
    repeated = np.reshape(repeated, [times * size for times, size in zip(reps, shape, strict=True)])
    return laid_out(repeated, "C", A) if any([times != 1 for times in reps]) else apart_from(repeated, A)


@composition(np.broadcast_arrays)
def broadcast_arrays(*args: Any, subok: bool = False) -> Any:
    """The arrays repeated to their common shape."""
    args = tuple([array_of(item) for item in args])
    shape = np.broadcast_shapes(*[item.shape for item in args])
    return tuple([np.broadcast_to(item, shape) for item in args])


@composition(np.meshgrid)
def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> Any:
    """The coordinates of a grid: each vector repeated along the axes of the others."""
    if indexing not in ("xy", "ij"):
        raise ValueError(f"meshgrid: indexing must be 'xy' or 'ij', got {indexing!r}")
    xi = tuple([array_of(x) for x in xi])
    place = list(range(len(xi)))
    if indexing == "xy":
        place[:2] = reversed(place[:2])
    along = [
        np.reshape(x, [-1 if axis == mine else 1 for axis in range(len(xi))]) for x, mine in zip(xi, place, strict=True)
    ]
    grid = tuple(along) if sparse else np.broadcast_arrays(*along)
    return tuple([laid_out(coordinate, "C", x) for coordinate, x in zip(grid, xi, strict=True)]) if copy else grid


# --- joining ----------------------------------------------------------------------------------------------------------


def _concatenate_arrays(g: Any, z: Any, arrays: Any, axis: Any = 0, out: Any = None, **keywords: Any) -> Any:
    shapes = [item.shape if hasattr(item, "shape") else np.shape(plain(item)) for item in arrays]
    if axis is None:
        ends = np.cumsum([0, *[math.prod(shape) for shape in shapes]]).tolist()
        parts = [
            np.reshape(x_at(g, slice(start, end)), shape)
            for shape, (start, end) in zip(shapes, pairwise(ends), strict=True)
        ]
    else:
        axis = normalize_axis_index(axis, g.ndim)
        ends = np.cumsum([0, *[shape[axis] for shape in shapes]]).tolist()
        before = (slice(None),) * axis
        parts = [x_at(g, (*before, slice(start, end))) for start, end in pairwise(ends)]
    return _as_given(parts, arrays)


def _as_given(parts: list[Any], arrays: Any) -> Any:
    """The cotangents of a sequence of arrays; of one array, that stood for the sequence of its rows, put together."""
    return parts if isinstance(arrays, list | tuple) else np.stack(parts)


derivative(np.concatenate, _concatenate_arrays)
if hasattr(np, "concat"):
    derivative(np.concat, _concatenate_arrays)


def _stack_arrays(g: Any, z: Any, arrays: Any, axis: int = 0, out: Any = None, **keywords: Any) -> Any:
    before = (slice(None),) * normalize_axis_index(axis, g.ndim)
    return _as_given([x_at(g, (*before, position)) for position in range(len(arrays))], arrays)


derivative(np.stack, _stack_arrays)
uses_all(np.concatenate, np.stack)


@composition(np.vstack)
def vstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    """Rows on top of each other."""
    return np.concatenate([np.atleast_2d(array_of(item)) for item in tup], axis=0, dtype=dtype, casting=casting)  # type: ignore[call-overload]


@composition(np.hstack)
def hstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    """Side by side."""
    items = [np.atleast_1d(array_of(item)) for item in tup]
    return np.concatenate(items, axis=0 if items[0].ndim == 1 else 1, dtype=dtype, casting=casting)  # type: ignore[call-overload]


@composition(np.dstack)
def dstack(tup: Any) -> Any:
    """Behind each other."""
    return np.concatenate([np.atleast_3d(array_of(item)) for item in tup], axis=2)


@composition(np.column_stack)
def column_stack(tup: Any) -> Any:
    """Vectors as columns."""
    items = [array_of(item) for item in tup]
    return np.concatenate([item if item.ndim > 1 else np.reshape(item, (-1, 1)) for item in items], axis=1)


@composition(np.append)
def append(arr: Any, values: Any, axis: Any = None) -> Any:
    """One array behind another."""
    arr, values = array_of(arr), array_of(values)
    if axis is None:
        return np.concatenate([np.ravel(arr), np.ravel(values)])
    return np.concatenate([arr, values], axis=axis)


# --- splitting --------------------------------------------------------------------------------------------------------


@composition(np.array_split)
def array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """Consecutive parts along an axis, their sizes as equal as they can be."""
    axis = normalize_axis_index(axis, ary.ndim)
    size = ary.shape[axis]
    if np.ndim(indices_or_sections):
        ends = [None, *[int(place) for place in indices_or_sections], None]
    else:
        sections = int(indices_or_sections)
        if sections <= 0:
            raise ValueError("array_split: the number of sections must be larger than 0")
        each, extra = divmod(size, sections)
        ends = np.cumsum([0] + [each + 1] * extra + [each] * (sections - extra)).tolist()
    before = (slice(None),) * axis
    return [ary[(*before, slice(start, end))] for start, end in pairwise(ends)]


@composition(np.split)
def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    """Consecutive parts along an axis, of equal size if their number is given."""
    if not np.ndim(indices_or_sections) and ary.shape[axis] % int(indices_or_sections):
        raise ValueError(
            f"split: axis {axis} of shape {ary.shape} does not divide into {indices_or_sections} equal parts"
        )
    return array_split(ary, indices_or_sections, axis)


def _check_axes(ary: Any, name: str, least: int) -> None:
    if ary.ndim < least:
        raise ShapeError(f"{name}: an array of shape {ary.shape} has fewer than {least} axes")


@composition(np.vsplit)
def vsplit(ary: Any, indices_or_sections: Any) -> Any:
    """Groups of rows."""
    _check_axes(ary, "vsplit", 2)
    return split(ary, indices_or_sections, 0)


@composition(np.hsplit)
def hsplit(ary: Any, indices_or_sections: Any) -> Any:
    """Groups of columns."""
    _check_axes(ary, "hsplit", 1)
    return split(ary, indices_or_sections, 0 if ary.ndim == 1 else 1)


@composition(np.dsplit)
def dsplit(ary: Any, indices_or_sections: Any) -> Any:
    """Groups along the third axis."""
    _check_axes(ary, "dsplit", 3)
    return split(ary, indices_or_sections, 2)


if hasattr(np, "unstack"):

    @composition(np.unstack)
    def unstack(x: Any, /, *, axis: int = 0) -> Any:
        """The slices along an axis, one by one."""
        axis = normalize_axis_index(axis, x.ndim)
        return tuple([x[(*(slice(None),) * axis, place)] for place in range(x.shape[axis])])


# --- parts of a matrix ------------------------------------------------------------------------------------------------

derivative(np.tril, lambda g, z, m, k=0: np.tril(g, k))
derivative(np.triu, lambda g, z, m, k=0: np.triu(g, k))


def _diagonal_index(shape: tuple[int, ...], offset: int, axis1: int, axis2: int) -> tuple[Any, ...]:
    axis1, axis2 = normalize_axis_tuple((axis1, axis2), len(shape))
    rows = np.arange(max(-offset, 0), shape[axis1])
    columns = np.arange(max(offset, 0), shape[axis2])
    length = min(len(rows), len(columns))
    index: list[Any] = [slice(None)] * len(shape)
    index[axis1], index[axis2] = rows[:length], columns[:length]
    return tuple(index)


def _diagonal_a(g: Any, z: Any, a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    axis1, axis2 = normalize_axis_tuple((axis1, axis2), a.ndim)
    order = [*(axis for axis in range(a.ndim) if axis not in (axis1, axis2)), axis1, axis2]
    shape = tuple([a.shape[axis] for axis in order])
    return np.transpose(scatter(g, (..., *_diagonal_index(shape[-2:], offset, 0, 1)), shape), np.argsort(order))


derivative(np.diagonal, _diagonal_a)


@composition(np.trace)
def trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: None = None) -> Any:
    """Sum of a diagonal."""
    return np.sum(np.diagonal(a, offset, axis1, axis2), axis=-1, dtype=dtype)


@primitive
def diagonal_matrix(v: Any, k: int) -> Any:
    """The square matrix with a vector on its k-th diagonal."""
    return np.diag(v, k)


derivative(diagonal_matrix, lambda g, z, v, k: np.diagonal(g, k))


@composition(np.diag)
def diag(v: Any, k: int = 0) -> Any:
    """The diagonal of a matrix, or the matrix of a diagonal."""
    if v.ndim not in (1, 2):
        raise ValueError(f"diag: the array must have 1 or 2 axes, got shape {v.shape}")
    return diagonal_matrix(v, k) if v.ndim == 1 else np.diagonal(v, k)


@composition(np.diagflat)
def diagflat(v: Any, k: int = 0) -> Any:
    """The matrix with the elements of an array on its k-th diagonal."""
    return diagonal_matrix(np.ravel(v), k)


# --- questions about arrays, and their text ---------------------------------------------------------------------------


@composition(np.zeros_like)
def zeros_like(a: Any, *args: Any, **keywords: Any) -> Any:
    """Zeros of the shape and dtype of an array, which Tensors can be written into."""
    return as_writable(np.zeros_like(plain(a), *plain(args), **plain(keywords)))


@composition(np.ones_like)
def ones_like(a: Any, *args: Any, **keywords: Any) -> Any:
    """Ones of the shape and dtype of an array, which Tensors can be written into."""
    return as_writable(np.ones_like(plain(a), *plain(args), **plain(keywords)))


@composition(np.empty_like)
def empty_like(prototype: Any, *args: Any, **keywords: Any) -> Any:
    """An array of the shape and dtype of another, which Tensors can be written into."""
    return as_writable(np.empty_like(plain(prototype), *plain(args), **plain(keywords)))


no_derivative(
    np.result_type, np.can_cast, np.may_share_memory, np.shares_memory,
    np.min_scalar_type, np.common_type, np.array2string, np.einsum_path,
)  # fmt: skip


@composition(np.array_str)
def array_str(a: Any, *args: Any, **keywords: Any) -> str:
    """The values as text. A single number is printed as an array without axes."""
    return np.array_str(np.asarray(plain(a)), *args, **keywords)


@composition(np.array_repr)
def array_repr(arr: Any, *args: Any, **keywords: Any) -> str:
    """The values as text that makes the array."""
    return np.array_repr(np.asarray(plain(arr)), *args, **keywords)

"""Fit a rule's result to the value it belongs to: undo broadcasting, restore the dtype.

The backward pass computes in float32 where the values are float16: rules get float32, and cotangents stay float32 until
a gradient is handed out. Squares of 1e-4, the sum of 5,000 ones and 1 ÷ 70,000 do not fit into a float16.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.engine.links import Like
from tinygraph.engine.nested import mapped
from tinygraph.engine.rows import column_sums, row_sums, sums_by_rows
from tinygraph.errors import ShapeError

FLOAT16 = np.dtype(np.float16)
FLOAT32 = np.dtype(np.float32)


def wide(dtype: Any) -> Any:
    """Return the dtype of a value's cotangent, for the dtype of the value."""
    return FLOAT32 if dtype == FLOAT16 else dtype


def widened(structure: Any) -> Any:
    """Return a structure of arrays with those of float16 in float32."""

    def widen(item: Any) -> Any:
        if getattr(item, "dtype", None) != FLOAT16:
            return item
        return Like(np.broadcast_to(np.float32(0), item.shape)) if type(item) is Like else item.astype(FLOAT32)

    return mapped(structure, widen)


def rounded(cotangent: Any, value: Any) -> Any:
    """Return a gradient, of which all parts have been added up, in the dtype of its value."""
    return cotangent if cotangent.dtype == value.dtype else cotangent.astype(value.dtype)


def fit(cotangent: Any, value: Any) -> Any:
    """Return a rule's cotangent in the shape of the value it belongs to, and in the dtype that `wide` gives."""
    if cotangent.shape != value.shape:
        cotangent = unbroadcast(cotangent, value.shape)
    dtype = wide(value.dtype)
    if cotangent.dtype is not dtype and cotangent.dtype != dtype:
        if cotangent.dtype.kind == "c" and dtype.kind != "c":
            cotangent = np.real(cotangent)  # a real operand can only be moved along the real line
        cotangent = cotangent.astype(dtype)
    return cotangent


def unbroadcast(cotangent: Any, shape: tuple[int, ...]) -> Any:
    """Sum a cotangent over the axes along which broadcasting repeated a value of this shape."""
    if not shape and type(cotangent) is np.ndarray:
        try:
            return np.add.reduce(cotangent, None)
        except FloatingPointError:  # infinity minus infinity
            with np.errstate(invalid="ignore"):
                return np.add.reduce(cotangent, None)
    extra = cotangent.ndim - len(shape)
    if extra < 0 or any([a != b for a, b in zip(cotangent.shape[extra:], shape, strict=True) if b != 1]):
        raise ShapeError(f"a derivative rule returned shape {cotangent.shape} for an argument of shape {shape}")
    repeated = [axis + extra for axis, size in enumerate(shape) if size == 1 and cotangent.shape[axis + extra] != 1]
    axes = (*range(extra), *repeated)
    if sums_by_rows(cotangent):
        if axes == (cotangent.ndim - 1,):
            return row_sums(cotangent).reshape(shape)
        if axes == (*range(cotangent.ndim - 1),) and cotangent.flags.c_contiguous:
            return column_sums(cotangent).reshape(shape)
    if type(cotangent) is np.ndarray:
        try:
            return np.add.reduce(cotangent, axes, keepdims=True).reshape(shape)
        except FloatingPointError:  # infinity minus infinity
            with np.errstate(invalid="ignore"):
                return np.asarray(np.add.reduce(cotangent, axes, keepdims=True)).reshape(shape)
    with np.errstate(invalid="ignore"):
        return np.reshape(np.sum(cotangent, axis=axes, keepdims=True), shape)

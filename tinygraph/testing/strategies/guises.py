"""Guises: the same array in another memory layout, and other operands in an array's place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tinygraph.testing.strategies.values import Array

__all__ = ["kinds", "layouts"]

# --- memory layouts ---------------------------------------------------------------------------------------------------


def _c_order(array: Array) -> Array:
    return np.array(array, order="C")


def _fortran_order(array: Array) -> Array:
    return np.array(array, order="F")


def _reversed(array: Array) -> Array:
    backward: tuple[Any, ...] = (..., *[slice(None, None, -1)] * array.ndim)
    turned: Array = np.array(array[backward], order="C")[backward]
    return turned


def _every_other(array: Array) -> Array:
    wide = np.zeros([2 * size for size in array.shape], array.dtype)
    every_other: tuple[Any, ...] = (..., *[slice(None, None, 2)] * array.ndim)
    part: Array = wide[every_other]
    part[...] = array
    return part


def _read_only(array: Array) -> Array:
    array = array.copy()
    array.flags.writeable = False
    return array


def _unaligned(array: Array) -> Array:
    part = np.zeros(array.nbytes + 1, np.uint8)[1:].view(array.dtype).reshape(array.shape)
    part[...] = array
    return part


def _repeated(array: Array) -> Array:
    """Return the array with stride 0 along each axis where all its elements are the same."""
    for axis in range(array.ndim):
        first = array[(slice(None),) * axis + (slice(0, 1),)]
        if array.shape[axis] > 1 and np.array_equal(np.broadcast_to(first, array.shape), array):
            array = np.broadcast_to(first, array.shape)
    return array


LAYOUTS: Sequence[Callable[[Array], Array]] = (
    _c_order, _fortran_order, _reversed, _every_other, _read_only, _unaligned, _repeated,
)  # fmt: skip


def layouts(array: Array) -> SearchStrategy[Array]:
    """The same array in another memory layout: equal elements, other strides.

    In C or Fortran order, with negative strides, with gaps, read-only, not aligned, and with stride 0 where all
    elements along an axis are the same (as in the results of `np.ones` and `np.broadcast_to`).
    """
    return st.sampled_from(LAYOUTS).map(lambda lay: lay(array))


# --- kinds of operands ------------------------------------------------------------------------------------------------

KINDS: dict[str, Callable[[Array], Any]] = {
    "float64": lambda array: array.astype(np.float64),
    "float32": lambda array: array.astype(np.float32),
    "float16": lambda array: array.astype(np.float16),
    "int64": lambda array: np.round(array).astype(np.int64),
    "int32": lambda array: np.round(array).astype(np.int32),
    "bool": lambda array: np.asarray(array > 0),
    "list": lambda array: array.tolist(),
    "Python float": lambda array: float(array.flat[0]) if array.size else 0.5,
    "Python int": lambda array: round(float(array.flat[0])) if array.size else 2,
    "float64 scalar": lambda array: np.float64(array.flat[0] if array.size else 0.5),
    "float32 scalar": lambda array: np.float32(array.flat[0] if array.size else 0.5),
}


def kinds(array: Array) -> SearchStrategy[Any]:
    """Operands that can stand next to a Tensor in an array's place, to check that the result has NumPy's dtype.

    The operand is the array in another dtype, as whole numbers, as booleans or as a list; or one of its numbers, as a
    Python or NumPy scalar. The values differ from the array's: compare with NumPy's result for the same operand.
    """
    return st.sampled_from(sorted(KINDS)).map(lambda kind: KINDS[kind](array))

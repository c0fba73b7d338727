"""Operands of calls: Tensors, numbers, arrays, and lists of them; and the plain values that NumPy is given."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygraph.engine import modes
from tinygraph.engine.links import instances, mapped
from tinygraph.engine.modes import state
from tinygraph.engine.value import Value
from tinygraph.errors import UnsupportedError

# The types of constants that can go into an operator as they are.
NUMBERS = frozenset((float, int, np.float64, np.float32))
CONSTANTS = frozenset((float, int, bool, complex, np.ndarray, np.float64, np.float32, np.int64, np.bool_))


def tensors_in(structure: Any) -> Iterator[Any]:
    """Yield the Tensors inside nested tuples, lists and dicts, in order."""
    return instances(Value, structure)


def has_tensors(structure: Any) -> bool:
    """Return whether there is a Tensor inside nested tuples, lists and dicts."""
    kind = type(structure)
    if kind is tuple or kind is list:
        parts = structure
    elif kind is dict:
        parts = structure.values()
    else:
        return isinstance(structure, Value)
    for part in parts:  # noqa: SIM110 - half of the time of any() with a generator
        if has_tensors(part):
            return True
    return False


def plain(structure: Any) -> Any:
    """Return a structure with each Tensor replaced by its value."""
    return mapped(structure, lambda item: item._value if isinstance(item, Value) else item)


def array_of(item: Any) -> Any:
    """Return an argument as an array: numbers and lists may stand next to Tensors, and lists may hold Tensors."""
    if hasattr(item, "shape"):
        return item
    if isinstance(item, list | tuple) and has_tensors(item):
        return np.stack([array_of(part) for part in item])
    return as_array(item)


def plain_array(array: Any) -> Any:
    """Return a constant of a class derived from ndarray, `np.memmap` for instance, as an ndarray.

    Raises:
        UnsupportedError: it is a matrix, whose `*` is another product, or has masked elements: a derivative would be
            wrong.
    """
    if isinstance(array, np.matrix):
        raise UnsupportedError(
            "a np.matrix beside a Tensor: its * and ** are products of matrices, which derivatives of an array's * and "
            "** do not know; use np.asarray(m), and @ for a product of matrices"
        )
    check_unmasked(array, "a masked array beside a Tensor")
    return as_array(array)


def check_unmasked(array: Any, what: str) -> None:
    """Raise UnsupportedError for an array of `numpy.ma` with masked elements: as an array it would lose its mask."""
    ma = sys.modules.get("numpy.ma")  # NumPy reads it when somebody first asks for it
    if ma is not None and isinstance(array, ma.MaskedArray) and ma.is_masked(array):
        raise UnsupportedError(
            f"{what}: its mask would be lost, and what lies under it taken for values. Give m.filled(v), and choose "
            "among the results with np.where(m.mask, other, result)"
        )


def as_array(value: Any, dtype: Any = None) -> Any:
    """`np.asarray`, which leaves what stands for an array in a function that is being compiled as it is."""
    if modes.unusual and state.tracing is not None:
        return state.tracing.as_array(value, dtype)
    return np.asarray(value, dtype=dtype)


def indexable(array: Any) -> Any:
    """An array as it is, but in a function that is being compiled such that computed places can index it."""
    if modes.unusual and state.tracing is not None and type(array) is np.ndarray:
        return state.tracing.lift(array)
    return array

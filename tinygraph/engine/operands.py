"""Operands of calls: Tensors, numbers, arrays, and lists of them; and the plain values that NumPy is given."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from tinygraph.engine import modes
from tinygraph.engine.modes import state
from tinygraph.engine.nested import instances, mapped
from tinygraph.engine.table import Operation, function_name
from tinygraph.engine.unreadable import unreadable
from tinygraph.engine.value import Value
from tinygraph.errors import UnsupportedError

# The types of constants that can go into an operator as they are.
NUMBERS = frozenset((float, int, np.float64, np.float32))
CONSTANTS = frozenset((float, int, bool, complex, np.ndarray, np.float64, np.float32, np.int64, np.bool_))


def tensors_in(structure: Any) -> list[Any]:
    """Return the Tensors inside nested tuples, lists and dicts, in order."""
    return instances(Value, structure)


def has_tensors(structure: Any) -> bool:
    """Return whether there is a Tensor inside nested tuples, lists and dicts."""
    kind = type(structure)
    if kind is tuple or kind is list:
        parts = structure
    elif kind is dict:
        parts = structure.values()
    else:
        return issubclass(kind, Value)  # `isinstance` would ask a tracer's stand-in for its class, by a property
    for part in parts:
        kind = type(part)
        if kind is tuple or kind is list or kind is dict:
            if has_tensors(part):
                return True
        elif issubclass(kind, Value):
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
    """`np.asarray`, which leaves the stand-in for an array in a function that is being compiled as it is."""
    try:
        if modes.unusual and state.tracing is not None:
            return state.tracing.as_array(value, dtype)
        return np.asarray(value, dtype=dtype)
    except ValueError as error:
        raise unreadable(value, error) from None


def indexable(array: Any) -> Any:
    """An array as it is, but in a function that is being compiled such that computed places can index it."""
    if modes.unusual and state.tracing is not None and type(array) is np.ndarray:
        return state.tracing.lift(array)
    return array


# --- the arguments of a call ------------------------------------------------------------------------------------------


def prepared(op: Operation, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments such that each rule finds its own: in its position, and an array where it computes."""
    if kwargs and has_tensors(kwargs):
        args, kwargs = _bind(op, args, kwargs)
    if not op.takes_sequences and any([type(item) in (list, tuple) for item in args]):
        of_arrays = type(op.function) is np.ufunc  # the rules of a ufunc compute with each of its arguments
        traced = state.tracing.holds_traced if modes.unusual and state.tracing is not None else has_tensors
        args = tuple([array_of(item) if of_arrays or has_tensors(item) or traced(item) else item for item in args])
    if any([isinstance(item, np.ndarray) and type(item) is not np.ndarray for item in args]):
        args = tuple([plain_array(item) if isinstance(item, np.ndarray) else item for item in args])
    return args, kwargs


def _bind(op: Operation, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Move arguments that were given by keyword to their positions, so that each rule finds its own."""
    names = op.parameters[: len(op.rules)]
    rest = dict(kwargs)
    bound = list(args)
    for name in names[len(args) :]:
        if name not in rest:
            break
        bound.append(rest.pop(name))
    if op.function is np.clip and len(bound) == 1 and has_tensors(rest):
        bound += [rest.pop("min", rest.pop("a_min", None)), rest.pop("max", rest.pop("a_max", None))]
    stray = next((key for key, item in rest.items() if has_tensors(item)), None)
    if stray is not None:
        raise UnsupportedError(
            f"{function_name(op.function)}: no gradient can flow to {stray}=; give a plain array "
            f"({stray}.data if it is a constant here)"
        )
    return tuple(bound), rest

"""Calls on data: on Tensors without a gradient in memory that a program writes into, such as `np.zeros(3)` makes.

A program may compute for long before a Tensor with a gradient is written into its arrays, or never meet one. Until then
its calls are NumPy's own on the plain values, and nothing is recorded. An array that such a call makes can be written
into. A number is NumPy's number, and an array of integers or booleans a plain array.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.engine import modes
from tinygraph.engine.keeping import copied
from tinygraph.engine.links import LiveData
from tinygraph.engine.memory import as_writable, memory_of
from tinygraph.engine.modes import state
from tinygraph.engine.nested import instances, mapped
from tinygraph.engine.operands import has_tensors
from tinygraph.engine.places import ViewStep
from tinygraph.engine.table import operation_of
from tinygraph.engine.value import Value

__all__ = ["is_data", "on_data", "part_of_data"]

__warningregistry__ = None  # as in `record`

_new: Callable[[type], Any] = object.__new__

_NESTED = frozenset((tuple, list, dict))
_MUTABLE = frozenset((np.ndarray, tuple))
# The parts of an index that names a view.
_OF_VIEWS = frozenset((int, slice, type(None), type(Ellipsis)))
# Functions that call others, which may come back with a gradient.
_CALLING: frozenset[Any] = frozenset((np.apply_along_axis, np.apply_over_axes, np.piecewise))


def is_data(tensor: Any) -> bool:
    """Return whether a Tensor lies, with all that shares its memory, in memory that no gradient flows to."""
    link = tensor._link
    return type(link) is LiveData and (link.memory is None or link.memory.link is None)


def on_data(
    function: Callable[..., Any], compute: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Call a function on data.

    Args:
        function: as the table has it.
        compute: what computes it on arrays.
        args: its arguments.
        kwargs: its keywords.

    Returns:
        What the function returns, with Tensors for its arrays of floats; NotImplemented if a Tensor among the arguments
        is no data, or if the record has to know of the call.
    """
    if modes.unusual and (state.tracing is not None or (state.watching and has_tensors((args, kwargs)))):
        return NotImplemented
    values = _values_in(args)
    if values is NotImplemented or function in _CALLING:
        return NotImplemented
    if not kwargs:
        return _handed_back(compute(*values), function, args, kwargs)
    keywords = _values_in(kwargs)
    if keywords is NotImplemented:
        return NotImplemented
    return _handed_back(compute(*values, **keywords), function, args, kwargs)


def _values_in(structure: Any) -> Any:
    """Return a nest with the values of the data in it; NotImplemented if there is a Tensor that is no data."""
    kind = type(structure)
    values = []
    for item in structure.values() if kind is dict else structure:
        if isinstance(item, Value):
            link = item._link
            if type(link) is not LiveData or (link.memory is not None and link.memory.link is not None):
                return NotImplemented
            values.append(item._value)
        elif type(item) in _NESTED:
            inside = _values_in(item)
            if inside is NotImplemented:
                return NotImplemented
            values.append(inside)
        else:
            values.append(item)
    if kind is dict:
        return dict(zip(structure, values, strict=True))
    return values if kind is list else tuple(values)


def _handed_back(value: Any, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return the result of a call on data as the program gets it; NotImplemented for views taken in unknown ways."""
    if type(value) is np.ndarray:
        if value.base is None and not kwargs:
            for item in args:
                if isinstance(item, Value) and item._value is value:
                    return item
            return as_writable(value)
        return _array(value, function, args, kwargs)
    if not isinstance(value, tuple | list):
        return value
    parts = [_handed_back(part, function, args, kwargs) for part in value]
    if any([part is NotImplemented or _is_view(part) for part in parts]):
        return NotImplemented
    return value._make(parts) if hasattr(value, "_make") else type(value)(parts)


def _is_view(part: Any) -> bool:
    return isinstance(part, Value) and bool(part._link.steps)


def _array(value: Any, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return an array that may be an operand's, or a view of one, as the program gets it."""
    shared = []
    for item in args if not kwargs else (*args, kwargs):
        for tensor in (item,) if isinstance(item, Value) else instances(Value, item) if type(item) in _NESTED else ():
            if tensor._value is value:
                return tensor
            if value.base is tensor._value or np.may_share_memory(value, tensor._value):
                shared.append(tensor)
    if not shared:
        plainly = any([np.may_share_memory(value, item) for item in instances(np.ndarray, (args, kwargs))])
        return value if plainly else as_writable(value)
    if len(shared) == 1 and args and shared[0] is args[0] and operation_of(function) is not None:
        return _view(value, function, args, kwargs)
    return NotImplemented


def _view(value: Any, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return the Tensor of a view of the first argument."""
    of = args[0]
    if value.dtype.kind not in "fc":
        return value
    memory = memory_of(of)
    rest = tuple([copied(item) if type(item) in _MUTABLE else item for item in args[1:]])
    step = ViewStep(function, rest, mapped(kwargs, copied) if kwargs else {})
    steps = (*of._link.steps, step)
    tensor = _new(Value._kind)
    tensor._value = value
    tensor._link = LiveData(value, memory, steps)
    memory.enter(tensor, steps)
    return tensor


def part_of_data(tensor: Any, index: Any) -> Any:
    """Return `tensor[index]` of data: a number as NumPy has it, or a Tensor.

    Returns NotImplemented where `on_data` does.
    """
    if not is_data(tensor) or (modes.unusual and (state.tracing is not None or state.watching)):
        return NotImplemented
    value = tensor._value[index]
    if type(value) is not np.ndarray:
        return value
    simple = type(index) in _OF_VIEWS or (type(index) is tuple and all([type(item) in _OF_VIEWS for item in index]))
    return (_view if simple else _array)(value, operator.getitem, (tensor, index), {})

"""Functions that take functions: these are called with Tensors, and their calls are recorded."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from tinygraph.derivatives.indexing import scatter
from tinygraph.engine.modes import calls_of_elements, for_any_values
from tinygraph.engine.operands import array_of, plain
from tinygraph.engine.orders import laid_out
from tinygraph.engine.ownership import is_stand_in
from tinygraph.engine.table import composition
from tinygraph.errors import UnsupportedError
from tinygraph.users_code.source import users_line


@composition(np.apply_along_axis)
def apply_along_axis(func1d: Callable[..., Any], axis: int, arr: Any, *args: Any, **kwargs: Any) -> Any:
    """A function of each vector along an axis; its results stand in the place of the vectors."""
    arr = array_of(arr)
    axis = normalize_axis_index(axis, arr.ndim)
    last = np.moveaxis(arr, axis, -1)
    around = last.shape[:-1]
    if 0 in around:
        raise ValueError(f"apply_along_axis: there are no vectors along axis {axis} of an array of shape {arr.shape}")
    results = [func1d(last[index], *args, **kwargs) for index in np.ndindex(around)]
    together = np.stack(results)
    shape = together.shape[1:]
    together = np.reshape(together, (*around, *shape))
    return np.moveaxis(together, range(len(around), together.ndim), range(axis, axis + len(shape)))


@composition(np.apply_over_axes)
def apply_over_axes(func: Callable[..., Any], a: Any, axes: Any) -> Any:
    """A reduction over one axis after the other; the axes stay."""
    for axis in np.atleast_1d(axes).tolist():
        axis = axis + a.ndim if axis < 0 else axis
        result = func(a, axis)
        a = result if result.ndim == a.ndim else np.expand_dims(result, axis)
    return a


@composition(np.piecewise)
def piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Any:
    """Choose for each element the function, or the value, of the last condition that holds there."""
    x = array_of(x)
    condlist = plain(condlist)
    by_values = for_any_values() and any(
        [
            type(item) not in (list, np.ndarray, np.bool_, bool)
            for item in (condlist if _is_list(condlist) else [condlist])
        ]
    )
    if by_values and not _is_list(condlist):
        condlist = [condlist] if condlist.shape == x.shape else [*condlist]
    if not by_values and (np.isscalar(condlist) or (not isinstance(condlist[0], list | np.ndarray) and x.ndim != 0)):
        condlist = [condlist]
    conditions = [condition if is_stand_in(condition) else np.asarray(condition, dtype=bool) for condition in condlist]
    if len(conditions) == len(funclist) - 1:
        conditions.append(np.logical_not(functools.reduce(np.logical_or, conditions)))
    if len(conditions) != len(funclist):
        raise ValueError(f"piecewise: there are {len(conditions)} conditions and {len(funclist)} functions")
    y: Any = np.zeros(x.shape, x.dtype)
    for condition, function in zip(conditions, funclist, strict=True):
        condition = np.broadcast_to(condition, x.shape)
        if not callable(function):
            y = np.where(condition, function, y).astype(x.dtype)
        elif by_values:
            y = np.where(condition, _of_all(function, x, condition, args, kw).astype(x.dtype), y)
        elif np.any(condition):
            values = function(x[condition], *args, **kw)
            values = values if np.ndim(values) else np.broadcast_to(values, (int(np.sum(condition)),))
            y = np.where(condition, scatter(values, (condition,), x.shape).astype(x.dtype), y)
    return laid_out(y, "K", x)


def _is_list(conditions: Any) -> bool:
    return isinstance(conditions, list | tuple | np.ndarray | np.bool_ | bool)


def _of_all(function: Any, x: Any, condition: Any, args: Any, kw: Any) -> Any:
    """Return a function of elements at all places, though NumPy gives it those alone where a condition holds.

    It gets one of these at the other places, so that it fails nowhere. A second call, with an element more, shows
    whether the number of elements matters to it.

    Raises:
        UnsupportedError: the function may look at several elements at once.
    """
    if x.size == 0:
        return x
    inside = np.ravel(plain(x))[np.argmax(np.ravel(condition))]
    whole = np.ravel(np.where(condition, x, inside))
    longer = np.concatenate([whole, whole[:1]])
    values, calls = calls_of_elements(lambda: function(whole, *args, **kw), whole)
    if calls is None or calls != calls_of_elements(lambda: function(longer, *args, **kw), longer)[1]:
        raise UnsupportedError(
            f"compile: np.piecewise takes the elements where a computed condition holds, and their number depends on "
            f"values ({users_line()}). Write np.where(condition, f(x), g(x))"
        )
    return np.reshape(np.broadcast_to(values, whole.shape), x.shape)

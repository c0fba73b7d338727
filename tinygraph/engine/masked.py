"""Writes at a mask that a program computes: each is a write of a whole view, since its shape is known.

y[y < 0] = 0            y[...] = np.where(y < 0, 0, y)
y[m] = v, m outside     y[...] = np.where(m, v[order], y)       the program is made for the values of m
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.engine.modes import state
from tinygraph.engine.ownership import is_stand_in
from tinygraph.engine.places import names_everything
from tinygraph.errors import UnsupportedError
from tinygraph.users_code.source import users_line

__all__ = ["as_whole_view"]


def as_whole_view(target: Any, index: Any, value: Any) -> tuple[Any, Any] | None:
    """Return a write at a mask that a program computes as that of a view: the view, and the values that it gets.

    Args:
        target: an array or a Tensor, in a function that is being compiled.
        index: of the write.
        value: that is written.

    Returns:
        None where there is no such mask in the index.

    Raises:
        IndexError: the mask does not fit.
        UnsupportedError: each place has a value of its own.
    """
    items = index if type(index) is tuple else (index,)
    masks = [place for place, item in enumerate(items) if is_stand_in(item) and item.dtype == np.bool_]
    if not masks:
        return None
    at, mask = masks[0], items[masks[0]]
    before, behind = items[:at], items[at + 1 :]
    if len(masks) > 1 or not all([type(item) in (int, slice) for item in before]) or not names_everything(behind):
        raise _refused("a computed mask stands beside other indices")
    view = target[before] if before else target
    axes = sum([type(item) is slice for item in before])
    rest = view.ndim - axes - mask.ndim
    if rest < 0 or view.shape[axes : axes + mask.ndim] != mask.shape:
        raise IndexError(f"a mask of shape {mask.shape} does not fit an array of shape {view.shape}")
    shape = np.shape(value)
    if len(shape) > rest:
        if int(np.prod(shape)) == 1:
            value = np.reshape(value, ())
        else:
            known = None if state.tracing is None else state.tracing.known_values(mask)
            if known is None:
                raise _refused("values are written at a computed mask, one for each place")
            value = _spread(value, known, view, axes)
    return view, np.where(np.reshape(mask, (*mask.shape, *[1] * rest)), value, view).astype(view.dtype)


def _spread(value: Any, mask: Any, view: Any, axis: int) -> Any:
    """Return values for all places of a view, where there is one for each at which a mask holds, along an axis."""
    count = int(np.count_nonzero(mask))
    if not count:
        return view
    values = np.broadcast_to(value, (*view.shape[:axis], count, *view.shape[axis + mask.ndim :]))
    order = np.maximum(np.cumsum(mask) - 1, 0).reshape(mask.shape)  # elsewhere any number will do
    return np.take(values, order, axis=axis)


def _refused(what: str) -> UnsupportedError:
    error = UnsupportedError(
        f"x[mask] = values, at {users_line()}: {what}. How many places there are depends on values, and a compiled "
        "function is made for given shapes. Write x[...] = np.where(mask, values, x), with values of the shape of x, "
        "or np.place(x, mask, values), for values one after the other"
    )
    if state.tracing is not None:
        state.tracing.refusal = state.tracing.refusal or error
    return error

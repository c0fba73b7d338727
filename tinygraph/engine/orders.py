"""Orders in memory: what is written out with other functions lies in memory as NumPy's own result does.

`np.ravel(x, order="K")`, `np.nditer`, `x.copy(order="K")` and `x.view(dtype)` tell one order from another.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.engine.memory import apart_from
from tinygraph.engine.modes import state
from tinygraph.engine.ownership import is_stand_in
from tinygraph.engine.value import Value

__all__ = ["in_order", "laid_out", "layout_of", "layout_of_elementwise", "lies_in", "order_after"]


def layout_of(array: Any) -> Any:
    """Return an array that lies in memory as a Tensor or a stand-in does; None if it is not known."""
    value = array._value if isinstance(array, Value) else array
    if is_stand_in(value):
        return state.tracing.layout_of(value)  # type: ignore[union-attr]
    return np.asarray(value)


def layout_of_elementwise(arrays: list[Any]) -> Any:
    """Return an array that lies in memory as the result of a ufunc of some arrays; None if it is not known."""
    lying = [layout_of(array) for array in arrays]
    if not lying or any([layout is None for layout in lying]):
        return None
    return np.nditer([*lying, None], ["zerosize_ok"]).operands[-1]


def lies_in(array: Any, order: str) -> bool:
    """Return whether the elements of a Tensor, a stand-in or an array lie in an order in memory.

    The answer for a stand-in may decide which calls are recorded: each run of the function gets the same one.

    Args:
        array: what is asked about.
        order: "C", "F"; "A" for Fortran's order alone, which is not that of C, too; or "K", in which all lie.
    """
    value = array._value if isinstance(array, Value) else array
    if order == "K":
        return True
    return state.tracing.lies_in(value, order) if is_stand_in(value) else in_order(value, order)  # type: ignore[union-attr]


def in_order(array: Any, order: str) -> bool:
    """Return whether the elements of an array lie in an order: see `lies_in`."""
    flags = np.asarray(array).flags
    return bool(flags.c_contiguous if order == "C" else flags.f_contiguous if order == "F" else flags.fnc)


def order_after(order: str, like: Any) -> str:
    """Return an order as "C", "F" or "K": "A" is Fortran's after an array that is in it, and else C's."""
    order = order.upper()
    return order if order != "A" else "F" if lies_in(like, "A") else "C"


def laid_out(result: Any, order: str, like: Any = None) -> Any:
    """Return what a composition has just computed, with its elements in another order in memory.

    The record stays as it is: the numbers are the same.

    Args:
        result: a Tensor, a stand-in or an array.
        order: "C" and "F"; "A" for Fortran's order if `like` is in it and else C's; "K" for that of `like`, which has
            as many axes.
        like: an operand. The result is apart from its memory.
    """
    if like is not None:
        result = apart_from(result, like)
    lies = layout_of(result)
    if lies is None or lies.size < 2:
        return result
    wanted = _wanted(lies, order, None if like is None else layout_of(like))
    if wanted is None:
        return result
    value = result._value if isinstance(result, Value) else result
    if is_stand_in(value):
        state.tracing.lay_out(value, wanted)  # type: ignore[union-attr]
        return result
    wanted[...] = value
    if not isinstance(result, Value):
        return wanted
    result._value = wanted
    return result


def _wanted(lies: Any, order: Any, like: Any) -> Any:
    """Return a new array in the wanted order; None if the elements lie in it."""
    if order in "AK" and like is None:
        return None
    if order == "A":
        order = "F" if in_order(like, "A") else "C"
    if order in "CF":
        return None if in_order(lies, order) else np.empty(lies.shape, lies.dtype, order)
    wanted = np.empty_like(like, lies.dtype, shape=lies.shape)
    long = [axis for axis, size in enumerate(lies.shape) if size > 1]
    return None if all([lies.strides[axis] == wanted.strides[axis] for axis in long]) else wanted

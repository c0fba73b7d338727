"""Orders: programs know C order alone, and the other orders of elements are written down as transposes.

    np.ravel(x, order="F")      x.T.ravel()
    np.ravel(x, order="K")      x.transpose(axes).ravel(), with the axes as they lie in memory
    np.reshape(x, s, order="A") one of the two

`order="K"` and `order="A"` take elements as they lie in memory, which a program arranges in its own way. So the order
is looked up when the function is recorded, and such a program is made for the strides of its arguments, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

__all__ = ["axes_in_memory", "order_of", "strides_of", "without_order"]

# Where the order stands among the arguments.
_PLACES = {np.ravel: 1, np.reshape: 2}


def order_of(function: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> str:
    """The order in which a call takes elements: "C", "F", "A" or "K"."""
    place = _PLACES.get(function)
    if place is None:
        return "C"
    order = args[place] if len(args) > place else kwargs.get("order")
    order = order.upper() if isinstance(order, str) else "C"
    return "C" if order == "K" and function is np.reshape else order  # which NumPy refuses


def without_order(function: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Any, Any]:
    """The arguments of a call but for the order."""
    return tuple(args[: _PLACES[function]]), {key: item for key, item in kwargs.items() if key != "order"}


def axes_in_memory(array: Any, order: str) -> tuple[int, ...]:
    """The axes of an array, so that transposed to them it is taken in C order.

    Args:
        array: as it lies in memory.
        order: "A", for Fortran's order where the array is in it and else C's, or "K", for the order in memory.
    """
    axes = tuple(range(array.ndim))
    if order == "A":
        return axes[::-1] if array.flags.fnc else axes
    steps = [0 if size == 1 else abs(stride) for size, stride in zip(array.shape, array.strides, strict=True)]
    found: list[int] = []  # the innermost axis first
    for axis in reversed(axes):
        at = len(found)
        for place in reversed(range(len(found))):  # as NumPy's iterators do it: an axis without a stride stays
            if steps[axis] and steps[found[place]]:
                if steps[found[place]] <= steps[axis]:
                    break
                at = place
        found.insert(at, axis)
    return tuple(found[::-1])


def strides_of(values: Any) -> list[Any]:
    """The strides of some values, with None for a number."""
    return [getattr(value, "strides", None) for value in values]

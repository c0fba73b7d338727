"""Orders: programs know C order alone; another order of elements is recorded as transposes.

    np.ravel(x, order="F")      x.T.ravel()
    np.ravel(x, order="K")      x.transpose(axes).ravel(), with the axes as they lie in memory
    np.reshape(x, s, order="A") one of the two

`order="K"` and `order="A"` take elements in the order of memory, and a program arranges memory in its own way. So the
axes are looked up while the function is recorded, and the strides of the arguments are part of the signature.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygraph.compiler.trace.recorder import Recorder

__all__ = ["axes_in_memory", "order_of", "strides_of", "transposed_call", "without_order"]

# The position of `order` among the arguments.
_POSITIONS: dict[Any, int] = {np.ravel: 1, np.reshape: 2}


def order_of(function: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> str:
    """Return the order in which a call takes elements: "C", "F", "A" or "K"."""
    position = _POSITIONS.get(function)
    if position is None:
        return "C"
    order = args[position] if len(args) > position else kwargs.get("order")
    order = order.upper() if isinstance(order, str) else "C"
    return "C" if order == "K" and function is np.reshape else order  # NumPy refuses it there


def without_order(function: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Any, Any]:
    """Return the arguments of a call without the order."""
    return tuple(args[: _POSITIONS[function]]), {key: item for key, item in kwargs.items() if key != "order"}


def transposed_call(
    recorder: Recorder, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any],
    axes: tuple[int, ...], is_reversed: bool,
) -> Any:  # fmt: skip
    """Record `np.ravel` or `np.reshape` of an array whose elements are taken in another order than C's.

    Args:
        recorder: records the calls.
        function, args, kwargs: the call, without the order.
        axes: the axes of the array, from the slowest to the fastest of the order.
        is_reversed: the order is Fortran's, in which the result is filled, too.
    """
    array, *rest = args
    in_order = tuple(range(array.ndim))
    if axes != in_order:
        array = recorder.call(np.transpose, (array, axes), {})
    if function is np.ravel or (not is_reversed and axes == in_order):
        return recorder.call(function, (array, *rest), kwargs)
    shape = rest[0] if rest else next(kwargs[key] for key in ("shape", "newshape") if key in kwargs)
    shape = shape if isinstance(shape, tuple | list) else (shape,)
    return recorder.call(np.transpose, (recorder.call(np.reshape, (array, tuple(shape[::-1])), {}),), {})


def axes_in_memory(array: Any, order: str) -> tuple[int, ...]:
    """Return the axes of an array to transpose it to, so that C order takes its elements in another order.

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
        target = len(found)
        for position in reversed(range(len(found))):  # as NumPy's iterators sort: an axis without a stride stays
            if steps[axis] and steps[found[position]]:
                if steps[found[position]] <= steps[axis]:
                    break
                target = position
        found.insert(target, axis)
    return tuple(found[::-1])


def strides_of(values: Any) -> list[Any]:
    """Return the strides of each value, None for a number."""
    return [getattr(value, "strides", None) for value in values]

"""Masks: the reach of a cotangent, the elements in which something arrived.

A condition, a mask or an index left out the other elements, and they are 0. An element that was reached may be 0 too,
but the two differ where a slope is infinite: an element that was left out contributes nothing, while 0 · ∞ is NaN.

A mask is an array of booleans in the shape of the cotangent; None stands for a mask that is true everywhere. While a
function is compiled, a mask may be one of the tracer's stand-ins, whose values are not at hand.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def whole(mask: Any) -> Any:
    """Return a mask, or None if it is known to be true everywhere."""
    return None if is_at_hand(mask) and np.all(mask) else mask


def is_at_hand(item: Any) -> bool:
    """Return whether an array's values are at hand: those of a tracer's stand-in are not."""
    return issubclass(type(item), np.ndarray | np.generic)


class Later:
    """A reach that takes long to find. It is found when it is first asked for."""

    __slots__ = ("_find", "_found")

    def __init__(self, find: Callable[[], Any]) -> None:
        self._find: Callable[[], Any] | None = find
        self._found: Any = None

    def found(self) -> Any:
        """Return the reach."""
        if self._find is not None:
            self._found, self._find = self._find(), None
        return self._found


def found_reach(reach: Any) -> Any:
    """Return a reach; find it now if it was put off."""
    return reach.found() if type(reach) is Later else reach


def united(one: Any, other: Any) -> Any:
    """Return the reach of the sum of two cotangents."""
    if one is not None and other is not None and Later in (type(one), type(other)):
        return Later(lambda: united(found_reach(one), found_reach(other)))
    if one is None or other is None or are_complements(one, other):
        return None
    for mask, against in ((one, other), (other, one)):
        if is_at_hand(mask) and not np.any(mask):
            return against
    return whole(np.logical_or(one, other))


def are_complements(one: Any, other: Any) -> bool:
    """Return whether each of two masks is known to be true where the other is not, as those of both sides of a
    condition are. A tracer's stand-in has to tell, since its values are not at hand.
    """
    return any([
        not is_at_hand(mask) and hasattr(mask, "is_complement_of") and mask.is_complement_of(against)
        for mask, against in ((one, other), (other, one))
    ])  # fmt: skip


def mask_of(found: Any, operand: Any) -> Any:
    """Return the reach of an operand, for what its rule makes of ones or booleans."""
    return whole(unbroadcast_reach(found if found.dtype == bool else found != 0, found.shape, operand))


def unbroadcast_reach(mask: Any, shape: tuple[int, ...], operand: Any) -> Any:
    """Return the reach of an operand that was broadcast: an element is reached if any of its copies is."""
    if mask is None or not hasattr(operand, "shape"):
        return None
    if mask.shape != shape:
        mask = np.broadcast_to(mask, shape)
    own = operand.shape
    if own == shape:
        return mask
    extra = len(shape) - len(own)
    axes = (*range(extra), *[axis + extra for axis, size in enumerate(own) if size == 1 and shape[axis + extra] != 1])
    return whole(np.reshape(np.any(mask, axis=axes, keepdims=True), own))


def is_product(function: Any, args: Any) -> bool:
    """Return whether a call multiplies matrices as `np.matmul` does; `np.dot` differs for stacks of matrices."""
    if function is np.dot:
        return all([hasattr(item, "ndim") for item in args[:2]]) and (args[0].ndim < 2 or args[1].ndim <= 2)
    return function is np.matmul and all([hasattr(item, "ndim") for item in args[:2]])


def of_product(position: int, reach: Any, x: Any, y: Any) -> Any:
    """Return the reach of a factor of x @ y: the rows of x, or columns of y, with a reached element in the product."""
    own = (x, y)[position]
    if not hasattr(own, "shape") or x.ndim == 0 or y.ndim == 0:
        return None
    reach = reach if y.ndim > 1 else reach[..., None]
    reach = reach if x.ndim > 1 else reach[..., None, :]
    mask = np.any(reach, axis=-1 if position == 0 else -2, keepdims=True)
    matrix = own.shape if own.ndim > 1 else (1, *own.shape) if position == 0 else (*own.shape, 1)
    mask = np.broadcast_to(mask, (*mask.shape[:-2], *matrix[-2:]))
    extra = mask.ndim - len(matrix)
    axes = (*range(extra), *[at + extra for at in range(len(matrix) - 2) if matrix[at] == 1])
    return whole(np.reshape(np.any(mask, axis=axes, keepdims=True) if axes else mask, own.shape))


def within(cotangent: Any, reach: Any) -> Any:
    """Return a cotangent with 0 outside of its reach."""
    if isinstance(cotangent, list | tuple):
        parts = reach if type(reach) in (list, tuple) else [None] * len(cotangent)
        return [within(part, mask) for part, mask in zip(cotangent, parts, strict=True)]
    reach = found_reach(reach)
    return cotangent if reach is None or cotangent.shape != reach.shape else np.where(reach, cotangent, 0)

"""Buffers: the arrays that programs write the new values of Tensors into."""

from __future__ import annotations

import mmap
import weakref
from typing import Any

import numpy as np

__all__ = ["buffer_ids", "looks_into_a_buffer", "own_buffer"]

# The arrays that programs write a Tensor's new values into, by the Tensor's id. They are nobody else's: an array that
# the user made a Tensor of, or took from one before, stays what it is.
_buffers: dict[int, tuple[Any, Any]] = {}
buffer_ids: set[int] = set()

# What an array's memory may belong to, besides an array, that is not a buffer's; and numbers, which have none.
_ELSEWHERE = (type(None), float, int, np.generic, bytes, mmap.mmap)


def own_buffer(tensor: Any) -> Any:
    """Return the buffer of a Tensor, with the Tensor's values in it."""
    value = tensor._value
    key = id(tensor)
    known = _buffers.get(key)
    if known is not None:
        buffer = known[1]
        if buffer is not value:  # assigned to since, by other means
            buffer[...] = value
        return buffer
    buffer = np.array(value, order="C")
    _buffers[key] = (weakref.ref(tensor, lambda _: _forget(key)), buffer)
    buffer_ids.add(id(buffer))
    return buffer


def _forget(key: int) -> None:
    """Drop the buffer of a Tensor that is gone."""
    _, buffer = _buffers.pop(key)
    buffer_ids.discard(id(buffer))


def looks_into_a_buffer(item: Any) -> bool:
    """Return whether an array may be a buffer, or a view of one.

    A view in NumPy keeps hold of the array that owns the memory.
    """
    while type(item) is np.ndarray:
        if id(item) in buffer_ids:
            return True
        item = item.base
    return not isinstance(item, _ELSEWHERE)

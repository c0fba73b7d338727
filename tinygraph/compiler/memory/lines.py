"""Lines of the cache: where in them the memory of a program begins.

A processor moves memory in lines of 64 bytes. NumPy's arrays begin at any multiple of 16 bytes.

Calls that read and write wide registers are faster on arrays that begin where a line does: elementwise calls in place
take a sixth less, the ten million elements of the benchmark a twentieth.

When two threads write to one line, it goes back and forth between their processors. BLAS divides a product of a vector
and a matrix whose rows are added up, `np.dot(v, x)`, in the middle of the result, into which each thread adds four rows
of `x` at a time: what is on both sides of the middle is written a thousand times. A product of 4096 and 4096x348
float64 numbers took 105 microseconds where the middle was the beginning of a line, and 155 where it was inside one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygraph.engine.ownership import held_alone

__all__ = ["KEPT_BYTES", "LARGE_BYTES", "memory_for", "middle_of", "on_lines"]

# Memory of fewer bytes begins where NumPy says: a call that computes into it takes about as long as without.
LARGE_BYTES = 1 << 16

# Results of at least so many bytes are computed into the memory of an earlier one that nobody has any more. The system
# takes large memory back when it is freed, and fills it with zeros before it gives it again: a gradient of 40 MB took
# 64 milliseconds on one thread instead of 60, and 41 on two instead of 31.
KEPT_BYTES = 1 << 22

# OpenBLAS leaves products with a matrix of fewer elements to one thread.
DIVIDED = 460_800


def on_lines(shape: Any, dtype: Any, element: int = 0) -> Any:
    """An empty array whose first element, or another one, begins a line of the processor's cache: 64 bytes."""
    itemsize = np.dtype(dtype).itemsize
    size = int(np.prod(shape)) * itemsize
    whole = np.empty(size + 64, dtype=np.uint8)
    start = -(whole.ctypes.data + element * itemsize) % 64
    return whole[start : start + size].view(dtype).reshape(shape)


def memory_for(kept: Any, shape: Any, dtype: Any) -> Any:
    """Return an empty array for a result, in the memory of an earlier result that nobody holds, or in new memory.

    Args:
        kept: the memory of the last two results, of the same shape and dtype. A view of a result holds its memory, too,
            so that the memory is free if this list alone holds it. Two, since in a loop `g = gradient(x)` the last
            result is still held when the next is computed.
        shape, dtype: of the array, which begins a line of the processor's cache.
    """
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    whole = held_alone(kept)
    if whole is None:
        whole = np.empty(size + 64, dtype=np.uint8)
        kept[:] = [*kept[-1:], whole]
    start = -whole.ctypes.data % 64
    return whole[start : start + size].view(dtype).reshape(shape)


def middle_of(first: Any, second: Any, dtype: np.dtype[Any]) -> int:
    """Return the element of a product at which the second of two threads begins to add rows up.

    Args:
        first, second: arrays of the operands' layouts.
        dtype: of the product.

    Returns:
        The number of the element; 0 where one thread computes it, or where each element is written once.
    """
    if dtype.char not in "fdFD" or first.dtype != dtype or second.dtype != dtype:
        return 0
    if second.ndim == 2 and _is_vector(first.shape) and not _is_vector(second.shape):
        matrix, axis = second, 1
    elif first.ndim == 2 and _is_vector(second.shape) and not _is_vector(first.shape):
        matrix, axis = first, 0
    else:
        return 0
    if matrix.size < DIVIDED or matrix.strides[axis] != dtype.itemsize:
        return 0
    return (int(matrix.shape[axis]) + 1) // 2


def _is_vector(shape: Sequence[int]) -> bool:
    return len(shape) == 1 or (len(shape) == 2 and 1 in shape)

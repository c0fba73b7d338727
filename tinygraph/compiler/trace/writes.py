"""Writes into arrays: the array has another event from then on, and views of it are taken again when they are used."""

from __future__ import annotations

import numpy as np

from tinygraph.compiler.trace.recorder import Recorder
from tinygraph.compiler.trace.refused import IN_PLACE, refused
from tinygraph.compiler.trace.traced import Traced
from tinygraph.compiler.trace.views import become
from tinygraph.engine.links import next_order

__all__ = ["overwrite"]


def overwrite(recorder: Recorder, target: Traced, result: Traced) -> Traced:
    """Record `target[...] = result`, and return the target.

    Args:
        recorder: records it.
        target: an array that the function made, or the value of a Tensor.
        result: an array of the same shape.

    Raises:
        UnsupportedError: a program cannot write into the target.
        TypeError, ValueError: NumPy would refuse the write too.
    """
    memory = target._memory
    if target._is_number:
        raise TypeError("return arrays must be of ArrayType")
    if target._base is not None or not memory.writable:
        raise refused("an argument, a plain array from outside, or a view of another array is written into", IN_PLACE)
    if result.shape != target.shape:
        raise ValueError(f"an array of shape {result.shape} cannot be written into one of {target.shape}")
    if result.dtype != target.dtype:
        if not np.can_cast(result.dtype, target.dtype, "same_kind"):
            raise TypeError(f"an array of dtype {result.dtype} cannot be written into one of {target.dtype}")
        result = recorder.converted(result, target.dtype)
    become(target, recorder.operand(result), result._value)
    memory.version += 1
    target._seen = memory.version
    for link in memory.leaves:
        link.order = link.rewritten = next_order()
    return target

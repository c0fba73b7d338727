"""The arrays that a step reads: of leaves, and of gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygraph.engine.fitting import wide
from tinygraph.engine.modes import is_tracing
from tinygraph.engine.tensor import Tensor

__all__ = ["Array", "as_wide", "current"]

Array = NDArray[Any]


def current(tensor: Any) -> Any:
    """Return the value of a leaf, read-only. `data` would return a writable array, and then have to watch it."""
    value = tensor._value
    if isinstance(value, np.generic):
        return value
    if is_tracing():
        return tensor.data
    value = value.view()
    value.flags.writeable = False
    return value


def as_wide(array: Any) -> Any:
    """Return the array of a Tensor or an array, in float32 where it is of float16: see `fitting`."""
    if isinstance(array, Tensor):  # a gradient of a pass with create_graph=True
        array = array.data
    dtype = wide(array.dtype)
    return array if dtype == array.dtype else array.astype(dtype)

"""Rows divided by their length."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["normalize"]


def normalize(x: Any, axis: int | None = -1, order: float = 2) -> NDArray[Any]:
    """Return an array divided by its norms along an axis; a row of zeros stays as it is.

    Args:
        x: an array.
        axis: the axis of the norms; None for one norm of the whole. (Keras takes axis 0 for the last.)
        order: the order of the norm, as for `np.linalg.norm`: 1, 2 or np.inf, for instance.
    """
    values = np.asarray(x)
    norms = np.asarray(np.linalg.norm(values, order, axis))
    divisors = np.where(norms == 0, 1, norms).astype(norms.dtype, copy=False)
    return np.asarray(values / (divisors if axis is None else np.expand_dims(divisors, axis)))

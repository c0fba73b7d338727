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

    Returns:
        An array of the same shape. One of shape (n,) becomes one of shape (1, n), as in Keras.
    """
    values = np.asarray(x)
    norms = np.atleast_1d(np.linalg.norm(values, order, axis))
    norms[norms == 0] = 1
    return np.asarray(values / np.expand_dims(norms, -1 if axis is None else axis))

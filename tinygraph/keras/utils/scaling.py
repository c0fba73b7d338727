"""Rows divided by their length."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.engine.tensor import Tensor
from tinygraph.nn.symbolic import Symbol

__all__ = ["normalize"]


def normalize(x: Any, axis: int | None = -1, order: float = 2) -> Any:
    """Return an array divided by its norms along an axis; a row of zeros stays as it is.

    Args:
        x: an array, or a Tensor: then the result has a gradient.
        axis: the axis of the norms; None for one norm of the whole. (Keras takes axis 0 of an array for the last.)
        order: the order of the norm, as for `np.linalg.norm`: 1, 2 or np.inf, for instance.

    Returns:
        An array of the same shape, or a Tensor. An array of shape (n,) becomes one of shape (1, n), as in Keras.
    """
    if isinstance(x, Tensor | Symbol):
        norms = np.linalg.norm(x, order, axis, True)
        return x / np.where(norms == 0, 1, norms)
    values = np.asarray(x)
    norms = np.atleast_1d(np.linalg.norm(values, order, axis))
    norms[norms == 0] = 1
    return np.asarray(values / np.expand_dims(norms, -1 if axis is None else axis))

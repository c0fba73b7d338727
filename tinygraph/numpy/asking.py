"""NumPy's questions about what a value is, where the answer for a Tensor is that for its value."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.engine.operands import plain

__all__ = ["isscalar"]


def isscalar(element: Any) -> bool:
    """See `numpy.isscalar`. An element and a sum are numbers, of a Tensor as of an array."""
    return np.isscalar(plain(element))

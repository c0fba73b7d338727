"""Products that are written in the order in which they are read."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["turned_product"]


def turned_product(x: Any, y: Any, axes: tuple[int, ...]) -> Any:
    """Return (x @ y).transpose(axes) in one piece of memory: `np.matmul` writes as quickly into any strides."""
    return np.ascontiguousarray(np.transpose(np.matmul(x, y), axes))

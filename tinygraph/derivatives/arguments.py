"""What stands for an array among the arguments of a NumPy function."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.record import tensors_in


def array_of(item: Any) -> Any:
    """An argument as an array: numbers and lists may stand next to Tensors, and lists may hold Tensors."""
    if hasattr(item, "shape"):
        return item
    if isinstance(item, list | tuple) and any(True for _ in tensors_in(item)):
        return np.stack([array_of(part) for part in item])
    return np.asarray(item)

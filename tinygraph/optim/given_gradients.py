"""Gradients that are given to a step, by the paths of their parameters."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.engine.fitting import wide
from tinygraph.engine.tensor import Tensor
from tinygraph.errors import ShapeError

__all__ = ["paired"]


def paired(call: str, gradients: list[Any], tensors: list[Tensor], parameters: dict[str, Tensor]) -> dict[str, Any]:
    """Return the gradients that are given for Tensors, by the paths of these among the parameters."""
    if len(gradients) != len(tensors):
        raise ValueError(
            f"{call}: {len(gradients)} gradients for {len(tensors)} parameters. Give one for each, or None"
        )
    paths = {id(parameter): path for path, parameter in parameters.items()}
    found: dict[str, Any] = {}
    for number, (gradient, tensor) in enumerate(zip(gradients, tensors, strict=True)):
        if id(tensor) not in paths:
            raise ValueError(f"{call}: parameter {number} is not among those of the optimiser. Make a new one for it")
        if gradient is None:
            continue
        array = gradient.data if isinstance(gradient, Tensor) else gradient
        array = array if hasattr(array, "astype") else np.asarray(array)
        if array.shape != tensor.shape:
            raise ShapeError(f"{call}: gradient {number} has shape {array.shape}, its parameter {tensor.shape}")
        found[paths[id(tensor)]] = array.astype(wide(tensor.dtype), copy=False)
    if not found:
        raise ValueError(f"{call}: there is no gradient for any parameter. Were they computed from the parameters?")
    return found

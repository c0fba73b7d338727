"""What a rule returns, brought into the form of the value it belongs to: broadcasting undone, the dtype restored."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.errors import ShapeError


def fit(cotangent: Any, value: Any) -> Any:
    """A rule's cotangent in the shape and dtype of the value it belongs to: summed where broadcasting repeated it."""
    if cotangent.shape != value.shape:
        cotangent = unbroadcast(cotangent, value.shape)
    if cotangent.dtype is not value.dtype and cotangent.dtype != value.dtype:
        if cotangent.dtype.kind == "c" and value.dtype.kind != "c":
            cotangent = np.real(cotangent)  # a real operand can only be moved along the real line
        cotangent = cotangent.astype(value.dtype)
    return cotangent


def unbroadcast(cotangent: Any, shape: tuple[int, ...]) -> Any:
    """Sum a cotangent over the axes along which broadcasting repeated a value of this shape."""
    if not shape and type(cotangent) is np.ndarray:
        try:
            return np.add.reduce(cotangent, None)
        except FloatingPointError:  # infinity minus infinity
            with np.errstate(invalid="ignore"):
                return np.add.reduce(cotangent, None)
    extra = cotangent.ndim - len(shape)
    if extra < 0 or any([a != b for a, b in zip(cotangent.shape[extra:], shape, strict=True) if b != 1]):
        raise ShapeError(f"a derivative rule returned shape {cotangent.shape} for an argument of shape {shape}")
    repeated = [axis + extra for axis, size in enumerate(shape) if size == 1 and cotangent.shape[axis + extra] != 1]
    axes = (*range(extra), *repeated)
    if type(cotangent) is np.ndarray:
        try:
            return np.add.reduce(cotangent, axes, keepdims=True).reshape(shape)
        except FloatingPointError:  # infinity minus infinity
            with np.errstate(invalid="ignore"):
                return np.asarray(np.add.reduce(cotangent, axes, keepdims=True)).reshape(shape)
    with np.errstate(invalid="ignore"):
        return np.reshape(np.sum(cotangent, axis=axes, keepdims=True), shape)

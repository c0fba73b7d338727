"""Keras's `Variable`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygraph.engine.tensor import Tensor
from tinygraph.nn import floatx, initializers

__all__ = ["Variable"]


def Variable(  # noqa: N802 - Keras's name
    initializer: Any, shape: Sequence[int] | None = None, dtype: Any = None, trainable: bool = True,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Return a Tensor, which has Keras's `value`, `assign` and `numpy`.

    Args:
        initializer: the values; or with a shape an initialiser, or its name.
        shape: of what an initialiser makes.
        dtype: of the values; by default float32 for floating numbers, or `floatx()`.
        trainable: it requires a gradient, if it is floating.
        name: its name.
    """
    if callable(initializer) or isinstance(initializer, str):
        made = initializers.get(initializer)
        values = np.asarray(made(tuple(shape or ()), dtype=np.dtype(dtype or floatx())))
    else:
        values = np.asarray(initializer.data if isinstance(initializer, Tensor) else initializer)
        values = values.astype(np.dtype(dtype or (floatx() if values.dtype.kind == "f" else values.dtype)))
    return Tensor(values, name=name, requires_grad=trainable and values.dtype.kind == "f")

"""Gradients made smaller before the step. None of the functions branches on a value, so that a step compiles."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["clipped"]


def clipped(
    gradients: dict[str, Any], clipnorm: float | None, clipvalue: float | None, global_clipnorm: float | None
) -> dict[str, Any]:
    """Return gradients by path, clipped in the way whose limit is a number.

    Args:
        gradients: arrays.
        clipnorm: the largest norm of each gradient.
        clipvalue: the largest absolute value of each number.
        global_clipnorm: the largest norm of all gradients together.

    Source: Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks" (2013), algorithm 1;
    `keras.optimizers.Optimizer`.
    """
    if clipvalue is None and clipnorm is None and global_clipnorm is None:
        return gradients
    if clipvalue is not None:
        return {path: np.clip(gradient, -clipvalue, clipvalue) for path, gradient in gradients.items()}
    squares = {path: np.sum(np.square(gradient, dtype=np.float64)) for path, gradient in gradients.items()}
    if clipnorm is not None:
        return {path: _scaled(gradient, np.sqrt(squares[path]), clipnorm) for path, gradient in gradients.items()}
    norm = np.sqrt(np.float64(0) + sum(squares.values()))
    return {path: _scaled(gradient, norm, global_clipnorm) for path, gradient in gradients.items()}


def _scaled(gradient: Any, norm: Any, limit: Any) -> Any:
    """Return a gradient times limit ÷ norm where the norm is larger than the limit.

    The norm is float64: the squares of 1e20 do not fit into a float32. A gradient that is not finite must not vanish
    beside finite ones: all of it becomes NaN, which is noticed.
    """
    scale = np.where(np.isfinite(norm), limit / np.maximum(norm, limit), np.nan)
    return gradient * scale.astype(gradient.dtype)

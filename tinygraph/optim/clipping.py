"""Gradients made smaller before the step. None of the functions branches on a value, so that a step compiles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tinygraph import bounds

__all__ = ["check_limits", "clipped"]


def check_limits(call: str, limits: Mapping[str, float | None]) -> None:
    """Refuse two limits for the gradients of one optimiser, and limits that are not positive numbers.

    Args:
        call: the optimiser's class, for errors.
        limits: by the names of the arguments.

    Raises:
        ValueError: there are several limits, or one is not above 0.
        TypeError: a limit is not a number.
    """
    given = {name: limit for name, limit in limits.items() if limit is not None}
    if len(given) > 1:
        raise ValueError(f"{call}: gradients are clipped in one way, and here are {' and '.join(given)}. Choose one")
    for name, limit in given.items():
        bounds.number(call, name, limit, above=0)


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

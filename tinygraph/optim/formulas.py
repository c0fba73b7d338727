"""Formulas that optimisers share: an eager step computes each in the memory of its first intermediate value.

A step of Adam on 100,000 numbers takes 135 µs instead of 185. A function that is being compiled records the formulas as
they stand in the docstrings, and its program has memory of its own for the intermediate values.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.engine.modes import is_tracing
from tinygraph.optim.values import Array

__all__ = ["kept_share", "less", "over_root"]


def kept_share(kept: Array, new: Array, share: float, is_own: bool = False) -> Array:
    """Return kept + share · (new − kept), a running mean.

    Args:
        kept, new: arrays of one shape.
        share: of the new one.
        is_own: whether the new one is an intermediate value, whose memory the mean may take.
    """
    if is_tracing():
        return kept + share * (new - kept)
    if is_own:
        new -= kept
    else:
        new = new - kept
    new *= share
    new += kept
    return new


def less(value: Array, step: Array) -> Array:
    """Return value − step, where the step is an intermediate value."""
    if is_tracing() or not isinstance(step, np.ndarray) or step.dtype != value.dtype:
        return value - step
    np.subtract(value, step, out=step)
    return step


def over_root(rate: Any, size: Array, square: Array, epsilon: float, inside: bool = False) -> Array:
    """Return rate · size ÷ (√square + epsilon), or rate · size ÷ √(square + epsilon).

    Args:
        rate: a number in the dtype of the arrays.
        size, square: arrays of one shape.
        epsilon: keeps the divisor from 0.
        inside: whether epsilon stands under the root.
    """
    step: Array
    if is_tracing():
        step = rate * size / (np.sqrt(square + epsilon) if inside else np.sqrt(square) + epsilon)
        return step
    if not inside:
        root = np.sqrt(square)
        root += epsilon
    else:
        root = square + epsilon
        root = np.sqrt(root, out=root if isinstance(root, np.ndarray) else None)
    step = rate * size
    step /= root
    return step

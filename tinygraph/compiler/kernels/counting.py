"""Counting: `np.bincount` in a program, whose results have the length that they had when it was made."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["counted"]


def counted(x: Any, weights: Any, minlength: int) -> Any:
    """Return `np.bincount` of numbers below `minlength`.

    Raises:
        ValueError: a number is not below `minlength`.
    """
    counts = np.bincount(x, weights, minlength)
    if len(counts) > minlength:
        raise ValueError(
            f"bincount: {len(counts) - 1} is among the numbers, and the result was compiled for minlength={minlength}. "
            "Give a minlength above every number that will come"
        )
    return counts

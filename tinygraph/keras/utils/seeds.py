"""One seed for a whole program."""

from __future__ import annotations

import importlib
import random

import numpy as np

__all__ = ["set_random_seed"]


def set_random_seed(seed: int) -> None:
    """Set the seeds of Python's `random`, of `np.random`, and of layers that have none of their own.

    Args:
        seed: an int from 0 to 2**32 - 1.

    Raises:
        ValueError: `seed` is not an int, or not in this range.
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer):
        raise ValueError(f"set_random_seed: the seed is an int, got {seed!r} of type {type(seed).__name__}")
    np.random.seed(seed)  # first, as it refuses a seed that is out of range
    random.seed(int(seed))
    importlib.import_module("tinygraph.nn").set_seed(int(seed))

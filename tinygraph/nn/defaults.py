"""The defaults of layers: their dtype, and the seeds of their generators."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from tinygraph.nn.initializers import Seed

__all__ = ["floatx", "generator_of", "seeds_now", "set_floatx", "set_seed"]


class _Defaults:
    """The settings of the process."""

    def __init__(self) -> None:
        self.dtype: np.dtype[Any] = np.dtype(np.float32)


class _Seeds:
    """The seeds of layers to come. No step reads them, and none compares them: each new layer changes them."""

    is_opaque = True

    def __init__(self) -> None:
        self.sequence: np.random.SeedSequence | None = None


_seeds = _Seeds()
_defaults = _Defaults()  # an object, and no class: a compiled function compares what it read of it


def floatx() -> np.dtype[Any]:
    """Return the dtype of layers that were given none: float32, or what `set_floatx` said."""
    return _defaults.dtype


def set_floatx(dtype: DTypeLike) -> None:
    """Set the dtype of the layers that get their weights from now on, where they are given none.

    Args:
        dtype: float16, float32 or float64.

    Raises:
        TypeError: the dtype is not floating.
    """
    wanted = np.dtype(dtype)
    if wanted.kind != "f":
        raise TypeError(f"set_floatx: the dtype of weights must be floating, got {wanted}")
    _defaults.dtype = wanted


def set_seed(seed: int | None) -> None:
    """Seed the layers that are made from now on, and the shuffling of `fit`, where they are given no seed.

    Each layer gets a generator of its own, so that the numbers of one do not depend on those of another. A program
    that makes its layers in the same order after `set_seed(n)` has the same weights in each run.

    Args:
        seed: any whole number, 0 or larger; None for other numbers in each run.

    Raises:
        TypeError, ValueError: the seed is not a whole number, or is negative.
    """
    _seeds.sequence = None if seed is None else np.random.SeedSequence(_checked(seed))


def generator_of(seed: Seed) -> np.random.Generator:
    """Return a generator: the given one, that of a number, or the next that `set_seed` provides."""
    if isinstance(seed, np.random.Generator):
        return seed
    if seed is None and _seeds.sequence is not None:
        return np.random.default_rng(_seeds.sequence.spawn(1)[0])
    return np.random.default_rng(seed)


def seeds_now() -> Any:
    """Return an object that is another one after each `set_seed`."""
    return _seeds.sequence


def _checked(seed: Any) -> int:
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer):
        raise TypeError(f"set_seed: the seed must be a whole number, got {seed!r}")
    if seed < 0:
        raise ValueError(f"set_seed: the seed must be 0 or larger, got {seed}")
    return int(seed)

"""Numbers and constants in common: what those in one place of all iterations are, as one argument of the loop.

3, 3, 3                 3
3, 5, 7                 Affine(3, 2), a number that counts
0.9, 0.81, 0.729        Numbers([0.9, 0.81, 0.729]), one for each iteration
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygraph.compiler.program.counting import Affine
from tinygraph.compiler.rolling.patterns import Numbers

__all__ = ["Differ", "common_constant", "common_count", "common_number", "is_same"]

# Constants of an iteration that have at most this many elements may stand one after the other in an array.
GATHERED = 256


class Differ(Exception):  # noqa: N818 - no error: the run is tried without some iterations
    """The iterations have nothing in common that a loop could say.

    Args:
        at: the first iteration that breaks a pattern of numbers, if that is the reason.
        begin: the place of a step whose shape changes and that an iteration reads of the one before, if that is the
            reason. An iteration may begin with it.
    """

    def __init__(self, at: int = 0, begin: int = 0) -> None:
        super().__init__(at, begin)
        self.at = at
        self.begin = begin


def common_count(numbers: Sequence[int]) -> int | Affine:
    """Return the number that all are, or the one that moves evenly from the first to the last.

    Raises:
        Differ: they do not move evenly.
    """
    first, step = numbers[0], numbers[1] - numbers[0]
    for count, number in enumerate(numbers):
        if number != first + step * count:
            raise Differ(count)
    return Affine(first, step) if step else first


def common_number(items: list[Any]) -> Any:
    """Return the number that all are, else their `Numbers`.

    Raises:
        Differ: their dtypes differ.
    """
    if all([is_same(item, items[0]) for item in items]):
        return items[0]
    if any([isinstance(item, np.generic) and item.dtype != items[0].dtype for item in items]):
        raise Differ
    return Numbers(np.array(items), type(items[0]) is float)


def common_constant(items: list[Any]) -> Any:
    """Return the constant array that all are, else their `Numbers`.

    Raises:
        Differ: their shapes differ, or they are large.
    """
    first = items[0]
    if all([is_same(item, first) for item in items]):
        return first
    if first.size > GATHERED or first.dtype.kind not in "biufc" or any([item.shape != first.shape for item in items]):
        raise Differ
    return Numbers(np.stack(items))


def is_same(one: Any, other: Any) -> bool:
    """Return whether two constants are the same to the bit."""
    if one is other:
        return True
    if isinstance(one, np.ndarray | np.generic | float | complex):
        one, other = np.asarray(one), np.asarray(other)
        return bool(one.shape == other.shape and one.dtype == other.dtype and one.tobytes() == other.tobytes())
    try:
        return bool(one == other)
    except Exception:
        return False

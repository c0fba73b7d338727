"""Regular points: numbers at which a function and its slopes are finite, for elements that no cotangent reaches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.compiler.trace.traced import Traced
from tinygraph.engine.links import Like
from tinygraph.engine.operands import plain
from tinygraph.engine.table import Operation

__all__ = ["put_away"]


def put_away(
    lift: Callable[[Any], Any], op: Operation, reach: Any, z: Any, args: tuple[Any, ...]
) -> tuple[Any, tuple[Any, ...]] | None:
    """Return an elementwise call's result and arguments with a regular point where nothing was reached, or None.

    Where `np.where` leaves an element out the slope may be infinite, and 0 · ∞ is NaN. An eager pass looks for a
    NaN and repairs it; a program cannot branch on values.

    Args:
        lift: returns the stand-in for an array.
        op, z, args: the call and its result.
        reach: a mask of the elements that a cotangent reaches.
    """
    regular = _regular_point(op, z, args)
    if regular is None:
        return None

    def moved(item: Any, to: Any) -> Any:
        # An array that no rule reads was not kept, and a Like stands for it.
        if not hasattr(item, "dtype") or item.dtype.kind not in "fc" or type(item) is Like:
            return item
        if type(plain(item)) is not Traced:
            item = lift(item)
        elsewhere = np.where(reach, item, to)
        return elsewhere if elsewhere.dtype == z.dtype or item.dtype != np.float64 else elsewhere.astype(z.dtype)

    return moved(z, regular[1]), tuple([moved(item, regular[0]) for item in args])


def _regular_point(op: Operation, z: Any, args: tuple[Any, ...]) -> tuple[float, Any] | None:
    """Return a number at which an elementwise function and its slopes are finite, and its value there, or None."""
    for number in (0.5, 1.5):
        operands = [
            item if not hasattr(item, "dtype") else np.full(1, number if item.dtype.kind in "fc" else 1, item.dtype)
            for item in args
        ]
        with np.errstate(all="ignore"):
            there = op.function(*operands)
            slopes = [
                rule(np.ones(1, z.dtype), there, *operands)
                for rule, item in zip(op.rules, args, strict=False)
                if rule is not None and hasattr(item, "dtype")  # a Python number has no gradient
            ]
        if np.all(np.isfinite(there)) and all([np.all(np.isfinite(slope)) for slope in slopes]):
            return number, there[0].item()
    return None

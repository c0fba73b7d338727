"""The facts of an array on a card: its distribution, its limits, and whether it is finite."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygraph.drawing.words.numbers import count, number

__all__ = ["Histogram", "histogram", "nonfinite_text", "norm"]

BARS = 9
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Histogram:
    """The distribution of an array.

    Attributes:
        bars: their heights, from 0 to 1; empty where bars would say nothing.
        words: the text beside them, or in their place.
    """

    bars: tuple[float, ...]
    words: str


def histogram(value: Array) -> Histogram:
    """Describe an array of any shape, dtype and content, empty ones too."""
    if value.dtype.kind not in "biufc":
        return Histogram((), str(value.dtype))
    if value.size == 0:
        return Histogram((), "empty")
    if value.size == 1:
        return Histogram((), number(value.reshape(())[()]))
    if value.dtype.kind == "b":
        return _truths(value)
    values, sign = (np.abs(value), "|·| ") if value.dtype.kind == "c" else (value, "")
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return Histogram((), "none finite")
    low, high = finite.min(), finite.max()
    if low == high:
        same = value.reshape(-1)[0] if value.dtype.kind == "c" and np.all(value == value.reshape(-1)[0]) else low
        whole = finite.size == value.size
        return Histogram((), f"{sign if same is low else ''}{'all' if whole else 'the rest'} {number(same)}")
    return Histogram(_bars(finite), f"{sign}{number(low, 2)} … {number(high, 2)}")


def _truths(value: Array) -> Histogram:
    """Describe an array of booleans."""
    true = int(np.count_nonzero(value))
    if true in {0, value.size}:
        return Histogram((), f"all {bool(true)}")
    return Histogram((), f"{count(true)} of {count(value.size)} True")


def _bars(finite: Array) -> tuple[float, ...]:
    """Return the heights of the bars. The values are scaled first, so that the largest float64 does not overflow."""
    values = finite.astype(np.float64)
    low, high = values.min(), values.max()
    width = high / 2 - low / 2
    if width == 0:
        return ()
    places = np.clip(((values / 2 - low / 2) / width * BARS).astype(np.int64), 0, BARS - 1)
    counts = np.bincount(places, minlength=BARS)
    return tuple(float(c) for c in counts / counts.max())


def nonfinite_text(value: Array | None, joint: str = " ") -> str:
    """Return how many elements are not finite, the more frequent kind first; "" where all are finite.

    "31 of 200 −∞", or "33 of 200 −∞ or NaN".
    """
    if value is None or value.dtype.kind not in "fc" or bool(np.isfinite(value).all()):
        return ""
    if value.dtype.kind == "c":
        kinds = {"not finite": ~np.isfinite(value)}
    else:
        kinds = {"NaN": np.isnan(value), "∞": np.isposinf(value), "−∞": np.isneginf(value)}
    tally = sorted(((int(np.count_nonzero(found)), kind) for kind, found in kinds.items()), reverse=True)
    found = " or ".join(kind for times, kind in tally if times)
    return f"{count(sum(times for times, _ in tally))} of {count(value.size)}{joint}{found}"


def norm(value: Array) -> float:
    """Return the Euclidean norm, without overflow on the way."""
    if value.size == 0:
        return 0.0
    sizes = np.abs(value).astype(np.float64)
    largest = float(sizes.max())
    if largest == 0 or not np.isfinite(largest):
        return largest
    return largest * float(np.sqrt(np.sum((sizes / largest) ** 2)))

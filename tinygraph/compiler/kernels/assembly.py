"""Assembly: an array that is made of parts, each written to its place when it is computed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["assembled"]

Shape = tuple[int, ...]


def assembled(parts: Sequence[Any], places: Sequence[Any], shape: Shape) -> Any:
    """Return an array made of others.

    Args:
        parts: arrays of one dtype.
        places: for each part its index in the whole: an integer, a slice, or a tuple of them.
        shape: of the whole. The parts cover each element once.
    """
    whole = np.empty(shape, dtype=parts[0].dtype)
    for part, place in zip(parts, places, strict=True):
        whole[place] = part
    return whole

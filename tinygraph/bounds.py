"""Checks of the numbers that users give: a number, or a whole number, within its bounds."""

from __future__ import annotations

from math import inf, isfinite
from typing import Any

import numpy as np

__all__ = ["number", "whole"]


def number(
    call: str, name: str, value: Any, *, least: float = -inf, above: float = -inf, below: float = inf, most: float = inf
) -> Any:
    """Return a finite number that is within its bounds, as it was given.

    Args:
        call: the function or class it was given to, for the message.
        name: the argument.
        value: the number.
        least, above, below, most: the bounds: `least <= value <= most`, and `above < value < below`.

    Raises:
        TypeError: the value is not a real number.
        ValueError: the number is out of its bounds, NaN or infinite.
    """
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{call}: {name} must be a number, got {value!r}")
    if not (isfinite(value) and least <= value <= most and above < value < below):
        raise ValueError(f"{call}: {name} must be {_bounds(value, least, above, below, most)}, got {value!r}")
    return value


def whole(call: str, name: str, value: Any, *, least: float = -inf, most: float = inf, example: str = "") -> int:
    """Return a whole number that is within its bounds.

    Args:
        call, name, value, least, most: see `number`.
        example: a sentence with a right call, for the message.

    Raises:
        TypeError: the value is not a whole number.
        ValueError: the number is out of its bounds.
    """
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer):
        raise TypeError(f"{call}: {name} must be a whole number, got {value!r}{example and f'. {example}'}")
    return int(number(call, name, value, least=least, most=most))


def _bounds(value: Any, least: float, above: float, below: float, most: float) -> str:
    words = {
        f"at least {least:g}": least > -inf,
        "positive": above == 0,
        f"larger than {above:g}": above > -inf and above != 0,
        f"less than {below:g}": below < inf,
        f"at most {most:g}": most < inf,
        "finite": not isfinite(value),
    }
    return " and ".join([text for text, holds in words.items() if holds])

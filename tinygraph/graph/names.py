"""Names that several nodes share, made different by a number."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from typing import TypeVar

__all__ = ["numbered"]

Key = TypeVar("Key", bound=Hashable)


def numbered(names: Mapping[Key, str], others: Iterable[str] = ()) -> dict[Key, str]:
    """Return the names, with a number if several nodes share one: x₁, x₂.

    Args:
        names: the names, in the order of their numbers.
        others: names that are taken, too.
    """
    times = Counter(names.values())
    taken = {*times, *others}
    numbers = {name: itertools.count(1) for name, count in times.items() if count > 1}
    found = {}
    for key, name in names.items():
        if name in numbers:
            name = next(text for text in (name + _subscript(n) for n in numbers[name]) if text not in taken)
        found[key] = name
    return found


def _subscript(number: int) -> str:
    return str(number).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))

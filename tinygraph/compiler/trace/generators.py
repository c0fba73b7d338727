"""Generators: where a function draws random numbers from, while it is recorded and at each call of the program."""

from __future__ import annotations

import copy
from typing import Any

__all__ = ["Generators"]


class Generators:
    """The random generators that a run drew from, in the order in which it met them.

    Attributes:
        found: the generators themselves, which the program advances at each call.
        copies: a copy of each, which the recording advances in its place.
    """

    def __init__(self) -> None:
        self.found: list[Any] = []
        self.copies: list[Any] = []

    def position_of(self, generator: Any) -> int:
        """Return the position of a generator, or of another face of the same state, among those found."""
        own = getattr(generator, "state", generator)
        for position, known in enumerate(self.found):
            if getattr(known, "state", known) is own:
                return position
        self.found.append(generator)
        self.copies.append(copy.deepcopy(generator))
        return len(self.found) - 1

"""Numbers at a call: those that Python computes from counters before each call of a program."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.compiler.trace.reckoning import Reckoning

__all__ = ["Numbers"]


class Numbers:
    """The numbers that a program is given besides the leaves of the arguments.

    Args:
        reckoning: the arithmetic that they come from. The origin of a counter is its position among the leaves, or the
            location where the function finds it.
        first: the position of the first number: the count of the leaves.

    Attributes:
        of_arguments: whether some of the counters are among the arguments.
    """

    def __init__(self, reckoning: Reckoning, first: int) -> None:
        self.reckoning = reckoning
        self.first = first
        self.of_arguments = any(type(source.origin) is int for source in reckoning.counters)
        self._sources = [source.origin for source in reckoning.counters]
        self._reckon = reckoning.function()
        self._roots = [*reckoning.given, *reckoning.asked.values()]
        self._given = len(reckoning.given)

    def behind(self, leaves: list[Any]) -> list[Any] | None:
        """Return the leaves with the numbers of a call behind them; None where the program is not right for them.

        It is wrong for a counter that is no int any more, for a number of another type (2 ** t is a float where t is
        below 0), for one that its array does not hold, and where Python raises an error.
        """
        counts = [leaves[source] if type(source) is int else source.now() for source in self._sources]
        for count in counts:
            if type(count) is not int:
                return None
        try:
            values: tuple[Any, ...] = self._reckon(*counts)
        except Exception:
            return None
        for value, root in zip(values, self._roots, strict=True):
            if type(value) is not root.kind:
                return None
            if type(value) is int and not root.low <= value <= root.high:
                return None
        return [*leaves, *map(np.array, values[: self._given])]

"""The operands of steps, read one step after the other: how many steps are equal."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator

from tinygraph.graph.step_words import Words

__all__ = ["equal_steps"]

MOST_STEPS_BACK = 4
PATIENCE = 8  # steps, before a number that is mostly the same ends a repeat


def equal_steps(words: Words, first: int, period: int, count: int) -> int:
    """Return how many steps are equal, from the first one on.

    Args:
        words: the calls of the graph.
        first: the place of the first call.
        period: the number of calls in a step.
        count: the number of steps whose calls have equal words.
    """
    operands, counters = words.operands, words.counters
    places = [_Place() for at in range(period) for _ in operands[first + at]]
    counts = [_Picks(counts=True) for at in range(period) for _ in counters[first + at]]
    owners: dict[int, int] = {}
    for step in range(count):
        calls = range(first + step * period, first + (step + 1) * period)
        given = [operand for at in calls for operand in operands[at]]
        fits = [place.takes(item, step, first, period, words) for place, item in zip(places, given, strict=True)]
        if not all(fits) or not _own_fit(places, given, step, owners):
            return _settled(places, counts, step)
        for picks, value in zip(counts, [value for at in calls for value in counters[at]], strict=True):
            picks.add(value)
        if step >= PATIENCE and not all([picks.fit for picks in _all_picks(places, counts)]):
            return _settled(places, counts, step + 1)
    return _settled(places, counts, count)


class _Picks:
    """The numbers that the steps have in one place.

    Attributes:
        values: of the steps so far.
        fit: True if they may be those of equal steps: steady, or the number of each step.
    """

    __slots__ = ("_counts", "_steady", "_times", "values")

    def __init__(self, counts: bool) -> None:
        self.values: list[int] = []
        self._counts = counts
        self._steady = 0  # how many of the first values are the same, or count evenly
        self._times: dict[int, int] = {}

    def add(self, value: int) -> None:
        """Note the number of the next step."""
        values = self.values
        values.append(value)
        self._times[value] = self._times.get(value, 0) + 1
        if self._steady == len(values) - 1:
            same = len(values) < 2 or value == values[-2]
            even = self._counts and (len(values) < 3 or values[-1] - values[-2] == values[-2] - values[-3])
            self._steady += (same and not self._moves()) or even

    def _moves(self) -> bool:
        return self._counts and len(self.values) > 2 and self.values[0] != self.values[1]

    @property
    def fit(self) -> bool:
        return self._steady == len(self.values) or 2 * max(self._times.values()) < len(self.values)

    def equal_steps(self, count: int) -> int:
        """Return how many of the first `count` steps may be equal."""
        if self._steady >= count or 2 * max(Counter(self.values[:count]).values()) < count:
            return count
        return self._steady


class _Place:
    """An operand of a step, as the steps are read: its kind, and what the next step must have there."""

    __slots__ = ("first", "kind", "last", "picks", "stride")

    def __init__(self) -> None:
        self.kind = "first"
        self.picks: _Picks | None = None
        self.first = self.last = self.stride = 0

    def takes(self, operand: int, step: int, start: int, period: int, words: Words) -> bool:
        """Return whether the operand of the next step fits those of the steps before."""
        last, self.last = self.last, operand
        if step == 0:
            self.first = operand
            return operand < start + period
        kind = self.kind
        if kind == "inside":
            return operand == last + period
        if operand >= start:  # for the first time from a step, or of the same one
            begins = operand < start + period and step <= MOST_STEPS_BACK
            self.kind, self.picks = "inside", None
            return begins if last < start else step == 1 and operand == last + period
        if last >= start:
            return False
        if kind == "shared":
            return operand == last
        if self.picks is not None:
            self.picks.add(operand)
            return _alike(operand, last, words)
        if kind == "own":
            return _alike(operand, last, words)
        if kind == "even":
            return operand >= 0 and operand - last == self.stride
        if step > 1:  # two different beginnings, and no value of a step yet
            return step < MOST_STEPS_BACK
        if operand in words.is_number and last in words.is_number:
            self.kind, self.picks = "number", _Picks(counts=False)
            self.picks.add(last)
            self.picks.add(operand)
            return _alike(operand, last, words)
        if operand == last:
            self.kind = "shared"
        elif _alike(operand, last, words):
            self.kind = "own"
        elif operand >= 0 and last >= 0:
            self.kind, self.stride = "even", operand - last
        return True


def _alike(operand: int, other: int, words: Words) -> bool:
    """Return whether two operands are inputs, or plain arrays, of one shape and dtype, or numbers of one type."""
    signature = words.signatures.get(operand)
    return signature is not None and signature == words.signatures.get(other)


def _all_picks(places: list[_Place], counts: list[_Picks]) -> Iterator[_Picks]:
    return itertools.chain(counts, (place.picks for place in places if place.picks is not None))


def _settled(places: list[_Place], counts: list[_Picks], count: int) -> int:
    """Return how many of the first `count` steps are equal, 1 if a place in them has no kind."""
    while count > 1:
        if any(place.kind == "first" for place in places):
            return 1
        fewer = min([picks.equal_steps(count) for picks in _all_picks(places, counts)], default=count)
        if fewer == count:
            break
        count = fewer
    return count


def _own_fit(places: list[_Place], given: list[int], step: int, owners: dict[int, int]) -> bool:
    """Return whether the inputs that a step has for itself are in the places of those of the first step.

    Args:
        places: the places of operands.
        given: the operands of the step.
        step: its number.
        owners: gets the step that each input belongs to.
    """
    pairs = {(place.first, item) for place, item in zip(places, given, strict=True) if place.kind == "own"}
    firsts, items = {first for first, _ in pairs}, {item for _, item in pairs}
    owned = [owners.setdefault(first, 0) == 0 for first in firsts] + [owners.setdefault(i, step) == step for i in items]
    return len(firsts) == len(pairs) == len(items) and all(owned)

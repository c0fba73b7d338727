"""Runs: where a list of words repeats itself, one time after the other.

a b c b c b c b c d         from position 1 on, two words, four times
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Run", "runs_in"]

# A loop of fewer iterations, or one that saves fewer steps, is easier to read, and quicker, written out.
ITERATIONS = 4
SAVED = 24

# The longest phrases that are looked for have so many words.
PHRASE = 64

# Where the number of iterations is to be found out, shorter ones are looked for.
FEWEST = 3


@dataclass(frozen=True, order=True, slots=True)
class Run:
    """A part of a list that repeats itself.

    Attributes:
        start: the position of its first word.
        period: how many words are repeated.
        count: how often they stand there.
    """

    start: int
    period: int
    count: int

    @property
    def stop(self) -> int:
        """The position behind its last word."""
        return self.start + self.period * self.count

    @property
    def saved(self) -> int:
        """The number of words that a loop saves."""
        return self.period * (self.count - 1)

    def is_worth_it(self, is_open: bool = False) -> bool:
        """Return whether it should be a loop.

        Args:
            is_open: whether a condition may end it: such a loop may be shorter, and save less.
        """
        if is_open:
            return self.count >= FEWEST and self.saved > 1
        return self.count >= ITERATIONS and self.saved >= SAVED


def runs_in(words: Sequence[int], is_open: bool = False) -> list[Run]:
    """Return the longest runs in a list, none of which overlap, in their order.

    The run that saves most is taken first; what repeats itself within its words is no run beside it.

    Args:
        words: the list.
        is_open: whether a condition may end them, and shorter ones count.
    """
    found = sorted(_repetitions(words, is_open), key=lambda run: (-run.saved, run.period))
    taken: list[Run] = []
    busy = bytearray(len(words))
    for run in found:
        for free in _free_parts(run, busy, is_open):
            taken.append(free)
            busy[free.start : free.stop] = b"\1" * (free.stop - free.start)
    return sorted(taken)


def _repetitions(words: Sequence[int], is_open: bool) -> list[Run]:
    """Return the runs of every period by which a word follows the same word, or a phrase the same phrase.

    A word may stand several times in what is repeated; a phrase of some words is longer than what repeats itself there.
    """
    found: dict[Run, None] = {}
    phrases, length = list(words), 1
    while length <= PHRASE and length < len(words):
        last: dict[int, int] = {}
        known: dict[int, int] = {}  # by the period the position up to which its runs are known
        for position, phrase in enumerate(phrases):
            period = position - last.get(phrase, position)
            last[phrase] = position
            if period and known.get(period, -1) <= position:
                start, known[period] = _ends_of(words, position, period)
                run = Run(start - period, period, (known[period] - start) // period + 1)
                if run.is_worth_it(is_open):
                    found[run] = None
        numbers: dict[tuple[int, int], int] = {}
        pairs = zip(phrases, phrases[length:], strict=False)
        phrases = [numbers.setdefault(pair, len(numbers)) for pair in pairs]
        length *= 2
    return list(found)


def _ends_of(words: Sequence[int], position: int, period: int) -> tuple[int, int]:
    """Return between which positions, around one, each word is the one a period before."""
    start = stop = position
    while start > period and words[start - 1] == words[start - 1 - period]:
        start -= 1
    while stop < len(words) and words[stop] == words[stop - period]:
        stop += 1
    return start, stop


def _free_parts(run: Run, busy: bytearray, is_open: bool) -> list[Run]:
    """Return the parts of a run, of whole periods, in which no position is busy."""
    if not any(busy[run.start : run.stop]):
        return [run]
    parts: list[Run] = []
    start = run.start
    for position in range(run.start, run.stop + 1):
        if position == run.stop or busy[position]:
            part = Run(start, run.period, (position - start) // run.period)
            if part.is_worth_it(is_open):
                parts.append(part)
            start = position + 1
    return parts

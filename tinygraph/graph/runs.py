"""Runs: where a list of words repeats itself, one time after the other.

a b c b c b c b c d         from position 1 on, two words, four times
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Run", "repetitions"]


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
        """The number of words that are written once instead of several times."""
        return self.period * (self.count - 1)


def repetitions(words: Sequence[int], longest_phrase: int | None = None) -> list[Run]:
    """Return the runs of every period by which a word follows the same word, or a phrase the same phrase.

    A word may stand several times in the part that is repeated. A phrase of several words is found there once, if it
    is long enough. Phrases of 1, 2, 4, 8, ... words are looked for: O(n log n) for n words.

    Args:
        words: the list.
        longest_phrase: the number of words in the longest phrases; None for as many as are in the list.

    Returns:
        The longest run of each period at each position, of two times or more. Runs may overlap.
    """
    found: dict[Run, None] = {}
    phrases, length = np.unique(np.asarray(words, np.int64), return_inverse=True)[1], 1
    known: dict[int, int] = {}  # by the period the position up to which its runs are known
    while len(phrases) > 0 and (longest_phrase is None or length <= longest_phrase):
        known.clear()
        longest = 0
        for position, period in _periods(phrases):
            longest = max(longest, period)
            if known.get(period, -1) <= position:
                start, known[period] = _ends_of(words, position, period)
                if known[period] - start >= period:
                    found[Run(start - period, period, (known[period] - start) // period + 1)] = None
        if longest <= length:  # no phrase comes back later than it ends, so that longer ones tell no more
            break
        phrases = _joined(phrases, length)
        length *= 2
    return list(found)


def _periods(phrases: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Iterator[tuple[int, int]]:
    """Yield the distance of a phrase to the same one before it, at the positions where this distance changes."""
    order = np.argsort(phrases, kind="stable")
    same = phrases[order[1:]] == phrases[order[:-1]]
    periods = np.zeros(len(phrases), np.int64)
    periods[order[1:][same]] = (order[1:] - order[:-1])[same]
    changes = np.flatnonzero((np.diff(periods, prepend=0) != 0) & (periods > 0))
    return zip(changes.tolist(), periods[changes].tolist(), strict=True)


def _joined(
    phrases: np.ndarray[tuple[int], np.dtype[np.int64]], length: int
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the phrases of twice the length: each with the one behind it, as a number. Numbers count from 0 on."""
    if len(phrases) <= length:
        return phrases[:0]
    pairs = phrases[:-length] * (int(phrases.max()) + 1) + phrases[length:]
    joined: np.ndarray[tuple[int], np.dtype[np.int64]] = np.unique(pairs, return_inverse=True)[1]
    return joined


def _ends_of(words: Sequence[int], position: int, period: int) -> tuple[int, int]:
    """Return between which positions, around one, each word is the one a period before."""
    start = stop = position
    while start > period and words[start - 1] == words[start - 1 - period]:
        start -= 1
    near = min(len(words), position + NEAR)
    while stop < near and words[stop] == words[stop - period]:
        stop += 1
    if stop < near or near == len(words):
        return start, stop
    size = NEAR  # to compare parts of lists takes a tenth of comparing their words one by one
    while size:
        if stop + size <= len(words) and words[stop : stop + size] == words[stop - period : stop - period + size]:
            stop, size = stop + size, size * 2
        else:
            size //= 2
    return start, stop


# A run of more words is compared in parts.
NEAR = 32

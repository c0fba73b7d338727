"""The runs of a program that are worth a loop, none of which overlap."""

from __future__ import annotations

from collections.abc import Sequence

from tinygraph.graph.runs import Run, repetitions

__all__ = ["FEWEST", "is_worth_it", "runs_in"]

# A loop of fewer iterations, or one that saves fewer steps, is easier to read, and quicker, written out.
ITERATIONS = 4
SAVED = 24

# The longest phrases that are looked for have so many words.
PHRASE = 64

# Where the number of iterations is to be found out, shorter ones are looked for.
FEWEST = 3


def is_worth_it(run: Run, is_open: bool = False) -> bool:
    """Return whether a run should be a loop.

    Args:
        run: of steps.
        is_open: whether a condition may end it: such a loop may be shorter, and save less.
    """
    if is_open:
        return run.count >= FEWEST and run.saved > 1
    return run.count >= ITERATIONS and run.saved >= SAVED


def runs_in(words: Sequence[int], is_open: bool = False) -> list[Run]:
    """Return the longest runs in a list, none of which overlap, in their order.

    The run that saves most is taken first; what repeats itself within its words is no run beside it.

    Args:
        words: the list.
        is_open: whether a condition may end them, and shorter ones count.
    """
    worth = [run for run in repetitions(words, PHRASE) if is_worth_it(run, is_open)]
    found = sorted(worth, key=lambda run: (-run.saved, run.period))
    taken: list[Run] = []
    busy = bytearray(len(words))
    for run in found:
        for free in _free_parts(run, busy, is_open):
            taken.append(free)
            busy[free.start : free.stop] = b"\1" * (free.stop - free.start)
    return sorted(taken)


def _free_parts(run: Run, busy: bytearray, is_open: bool) -> list[Run]:
    """Return the parts of a run, of whole periods, in which no position is busy."""
    if not any(busy[run.start : run.stop]):
        return [run]
    parts: list[Run] = []
    start = run.start
    for position in range(run.start, run.stop + 1):
        if position == run.stop or busy[position]:
            part = Run(start, run.period, (position - start) // run.period)
            if is_worth_it(part, is_open):
                parts.append(part)
            start = position + 1
    return parts

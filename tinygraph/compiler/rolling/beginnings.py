"""Beginnings: the step that an iteration begins with, so that little is carried from one iteration to the next.

    b₀  a₁ b₁  a₂ b₂  a₃        a loop of (b, a) carries what a computes for b, and one of (a, b) does not

A reverse pass often begins in the middle of an iteration: its first calls have nothing to add their results to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tinygraph.compiler.rolling.matching import Search, match
from tinygraph.compiler.rolling.patterns import Carried, Here, Pattern, values_in
from tinygraph.compiler.rolling.runs import runs_in
from tinygraph.graph.runs import Run

__all__ = ["best_begun"]

# A loop begins with another step for so many bytes, and so many more for each step that is then written out: to copy
# them takes as long as a call.
LEAST = 4096


def best_begun(pattern: Pattern, search: Search, free: range) -> Pattern:
    """Return a loop's pattern, or that of the same loop begun with another step, which carries fewer bytes.

    Args:
        pattern: of a loop that no condition ends.
        search: the steps.
        free: the positions that the loop may take.
    """
    start, period = pattern.run.start, pattern.run.period
    carried = list(_carried_in(pattern))
    inner = runs_in(search.words[start : start + period])  # no iteration begins within a loop of the body
    begins = [at for at in range(period) if not any([run.start < at < run.stop for run in inner])]
    costs = {begin: _cost(pattern, carried, begin) for begin in begins}
    best = min(begins, key=lambda begin: costs[begin])
    if costs[best] + LEAST > costs[0]:
        return pattern
    for run in _runs(pattern.run, best):
        if run.start not in free or run.stop > free.stop or not search.repeats(run):
            continue
        found = match(run, search).pattern
        if found is None:
            continue
        written_out = (pattern.run.count - found.run.count) * period
        if _cost(found, list(_carried_in(found)), 0) + LEAST * max(written_out, 1) <= costs[0]:
            return found
    return pattern


def _runs(run: Run, begin: int) -> Iterator[Run]:
    """Yield the runs that begin with a later step: an iteration earlier, in the same one, and without the last one."""
    yield Run(run.start + begin - run.period, run.period, run.count)
    yield Run(run.start + begin, run.period, run.count)
    yield Run(run.start + begin, run.period, run.count - 1)


def _carried_in(pattern: Pattern) -> Iterator[tuple[int, int]]:
    """Yield each read of a value of the loop: the place of the step that computes it, and the steps until the read."""
    for offset in range(pattern.run.period):
        for value in values_in([pattern.args[offset], pattern.kwargs[offset]]):
            if type(value) is Here:
                yield value.offset, offset - value.offset
            elif type(value) is Carried:
                before, then = 1, pattern.carried[value.number][1]
                while type(then) is Carried:
                    before, then = before + 1, pattern.carried[then.number][1]
                yield then.offset, before * pattern.run.period + offset - then.offset


def _cost(pattern: Pattern, reads: Sequence[tuple[int, int]], begin: int) -> int:
    """Return the bytes that an iteration hands on to those behind it, if it begins with the step at a place."""
    period = pattern.run.period
    longest: dict[int, int] = {}
    for offset, later in reads:
        iterations = ((offset - begin) % period + later) // period
        longest[offset] = max(longest.get(offset, 0), iterations)
    return sum([pattern.step_at(0, offset).nbytes * iterations for offset, iterations in longest.items()])

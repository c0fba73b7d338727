"""Searching: the patterns of a graph, in which no two loops overlap."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.rolling.beginnings import best_begun
from tinygraph.compiler.rolling.matching import Search, match
from tinygraph.compiler.rolling.patterns import Pattern, Places
from tinygraph.compiler.rolling.runs import is_worth_it
from tinygraph.graph.runs import Run

__all__ = ["patterns_of"]

# An iteration has at most so many steps, one after the other, that are alike.
PERIODS = 6


def patterns_of(
    runs: Sequence[Run], steps: Sequence[Step], words: Sequence[int], left_out: Collection[int], *, is_open: bool,
    ragged: bool,
) -> Places:  # fmt: skip
    """Return the patterns of some runs, and the places of the steps in them.

    Args:
        runs: those that the words have, in their order.
        steps, words, is_open, ragged: as of `Search`.
        left_out: the positions at which no pattern may begin.
    """
    places = Places({step.index: position for position, step in enumerate(steps)})
    search = Search(steps, words, places, is_open, ragged)
    waiting = [*runs][::-1]
    longer: dict[Run, list[Run]] = {}  # by a run those with several of its periods, which are tried next
    while waiting:
        run = _behind(places.stop, waiting.pop())
        found = match(run, search)
        if found.pattern is not None:
            if found.pattern.run.start not in left_out:
                free = range(places.stop, waiting[-1].start if waiting else len(steps))
                places.add(_begun(found.pattern, search, free))
        elif found.breaks_after:
            waiting += _nested(run, found.breaks_after, is_open)[::-1]
        else:
            others = longer.pop(run) if run in longer else _of_several_periods(run, is_open)
            if others:
                waiting.append(others[0])
                longer[others[0]] = others[1:]
    return places


def _behind(stop: int, run: Run) -> Run:
    """Return the iterations of a run behind a position: its first words may be of the pass in which a loop ends."""
    busy = stop - run.start
    if busy <= 0:
        return run
    taken = -(-busy // run.period)
    return Run(run.start + taken * run.period, run.period, run.count - taken)


def _begun(pattern: Pattern, search: Search, free: range) -> Pattern:
    """Return the pattern of the same loop that carries least; of a loop that a condition ends the one that it has."""
    return pattern if search.is_open else best_begun(pattern, search, free)


def _of_several_periods(run: Run, is_open: bool) -> list[Run]:
    """Return the runs to look for instead of one whose periods are not alike: lines of one iteration have one word."""
    found = [Run(run.start, run.period * times, run.count // times) for times in range(2, PERIODS + 1)]
    return [other for other in found if is_worth_it(other, is_open)]


def _nested(run: Run, inner: int, is_open: bool) -> list[Run]:
    """Return the run to look for instead of one in which numbers begin anew after some iterations.

    Such a run is a loop in a loop: the outer one is made first. If there are too few of its iterations, each is a run.
    """
    outer = Run(run.start, run.period * inner, run.count // inner)
    if is_worth_it(outer, is_open):
        return [outer]
    parts = [Run(run.start + outer.period * count, run.period, inner) for count in range(outer.count)]
    rest = Run(outer.stop, run.period, run.count - outer.count * inner)
    return [part for part in (*parts, rest) if is_worth_it(part, is_open) and part != run]

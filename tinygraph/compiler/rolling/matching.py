"""Matching: a run of steps, argument by argument, against the pattern that its iterations have in common.

    np.add(h₀, x[0])                    np.add(Carried(0), Element(Same(x), Affine(0, 1)))
    np.add(h₁, x[1])
    np.add(h₂, x[2])

A step has a pattern where its arguments in each place have one; a run has a pattern where all its steps have.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from tinygraph.compiler.kernels.parts import part_written
from tinygraph.compiler.program.counting import Affine, item_at
from tinygraph.compiler.program.facts import REDUCTIONS, facts_of
from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.rolling.in_common import Differ, common_constant, common_count, common_number, is_same
from tinygraph.compiler.rolling.patterns import (
    Carried,
    Element,
    Here,
    Numbers,
    Pattern,
    Places,
    Rows,
    Same,
    values_in,
)
from tinygraph.compiler.rolling.runs import is_worth_it
from tinygraph.compiler.rolling.words import is_element
from tinygraph.graph.runs import Run

__all__ = ["Match", "Search", "match"]

# The numbers of first and of last iterations that are left out, if a loop cannot have all.
LEFT_OUT = ((0, 0), (1, 0), (0, 1), (1, 1), (2, 0), (2, 1), (2, 2))

# So often an iteration may begin with another step, until it carries no value whose shape changes.
BEGINS = 4

# NumPy's functions beside ufuncs, reductions and views that a loop may call with arrays whose shapes change.
RAGGED = frozenset((operator.getitem, np.copy, np.where, np.dot, np.vdot, np.outer))


@dataclass(eq=False)
class Search:
    """The steps among which loops are looked for, and the loops so far.

    Attributes:
        steps: all calls of the graph, in order.
        words: of the steps.
        places: the patterns that are found, and the places of steps in them.
        is_open: a condition may end a loop, and shorter runs count.
        ragged: shapes may change evenly from one iteration to the next, and in each loop some do.
    """

    steps: Sequence[Step]
    words: Sequence[int]
    places: Places
    is_open: bool = False
    ragged: bool = False

    def repeats(self, run: Run) -> bool:
        """Return whether the words of a run repeat themselves."""
        return self.words[run.start : run.stop - run.period] == self.words[run.start + run.period : run.stop]


class Match(NamedTuple):
    """The result of a match.

    Attributes:
        pattern: of the run, or of a part of it; None if there is none.
        breaks_after: the number of iterations after which numbers begin anew, if there is no pattern for that reason:
            the run is a loop within another. Else 0.
    """

    pattern: Pattern | None
    breaks_after: int = 0


def match(run: Run, search: Search, begins: int = BEGINS) -> Match:
    """Return the pattern that the iterations of a run have in common, a first or last one left out if it differs.

    Args:
        run: of steps.
        search: the steps.
        begins: how often an iteration may still begin with another step.
    """
    breaks_after = 0
    for part, end in _parts(run, search):
        try:
            found = _Matching(part, search, end).pattern()
        except Differ as difference:
            if difference.at > 1 and part.start == run.start:
                breaks_after = breaks_after or difference.at
            if difference.begin and begins:
                later = match(_begun_later(run, difference.begin, search), search, begins - 1)
                return Match(later.pattern, breaks_after or later.breaks_after)
            continue
        if end is None or not any([_differs(item) for item in (*found.args, *found.kwargs)]):
            return Match(found, breaks_after)
    return Match(None, breaks_after)


def _parts(run: Run, search: Search) -> Iterator[tuple[Run, int | None]]:
    """Yield the parts of a run to try, each with the place of the decision that ends it; None where none does."""
    for is_ended in (True, False) if search.is_open else (False,):
        for first, last in LEFT_OUT:
            part = Run(run.start + first * run.period, run.period, run.count - first - last)
            if not is_worth_it(part, search.is_open) or (is_ended and last):
                continue
            end = _exit_of(part, search) if is_ended else None
            if not is_ended or end is not None:
                yield part, end


def _begun_later(run: Run, begin: int, search: Search) -> Run:
    """Return a run whose iterations begin with the step at another place."""
    later = Run(run.start + begin, run.period, run.count)
    return later if search.repeats(later) else Run(later.start, run.period, run.count - 1)


def _exit_of(run: Run, search: Search) -> int | None:
    """Return the place of the decision that ends a loop; None for none.

    Behind the run it was taken otherwise, with Python in the same state as in all iterations.
    """
    steps, words = search.steps, search.words
    for offset in range(run.period):
        position = run.stop + offset
        if position >= len(steps):
            return None
        if words[position] != words[run.start + offset]:
            return offset if _ends(steps[position], steps[run.start + offset : run.stop : run.period]) else None
    return None


def _ends(last: Step, before: Sequence[Step]) -> bool:
    """Return whether a step is the decision that was taken in each iteration, and is now taken otherwise."""
    if not last.decides or not all([step.decides for step in before]):
        return False
    states = {step.args[2:] for step in (*before, last)}
    outcomes = {step.args[1] for step in before}
    return (
        len(states) == 1
        and not states & {(), (0,)}
        and outcomes == {not last.args[1]}
        and type(last.args[1]) is bool
        and last.source == before[0].source
    )


class _Matching:
    """The search for the pattern that the iterations of a run have in common.

    Each method takes the arguments, or values, in one place of all iterations, and raises `Differ` where they have
    no pattern.

    Args:
        end: the place of the decision that ends the loop; None for none.
    """

    def __init__(self, run: Run, search: Search, end: int | None) -> None:
        self._run = run
        self._search = search
        self._pattern = Pattern(run, search.steps, exit=end)
        self._carried: dict[Any, int] = {}

    def pattern(self) -> Pattern:
        """Return the pattern."""
        found = self._pattern
        for offset in range(self._run.period):
            steps = found.steps_at(offset)
            if self._changes_shape(steps):
                found.ragged.add(offset)
            if steps[0].decides:
                self._add_decision(steps)
            else:
                self._add_call(steps)
                if self._search.ragged:
                    self._note_ragged(offset)
        if self._search.ragged and not found.of_ragged:
            raise Differ
        return found

    def _add_decision(self, steps: Sequence[Step]) -> None:
        outcome = steps[0].args[1:2]
        if any([step.args[1:2] != outcome for step in steps[: self._run.count]]):
            raise Differ
        self._pattern.args.append((self._argument([step.args[0] for step in steps]), *outcome))
        self._pattern.kwargs.append({})

    def _add_call(self, steps: Sequence[Step]) -> None:
        args, first = self._tuple([step.args for step in steps]), steps[0].kwargs
        if any([step.kwargs.keys() != first.keys() for step in steps]):
            raise Differ
        kwargs = {key: self._argument([step.kwargs[key] for step in steps]) for key in first}
        if any(_counts(item) for item in kwargs.values()) or (_has_floats(args) and not _takes_floats(steps[0])):
            raise Differ
        self._pattern.args.append(args)
        self._pattern.kwargs.append(kwargs)

    # --- shapes that change -------------------------------------------------------------------------------------------

    def _changes_shape(self, items: Sequence[Any]) -> bool:
        """Return whether the shapes of values change from one iteration to the next, which they do evenly."""
        first = items[0].shape
        if all([item.shape == first for item in items]):
            return False
        if not self._search.ragged or any([len(item.shape) != len(first) for item in items]):
            raise Differ
        for sizes in zip(*[item.shape for item in items], strict=True):
            common_count(sizes)
        return True

    def _note_ragged(self, offset: int) -> None:
        """Note whether the shape of a step changes, or that of an array that it reads."""
        found, function = self._pattern, self._pattern.step_at(0, offset).function
        if any(map(self._is_ragged, values_in(found.kwargs[offset], parts=True))):
            raise Differ
        reads = [any(map(self._is_ragged, values_in([item], parts=True))) for item in found.args[offset]]
        if offset not in found.ragged and not any(reads):
            return
        if function is part_written:
            if reads != [False, True, False]:
                raise Differ
            found.of_ragged.add(-1)
        elif _may_be_ragged(function):
            found.of_ragged.add(offset)
        else:
            raise Differ

    def _is_ragged(self, value: Any) -> bool:
        if type(value) is Here:
            return value.offset in self._pattern.ragged
        return type(value) is Element and (value.ragged is not None or self._is_ragged(value.base))

    # --- arguments ----------------------------------------------------------------------------------------------------

    def _tuple(self, items: list[Any]) -> tuple[Any, ...]:
        if any([len(item) != len(items[0]) for item in items]):
            raise Differ
        return tuple([self._argument(list(parts)) for parts in zip(*items, strict=True)])

    def _argument(self, items: list[Any]) -> Any:
        """Return the pattern of the arguments in one place, an argument for each iteration."""
        first = items[0]
        kind = type(first)
        if kind is Step or kind is np.ndarray:
            return self._value(items)
        if any([type(item) is not kind for item in items]):
            raise Differ
        if kind is tuple:
            return self._tuple(items)
        if kind is list:
            return list(self._tuple(items))
        if kind is slice:
            ends = [self._argument([getattr(item, end) for item in items]) for end in ("start", "stop", "step")]
            return slice(*ends)
        if kind is int:
            return common_count(items)
        if kind is float or isinstance(first, np.generic):
            return common_number(items)
        if all([is_same(item, first) for item in items]):
            return first
        raise Differ

    # --- values -------------------------------------------------------------------------------------------------------

    def _value(self, items: list[Any]) -> Any:
        # The first item, and the last, rule out most cases.
        first, final = items[0], items[-1]
        if final is first and all([item is first for item in items]):
            return self._same(first)
        function = first.function if type(first) is Step else None
        if function is item_at and all([type(item) is Step and item.function is item_at for item in items]):
            if any([item.args[0] is not first.args[0] or item.args[1] != first.args[1] for item in items]):
                raise Differ
            return self._same(first)
        if is_element(first) and all([is_element(item) for item in items]):
            return self._element(items)
        if function is None and all([type(item) is np.ndarray or item.is_constant for item in items]):
            return common_constant([item if type(item) is np.ndarray else item.value for item in items])
        if type(final) is not Step:
            raise Differ
        position = self._search.places.positions.get(final.index, -1)
        return self._of_run(items, position) if position >= self._run.start else self._of_earlier_loop(items)

    def _same(self, item: Any) -> Any:
        """Return the pattern of one value that all iterations read, which is none of their own."""
        if self._is_of_run(item):
            raise Differ
        if is_element(item):
            base = self._same(item.args[0])
            return Same(item) if item.function is item_at else Element(base, item.args[1])
        return Same(item) if type(item) is Step else item

    def _element(self, items: list[Any]) -> Element:
        base = self._value([item.args[0] for item in items])
        index = self._argument([item.args[1] for item in items])
        ragged = items[0].shape if self._changes_shape(items) else None
        if ragged is not None and items[0].function is not operator.getitem:
            raise Differ
        if self._is_ragged(base) and ragged is None:
            ragged = items[0].shape
        return Element(base, index, ragged)

    def _of_earlier_loop(self, items: list[Any]) -> Rows:
        """Return the pattern of values of one step of an earlier loop, in iterations that move evenly."""
        located = self._search.places.of
        places = [place for item in items if type(item) is Step and (place := located(item)) is not None]
        if len(places) < len(items):
            raise Differ
        pattern, offset = places[0].pattern, places[0].offset
        if self._changes_shape(items) or offset in pattern.ragged:
            raise Differ
        at = common_count([place.iteration for place in places])
        if type(at) is not Affine or any([(place.pattern, place.offset) != (pattern, offset) for place in places]):
            raise Differ
        return Rows(pattern, offset, at)

    def _of_run(self, items: list[Any], position: int) -> Here | Carried:
        """Return the pattern of values of the run itself: they are of the same iteration, or of one before.

        Args:
            position: of the last one.
        """
        iteration, offset = divmod(position - self._run.start, self._run.period)
        before = len(items) - 1 - iteration
        if before < 0 or not all(map(operator.is_, items[before:], self._pattern.steps_at(offset))):
            raise Differ
        if not before:
            return Here(offset)
        if self._changes_shape(items):
            raise Differ(begin=offset)
        firsts = items[:before]
        if any([self._is_of_run(_whole(first)) for first in firsts]):
            raise Differ
        return Carried(self._carry(firsts, offset))

    def _is_of_run(self, item: Any) -> bool:
        """Return whether a step of the run computes a value."""
        return type(item) is Step and self._search.places.positions.get(item.index, -1) >= self._run.start

    def _carry(self, firsts: list[Any], offset: int) -> int:
        """Return the number of the carried value that each of some iterations hands on to the next."""
        following: Any = Here(offset)
        number = -1
        for first in reversed(firsts):
            key = (_identity(first), following)
            if key not in self._carried:
                self._carried[key] = len(self._pattern.carried)
                self._pattern.carried.append((first, following))
            number = self._carried[key]
            following = Carried(number)
        return number


def _whole(item: Any) -> Any:
    """Return the array that an element is taken of."""
    while is_element(item):
        item = item.args[0]
    return item


def _identity(item: Any) -> Any:
    return ("step", item.index) if type(item) is Step else ("array", id(item))


def _may_be_ragged(function: Any) -> bool:
    """Return whether a loop may call a function with arrays whose shapes change from one iteration to the next."""
    elementwise = isinstance(function, np.ufunc) and function.nout == 1
    return elementwise or function in REDUCTIONS or function in RAGGED or bool(facts_of(function).view)


# --- patterns ---------------------------------------------------------------------------------------------------------


def _counts(item: Any) -> bool:
    """Return whether a number that counts, or differs, stands in an argument."""
    if type(item) in (tuple, list):
        return any([_counts(part) for part in item])
    if type(item) is slice:
        return any([_counts(end) for end in (item.start, item.stop, item.step)])
    return type(item) in (Affine, Numbers)


def _takes_floats(call: Step) -> bool:
    """Return whether the dtype that Python's floats take is known: that of the result, or of the arrays beside them.

    `np.searchsorted(x, 0.1)` compares in float64, whatever x is.
    """
    return call.dtype.kind in "fc" or isinstance(call.function, np.ufunc)


def _has_floats(item: Any) -> bool:
    """Return whether Python's floats, one for each iteration, stand in an argument."""
    if type(item) in (tuple, list):
        return any([_has_floats(part) for part in item])
    return type(item) is Numbers and item.of_python


def _differs(item: Any) -> bool:
    """Return whether an argument is not the same in all iterations, but for the carried values."""
    if type(item) in (tuple, list):
        return any([_differs(part) for part in item])
    if type(item) is dict:
        return any([_differs(part) for part in item.values()])
    if type(item) is Element:
        return _differs(item.base) or _differs(item.index)
    return type(item) is Rows or _counts(item)

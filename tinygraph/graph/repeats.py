"""Repeats: steps of the same structure that follow one another, found in the record of a plain loop.

    h = np.tanh(x[0] @ W + h @ U)       one step, three times:
    h = np.tanh(x[1] @ W + h @ U)           h is carried from step to step,
    h = np.tanh(x[2] @ W + h @ U)           W, U and x are shared, the index counts

Two steps are equal only if each call of the one is that call of the other: the same function, shapes, dtypes, keyword
arguments, numbers, and operands. An operand is one of these in all steps:

    of the same step            at the same place in it
    carried                     from the step before, or from a fixed number of steps before; the first from outside
    shared                      the same value from outside
    of each step                an input, or a plain array, that each step has for itself, such as a layer's weights
    of each earlier step        a value of an earlier repeat, or of a step around: evenly spaced among the calls

Plain arrays of one shape and dtype may differ: they are data of each step. A number is the same in all steps, or it is
the number of each step, such as `0.9 ** t`: then no value of it makes up half of the steps, so that a single step with
another number is never taken for equal. The same holds for whole numbers in a subscript. These may also count evenly:
x[0], x[1], x[2].
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygraph.graph.graph import Graph
from tinygraph.graph.node import Node
from tinygraph.graph.runs import Run, repetitions
from tinygraph.graph.step_operands import equal_steps
from tinygraph.graph.step_words import ROUNDS, Item, Words

__all__ = ["Repeat", "repeats"]

FEWEST = 3
LEAST_SAVED = 4  # calls: a sum of five terms is not a loop
LONGEST_PHRASE = 512
MOST_MULTIPLES = 4

Step = tuple[Node, ...]


@dataclass(frozen=True, eq=False)
class Repeat:
    """A part of a graph that is repeated.

    Attributes:
        steps: the calls of each step.
        depth: the number of scopes around it.
        scope: the plain name of the scope that each step is, such as "Dense"; None where a step is no single scope.
        carried: for each value that a step takes from a step before, the value that each step takes. The first ones
            come from outside; None for one that is no node, but a number or a plain array.
        made: for each of `carried` the value that each step makes.
        shared: the nodes from outside that all steps take.
        own: for each input that a step has for itself, that of each step.
        inside: the repeats within its steps, in order.
    """

    steps: tuple[Step, ...]
    depth: int
    scope: str | None
    carried: tuple[tuple[Node | None, ...], ...]
    made: tuple[tuple[Node, ...], ...]
    shared: tuple[Node, ...]
    own: tuple[tuple[Node, ...], ...]
    inside: tuple[Repeat, ...]

    @property
    def count(self) -> int:
        """The number of steps."""
        return len(self.steps)

    @property
    def calls(self) -> Iterator[Node]:
        """All calls, in execution order."""
        return itertools.chain.from_iterable(self.steps)


def repeats(graph: Graph) -> tuple[Repeat, ...]:
    """Return the repeats of a graph, in order, none of which overlap: three steps or more.

    A repeat never cuts a scope: its steps are whole scopes, or stand in one scope. It takes O(n log n) for n nodes.
    """
    calls = [node for node in graph.nodes if not node.is_input]
    if len(calls) < FEWEST:
        return ()
    words = Words(calls)
    search = _Search(words)
    return tuple(search.found(words.items(0, len(calls), 0), 0))


class _Search:
    """The search for repeats, scope by scope, and within the steps of those that were found."""

    def __init__(self, words: Words) -> None:
        self.words = words
        self.known: dict[tuple[int, ...], list[Run]] = {}

    def found(self, items: Sequence[Item], depth: int) -> Iterator[Repeat]:
        """Yield the repeats among some items of one scope, and those within the scopes that are not repeated."""
        place = 0
        for run in self._runs(items):
            yield from self._within(items[place : run.start], depth)
            yield self._repeat(items, run, depth)
            place = run.stop
        yield from self._within(items[place:], depth)

    def _within(self, items: Sequence[Item], depth: int) -> Iterator[Repeat]:
        for item in items:
            if item.children:
                yield from self.found(item.children, depth + 1)

    def _repeat(self, items: Sequence[Item], run: Run, depth: int) -> Repeat:
        """Return a repeat. Its last step tells what is repeated within a step: the first one may begin with numbers."""
        last = items[run.stop - run.period : run.stop]
        first, period = items[run.start].start, last[-1].stop - last[0].start
        whole = last[0].scope if run.period == 1 else None
        found = self.found(last if whole is None else last[0].children, depth + (whole is not None))
        within = tuple([inner for inner in found if self._is_in_all_steps(inner, period)])
        shifts = [(number - run.count + 1) * period for number in range(run.count)]
        inside = tuple([self._moved(inner, shift) for shift in shifts for inner in within])
        return self._described(first, period, run.count, depth, whole, inside)

    def _is_in_all_steps(self, repeat: Repeat, period: int) -> bool:
        """Return whether what is repeated in the last step is so in the one before: then its subscripts count there."""
        first = self.words.place[repeat.steps[0][0].index] - period
        return equal_steps(self.words, first, len(repeat.steps[0]), repeat.count) == repeat.count

    def _moved(self, repeat: Repeat, shift: int) -> Repeat:
        """Return the same repeat in another step."""
        if not shift:
            return repeat
        first = self.words.place[repeat.steps[0][0].index] + shift
        inside = tuple([self._moved(inner, shift) for inner in repeat.inside])
        return self._described(first, len(repeat.steps[0]), repeat.count, repeat.depth, repeat.scope, inside)

    def _runs(self, items: Sequence[Item]) -> list[Run]:
        """Return the runs of items whose steps are equal, in order."""
        taken: list[Run] = []
        busy = bytearray(len(items))
        before: list[int] | None = None
        for round_, loose in ROUNDS:
            while True:
                free = _numbered([~at if busy[at] else item.words[round_] for at, item in enumerate(items)])
                parts = [] if free == before else self._equal_runs(items, free, busy, loose)
                before = free
                if not parts:
                    break
                taken += parts
        return sorted(taken)

    def _equal_runs(self, items: Sequence[Item], free: list[int], busy: bytearray, loose: int) -> list[Run]:
        """Return runs of equal steps, the one that saves most first, and mark their items as busy."""
        found: list[Run] = []
        for run in sorted(self._repetitions(tuple(free)), key=lambda run: (-run.saved, run.period, run.start)):
            if busy.find(1, run.start, run.stop) < 0:
                for part in self._equal(items, run, busy, loose):
                    found.append(part)
                    busy[part.start : part.stop] = b"\1" * (part.stop - part.start)
        return found

    def _repetitions(self, words: tuple[int, ...]) -> list[Run]:
        """Return the repetitions of words. Many scopes are alike."""
        if len(words) - len(set(words)) < FEWEST - 1:
            return []
        if words not in self.known:
            self.known[words] = repetitions(words, LONGEST_PHRASE)
        return self.known[words]

    def _is_worth_it(self, items: Sequence[Item], run: Run) -> bool:
        calls = items[run.start + run.period - 1].stop - items[run.start].start
        return run.count >= FEWEST and calls * (run.count - 1) >= LEAST_SAVED

    def _equal(self, items: Sequence[Item], run: Run, busy: bytearray, loose: int) -> list[Run]:
        """Return the parts of a run whose steps are equal, of one period or of several."""
        first, stop = self._widened(items, run, busy, loose)
        for period in range(run.period, MOST_MULTIPLES * run.period + 1, run.period):
            if (stop - first) // period < FEWEST:
                break
            parts: list[Run] = []
            start = first + self._rotation(items, first, stop, period)
            begin, calls = items[start].start, _calls(items, start, period)
            begins = self._may_begin(begin, items[stop - 1].stop, calls)
            while (count := (stop - start) // period) >= FEWEST:
                likely = begins[items[start].start - begin]
                part = Run(start, period, equal_steps(self.words, items[start].start, calls, count) if likely else 1)
                if self._is_worth_it(items, part):
                    parts.append(part)
                start += part.period * (part.count if self._is_worth_it(items, part) else 1)
            if parts:
                return parts
        return []

    def _widened(self, items: Sequence[Item], run: Run, busy: bytearray, loose: int) -> tuple[int, int]:
        """Return the ends of a run with the items around it that may be of one more step.

        The first steps may begin with a number, or a value from outside, where later ones take one of a step.
        """
        start, stop, period = run.start, run.stop, run.period
        while stop < len(items) and items[stop].words[loose] == items[stop - period].words[loose] and not busy[stop]:
            stop += 1
        while start and items[start - 1].words[loose] == items[start - 1 + period].words[loose] and not busy[start - 1]:
            start -= 1
        return start, stop

    def _may_begin(self, first: int, stop: int, period: int) -> np.ndarray[Any, Any]:
        """Return for each call up to `stop` whether three equal steps of a period may begin there.

        It is a quick look at the first operands: those of the second and the third step are as far from each other as
        those of the first and the second, or all are inputs, or the later ones come from the steps.
        """
        operands = self.words.first_operands[first:stop]
        one, two, three = operands[: -2 * period], operands[period:-period], operands[2 * period :]
        places = np.arange(first, first + len(one))[:, None]
        even = (three - two == two - one) | (three - two == period)
        of_first_step = (three > places - period) & (three < places + period)
        fits = (even | of_first_step | ((one < 0) & (two < 0) & (three < 0))).all(axis=1)
        misses = np.concatenate([[0], np.cumsum(~fits)])
        found = np.zeros(stop - first, bool)
        found[: len(misses) - period] = misses[period:] == misses[:-period]
        return found

    def _rotation(self, items: Sequence[Item], start: int, stop: int, period: int) -> int:
        """Return by how many items the first step begins later than the run.

        A step of the user's begins where the fewest values are carried. Among equals it begins where a line stands
        above the one before, and then the first place counts. No step is lost for that.
        """
        spare = (stop - start) % period
        if not spare:
            return 0
        first, calls = items[start].start, _calls(items, start, period)
        offsets = [
            number for number in range(period) for _ in range(items[start + number].start, items[start + number].stop)
        ]
        last = first + ((stop - start) // period - 1) * calls
        reach: dict[int, int] = {}  # by the place of a value in its step, how many items behind it the last use is
        for at in range(calls):
            pairs = zip(self.words.operands[last - calls + at], self.words.operands[last + at], strict=False)
            for operand in [now for before, now in pairs if now - before == calls and before >= first]:
                back, made = divmod(operand - last, calls)
                distance = offsets[at] - offsets[made] - back * period
                reach[offsets[made]] = max(reach.get(offsets[made], 0), distance)
        crossing = [0] * (period + 1)
        for made, distance in reach.items():
            whole, rest = divmod(distance, period)
            crossing[0] += whole
            begin, end = made + 1, made + 1 + rest  # the beginnings of steps that lie between a value and its last use
            for low, high in ((begin, min(end, period)), (max(begin, period) - period, end - period)):
                if low < high:
                    crossing[low] += 1
                    crossing[high] -= 1
        totals = list(itertools.accumulate(crossing[:period]))
        lines = [self._lines(items[start + shift]) for shift in range(period + 1)]
        return min(
            range(spare + 1),
            key=lambda shift: (totals[shift], not _goes_back(lines[(shift or period) - 1], lines[shift]), shift),
        )

    def _lines(self, item: Item) -> tuple[Any, Any]:
        """Return the lines of the first and the last call of an item."""
        return self.words.sources[item.start], self.words.sources[item.stop - 1]

    def _described(
        self, first: int, period: int, count: int, depth: int, scope: str | None, inside: tuple[Repeat, ...]
    ) -> Repeat:
        """Return a repeat with the operands of its steps, each by its kind."""
        words = self.words
        steps = tuple([tuple(words.calls[first + n * period : first + (n + 1) * period]) for n in range(count)])
        stop = first + count * period
        carried: dict[Any, tuple[Node | None, ...]] = {}
        made: dict[Any, tuple[Node, ...]] = {}
        shared: dict[int, Node] = {}
        own: dict[tuple[int, ...], tuple[Node, ...]] = {}
        for at in range(period):
            places = [first + step * period + at for step in range(count)]
            for items in zip(*[words.operands[place] for place in places], strict=True):
                last = items[-1]
                if first <= last < stop:
                    back = count - 1 - (last - first) // period
                    if back:
                        taken = tuple([self._node(item) for item in items])
                        key = (back, (last - first) % period, taken[:back])
                        carried[key] = taken
                        made[key] = tuple([words.calls[first + n * period + key[1]] for n in range(count)])
                elif all([item == last for item in items]):
                    node = self._node(last)
                    if node is not None:
                        shared[node.index] = node
                elif last < 0 and isinstance(words.outside[-last], Node):
                    own[items] = tuple([node for item in items if (node := self._node(item)) is not None])
        return Repeat(
            steps, depth, scope, tuple(carried.values()), tuple(made.values()), tuple(shared.values()),
            tuple(own.values()), inside,
        )  # fmt: skip

    def _node(self, operand: int) -> Node | None:
        if operand >= 0:
            return self.words.calls[operand]
        item = self.words.outside[-operand]
        return item if isinstance(item, Node) else None


def _goes_back(before: tuple[Any, Any], after: tuple[Any, Any]) -> bool:
    """Return whether a loop begins anew between two items: the line of the second stands above, in the same file."""
    (_, old), (new, _) = before, after
    return old is not None and new is not None and old[0] == new[0] and old[1] > new[1]


def _numbered(items: Sequence[int]) -> list[int]:
    known: dict[int, int] = {}
    return [known.setdefault(item, len(known)) for item in items]


def _calls(items: Sequence[Item], start: int, period: int) -> int:
    """Return the number of calls in a step of some items."""
    return items[start + period - 1].stop - items[start].start

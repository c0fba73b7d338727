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
import operator
import re
import struct
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from types import BuiltinFunctionType, FunctionType
from typing import Any, NamedTuple

import numpy as np

from tinygraph.engine.links import Like
from tinygraph.engine.places import Place
from tinygraph.engine.scopes import given_name
from tinygraph.graph.graph import Graph
from tinygraph.graph.node import Node
from tinygraph.graph.runs import Run, repetitions

__all__ = ["Repeat", "plain_scope", "repeats"]

FEWEST = 3
LEAST_SAVED = 4  # calls: a sum of five terms is not a loop
LONGEST_PHRASE = 512
MOST_MULTIPLES = 4
MOST_STEPS_BACK = 4
NEAR = 16  # calls: a value from further away may be one that all steps share
PATIENCE = 8  # steps, before a number that is mostly the same ends a repeat
COMPARED = 4  # operands of a call, to find the places where equal steps may begin

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
    words = _Words(calls)
    search = _Search(words)
    return tuple(search.found(words.items(0, len(calls), 0), 0))


def plain_scope(name: str) -> str:
    """Return the name of a scope without the numbers that tell it from its like: "layer" for "layer 3"."""
    plain = re.sub(r"[\s_.-]*\d+", "", given_name(name)).strip()
    return plain or given_name(name)


# --- words ------------------------------------------------------------------------------------------------------------


class _Item(NamedTuple):
    """A call, or a scope with all its calls: the calls from `start` to `stop`, with a word for each round."""

    start: int
    stop: int
    words: tuple[int, ...]
    children: tuple[_Item, ...] = ()
    scope: str | None = None


class _Words:
    """The calls of a graph as words, and their operands as numbers.

    Two calls have one word in a round if they may be one call of a step. In the first round they are called by the same
    line, use the same inputs where an input has several uses, and values that are as near: so two layers of one step
    have different words. In the second round the lines may differ. In the third one lines and operands may, and numbers
    are the same. The last two words ignore numbers, too: that of the same line, and that of any.

    The number of an operand is the place of its call, or a negative number for all that is no call.
    """

    def __init__(self, calls: Sequence[Node]) -> None:
        self.calls = calls
        self.place = {node.index: place for place, node in enumerate(calls)}
        self.known: dict[Hashable, int] = {}
        self.outside: list[Any] = [None]  # by the negative number of an operand
        self.leaves: dict[int, int] = {}
        self.numbers: dict[Hashable, int] = {}
        self.is_number: set[int] = set()
        self.signatures: dict[int, Hashable] = {}
        self.operands: list[list[int]] = []
        self.counters: list[tuple[int, ...]] = []
        self.sources = [None if node.source is None else (node.source.file, node.source.line) for node in calls]
        forms = [self._of_call(node) for node in calls]
        uses = Counter([operand for operands in self.operands for operand in set(operands)])
        several = {leaf for leaf in self.leaves.values() if uses[leaf] > 1}
        self.call_words = [self._in_rounds(place, form, several) for place, form in enumerate(forms)]
        first_operands = [(*operands[:COMPARED], *[0] * (COMPARED - len(operands))) for operands in self.operands]
        self.first_operands = np.array(first_operands, np.int64).reshape(-1, COMPARED)

    def _of_call(self, node: Node) -> tuple[int, tuple[int, ...]]:
        """Return the word of a call without its numbers, and these; append its operands and counters."""
        operands: list[int] = []
        counters: list[int] = []
        numbers: list[int] = []
        form: Hashable
        form = tuple([
            self._index(argument, operands, numbers, counters)
            if type(argument) is Place or (position == 1 and node.function is operator.getitem)
            else self._form(argument, operands, numbers)
            for position, argument in enumerate(node.args)
        ])  # fmt: skip
        keywords: Hashable = None
        if node.kwargs:
            keywords = tuple([(k, self._form(v, operands, numbers, True)) for k, v in node.kwargs.items()])
        self.operands.append(operands)
        self.counters.append(tuple(counters))
        function = node.function if isinstance(node.function, Hashable) else id(node.function)
        return self._word((function, node.shape, node.dtype, form, keywords)), tuple(numbers)

    def _in_rounds(self, place: int, form: tuple[int, tuple[int, ...]], several: set[int]) -> tuple[int, ...]:
        """Return the words of a call, one for each round, and those without its numbers."""
        source, loose, plain = self.sources[place], form[0], self._word(form)
        wiring = tuple([
            operand if operand in several else place - operand if operand >= place - NEAR else 0
            for operand in self.operands[place]
        ])  # fmt: skip
        wired = self._word((loose, wiring, 0))
        if source is None:
            return wired, wired, plain, loose, loose
        return self._word((wired, source, 1)), wired, plain, loose, self._word((loose, source, 2))

    def _word(self, key: Hashable) -> int:
        return self.known.setdefault(key, len(self.known))

    def _form(self, item: Any, operands: list[int], numbers: list[int], exact: bool = False) -> Hashable:
        """Return the form of an argument, and append its operands. A number is an operand, unless it is `exact`."""
        if isinstance(item, Node):
            operands.append(self._operand(item))
            return "·"
        kind = type(item)
        if kind is tuple or kind is list:
            return (kind, *[self._form(part, operands, numbers, True) for part in item])
        if kind is dict:
            return (kind, *[(key, self._form(part, operands, numbers, True)) for key, part in item.items()])
        if (kind is np.ndarray and item.size > 1) or kind is Like:
            operands.append(self._array(item))
            return "·" if not exact else ("array", item.shape, item.dtype)
        key = _constant(item)
        if exact or not _is_number(item):
            return key
        number = self.numbers.get(key)
        if number is None:
            number = self.numbers[key] = self._add_outside(key)
            self.is_number.add(number)
            self.signatures[number] = key[:-1]
        operands.append(number)
        numbers.append(number)
        return "·"

    def _index(self, item: Any, operands: list[int], numbers: list[int], counters: list[int]) -> Hashable:
        """Return the form of a subscript, or of the place of a write, in which whole numbers may count."""
        if type(item) is int:
            counters.append(item)
            return int
        if type(item) is Place:
            views = [
                (step.function, step.position, self._index(step.args, operands, numbers, counters),
                 self._form(step.keywords, operands, numbers, True))
                for step in item.steps
            ]  # fmt: skip
            return (Place, *views, self._index(item.index, operands, numbers, counters))
        if type(item) is tuple:
            return (tuple, *[self._index(part, operands, numbers, counters) for part in item])
        if type(item) is slice:
            ends = (item.start, item.stop, item.step)
            return (slice, *[self._index(end, operands, numbers, counters) for end in ends])
        return self._form(item, operands, numbers, exact=True)

    def _operand(self, node: Node) -> int:
        place = self.place.get(node.index)
        if place is not None:
            return place
        number = self.leaves.get(node.index)
        if number is None:
            number = self.leaves[node.index] = self._add_outside(node)
            self.signatures[number] = (node.shape, node.dtype, node.requires_grad)
        return number

    def _array(self, array: Any) -> int:
        number = self._add_outside(array)
        self.signatures[number] = (None, array.shape, array.dtype)
        return number

    def _add_outside(self, item: Any) -> int:
        self.outside.append(item)
        return 1 - len(self.outside)

    # --- items --------------------------------------------------------------------------------------------------------

    def items(self, start: int, stop: int, depth: int) -> tuple[_Item, ...]:
        """Return the calls from `start` to `stop` as items: a scope at `depth` is one item."""
        items: list[_Item] = []
        place = start
        while place < stop:
            scope = self.calls[place].scope
            if len(scope) == depth:
                items.append(_Item(place, place + 1, self.call_words[place]))
                place += 1
                continue
            end = place + 1
            while end < stop and self.calls[end].scope[depth : depth + 1] == (scope[depth],):
                end += 1
            children = self.items(place, end, depth + 1)
            plain = plain_scope(scope[depth])
            words = tuple([
                self._word((plain, round_, *[child.words[round_] for child in children])) for round_ in range(5)
            ])  # fmt: skip
            items.append(_Item(place, end, words, children, plain))
            place = end
        return tuple(items)


# The word of a call in each round, and the one that ignores numbers; at last this one alone.
ROUNDS = ((0, 4), (1, 3), (2, 3), (4, 4), (3, 3))


def _is_number(item: Any) -> bool:
    return isinstance(item, bool | int | float | complex | np.generic) or (type(item) is np.ndarray and item.size == 1)


def _constant(item: Any) -> tuple[Any, ...]:
    """Return a key that two constants share only if they are the same to the bit. All but its end is of the type."""
    kind = type(item)
    if kind is float:
        return kind, struct.pack("d", item)
    if kind is complex:
        return kind, struct.pack("dd", item.real, item.imag)
    if kind is np.ndarray or isinstance(item, np.generic):
        array = np.asarray(item)
        content = id(item) if array.dtype.hasobject else array.tobytes()
        return kind, array.shape, array.dtype, content
    if kind is slice:
        return kind, _constant(item.start), _constant(item.stop), _constant(item.step)
    return kind, item if item is None or isinstance(item, _KEYS) else id(item)


_KEYS = (bool, int, str, bytes, type, np.dtype, type(Ellipsis), FunctionType, BuiltinFunctionType)


# --- search -----------------------------------------------------------------------------------------------------------


class _Search:
    """The search for repeats, scope by scope, and within the steps of those that were found."""

    def __init__(self, words: _Words) -> None:
        self.words = words
        self.known: dict[tuple[int, ...], list[Run]] = {}

    def found(self, items: Sequence[_Item], depth: int) -> Iterator[Repeat]:
        """Yield the repeats among some items of one scope, and those within the scopes that are not repeated."""
        place = 0
        for run in self._runs(items):
            yield from self._within(items[place : run.start], depth)
            yield self._repeat(items, run, depth)
            place = run.stop
        yield from self._within(items[place:], depth)

    def _within(self, items: Sequence[_Item], depth: int) -> Iterator[Repeat]:
        for item in items:
            if item.children:
                yield from self.found(item.children, depth + 1)

    def _repeat(self, items: Sequence[_Item], run: Run, depth: int) -> Repeat:
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
        return self._equal_steps(first, len(repeat.steps[0]), repeat.count) == repeat.count

    def _moved(self, repeat: Repeat, shift: int) -> Repeat:
        """Return the same repeat in another step."""
        if not shift:
            return repeat
        first = self.words.place[repeat.steps[0][0].index] + shift
        inside = tuple([self._moved(inner, shift) for inner in repeat.inside])
        return self._described(first, len(repeat.steps[0]), repeat.count, repeat.depth, repeat.scope, inside)

    def _runs(self, items: Sequence[_Item]) -> list[Run]:
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

    def _equal_runs(self, items: Sequence[_Item], free: list[int], busy: bytearray, loose: int) -> list[Run]:
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

    def _is_worth_it(self, items: Sequence[_Item], run: Run) -> bool:
        calls = items[run.start + run.period - 1].stop - items[run.start].start
        return run.count >= FEWEST and calls * (run.count - 1) >= LEAST_SAVED

    def _equal(self, items: Sequence[_Item], run: Run, busy: bytearray, loose: int) -> list[Run]:
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
                part = Run(start, period, self._equal_steps(items[start].start, calls, count) if likely else 1)
                if self._is_worth_it(items, part):
                    parts.append(part)
                start += part.period * (part.count if self._is_worth_it(items, part) else 1)
            if parts:
                return parts
        return []

    def _widened(self, items: Sequence[_Item], run: Run, busy: bytearray, loose: int) -> tuple[int, int]:
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

    def _rotation(self, items: Sequence[_Item], start: int, stop: int, period: int) -> int:
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

    def _lines(self, item: _Item) -> tuple[Any, Any]:
        """Return the lines of the first and the last call of an item."""
        return self.words.sources[item.start], self.words.sources[item.stop - 1]

    def _equal_steps(self, first: int, period: int, count: int) -> int:
        """Return how many steps are equal, from the first one on.

        Args:
            first: the place of the first call.
            period: the number of calls in a step.
            count: the number of steps whose calls have equal words.
        """
        operands, counters = self.words.operands, self.words.counters
        places = [_Place() for at in range(period) for _ in operands[first + at]]
        counts = [_Picks(counts=True) for at in range(period) for _ in counters[first + at]]
        owners: dict[int, int] = {}
        for step in range(count):
            calls = range(first + step * period, first + (step + 1) * period)
            given = [operand for at in calls for operand in operands[at]]
            fits = [
                place.takes(item, step, first, period, self.words) for place, item in zip(places, given, strict=True)
            ]
            if not all(fits) or not _own_fit(places, given, step, owners):
                return _settled(places, counts, step)
            for picks, value in zip(counts, [value for at in calls for value in counters[at]], strict=True):
                picks.add(value)
            if step >= PATIENCE and not all([picks.fit for picks in _all_picks(places, counts)]):
                return _settled(places, counts, step + 1)
        return _settled(places, counts, count)

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

    def takes(self, operand: int, step: int, start: int, period: int, words: _Words) -> bool:
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


def _alike(operand: int, other: int, words: _Words) -> bool:
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


def _goes_back(before: tuple[Any, Any], after: tuple[Any, Any]) -> bool:
    """Return whether a loop begins anew between two items: the line of the second stands above, in the same file."""
    (_, old), (new, _) = before, after
    return old is not None and new is not None and old[0] == new[0] and old[1] > new[1]


def _numbered(items: Sequence[int]) -> list[int]:
    known: dict[int, int] = {}
    return [known.setdefault(item, len(known)) for item in items]


def _calls(items: Sequence[_Item], start: int, period: int) -> int:
    """Return the number of calls in a step of some items."""
    return items[start + period - 1].stop - items[start].start

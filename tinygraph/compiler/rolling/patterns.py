"""Patterns: the arguments that some steps have in the iterations of a loop, as the one argument that the loop has.

x[3], x[4], x[5]        Element(Same(x), Affine(3, 1))
h₀, h₁, h₂              Carried: h₀ first, then the value of the iteration before
0.9, 0.81, 0.729        Numbers([0.9, 0.81, 0.729])
"""

from __future__ import annotations

import bisect
import itertools
import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from tinygraph.compiler.kernels.parts import part_written
from tinygraph.compiler.program.counting import Affine, item_at
from tinygraph.compiler.program.facts import REDUCTIONS, facts_of
from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.rolling.runs import is_worth_it
from tinygraph.compiler.rolling.words import is_element
from tinygraph.graph.runs import Run

__all__ = [
    "Carried", "Element", "Here", "Located", "Numbers", "Pattern", "Places", "Rows", "Same", "is_same", "pattern_of",
    "values_in",
]  # fmt: skip


class Located(NamedTuple):
    """A value of a loop: its loop, the iteration, and its place among the loop's steps."""

    pattern: Pattern
    iteration: int
    offset: int


@dataclass(frozen=True, slots=True)
class Same:
    """The same value in all iterations, from outside the loop."""

    step: Step


@dataclass(frozen=True, slots=True)
class Here:
    """A value of the same iteration, by its place among the loop's steps."""

    offset: int


@dataclass(frozen=True, slots=True)
class Carried:
    """A value of an iteration before, by its number among those that the loop carries."""

    number: int


@dataclass(frozen=True, slots=True)
class Rows:
    """Values of an earlier loop, one in each iteration."""

    pattern: Pattern
    offset: int
    at: Affine


@dataclass(frozen=True, slots=True, eq=False)
class Numbers:
    """Numbers, or small constant arrays, one for each iteration.

    Attributes:
        of_python: whether they are Python's, which take the dtype of the arrays beside them.
    """

    values: np.ndarray[Any, Any]
    of_python: bool = False


@dataclass(frozen=True, slots=True)
class Element:
    """A part of an array, at an index that may count.

    Attributes:
        ragged: the shape in the first iteration, where it changes from one to the next.
    """

    base: Any
    index: Any
    ragged: tuple[int, ...] | None = None


@dataclass(eq=False)
class Pattern:
    """The part that some iterations have in common.

    Attributes:
        run: the iterations.
        args, kwargs: of each step of an iteration, with patterns in the places of values.
        carried: for each value that is carried its first value, and its next one: `Here` or `Carried`.
        exit: of an open loop the place of the decision that ends it.
        ragged: the places of the steps whose shapes change from one iteration to the next.
        of_ragged: the places of these steps, and of those that read an array whose shape changes.
    """

    run: Run
    steps: Sequence[Step]
    args: list[Any] = field(default_factory=list)
    kwargs: list[Any] = field(default_factory=list)
    carried: list[tuple[Any, Any]] = field(default_factory=list)
    exit: int | None = None
    ragged: set[int] = field(default_factory=set)
    of_ragged: set[int] = field(default_factory=set)

    @property
    def stop(self) -> int:
        """The position behind its last step, those of the pass in which it ends among them."""
        return self.run.stop + (0 if self.exit is None else self.exit + 1)

    def passes(self, offset: int) -> int:
        """Return how often a step is computed: in the pass in which an open loop ends once more."""
        return self.run.count + (self.exit is not None and offset <= self.exit)

    def step_at(self, iteration: int, offset: int) -> Step:
        """Return a step of an iteration."""
        return self.steps[self.run.start + iteration * self.run.period + offset]

    def steps_at(self, offset: int) -> Sequence[Step]:
        """Return the step at one place of all iterations."""
        first, period = self.run.start + offset, self.run.period
        return self.steps[first : first + self.passes(offset) * period : period]

    def carries(self, offset: int) -> int | None:
        """Return the number of the carried value whose next one a step computes; None for no such value."""
        return next((number for number, (_, then) in enumerate(self.carried) if then == Here(offset)), None)


class Places:
    """The places of a graph's steps in its patterns.

    Args:
        positions: of each call, by its index.

    Attributes:
        positions: see above.
        patterns: in their order. None overlap.
    """

    def __init__(self, positions: dict[int, int]) -> None:
        self.positions = positions
        self.patterns: list[Pattern] = []
        self._starts: list[int] = []

    def add(self, pattern: Pattern) -> None:
        """Add a pattern behind the others."""
        self.patterns.append(pattern)
        self._starts.append(pattern.run.start)

    def of(self, step: Step) -> Located | None:
        """Return where in a pattern a step is; None for a step in none."""
        position = self.positions.get(step.index)
        number = -1 if position is None else bisect.bisect_right(self._starts, position) - 1
        if position is None or number < 0 or position >= self.patterns[number].stop:
            return None
        pattern = self.patterns[number]
        return Located(pattern, *divmod(position - pattern.run.start, pattern.run.period))


class _Differ(Exception):  # noqa: N818 - no error: the run is tried without some iterations
    """The iterations have nothing in common that a loop could say.

    Args:
        at: the first iteration that breaks a pattern of numbers, if that is the reason.
        begin: the place of a step whose shape changes and that an iteration reads of the one before, if that is the
            reason. An iteration may begin with it.
    """

    def __init__(self, at: int = 0, begin: int = 0) -> None:
        super().__init__(at, begin)
        self.at = at
        self.begin = begin


def pattern_of(
    run: Run, steps: Sequence[Step], positions: dict[int, int], located: Callable[[Step], Located | None],
    words: Sequence[int], breaks: list[int], is_open: bool = False, ragged: bool = False,
    begins: int = 4,
) -> Pattern | None:  # fmt: skip
    """Return the pattern that the iterations of a run have in common, the first or the last left out if they differ.

    Args:
        run: of steps.
        steps: all calls of the graph, in order.
        positions: of each call, by its index.
        located: where in an earlier loop a value is.
        words: of the steps.
        breaks: gets the numbers of iterations after which numbers begin anew: they are those of a loop within another.
        is_open: whether a condition may end the loop, and shorter runs count.
        ragged: whether shapes may change evenly from one iteration to the next, and some do.
        begins: how often an iteration may begin with another step, so that it carries no value whose shape changes.
    """
    for end, (first, last) in itertools.product((True, False) if is_open else (False,), _LEFT_OUT):
        part = Run(run.start + first * run.period, run.period, run.count - first - last)
        if not is_worth_it(part, is_open) or (end and last):
            continue
        place = _exit_of(part, steps, words) if end else None
        if end and place is None:
            continue
        try:
            found = _Matching(part, steps, positions, located, place, ragged).pattern()
        except _Differ as difference:
            if difference.at > 1 and not first:
                breaks.append(difference.at)
            if difference.begin and begins:
                later = Run(run.start + difference.begin, run.period, run.count)
                if words[later.start : later.stop - run.period] != words[later.start + run.period : later.stop]:
                    later = Run(later.start, run.period, run.count - 1)
                return pattern_of(later, steps, positions, located, words, breaks, is_open, ragged, begins - 1)
            continue
        if not end or not any([_differs(item) for item in (*found.args, *found.kwargs)]):
            return found
    return None


# How many of the first and the last iterations are left out, if a loop cannot have all.
_LEFT_OUT = ((0, 0), (1, 0), (0, 1), (1, 1), (2, 0), (2, 1), (2, 2))


def _exit_of(run: Run, steps: Sequence[Step], words: Sequence[int]) -> int | None:
    """Return the place of the decision that ends a loop; None for none.

    Behind the run it was taken otherwise, with Python in the same state as in all iterations.
    """
    for offset in range(run.period):
        position = run.stop + offset
        if position >= len(steps):
            return None
        if words[position] == words[run.start + offset]:
            continue
        other = steps[position]
        all_passes = [steps[run.start + count * run.period + offset] for count in range(run.count)]
        if not other.decides or not all([step.decides for step in all_passes]):
            return None
        states = {step.args[2:] for step in (*all_passes, other)}
        outcomes = {step.args[1] for step in all_passes}
        same = (
            len(states) == 1
            and not states & {(), (0,)}
            and outcomes == {not other.args[1]}
            and type(other.args[1]) is bool
        )
        return offset if same and other.source == all_passes[0].source else None
    return None


class _Matching:
    """The search for the pattern that the iterations of a run have in common."""

    def __init__(
        self, run: Run, steps: Sequence[Step], positions: dict[int, int], located: Callable[[Step], Located | None],
        end: int | None, ragged: bool,
    ) -> None:  # fmt: skip
        self.run = run
        self._ragged = ragged
        self._pattern = Pattern(run, steps, exit=end)
        self._positions = positions
        self._located = located
        self._carried: dict[Any, int] = {}

    def pattern(self) -> Pattern:
        """Return it.

        Raises:
            _Differ: there is none.
        """
        found = self._pattern
        for offset in range(self.run.period):
            steps = found.steps_at(offset)
            if self._changes_shape(steps):
                found.ragged.add(offset)
            if steps[0].decides:
                expected = steps[0].args[1:2]
                if any([step.args[1:2] != expected for step in steps[: self.run.count]]):
                    raise _Differ
                found.args.append((self._argument([step.args[0] for step in steps]), *expected))
                found.kwargs.append({})
                continue
            found.args.append(self._tuple([step.args for step in steps]))
            first = steps[0].kwargs
            if any([step.kwargs.keys() != first.keys() for step in steps]):
                raise _Differ
            kwargs = {key: self._argument([step.kwargs[key] for step in steps]) for key in first}
            if any(_counts(item) for item in kwargs.values()):
                raise _Differ
            found.kwargs.append(kwargs)
            if not _takes_floats(steps[0]) and _has_floats(found.args[-1]):
                raise _Differ
            if self._ragged:
                self._note_ragged(offset)
        if self._ragged and not found.of_ragged:
            raise _Differ
        return found

    # --- shapes that change -------------------------------------------------------------------------------------------

    def _changes_shape(self, items: Sequence[Any]) -> bool:
        """Return whether the shapes of values change from one iteration to the next, which they do evenly."""
        first = items[0].shape
        if all([item.shape == first for item in items]):
            return False
        if not self._ragged or any([len(item.shape) != len(first) for item in items]):
            raise _Differ
        for sizes in zip(*[item.shape for item in items], strict=True):
            _even(sizes)
        return True

    def _note_ragged(self, offset: int) -> None:
        """Note whether the shape of a step changes, or that of an array that it reads."""
        found, function = self._pattern, self._pattern.step_at(0, offset).function
        if any(map(self._is_ragged, values_in(found.kwargs[offset], parts=True))):
            raise _Differ
        reads = [any(map(self._is_ragged, values_in([item], parts=True))) for item in found.args[offset]]
        if offset not in found.ragged and not any(reads):
            return
        if function is part_written:
            if reads != [False, True, False]:
                raise _Differ
            found.of_ragged.add(-1)
        elif may_be_ragged(function):
            found.of_ragged.add(offset)
        else:
            raise _Differ

    def _is_ragged(self, value: Any) -> bool:
        if type(value) is Here:
            return value.offset in self._pattern.ragged
        return type(value) is Element and (value.ragged is not None or self._is_ragged(value.base))

    def _tuple(self, items: list[Any]) -> tuple[Any, ...]:
        if any([len(item) != len(items[0]) for item in items]):
            raise _Differ
        return tuple([self._argument(list(parts)) for parts in zip(*items, strict=True)])

    def _argument(self, items: list[Any]) -> Any:
        """Return the pattern of the arguments in one place, an argument for each iteration."""
        first = items[0]
        kind = type(first)
        if kind is Step or kind is np.ndarray:
            return self._value(items)
        if any([type(item) is not kind for item in items]):
            raise _Differ
        if kind is tuple:
            return self._tuple(items)
        if kind is list:
            return list(self._tuple(items))
        if kind is slice:
            ends = [self._argument([getattr(item, end) for item in items]) for end in ("start", "stop", "step")]
            return slice(*ends)
        if kind is int:
            return _even(items)
        if kind is float or isinstance(first, np.generic):
            return _numbers(items)
        if all([is_same(item, first) for item in items]):
            return first
        raise _Differ

    # --- values -------------------------------------------------------------------------------------------------------

    def _value(self, items: list[Any]) -> Any:
        # The first item, and the last, rule out most cases.
        first, final = items[0], items[-1]
        if final is first and all([item is first for item in items]):
            return self._same(first)
        function = first.function if type(first) is Step else None
        if function is item_at and all([type(item) is Step and item.function is item_at for item in items]):
            if any([item.args[0] is not first.args[0] or item.args[1] != first.args[1] for item in items]):
                raise _Differ
            return self._same(first)
        if is_element(first) and all([is_element(item) for item in items]):
            base = self._value([item.args[0] for item in items])
            index = self._argument([item.args[1] for item in items])
            ragged = first.shape if self._changes_shape(items) else None
            if ragged is not None and items[0].function is not operator.getitem:
                raise _Differ
            if self._is_ragged(base) and ragged is None:
                ragged = first.shape
            return Element(base, index, ragged)
        if function is None and all([type(item) is np.ndarray or item.is_constant for item in items]):
            return _constants([item if type(item) is np.ndarray else item.value for item in items])
        if type(final) is not Step:
            raise _Differ
        position = self._positions.get(final.index, -1)
        if position >= self.run.start:
            return self._of_run(items, position)
        places = [place for item in items if type(item) is Step and (place := self._located(item)) is not None]
        if len(places) < len(items):
            raise _Differ
        pattern, offset = places[0].pattern, places[0].offset
        if self._changes_shape(items) or offset in pattern.ragged:
            raise _Differ
        at = _even([place.iteration for place in places])
        if type(at) is not Affine or any([(place.pattern, place.offset) != (pattern, offset) for place in places]):
            raise _Differ
        return Rows(pattern, offset, at)

    def _same(self, item: Any) -> Any:
        if type(item) is Step and self._positions.get(item.index, -1) >= self.run.start:
            raise _Differ
        if is_element(item):
            base = self._same(item.args[0])
            return Same(item) if item.function is item_at else Element(base, item.args[1])
        return Same(item) if type(item) is Step else item

    def _of_run(self, items: list[Any], position: int) -> Any:
        """Return what values of the run itself have in common: they are of the same iteration, or of one before."""
        iteration, offset = divmod(position - self.run.start, self.run.period)
        before = len(items) - 1 - iteration
        if before < 0:
            raise _Differ
        if not all(map(operator.is_, items[before:], self._pattern.steps_at(offset))):
            raise _Differ
        if not before:
            return Here(offset)
        if self._changes_shape(items):
            raise _Differ(begin=offset)
        firsts = items[:before]
        for first in firsts:
            if type(first) is Step and self._positions.get(first.index, -1) >= self.run.start:
                raise _Differ
            if is_element(first) and not self._is_outside(first):
                raise _Differ
        return Carried(self._carry(firsts, offset))

    def _is_outside(self, item: Any) -> bool:
        while is_element(item):
            item = item.args[0]
        return type(item) is not Step or self._positions.get(item.index, -1) < self.run.start

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


def values_in(item: Any, parts: bool = False) -> Iterator[Any]:
    """Yield the values in an argument, or some arguments: those that elements are taken of, and no indices.

    Args:
        parts: whether the elements are meant, and not the values that they are taken of.
    """
    kind = type(item)
    if kind is tuple or kind is list:
        for each in item:
            yield from values_in(each, parts)
    elif kind is dict:
        yield from values_in(list(item.values()), parts)
    elif kind is Element and not parts:
        yield from values_in(item.base)
    else:
        yield item


# --- numbers, and constants -------------------------------------------------------------------------------------------


def _identity(item: Any) -> Any:
    return ("step", item.index) if type(item) is Step else ("array", id(item))


def _even(numbers: Sequence[int]) -> int | Affine:
    """Return the number that some numbers are, or the one that moves evenly from the first to the last."""
    first, step = numbers[0], numbers[1] - numbers[0]
    for count, number in enumerate(numbers):
        if number != first + step * count:
            raise _Differ(count)
    return Affine(first, step) if step else first


def _numbers(items: list[Any]) -> Any:
    """Return the number that some are, or all of them."""
    if all([is_same(item, items[0]) for item in items]):
        return items[0]
    if any([isinstance(item, np.generic) and item.dtype != items[0].dtype for item in items]):
        raise _Differ
    return Numbers(np.array(items), type(items[0]) is float)


# Constants of an iteration that have at most this many elements may stand one after the other in an array.
GATHERED = 256


def _constants(items: list[Any]) -> Any:
    """Return the constant array that some are, or all of them, one after the other."""
    first = items[0]
    if all([is_same(item, first) for item in items]):
        return first
    if first.size > GATHERED or first.dtype.kind not in "biufc" or any([item.shape != first.shape for item in items]):
        raise _Differ
    return Numbers(np.stack(items))


def may_be_ragged(function: Any) -> bool:
    """Return whether a loop may call a function with arrays whose shapes change from one iteration to the next."""
    elementwise = isinstance(function, np.ufunc) and function.nout == 1
    return elementwise or function in REDUCTIONS or function in _RAGGED or bool(facts_of(function).view)


_RAGGED = frozenset((operator.getitem, np.copy, np.where, np.dot, np.vdot, np.outer))


def is_same(one: Any, other: Any) -> bool:
    """Return whether two constants are the same to the bit."""
    if one is other:
        return True
    if isinstance(one, np.ndarray | np.generic | float | complex):
        one, other = np.asarray(one), np.asarray(other)
        return bool(one.shape == other.shape and one.dtype == other.dtype and one.tobytes() == other.tobytes())
    try:
        return bool(one == other)
    except Exception:
        return False


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

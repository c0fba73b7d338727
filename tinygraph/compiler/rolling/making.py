"""The graph with loops in the place of runs."""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.counting import Affine, kept_at
from tinygraph.compiler.program.loops import Loop, loop_result
from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.rolling.bodies import Body, Needed
from tinygraph.compiler.rolling.patterns import (
    Located,
    Pattern,
    Places,
    Rows,
    Same,
    pattern_of,
    values_in,
)
from tinygraph.compiler.rolling.phases import best_begun
from tinygraph.compiler.rolling.pieces import Piece, goes_on_evenly, in_one, joins, piece_of, places_of
from tinygraph.compiler.rolling.runs import is_worth_it, runs_in
from tinygraph.compiler.rolling.words import is_element, words_of
from tinygraph.engine.nested import mapped
from tinygraph.graph import Graph
from tinygraph.graph.runs import Run

__all__ = ["rolled"]

# An iteration has at most so many steps, one after the other, that are alike.
PERIODS = 6


def rolled(graph: Graph, is_open: bool = False, ragged: bool = False) -> Graph:
    """Return a graph in which repeated steps are loops, and so are those within the bodies of loops.

    Args:
        graph: of steps.
        is_open: whether a condition may end a loop, and short loops count. The graph is to be compared with that of
            another run, to find out which numbers depend on the number of iterations.
        ragged: whether loops are looked for in which shapes change from one iteration to the next, and no others.
    """
    steps, words = words_of(graph, ragged)
    runs = runs_in(words, is_open)
    if not runs:
        return graph
    left_out: set[int] = set()
    while True:
        places = _patterns_of(steps, words, runs, is_open, ragged, left_out)
        if not places.patterns:
            return graph
        rolling = _Rolling(graph, steps, places)
        needed = rolling.ragged_needed() if ragged else set()
        if not needed:
            return rolling.graph()
        left_out |= needed


def _patterns_of(
    steps: list[Step], words: list[int], runs: list[Run], is_open: bool, ragged: bool, left_out: set[int]
) -> Places:  # fmt: skip
    """Return the patterns of some runs, and where in a pattern each step is.

    Args:
        left_out: the positions at which no pattern may begin.
    """
    places = Places({step.index: position for position, step in enumerate(steps)})
    patterns, positions = places.patterns, places.positions
    waiting = runs[::-1]
    longer: dict[Run, list[Run]] = {}  # by a run those with several of its periods, which are tried next
    while waiting:
        run = waiting.pop()
        busy = patterns[-1].stop - run.start if patterns else 0
        if busy > 0:  # its first words are of the pass in which the loop before ends
            taken = -(-busy // run.period)
            run = Run(run.start + taken * run.period, run.period, run.count - taken)
        breaks: list[int] = []
        pattern = pattern_of(run, steps, positions, places.of, words, breaks, is_open, ragged)
        if pattern is not None and pattern.run.start in left_out:
            continue
        if pattern is not None:
            if not is_open:
                free = waiting[-1].start if waiting else len(steps)
                after = patterns[-1].stop if patterns else 0
                tried = functools.partial(
                    pattern_of, steps=steps, positions=positions, located=places.of, words=words, breaks=[],
                    ragged=ragged,
                )  # fmt: skip
                pattern = best_begun(pattern, words, range(after, free), tried)
            places.add(pattern)
        elif breaks:
            waiting += _nested(run, breaks[0], is_open)[::-1]
        else:
            others = longer.pop(run) if run in longer else _of_several_periods(run, is_open)
            if others:
                waiting.append(others[0])
                longer[others[0]] = others[1:]
    return places


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


class _Rolling:
    """A graph as it is made anew, with loops."""

    def __init__(self, graph: Graph, steps: list[Step], places: Places) -> None:
        self._graph = graph
        self._steps = steps
        self._places = places
        self._patterns = {pattern.run.start: pattern for pattern in places.patterns}
        self._kept: dict[Pattern, Needed] = {pattern: Needed() for pattern in places.patterns}
        self._builder = Builder()
        self._moved: dict[Any, Step] = {}

    def graph(self) -> Graph:
        """Return the graph."""
        self._find_needed()
        for step in self._graph.nodes:
            assert isinstance(step, Step)
            if step.function is None:
                self._moved[step.index] = self._builder.add(step)
        position = 0
        while position < len(self._steps):
            pattern = self._patterns.get(position)
            if pattern is None:
                step = self._steps[position]
                self._moved[step.index] = self._add(step)
                position += 1
            else:
                self._add_loop(pattern)
                position = pattern.stop
        outputs = tuple([self._value(output) for output in self._graph.outputs])
        return Graph(tuple(self._builder.steps), outputs)

    def ragged_needed(self) -> set[int]:
        """Return the positions at which those loops begin of which a value is needed whose shape changes."""
        self._find_needed()
        found = {
            pattern.run.start for pattern, kept in self._kept.items()
            if not pattern.ragged.isdisjoint((*kept.stacked, *kept.last, *kept.exits))
        }  # fmt: skip
        self._kept = {pattern: Needed() for pattern in self._kept}
        return found

    # --- the used results of a loop -----------------------------------------------------------------------------------

    def _find_needed(self) -> None:
        position = 0
        while position < len(self._steps):
            pattern = self._patterns.get(position)
            if pattern is not None:
                self._need_in(pattern.args)
                self._need_in(pattern.kwargs)
                for first, _ in pattern.carried:
                    self._need(first)
                position = pattern.stop
                continue
            step = self._steps[position]
            for item in (*step.args, *step.kwargs.values()):
                if joins(step) and item is step.args[0]:
                    for piece in self._pieces(item):
                        self._need(piece)
                else:
                    self._need_in(item)
            position += 1
        for output in self._graph.outputs:
            self._need(output)

    def _need_in(self, item: Any) -> None:
        for value in values_in(item):
            if type(value) is Rows:
                _note(self._kept[value.pattern].stacked, value.offset)
            else:
                self._need(value.step if type(value) is Same else value)

    def _need(self, item: Any) -> None:
        """Note that a value, or a piece of some, is needed outside of its loop."""
        if type(item) is Piece:
            _note(self._kept[item.pattern].stacked, item.offset)
            return
        if type(item) is not Step:
            return
        if is_element(item):
            self._need(item.args[0])
            return
        place = self._places.of(item)
        if place is not None:
            kept, pattern = self._kept[place.pattern], place.pattern
            if place.iteration == pattern.run.count:
                _note(kept.exits, place.offset)
            elif place.iteration == pattern.run.count - 1 and pattern.carries(place.offset) is not None:
                return
            elif place.iteration == pattern.run.count - 1 and pattern.passes(place.offset) == pattern.run.count:
                _note(kept.last, place.offset)
            else:
                _note(kept.stacked, place.offset)

    # --- values outside of loops --------------------------------------------------------------------------------------

    def _value(self, item: Any) -> Step:
        """Return the new step of a value."""
        key = item.index
        if key not in self._moved:
            place = self._places.of(item)
            if place is not None:
                self._moved[key] = self._of_loop(place, item)
            else:
                assert is_element(item)
                self._moved[key] = self._builder.add(replace(item, args=(self._value(item.args[0]), item.args[1])))
        return self._moved[key]

    def _of_loop(self, place: Located, item: Step) -> Step:
        pattern = place.pattern
        kept, run = self._kept[pattern], pattern.run
        loop = kept.loop
        assert loop is not None
        number = pattern.carries(place.offset) if place.iteration == run.count - 1 else None
        before = len(pattern.carried) + len(kept.stacked)
        if place.iteration == run.count:
            number = before + len(kept.last) + kept.exits.index(place.offset)
        elif number is None and place.iteration == run.count - 1 and place.offset in kept.last:
            number = before + kept.last.index(place.offset)
        if number is not None:
            return self._part(item, loop, number, item.name)
        function = operator.getitem if pattern.exit is None else kept_at
        return self._builder.add(
            replace(item, function=function, args=(self._stack(place), place.iteration), kwargs={})
        )

    def _stack(self, place: Located | Rows) -> Step:
        """Return the values that a loop keeps of every iteration."""
        kept = self._kept[place.pattern]
        key = (id(place.pattern), place.offset)
        if key not in self._moved:
            assert kept.loop is not None
            like = place.pattern.step_at(0, place.offset)
            number = len(place.pattern.carried) + kept.stacked.index(place.offset)
            self._moved[key] = self._part(like, kept.loop, number, None, (place.pattern.run.count, *like.shape))
        return self._moved[key]

    def _part(
        self, like: Step, loop: Step, number: int, name: str | None, shape: tuple[int, ...] | None = None
    ) -> Step:
        shape = like.shape if shape is None else shape
        return self._builder.add(
            replace(like, function=loop_result, args=(loop, number), kwargs={}, shape=shape, name=name, value=None)
        )

    def _add(self, step: Step) -> Step:
        """Append a step that is in no loop."""
        if joins(step):
            return self._add_join(step)
        args, kwargs = mapped((step.args, step.kwargs), self._moved_item)
        return self._builder.add(replace(step, args=args, kwargs=kwargs))

    def _moved_item(self, item: Any) -> Any:
        return self._value(item) if type(item) is Step else item

    # --- lists of values ----------------------------------------------------------------------------------------------

    def _pieces(self, items: Sequence[Any]) -> Iterator[Any]:
        """Yield the entries of a list, those of one loop that move evenly as one `Piece`."""
        held: list[Any] = []
        for item in items:
            place = self._places.of(item) if type(item) is Step else None
            if place is not None and place.pattern.exit is not None:
                place = None
            if held and not (place is not None and goes_on_evenly(held, place)):
                yield from piece_of(held)
                held = []
            if place is None:
                yield item
            else:
                held.append((place, item))
        yield from piece_of(held)

    def _add_join(self, step: Step) -> Step:
        """Append np.stack or np.concatenate, with the values of a loop as one array."""
        builder = self._builder
        axis = step.args[1] if len(step.args) > 1 else step.kwargs.get("axis", 0)
        parts: list[Any] = []
        pieces = list(self._pieces(step.args[0]))
        if not any([type(piece) is Piece for piece in pieces]):
            args, kwargs = mapped((step.args, step.kwargs), self._moved_item)
            return builder.add(replace(step, args=args, kwargs=kwargs))
        axis = axis % len(step.shape)
        for piece in pieces:
            if type(piece) is Piece:
                stack = self._stack(Rows(piece.pattern, piece.offset, piece.at))
                found = stack
                if piece.at != Affine(0, 1) or piece.count != stack.shape[0]:
                    found = builder.call(step, operator.getitem, stack, places_of(piece.at, piece.count))
                parts.append(in_one(builder, step, found, axis, step.function is np.stack))
            else:
                found = self._moved_item(piece)
                if step.function is np.stack:
                    shape = found.shape
                    found = builder.call(step, np.reshape, found, (*shape[:axis], 1, *shape[axis:]))
                parts.append(found)
        if len(parts) == 1:
            return builder.call(step, np.copy, parts[0], name=step.name)
        return builder.add(
            replace(builder.call(step, np.concatenate, parts, axis=axis), name=step.name, dtype=step.dtype)
        )

    # --- loops --------------------------------------------------------------------------------------------------------

    def _add_loop(self, pattern: Pattern) -> None:
        """Append a loop."""
        kept = self._kept[pattern]
        body = Body(pattern, self._value, self._stack)
        graph = body.graph(kept)
        sizes = (len(pattern.carried), len(kept.stacked), len(kept.last), len(kept.exits))
        loop = Loop(rolled(graph), pattern.run.count, *sizes)
        like = pattern.step_at(0, 0)
        args = (*[self._moved_item(first) for first, _ in pattern.carried], *body.fixed)
        kept.loop = self._builder.add(
            replace(
                like, function=loop, args=args, kwargs={}, shape=(), dtype=np.dtype(object), name=None, value=None,
            )
        )  # fmt: skip


def _note(found: list[int], offset: int) -> None:
    if offset not in found:
        found.append(offset)

"""The graph with loops in the place of runs."""

from __future__ import annotations

import operator
from dataclasses import replace
from typing import Any

import numpy as np

from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.counting import Affine, kept_at
from tinygraph.compiler.program.loops import Loop, loop_result
from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.rolling.bodies import Body
from tinygraph.compiler.rolling.needed import Needed, needed_outside
from tinygraph.compiler.rolling.patterns import Located, Pattern, Places, Rows
from tinygraph.compiler.rolling.runs import runs_in
from tinygraph.compiler.rolling.searching import patterns_of
from tinygraph.compiler.rolling.series import Series, in_one, joins, places_of, series_in
from tinygraph.compiler.rolling.words import is_element, words_of
from tinygraph.engine.nested import mapped
from tinygraph.graph import Graph

__all__ = ["rolled"]


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
    left_out: set[int] = set()
    while True:
        places = patterns_of(runs, steps, words, left_out, is_open=is_open, ragged=ragged)
        if not places.patterns:
            return graph
        needed = needed_outside(graph, steps, places)
        spoilt = {
            pattern.run.start for pattern in places.patterns if not pattern.ragged.isdisjoint(needed[pattern].all)
        }
        if not spoilt:
            return _Rolling(graph, steps, places, needed).graph()
        left_out |= spoilt  # a value whose shape changes is needed outside: no array has all of them


class _Rolling:
    """A graph as it is made anew, with loops.

    Args:
        graph: the graph without loops.
        steps: its calls.
        places: the patterns of the loops, and the places of steps in them.
        needed: by the pattern of a loop its values that are needed outside.
    """

    def __init__(self, graph: Graph, steps: list[Step], places: Places, needed: dict[Pattern, Needed]) -> None:
        self._graph = graph
        self._steps = steps
        self._places = places
        self._needed = needed
        self._loops: dict[Pattern, Step] = {}
        self._builder = Builder()
        self._moved: dict[Any, Step] = {}

    def graph(self) -> Graph:
        """Return the graph."""
        for step in self._graph.nodes:
            assert isinstance(step, Step)
            if step.function is None:
                self._moved[step.index] = self._builder.add(step)
        for each in self._places.in_order(self._steps):
            if isinstance(each, Pattern):
                self._add_loop(each)
            else:
                self._moved[each.index] = self._add(each)
        outputs = tuple([self._value(output) for output in self._graph.outputs])
        return Graph(tuple(self._builder.steps), outputs)

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
        number = self._needed[place.pattern].number_of(place)
        if number is not None:
            return self._result(item, self._loops[place.pattern], number, item.name)
        function = operator.getitem if place.pattern.exit is None else kept_at
        return self._builder.add(
            replace(item, function=function, args=(self._stack(place), place.iteration), kwargs={})
        )

    def _stack(self, place: Located | Rows) -> Step:
        """Return the values that a loop keeps of every iteration."""
        pattern = place.pattern
        key = (id(pattern), place.offset)
        if key not in self._moved:
            like = pattern.step_at(0, place.offset)
            number = self._needed[pattern].number_of_stack(place.offset)
            self._moved[key] = self._result(like, self._loops[pattern], number, None, (pattern.run.count, *like.shape))
        return self._moved[key]

    def _result(
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

    def _add_join(self, step: Step) -> Step:
        """Append np.stack or np.concatenate, with the values of a loop as one array."""
        builder, items = self._builder, list(series_in(step.args[0], self._places))
        if not any([type(item) is Series for item in items]):
            args, kwargs = mapped((step.args, step.kwargs), self._moved_item)
            return builder.add(replace(step, args=args, kwargs=kwargs))
        axis = step.args[1] if len(step.args) > 1 else step.kwargs.get("axis", 0)
        axis %= len(step.shape)
        parts = [self._joined_part(step, item, axis) for item in items]
        if len(parts) == 1:
            is_result = any([output is step for output in self._graph.outputs])
            # A result lies in the order that np.stack gives it.
            return builder.call(step, np.copy, parts[0], name=step.name) if is_result else parts[0]
        return builder.add(
            replace(builder.call(step, np.concatenate, parts, axis=axis), name=step.name, dtype=step.dtype)
        )

    def _joined_part(self, step: Step, item: Any, axis: int) -> Any:
        """Return a series, or an array by itself, as the part of the result that it is along an axis."""
        builder, is_stack = self._builder, step.function is np.stack
        if type(item) is Series:
            stack = self._stack(Rows(item.pattern, item.offset, item.at))
            is_whole = item.at == Affine(0, 1) and item.count == stack.shape[0]
            rows = slice(None) if is_whole else places_of(item.at, item.count)
            if item.part or not is_whole:
                stack = builder.call(step, operator.getitem, stack, (rows, *item.part) if item.part else rows)
            return in_one(builder, step, stack, axis, is_stack)
        found = self._moved_item(item)
        if not is_stack:
            return found
        return builder.call(step, np.reshape, found, (*found.shape[:axis], 1, *found.shape[axis:]))

    # --- loops --------------------------------------------------------------------------------------------------------

    def _add_loop(self, pattern: Pattern) -> None:
        """Append a loop."""
        needed = self._needed[pattern]
        body = Body(pattern, self._value, self._stack)
        loop = Loop(rolled(body.graph(needed.all)), pattern.run.count, *needed.sizes)
        args = (*[self._moved_item(first) for first, _ in pattern.carried], *body.fixed)
        self._loops[pattern] = self._builder.add(
            replace(
                pattern.step_at(0, 0), function=loop, args=args, kwargs={}, shape=(), dtype=np.dtype(object), name=None,
                value=None,
            )
        )  # fmt: skip

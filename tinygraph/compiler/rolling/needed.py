"""Needed: the values of loops that are read outside of them. A loop returns these, and no others.

h = h0
for t in range(9):
    h = np.tanh(x[t] + h)       carried: the loop returns the last one in any case
    y[t] = h * h                stacked, if all are read; last, if the one of the last iteration alone is
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.rolling.patterns import Located, Pattern, Places, Rows, Same, values_in
from tinygraph.compiler.rolling.series import Series, joins, series_in
from tinygraph.compiler.rolling.words import is_element
from tinygraph.graph import Graph

__all__ = ["Needed", "needed_outside"]


@dataclass(eq=False)
class Needed:
    """The values of a loop that are needed outside, by their places in an iteration.

    The results of the loop are its carried values, and then these, in the order of the attributes.

    Attributes:
        pattern: of the loop.
        stacked: those of which all iterations are needed.
        last: those of which the last one is.
        exits: those that are needed of the pass in which an open loop ends.
    """

    pattern: Pattern
    stacked: list[int] = field(default_factory=list)
    last: list[int] = field(default_factory=list)
    exits: list[int] = field(default_factory=list)

    @property
    def all(self) -> list[int]:
        """The places of all results but the carried ones, in order."""
        return [*self.stacked, *self.last, *self.exits]

    @property
    def sizes(self) -> tuple[int, int, int, int]:
        """The numbers of results of each kind: carried, stacked, last, exits."""
        return len(self.pattern.carried), len(self.stacked), len(self.last), len(self.exits)

    def list_for(self, place: Located) -> list[int] | None:
        """Return the list that a value belongs to; None if it is the last one of a carried value."""
        pattern, run = self.pattern, self.pattern.run
        if place.iteration == run.count:
            return self.exits
        if place.iteration == run.count - 1:
            if pattern.carries(place.offset) is not None:
                return None
            if pattern.passes(place.offset) == run.count:
                return self.last
        return self.stacked

    def number_of(self, place: Located) -> int | None:
        """Return the number of the result that a value is; None for one of those that are stacked."""
        found = self.list_for(place)
        if found is None:
            return self.pattern.carries(place.offset)
        if found is self.stacked:
            return None
        carried, stacked, last, _ = self.sizes
        return carried + stacked + (0 if found is self.last else last) + found.index(place.offset)

    def number_of_stack(self, offset: int) -> int:
        """Return the number of the result that has the values of a step in all iterations."""
        return len(self.pattern.carried) + self.stacked.index(offset)


def needed_outside(graph: Graph, steps: Sequence[Step], places: Places) -> dict[Pattern, Needed]:
    """Return by the pattern of each loop the values that are needed outside of it.

    Args:
        graph: the graph without loops.
        steps: its calls.
        places: the patterns, and the places of steps in them.
    """
    found = {pattern: Needed(pattern) for pattern in places.patterns}
    for item in _read(graph, steps, places):
        if type(item) is Series or type(item) is Rows:
            _note(found[item.pattern].stacked, item.offset)
            continue
        value = item.step if type(item) is Same else item
        while is_element(value):
            value = value.args[0]
        place = places.of(value) if type(value) is Step else None
        if place is not None:
            kept = found[place.pattern].list_for(place)
            if kept is not None:
                _note(kept, place.offset)
    return found


def _read(graph: Graph, steps: Sequence[Step], places: Places) -> Iterator[Any]:
    """Yield what the steps behind and between loops read, what the loops read of one another, and the outputs."""
    for each in places.in_order(steps):
        if isinstance(each, Pattern):
            yield from values_in([each.args, each.kwargs])
            yield from [first for first, _ in each.carried]
            continue
        for item in (*each.args, *each.kwargs.values()):
            yield from series_in(item, places) if joins(each) and item is each.args[0] else values_in(item)
    yield from graph.outputs


def _note(found: list[int], offset: int) -> None:
    if offset not in found:
        found.append(offset)

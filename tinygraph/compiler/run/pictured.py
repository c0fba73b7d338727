"""A written program as a picture shows it: its loops are scopes, and their arguments and results are values.

begin 20                        loop × 20   for t in range(20):
h = tanh(add(row(x), h_before))     h_before → tanh(x[i] + h_before) → h → all_h, and last_h
put_row(all_h, h)
end (h_before, h)
"""

from __future__ import annotations

import operator
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

from tinygraph.compiler.memory.layouts import what_is_shown
from tinygraph.compiler.program.counting import kept_at, kept_rows
from tinygraph.compiler.program.loop_marks import Begin, End, carried, is_marker, kept, put_row, row, stacked
from tinygraph.compiler.program.loops import goes_on
from tinygraph.compiler.program.predicates import is_write, looks_like_view
from tinygraph.compiler.program.program import Program
from tinygraph.compiler.program.spelling import Spelt, counter_at, of_size, spelt_count, with_numbers_spelt
from tinygraph.compiler.program.steps import Step
from tinygraph.drawing.grouping.repeats import BEFORE, CONDITIONS, EVERY, LAST, LoopName, is_of_loop, name_of_loop
from tinygraph.engine.nested import mapped
from tinygraph.graph import Graph, Node
from tinygraph.users_code.loop_lines import loop_line

__all__ = ["differentiated_in", "named_states", "pictured"]


def pictured(graph: Graph) -> Graph:
    """Return the graph of a written program as a picture shows it; a step has the index that it had.

    Args:
        graph: with the steps of its loops among the others; see `tinygraph.compiler.schedule.unnesting`.
    """
    loops = _loops_of(graph)
    return _Picture(graph, loops).drawn() if loops else graph


def named_states(graph: Graph) -> dict[int, str]:
    """Return the names of an array's states after writes, by their index: each is called as the array is."""
    called: dict[int, str | None] = {}
    found: dict[int, str] = {}
    for node in graph.nodes:
        called[node.index] = node.name
        if node.name is None and (node.function is carried or is_write(node)) and isinstance(node.args[0], Node):
            name = called[node.index] = called[node.args[0].index]
            if name is not None:
                found[node.index] = name
    return found


def differentiated_in(graph: Graph, program: Program) -> dict[int, int]:
    """Return the call that each call of the backward pass differentiates, in a graph that rewrites made of a program's.

    It is the last of the calls that come from the recorded one.

    Args:
        graph: of steps.
        program: before the rewrites.
    """
    made_of: dict[int, int] = {}
    for step in graph.nodes:
        if isinstance(step, Step) and step.section == "forward" and not is_of_loop(step):
            made_of[step.origin] = step.index
    found = {}
    for step in graph.nodes:
        at = made_of.get(program.differentiated.get(step.origin, -1)) if isinstance(step, Step) else None
        if at is not None and not step.is_input:
            found[step.index] = at
    return found


@dataclass(eq=False)
class _Repeated:
    """A loop of the program.

    Attributes:
        begin: its first step.
        first, last: the positions of its first and its last step.
        steps: those between, without markers.
        held: its carried values, each with its next value.
        stacks: the memory of each value that it keeps of every iteration, and the value in it.
        name: as a scope.
        section: of most of its calls.
        outside: how many of the user's scopes are around it.
    """

    begin: Step
    first: int
    steps: list[Step] = field(default_factory=list)
    last: int = -1
    held: list[tuple[Step, Step]] = field(default_factory=list)
    stacks: list[tuple[Step, Step]] = field(default_factory=list)
    name: LoopName | None = None
    section: str = "forward"
    outside: int = 0


def _loops_of(graph: Graph) -> dict[int, _Repeated]:
    """Return the loops of a program by the index of the step that each begins with."""
    found: dict[int, _Repeated] = {}
    around: list[_Repeated] = []
    for position, step in enumerate(graph.nodes):
        assert isinstance(step, Step)
        function: Any = step.function
        if type(function) is Begin:
            around.append(_Repeated(step, position))
            found[step.index] = around[-1]
        elif type(function) is End:
            loop = around.pop()
            loop.last = position
            loop.held = list(zip(step.args[1], step.args[2], strict=True))
        elif function is put_row:
            found[step.args[2].index].stacks.append((what_is_shown(step.args[0]), step.args[1]))
        elif not is_marker(step):
            for loop in around:
                loop.steps.append(step)
    for number, loop in enumerate(found.values(), 1):
        _describe(loop, number if len(found) > 1 else None)
    return found


def _describe(loop: _Repeated, number: int | None) -> None:
    """Find the name of a loop, its section, and the scopes around it."""
    begin: Any = loop.begin.function
    calls = [step for step in loop.steps if not looks_like_view(step)] or loop.steps
    loop.section = Counter([step.section for step in calls]).most_common(1)[0][0] if calls else loop.begin.section
    line = loop_line([step.source for step in loop.steps])
    words = "" if line is None else f"{line[0]}  {line[1]}"
    again = tuple([(old.index, new.index) for old, new in loop.held])
    carried = tuple([new.name or old.name or "" for old, new in loop.held])
    loop.name = name_of_loop(number, spelt_count(begin.count), words, again, carried)
    scopes = [step.scope for step in calls]
    while scopes and all([scope[: loop.outside + 1] == scopes[0][: loop.outside + 1] for scope in scopes]):
        if loop.outside == len(scopes[0]):
            break
        loop.outside += 1


class _Picture:
    """The graph of a picture, as it is made."""

    def __init__(self, graph: Graph, loops: dict[int, _Repeated]) -> None:
        self.graph = graph
        self.loops = loops
        self.around: list[_Repeated] = []
        self.moved: dict[int, Step] = {}
        self.nodes: list[Step] = []
        self.free = max(step.index for step in graph.nodes) + 1
        self.last_use = _last_uses(graph)
        self.states = named_states(graph)

    def drawn(self) -> Graph:
        """Return the graph."""
        sections = _sections(self.graph)
        for step in self.graph.nodes:
            assert isinstance(step, Step)
            function: Any = step.function
            if type(function) is Begin:
                self._begin(self.loops[step.index])
            elif type(function) is End:
                self._end(self.around[-1])
            elif function not in (carried, stacked, kept, put_row) and not self._looks_ahead(step):
                shown = with_numbers_spelt(_readable(step, self._counter), self._counter)
                args, kwargs = mapped((shown.args, shown.kwargs), self._seen)
                section = sections.get(step.index, step.section)
                self.moved[step.index] = self._add(
                    replace(shown, args=args, kwargs=kwargs, section=section, name=self._named(step))
                )
        return Graph(tuple(self.nodes), tuple([self.moved[output.index] for output in self.graph.outputs]))

    def _looks_ahead(self, step: Step) -> bool:
        """Return whether a step looks at what a loop will keep: its values are in the picture when the loop ends."""
        whole = step.args[0] if looks_like_view(step) else None
        return whole is not None and whole.function is stacked and whole.index not in self.moved

    @property
    def _counter(self) -> str:
        return counter_at(max(len(self.around) - 1, 0))

    def _seen(self, item: Any) -> Any:
        if type(item) is Step:
            return self.moved[item.index]
        return item

    def _named(self, step: Step, as_own: str = "{}", as_state: str = "") -> str | None:
        """Return the name of a value: made of its own, or else of that of the array that it is a state of."""
        if step.name is not None:
            return as_own.format(step.name)
        name = self.states.get(step.index)
        return None if name is None else (as_state or as_own).format(name)

    def _add(self, step: Step) -> Step:
        """Append a step, in the loops that it is in."""
        if self.around and step.function is not None:
            scope: tuple[str, ...] = ()
            begun = 0
            for loop in self.around:
                assert loop.name is not None
                own = (step.scope or self.around[-1].begin.scope)[begun : loop.outside]
                scope, begun = (*scope, *own, loop.name), max(begun, loop.outside)
            step = replace(step, scope=(*scope, *step.scope[begun:]), section=self.around[0].section)
        self.nodes.append(step)
        return step

    def _value(self, function: Any, like: Step, name: str | None, of: Step, index: int | None = None) -> Step:
        """Append a value that a loop takes or leaves."""
        if index is None:
            index, self.free = self.free, self.free + 1
        within = self.around[-1].steps[0].scope if self.around[-1].steps else ()
        step = replace(
            like, index=index, function=function, args=(of,), kwargs={}, name=name, value=None, given=False,
            scope=within[: self.around[-1].outside], source=None, argument_names=(),
        )  # fmt: skip
        return self._add(step)

    def _begin(self, loop: _Repeated) -> None:
        """Append a carried value, with the value from before the loop."""
        firsts = [self.moved.get(old.args[0].index, old.args[0]) for old, _ in loop.held]
        self.around.append(loop)
        for (old, _), first in zip(loop.held, firsts, strict=True):
            self.moved[old.index] = self._value(BEFORE, old, self._named(old, as_state="{}_before"), first, old.index)

    def _end(self, loop: _Repeated) -> None:
        """Append the results of a loop that are read behind it: values of the last iteration, and of every one."""
        leaving = [step for step in loop.steps if self.last_use[step.index] > loop.last]
        leaving += [new for old, new in loop.held if self.last_use[old.index] > loop.last]
        lasts = {
            step.index: self._value(LAST, step, self._named(step, "last_{}"), self.moved[step.index])
            for step in dict.fromkeys(leaving)
        }
        for stack, value in loop.stacks:
            name, shown = self._named(value, "all_{}"), of_size(stack, loop.begin.function.count)  # type: ignore[union-attr]
            self.moved[stack.index] = self._value(EVERY, shown, name, self.moved[value.index], stack.index)
        self.moved.update(lasts)
        for old, new in loop.held:
            if new.index in lasts:
                self.moved[old.index] = lasts[new.index]
        self.around.pop()


def _last_uses(graph: Graph) -> dict[int, int]:
    """Return the position of the last step that reads a value, by its index: for an output behind all."""
    found = dict.fromkeys([step.index for step in graph.nodes], -1)
    for position, step in enumerate(graph.nodes):
        for operand in step.operands:
            found[operand.index] = position
    found.update({output.index: len(graph.nodes) for output in graph.outputs})
    return found


def _sections(graph: Graph) -> dict[int, str]:
    """Return by its index the section of a view that is read in one other section alone: it stands there."""
    found: dict[int, str] = {}
    for step in reversed(graph.nodes):
        assert isinstance(step, Step)
        if looks_like_view(step):
            readers = {found.get(reader.index, getattr(reader, "section", "")) for reader in graph.consumers(step)}
            if len(readers) == 1:
                found[step.index] = readers.pop()
    return found


def _readable(step: Step, counter: str) -> Step:
    """Return a step in place of one that only loops have: an index, or a condition."""
    function: Any = step.function
    if function is row:
        return replace(step, function=operator.getitem, args=(step.args[0], Spelt(counter)))
    if function is kept_at:
        return replace(step, function=operator.getitem)
    if function is kept_rows:
        stack, start, by, count = step.args
        rows = slice(start or None, None, None if by == 1 else by)
        return of_size(replace(step, function=operator.getitem, args=(stack, rows)), count)
    if function is goes_on:
        return replace(step, function=CONDITIONS[step.args[1]], args=step.args[:1])
    return step

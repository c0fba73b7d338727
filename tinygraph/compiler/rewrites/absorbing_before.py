"""Absorbing the iteration before a loop: found from the first carried values to their operands."""

from __future__ import annotations

import operator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.counting import AtCount, at_count, item_at, later
from tinygraph.compiler.program.loops import Loop, loop_result
from tinygraph.compiler.program.rewriting import placed
from tinygraph.compiler.program.steps import Step, operands_of
from tinygraph.compiler.rewrites.calls_outside import (
    ALIKE,
    Outside,
    alive_steps,
    function_key,
    is_stack,
    is_there,
    key_of,
    may_be_made,
)
from tinygraph.compiler.rewrites.changing_loops import is_closed
from tinygraph.graph import Graph

__all__ = ["with_iteration_before"]


class _Differ(Exception):  # noqa: N818 - no error: the iteration stays where it is
    """The calls outside are not those of an iteration."""


@dataclass(eq=False)
class _Before:
    """The search for the iteration before the first: from the first carried values to their operands.

    Attributes:
        found: by the index of a step of the body what it is in that iteration.
        missing: the numbers of the carried values that nothing was added to.
    """

    loop: Loop
    outside: Outside
    fixed: dict[int, Any]
    carried: dict[int, int]
    found: dict[int, Any] = field(default_factory=dict)
    missing: set[int] = field(default_factory=set)

    def match(self, inner: Any, outer: Any) -> None:
        """Note that a value of the body is a value outside, and so are their operands.

        Raises:
            _Differ: they are not.
        """
        if type(inner) is not Step:
            self._match_items(inner, outer)
            return
        if inner.index in self.found or inner.index in self.fixed or inner.is_constant:
            known = self.found.get(inner.index, self.fixed.get(inner.index, inner))
            if key_of(known) != key_of(outer):
                raise _Differ
            return
        if type(outer) is not Step or (inner.shape, inner.dtype) != (outer.shape, outer.dtype):
            raise _Differ
        if inner.index in self.carried:
            if self.carried[inner.index] in self.missing:
                raise _Differ
            self.found[inner.index] = outer
            return
        before = dict(self.found), set(self.missing)
        try:
            self._match_calls(inner, outer)
            self.found[inner.index] = outer
        except _Differ:
            self.found, self.missing = before
            self._match_missing(inner, outer)

    def _match_items(self, inner: Any, outer: Any) -> None:
        if type(inner) in (tuple, list) and type(outer) is type(inner) and len(inner) == len(outer):
            for one, other in zip(inner, outer, strict=True):
                self.match(one, other)
        elif key_of(at_count(inner, -1)) != key_of(outer):
            raise _Differ

    def _match_calls(self, inner: Step, outer: Step) -> None:
        if inner.function == item_at:
            base = self.fixed.get(inner.args[0].index)
            if base is None or not is_there(inner.args[1], -1, base.shape):
                raise _Differ
            if self.outside.element(base, at_count(inner.args[1], -1)) is not outer:
                raise _Differ
            return
        function: Any = inner.function
        if type(function) is AtCount:
            function = function.function
        if outer.function is None or function_key(function) != function_key(outer.function):
            raise _Differ
        if len(inner.args) != len(outer.args) or inner.kwargs.keys() != outer.kwargs.keys():
            raise _Differ
        for one, other in zip(inner.args, outer.args, strict=True):
            self.match(one, other)
        for key, item in inner.kwargs.items():
            self.match(item, outer.kwargs[key])

    def _match_missing(self, inner: Step, outer: Step) -> None:
        """Match the other term of a sum with the carried value, to which nothing was added before the loop."""
        if inner.function is not np.add or inner.kwargs or inner.dtype.kind != "f":
            raise _Differ
        for one, other in (inner.args, inner.args[::-1]):
            if type(one) is Step and one.index in self.carried and one.index not in self.found:
                self.missing.add(self.carried[one.index])
                self.match(other, outer)
                self.found[inner.index] = outer
                return
        raise _Differ


def with_iteration_before(outside: Outside, step: Step) -> Graph | None:
    """Return the graph with the iteration before a loop absorbed."""
    graph = outside.graph
    loop: Any = step.function
    inputs = loop.inputs
    args = step.args
    if not is_closed(loop) or not loop.carried or any([type(item) is not Step for item in args]):
        return None
    calls = [inner for inner in loop.body.nodes if inner.function is not None]
    if not all([may_be_made(inner, -1) for inner in calls]):
        return None
    carried = {inner.index: number for number, inner in enumerate(inputs[: loop.carried])}
    fixed = dict(zip([inner.index for inner in inputs[loop.carried :]], args[loop.carried :], strict=True))
    search = _Before(loop, outside, fixed, carried)
    try:
        for following, first in zip(loop.nexts, args, strict=False):
            search.match(following, first)
    except _Differ:
        return None
    if not all([index in search.found or number in search.missing for index, number in carried.items()]):
        return None
    matched = {search.found[inner.index].index for inner in calls if inner.index in search.found}
    gone = _gone(graph, {index for index in matched if graph.nodes[index].function is not None}, step)
    if len(gone) < ALIKE * len(calls):
        return None
    return _with_first_iteration(graph, step, search)


def _gone(graph: Graph, matched: set[int], loop: Step) -> set[int]:
    """Return the calls of some that nobody reads but they themselves, and a loop."""
    readers: dict[int, list[int]] = {}
    for step in graph.nodes:
        for operand in operands_of(step):
            readers.setdefault(operand.index, []).append(step.index)
    outputs = {output.index for output in graph.outputs}
    gone: set[int] = set()
    for index in sorted(matched, reverse=True):
        inside = all([reader in gone or reader == loop.index for reader in readers.get(index, ())])
        if index not in outputs and inside:
            gone.add(index)
    return gone


def _with_first_iteration(graph: Graph, step: Step, search: _Before) -> Graph:
    loop: Any = step.function
    builder = Builder()
    moved: dict[int, Step] = {}
    for old in graph.nodes:
        assert isinstance(old, Step)
        if old is step:
            firsts = []
            for number, inner in enumerate(loop.inputs[: loop.carried]):
                if number in search.missing:
                    zero: Step = builder.constant(old, np.array(-0.0, dtype=inner.dtype))
                    firsts.append(builder.call(old, np.broadcast_to, zero, inner.shape) if inner.shape else zero)
                else:
                    firsts.append(moved[search.found[inner.index].index])
            new = replace(loop, body=_shifted(loop.body, -1), count=loop.count + 1)
            rest = [moved[item.index] for item in step.args[loop.carried :]]
            moved[old.index] = builder.add(replace(old, function=new, args=(*firsts, *rest)))
        elif old.function is loop_result and old.args[0] is step and is_stack(loop, old.args[1]):
            kept = builder.add(replace(
                old, args=(moved[step.index], old.args[1]), shape=(loop.count + 1, *old.shape[1:]), name=None
            ))  # fmt: skip
            moved[old.index] = builder.call(old, operator.getitem, kept, slice(1, None), name=old.name)
        else:
            moved[old.index] = builder.add(placed(old, len(builder.steps), moved))
    return alive_steps(builder, [moved[output.index] for output in graph.outputs])


def _shifted(body: Graph, count: int) -> Graph:
    """Return a body whose first iteration is another one of it."""
    moved: dict[int, Step] = {}
    for step in body.nodes:
        assert isinstance(step, Step)
        if step.function is not None:
            step = placed(step, step.index, moved)
            if type(step.function) is AtCount:
                step = replace(step, args=later(step.args, count))
        moved[step.index] = step
    return Graph(tuple(moved.values()), tuple([moved[output.index] for output in body.outputs]))

"""Joining stacks: a loop keeps what a loop within it keeps, as one array.

The values of a loop within another one are all that its backward loop reads, each at its place. Kept one by one they
are as many arrays as there are iterations, and the backward loop cannot be one.
"""

from __future__ import annotations

import operator
from dataclasses import replace
from typing import Any

from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.counting import Affine
from tinygraph.compiler.program.loops import Loop, loop_result
from tinygraph.compiler.program.rewriting import rewritten
from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.rewrites.changing_loops import Changed, OldLoop, is_closed, loops_changed, old_loop
from tinygraph.compiler.rewrites.sharing import share_common
from tinygraph.compiler.rolling import rolled
from tinygraph.graph import Graph

__all__ = ["join_stacks"]


def join_stacks(graph: Graph) -> Graph:
    """a, b, c = stacks of h[0], h[1], h[2], where h is a stack itself; a[i], b[i], c[i]  ->  h = a stack of stacks;
    h[i][0], h[i][1], h[i][2]. The loop that reads them may now have a loop within it.
    """
    joined = loops_changed(graph, _joined)
    return graph if joined is graph else rolled(share_common(_elements_at_once(joined)))


def _elements_at_once(graph: Graph) -> Graph:
    """h[:, 2][0]  ->  h[0, 2], an element of the stack itself."""

    def change(builder: Builder, step: Step) -> Step | None:
        if step.function is not operator.getitem or type(step.args[1]) is not int:
            return None
        column = step.args[0]
        if column.function is not operator.getitem or not _is_column(column.args[1]):
            return None
        return builder.call(step, operator.getitem, column.args[0], (step.args[1], column.args[1][1]))

    return rewritten(graph, change)


def _is_column(index: Any) -> bool:
    return type(index) is tuple and len(index) == 2 and index[0] == slice(None) and type(index[1]) is int


def _joined(builder: Builder, step: Step, read: set[int]) -> Changed | None:
    old = old_loop(builder, step)
    all_places = {step.index: place for step in old.loop.stacks if (place := _place_in_stack(step, old.body))}
    bases = [base for base, _ in all_places.values()]
    places = {index: pair for index, pair in all_places.items() if bases.count(pair[0]) > 1}
    _find_elements(old)
    if not places and not old.elements:
        return None
    joined = list(dict.fromkeys([base for base, _ in places.values()]))
    stacks = [step for step in old.loop.stacks if step.index not in places and step not in joined] + joined
    loop = old.new_loop(builder, range(old.loop.carried), stacks, old.loop.lasts)
    if old.elements:
        loop = _rolled_within(builder, loop)
    wholes: dict[int, Step] = {}
    found: dict[int, Step] = {}
    first, behind = old.loop.carried, old.loop.carried + old.loop.stacked
    for number in read:
        output: Any = old.loop.body.outputs[number]
        if first <= number < behind and output.index in places:
            base, at = places[output.index]
            if base.index not in wholes:
                wholes[base.index] = old.result(builder, loop, first + stacks.index(base))
            found[number] = builder.call(step, operator.getitem, wholes[base.index], (slice(None), at))
        elif first <= number < behind:
            found[number] = old.result(builder, loop, first + stacks.index(output))
        else:
            found[number] = old.result(
                builder, loop, number if number < first else number - behind + first + len(stacks)
            )
    return loop, found


def _place_in_stack(step: Step, body: Any) -> tuple[Step, int] | None:
    """Return the stack of a loop within the body, and the place of a value of the body in it."""
    if step.function is operator.getitem and type(step.args[1]) is int and step.args[0].function is loop_result:
        return (step.args[0], step.args[1]) if type(step.args[0].args[0].function) is Loop else None
    if step.function is not loop_result or not is_closed(step.args[0].function):
        return None
    loop: Any = step.args[0].function
    for other in body:
        if other.function is loop_result and other.args[0] is step.args[0] and other.args[1] != step.args[1]:
            is_stack = loop.carried <= other.args[1] < loop.carried + loop.stacked
            if is_stack and loop.body.outputs[other.args[1]] is loop.body.outputs[step.args[1]]:
                return other, loop.count - 1
    return None


def _find_elements(old: OldLoop) -> None:
    """Note the rows of a stack that are elements of a stack of stacks."""
    for inner in old.body:
        if not old.is_row(inner) or type(inner.args[1]) is not Affine:
            continue
        whole = old.fixed.get(inner.args[0].index)
        if whole is None or whole.function is not operator.getitem or whole.args[0].function is not loop_result:
            continue
        if _is_column(whole.args[1]):
            old.elements[inner.index] = (whole.args[0], inner.args[1], whole.args[1][1])


def _rolled_within(builder: Builder, step: Step) -> Step:
    """Return a loop in whose body repeated steps are loops."""
    loop: Any = step.function
    body = rolled(share_common(loop.body))
    return step if body is loop.body else builder.add(replace(step, function=replace(loop, body=body)))

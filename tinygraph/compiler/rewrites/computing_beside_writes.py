"""Computing beside writes: what is written at a place that counts is computed when it is written, and there.

d = np.multiply(g, x[:i]); ...; y[i, :i] = d  ->  ...; np.multiply(g, x[:i], out=y[i, :i])
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.counting import AtCount, at_first
from tinygraph.compiler.program.predicates import is_write, looks_like_view, may_look_at, written_by
from tinygraph.compiler.program.rewriting import placed, steps_in, uses_of
from tinygraph.compiler.program.steps import Step, operands_of
from tinygraph.graph import Graph

__all__ = ["compute_beside_writes"]


def compute_beside_writes(graph: Graph) -> Graph:
    """d = g * x; h = np.tanh(z); y = part_written(y, d, (i, :i))  ->  h = ...; d = g * x; y = part_written(...)"""
    steps = steps_in(graph)
    writes = [step for step in steps if is_write(step) and type(step.function) is AtCount and len(step.args) == 3]
    if not writes:
        return graph
    uses = uses_of(graph)
    moved_to = {
        step.args[1].index: step.index for step in writes
        if type(step.args[1]) is Step and uses[step.args[1].index] == 1 and _may_wait(step.args[1], step, steps)
    }  # fmt: skip
    if not moved_to:
        return graph
    waiting = {write: value for value, write in moved_to.items()}
    builder = Builder()
    moved: dict[int, Step] = {}
    for step in steps:
        if step.index in moved_to:
            continue
        for each in ([steps[waiting[step.index]]] if step.index in waiting else []) + [step]:
            moved[each.index] = placed(each, len(builder.steps), moved)
            builder.steps.append(moved[each.index])
    return Graph(tuple(builder.steps), tuple([moved[output.index] for output in graph.outputs]))


def _may_wait(value: Step, write: Step, steps: Any) -> bool:
    """Return whether a value may be computed just before its write: nothing that it reads is written over before."""
    function = at_first(value).function
    plain = isinstance(function, np.ufunc) and function.signature is None and not value.kwargs and value.shape
    between = steps[value.index + 1 : write.index]
    if not plain or not between or any([step.has_effect for step in between]):
        return False
    written = {x.index for step in between for x in written_by(step) if type(x) is Step}
    return not any([index in written for item in operands_of(value) for index in _seen(item)])


def _seen(step: Step) -> list[int]:
    """Return the indices of a value and of the arrays that it may be a view of."""
    found = [step.index]
    while looks_like_view(step) or may_look_at(step):
        step = step.args[0]
        found.append(step.index)
    return found

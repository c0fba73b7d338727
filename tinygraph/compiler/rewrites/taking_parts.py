"""Taking parts: one of the arrays that were joined is the array itself.

So a loop that keeps all its values in a list, of which only the last one is read, is the loop that keeps none.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.rewriting import rewritten
from tinygraph.compiler.program.steps import Step
from tinygraph.derivatives.indexing import scatter
from tinygraph.graph import Graph

__all__ = ["take_joined"]


def take_joined(graph: Graph) -> Graph:
    """np.stack([a, b])[1]  ->  b; scatter(g, 1, shape)[1]  ->  g; in gradients x + scatter(g, 1, shape)[0]  ->  x."""

    def change(builder: Builder, step: Step) -> Step | None:
        if step.function is operator.getitem:
            found = _taken(step)
        elif step.function is np.add and not step.kwargs and step.section == "backward":
            found = next((step.args[1 - at] for at, item in enumerate(step.args) if _is_left_out(item)), None)
        else:
            return None
        fits = type(found) is Step and found.shape == step.shape and found.dtype == step.dtype
        return found if fits else None

    return rewritten(graph, change)


def _number(index: Any, size: int) -> int | None:
    """Return the place that an index takes along the first axis; None for any other index."""
    item = index[0] if type(index) is tuple and len(index) == 1 else index
    return item % size if type(item) is int else None


def _taken(step: Step) -> Any:
    """Return the array that an index takes from joined arrays, or from zeros around it."""
    whole = step.args[0]
    place = _number(step.args[1], whole.shape[0]) if type(whole) is Step and whole.shape else None
    if place is None:
        return None
    if whole.function is np.stack and _is_along_the_first(whole):
        return whole.args[0][place]
    if whole.function is scatter and _number(whole.args[1], whole.shape[0]) == place:
        return whole.args[0]
    return None


def _is_along_the_first(stack: Step) -> bool:
    axis = [*stack.args[1:], *stack.kwargs.values()]
    return {*stack.kwargs} <= {"axis"} and axis in ([], [0]) and type(stack.args[0]) in (list, tuple)


def _is_left_out(item: Any) -> bool:
    """Return whether a value is a part of the zeros around a gradient."""
    if type(item) is not Step or item.function is not operator.getitem or type(item.args[0]) is not Step:
        return False
    whole = item.args[0]
    if whole.function is not scatter:
        return False
    taken, written = (_number(index, whole.shape[0]) for index in (item.args[1], whole.args[1]))
    return taken is not None and written is not None and taken != written

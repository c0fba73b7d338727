"""Layouts: how the arrays of a program lie in memory, and which values only look at another's.

`x.T` and `x[1:3]` are views; `x.reshape(6)` is one where `x` lies in one piece, and a copy where it does not. NumPy is
asked: each layout is an empty array of the right shape and strides, which nobody writes to or reads.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.compiler.kernels.parts import part_written
from tinygraph.compiler.program.facts import RESHAPING
from tinygraph.compiler.program.predicates import looks_like_view
from tinygraph.compiler.program.reshaping import has_shape
from tinygraph.compiler.program.steps import Step
from tinygraph.engine.ownership import share_memory
from tinygraph.graph import Graph

__all__ = ["is_view", "layouts_of", "what_is_shown"]


def what_is_shown(step: Any) -> Any:
    """Return the value that a view shows, in the end."""
    while looks_like_view(step):
        step = step.args[0]
    return step


def is_view(step: Step, layouts: dict[int, Any]) -> bool:
    """Return whether a step only looks at its operand's memory in another way."""
    if not looks_like_view(step) or not step.args[0].shape:
        return False
    layout = layouts.get(step.index)
    return layout is not None and share_memory(layout, layouts[step.args[0].index])


def layouts_of(graph: Graph, parts: dict[int, tuple[Step, Any]]) -> dict[int, Any]:
    """Return for each array an array of its layout. Their memory is never touched: the system never provides it.

    Args:
        graph: of steps.
        parts: by its index each step that is computed into a part of an assembled array; see `parts_of`.
    """
    found: dict[int, Any] = {}
    for step in graph.nodes:
        assert isinstance(step, Step)
        if not step.shape or step.index in found:
            continue
        if step.index in parts:
            _layout_of_part(step, parts, found)
            continue
        if step.function is part_written and _stays(step.args[0], found):
            found[step.index] = found[step.args[0].index]
            continue
        view = _view_of_layout(step, found)
        if view is not None:
            found[step.index] = view
        else:
            found[step.index] = step.value if step.value is not None else np.empty(step.shape, step.dtype)
    return found


def _stays(x: Any, found: dict[int, Any]) -> bool:
    """Return whether an array that is written into lies in one piece, so that it may stay where it is."""
    return type(x) is Step and x.index in found and found[x.index].flags.c_contiguous


def _layout_of_part(step: Step, parts: dict[int, tuple[Step, Any]], found: dict[int, Any]) -> Any:
    """Return the layout of an assembled array, or of a part of one."""
    if step.index not in found:
        if step.index in parts:
            whole, index = parts[step.index]
            found[step.index] = _layout_of_part(whole, parts, found)[index]
        else:
            found[step.index] = np.empty(step.shape, step.dtype)
    return found[step.index]


def _view_of_layout(step: Step, found: dict[int, Any]) -> Any:
    """Return the layout of what NumPy makes a view, or None."""
    if not looks_like_view(step) or not step.args[0].shape or 0 in step.shape:
        return None
    operand = found[step.args[0].index]
    if not _cheap(step, operand):
        return None
    view = step.function(operand, *step.args[1:], **step.kwargs)  # type: ignore[misc]
    return view if share_memory(view, operand) else None


def _cheap(step: Step, operand: Any) -> bool:
    """Return whether trying out a view copies nothing much: a reshape of what is not contiguous might."""
    if step.function not in RESHAPING or operand.flags.c_contiguous or operand.size < 100_000:
        return True
    return has_shape(operand, step.shape)

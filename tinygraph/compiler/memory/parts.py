"""Parts: values computed straight into their places in an array that is assembled of several.

The gradients of `x[:, :4]` and `x[:, 4:]` stand side by side in the gradient of `x`. Where each can be computed into
its place, the whole is never copied together: it has one storage, and the parts are views of it.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from tinygraph.compiler.kernels.assembly import assembled
from tinygraph.compiler.kernels.products import turned_product
from tinygraph.compiler.memory.layouts import what_is_shown
from tinygraph.compiler.program.counting import Affine
from tinygraph.compiler.program.loop_marks import carried, put_row, with_loops
from tinygraph.compiler.program.predicates import is_elementwise, looks_like_view, takes_out
from tinygraph.compiler.program.steps import Step, operands_of
from tinygraph.compiler.schedule.unnesting import may_be_row
from tinygraph.graph import Graph

__all__ = ["parts_of", "takes_out"]


def parts_of(graph: Graph) -> dict[int, tuple[Step, Any]]:
    """Return by its index each step that can be computed into a part of an assembled array: the array, and the index.

    Where the part is not contiguous, only a step that writes as quickly there and that nothing else reads. A single
    number has no memory that a call could write into.
    """
    outputs = {what_is_shown(output).index for output in graph.outputs}
    wholes = [step for step in graph.nodes if step.function is assembled and step.index not in outputs]
    loops = _loops_of(graph)
    found = _rows_of(graph, loops)
    uses = Counter(part.index for whole in wholes for part in whole.args[0])
    read = Counter(operand.index for step in graph.nodes for operand in operands_of(step))
    for whole in wholes:
        assert isinstance(whole, Step)
        layout = np.empty(whole.shape, np.bool_)
        for part, place in zip(whole.args[0], whole.args[1], strict=True):
            if (
                part.index in outputs
                or part.index in found
                or uses[part.index] != 1
                or loops[part.index] is not loops[whole.index]
                or not _may_be_written_into(part, whole)
            ):
                continue
            there = layout[place]
            quickly = there.flags.c_contiguous or (_writes_anywhere(part) and read[part.index] == 1)
            if part.shape == there.shape and quickly:
                found[part.index] = (whole, place)
    return found


def _loops_of(graph: Graph) -> dict[int, Any]:
    """Return by the index of a step the innermost loop that it is in; None for one that is in none."""
    return {step.index: around[-1].function if around else None for step, around in with_loops(graph.nodes)}


def _rows_of(graph: Graph, loops: dict[int, Any]) -> dict[int, tuple[Step, Any]]:
    """Return by its index each step of a loop that can be computed into its row of the loop's kept values, as above."""
    found: dict[int, tuple[Step, Any]] = {}
    for step in graph.nodes:
        if step.function is put_row:
            stack, value, begin = step.args
            own = may_be_row(value) and value.function is not carried and loops[value.index] is begin.function
            if own and value.index not in found:
                found[value.index] = (stack, Affine(0, 1))
    return found


def _may_be_written_into(part: Step, whole: Step) -> bool:
    """Return whether the call that computes a part takes memory that is given, and fills it as the whole is."""
    takes = part.function is not None and bool(part.shape) and takes_out(part)
    return takes and part.function is not carried and not looks_like_view(part) and part.dtype == whole.dtype


def _writes_anywhere(step: Step) -> bool:
    """Return whether a call writes as quickly into an array of any strides."""
    return is_elementwise(step) or step.function is turned_product

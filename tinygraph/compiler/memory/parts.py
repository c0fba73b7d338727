"""Parts: what is computed straight into its place in an array that is assembled of several.

The gradients of `x[:, :4]` and `x[:, 4:]` stand side by side in the gradient of `x`. Where each can be computed into
its place, the whole is never copied together: it has one storage, and the parts are views of it.
"""

from __future__ import annotations

import operator
from collections import Counter
from typing import Any

import numpy as np

from tinygraph.compiler.kernels.assembly import assembled, turned_product
from tinygraph.compiler.kernels.image_calls import IMAGE_FUNCTIONS
from tinygraph.compiler.memory.layouts import looks_like_view, what_is_shown
from tinygraph.compiler.program.steps import REDUCTIONS, Step, is_elementwise, operands_of
from tinygraph.derivatives.indexing import scatter
from tinygraph.derivatives.products import einsum_of
from tinygraph.derivatives.shapes import astype
from tinygraph.graph import Graph

__all__ = ["parts_of", "takes_out"]

# Functions that take out=, besides the ufuncs and the reductions.
WITH_OUT = frozenset(
    (np.dot, np.cumsum, np.cumprod, np.take, np.concatenate, np.stack, np.outer, einsum_of, np.where, np.copy, astype,
     scatter, assembled, turned_product, np.broadcast_to, np.reshape, np.ravel, operator.getitem)
)  # fmt: skip


def takes_out(step: Step) -> bool:
    """Return whether the result can be written into memory that is given."""
    function = step.function
    if isinstance(function, np.ufunc):
        return function.nout == 1
    if function is operator.getitem:
        return True
    return function in REDUCTIONS or function in WITH_OUT or step.draws or function in IMAGE_FUNCTIONS


def parts_of(graph: Graph) -> dict[int, tuple[Step, Any]]:
    """By its index each step that can be computed straight into its place in an assembled array: the array, the place.

    Where the place is not contiguous, what nothing else reads, if it is written as quickly there. A single number has
    no memory that a call could write into.
    """
    outputs = {what_is_shown(output).index for output in graph.outputs}
    wholes = [step for step in graph.nodes if step.function is assembled and step.index not in outputs]
    uses = Counter(part.index for whole in wholes for part in whole.args[0])
    read = Counter(operand.index for step in graph.nodes for operand in operands_of(step))
    found: dict[int, tuple[Step, Any]] = {}
    for whole in wholes:
        assert isinstance(whole, Step)
        layout = np.empty(whole.shape, np.bool_)
        for part, place in zip(whole.args[0], whole.args[1], strict=True):
            if part.index in outputs or uses[part.index] != 1 or not _may_be_written_into(part, whole):
                continue
            there = layout[place]
            quickly = there.flags.c_contiguous or (_writes_anywhere(part) and read[part.index] == 1)
            if part.shape == there.shape and quickly:
                found[part.index] = (whole, place)
    return found


def _may_be_written_into(part: Step, whole: Step) -> bool:
    """Return whether the call that computes a part takes memory that is given, and fills it as the whole is."""
    takes = part.function is not None and bool(part.shape) and takes_out(part)
    return takes and not looks_like_view(part) and part.dtype == whole.dtype


def _writes_anywhere(step: Step) -> bool:
    """Return whether a call writes as quickly into an array of any strides."""
    return is_elementwise(step) or step.function is turned_product

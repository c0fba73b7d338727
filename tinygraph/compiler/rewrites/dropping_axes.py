"""Dropping axes: reductions without the axes that they keep and nobody wants, and without those of size 1."""

from __future__ import annotations

import numpy as np

from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.predicates import is_plain_reduction
from tinygraph.compiler.program.reshaping import is_reshape
from tinygraph.compiler.program.rewriting import rewritten
from tinygraph.compiler.program.steps import Step
from tinygraph.derivatives.reductions import reduced_axes
from tinygraph.graph import Graph

__all__ = ["drop_kept_axes", "drop_sums_of_one"]


def drop_kept_axes(graph: Graph) -> Graph:
    """np.sum(x, axis=0, keepdims=True).reshape(5) -> np.sum(x, axis=0), where the axes go that were summed;
    np.sum(x.reshape(8, 1)) -> np.sum(x), where everything is summed.
    """

    def change(builder: Builder, step: Step) -> Step | None:
        if not step.args or type(step.args[0]) is not Step:
            return None
        inner = step.args[0]
        if inner.function and is_reshape(step) and is_plain_reduction(inner) and inner.kwargs.get("keepdims"):
            x, axis = inner.args[0], inner.kwargs.get("axis")
            axes = reduced_axes(axis, len(x.shape))
            if step.shape == tuple([size for place, size in enumerate(x.shape) if place not in axes]):
                return builder.call(step, inner.function, x, axis=axis, keepdims=False, name=step.name)
        if step.function and is_plain_reduction(step) and is_reshape(inner) and not step.shape and inner.args[0].shape:
            whole = tuple(range(len(inner.args[0].shape)))
            return builder.call(step, step.function, inner.args[0], axis=whole, keepdims=False, name=step.name)
        return None

    return rewritten(graph, change)


def drop_sums_of_one(graph: Graph) -> Graph:
    """np.sum(x, axis=0) -> x.reshape(5), where x has shape (1, 5): there is nothing to add."""

    def change(builder: Builder, step: Step) -> Step | None:
        if step.function not in (np.sum, np.prod, np.max, np.min) or type(step.args[0]) is not Step:
            return None
        if set(step.kwargs) - {"axis", "keepdims"} or len(step.args) != 1:
            return None
        x = step.args[0]
        if not x.shape or x.size != step.size or x.dtype != step.dtype or x.size == 0:
            return None
        return builder.call(step, np.reshape, x, step.shape, name=step.name) if x.shape != step.shape else x

    return rewritten(graph, change)

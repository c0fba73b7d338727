"""Joining views: one reshape or transpose instead of several that follow each other."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.counting import item_at
from tinygraph.compiler.program.facts import TRANSPOSING
from tinygraph.compiler.program.places import joined, takes_part
from tinygraph.compiler.program.predicates import is_write
from tinygraph.compiler.program.reshaping import axes_of, has_shape, is_reshape
from tinygraph.compiler.program.rewriting import rewritten, rewritten_by_originals, steps_in, uses_of
from tinygraph.compiler.program.steps import Step
from tinygraph.derivatives.indexing import scatter
from tinygraph.derivatives.shapes import astype
from tinygraph.graph import Graph


def join_views(graph: Graph) -> Graph:
    """x.reshape(x.shape) -> x, x.T.T -> x, x.reshape(a).reshape(b) -> x.reshape(b), x.astype(x.dtype) -> x,
    x[:, None] -> x.reshape(5, 1), scatter(g, (:, None), (5,)) -> g.reshape(5), x.reshape(5, 1).T.reshape(5) -> x,
    np.broadcast_to(x, (9, 5))[3] -> x.
    """

    def change(builder: Builder, step: Step) -> Step | None:
        if not step.args or type(step.args[0]) is not Step:
            return None
        operand = step.args[0]
        if step.function is operator.getitem and _only_adds_axes(step.args[1]):
            if operand.shape == step.shape:
                return operand
            return builder.call(step, np.reshape, operand, step.shape, name=step.name)
        if step.function is operator.getitem and _is_repeated(operand, step):
            return operand.args[0]  # type: ignore[no-any-return]
        if step.function is scatter and _only_adds_axes(step.args[1]) and operand.dtype == step.dtype:
            return builder.call(step, np.reshape, operand, step.shape, name=step.name)
        if is_reshape(step):
            while _is_looked_through(operand) and type(operand.args[0]) is Step:
                operand = operand.args[0]
            if operand.shape == step.shape:
                return operand
            if operand is not step.args[0] or step.function is not np.reshape:
                return builder.call(step, np.reshape, operand, step.shape, name=step.name)
        elif step.function in TRANSPOSING:
            return join_transposes(builder, step)
        elif (step.function is astype and operand.dtype == step.dtype) or (
            step.function is np.broadcast_to and operand.shape == step.shape
        ):
            return operand
        return None

    return rewritten(graph, change)


def join_transposes(builder: Builder, step: Step) -> Step:
    """Append a transpose, as one with a transpose below it; return the array itself if its axes end where they were."""
    axes, operand = axes_of(step), step.args[0]
    if operand.function in TRANSPOSING and type(operand.args[0]) is Step:
        inner = axes_of(operand)
        axes, operand = tuple([inner[axis] for axis in axes]), operand.args[0]
    if axes == tuple(range(len(axes))):
        return operand  # type: ignore[no-any-return]
    if all(operand.shape[axis] == 1 for axis in _moved_axes(axes)) and operand.size <= 1:
        return builder.call(step, np.reshape, operand, step.shape, name=step.name)
    if axes == tuple(reversed(range(len(axes)))):
        return builder.call(step, np.transpose, operand, name=step.name)
    return builder.call(step, np.transpose, operand, axes, name=step.name)


def _is_looked_through(operand: Step) -> bool:
    """Return whether a reshape of a value is one of its operand, as of a transpose that moves axes of size 1."""
    if operand.function in TRANSPOSING and type(operand.args[0]) is Step:
        longer = [axis for axis in axes_of(operand) if operand.args[0].shape[axis] != 1]
        return longer == sorted(longer)
    return operand.function is not None and is_reshape(operand)


def _is_repeated(operand: Step, step: Step) -> bool:
    """Return whether a row of an array is what the array repeats."""
    if operand.function is not np.broadcast_to or type(step.args[1]) is not int:
        return False
    repeated = operand.args[0]
    return type(repeated) is Step and (repeated.shape, repeated.dtype) == (step.shape, step.dtype)


def _only_adds_axes(index: Any) -> bool:
    """Return whether an index takes everything, and adds axes of size 1."""
    items = index if type(index) is tuple else (index,)
    return all(item is None or item is Ellipsis or (type(item) is slice and item == slice(None)) for item in items)


def join_parts(graph: Graph) -> Graph:
    """x[i][3] -> x[i, 3], a number of an array that is written into: elsewhere the rows of a loop cost nothing."""
    uses = uses_of(graph)
    written = {step.args[0].index for step in steps_in(graph) if is_write(step) and type(step.args[0]) is Step}

    def change(builder: Builder, step: Step, original: Step) -> Step | None:
        if step.shape or not takes_part(original) or not takes_part(original.args[0]):
            return None
        row, x = original.args[0], original.args[0].args[0]
        if uses[row.index] > 1 or not (is_write(x) or x.index in written):
            return None
        index = joined(row.args[1], step.args[1], len(x.shape))
        return None if index is None else builder.call(step, item_at, step.args[0].args[0], index, name=step.name)

    return rewritten_by_originals(graph, change)


def copy_to_reshape(graph: Graph) -> Graph:
    """x.T.reshape(12); x.T.reshape(3, 4)  ->  c = np.copy(x.T); c.reshape(12); c.reshape(3, 4): copied once, where
    each reshape would have copied; and so what a broadcast repeats, before it is multiplied as a matrix.
    """
    copies: dict[int, Step] = {}

    def copy(builder: Builder, step: Step, item: Any) -> Any:
        if type(item) is not Step or not item.shape or item.size <= 1:
            return item
        if item.function is not np.broadcast_to and (item.function not in TRANSPOSING or not is_reshape(step)):
            return item
        if item.function in TRANSPOSING and _reshapes(item, step.shape):
            return item
        if item.index not in copies:
            copies[item.index] = builder.call(step, np.copy, item)
        return copies[item.index]

    def change(builder: Builder, step: Step) -> Step | None:
        if step.kwargs or not (is_reshape(step) or step.function in (np.matmul, np.dot)):
            return None
        places = 1 if is_reshape(step) else len(step.args)
        args = [copy(builder, step, item) for item in step.args[:places]]
        if all(new is old for new, old in zip(args, step.args, strict=False)):
            return None
        if is_reshape(step):
            return builder.call(step, np.reshape, args[0], step.shape)
        return builder.call(step, step.function, *args)  # type: ignore[arg-type]

    return rewritten(graph, change)


def _reshapes(step: Step, shape: tuple[int, ...]) -> bool:
    """Return whether a transposed array can be looked at in another shape without a copy."""
    operand = step.args[0]
    return has_shape(np.empty(operand.shape, np.bool_).transpose(axes_of(step)), shape)


def _moved_axes(axes: tuple[int, ...]) -> list[int]:
    """Return the axes that a transposition does not leave in place."""
    return [axis for place, axis in enumerate(axes) if axis != place]

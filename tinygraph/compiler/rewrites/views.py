"""Rewrites of what moves no number: reshapes and transposes that follow each other."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.compiler.steps import Builder, Step, rewritten
from tinygraph.derivatives.shapes import astype
from tinygraph.graph import Graph

# Functions that only give an array another shape, keeping the order of its elements.
RESHAPING = frozenset((np.reshape, np.ravel, np.squeeze, np.expand_dims))
TRANSPOSING = frozenset(
    function
    for function in (
        np.transpose, np.swapaxes, np.moveaxis, np.matrix_transpose, getattr(np, "permute_dims", np.transpose),
    )
)  # fmt: skip


def is_reshape(step: Step) -> bool:
    """Whether a step gives an array another shape and keeps its elements in C order."""
    return step.function in RESHAPING and step.kwargs.get("order", "C") == "C" and "F" not in step.args[1:]


def axes_of(step: Step) -> tuple[int, ...]:
    """Which axis of its operand each axis of a transposition is."""
    operand = step.args[0]
    numbered: Any = np.empty(tuple(range(2, 2 + len(operand.shape))), np.bool_)
    result = step.function(numbered, *step.args[1:], **step.kwargs)  # type: ignore[misc]
    return tuple([size - 2 for size in result.shape])


def join_views(graph: Graph) -> Graph:
    """x.reshape(x.shape) -> x, x.T.T -> x, x.reshape(a).reshape(b) -> x.reshape(b), x.astype(x.dtype) -> x."""

    def change(builder: Builder, step: Step) -> Step | None:
        if not step.args or type(step.args[0]) is not Step:
            return None
        operand = step.args[0]
        if is_reshape(step):
            while operand.function is not None and is_reshape(operand) and type(operand.args[0]) is Step:
                operand = operand.args[0]
            if operand.shape == step.shape:
                return operand
            if operand is not step.args[0] or step.function is not np.reshape:
                return builder.call(step, np.reshape, operand, step.shape, name=step.name)
        elif step.function in TRANSPOSING:
            axes = axes_of(step)
            if operand.function in TRANSPOSING:
                inner = axes_of(operand)
                axes, operand = tuple([inner[axis] for axis in axes]), operand.args[0]
            if axes == tuple(range(len(axes))):
                return operand
            if all(operand.shape[axis] == 1 for axis in moved_axes(axes)) and operand.size <= 1:
                return builder.call(step, np.reshape, operand, step.shape, name=step.name)
            if axes == tuple(reversed(range(len(axes)))):
                return builder.call(step, np.transpose, operand, name=step.name)
            return builder.call(step, np.transpose, operand, axes, name=step.name)
        elif (step.function is astype and operand.dtype == step.dtype) or (
            step.function is np.broadcast_to and operand.shape == step.shape
        ):
            return operand
        return None

    return rewritten(graph, change)


def moved_axes(axes: tuple[int, ...]) -> list[int]:
    """The axes that a transposition does not leave in place."""
    return [axis for place, axis in enumerate(axes) if axis != place]

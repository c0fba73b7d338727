"""Turning late: a calculation with exchanged axes is made before the exchange, along the memory of its operands.

So a network whose pictures have their channels first is the one whose channels come last.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.facts import TRANSPOSING
from tinygraph.compiler.program.predicates import is_elementwise, is_plain_reduction
from tinygraph.compiler.program.reshaping import axes_of
from tinygraph.compiler.program.rewriting import rewritten_by_originals, uses_of
from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.rewrites.joining_views import join_transposes
from tinygraph.derivatives.reductions import reduced_axes
from tinygraph.graph import Graph

__all__ = ["compute_before_turning"]

Axes = tuple[int, ...]

# So many calls are looked through for a reduction.
DEPTH = 8


def compute_before_turning(graph: Graph) -> Graph:
    """x.transpose(0, 3, 1, 2) * y.transpose(0, 3, 1, 2) + b[:, None, None]  ->  (x * y + b).transpose(0, 3, 1, 2);
    np.sum(x.transpose(0, 3, 1, 2), axis=(0, 2, 3))  ->  np.sum(x, axis=(0, 1, 2)), where the last axis moves.

    A result of a reduction that kept its axes goes along: np.exp(np.max(x.T, axis=0, keepdims=True)). Rows and columns
    are turned before they are repeated: (c * r[:, None]).T  ->  c[:, None] * r.
    """
    uses = uses_of(graph)

    def change(builder: Builder, step: Step, original: Step) -> Step | None:
        if is_elementwise(step) and step.function is not np.copy and step.dtype.char in "fd?" and step.size:
            return _elementwise(builder, step)
        if step.function in TRANSPOSING and type(step.args[0]) is Step:
            if step.args[0].function in TRANSPOSING:
                return join_transposes(builder, step)
            return _repeated_late(builder, step) if uses[original.args[0].index] == 1 else None
        if is_plain_reduction(step) and step.dtype.char in "fd":
            return _reduced(builder, step)
        return None

    return rewritten_by_originals(graph, change)


def _moved(item: Any) -> Axes | None:
    """Return the axes of a transpose that takes the last axis from its place; None for anything else."""
    if type(item) is not Step or item.function not in TRANSPOSING or type(item.args[0]) is not Step:
        return None
    axes = axes_of(item)
    if not axes or axes[-1] == len(axes) - 1:
        return None
    return axes if 1 not in (item.shape[-1], item.args[0].shape[-1]) or _keeps_axes(item.args[0]) else None


def _keeps_axes(x: Any, depth: int = DEPTH) -> bool:
    """Return whether a value is made of a reduction that kept its axes."""
    if type(x) is not Step or not depth:
        return False
    if is_plain_reduction(x):
        return bool(x.kwargs.get("keepdims"))
    return is_elementwise(x) and any([_keeps_axes(item, depth - 1) for item in x.args])


def _elementwise(builder: Builder, step: Step) -> Step | None:
    axes: Axes | None = None
    for item in step.args:
        if type(item) is not Step or item.shape != step.shape or _is_repeated(item):
            continue
        found = _moved(item)
        if found is None or axes not in (None, found):
            return None
        axes = found
    if axes is None:
        return None
    args = [_before(builder, step, item, axes) for item in step.args]
    turned = tuple([step.shape[axes.index(axis)] for axis in range(len(axes))])
    made = builder.add(replace(step, args=tuple(args), shape=turned, name=None))
    return builder.call(step, np.transpose, made, axes)


def _repeated_late(builder: Builder, step: Step) -> Step | None:
    """Return the transpose of a calculation on rows and columns that repeats them."""
    x, axes = step.args[0], axes_of(step)
    steps = [item for item in x.args if type(item) is Step]
    if not is_elementwise(x) or x.dtype.char not in "fd?" or not steps or any([item.size == x.size for item in steps]):
        return None
    inverse = tuple([axes.index(axis) for axis in range(len(axes))])
    args = tuple([_spread(builder, x, item, inverse) for item in x.args])
    return builder.add(replace(x, args=args, shape=step.shape))


def _is_repeated(x: Step) -> bool:
    return x.function is np.broadcast_to and type(x.args[0]) is Step


def _before(builder: Builder, step: Step, item: Any, axes: Axes) -> Any:
    """Return an operand as it is before its partners are turned."""
    if type(item) is not Step:
        return _spread(builder, step, item, axes)
    if item.function in TRANSPOSING and axes_of(item) == axes:
        return item.args[0]
    return _spread(builder, step, item.args[0] if _is_repeated(item) else item, axes)


def _spread(builder: Builder, step: Step, item: Any, axes: Axes) -> Any:
    """Return an operand that is broadcast, so that it broadcasts in the same way before its partners are turned."""
    shape = item.shape if type(item) is Step or isinstance(item, np.ndarray) else ()
    if math.prod(shape) == 1:
        return item
    padded = (1,) * (len(axes) - len(shape)) + shape
    inverse = tuple([axes.index(axis) for axis in range(len(axes))])
    target = tuple([padded[axis] for axis in inverse])
    longer = [axis for axis in inverse if padded[axis] != 1]
    if longer == sorted(longer):  # the order of the elements stays
        return item if shape == target else builder.call(step, np.reshape, item, target)
    wide = item if padded == shape else builder.call(step, np.reshape, item, padded)
    return builder.call(step, np.transpose, wide, inverse)


def _reduced(builder: Builder, step: Step) -> Step | None:
    x, function = step.args[0], step.function
    axes = _moved(x)
    if axes is None or function is None:
        return None
    reduced = [axes[axis] for axis in reduced_axes(step.kwargs.get("axis"), len(axes))]
    keepdims = bool(step.kwargs.get("keepdims"))
    if not reduced:
        return None
    over = tuple(sorted(reduced))
    made = builder.call(step, function, x.args[0], axis=over if len(over) > 1 else over[0], keepdims=keepdims)
    left = [axis for axis in axes if axis not in over]
    order = axes if keepdims else tuple([sorted(left).index(axis) for axis in left])
    made = made if order == tuple(range(len(order))) else builder.call(step, np.transpose, made, order)
    return made if made.shape == step.shape and made.dtype == step.dtype else None

"""Rewrites of repeated values: what is the same everywhere is computed once."""

from __future__ import annotations

import numpy as np

from tinygraph.compiler.rewrites.views import RESHAPING, TRANSPOSING
from tinygraph.compiler.steps import Builder, Step, rewritten, shape_of
from tinygraph.graph import Graph


def delay_broadcasts(graph: Graph) -> Graph:
    """y = -broadcast_to(c, (8, 5)) * x  ->  y = -c * x: elementwise functions repeat their operands by themselves."""

    def change(builder: Builder, step: Step) -> Step | None:
        function = step.function
        if not (isinstance(function, np.ufunc) and function.signature is None and not step.kwargs):
            return None
        args = tuple([unrepeated(item) for item in step.args])
        if all(new is old for new, old in zip(args, step.args, strict=True)):
            return None
        shape = np.broadcast_shapes(*[shape_of(item) for item in args])
        if any(type(item) is Step for item in args):
            small = builder.call(step, function, *args)
        else:
            with np.errstate(all="ignore"):
                small = builder.constant(step, function(*args))
        if small.dtype != step.dtype:
            return None
        return small if shape == step.shape else builder.call(step, np.broadcast_to, small, step.shape)

    return rewritten(graph, change)


def unrepeated(item: object) -> object:
    """What a broadcast repeats, without the axes of size 1 that stand first."""
    if (one := _one_number(item)) is not None:
        return one
    while type(item) is Step and item.shape:
        if item.function is np.broadcast_to or (item.function is np.reshape and _only_adds_leading_ones(item)):
            if type(item.args[0]) is not Step:
                return item
            item = item.args[0]
        else:
            return item
    return item


def _one_number(item: object) -> object:
    """The number that an array has everywhere, as far as views show one constant; else None."""
    while type(item) is Step and (
        item.function is np.broadcast_to or item.function in RESHAPING or item.function in TRANSPOSING
    ):
        item = item.args[0]
    if type(item) is Step and item.is_constant and item.size == 1 and item.value is not None:
        return item.value.reshape(())[()]  # a NumPy number, which keeps its dtype
    return None


def _only_adds_leading_ones(step: Step) -> bool:
    inner = shape_of(step.args[0])
    return len(inner) < len(step.shape) and step.shape == (1,) * (len(step.shape) - len(inner)) + inner

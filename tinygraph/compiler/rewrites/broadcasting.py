"""Broadcasting: a value that is repeated is computed once, and repeated afterwards."""

from __future__ import annotations

import operator

import numpy as np

from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.facts import RESHAPING, TRANSPOSING, facts_of
from tinygraph.compiler.program.reshaping import is_reshape
from tinygraph.compiler.program.result_types import shape_of
from tinygraph.compiler.program.rewriting import rewritten
from tinygraph.compiler.program.steps import Step
from tinygraph.graph import Graph


def delay_broadcasts(graph: Graph) -> Graph:
    """y = -broadcast_to(c, (8, 5)) * x  ->  y = -c * x: elementwise functions repeat their operands by themselves."""

    def change(builder: Builder, step: Step) -> Step | None:
        function = step.function
        if not (isinstance(function, np.ufunc) and function.signature is None and not step.kwargs):
            return None
        args = tuple([unrepeated(item) for item in step.args])
        if all(map(operator.is_, args, step.args)):
            return None
        shape = np.broadcast_shapes(*[shape_of(item) for item in args])
        if any(type(item) is Step for item in args):
            small = builder.call(step, function, *args)
        else:
            with np.errstate(all="ignore"):
                small = builder.constant(step, function(*args))
        if small.dtype != step.dtype:
            return None
        if shape == step.shape:
            return small
        # With more axes of size 1 nothing is repeated, and a reshape may be written into.
        widened = np.reshape if small.size == step.size else np.broadcast_to
        return builder.call(step, widened, small, step.shape)

    return rewritten(graph, change)


def multiply_once(graph: Graph) -> Graph:
    """broadcast_to(c, (16, 64, 8)) @ w  ->  broadcast_to(c @ w, (16, 64, 5)), where c has shape (16, 1, 8);
    x.reshape(1024, 5).T @ broadcast_to(c, (16, 64, 8)).reshape(1024, 8)  ->  np.sum(x, axis=1).T @ c.reshape(16, 8).
    """

    def change(builder: Builder, step: Step) -> Step | None:
        if step.function not in (np.matmul, np.dot) or step.kwargs or step.dtype.char not in "fd":
            return None
        x, y = step.args
        if type(x) is not Step or type(y) is not Step or len(y.shape) != 2 or not x.dtype == y.dtype == step.dtype:
            return None
        if x.function in TRANSPOSING and len(x.shape) == 2:
            return _product_of_sums(builder, step, x.args[0], y)
        if (rows := _repeated_rows(x)) is None:
            return None
        small = builder.call(step, np.matmul, rows.args[0], y)
        whole = builder.call(step, np.broadcast_to, small, (*rows.shape[:-1], y.shape[1]))
        return whole if whole.shape == step.shape else builder.call(step, np.reshape, whole, step.shape)

    return rewritten(graph, change)


def _product_of_sums(builder: Builder, step: Step, left: Step, right: Step) -> Step | None:
    """Append left.T @ right where one of them has repeated rows: the rows of the other are added up first."""
    for rows, other in ((_repeated_rows(right), left), (_repeated_rows(left), right)):
        if rows is None or len(rows.shape) < 2:
            continue
        each = rows.args[0]
        aligned = (1,) * (len(rows.shape) - len(each.shape)) + each.shape
        axes = tuple([place for place, size in enumerate(rows.shape) if aligned[place] != size])
        split = builder.call(step, np.reshape, other, (*rows.shape[:-1], other.shape[1]))
        added = builder.call(step, np.sum, split, axis=axes if len(axes) > 1 else axes[0], keepdims=False)
        count = each.size // each.shape[-1]
        pair = [
            builder.call(step, np.reshape, item, (count, item.shape[-1])) if item.shape[:-1] != (count,) else item
            for item in (added, each)
        ]
        turned = pair if other is left else pair[::-1]
        return builder.call(step, np.matmul, builder.call(step, np.transpose, turned[0]), turned[1])
    return None


def _repeated_rows(x: Step) -> Step | None:
    """Return the broadcast that repeats whole rows, where x is one or a reshape of one; else None."""
    if is_reshape(x) and type(x.args[0]) is Step and x.args[0].shape and x.shape[-1:] == x.args[0].shape[-1:]:
        x = x.args[0]
    if x.function is not np.broadcast_to or type(x.args[0]) is not Step or 0 in x.shape:
        return None
    each = x.args[0]
    return x if each.shape[-1:] == x.shape[-1:] and each.size < x.size else None


def unrepeated(item: object) -> object:
    """Return the operand of a broadcast, without the axes of size 1 that stand first."""
    if type(item) is not Step or not (item.function is None or facts_of(item.function).view):
        return item
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
    """Return the number that an array has everywhere, if it is a view of one constant; else None."""
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

"""Gathering rows: what a loop makes of rows of arrays from outside alone is made before it, of all rows at once.

for x_t in x:                       z = x.reshape(-1, 32) @ w
    h = np.tanh(x_t @ w + h @ u)    for z_t in z.reshape(50, 16, 128):
                                        h = np.tanh(z_t + h @ u)
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.facts import PRODUCTS
from tinygraph.compiler.program.predicates import is_elementwise, is_plain_reduction, may_fail
from tinygraph.compiler.program.rows import FROM_END, in_order, is_from_end
from tinygraph.compiler.program.steps import Step, operands_of
from tinygraph.compiler.rewrites.changing_loops import Changed, OldLoop, decides, loops_changed, old_loop
from tinygraph.compiler.rewrites.gathering import KEPT_BYTES
from tinygraph.derivatives.reductions import reduced_axes
from tinygraph.graph import Graph

__all__ = ["gather_rows", "of_all_rows"]

# All rows of a value that costs a few operations an element have at most so many bytes: they stay in cache until the
# loop reads them. The calls that are saved take half a microsecond each.
CHEAP_BYTES = 1 << 18


def gather_rows(graph: Graph) -> Graph:
    """for x_t in x: h = np.tanh(x_t @ w + h)  ->  z = x @ w; for z_t in z: h = np.tanh(z_t + h)."""
    return loops_changed(graph, _gathered)


def _gathered(builder: Builder, step: Step, read: set[int]) -> Changed | None:
    old = old_loop(builder, step)
    count = old.loop.count
    if any([decides(inner) for inner in old.body]):
        return None  # what comes behind a decision is not computed where the program ends there
    rows: dict[int, Step] = {}
    for inner in old.body:
        if old.is_row(inner):
            base, index = inner.args
            rows[inner.index] = in_order(builder, inner, old.known(builder, base), index, count)
            continue
        operands = operands_of(inner)
        if not any([operand.index in rows for operand in operands]) or inner.has_effect or may_fail(inner):
            continue
        if all([operand.index in rows or old.is_known(operand) for operand in operands]):
            made = of_all_rows(builder, inner, rows, old, KEPT_BYTES, CHEAP_BYTES)
            if made is not None:
                rows[inner.index] = old.rows[inner.index] = made
    if not old.rows:
        return None
    loop = old.new_loop(builder, range(old.loop.carried), old.loop.stacks, old.loop.lasts)
    found: dict[int, Step] = {}
    for number in read:
        output = old.loop.body.outputs[number]
        is_stack = old.loop.carried <= number < old.loop.carried + old.loop.stacked
        found[number] = rows[output.index] if is_stack and output.index in rows else old.result(builder, loop, number)
    return loop, found


def of_all_rows(
    builder: Builder, step: Step, rows: dict[int, Step], old: OldLoop, product_bytes: int, cheap_bytes: int
) -> Step | None:  # fmt: skip
    """Append the results of a body's call in all iterations, along axis 0; None where they are not made at once.

    Args:
        rows: by the index of a value of the body its values in all iterations.
        product_bytes, cheap_bytes: what is made for a product, or a call of a few operations an element, has at most.
    """
    upwards = _upwards(builder, [rows[operand.index] for operand in operands_of(step) if operand.index in rows])
    if upwards is None:
        return _made(builder, step, rows, old, product_bytes, cheap_bytes)
    rows = {index: upwards.get(all_of.index, all_of) for index, all_of in rows.items()}
    found = _made(builder, step, rows, old, product_bytes, cheap_bytes)
    return None if found is None else builder.call(found, operator.getitem, found, FROM_END)


def _upwards(builder: Builder, rows: list[Step]) -> dict[int, Step] | None:
    """Return by its index each of some arrays in the order in which it lies, if all are read from their ends."""
    if not rows or not all([row.function is operator.getitem and is_from_end(row.args[1]) for row in rows]):
        return None
    found: dict[int, Step] = {}
    for row in rows:
        whole, index = row.args
        places = range(whole.shape[0])[index]
        if len(places) < whole.shape[0]:
            whole = builder.call(row, operator.getitem, whole, slice(places[-1], places[0] + 1))
        found[row.index] = whole
    return found


def _made(
    builder: Builder, step: Step, rows: dict[int, Step], old: OldLoop, product_bytes: int, cheap_bytes: int
) -> Step | None:  # fmt: skip
    """Append the results of a body's call in all iterations, as `of_all_rows` does, of arrays as they are."""
    count = old.loop.count
    function: Any = step.function
    if function in PRODUCTS:
        return _product(builder, step, rows, old) if count * step.nbytes <= product_bytes else None
    size = max([step.nbytes, *[operand.nbytes for operand in operands_of(step) if operand.index in rows]])
    if count * size > cheap_bytes:
        return None

    def all_of(item: Any) -> Any:
        if type(item) is not Step:
            return item
        if item.index not in rows:
            return old.known(builder, item)
        found = rows[item.index]
        if len(item.shape) == len(step.shape) or not is_elementwise(step):
            return found
        return builder.call(step, np.reshape, found, (count, *[1] * (len(step.shape) - len(item.shape)), *item.shape))

    if is_elementwise(step):
        found = builder.call(step, function, *[all_of(item) for item in step.args])
    elif is_plain_reduction(step) and type(step.args[0]) is Step:
        axes = reduced_axes(step.kwargs.get("axis"), len(step.args[0].shape))
        found = builder.call(
            step, function, all_of(step.args[0]), axis=tuple([axis + 1 for axis in axes]),
            keepdims=step.kwargs.get("keepdims", False),
        )  # fmt: skip
    else:
        return None
    return found if (found.shape, found.dtype) == ((count, *step.shape), step.dtype) else None


def _product(builder: Builder, step: Step, rows: dict[int, Step], old: OldLoop) -> Step | None:
    """Append the products of all rows with a matrix, or with a vector, that is the same for all."""
    if step.kwargs or len(step.args) != 2 or step.dtype.kind != "f" or not step.size:
        return None
    x, y = step.args
    if any([type(item) is not Step or item.dtype != step.dtype for item in step.args]):
        return None
    if x.index in rows and old.is_known(y) and len(x.shape) in (1, 2) and len(y.shape) in (1, 2):
        left, right = rows[x.index], old.known(builder, y)
    elif y.index in rows and old.is_known(x) and len(y.shape) == 1 and len(x.shape) in (1, 2):
        left, right = rows[y.index], old.known(builder, x)
        right = builder.call(step, np.transpose, right) if len(x.shape) == 2 else right
    else:
        return None
    if len(left.shape) == 3:
        left = builder.call(step, np.reshape, left, (left.shape[0] * left.shape[1], left.shape[2]))
    product = builder.call(step, np.matmul, left, right)
    return builder.call(step, np.reshape, product, (old.loop.count, *step.shape))

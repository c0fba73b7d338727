"""The batch axis: for each function a rule that names the operands of which an example needs its own part only.

    call                        these operands
    np.tanh(z)                  z
    np.sum(z, axis=1)           z
    z.reshape(1024, 64)         z: each of 16 examples has 64 rows of the result
    x @ w                       x: each example needs all of w
    q @ k, of three axes        q and k: each example has a product of its own
    table[ids]                  ids: each example needs all of the table
    z.transpose(1, 0, 2)        none can be named: an example would need the parts of the others, too

A rule looks at the axes of a call, not at how it was spelt. The examples lie along the first axis of a value; those of
some functions for images lie along another one, and so may those of an array from outside, until it is transposed.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Sequence
from typing import Any, Protocol

import numpy as np

from tinygraph.compiler.kernels.assembly import assembled
from tinygraph.compiler.kernels.image_calls import IMAGE_FUNCTIONS, images_axis
from tinygraph.compiler.kernels.products import turned_product
from tinygraph.compiler.program.facts import REDUCTIONS, RESHAPING, TRANSPOSING
from tinygraph.compiler.program.predicates import is_elementwise, is_plain_reduction, looks_like_view, takes_out
from tinygraph.compiler.program.reshaping import axes_of, is_reshape
from tinygraph.compiler.program.steps import Step, operands_of
from tinygraph.derivatives.indexing import scatter
from tinygraph.derivatives.products import einsum_of
from tinygraph.derivatives.reductions import reduced_axes
from tinygraph.graph import Graph

__all__ = ["BATCHED", "Examples", "adds_up", "own_parts", "turned_for_products"]

# Products of matrices, of which there may be one for each example.
BATCHED = (np.matmul, turned_product)

Parts = list[Step] | None


class Examples(Protocol):
    """A batch as far as it is known.

    Attributes:
        rows: the number of examples.
        members: the indices of the values of which a block computes its examples' part.
        turned: the indices of transposes that are used as left operands of products alone. The products add up over
            the examples.
    """

    rows: int
    members: set[int]
    turned: set[int]

    def has_rows(self, x: Step) -> bool:
        """Return whether a value has a part for each example: one of the batch, or an array from outside."""
        ...

    def axis_of(self, operand: Step) -> int:
        """Return the axis that the examples of a value lie along, if it has them."""
        ...


def own_parts(step: Step, batch: Examples) -> Parts:
    """Return the operands of which a block needs its own examples only; None if it needs others, or has no rule."""
    found = _rule_of(step)(step, batch) if takes_out(step) or looks_like_view(step) else None
    if found is None or not _are_read_in_one_way(found, operands_of(step)):
        return None
    if step.function in IMAGE_FUNCTIONS or step.function in TRANSPOSING:
        return found
    return found if all([batch.axis_of(item) == 0 or item.index in batch.turned for item in found]) else None


def adds_up(step: Step, turned: Collection[int]) -> bool:
    """Return whether a call adds up over the examples.

    Args:
        step: a call of the batch.
        turned: the batch's, see `Examples`.
    """
    if step.function in REDUCTIONS:
        return 0 in reduced_axes(step.kwargs.get("axis"), len(step.args[0].shape))
    if step.function in (np.matmul, np.dot):
        return step.args[0].index in turned
    return step.function in IMAGE_FUNCTIONS and IMAGE_FUNCTIONS[step.function].axis is None


def turned_for_products(graph: Graph) -> set[int]:
    """Return the transposes that are used as the left operand of products alone: the products add up over the rows."""
    found: set[int] = set()
    used: set[int] = set()
    for step in graph.nodes:
        assert isinstance(step, Step)
        for place, operand in enumerate(operands_of(step)):
            if operand.function in TRANSPOSING and len(operand.shape) == 2:
                left = step.function in (np.matmul, np.dot) and place == 0 and step.args[1] is not operand
                (found if left and len(step.shape) == 2 else used).add(operand.index)
    return found - used - {output.index for output in graph.outputs}


def _are_read_in_one_way(parts: Sequence[Step], operands: Sequence[Step]) -> bool:
    """Return whether each part is read as a part at all its places in a call: x @ x reads rows of x, and all of x."""
    return all([sum(item is part for item in operands) == sum(item is part for item in parts) for part in parts])


# --- the rules --------------------------------------------------------------------------------------------------------


def _rule_of(step: Step) -> Callable[[Step, Examples], Parts]:
    if is_elementwise(step):
        return _of_elements
    if is_plain_reduction(step):
        return _of_reduction
    if step.function in RESHAPING:
        return _of_reshape
    if step.function in TRANSPOSING:
        return _of_transpose
    return _of_image_function if step.function in IMAGE_FUNCTIONS else _RULES.get(step.function, _of_any_other)


def _of_any_other(step: Step, batch: Examples) -> Parts:
    return None


def _of_elements(step: Step, batch: Examples) -> Parts:
    """Return the operands that have the rows of the result; one with fewer axes, or one row, is the same for all."""
    return _with_rows_of(step, step.args, batch)


def _with_rows_of(step: Step, operands: Sequence[Any], batch: Examples) -> Parts:
    if not _is_divided(step, batch):
        return None
    return [
        item for item in operands
        if type(item) is Step and len(item.shape) == len(step.shape) and item.shape[0] == step.shape[0]
    ]  # fmt: skip


def _is_divided(step: Step, batch: Examples) -> bool:
    """Return whether the rows of a result can be divided among the examples."""
    return bool(step.shape) and step.shape[0] % batch.rows == 0 and 0 not in step.shape


def _of_reduction(step: Step, batch: Examples) -> Parts:
    x = step.args[0]
    if type(x) is not Step or not batch.has_rows(x) or 0 in x.shape:
        return None
    adds = step.function is np.sum and x.dtype == step.dtype and x.dtype.kind == "f"
    return [x] if adds or not adds_up(step, batch.turned) else None


def _of_reshape(step: Step, batch: Examples) -> Parts:
    x = step.args[0]
    fits = is_reshape(step) and type(x) is Step and batch.has_rows(x) and _is_divided(step, batch)
    return [x] if fits else None


def _of_transpose(step: Step, batch: Examples) -> Parts:
    x = step.args[0]
    if type(x) is not Step or not batch.has_rows(x) or 0 in x.shape:
        return None
    turned = step.index in batch.turned and batch.axis_of(x) == 0
    return [x] if turned or axes_of(step)[0] == batch.axis_of(x) else None


def _of_broadcast(step: Step, batch: Examples) -> Parts:
    x = step.args[0]
    if type(x) is not Step or not batch.has_rows(x) or len(x.shape) != len(step.shape) or 0 in step.shape:
        return None
    return [x] if x.shape[0] == step.shape[0] else None


def _of_image_function(step: Step, batch: Examples) -> Parts:
    found = [step.args[place] for place in IMAGE_FUNCTIONS[step.function].images]
    if not found or any([type(item) is not Step or batch.axis_of(item) != images_axis(item) for item in found]):
        return None
    return found if all([item.shape[images_axis(item)] == batch.rows for item in found]) else None


def _of_product(step: Step, batch: Examples) -> Parts:
    x, y = step.args[:2]
    if step.kwargs or type(x) is not Step or type(y) is not Step or step.dtype.char not in "fd":
        return None
    if not x.dtype == y.dtype == step.dtype or 0 in x.shape + y.shape:
        return None
    if x.index in batch.turned:
        has_rows = x.index in batch.members or batch.axis_of(x) == 1
        return [x, y] if has_rows and len(y.shape) == 2 and y.index not in batch.turned else None
    if y.index in batch.turned or not _is_divided(step, batch):
        return None
    if len(x.shape) > 1 and len(y.shape) < 3:  # the rows of the left operand are those of the result
        return [x] if batch.has_rows(x) and y.index not in batch.members else None
    if len(x.shape) < 2 or len(y.shape) < 2:  # each example needs all of a vector
        return None
    if step.function not in BATCHED or (step.function is turned_product and step.args[2][0] != 0):
        return None
    if step.shape[0] != max(x.shape, y.shape, key=len)[0]:
        return None
    return _with_rows_of(step, [x, y], batch)


def _of_places(step: Step, batch: Examples) -> Parts:
    """Return the rule of `x[index]`: the examples have their parts in x, or their own places in a table."""
    x, index = step.args
    if type(index) is Step:
        return _of_places_in_a_table(step, x, index, batch)
    fits = type(x) is Step and batch.has_rows(x) and _keeps_rows(index, x.shape) and _is_divided(step, batch)
    return [x] if fits and step.shape[0] == x.shape[0] else None


def _of_places_in_a_table(step: Step, table: Any, index: Step, batch: Examples) -> Parts:
    if type(table) is not Step or not table.shape or table.index in batch.members or not _is_divided(step, batch):
        return None
    return [index] if index.dtype.kind in "iu" and index.shape and batch.has_rows(index) else None


def _of_take(step: Step, batch: Examples) -> Parts:
    if len(step.args) != 2 or step.kwargs != {"axis": 0} or type(step.args[1]) is not Step:
        return None
    return _of_places_in_a_table(step, *step.args, batch)


def _of_scatter(step: Step, batch: Examples) -> Parts:
    g, index, shape = step.args
    fits = type(g) is Step and batch.has_rows(g) and _keeps_rows(index, shape) and _is_divided(step, batch)
    return [g] if fits and step.shape[0] == g.shape[0] else None


def _of_assembly(step: Step, batch: Examples) -> Parts:
    parts, places, shape = step.args
    fits = _is_divided(step, batch) and all([_keeps_rows(place, shape) for place in places])
    return list(parts) if fits and all([part.shape[:1] == step.shape[:1] for part in parts]) else None


def _keeps_rows(index: Any, shape: Sequence[int]) -> bool:
    """Return whether an index takes every row, and of each the same part."""
    items = index if type(index) is tuple else (index,)
    if not items or any([type(item) not in (int, slice) and item is not None and item is not ... for item in items]):
        return False
    if items[0] is ...:
        return sum([item is not None and item is not ... for item in items]) < len(shape)
    return type(items[0]) is slice and items[0] == slice(None)


def _of_joining(step: Step, batch: Examples) -> Parts:
    """Return the rule of `np.concatenate` and `np.stack` along another axis."""
    parts = step.args[0]
    axis = step.kwargs.get("axis", step.args[1] if len(step.args) > 1 else 0)
    if type(parts) not in (list, tuple) or type(axis) is not int or not {*step.kwargs} <= {"axis"}:
        return None
    if axis % len(step.shape) == 0 or not _is_divided(step, batch):
        return None
    fits = all([type(part) is Step and part.shape[:1] == step.shape[:1] for part in parts])
    return list(parts) if fits else None


def _of_contraction(step: Step, batch: Examples) -> Parts:
    """Return the rule of an einsum that has the examples along the first axis of its result."""
    subscripts, _, *operands = step.args
    terms, _, result = subscripts.replace(" ", "").partition("->")
    if "." in subscripts or not result or not _is_divided(step, batch) or step.dtype.char not in "fd":
        return None
    found = []
    for term, item in zip(terms.split(","), operands, strict=True):
        if result[0] in term:
            if type(item) is not Step or term.count(result[0]) > 1 or term[0] != result[0]:
                return None
            if item.shape[0] != step.shape[0]:
                return None
            found.append(item)
    return found


_RULES: dict[Any, Callable[[Step, Examples], Parts]] = {
    np.matmul: _of_product,
    np.dot: _of_product,
    turned_product: _of_product,
    einsum_of: _of_contraction,
    np.broadcast_to: _of_broadcast,
    operator.getitem: _of_places,
    np.take: _of_take,
    scatter: _of_scatter,
    assembled: _of_assembly,
    np.concatenate: _of_joining,
    np.stack: _of_joining,
}

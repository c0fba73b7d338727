"""Gathering: one large product, sum or gradient instead of many small ones.

A network that goes through a sequence step by step multiplies a few rows at a time. What does not need the step before
is computed for all steps at once: BLAS takes half the time for one product of 1,600 rows that it takes for 50 of 32.
"""

from __future__ import annotations

import operator
from collections import Counter, defaultdict
from typing import Any

import numpy as np

from tinygraph.compiler.kernels.assembly import assembled
from tinygraph.compiler.kernels.parts import part_written
from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.facts import TRANSPOSING
from tinygraph.compiler.program.predicates import is_basic, is_matrix_product
from tinygraph.compiler.program.reshaping import axes_of, is_reshape
from tinygraph.compiler.program.result_types import shape_of
from tinygraph.compiler.program.rewriting import calls_of, rewritten_by_originals, uses_of
from tinygraph.compiler.program.steps import Step, operands_of
from tinygraph.compiler.rewrites.partitions import cover_once, rows_of
from tinygraph.derivatives.indexing import scatter
from tinygraph.graph import Graph

__all__ = [
    "added",
    "assemble_gradients",
    "assemble_written",
    "gather_products",
    "sum_outer_products",
    "sum_products",
    "sums_in",
]

# So many products are worth gathering.
SEVERAL = 3

# Outer products of so many elements are worth stacking their vectors. A product of matrices (1800, 2) @ (2, 1400) takes
# 1.4 ms, where two outer products and their sum take 5.2; at 64 x 64 both take 10 us.
OUTER_ELEMENTS = 1 << 13

# Products of so many rows, made of as many, take no less time together.
LONG = 512

# The values kept for the sake of one sum have at most so many bytes.
KEPT_BYTES = 1 << 26


def gather_products(graph: Graph) -> Graph:
    """x[0] @ w, x[1] @ w, ...  ->  z = x.reshape(-1, 32) @ w; z[0], z[1], ...: for all of x in one product."""
    groups: dict[Any, set[int]] = defaultdict(set)
    for step in calls_of(graph):
        if (found := _product_of_slice(step)) is not None:
            base, axis, place, matrix = found
            groups[base.index, axis, matrix.index].add(place)
    made: dict[Any, Step] = {}

    def change(builder: Builder, step: Step, original: Step) -> Step | None:
        before = _product_of_slice(original)
        now = _product_of_slice(step)
        if before is None or now is None:
            return None
        base, axis, place, matrix = now
        key = (before[0].index, axis, before[3].index)
        if len(groups[key]) < max(SEVERAL, base.shape[axis]):
            return None
        if key not in made:
            flat = builder.call(step, np.reshape, base, (base.size // base.shape[-1], base.shape[-1]))
            product = builder.call(step, np.matmul, flat, matrix)
            made[key] = builder.call(step, np.reshape, product, (*base.shape[:-1], matrix.shape[1]))
        return builder.call(step, operator.getitem, made[key], (*[slice(None)] * axis, place) if axis else place)

    return rewritten_by_originals(graph, change)


def sum_products(graph: Graph) -> Graph:
    """h0.T @ d0 + h1.T @ d1 + h2.T @ d2  ->  H.T @ D, with h0, h1, h2 below each other in H, and so in D;
    np.sum(d0, axis=0) + np.sum(d1, axis=0) + np.sum(d2, axis=0)  ->  np.sum(D, axis=0).
    """
    sums = sums_in(graph)
    stacks: dict[Any, Step] = {}

    def change(builder: Builder, step: Step, original: Step) -> Step | None:
        terms = sums.get(original.index)
        return None if terms is None else _summed(builder, step, terms, stacks)

    return rewritten_by_originals(graph, change)


def sum_outer_products(graph: Graph) -> Graph:
    """np.outer(a, b) + 2 * np.outer(c, d)  ->  U.T @ V, with a and 2 * c below each other in U, and b and d in V."""
    sums = sums_in(graph)
    uses = uses_of(graph) if sums else None
    stacks: dict[Any, Step] = {}

    def change(builder: Builder, step: Step, original: Step) -> Step | None:
        terms = sums.get(original.index, ())
        if uses is None or step.size < OUTER_ELEMENTS:
            return None
        outer = {term.index: found for term in terms if (found := _outer(term, uses)) is not None}
        if len(outer) < 2:
            return None
        columns = [_scaled(builder, step, u, numbers) for u, _, numbers in outer.values()]
        rows = [builder.moved[v.index] for _, v, _ in outer.values()]
        rest = [builder.moved[term.index] for term in terms if term.index not in outer]
        left, right = [_rows(builder, step, vectors, stacks) for vectors in (columns, rows)]
        product = builder.call(step, np.matmul, builder.call(step, np.transpose, left), right)
        return added(builder, step, [*rest, product])

    return rewritten_by_originals(graph, change)


def assemble_gradients(graph: Graph) -> Graph:
    """scatter(a, [:, :4]) + scatter(b, [:, 4:])  ->  assembled([a, b]): each gradient is written to its place, where
    zeros around it would have been added up. So are those that are added up in another shape. Gradients at one place
    are added up there: scatter(a, 0) + scatter(b, 1) + scatter(c, 1)  ->  assembled([a, b + c]).
    """
    sums = sums_in(graph)

    def change(builder: Builder, step: Step, original: Step) -> Step | None:
        terms = sums.get(original.index, ())
        found = [(term, _padded(term)) for term in terms]  # one term may be added twice
        padded = [call for _, call in found if call is not None]
        shapes = {call.shape for call in padded}
        at_places: dict[str, list[Step]] = defaultdict(list)
        for call in padded:
            at_places[repr(call.args[1])].append(call)
        places = [calls[0].args[1] for calls in at_places.values()]
        if len(places) < 2 or len(shapes) > 1 or not cover_once(places, *shapes):
            return None
        if any(call.args[0].dtype != step.dtype for call in padded):
            return None
        parts = [
            added(builder, step, [builder.moved[call.args[0].index] for call in calls]) for calls in at_places.values()
        ]
        rest = [builder.moved[term.index] for term, call in found if call is None]
        whole = builder.kernel(step, assembled, *shapes, parts, places, *shapes)
        if whole.shape != step.shape:
            whole = builder.call(step, np.reshape, whole, step.shape)
        return added(builder, step, [*rest, whole])

    return rewritten_by_originals(graph, change)


def assemble_written(graph: Graph) -> Graph:
    """part_written(part_written(np.zeros(2), a, 0), b, 1)  ->  assembled([a, b]): nobody reads the zeros."""
    uses = uses_of(graph)
    chains: dict[int, list[Step]] = {}  # by the last write so far into zeros that nobody else reads in between
    for step in calls_of(graph):
        if step.function is part_written and len(step.args) == 3 and type(step.args[0]) is Step:
            base = step.args[0]
            chain = chains.pop(base.index, []) if uses[base.index] == 1 else []
            if chain or base.function is np.zeros or base.is_constant:
                chains[step.index] = [*chain, step]

    def change(builder: Builder, step: Step, original: Step) -> Step | None:
        writes = chains.get(original.index, ())
        values, places = [write.args[1] for write in writes], [write.args[2] for write in writes]
        if len(writes) < 2 or any(type(value) is not Step or value.dtype != step.dtype for value in values):
            return None
        part = np.broadcast_to(False, step.shape)
        if not all(map(is_basic, places)) or not cover_once(places, step.shape):
            return None
        if any(part[place].shape != value.shape for value, place in zip(values, places, strict=True)):
            return None
        return builder.kernel(step, assembled, step.shape, [builder.moved[v.index] for v in values], places, step.shape)

    return rewritten_by_originals(graph, change) if any(len(chain) > 1 for chain in chains.values()) else graph


def _padded(term: Step) -> Step | None:
    """Return the call that puts zeros around a gradient: the term itself, or what it gives another shape."""
    if is_reshape(term):
        term = term.args[0]
    return term if type(term) is Step and term.function is scatter and type(term.args[0]) is Step else None


# --- products and sums to gather --------------------------------------------------------------------------------------


def _product_of_slice(step: Step) -> tuple[Step, int, int, Step] | None:
    """Return x, the axis, 2 and w for x[2] @ w and x[:, 2] @ w, where x has three axes."""
    if not is_matrix_product(step) or step.args[0].function is not operator.getitem or 0 in step.shape:
        return None
    found = _slice_of(step.args[0])
    return None if found is None or len(found[0].shape) != 3 else (*found, step.args[1])


def _slice_of(step: Step) -> tuple[Step, int, int] | None:
    """Return x, the axis and 2 for x[2] and x[:, 2]."""
    if step.function is not operator.getitem:
        return None
    base, index = step.args
    if type(index) is int:
        return base, 0, index % base.shape[0]
    if type(index) is not tuple or len(index) != 2:
        return None
    if type(index[0]) is slice and index[0] == slice(None) and type(index[1]) is int:
        return base, 1, index[1] % base.shape[1]
    return None


def sums_in(graph: Graph) -> dict[int, list[Step]]:
    """Return the terms of each chain of additions of one shape, by the index of the call that ends it."""
    uses = uses_of(graph)
    terms: dict[int, list[Step]] = {}
    for step in calls_of(graph):
        if step.function is not np.add or not all(_adds(item, step) for item in step.args):
            continue
        found: list[Step] = []
        for item in step.args:
            if item.index in terms and uses[item.index] == 1 and item.section == step.section:
                inside = terms.pop(item.index)
                inside += found  # a chain of many grows at its end, and is not copied at each step
                found = inside
            else:
                found.append(item)
        terms[step.index] = found
    return terms


def _adds(item: Any, step: Step) -> bool:
    return type(item) is Step and item.shape == step.shape and item.dtype == step.dtype and bool(step.shape)


def _summed(builder: Builder, step: Step, terms: list[Step], stacks: dict[Any, Step]) -> Step | None:
    """Append a sum with its products gathered into one, and its sums over rows; None where nothing is gathered."""
    new = builder.moved
    # A backward pass goes from the last step of a sequence to the first: its sums are turned round.
    ordered = sorted(terms, key=lambda term: term.index, reverse=step.section == "backward")
    products = [term for term in ordered if is_matrix_product(term) and _is_transposed(term.args[0])]
    sums = [term for term in ordered if _sums_rows(term)]
    rest = [term for term in terms if term not in products and term not in sums]
    gathered: list[Step] = []
    few_rows = sum([term.args[1].shape[0] for term in products]) < LONG * len(products)
    if len(products) >= SEVERAL and few_rows and _bytes(products) <= KEPT_BYTES:
        left = _stacked(builder, step, [new[term.args[0].args[0].index] for term in products], stacks)
        right = _stacked(builder, step, [new[term.args[1].index] for term in products], stacks)
        gathered.append(builder.call(step, np.matmul, builder.call(step, np.transpose, left), right))
    else:
        rest += products
    if len(sums) >= SEVERAL and _bytes(sums) <= KEPT_BYTES:
        rows = _stacked(builder, step, [new[term.args[0].index] for term in sums], stacks)
        gathered.append(builder.call(step, np.sum, rows, axis=0, keepdims=len(step.shape) == 2))
    else:
        rest += sums
    if not gathered:
        return None
    return added(builder, step, [*[new[term.index] for term in rest], *gathered])


def _outer(step: Step, uses: Counter[int]) -> tuple[Step, Step, tuple[Any, ...]] | None:
    """Return u, v and numbers for np.outer(u, v) times the numbers, and for u * v where u is a column and v a row."""
    if step.kwargs or step.dtype.kind != "f" or len(step.shape) != 2 or 1 in step.shape or uses[step.index] > 1:
        return None
    if step.function not in (np.outer, np.multiply):
        return None
    first, second = step.args
    for number, other in ((first, second), (second, first)):
        if step.function is np.multiply and not shape_of(number) and type(other) is Step and other.dtype == step.dtype:
            found = _outer(other, uses)
            return found if found is None else (*found[:2], (*found[2], number))
    if any(type(item) is not Step or item.dtype != step.dtype for item in step.args):
        return None
    rows, columns = step.shape
    if step.function is np.multiply and first.shape != (rows, 1):
        first, second = second, first
    is_column = first.shape == ((rows,) if step.function is np.outer else (rows, 1))
    return (first, second, ()) if is_column and second.shape in ((columns,), (1, columns)) else None


def _rows(builder: Builder, like: Step, vectors: list[Step], stacks: dict[Any, Step]) -> Step:
    """Stack vectors below each other."""
    return _stacked(
        builder, like, [builder.call(like, np.reshape, vector, (1, vector.size)) for vector in vectors], stacks
    )


def _scaled(builder: Builder, like: Step, vector: Step, numbers: tuple[Any, ...]) -> Step:
    """Append a vector times numbers."""
    scaled = builder.moved[vector.index]
    for number in numbers:
        scaled = builder.call(
            like, np.multiply, scaled, builder.moved[number.index] if type(number) is Step else number
        )
    return scaled


def _is_transposed(step: Step) -> bool:
    return step.function in TRANSPOSING and axes_of(step) == (1, 0)


def _sums_rows(step: Step) -> bool:
    return (
        step.function is np.sum and type(step.args[0]) is Step and len(step.args[0].shape) == 2
        and step.dtype == step.args[0].dtype and step.dtype.kind == "f"
        and set(step.kwargs) <= {"axis", "keepdims"} and step.kwargs.get("axis") in (0, (0,))
    )  # fmt: skip


def _bytes(terms: list[Step]) -> int:
    return sum(operand.nbytes for term in terms for operand in operands_of(term))


def _stacked(builder: Builder, like: Step, parts: list[Step], stacks: dict[Any, Step]) -> Step:
    """Stack matrices below each other: in a view, where they are all slices of one array in order."""
    key = tuple([part.index for part in parts])
    if key not in stacks:
        slices = [_slice_of(part) for part in parts]
        base, axis, _ = slices[0] or (parts[0], 0, 0)
        whole = len(base.shape) == 3 and [*enumerate(parts)] == [
            (found[2], part) for found, part in zip(slices, parts, strict=True)
            if found is not None and found[0] is base and found[1] == axis
        ]  # fmt: skip
        if whole and len(parts) == base.shape[axis]:
            turned = base if axis == 0 else builder.call(like, np.transpose, base, (1, 0, 2))
            stacks[key] = builder.call(like, np.reshape, turned, (base.size // base.shape[2], base.shape[2]))
        else:
            places = rows_of([part.shape for part in parts])
            shape = (places[-1].stop, parts[0].shape[1])
            stacks[key] = builder.kernel(like, assembled, shape, parts, places, shape)
    return stacks[key]


def added(builder: Builder, like: Step, terms: list[Step]) -> Step:
    """Return the sum of some values, as new calls."""
    total = terms[0]
    for term in terms[1:]:
        total = builder.call(like, np.add, total, term)
    return total

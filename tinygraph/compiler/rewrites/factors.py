"""Factors that all rows have in common: one number for each column. They are taken out of sums, and gathered.

The gradient of batch normalization is a sum of terms, each of them an array with a row for each pixel times a number
for each channel. Of such a sum over all pixels the factors are taken out: what is left is the sums that other gradients
take, too, and none of them waits for another one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.rewriting import rewritten, rewritten_by_originals, uses_of
from tinygraph.compiler.program.steps import Step, operands_of
from tinygraph.derivatives.reductions import reduced_axes
from tinygraph.graph import Graph

__all__ = ["factors_behind_sums", "gather_factors"]

# So many calls are looked through for factors.
DEPTH = 8


@dataclass(frozen=True)
class Term:
    """A term of a sum: an array times and over rows.

    Attributes:
        array: with the shape of the sum's operand.
        factors: each np.multiply or np.divide, and a row.
        negative: whether it is subtracted.
    """

    array: Step
    factors: tuple[tuple[Any, Step], ...] = ()
    negative: bool = False


def factors_behind_sums(graph: Graph) -> Graph:
    """np.sum(x * c, axis=0)  ->  np.sum(x, axis=0) * c, for c with one row;
    s = np.sum(x * y, axis=0); np.sum(x + y * s, axis=0)  ->  np.sum(x, axis=0) + np.sum(y, axis=0) * s.

    A sum of terms is divided where it waits for another sum, and its terms do not.
    """
    waits: list[int] = []  # by a step's index how many sums come before it, one after the other

    def change(builder: Builder, step: Step) -> Step | None:
        if not _sums_rows(step) or step.dtype.char not in "fd" or step.args[0].dtype != step.dtype:
            return None
        for before in builder.steps[len(waits) :]:
            most = max([waits[operand.index] for operand in operands_of(before)], default=0)
            waits.append(most + _sums_rows(before))
        x = step.args[0]
        terms = _terms(builder, x, DEPTH)
        if len(terms) > 1 and max([_waits_of(term.array, waits) for term in terms]) >= waits[x.index]:
            terms = [_as_one(builder, x, DEPTH)]
        if terms == [Term(x)]:
            return None
        total = _added(builder, step, terms)
        return total if total.shape == step.shape else builder.call(step, np.reshape, total, step.shape)

    return rewritten(graph, change)


def _sums_rows(step: Step) -> bool:
    """Return whether a call adds up rows, and leaves one."""
    if step.function is not np.sum or len(step.args) != 1 or not {*step.kwargs} <= {"axis", "keepdims"}:
        return False
    x = step.args[0]
    if type(x) is not Step or len(x.shape) < 2 or not 1 < math.prod(x.shape[:-1]) < x.size:
        return False
    return {*reduced_axes(step.kwargs.get("axis"), len(x.shape))} == {*range(len(x.shape) - 1)}


def _waits_of(x: Step, waits: Sequence[int]) -> int:
    """Return how many sums come before a value: products that were just made wait for their operands."""
    if x.index < len(waits):
        return waits[x.index]
    return max([_waits_of(operand, waits) for operand in operands_of(x)])


def _is_row(x: Any, like: Step) -> bool:
    """Return whether an operand is one row, or one number, for all rows of an array."""
    return type(x) is Step and x.dtype == like.dtype and math.prod(x.shape[-1:]) == x.size and x.size <= like.shape[-1]


def _is_array(x: Any, like: Step) -> bool:
    return type(x) is Step and x.shape == like.shape and x.dtype == like.dtype


def _factor_of(x: Step) -> tuple[Step, tuple[Any, Step]] | None:
    """Return the array and the factor of a product with a row, or of a quotient; None for anything else."""
    if x.kwargs or x.function not in (np.multiply, np.divide) or not math.prod(x.shape[-1:]) < x.size:
        return None
    y, row = x.args
    if x.function is np.multiply and _is_row(y, x):
        y, row = row, y
    return (y, (x.function, row)) if _is_row(row, x) and _is_array(y, x) else None


def _is_product(x: Step) -> bool:
    """Return whether a call multiplies two arrays, and none of them is a row."""
    return x.function is np.multiply and not x.kwargs and all([_is_array(item, x) for item in x.args])


def _as_one(builder: Builder, x: Step, depth: int) -> Term:
    """Return an array as one term."""
    if depth and x.function is np.negative and _is_array(x.args[0], x):
        term = _as_one(builder, x.args[0], depth - 1)
        return replace(term, negative=not term.negative)
    if depth and (found := _factor_of(x)) is not None:
        term = _as_one(builder, found[0], depth - 1)
        return replace(term, factors=(*term.factors, found[1]))
    if depth and _is_product(x):
        first, second = [_as_one(builder, item, depth - 1) for item in x.args]
        if first.array is not x.args[0] or second.array is not x.args[1]:
            product = builder.call(x, np.multiply, first.array, second.array)
            return Term(product, first.factors + second.factors, first.negative != second.negative)
    return Term(x)


def _terms(builder: Builder, x: Step, depth: int) -> list[Term]:
    """Return the terms of an array that is a sum of arrays, times factors."""
    if depth and not x.kwargs and all([_is_array(item, x) for item in x.args]):
        if x.function in (np.add, np.subtract):
            first, second = [_terms(builder, item, depth - 1) for item in x.args]
            minus = x.function is np.subtract
            return [*first, *[replace(term, negative=term.negative != minus) for term in second]]
        if x.function is np.negative:
            return [replace(term, negative=not term.negative) for term in _terms(builder, x.args[0], depth - 1)]
    if depth and (found := _factor_of(x)) is not None:
        terms = _terms(builder, found[0], depth - 1)
        return [replace(term, factors=(*term.factors, found[1])) for term in terms]
    return [_as_one(builder, x, depth)]


def _added(builder: Builder, step: Step, terms: Sequence[Term]) -> Step:
    """Append the sum of all terms: of each the sum of its array, times its factors."""
    shape = step.args[0].shape[-1:]
    axes = tuple(range(len(step.args[0].shape) - 1))
    result: Step | None = None
    for term in sorted(terms, key=lambda term: term.negative):
        total = builder.call(step, np.sum, term.array, axis=axes if len(axes) > 1 else 0)
        for function, row in term.factors:
            row = builder.call(step, np.reshape, row, shape if row.size > 1 else ()) if len(row.shape) > 1 else row
            total = builder.call(step, function, total, row)
        if result is not None:
            result = builder.call(step, np.subtract if term.negative else np.add, result, total)
        else:
            result = builder.call(step, np.negative, total) if term.negative else total
    assert result is not None
    return result


def gather_factors(graph: Graph) -> Graph:
    """x / c * d  ->  x * (d / c), x * c + x * d  ->  x * (c + d), for c and d with one row.

    Nobody else wants the parts. The results are the same to rounding.
    """
    uses = uses_of(graph)

    def change(builder: Builder, step: Step, original: Step) -> Step | None:
        if step.kwargs or step.dtype.char not in "fd":
            return None
        if step.function is np.add:
            return _one_product(builder, step, original, uses)
        found = _factor_of(step)
        inner = None if found is None else _factor_of(found[0])
        if found is None or inner is None or uses[_old(step, original, found[0])] != 1:
            return None
        (_, (last, row)), (x, (first, other)) = found, inner
        if first is np.multiply or last is np.divide:
            function = np.multiply if first is last else np.divide
            return builder.call(step, first, x, builder.call(step, function, other, row))
        return builder.call(step, np.multiply, x, builder.call(step, np.divide, row, other))

    return rewritten_by_originals(graph, change)


def _old(step: Step, original: Step, operand: Step) -> int:
    """Return the index that an operand had in the graph before."""
    index: int = original.args[0 if step.args[0] is operand else 1].index
    return index


def _one_product(builder: Builder, step: Step, original: Step, uses: Any) -> Step | None:
    """Append x * c + x * d as one product, and (y + x * c) + x * d."""
    for place in (1, 0):
        item, other, old = step.args[place], step.args[1 - place], original.args[1 - place]
        if not _is_array(item, step) or not _is_array(other, step):
            return None
        product = _factor_of(item)
        if product is None or product[1][0] is not np.multiply:
            continue
        at = original.args[place].index
        if other.function is np.add and not other.kwargs and uses[old.index] == 1:
            choices = [(other.args[k], old.args[k], other.args[1 - k]) for k in (1, 0)]
        else:
            choices = [(other, old, None)]
        for same, before, rest in choices:
            fellow = _factor_of(same) if type(same) is Step and _is_array(same, step) else None
            if fellow is None or fellow[0] is not product[0] or fellow[1][0] is not np.multiply:
                continue
            if uses[at] > 1 + (before.index == at) or uses[before.index] > 1 + (before.index == at):
                continue
            factor = builder.call(step, np.add, fellow[1][1], product[1][1])
            both = builder.call(step, np.multiply, product[0], factor)
            return both if rest is None else builder.call(step, np.add, rest, both)
    return None

"""Contractions: an einsum of two arrays, or the sum of a product, as one product."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.cost import FEW
from tinygraph.compiler.program.predicates import is_plain_reduction
from tinygraph.compiler.program.rewriting import rewritten, rewritten_by_originals, uses_of
from tinygraph.compiler.program.steps import Step
from tinygraph.derivatives.products import einsum_of
from tinygraph.derivatives.reductions import reduced_axes
from tinygraph.graph import Graph

__all__ = ["contractions_as_products", "sums_of_products", "weighted_sums"]

# An einsum of so many multiplications takes as long as the calls that turn its operands.
MULTIPLICATIONS = 4_000

# OpenBLAS adds up so many products of float64 numbers on one thread. Of 5,000 the product takes 0.9 microseconds, and
# NumPy's two calls take 2.3.
ONE_THREAD = 10_000

Letters = tuple[str, ...]


def contractions_as_products(graph: Graph) -> Graph:
    """einsum("bqhd,bkhd->bhqk", q, k)  ->  q.transpose(0, 2, 1, 3) @ k.transpose(0, 2, 3, 1);
    einsum("bqk,bc->bkc", x, g)  ->  np.sum(x, axis=1)[:, :, None] * g[:, None].

    NumPy's einsum adds up element by element, BLAS is up to fifty times faster.
    """

    def change(builder: Builder, step: Step) -> Step | None:
        if (pair := _operands(step)) is None or (terms := _letters(step.args[0])) is None:
            return None
        (x, y), (left, right, result) = pair, terms
        sizes = dict(zip(left + right, x.shape + y.shape, strict=True))
        if (*x.shape, *y.shape) != tuple(map(sizes.__getitem__, left + right)):
            return None  # an axis of size 1 that is repeated
        if math.prod(sizes.values()) < MULTIPLICATIONS:
            return None
        x, left = _summed_alone(builder, step, x, left, {*right, *result})
        y, right = _summed_alone(builder, step, y, right, {*left, *result})
        if result and result[0] in {*right} - {*left}:  # what the result begins with stands on the left of a product
            (x, left), (y, right) = (y, right), (x, left)
        both = [letter for letter in left if letter in right]
        rows, summed = [c for c in both if c in result], [c for c in both if c not in result]
        mine, others = [c for c in left if c not in right], [c for c in right if c not in left]
        if not summed:
            return builder.call(step, np.multiply, *[
                _spread(builder, step, item, letters, result) for item, letters in ((x, left), (y, right))
            ])  # fmt: skip
        # The axes that are not added up stand as in the result: fewer have to be turned afterwards.
        rows, mine, others = (sorted(part, key=result.index) for part in (rows, mine, others))
        product = _product(builder, step, [(x, left, mine), (y, right, others)], rows, summed, sizes)
        return _turned(builder, step, product, [*rows, *mine, *others], result)

    return rewritten(graph, change)


def sums_of_products(graph: Graph) -> Graph:
    """np.sum(x * y)  ->  np.vdot(x, y), where nobody else wants the product: of few numbers in float32."""
    uses = uses_of(graph)

    def change(builder: Builder, step: Step, original: Step) -> Step | None:
        if step.function is not np.sum or step.shape or not is_plain_reduction(step) or step.dtype.char not in "fd":
            return None
        product = step.args[0]
        most = ONE_THREAD if step.dtype.char == "d" else FEW
        if type(product) is not Step or not 1 < product.size <= most or uses[original.args[0].index] != 1:
            return None
        factors = product.args if product.function is np.multiply and not product.kwargs else ()
        like = (product.shape, step.dtype)
        if len(factors) != 2 or any([type(x) is not Step or (x.shape, x.dtype) != like for x in factors]):
            return None
        return builder.call(step, np.vdot, *factors)

    return rewritten_by_originals(graph, change)


def weighted_sums(graph: Graph) -> Graph:
    """np.sum(x * w, axis=1)  ->  x @ w; np.sum(c * x, axis=0)  ->  c.reshape(8) @ x, for w with one row and c with one
    column, where nobody else wants the product.
    """
    uses = uses_of(graph)

    def change(builder: Builder, step: Step, original: Step) -> Step | None:
        if step.function is not np.sum or not is_plain_reduction(step) or step.dtype.char not in "fd":
            return None
        product = step.args[0]
        if type(product) is not Step or product.function is not np.multiply or product.kwargs:
            return None
        if uses[original.args[0].index] != 1 or product.size < MULTIPLICATIONS or product.dtype != step.dtype:
            return None
        last, axes = len(product.shape) - 1, reduced_axes(step.kwargs.get("axis"), len(product.shape))
        for x, weights in (product.args, product.args[::-1]):
            if type(x) is not Step or type(weights) is not Step or x.shape != product.shape:
                continue
            if not x.dtype == weights.dtype == step.dtype or weights.size == 1:
                continue
            row = (1,) * last + product.shape[-1:]
            if axes == (last,) and row[-len(weights.shape) :] == weights.shape and row[-1] <= FEW:
                found = builder.call(step, np.matmul, x, _shaped(builder, step, weights, product.shape[-1:]))
            elif axes == tuple(range(last)) and weights.shape == (*product.shape[:-1], 1):
                rows = math.prod(product.shape[:-1])
                flat = _shaped(builder, step, x, (rows, product.shape[-1]))
                found = builder.call(step, np.matmul, _shaped(builder, step, weights, (rows,)), flat)
            else:
                continue
            return _shaped(builder, step, found, step.shape)
        return None

    return rewritten_by_originals(graph, change)


def _operands(step: Step) -> tuple[Step, Step] | None:
    """Return the two arrays of an einsum that BLAS has a product for; None for any other call."""
    if step.function is einsum_of:
        operands = step.args[2:]
    elif step.function is np.einsum and isinstance(step.args[0], str) and step.kwargs.keys() <= {"optimize"}:
        operands = step.args[1:]
    else:
        return None
    if len(operands) != 2 or step.dtype.char not in "fd":
        return None
    x, y = operands
    if type(x) is not Step or type(y) is not Step or not x.dtype == y.dtype == step.dtype or 0 in x.shape + y.shape:
        return None
    return x, y


def _letters(subscripts: str) -> tuple[Letters, Letters, Letters] | None:
    """Return the letters of both operands and of the result; None if one has a letter twice or an ellipsis."""
    text = subscripts.replace(" ", "")
    if "." in text:
        return None
    operands, arrow, result = text.partition("->")
    left, right = map(tuple, operands.split(","))
    if not arrow:
        result = "".join(sorted(letter for letter in {*left, *right} if (left + right).count(letter) == 1))
    if any(len({*term}) < len(term) for term in (left, right)):
        return None
    return left, right, tuple(result)


def _summed_alone(
    builder: Builder, step: Step, x: Step, letters: Letters, elsewhere: set[str]
) -> tuple[Step, Letters]:  # fmt: skip
    """Return an operand without the axes that nothing else has, added up, and its letters."""
    alone = tuple([axis for axis, letter in enumerate(letters) if letter not in elsewhere])
    if not alone:
        return x, letters
    left = tuple([letter for letter in letters if letter in elsewhere])
    if all([x.shape[axis] == 1 for axis in alone]):
        return _shaped(builder, step, x, [x.shape[letters.index(letter)] for letter in left]), left
    return builder.call(step, np.sum, x, axis=alone if len(alone) > 1 else alone[0], keepdims=False), left


def _spread(builder: Builder, step: Step, x: Step, letters: Letters, result: Letters) -> Step:
    """Return an operand with its axes in the order of the result, and axes of size 1 where the result has others."""
    x = _turned(builder, step, x, letters, [letter for letter in result if letter in letters])
    sizes = iter(x.shape)
    return _shaped(builder, step, x, [next(sizes) if letter in letters else 1 for letter in result])


def _product(
    builder: Builder, step: Step, operands: Sequence[tuple[Step, Letters, list[str]]], rows: list[str],
    summed: list[str], sizes: dict[str, int],
) -> Step:  # fmt: skip
    """Append the product of two operands, with the axes `rows`, then those of the left and of the right alone.

    Args:
        operands: each with its letters, and those that it has alone.
    """
    (x, left, mine), (y, right, others) = operands
    x = _matrices(builder, step, x, left, (rows, mine, summed), sizes)
    y = _matrices(builder, step, y, right, (rows, summed, others), sizes)
    product = builder.call(step, np.matmul, x, y)
    return _shaped(builder, step, product, [sizes[letter] for letter in [*rows, *mine, *others]])


def _matrices(
    builder: Builder, step: Step, x: Step, letters: Letters, parts: tuple[list[str], list[str], list[str]],
    sizes: dict[str, int],
) -> Step:  # fmt: skip
    """Return an operand as matrices: the first axis that it has stays the first, so that its examples stay apart."""
    front, rows, columns = parts
    count, width = (math.prod(sizes[letter] for letter in part) for part in (rows, columns))
    if not front and letters[0] in columns and rows:
        x = _turned(builder, step, x, letters, [*columns, *rows])
        return builder.call(step, np.transpose, _shaped(builder, step, x, [width, count]))
    x = _turned(builder, step, x, letters, [*front, *rows, *columns])
    return _shaped(builder, step, x, [*[sizes[letter] for letter in front], count, width])


def _turned(builder: Builder, step: Step, x: Step, letters: Iterable[str], wanted: Sequence[str]) -> Step:
    """Return an array with its axes in another order."""
    places = list(letters)
    axes = tuple([places.index(letter) for letter in wanted])
    return x if axes == tuple(range(len(axes))) else builder.call(step, np.transpose, x, axes)


def _shaped(builder: Builder, step: Step, x: Step, shape: Sequence[int]) -> Step:
    return x if x.shape == tuple(shape) else builder.call(step, np.reshape, x, tuple(shape))

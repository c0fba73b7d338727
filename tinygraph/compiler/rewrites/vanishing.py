"""Vanishing sums: what is 0 whatever the numbers are is not computed.

The maximum that a softmax by hand subtracts has a gradient that is 0, and so has the mean of a variance: a shift of all
numbers of a row changes neither. A computed gradient is what rounding leaves of 0, at the price of the other half.

A value is written as a sum of products of other values and of their sums over the same axes; where all products cancel,
it is 0. Axes that are exchanged in between change neither products nor sums. Only gradients are dropped: a program that
computes such a sum wants what rounding leaves, or the NaN in it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.facts import TRANSPOSING
from tinygraph.compiler.program.predicates import is_choice_of_zero, is_plain_reduction
from tinygraph.compiler.program.reshaping import axes_of, is_reshape
from tinygraph.compiler.program.rewriting import rewritten
from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.rewrites.arithmetic import number
from tinygraph.derivatives.reductions import reduced_axes
from tinygraph.graph import Graph

__all__ = ["drop_vanishing"]

# A value of more products than these, or of calls within calls, is taken as one value.
PRODUCTS, DEPTH = 8, 24
# Factors of an expansion that differ by less are those of numbers that were rounded.
ROUNDED = {"f": 1e-6, "d": 1e-14}

# The powers of the factors of a product, by what a factor is: a step by its index and the order of its axes, or the sum
# of a product.
Product = frozenset[tuple[Any, int]]
Expansion = dict[Product, float]


def drop_vanishing(graph: Graph) -> Graph:
    """s + np.sum(c * (x - np.sum(x) / n)) * y  ->  s, where the sums go over the same n numbers, for which c is one.
    This is done in gradients alone.
    """
    zeros: set[int] = set()

    def change(builder: Builder, step: Step) -> Step | None:
        args = step.args
        if step.kwargs and not is_plain_reduction(step):
            return None
        is_zero = [type(item) is Step and item.index in zeros for item in args]
        if step.function in (np.add, np.subtract) and any(is_zero):
            return _without_zero(builder, step, is_zero)
        if _stays_zero(step, is_zero) or _vanishes(step):
            zeros.add(builder.add(step).index)
            return builder.steps[-1]
        return None

    return rewritten(graph, change)


def _stays_zero(step: Step, is_zero: list[bool]) -> bool:
    """Return whether a call makes 0 of operands that are 0."""
    if step.function is np.multiply or is_choice_of_zero(step):
        return any(is_zero)
    passes = step.function in (np.negative, np.broadcast_to, np.divide) or is_reshape(step)
    return passes and is_zero[0]


def _without_zero(builder: Builder, step: Step, is_zero: list[bool]) -> Step | None:
    """Return the other term of a sum with 0."""
    first, second = step.args
    other = first if is_zero[1] else second
    if type(other) is not Step or other.dtype != step.dtype or other.shape != step.shape:
        return None
    return builder.call(step, np.negative, other) if other is second and step.function is np.subtract else other


def _vanishes(step: Step) -> bool:
    """Return whether a sum of a gradient over some axes, or a sum of such sums, is 0."""
    if step.section != "backward" or step.dtype.char not in ROUNDED:
        return False
    if step.function not in (np.sum, np.add, np.subtract):
        return False
    reduction = step if step.function is np.sum else _reduction(step.args[0]) and _reduction(step.args[1])
    if type(reduction) is not Step or not is_plain_reduction(reduction) or type(reduction.args[0]) is not Step:
        return False
    whole = reduction.args[0].shape
    axes = reduced_axes(reduction.kwargs.get("axis"), len(whole))
    if not axes or len(axes) == len(whole) or reduction.args[0].size == reduction.size:
        return False
    return _Rows(whole, frozenset(axes), ROUNDED[step.dtype.char]).expansion(step) == {}


def _reduction(item: Any) -> Step | None:
    """Return the sum that a value is, but for its sign and shape."""
    while type(item) is Step and (is_reshape(item) or item.function is np.negative):
        item = item.args[0]
    return item if type(item) is Step and item.function is np.sum else None


class _Rows:
    """The expansions of values whose sums go over the same axes.

    Args:
        whole: the shape of what is added up.
        axes: over which.
        rounded: see `ROUNDED`.
        order: the axis of the first of such values for each axis.
        first: the first, whose axes are exchanged here.
    """

    def __init__(
        self, whole: tuple[int, ...], axes: frozenset[int], rounded: float, order: tuple[int, ...] = (),
        first: _Rows | None = None,
    ) -> None:  # fmt: skip
        self._whole = whole
        self._order = order or tuple(range(len(whole)))
        self._axes = axes
        self._count = math.prod([whole[axis] for axis in axes])
        self._kept = tuple([1 if axis in axes else size for axis, size in enumerate(whole)])
        self._left = tuple([size for axis, size in enumerate(whole) if axis not in axes])
        # Of the first axes a sum broadcasts as it is.
        self._broadcast = (self._left,) if (1,) * len(axes) + self._left == self._kept else ()
        self._rounded = rounded
        self._known: dict[int, Expansion] = {}
        # By the order of axes the rows in it, and whether a factor is one number for each row.
        self._turned: dict[tuple[int, ...], _Rows] = {self._order: self} if first is None else first._turned
        self._of_rows: dict[Any, bool] = {} if first is None else first._of_rows

    def expansion(self, item: Any, depth: int = DEPTH) -> Expansion:
        """Return a value as products with their factors."""
        if type(item) is not Step:
            value = number(item)
            return {frozenset(): float(value)} if value is not None else self._atom(id(item), False)
        if item.index not in self._known:
            self._known[item.index] = self._expanded(item, depth)
        return self._known[item.index]

    def _expanded(self, step: Step, depth: int) -> Expansion:
        value = number(step) if step.is_constant else None
        if value is not None:
            return {frozenset(): float(value)}
        if depth and step.function is np.sum and self._adds_up(step):
            return self._sum(self.expansion(step.args[0], depth - 1))
        if depth and step.function in TRANSPOSING and type(step.args[0]) is Step:
            before = self._before(step)
            if before is not None:
                return before.expansion(step.args[0], depth - 1)
        if depth and is_reshape(step) and step.shape in (self._kept, self._left):
            # One number for each row is so in every order of axes, which is seen by the axes that were kept.
            rows = [each for each in (self, *self._turned.values()) if step.args[0].shape in (each._kept, each._left)]
            if rows:
                return rows[0].expansion(step.args[0], depth - 1)
        rule = _RULES.get(step.function) if depth and not step.kwargs and self._is_aligned(step) else None
        if rule is not None:
            found = rule(self, *[self.expansion(item, depth - 1) for item in step.args])
            if found is not None and len(found) <= PRODUCTS:
                return found
        of_rows = step.shape in (self._kept, self._left) and step.shape != self._whole
        return self._atom(step.index if of_rows else (step.index, self._order), of_rows)

    def _before(self, step: Step) -> _Rows | None:
        """Return the rows of the operand of a transpose; None if they stand in another order there."""
        if step.shape not in (self._whole, self._kept):
            return None
        axes = axes_of(step)
        back = [axes.index(axis) for axis in range(len(axes))]  # for each axis of the operand that of the result
        left = [axis for axis in back if axis not in self._axes]
        if left != sorted(left):
            return None
        order = tuple([self._order[axis] for axis in back])
        if order not in self._turned:
            summed = frozenset([place for place, axis in enumerate(back) if axis in self._axes])
            whole = tuple([self._whole[axis] for axis in back])
            self._turned[order] = _Rows(whole, summed, self._rounded, order, self)
        return self._turned[order]

    def _atom(self, key: Any, of_rows: bool) -> Expansion:
        self._of_rows[key] = of_rows
        return {frozenset([(key, 1)]): 1.0}

    def _adds_up(self, step: Step) -> bool:
        same = is_plain_reduction(step) and step.args[0].shape == self._whole
        return same and frozenset(reduced_axes(step.kwargs.get("axis"), len(self._whole))) == self._axes

    def _is_aligned(self, step: Step) -> bool:
        """Return whether all operands are whole, one number for each row, or one number."""
        shapes = [item.shape for item in step.args if type(item) is Step and item.shape]
        if step.shape == self._whole:
            return all([shape in (self._whole, self._kept, *self._broadcast) for shape in shapes])
        return step.shape in (self._kept, self._left) and all([shape == step.shape for shape in shapes])

    def _sum(self, terms: Expansion) -> Expansion:
        """Return the sum over the axes: factors that are one number for each row stand before it."""
        found: list[Expansion] = []
        for product, factor in terms.items():
            before = frozenset([item for item in product if self._of_rows[item[0]]])
            inside = product - before
            if not inside:
                found.append({before: factor * self._count})
                continue
            self._of_rows["sum", inside] = True
            found.append({_multiplied(before, frozenset([(("sum", inside), 1)])): factor})
        return self.added(*found)

    def added(self, *terms: Expansion) -> Expansion:
        """Return a sum, without the products that cancel."""
        total: Expansion = {}
        largest: Expansion = {}
        for each in terms:
            for product, factor in each.items():
                total[product] = total.get(product, 0.0) + factor
                largest[product] = max(largest.get(product, 0.0), abs(factor))
        return {product: factor for product, factor in total.items() if abs(factor) > self._rounded * largest[product]}

    def multiplied(self, one: Expansion, other: Expansion) -> Expansion:
        """Return a product."""
        return self.added(*[{_multiplied(a, b): x * y} for a, x in one.items() for b, y in other.items()])

    def divided(self, one: Expansion, other: Expansion) -> Expansion | None:
        """Return a quotient, of a divisor that is one product."""
        if len(other) != 1:
            return None
        ((product, factor),) = other.items()
        return self.multiplied(one, {frozenset([(key, -power) for key, power in product]): 1 / factor})


def _multiplied(one: Product, other: Product) -> Product:
    powers = dict(one)
    for key, power in other:
        powers[key] = powers.get(key, 0) + power
    return frozenset([(key, power) for key, power in powers.items() if power])


_MINUS_ONE: Expansion = {frozenset(): -1.0}
_RULES: dict[Any, Callable[..., Expansion | None]] = {
    np.add: lambda rows, x, y: rows.added(x, y),
    np.subtract: lambda rows, x, y: rows.added(x, rows.multiplied(_MINUS_ONE, y)),
    np.multiply: lambda rows, x, y: rows.multiplied(x, y),
    np.divide: lambda rows, x, y: rows.divided(x, y),
    np.negative: lambda rows, x: rows.multiplied(_MINUS_ONE, x),
    np.square: lambda rows, x: rows.multiplied(x, x),
}

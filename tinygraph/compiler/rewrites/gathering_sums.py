"""Gathering sums: what a loop adds up, and does not read on its way, is added up after it, all terms at once.

for h_t, d_t in ...:            for h_t, d_t in zip(h, all_d):
    d_w = d_w + h_t.T @ d_t         ...
    d_b = d_b + d_t.sum(axis=0)     all_d: the loop keeps d_t of every iteration
                                d_w = h.reshape(-1, 32).T @ all_d.reshape(-1, 128)
                                d_b = all_d.reshape(-1, 128).sum(axis=0)
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.counting import Affine, AtCount
from tinygraph.compiler.program.facts import TRANSPOSING
from tinygraph.compiler.program.predicates import is_elementwise, is_matrix_product, is_plain_reduction
from tinygraph.compiler.program.reshaping import axes_of, is_reshape
from tinygraph.compiler.program.rewriting import uses_of
from tinygraph.compiler.program.rows import FROM_END, axis_first, counted_axis, in_order, places_of
from tinygraph.compiler.program.steps import Step, operands_of
from tinygraph.compiler.rewrites.changing_loops import Changed, OldLoop, loops_changed, old_loop
from tinygraph.compiler.rewrites.gathering import KEPT_BYTES
from tinygraph.compiler.rewrites.gathering_rows import of_all_rows
from tinygraph.derivatives.indexing import scatter
from tinygraph.derivatives.reductions import reduced_axes
from tinygraph.graph import Graph

__all__ = ["gather_sums"]

# Called with the values in all iterations of some values of the body: what makes the sum of them.
Sum = Callable[[Builder, dict[int, Step]], Step]


@dataclass(frozen=True, eq=False)
class _Plan:
    """A way to make a carried sum of all its terms at once.

    Attributes:
        needed: the values of the body that it is made of.
        total: makes it of their values in all iterations.
        in_any_order: whether these may be in any order of the iterations, the same for all; else in that of the loop.
    """

    needed: list[Step]
    total: Sum
    in_any_order: bool = True


def gather_sums(graph: Graph) -> Graph:
    """for t in ...: d_w = d_w + h_t.T @ d_t  ->  for t in ...: all_d[t] = d_t; d_w = d_w + H.T @ all_d."""
    return loops_changed(graph, _gathered)


def _gathered(builder: Builder, step: Step, read: set[int]) -> Changed | None:
    old = old_loop(builder, step)
    found = {number: plan for number in range(old.loop.carried) if (plan := _plan_of(old, number)) is not None}
    if not found:
        return None
    stacks = list(old.loop.stacks)
    for plan in found.values():
        stacks += [value for value in plan.needed if value not in stacks and not old.is_row(value)]
    carried = [number for number in range(old.loop.carried) if number not in found]
    loop = old.new_loop(builder, carried, stacks, old.loop.lasts)
    results: dict[int, Step] = {}
    rows: dict[bool, dict[int, Step]] = {True: {}, False: {}}
    backwards = _goes_backwards(old, list(found.values()))
    for number in sorted(read):
        if number in found:
            plan = found[number]
            turned = backwards and plan.in_any_order
            for value in plan.needed:
                if value.index not in rows[turned]:
                    rows[turned][value.index] = _all_of(builder, old, value, loop, len(carried), stacks, turned)
            results[number] = _added(builder, old, number, plan.total(builder, rows[turned]))
        elif number < old.loop.carried:
            results[number] = old.result(builder, loop, carried.index(number))
        elif number < old.loop.carried + old.loop.stacked:
            results[number] = old.result(builder, loop, number - old.loop.carried + len(carried))
        else:
            results[number] = old.result(
                builder, loop, number - old.loop.carried - old.loop.stacked + len(carried) + len(stacks)
            )
    return loop, results


def _goes_backwards(old: OldLoop, plans: list[_Plan]) -> bool:
    """Return whether a loop reads all rows that its sums need from the last one on, and keeps values for them alone.

    A reverse pass does. The sums then take the rows as they lie, and what is kept is turned instead, which costs
    nothing: each iteration writes to its place from the end.
    """
    needed = [value for plan in plans if plan.in_any_order for value in plan.needed]
    rows = [value for value in needed if old.is_row(value)]
    kept = [value for value in needed if not old.is_row(value)]
    return (
        bool(rows)
        and all([_last_index(row.args[1]).step < 0 for row in rows])
        and not any([value in old.loop.stacks for value in kept])
    )


def _last_index(index: Any) -> Affine:
    last: Affine = index[-1] if type(index) is tuple else index
    return last


def _all_of(
    builder: Builder, old: OldLoop, value: Step, loop: Step, carried: int, stacks: list[Step], turned: bool
) -> Step:  # fmt: skip
    """Return the values of all iterations, along axis 0: in the order of the iterations, or from the last one on."""
    count = old.loop.count
    if old.is_row(value):
        base, index = value.args
        if turned:
            at = _last_index(index)
            at = Affine(at.at(count - 1) % base.shape[len(index) - 1 if type(index) is tuple else 0], -at.step)
            index = (*index[:-1], at) if type(index) is tuple else at
        return in_order(builder, value, old.known(builder, base), index, count)
    kept = old.result(builder, loop, carried + stacks.index(value))
    return builder.call(kept, operator.getitem, kept, FROM_END) if turned else kept


def _added(builder: Builder, old: OldLoop, number: int, total: Step) -> Step:
    """Append the sum of the first value and of all terms."""
    first = old.firsts[number]
    if _is_negative_zero(first):
        return total
    return builder.call(old.loop.nexts[number], np.add, first, total)


def _is_negative_zero(step: Step) -> bool:
    """Return whether a value is -0.0 everywhere: x + -0.0 is x to the bit."""
    if step.function is np.broadcast_to:
        step = step.args[0]
    value = step.value if type(step) is Step and step.is_constant else None
    return value is not None and value.dtype.kind == "f" and bool(np.all((value == 0) & np.signbit(value)))


# --- one sum ----------------------------------------------------------------------------------------------------------


def _plan_of(old: OldLoop, number: int) -> _Plan | None:
    """Return how a carried sum is made of all its terms; None where it stays."""
    inner, following = old.carried[number], old.loop.nexts[number]
    if following.function is not np.add or following.kwargs or following.shape != inner.shape:
        return None
    uses = _uses(old)
    if uses[inner.index] != 1 or uses[following.index] != 1 or inner.dtype != following.dtype:
        return None
    x, y = following.args
    term = y if x is inner else x if y is inner else None
    if type(term) is not Step or term.shape != inner.shape or term.dtype != inner.dtype or term.dtype.kind not in "fc":
        return None
    for form in (_of_products, _of_outer_products, _of_sums, _of_places):
        plan = form(old, term, uses)
        if plan is not None:
            new = [value for value in plan.needed if not old.is_row(value) and value not in old.loop.stacks]
            if old.loop.count * sum([value.nbytes for value in new]) <= KEPT_BYTES:
                return plan
    return None


def _uses(old: OldLoop) -> Counter[int]:
    return uses_of(old.loop.body)


def _of_products(old: OldLoop, term: Step, uses: Counter[int]) -> _Plan | None:
    """d_w = d_w + h_t.T @ d_t."""
    if not is_matrix_product(term) or not _is_transposed(term.args[0]):
        return None
    left, right = term.args[0].args[0], term.args[1]
    if old.is_known(left) or old.is_known(right):
        return None

    def total(builder: Builder, rows: dict[int, Step]) -> Step:
        flat = [_flat(builder, term, rows[value.index]) for value in (left, right)]
        return builder.call(term, np.matmul, builder.call(term, np.transpose, flat[0]), flat[1])

    return _Plan([left, right], total)


def _of_outer_products(old: OldLoop, term: Step, uses: Counter[int]) -> _Plan | None:
    """d_w = d_w + h_t[:, None] * d_t[None, :]."""
    if term.function not in (np.multiply, np.outer) or term.kwargs or len(term.shape) != 2 or 1 in term.shape:
        return None
    if any([type(item) is not Step or item.dtype != term.dtype or not item.shape for item in term.args]):
        return None
    rows, columns = term.shape
    first, second = term.args
    if term.function is np.multiply:
        if first.shape != (rows, 1):
            first, second = second, first
        if first.shape != (rows, 1) or second.shape not in ((columns,), (1, columns)):
            return None
    elif (first.size, second.size) != (rows, columns):
        return None
    first, second = [_reshaped(item) for item in (first, second)]
    if old.is_known(first) or old.is_known(second):
        return None

    def total(builder: Builder, found: dict[int, Step]) -> Step:
        count = old.loop.count
        left = builder.call(term, np.reshape, found[first.index], (count, rows))
        right = builder.call(term, np.reshape, found[second.index], (count, columns))
        return builder.call(term, np.matmul, builder.call(term, np.transpose, left), right)

    return _Plan([first, second], total)


def _reshaped(step: Step) -> Step:
    """Return the value that another one is in another shape."""
    while is_reshape(step) and type(step.args[0]) is Step and step.args[0].size == step.size:
        step = step.args[0]
    return step


def _of_sums(old: OldLoop, term: Step, uses: Counter[int]) -> _Plan | None:
    """d_b = d_b + np.sum(d_t, axis=0); loss = loss + np.sum(h_t ** 2), where all h_t are there."""
    if term.function is not np.sum or not is_plain_reduction(term) or type(term.args[0]) is not Step:
        return None
    summed = term.args[0]
    if summed.dtype != term.dtype or not summed.shape or old.is_known(summed):
        return None
    chain = _chain(old, summed, uses)
    if not term.shape and chain is None:
        return None  # a number is added up as quickly as it is kept
    needed, made = ([summed], []) if chain is None else chain
    axes = tuple([axis + 1 for axis in reduced_axes(term.kwargs.get("axis"), len(summed.shape))])

    def total(builder: Builder, rows: dict[int, Step]) -> Step:
        rows = dict(rows)
        for step in made:
            found = of_all_rows(builder, step, rows, old, KEPT_BYTES, KEPT_BYTES)
            assert found is not None
            rows[step.index] = found
        found = rows[summed.index]
        if axes == (1,) and len(summed.shape) == 2:
            result = builder.call(term, np.sum, _flat(builder, term, found), axis=0)
        else:
            result = builder.call(term, np.sum, found, axis=(0, *axes))
        return builder.call(term, np.reshape, result, term.shape) if result.shape != term.shape else result

    return _Plan(needed, total)


def _chain(old: OldLoop, step: Step, uses: Counter[int]) -> tuple[list[Step], list[Step]] | None:
    """Return what a value is made of that is there for all iterations, and the calls that make it, which nobody else
    needs; None if it is made of something else.
    """
    if old.is_row(step) or step in old.loop.stacks:
        return [step], []
    if not is_elementwise(step) or uses[step.index] != 1 or old.loop.count * step.nbytes > KEPT_BYTES:
        return None
    needed: list[Step] = []
    made: list[Step] = []
    for operand in operands_of(step):
        if old.is_known(operand):
            continue
        found = _chain(old, operand, uses)
        if found is None:
            return None
        needed += found[0]
        made += found[1]
    return needed, [*made, step]


def _of_places(old: OldLoop, term: Step, uses: Counter[int]) -> _Plan | None:
    """d_x = d_x + scatter(d_t, t, d_x.shape)."""
    if type(term.function) is not AtCount or term.function.function is not scatter:
        return None
    value, index, shape = term.args
    axis = counted_axis(index, shape, old.loop.count)
    if axis is None or type(value) is not Step or value.dtype != term.dtype or old.is_known(value):
        return None
    count = old.loop.count
    at = index[-1] if type(index) is tuple else index
    places = places_of(at, count, shape[axis])

    def total(builder: Builder, rows: dict[int, Step]) -> Step:
        found, where = rows[value.index], places
        if at.step < 0:
            found = builder.call(term, operator.getitem, found, FROM_END)
            where = _forward(at, count, shape[axis])
        if axis:
            order = axis_first(axis, len(shape))
            found = builder.call(term, np.transpose, found, tuple([order.index(place) for place in range(len(order))]))
        if found.shape == shape:
            return found
        place = (*[slice(None)] * axis, where) if axis else where
        return builder.kernel(term, scatter, shape, found, place, shape)

    return _Plan([value], total, in_any_order=False)


def _forward(at: Affine, count: int, size: int) -> slice:
    """Return the slice of places that a number goes over downwards, upwards."""
    first = at.start % size
    return slice(first + at.step * (count - 1), first + 1, -at.step if at.step != -1 else None)


def _is_transposed(step: Step) -> bool:
    return step.function in TRANSPOSING and axes_of(step) == (1, 0)


def _flat(builder: Builder, like: Step, x: Step) -> Step:
    return builder.call(like, np.reshape, x, (x.shape[0] * x.shape[1], x.shape[2]))

"""Turning: axes are exchanged as late as can be, and not at all where a product can be made in the other order.

So two spellings become one program: a part of an array may be taken before or after its axes are exchanged, and a
network may have its examples in rows or in columns.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygraph.compiler.kernels.assembly import assembled
from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.facts import TRANSPOSING
from tinygraph.compiler.program.predicates import is_elementwise
from tinygraph.compiler.program.reshaping import axes_of
from tinygraph.compiler.program.rewriting import calls_of, rewritten, rewritten_by_originals, uses_of
from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.rewrites.sharing import drop_dead
from tinygraph.graph import Graph

__all__ = ["assemble_turned", "multiply_unturned", "take_before_turning", "turn_places"]

Axes = tuple[int, ...]


# --- parts ------------------------------------------------------------------------------------------------------------


def take_before_turning(graph: Graph) -> Graph:
    """z.transpose(2, 0, 1)[0]  ->  z[:, :, 0]; z.transpose(1, 0, 2)[3:]  ->  z[:, 3:].transpose(1, 0, 2)."""

    def change(builder: Builder, step: Step) -> Step | None:
        x = step.args[0] if step.function is operator.getitem else None
        if type(x) is not Step or x.function not in TRANSPOSING or 0 in step.shape:
            return None
        items, axes = _items(step.args[1], len(x.shape)), axes_of(x)
        if items is None:
            return None
        place, order = _turned_back(items, axes)
        taken = builder.call(step, operator.getitem, x.args[0], place)
        return taken if order == tuple(range(len(order))) else builder.call(step, np.transpose, taken, order)

    return rewritten(graph, change)


def _items(index: Any, ndim: int) -> list[int | slice] | None:
    """Return the item of a basic index for each axis; None for any other index, and for one that adds axes."""
    items = [*index] if type(index) is tuple else [index]
    dots = [place for place, item in enumerate(items) if item is ...]
    missing = ndim - len(items) + len(dots)
    if len(dots) > 1 or missing < 0 or any([type(item) not in (int, slice) and item is not ... for item in items]):
        return None
    at = dots[0] if dots else len(items)
    return [*items[:at], *[slice(None)] * missing, *items[at + 1 :]]


def _turned_back(items: Sequence[int | slice], axes: Axes) -> tuple[tuple[int | slice, ...], Axes]:
    """Return the index into x, and the axes of the transpose behind it, for x.transpose(axes)[items]."""
    place = tuple([items[axes.index(axis)] for axis in range(len(axes))])
    left = [axis for axis, item in enumerate(place) if type(item) is slice]
    return place, tuple([left.index(axis) for axis, item in zip(axes, items, strict=True) if type(item) is slice])


def turn_places(graph: Graph) -> Graph:
    """table[ids].transpose(1, 0, 2)  ->  table[ids.T], where nobody else reads the rows: there are fewer ids than
    numbers in the rows.
    """
    uses = uses_of(graph)

    def change(builder: Builder, step: Step, original: Step) -> Step | None:
        rows = step.args[0] if step.function in TRANSPOSING else None
        if type(rows) is not Step or not _takes_rows(rows) or uses[original.args[0].index] != 1:
            return None
        table, places = rows.args[:2]
        axes, count = axes_of(step), len(places.shape)
        if axes[count:] != tuple(range(count, len(axes))):
            return None
        turned = builder.call(step, np.transpose, places, axes[:count])
        return builder.call(step, rows.function, table, turned, **rows.kwargs)  # type: ignore[arg-type]

    return rewritten_by_originals(graph, change)


def _takes_rows(step: Step) -> bool:
    """Return whether a step takes rows of an array at places that are an array of several axes."""
    by_index = step.function is operator.getitem or (step.function is np.take and step.kwargs == {"axis": 0})
    if not by_index or len(step.args) != 2 or any([type(item) is not Step for item in step.args]):
        return False
    return step.args[1].dtype.kind in "iu" and len(step.args[1].shape) > 1


def assemble_turned(graph: Graph) -> Graph:
    """assembled([q, k], [0, 1], shape).transpose(1, 2, 0)  ->  assembled([q, k], [(:, :, 0), (:, :, 1)], ...), where
    nobody else reads the whole.
    """
    uses = uses_of(graph)

    def change(builder: Builder, step: Step, original: Step) -> Step | None:
        if step.function not in TRANSPOSING or type(step.args[0]) is not Step:
            return None
        whole = step.args[0]
        if whole.function is not assembled or uses[original.args[0].index] != 1:
            return None
        axes = axes_of(step)
        parts, places = [], []
        for part, index in zip(*whole.args[:2], strict=True):
            items = _items(index, len(axes))
            if items is None:
                return None
            # The inverse exchange leads from the result back to the whole.
            place, order = _turned_back(items, _inverse(axes))
            alike = order == tuple(range(len(order)))
            parts.append(part if alike else builder.call(step, np.transpose, part, _inverse(order)))
            places.append(place)
        return builder.kernel(step, assembled, step.shape, parts, places, step.shape)

    return rewritten_by_originals(graph, change)


def _inverse(axes: Axes) -> Axes:
    """Return the axes of the transpose that undoes a transpose."""
    return tuple(np.argsort(axes).tolist())


# --- products ---------------------------------------------------------------------------------------------------------


def multiply_unturned(graph: Graph) -> Graph:
    """(w.T @ x.T).T  ->  x @ w; (w.T @ x.T + u.T @ h.T).T  ->  x @ w + h @ u, where nobody else reads the product."""
    uses = uses_of(graph)
    found = {
        step.index for step in calls_of(graph)
        if _exchanges_last(step) and type(step.args[0]) is Step and _may_be_exchanged(step.args[0], uses)
    }  # fmt: skip
    if not found:
        return graph

    def change(builder: Builder, step: Step, original: Step) -> Step | None:
        return _exchanged(builder, step.args[0]) if original.index in found else None

    return drop_dead(rewritten_by_originals(graph, change))  # repeated steps are found among those that are used


def _exchanges_last(step: Any) -> bool:
    """Return whether a step exchanges the last two axes of an array, and no others."""
    if type(step) is not Step or step.function not in TRANSPOSING or len(step.shape) < 2:
        return False
    axes = axes_of(step)
    return axes == (*range(len(axes) - 2), len(axes) - 1, len(axes) - 2)


def _may_be_exchanged(x: Step, uses: Counter[int]) -> bool:
    """Return whether a value can be computed with its last two axes exchanged, and nobody else reads it."""
    if uses[x.index] != 1 or x.kwargs or any([type(item) is not Step for item in x.args]):
        return False
    if x.function in (np.matmul, np.dot):
        first, second = x.args
        no_matrices = len(first.shape) < 2 or len(second.shape) < 2 or (x.function is np.dot and len(x.shape) > 2)
        # A product with a vector reads the matrix once, whichever way round.
        return not no_matrices and 1 not in x.shape[-2:] and (_exchanges_last(first) or _exchanges_last(second))
    if not is_elementwise(x) or any([item.shape != x.shape for item in x.args]):
        return False
    return all([_may_be_exchanged(item, uses) for item in x.args])


def _exchanged(builder: Builder, x: Step) -> Step:
    """Return a value with its last two axes exchanged, as new calls."""
    if x.function in (np.matmul, np.dot):
        return builder.call(x, np.matmul, *[_last_exchanged(builder, x, item) for item in x.args[::-1]])
    return builder.call(x, x.function, *[_exchanged(builder, item) for item in x.args])  # type: ignore[arg-type]


def _last_exchanged(builder: Builder, like: Step, x: Step) -> Step:
    """Return an array with its last two axes exchanged: the array under a transpose, or a new transpose."""
    if _exchanges_last(x):
        inner = x.args[0]
        # What was exchanged far above is exchanged anew here: a loop would keep it for each iteration.
        return _last_exchanged(builder, like, inner.args[0]) if _exchanges_last(inner) else inner
    if x.value is not None and x.is_constant:
        return builder.constant(like, np.swapaxes(x.value, -1, -2))
    return builder.call(like, np.transpose, x, (*range(len(x.shape) - 2), len(x.shape) - 1, len(x.shape) - 2))

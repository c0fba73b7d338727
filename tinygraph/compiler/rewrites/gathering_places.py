"""Gathering places: rows that a program takes from one table, some at a time, are taken at once.

np.stack([table[i] for i in ids])  ->  table[ids]

So are their gradients, which are added to the table at once, where each would have zeros of the table's size around it.
"""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.rewriting import rewritten, rewritten_by_originals, steps_in
from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.rewrites.gathering import KEPT_BYTES, added, sums_in
from tinygraph.derivatives.indexing import scatter
from tinygraph.graph import Graph

__all__ = ["add_rows_at_once", "take_rows_at_once"]

_JOINS = (np.stack, np.concatenate)


def take_rows_at_once(graph: Graph) -> Graph:
    """np.stack([table[i], table[j]])  ->  table[np.stack([i, j])]; np.stack([x[:, 0], x[:, 1]], axis=1)  ->  x, and in
    another order of axes or of numbers x.transpose(1, 0) and x[:, ::-1].
    """

    if not any([step.function in _JOINS for step in steps_in(graph)]):
        return graph

    def change(builder: Builder, step: Step) -> Step | None:
        if step.function not in _JOINS or not _has_axis_alone(step):
            return None
        parts = step.args[0]
        if type(parts) not in (list, tuple) or any([type(part) is not Step for part in parts]):
            return None
        axis = [*step.args[1:], *step.kwargs.values(), 0][0]
        axis += len(step.shape) if axis < 0 else 0
        if step.function is np.stack:
            whole = _whole(builder, step, parts, axis)
            if whole is not None and (whole.shape, whole.dtype) == (step.shape, step.dtype):
                return whole
        places = [_place(part) for part in parts]
        tables = {part.args[0].index for part, place in zip(parts, places, strict=True) if place is not None}
        if len(parts) < 2 or None in places or len(tables) > 1:
            return None
        if axis >= len(places[0].shape) + (step.function is np.stack) or len({place.dtype for place in places}) > 1:
            return None
        if step.function is np.stack:
            found = _stacked(builder, step, places, axis)
        else:
            found = builder.call(step, np.concatenate, places, axis=axis)
        return builder.call(step, operator.getitem, parts[0].args[0], found)

    return rewritten(graph, change)


def add_rows_at_once(graph: Graph) -> Graph:
    """scatter(g, i, shape) + scatter(h, j, shape)  ->  scatter(np.stack([g, h]), np.stack([i, j]), shape)."""
    if not any([_added_at(step) is not None for step in steps_in(graph)]):
        return graph
    sums = sums_in(graph)

    def change(builder: Builder, step: Step, original: Step) -> Step | None:
        terms = sums.get(original.index, ())
        alike: defaultdict[Any, list[Step]] = defaultdict(list)
        for term in terms:
            if (place := _added_at(term)) is not None:
                alike[place.shape, place.dtype, term.args[0].shape].append(term)
        several = [found for found in alike.values() if len(found) > 1 and _may_be_kept(found)]
        if not several:
            return None
        gathered = {term.index for found in several for term in found}
        made = [builder.moved[term.index] for term in terms if term.index not in gathered]
        for found in several:
            moved = [builder.moved[term.index] for term in found]
            cotangents, places = [term.args[0] for term in moved], [_added_at(term) for term in moved]
            axis, order = _order(cotangents)
            axis = min(axis, len(places[0].shape))
            values = _stacked(builder, step, [cotangents[at] for at in order], axis)
            index = _stacked(builder, step, [places[at] for at in order], axis)
            made.append(builder.call(step, scatter, values, index, step.shape))
        return added(builder, step, made)

    return rewritten_by_originals(graph, change)


def _has_axis_alone(step: Step) -> bool:
    """Return whether arrays are joined with no other argument than the axis."""
    axes = [*step.args[1:], *step.kwargs.values()]
    return {*step.kwargs} <= {"axis"} and len(axes) < 2 and all([type(axis) is int for axis in axes])


def _place(part: Step) -> Any:
    """Return the place of the rows that a call takes from a table, which the program computes; None for other calls."""
    is_row = part.function is operator.getitem or (part.function is np.take and part.kwargs == {"axis": 0})
    if not is_row or len(part.args) != 2 or type(part.args[0]) is not Step:
        return None
    return _of_integers(part.args[1])


def _added_at(term: Step) -> Any:
    """Return the place at which a call adds rows to zeros; None for other calls, and for other places."""
    if term.function is not scatter or type(term.args[0]) is not Step:
        return None
    place = term.args[1]
    found = _of_integers(place[0] if type(place) is tuple and len(place) == 1 else place)
    return found if found is not None and term.args[0].shape == found.shape + term.shape[1:] else None


def _may_be_kept(terms: Sequence[Step]) -> bool:
    """Return whether the rows that are added may lie side by side in memory."""
    return bool(sum([term.args[0].size for term in terms]) * terms[0].dtype.itemsize <= KEPT_BYTES)


def _of_integers(place: Any) -> Any:
    return place if type(place) is Step and place.dtype.kind in "iu" else None


def _stacked(builder: Builder, like: Step, parts: Sequence[Any], axis: int) -> Step:
    """Return arrays stacked, or the array that they are all parts of."""
    whole = _whole(builder, like, parts, axis)
    return builder.call(like, np.stack, list(parts), axis=axis) if whole is None else whole


def _whole(builder: Builder, like: Step, parts: Sequence[Step], axis: int) -> Step | None:
    """Return the array of which the parts are all numbers of one axis, from the first or from the last, with that axis
    at another place; None for other parts.
    """
    found = [_part_of(part) for part in parts]
    first = found[0]
    if first is None or any([item is None or item[:2] != first[:2] for item in found]):
        return None
    whole, at = parts[0].args[0], first[1]
    numbers, every = [item[2] for item in found if item], list(range(whole.shape[at]))
    if numbers == every[::-1] and len(every) > 1:
        whole = builder.call(like, operator.getitem, whole, (*[slice(None)] * at, slice(None, None, -1)))
    elif numbers != every:
        return None
    if at == axis:
        return whole  # type: ignore[no-any-return]
    axes = [each for each in range(len(whole.shape)) if each != at]
    axes.insert(axis, at)
    return builder.call(like, np.transpose, whole, tuple(axes))


def _part_of(part: Step) -> tuple[int, int, int] | None:
    """Return an array's index, the axis and 2 for x[2] and x[:, 2]."""
    if part.function is not operator.getitem or type(part.args[0]) is not Step:
        return None
    whole, index = part.args
    items = list(index) if type(index) is tuple else [index]
    while items and type(items[-1]) is slice and items[-1] == slice(None):
        items.pop()
    if not items or type(items[-1]) is not int:
        return None
    if any([type(item) is not slice or item != slice(None) for item in items[:-1]]):
        return None
    axis = len(items) - 1
    return whole.index, axis, items[-1] % whole.shape[axis]


def _order(parts: Sequence[Step]) -> tuple[int, list[int]]:
    """Return the axis along which arrays are parts of one, and their order there; otherwise the first, as they come."""
    found = [_part_of(part) for part in parts]
    if None in found or len({item[:2] for item in found if item}) > 1:
        return 0, list(range(len(parts)))
    numbers = [item[2] for item in found if item]
    return found[0][1], sorted(range(len(parts)), key=numbers.__getitem__)  # type: ignore[index]

"""Adding first where zeros are: a sum begins with what is added to the part of an array that was just cleared.

g[1:-1] = 0; g[2:] += a; g[1:-1] += a; g[:-2] += a    becomes    g[1:-1] = a; g[2:] += a; g[:-2] += a

The gradient of a stencil, b[1:-1] = (a[:-2] + a[1:-1] + a[2:]) / 3, is such a sum in each step of time. To clear the
part and to add to it takes a fifth of the time of the step.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from typing import Any

import numpy as np

from tinygraph.compiler.kernels.parts import part_written
from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.predicates import is_basic, is_zero
from tinygraph.compiler.program.rewriting import rewritten_by_originals, steps_in, uses_of
from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.rewrites.writing_once import is_part_of_same
from tinygraph.derivatives.indexing import scatter
from tinygraph.graph import Graph

__all__ = ["add_first_where_cleared"]


# So many sums are looked through for the one that comes first.
MANY = 32


def add_first_where_cleared(graph: Graph) -> Graph:
    """c = part_written(g, 0, 1:3); c + scatter(a, 2:4) + scatter(b, 1:3)  ->  c + scatter(b, 1:3) + scatter(a, 2:4),
    where nobody else wants c, so that b is written, and not added. A sum that has no c begins with the same term.
    """
    if not any([step.function is part_written and _is_cleared(step) for step in steps_in(graph)]):
        return graph
    sums = [(step, *found) for step in steps_in(graph) if (found := _sum_of(step)) is not None]
    if not any([_is_cleared(g) for _, g, _ in sums]):
        return graph
    exchanged = _exchanged(sums, uses_of(graph))

    def change(builder: Builder, step: Step, original: Step) -> Step | None:
        terms = exchanged.get(original.index)
        if terms is None:
            return None
        args = [_again(builder, term) if type(term) is Step else step.args[term] for term in terms]
        return builder.add(replace(step, args=tuple(args)))

    return rewritten_by_originals(graph, change) if exchanged else graph


def _again(builder: Builder, term: Step) -> Step:
    """Append what stands alone among zeros once more: it may come later than the sum that it now belongs to."""
    d, *where = term.args
    return builder.add(replace(term, args=(builder.moved[d.index], *where)))


def _exchanged(sums: list[tuple[Step, Step, Step]], uses: Counter[int]) -> dict[int, tuple[Any, Any]]:
    """Return by the index of a sum its new operands: the positions of those that stay, and the terms that are new.

    Args:
        sums: each with its operands: an array, and what stands alone among zeros.
        uses: see `uses_of`.
    """
    readers: dict[int, list[Step]] = defaultdict(list)
    for step, g, _ in sums:
        readers[g.index].append(step)
    alone = [(step, g, term) for step, g, term in sums if uses[g.index] == 1 and uses[term.index] == 1]
    exchanged: dict[int, tuple[Any, Any]] = {}
    places: dict[Any, Any] = {}  # by a sum's line and its own place the place that comes first

    def exchange(first: Step, g: Step, term: Step, place: Any) -> None:
        later = _sum_at(first, place, readers, uses) if term.args[1] != place else None
        if later is not None and exchanged.keys().isdisjoint((first.index, later.index)):
            exchanged[first.index] = (first.args.index(g), _term_of(later))
            exchanged[later.index] = (1 - later.args.index(_term_of(later)), term)
            places[_line_of(first, term)] = place

    for first, g, term in alone:
        if _is_cleared(g):
            exchange(first, g, term, g.args[2])
    cleared = [place for at, place in enumerate(places.values()) if place not in [*places.values()][:at]]
    within = {step.index for step, _, _ in sums}
    for first, g, term in alone if exchanged else ():
        if first.index in exchanged or g.index in within or _is_cleared(g):
            continue
        if g.function is not scatter:
            # The first of the iterations that these sums are of adds to what comes from outside.
            if _line_of(first, term) in places:
                exchange(first, g, term, places[_line_of(first, term)])
            continue
        if g.args[1] in cleared:
            continue
        later = first if term.args[1] in cleared else None
        for place in cleared if later is None else ():
            later = later or _sum_at(first, place, readers, uses)
        if later is first:
            exchanged[first.index] = (1, 0) if first.args[0] is g else (0, 1)
        elif later is not None and later.index not in exchanged:
            exchanged[first.index] = (_term_of(later), term)
            exchanged[later.index] = (1 - later.args.index(_term_of(later)), g)
    return exchanged


def _line_of(first: Step, term: Step) -> Any:
    """Return what the first sums of all iterations of a loop have in common."""
    line = None if first.source is None else (first.source.file, first.source.line)
    return line, repr(term.args[1]), first.shape


def _term_of(step: Step) -> Step:
    """Return what a sum adds that stands alone among zeros."""
    found = _sum_of(step)
    assert found is not None
    return found[1]


def _sum_at(first: Step, place: Any, readers: dict[int, list[Step]], uses: Counter[int]) -> Step | None:
    """Return the sum with something at a place, of those behind the first one, which is known before the first; None
    where the sums put back what was there: x[1:-1] += v has there the cotangent that was there.
    """
    step, found = first, None
    for _ in range(MANY):
        if uses[step.index] != 1 or len(readers[step.index]) != 1:
            return found
        step = readers[step.index][0]
        term = _term_of(step)
        if term.args[1] != place:
            continue
        if is_part_of_same(term.args[0], place):
            return None
        if found is None and term.args[0].index < first.index and uses[term.index] == 1:
            found = step
    return found


def _sum_of(step: Step) -> tuple[Step, Step] | None:
    """Return an array, and what stands alone among zeros and is added to the array."""
    if step.function is not np.add or step.kwargs or not step.shape or len(step.args) != 2:
        return None
    for g, term in (step.args, step.args[::-1]):
        if type(g) is not Step or type(term) is not Step or term.function is not scatter or len(term.args) != 3:
            continue
        d, place, _ = term.args
        alike = type(d) is Step and g.shape == term.shape == step.shape and g.dtype == d.dtype == step.dtype
        if alike and is_basic(place):
            return g, term
    return None


def _is_cleared(g: Step) -> bool:
    """Return whether a part of an array, which is no number, has just been cleared."""
    if g.function is not part_written or len(g.args) != 3 or not is_basic(g.args[2]):
        return False
    items = g.args[2] if type(g.args[2]) is tuple else (g.args[2],)
    is_number = len(items) == len(g.shape) and all([type(item) is int for item in items])
    return not is_number and is_zero(g.args[1])

"""Writing once: a sum with a part that is zero writes the part, and what nobody reads is not written.

The reverse pass of `x[i] = v` takes the cotangent at i, and clears it there. Nobody reads most of these zeros: a person
would not write them. The gradient of an array whose parts are read one after the other begins with zeros, to which each
part is added: a person would write the part.
"""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygraph.compiler.kernels.parts import part_written
from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.predicates import is_basic
from tinygraph.compiler.program.rewriting import rewritten_by_originals, steps_in
from tinygraph.compiler.program.steps import Step, operands_of
from tinygraph.compiler.rewrites.reading_last import kind_of
from tinygraph.compiler.rewrites.sharing import drop_dead
from tinygraph.derivatives.indexing import scatter
from tinygraph.graph import Graph

__all__ = ["drop_unread_writes", "is_part_of_same", "write_into_zeros", "write_once"]

Link = tuple[Step, Any, Any, bool]


def write_once(graph: Graph) -> Graph:
    """part_written(part_written(g, 0, 3) + scatter(d, 3, shape), 0, 3)[4]  ->  g[4], by both rewrites below."""
    found = drop_unread_writes(write_into_zeros(graph))
    return graph if found is graph else drop_dead(found)


def write_into_zeros(graph: Graph) -> Graph:
    """part_written(g, 0, 3) + scatter(d, 3, shape)  ->  part_written(g, d, 3); and so where g was never written at 3.

    All sums of a line change, or none: they may be the iterations of a loop.
    """
    kinds: dict[Any, list[tuple[Step, bool]]] = defaultdict(list)
    links = _links_in(graph)
    for chain in _chains(graph, links):
        if not any([step.function is part_written for step in chain[1:]]):
            continue  # the gradient of an array that is only read: its parts are put together
        filled = _filled(chain[0])
        returning = _returning(chain, links)
        for step in chain[1:]:
            _, value, place, is_sum = links[step.index]
            if is_sum:
                # 0.0 + -0.0 is 0.0, and in gradients one is as good as the other.
                clean = step.section == "backward" and not filled[place].any() and not is_part_of_same(value, place)
                kinds[kind_of(step, place)].append((step, clean))
            filled[place] = not _is_zero(value) or step.index in returning
    chosen = _agreed(kinds)

    def change(builder: Builder, step: Step, original: Step) -> Step | None:
        if original.index not in chosen:
            return None
        link = _link_of_sum(step)
        assert link is not None
        x, value, place, _ = link
        return builder.kernel(step, part_written, step.shape, x, value, place)

    return rewritten_by_originals(graph, change) if chosen else graph


def drop_unread_writes(graph: Graph) -> Graph:
    """part_written(x, 0, 3)[4]  ->  x[4]; and so where 3 is written again before it is read, as in the body of a loop
    whose last iteration stands behind it.

    All writes of a line are dropped, or none: they may be the iterations of a loop.
    """
    outputs = {output.index for output in graph.outputs}
    links = _links_in(graph)
    chains = list(_chains(graph, links))
    readers: dict[int, list[Step]] = {step.index: [] for chain in chains for step in chain}
    for step in steps_in(graph) if chains else ():
        for operand in operands_of(step):
            if operand.index in readers:
                readers[operand.index].append(step)
    kinds: dict[Any, list[tuple[Step, bool]]] = defaultdict(list)
    for chain in chains:
        needed = np.zeros(chain[0].shape, np.bool_)
        for step, following in zip(chain[::-1], [None, *chain[:0:-1]], strict=True):
            if following is not None and following.function is part_written:
                _, value, place = following.args
                # A line that clears a part also writes the sums with these zeros.
                kinds[kind_of(following, place), _is_zero(value)].append((following, not needed[place].any()))
                needed[place] = False
            for reader in readers[step.index]:
                if reader is following and readers[step.index].count(reader) == 1:
                    continue
                if reader.function is operator.getitem and _is_known(reader.args[1]):
                    needed[reader.args[1]] = True
                else:
                    needed[...] = True
            if step.index in outputs:
                needed[...] = True
    chosen = _agreed(kinds)

    def change(builder: Builder, step: Step, original: Step) -> Step | None:
        return step.args[0] if original.index in chosen else None

    return rewritten_by_originals(graph, change) if chosen else graph


def _returning(chain: list[Step], links: dict[int, Link]) -> set[int]:
    """Return the indices of the writes that clear a part which is put back later, as the gradient of x[3] += v is."""
    found: set[int] = set()
    comes: dict[str, bool] = {}  # by a place whether the next write there puts back what was there
    for step in chain[:0:-1]:
        _, value, place, _ = links[step.index]
        if comes.get(repr(place)):
            found.add(step.index)
        comes[repr(place)] = is_part_of_same(value, place)
    return found


def _agreed(kinds: dict[Any, list[tuple[Step, bool]]]) -> set[int]:
    """Return the indices of the steps of all kinds whose steps agree."""
    return {step.index for steps in kinds.values() if all([agrees for _, agrees in steps]) for step, _ in steps}


def _links_in(graph: Graph) -> dict[int, Link]:
    """Return the link of each write and each sum, by its index."""
    return {step.index: link for step in steps_in(graph) if (link := _link_of_sum(step)) is not None}


def _chains(graph: Graph, links: dict[int, Link]) -> Iterator[list[Step]]:
    """Yield the states of each array, one after the other: each is made by a write into the one before.

    Of an array that two are made of, two chains begin.
    """
    following: dict[int, list[Step]] = defaultdict(list)
    steps = steps_in(graph)
    for index, link in links.items():
        following[link[0].index].append(steps[index])
    for before in sorted(following):
        after = following[before]
        if len(after) == 1 and before in links:
            continue  # within a chain
        for first in after:
            chain = [steps[before], first]
            while len(following.get(chain[-1].index, ())) == 1:
                chain += following[chain[-1].index]
            yield chain


def _link_of_write(step: Any) -> tuple[Step, Any, Any] | None:
    """Return the array, the value and the place of a write at a place that is known."""
    known = step.function is part_written and len(step.args) == 3 and type(step.args[0]) is Step
    return step.args if known and _is_known(step.args[2]) and step.shape else None


def _is_known(place: Any) -> bool:
    """Return whether a place is a view that is the same at each call: no end of a slice is counted in a loop."""
    items = place if type(place) is tuple else (place,)
    ends = [end for item in items if type(item) is slice for end in (item.start, item.stop, item.step)]
    return is_basic(place) and all([end is None or type(end) is int for end in ends])


def _link_of_sum(step: Any) -> Link | None:
    """Return the array, the value and the place of a write or of a sum, and whether it is a sum."""
    write = _link_of_write(step)
    if write is not None:
        x, value, place = write
        added = _added_there(x, value, place)
        return (x, value, place, False) if added is None else (x, added, place, True)
    if step.function is not np.add or step.kwargs or not step.shape or len(step.args) != 2:
        return None
    for g, added in (step.args, step.args[::-1]):
        if type(g) is Step and type(added) is Step and added.function is scatter and is_basic(added.args[1]):
            d = added.args[0]
            if type(d) is Step and g.shape == added.shape == step.shape and g.dtype == d.dtype == step.dtype:
                return g, d, added.args[1], True
    return None


def _added_there(x: Step, value: Any, place: Any) -> Step | None:
    """Return what a value adds to the part of an array at a place, or None."""
    if type(value) is not Step or value.function is not np.add or value.kwargs or len(value.args) != 2:
        return None
    for part, added in (value.args, value.args[::-1]):
        is_part = type(part) is Step and part.function is operator.getitem and part.args[0] is x
        if is_part and type(added) is Step and added.shape == value.shape and added.dtype == value.dtype:
            return added if part.dtype == value.dtype and _is_same_place(part.args[1], place) else None
    return None


def is_part_of_same(value: Any, place: Any) -> bool:
    """Return whether a value is the part of an array at a place: x[3] += v has there the cotangent that was there."""
    while type(value) is Step and value.function is operator.getitem:
        if value.args[1] is not Ellipsis:
            return _is_same_place(value.args[1], place)
        value = value.args[0]
    return False


def _is_same_place(one: Any, other: Any) -> bool:
    return is_basic(one) and type(one) is type(other) and bool(one == other)


def _filled(step: Step) -> Any:
    """Return where an array may have other numbers than zero."""
    filled = np.zeros(step.shape, np.bool_)
    if step.function is scatter and is_basic(step.args[1]):
        filled[step.args[1]] = True
    elif step.function is not np.zeros and not (step.is_constant and _is_zero(step)):
        filled[...] = True
    return filled


def _is_zero(value: Any) -> bool:
    """Return whether a value that is written is zero."""
    if type(value) is Step:
        return value.is_constant and value.value is not None and not np.any(value.value)
    return not isinstance(value, Step) and not np.any(value)

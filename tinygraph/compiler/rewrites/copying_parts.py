"""Copied parts: a small part of an array is copied before it is written over, and not the whole array.

    edge = x[:, -1]; y = part_written(x, 0, (:, -1)); z = y[:, 1] + edge

Where `edge` is a view, x must stay as it was: it would be copied for y. With a copy of the edge y lies where x lay.
"""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tinygraph.compiler.kernels.parts import part_written
from tinygraph.compiler.program.boxes import box_of, part_of
from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.counting import Ragged, at_count, counts, item_at
from tinygraph.compiler.program.predicates import is_basic, is_write, looks_like_view, may_look_at, written_by
from tinygraph.compiler.program.rewriting import rewritten_by_originals
from tinygraph.compiler.program.steps import Step, operands_of
from tinygraph.graph import Graph

__all__ = ["copy_parts"]

# The parts that are copied have at most this share of the elements of the array.
SHARE = 0.25


def copy_parts(graph: Graph, is_body: bool = False) -> Graph:
    """v = x[3]; y = part_written(x, 0, 3); v + y  ->  v = np.copy(x[3]); y = part_written(x, 0, 3); v + y.

    Args:
        graph: of steps.
        is_body: whether it is a loop's, whose inputs may be written into.
    """
    calls = [step for step in graph.nodes if isinstance(step, Step) and step.function is not None]
    copied = _parts_to_copy(calls, {output.index for output in graph.outputs}, is_body)
    if not copied:
        return graph

    def change(builder: Builder, step: Step, original: Step) -> Step | None:
        if original.index not in copied:
            return None
        part = builder.add(step)
        if type(step.function) is not Ragged:
            return builder.call(step, np.copy, part)
        return builder.add(replace(step, function=Ragged(np.copy), args=(part,), kwargs={}))

    return rewritten_by_originals(graph, change)


def _parts_to_copy(calls: Sequence[Step], outputs: set[int], is_body: bool) -> set[int]:
    """Return the indices of the small parts that are read behind a write over what they show."""
    readers: dict[int, list[Step]] = defaultdict(list)
    for step in calls:
        for operand in operands_of(step):
            readers[operand.index].append(step)
    last = {index: max([step.index for step in found]) for index, found in readers.items()}
    copied: set[int] = set()
    for write in calls:
        for x, place in _written_in(write):
            own = type(x) is Step and (x.function is not None or (is_body and x.given))
            if not own or not x.size:
                continue
            later = [step for step in readers[x.index] if last.get(step.index, step.index) > write.index]
            others = [step for step in later if step is not write]
            if outputs.isdisjoint([x.index, *[step.index for step in others]]):
                copied |= _overwritten(write, x, place, others, readers) or set()
    return copied


def _written_in(step: Step) -> Iterator[tuple[Any, Any]]:
    """Yield each array that a call writes into, and the place; None for a place that is not known, or counts."""
    if not is_write(step):
        yield from [(x, None) for x in written_by(step)]
    elif len(step.args) == 3 and is_basic(at_count(step.args[2], 0)):
        yield step.args[0], step.args[2] if step.function is part_written else None


def _overwritten(
    write: Step, x: Step, place: Any, others: Sequence[Step], readers: dict[int, list[Step]]
) -> set[int] | None:  # fmt: skip
    """Return the indices of those parts of an array that a write is over; None if they are no small parts of it.

    Args:
        write: the call that writes into an array.
        x, place: the array, and where; None for a place that is not known.
        others: the calls that take the array, and are read behind the write.
        readers: of each value, by its index.
    """
    whole = np.empty(x.shape, np.bool_)
    written = None if place is None else box_of(part_of(whole, place))
    found, size = set(), 0
    for step in others:
        if not (_is_part(step) and step.index < write.index and (step.size or counts(step.function))):
            return None
        if not step.shape:
            continue  # a number
        if written is None or counts(step.function) or box_of(part_of(whole, step.args[1])).meets(written):
            found.add(step.index)
            size += 0 if type(step.function) is Ragged else step.size
            if any([looks_like_view(reader) or may_look_at(reader) for reader in readers[step.index]]):
                return None
    return found if size <= SHARE * x.size else None


def _is_part(step: Step) -> bool:
    """Return whether a call takes a part of an array, at a place that may count, as a view."""
    if step.function == Ragged(operator.getitem):
        return is_basic(at_count(step.args[1], 0))
    return step.function == item_at or (step.function is operator.getitem and is_basic(step.args[1]))

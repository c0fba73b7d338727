"""Copied parts: a small part of an array is copied before it is written over, and not the whole array.

    edge = x[:, -1]; y = part_written(x, 0, (:, -1)); z = y[:, 1] + edge

Where `edge` is a view, x must stay as it was: it would be copied for y. With a copy of the edge y lies where x lay.
"""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from tinygraph.compiler.kernels.parts import part_written
from tinygraph.compiler.program.boxes import box_of, part_of
from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.predicates import is_basic, looks_like_view
from tinygraph.compiler.program.rewriting import calls_of, rewritten
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
    originals = calls_of(graph)

    def change(builder: Builder, step: Step) -> Step | None:
        if next(originals).index not in copied:
            return None
        return builder.call(step, np.copy, builder.add(step))

    return rewritten(graph, change)


def _parts_to_copy(calls: Sequence[Step], outputs: set[int], is_body: bool) -> set[int]:
    """Return the indices of the small parts that are read behind a write over what they show."""
    readers: dict[int, list[Step]] = defaultdict(list)
    for step in calls:
        for operand in operands_of(step):
            readers[operand.index].append(step)
    last = {index: max([step.index for step in found]) for index, found in readers.items()}
    copied: set[int] = set()
    for write in calls:
        if write.function is part_written and len(write.args) == 3 and _has_known_parts(write, is_body):
            later = [step for step in readers[write.args[0].index] if last.get(step.index, step.index) > write.index]
            others = [step for step in later if step is not write]
            if not outputs.isdisjoint([write.args[0].index, *[step.index for step in others]]):
                continue
            copied |= _overwritten(write, others, readers) or set()
    return copied


def _has_known_parts(write: Step, is_body: bool) -> bool:
    x = write.args[0]
    own = type(x) is Step and (x.function is not None or (is_body and x.given))
    return own and bool(x.size) and is_basic(write.args[2])


def _overwritten(write: Step, others: Sequence[Step], readers: dict[int, list[Step]]) -> set[int] | None:
    """Return the indices of those parts of an array that a write is over; None if they are no small parts of it.

    Args:
        others: the calls that take the array, and are read behind the write.
        readers: of each value, by its index.
    """
    whole = np.empty(write.shape, np.bool_)
    written = box_of(part_of(whole, write.args[2]))
    found, size = set(), 0
    for step in others:
        if not (
            step.function is operator.getitem and step.index < write.index and step.size and is_basic(step.args[1])
        ):
            return None
        if not step.shape:
            continue  # a number
        if box_of(part_of(whole, step.args[1])).meets(written):
            found.add(step.index)
            size += step.size
            if any(map(looks_like_view, readers[step.index])):
                return None
    return found if size <= SHARE * write.size else None

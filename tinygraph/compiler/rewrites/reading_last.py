"""Reading last: what the reverse pass reads of an array that was written part by part is read behind the last write.

A factorisation reads rows and columns that nobody writes any more. A loop would keep the whole array of each iteration
for the reverse pass, which finds the same numbers in the array of the last one.
"""

from __future__ import annotations

import itertools
import operator
from collections import defaultdict
from collections.abc import Container
from dataclasses import replace
from typing import Any

import numpy as np

from tinygraph.compiler.kernels.parts import part_written
from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.predicates import is_basic, looks_like_view
from tinygraph.compiler.program.rewriting import placed, steps_in
from tinygraph.compiler.program.steps import Step, operands_of
from tinygraph.compiler.rolling.runs import FEWEST
from tinygraph.engine.nested import mapped
from tinygraph.graph import Graph

__all__ = ["kind_of", "read_last"]

# An array has at most so many elements times writes: to mark the places of all writes takes up to a tenth of a second.
MARKED = 1_000_000_000


def read_last(graph: Graph) -> Graph:
    """v = x[3]; y = part_written(x, 0, 4); f(v)  ->  y = part_written(x, 0, 4); f(y[3]), behind all writes."""
    lasts = _lasts(graph)
    if not lasts:
        return graph
    builder = Builder()
    moved: dict[int, Step] = {}
    read: dict[int, Step] = {}

    def read_again(item: Step, reader: Step) -> Step | None:
        """Return a value as a part of the last array, or a view of such a part; None if a step comes too early."""
        if item.index in read:
            return read[item.index]
        if item.index in lasts:
            last, index = lasts[item.index]
            if last.index >= reader.index or (last is item.args[0] and item.section == reader.section):
                return None
            again = replace(item, function=operator.getitem, args=(moved[last.index], index), kwargs={}, name=None)
        elif looks_like_view(item) and type(item.args[0]) is Step:
            base = read_again(item.args[0], reader)
            if base is None:
                return None
            again = replace(item, args=(base, *item.args[1:]))
        else:
            return None
        read[item.index] = builder.add(again)
        return read[item.index]

    shown = _shown(graph, lasts)
    for step in steps_in(graph):
        if step.function is None:
            moved[step.index] = builder.add(step)
            continue
        if shown.isdisjoint([operand.index for operand in operands_of(step)]):
            builder.steps.append(placed(step, len(builder.steps), moved))
            moved[step.index] = builder.steps[-1]
            continue

        def place(item: Any, reader: Step = step) -> Any:
            return read_again(item, reader) or moved[item.index] if type(item) is Step else item

        args, kwargs = mapped((step.args, step.kwargs), place)
        moved[step.index] = builder.add(replace(step, args=args, kwargs=kwargs))
    return Graph(tuple(builder.steps), tuple(moved[output.index] for output in graph.outputs))


def _shown(graph: Graph, lasts: Container[int]) -> set[int]:
    """Return the indices of the values that may be read behind the last write, and of the views of them."""
    found: set[int] = set()
    for step in steps_in(graph):
        if step.index in lasts or (looks_like_view(step) and getattr(step.args[0], "index", -1) in found):
            found.add(step.index)
    return found


def _lasts(graph: Graph) -> dict[int, tuple[Step, Any]]:
    """Return, by the index of a value, the array of the last write, and the part of it that the value still is.

    A value is a part that is read; or, if its shape differs from that of the next one, so that a loop cannot keep it, a
    part that was written, or one of an array that nobody writes into.
    """
    writes: dict[int, list[Step]] = defaultdict(list)
    reads: dict[int, list[Step]] = defaultdict(list)
    for step in steps_in(graph):
        if _is_write(step):
            writes[step.args[0].index].append(step)
        elif step.function is operator.getitem and type(step.args[0]) is Step and is_basic(step.args[1]):
            reads[step.args[0].index].append(step)
    if not writes and not _change_shape(reads):
        return {}
    used = _last_uses(graph)
    found: dict[int, tuple[Step, Any]] = {}
    kinds: dict[Any, list[Step]] = defaultdict(list)
    changed: set[Any] = set()
    for last in [step for step in steps_in(graph) if _is_write(step) and step.index not in writes]:
        chain = [last]
        while _is_write(chain[-1]) and len(writes[chain[-1].args[0].index]) == 1:
            chain.append(chain[-1].args[0])
        values = [part for x in chain[1:] for part in reads.get(x.index, ())]
        values += [write.args[1] for write in chain[:-1] if _is_whole_part(write)]
        if last.size * len(chain) > MARKED or not any([used[value.index] > last.index for value in values]):
            continue
        written = np.zeros(last.shape, np.bool_)
        for write, x in itertools.pairwise(chain):
            if _is_whole_part(write) and used[write.args[1].index] > last.index:
                _note(write.args[1], write.args[2], last, written, found, kinds, changed)
            written[write.args[2]] = True
            for part in reads.get(x.index, ()):
                if used[part.index] > last.index:
                    _note(part, part.args[1], last, written, found, kinds, changed)
    for array, parts in reads.items():  # an array that nobody writes into is the same at last
        for part in parts:
            if array in writes or part.index in found or _takes_an_element(part.args[1]):
                continue
            if used[part.index] > part.index:
                found[part.index] = part.args[0], part.args[1]
                kinds["part", *kind_of(part, part.args[1])].append(part)
    for kind, values in kinds.items():
        kept = kind[0] != "read" and len({value.shape for value in values}) == 1
        if kind in changed or kept:
            for value in values:
                del found[value.index]
    return found


def _change_shape(reads: dict[int, list[Step]]) -> bool:
    """Return whether parts that one line reads have several shapes, as in a loop over parts that grow."""
    shapes: dict[Any, set[Any]] = defaultdict(set)
    for parts in reads.values():
        for part in parts:
            shapes[kind_of(part, part.args[1])].add(part.shape)
    return any([len(found) >= FEWEST for found in shapes.values()])


def _note(
    value: Step, index: Any, last: Step, written: Any, found: dict[int, Any], kinds: dict[Any, Any], changed: set[Any]
) -> None:  # fmt: skip
    """Note that a value is a part of an array at last, unless it was written over."""
    kind = kind_of(value, index)
    if written[index].any():
        changed.add(kind)
    elif value.index not in found:
        found[value.index] = last, index
        kinds[kind].append(value)


def _takes_an_element(index: Any) -> bool:
    return any([type(item) is int for item in (index if type(index) is tuple else (index,))])


def _is_whole_part(write: Step) -> bool:
    """Return whether an array is written whole into a part of another, as it is."""
    value = write.args[1]
    return (
        type(value) is Step and bool(value.shape) and not value.is_constant and value.dtype == write.dtype
        and np.broadcast_to(0, write.shape)[write.args[2]].shape == value.shape
    )  # fmt: skip


def _last_uses(graph: Graph) -> dict[int, int]:
    """Return, by the index of a step, that of the last call that reads it, or a view of it."""
    found = {step.index: step.index for step in steps_in(graph)}
    for step in reversed(steps_in(graph)):
        last = found[step.index] if looks_like_view(step) else step.index
        for operand in operands_of(step):
            found[operand.index] = max(found[operand.index], last)
    return found


def kind_of(value: Step, index: Any) -> Any:
    """Return what the values have in common that are one call of a loop: all of them are there at last, or none."""
    items = index if type(index) is tuple else (index,)
    place = None if value.source is None else (value.source.file, value.source.line)
    ends = [(item.start is None, item.stop is None, item.step) if type(item) is slice else type(item) for item in items]
    function = "read" if value.function is operator.getitem else value.op
    return (function, place, value.section, value.instruction, *ends)


def _is_write(step: Any) -> bool:
    """Return whether a call writes into a part of an array, at a place that is known."""
    return bool(
        step.function is part_written and len(step.args) == 3 and type(step.args[0]) is Step
        and is_basic(step.args[2])
    )  # fmt: skip

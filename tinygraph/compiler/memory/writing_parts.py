"""Writes in place: an array after a write into a part of it lies where it lay before, if nobody reads it as it was.

    y = part_written(x, v, 3)           y[3] = v                                with x and y in one storage
    y = part_written(x, x[1:] + d, 1:)  np.add(y[1:], d, out=y[1:])             what is written is computed in its place

Else the array is copied first. A value is computed in its place by an elementwise call that nobody else reads, if no
other call reads the array between the two, and the call itself reads it nowhere but at that place.
"""

from __future__ import annotations

import operator
from collections import Counter
from typing import Any

import numpy as np

from tinygraph.compiler.kernels.parts import part_written
from tinygraph.compiler.memory.draft import Draft
from tinygraph.compiler.memory.layouts import is_view
from tinygraph.compiler.memory.overwriting import lie_alike, may_be_written_over
from tinygraph.compiler.memory.storage import Storage
from tinygraph.compiler.program.boxes import Box, Reads, box_of, part_of
from tinygraph.compiler.program.loop_marks import End
from tinygraph.compiler.program.loops import goes_on
from tinygraph.compiler.program.predicates import is_basic, is_elementwise, is_write, may_fail
from tinygraph.compiler.program.steps import Step, operands_of

__all__ = ["compute_in_parts", "is_written_in_place", "place_read", "write_parts_in_place"]

# Functions without out= whose results lie in memory of their own.
_MAKING: frozenset[Any] = frozenset((np.zeros, np.ones, np.full, np.sort, np.partition))


def is_written_in_place(step: Step, storage: dict[int, Any]) -> bool:
    """Return whether a write leaves an array in its memory."""
    x = step.args[0]
    return type(x) is Step and storage.get(x.index) is not None and storage[x.index] is storage[step.index]


# --- arrays that stay where they are ----------------------------------------------------------------------------------


def write_parts_in_place(draft: Draft, updates: dict[int, Step]) -> None:
    """Let arrays that are written into keep their memory, where nobody reads the old values of the overwritten part.

    Args:
        draft: in which the results are read at the end.
        updates: by the index of an input the step whose value it takes at the end.
    """
    writes = [step for step in draft.sequence if is_write(step)]
    if not writes:
        return
    reads = _reads_of(draft)
    nexts = _next_values(draft)
    ends = {update.index for update in updates.values()}
    sure = _conditions(draft)
    for step in writes:
        x = step.args[0]
        old, new = draft.storage[x.index] if type(x) is Step else None, draft.storage[step.index]
        if old is None or new is None or new.steps[0] != step.index or not _may_stay(step, old, reads[id(old)], draft):
            continue
        if not ends.isdisjoint(old.steps):
            continue  # an input takes the value that the array has now
        latest = reads[id(new)].latest()
        end, following = nexts.get(id(old), (-1, step))
        if draft.order[step.index] < end and not _becomes(step, end, following, latest):
            continue  # the end of the loop writes another value over it
        around = draft.loops[draft.order[step.index]]
        if around and draft.order.get(old.steps[0], -1) < sure[around[-1]] and latest > draft.ends[around[-1]]:
            continue  # what comes before the condition of an open loop is computed once more when the loop ends
        draft.merge(new, into=old)
        reads[id(old)].add_all(reads[id(new)])


def _reads_of(draft: Draft) -> dict[int, Reads]:
    """Return by the id of a storage its reads, by calls that make no view of it.

    The latest is `Storage.last_read`, but for carried values: the end of the loop writes these, and does not
    read it.
    """
    found: dict[int, Reads] = {}
    for held in draft.storage.values():
        if held is not None and id(held) not in found:
            found[id(held)] = Reads()
            if held.last_read == len(draft.sequence):
                found[id(held)].add(held.last_read, None)
    written = {id(draft.storage[step.index]) for step in draft.sequence if is_write(step)}
    written |= {id(draft.storage[step.args[0].index]) for step in draft.sequence if is_write(step)}
    for position, step in enumerate(draft.sequence):
        read = [step.args[0], *step.args[2]] if type(step.function) is End else operands_of(step)
        for operand in read:
            held = draft.storage.get(operand.index)
            if held is None or (is_view(step, draft.layouts) and held is draft.storage[step.index]):
                continue
            if id(held) in written:
                found[id(held)].add(draft.until(held, position), _box_read(step, operand, draft))
            for part in held.behind:
                found.setdefault(id(part), Reads()).add(draft.until(part, position), None)
    return found


def _box_read(step: Step, operand: Step, draft: Draft) -> Box | None:
    """Return the box of the elements of an operand that a call reads."""
    layout = draft.layouts.get(operand.index)
    if layout is None or not layout.size:
        return None
    if step.function is operator.getitem and operand is step.args[0] and is_basic(step.args[1]):
        layout = part_of(layout, step.args[1])
    return box_of(layout) if layout.size else None


def _conditions(draft: Draft) -> dict[Any, int]:
    """Return by a loop the position of its condition; -1 for a loop that none ends."""
    found = dict.fromkeys(draft.ends, -1)
    for position, step in enumerate(draft.sequence):
        if step.function is goes_on:
            found[draft.loops[position][-1]] = position
    return found


def _next_values(draft: Draft) -> dict[int, tuple[int, Step]]:
    """Return by the id of the storage of each carried value the position of the loop's end, and the next value."""
    return {
        id(draft.storage[old.index]): (position, new)
        for position, step in enumerate(draft.sequence)
        if type(step.function) is End
        for old, new in zip(*step.args[1:], strict=True)
    }


def _becomes(step: Step, end: int, following: Step, latest: int) -> bool:
    """Return whether a carried value becomes its next value by writes alone, and a write makes that on the way.

    Args:
        step: the write.
        end, following: the position of the loop's end, and the next value.
        latest: the position of the last call that reads the array after the write.
    """
    if following is step:
        return True
    while is_write(following) and type(following.args[0]) is Step:
        following = following.args[0]
        if following is step:
            return latest < end
    return False


def _may_stay(step: Step, old: Storage, reads: Reads, draft: Draft) -> bool:
    """Return whether nobody reads the old values of the overwritten part, and the program has the array for itself."""
    x = step.args[0]
    layout = draft.layouts.get(x.index)
    making = old.kind == "fresh" and draft.graph.nodes[old.steps[0]].function in _MAKING
    return bool(
        (old.kind == "owned" or making)
        and not old.in_parts
        and layout is not None
        and layout.flags.c_contiguous
        and layout.flags.writeable  # a row of np.broadcast_to(x, ...) is x, and cannot be written into
        and x.nbytes == old.nbytes
        and x.size
        # The gradient of a Cholesky decomposition reads the columns before the one that is written.
        and not reads.touch(_box_written(step, draft), draft.order[step.index])
    )


def _box_written(step: Step, draft: Draft) -> Box | None:
    """Return the box of the elements that a write changes, or None if they are not known."""
    if step.function is not part_written or len(step.args) > 3 or not is_basic(step.args[2]):
        return None
    part = part_of(draft.layouts[step.index], step.args[2])
    return box_of(part) if part.size else None


# --- values that are computed where they are written ------------------------------------------------------------------


def compute_in_parts(draft: Draft) -> None:
    """Compute what is written into arrays in its place, where the array keeps its memory."""
    writes = [step for step in draft.sequence if step.function is part_written]
    if not writes:
        return
    reads = Counter(operand.index for step in draft.graph.nodes for operand in operands_of(step))
    reads.update(output.index for output in draft.graph.outputs)
    for step in writes:
        value = step.args[1]
        if type(value) is not Step or reads[value.index] != 1 or not is_written_in_place(step, draft.storage):
            continue
        old = draft.storage[step.index]
        assert old is not None
        if _is_computed_there(step, old, draft):
            held = draft.storage[value.index]
            assert held is not None
            draft.parts[value.index] = (step, step.args[2])
            draft.layouts[value.index] = draft.layouts[step.index][step.args[2]]
            draft.merge(held, into=old)


def _is_computed_there(step: Step, old: Storage, draft: Draft) -> bool:
    """Return whether what is written can be computed in its place in the array."""
    value, index = step.args[1:3]
    held = draft.storage[value.index]
    if len(step.args) > 3 or not is_basic(index) or not is_elementwise(value) or value.index in draft.parts:
        return False
    if held is None or held.kind != "owned" or held.steps != [value.index] or value.dtype != step.dtype:
        return False
    begun, written = draft.order[value.index], draft.order[step.index]
    part = draft.layouts[step.index][index]
    if type(part) is not np.ndarray or part.shape != value.shape or draft.loops[begun] != draft.loops[written]:
        return False
    if draft.item_of.get(step.args[0].index, -1) >= draft.item_of[value.index]:
        return False  # the array is not there yet
    between = draft.sequence[begun + 1 : written]
    if any(other.function is goes_on or _reads(other, old, draft) for other in between):
        return False
    if old.kind != "owned" and any(may_fail(other) for other in between):
        return False  # a call that fails changes no array that it is given
    fusion = draft.fusion_of.get(value.index)
    inside = [value] if fusion is None else fusion.steps
    return (fusion is None or fusion.aligned(value.index)) and all(
        _reads_there(reader, place, part, old, draft) and (fusion is None or fusion.slices(reader, item))
        for reader in inside for place, item in enumerate(reader.args)
        if type(item) is Step and draft.storage[item.index] is old
        and np.may_share_memory(draft.layouts[item.index], part)
    )  # fmt: skip


def _reads(step: Step, held: Storage, draft: Draft) -> bool:
    return any(draft.storage[operand.index] is held for operand in operands_of(step))


def _reads_there(reader: Step, place: int, part: Any, old: Storage, draft: Draft) -> bool:
    """Return whether an operand lies at the very place that is written, and may be written over."""
    return _is_same_place(draft.layouts[reader.args[place].index], part) and may_be_written_over(reader, place)


def _is_same_place(one: Any, other: Any) -> bool:
    same = one.__array_interface__["data"][0] == other.__array_interface__["data"][0]
    return same and lie_alike(one, other)


def place_read(value: Step, storage: dict[int, Any], layouts: dict[int, Any]) -> Step | None:
    """Return the operand of a value that is the very place which the value is computed into, or None."""
    part = layouts[value.index]
    for operand in value.args:
        if (
            type(operand) is Step
            and operand.function is operator.getitem
            and operand.index in layouts
            and storage[operand.index] is storage[value.index]
            and _is_same_place(layouts[operand.index], part)
        ):
            return operand
    return None

"""Overwriting: new values of variables are written over the old ones, and values over those that nobody needs.

    w = w - rate * d_w      np.multiply(rate, d_w, out=d_w); np.subtract(w, d_w, out=w)
    y = np.tanh(x @ w)      np.dot(x, w, out=y); np.tanh(y, out=y)

No call may read an element that it has already written over. So an elementwise call may write over an operand that
lies in memory just as its result does, and another call may not.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygraph.compiler.memory.draft import Draft
from tinygraph.compiler.memory.layouts import is_view
from tinygraph.compiler.memory.storage import Storage
from tinygraph.compiler.program.facts import TRANSPOSING, facts_of
from tinygraph.compiler.program.loop_marks import End, carried
from tinygraph.compiler.program.loops import goes_on
from tinygraph.compiler.program.predicates import is_choice_of_zero, is_elementwise, is_write, may_fail
from tinygraph.compiler.program.steps import Step, operands_of
from tinygraph.graph import Node

__all__ = [
    "carry_in_place", "compute_in_place", "is_read_alike", "lie_alike", "may_be_written_over", "update_in_place",
]  # fmt: skip


def update_in_place(
    draft: Draft, updates: dict[int, Step], results: Sequence[Step]
) -> tuple[list[tuple[int, Step]], dict[int, int]]:
    """Let the new values of variables be written over the old ones, where no later call can fail.

    Args:
        updates, results: see `tinygraph.compiler.memory.plan`.

    Returns:
        Those that must be copied at the end; those that are numbers, and written when they are computed.
    """
    copied: list[tuple[int, Step]] = []
    straight: dict[int, int] = {}
    wanted = {operand.index for step in draft.graph.nodes for operand in operands_of(step)}
    wanted |= {result.index for result in results}
    several = [step.index for step in updates.values()]
    failing = max([position for position, step in enumerate(draft.sequence) if may_fail(step)], default=-1)
    for given, step in updates.items():
        variable = draft.graph.nodes[given]
        old, new = draft.storage[variable.index], draft.storage[step.index]
        assert old is not None
        if new is old:
            continue  # the array was written into where it is
        if not _is_over_with(old, step, draft, results) or failing > _begun(step, new, draft):
            copied.append((given, step))
        elif new is None and step.index not in wanted and several.count(step.index) == 1 and not may_fail(step):
            straight[step.index] = given
        elif new is not None and _may_replace(step, new, variable, old, draft, results):
            draft.merge(new, into=old)
        else:
            copied.append((given, step))
    return copied, straight


def _begun(step: Step, held: Storage | None, draft: Draft) -> int:
    """Return the position of the first call that computes into the memory of a value; -1 for an input."""
    return min([draft.order.get(index, -1) for index in (held.steps if held is not None else [step.index])])


def _is_over_with(old: Storage, step: Step, draft: Draft, results: Sequence[Step]) -> bool:
    """Return whether nobody needs the old value of a variable once a step has computed the new one."""
    if step.function is None or old.last_read > _begun(step, draft.storage[step.index], draft):
        return False
    return not any(draft.storage[result.index] is old for result in results)


def _may_replace(step: Step, new: Storage, variable: Node, old: Storage, draft: Draft, results: Sequence[Step]) -> bool:
    """Return whether a variable's new value may be computed in the variable's memory."""
    values: list[Any] = [draft.graph.nodes[index] for index in new.steps]
    begun = _begun(step, new, draft)
    if old.kind == "argument" and draft.loops[begun] and draft.sequence[begun].function is not carried:
        return False
    return (
        new.kind == "owned"
        and draft.layouts[step.index].shape == variable.shape
        and step.dtype == variable.dtype
        and not is_view(step, draft.layouts)
        and not any(result is step for result in results)
        and _may_overwrite(draft.sequence[begun], old, draft)
        and all([_sees_writes(value, old) for value in values])
        and all([is_read_alike(value, old, draft.layouts.get(variable.index), draft) for value in values])
    )


def _sees_writes(step: Any, held: Storage) -> bool:
    """Return whether a write through views reaches an argument, which may have any strides."""
    views = step.args[3] if held.kind == "argument" and is_write(step) and len(step.args) > 3 else ()
    return all([view[0] in _OF_ANY_STRIDES for view in views])


_OF_ANY_STRIDES = frozenset((operator.getitem, *TRANSPOSING))


def _may_overwrite(step: Step, target: Storage, draft: Draft) -> bool:
    """Return whether a step may write into memory that some of its operands lie in."""
    first = draft.layouts.get(target.steps[0])
    for position, operand in enumerate(step.args):
        for inner in _flat(operand):
            if draft.storage[inner.index] is not target:
                continue
            if is_write(step) and position:
                # NumPy copies a value that overlaps, where the array itself is not copied before.
                if position == 1 and step.args[0] is not inner and _writes_there(step, target, draft):
                    continue
                return False
            same = first is not None and inner.shape == step.shape and lie_alike(draft.layouts[inner.index], first)
            if not (same and _reads_in_place(step)) or not may_be_written_over(step, position):
                return False
    return True


def _reads_in_place(step: Step) -> bool:
    """Return whether a call reads an element of an operand only before it writes that of its result."""
    return is_elementwise(step) or step.function is carried or is_write(step)


def _writes_there(step: Step, target: Storage, draft: Draft) -> bool:
    """Return whether the array that a write is into lies in some memory."""
    x = step.args[0]
    return type(x) is Step and draft.storage[x.index] is target


def _flat(item: Any) -> list[Step]:
    if type(item) is Step:
        return [item]
    return [part for part in item if type(part) is Step] if type(item) in (tuple, list) else []


def lie_alike(one: Any, other: Any) -> bool:
    """Return whether two layouts have the same places in memory."""
    return bool(one.strides == other.strides and one.shape == other.shape)


def may_be_written_over(step: Step, position: int) -> bool:
    """Return whether an elementwise call may write its result over an operand.

    `np.where` may write over its last operand alone: it copies the last one first, and the one before over that. Where
    the last one is 0, it multiplies the one before.
    """
    if facts_of(step.function).slow_in_place:
        return False
    return step.function is not np.where or position == (1 if is_choice_of_zero(step) else 2)


def carry_in_place(draft: Draft) -> None:
    """Let loops write the next carried values over those before, where no later call of the iteration reads these."""
    for position, step in enumerate(draft.sequence):
        if type(step.function) is not End:
            continue
        begin, held, nexts = step.args
        inside = range(draft.order[begin.index], position)
        for old, new in zip(held, nexts, strict=True):
            mine, other = draft.storage[new.index], draft.storage[old.index]
            if mine is not None and other is not None and _may_carry(old, new, mine, other, inside, draft):
                draft.merge(mine, into=other)


def _may_carry(old: Step, new: Step, mine: Storage, other: Storage, inside: range, draft: Draft) -> bool:
    """Return whether a loop may compute the next carried value in the memory of the one before.

    Args:
        old, new: the value before, and the next one.
        mine, other: the memory of the next one, and of the one before.
        inside: the positions of the calls of the loop.
    """
    if mine is other or mine.kind != "owned" or other.kind != "owned" or mine.in_parts:
        return False
    begun = _begun(new, mine, draft)  # the next value, or what is written into on the way to it
    steps = draft.sequence[inside.start : inside.stop]
    # What comes before the condition of an open loop is computed once more when the loop ends.
    sure = max([draft.order[item.index] for item in steps if item.function is goes_on], default=0)
    if begun < sure or draft.loops[begun] != draft.loops[inside.stop]:
        return False
    if any([_reads(reader, other, draft) for reader in draft.sequence[begun + 1 : inside.stop]]):
        return False
    if not _is_whole(new, mine, draft) or not _may_overwrite(draft.sequence[begun], other, draft):
        return False
    values: list[Any] = [draft.graph.nodes[index] for index in mine.steps]
    return all([is_read_alike(value, other, draft.layouts[old.index], draft) for value in values])


def _reads(step: Step, held: Storage, draft: Draft) -> bool:
    """Return whether a call reads a storage, or a value that may be a view of it."""
    read = [draft.storage[operand.index] for operand in operands_of(step)]
    return any([item is not None and held in (item, *item.behind) for item in read])


def _is_whole(step: Step, held: Storage, draft: Draft) -> bool:
    """Return whether a value is all of its memory, in order, if it is a view."""
    layout = draft.layouts[step.index]
    return not is_view(step, draft.layouts) or (layout.flags.c_contiguous and step.nbytes == held.nbytes)


def compute_in_place(draft: Draft, updates: dict[int, Step] | None = None) -> None:
    """Let elementwise calls write over an operand that nobody needs any more; not over what is assembled of parts,
    whose places are known before the step runs.

    Args:
        draft: the plan so far.
        updates: by the index of an input the step whose value it takes, before that is planned: then only over arrays
            that are written into, so that these stay where they are.
    """
    writes = [step for step in draft.sequence if updates is not None and is_write(step)]
    wholes = {id(draft.storage[step.index]) for step in writes}
    if updates is not None and not wholes:
        return
    ends = [] if updates is None else [update.index for update in updates.values()]
    for step in draft.sequence:
        mine = draft.storage[step.index]
        if mine is None or mine.kind != "owned" or mine.steps[0] != step.index:
            continue
        if not _reads_in_place(step) or is_write(step):
            continue
        for position, operand in enumerate(step.args):
            if type(operand) is not Step or operand.shape != step.shape or operand.dtype != step.dtype:
                continue
            other = draft.storage[operand.index]
            if other is None or (
                updates is not None and (id(other) not in wholes or any([end in other.steps for end in ends]))
            ):
                continue
            if _may_be_computed_over(step, position, other, draft):
                draft.merge(mine, into=other)
                break


def _may_be_computed_over(step: Step, position: int, other: Storage, draft: Draft) -> bool:
    """Return whether an elementwise call may write over the operand at a position, which lies in `other`."""
    operand = step.args[position]
    layout = draft.layouts[operand.index]
    fusion = draft.fusion_of.get(step.index)
    return bool(
        other.kind == "owned"
        and not other.in_parts
        and other.last_read == draft.order[step.index]
        and layout.flags.c_contiguous
        and operand.nbytes == other.nbytes
        and operand.size
        and may_be_written_over(step, position)
        and _is_alone(step, position, other, draft)
        and (fusion is None or fusion.aligned(step.index))
        and is_read_alike(step, other, layout, draft)
    )


def _is_alone(step: Step, position: int, held: Storage, draft: Draft) -> bool:
    """Return whether the other operands lie elsewhere, or are the very same value."""
    return all(
        type(item) is not Step or item is step.args[position] or draft.storage[item.index] is not held
        for item in step.args
    )


def is_read_alike(step: Step, held: Storage, like: Any, draft: Draft) -> bool:
    """Return whether the fusion of a step reads a storage block by block alone: then it may be written so."""
    fusion = draft.fusion_of.get(step.index)
    alike = set() if like is None else {(like.shape, like.strides)}
    return fusion is None or held.blocks.get(id(fusion), set()) <= alike

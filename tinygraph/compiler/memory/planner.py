"""From a draft to the plan: values computed in place, values of one block, and values that share memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinygraph.compiler.memory.draft import Draft, draft_of
from tinygraph.compiler.memory.lines import middle_of
from tinygraph.compiler.memory.overwriting import carry_in_place, compute_in_place, update_in_place
from tinygraph.compiler.memory.packing import packed
from tinygraph.compiler.memory.storage import Plan, Storage
from tinygraph.compiler.memory.writing_parts import compute_in_parts, write_parts_in_place
from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.schedule.blocks import Fusion
from tinygraph.graph import Graph

__all__ = ["plan"]


def plan(
    graph: Graph, items: Sequence[Step | Fusion], arguments: int, updates: dict[int, Step], results: Sequence[Step],
    open_size: int | None = None,
) -> Plan:  # fmt: skip
    """Return the plan of a program: the storage of each value, and the buffers.

    Args:
        graph: of steps.
        items: its calls, in the order of execution.
        arguments: how many of the inputs are arguments; the other inputs are variables.
        updates: by the index of an input the step whose value it takes.
        results: the steps whose values the caller gets.
        open_size: a size that stands for any, or None.
    """
    draft = draft_of(graph, items, arguments)
    draft.read_at_end(results)
    write_parts_in_place(draft, updates)
    compute_in_place(draft, updates)
    carry_in_place(draft)
    copied, straight = update_in_place(draft, updates, results)
    draft.read_at_end([step for _, step in copied])
    compute_in_parts(draft)
    compute_in_place(draft)
    owned = _owned(draft)
    _let_escape(draft, results)
    for held in owned:
        _note_last(held, draft)
        if _is_scratch(held, draft):
            held.kind = "scratch"
    _note_middles(draft)
    return Plan(
        items=list(items),
        storage=draft.storage,
        layouts=draft.layouts,
        buffers=packed([held for held in owned if held.kind == "owned" and not held.escapes], open_size),
        copied=copied,
        by_index={step.index: step for step in draft.sequence},
        straight=straight,
        parts=draft.parts,
    )


def _owned(draft: Draft) -> list[Storage]:
    """Return the memory that the program computes into, each once."""
    return list(dict.fromkeys(held for held in draft.storage.values() if held is not None and held.kind == "owned"))


def _let_escape(draft: Draft, results: Sequence[Step]) -> None:
    """Give the results of a program new memory at each call."""
    for output in results:
        held = draft.storage[output.index]
        if held is not None and held.kind == "owned":
            held.escapes = True


def _note_last(held: Storage, draft: Draft) -> None:
    """Note the item that needs a storage last; behind all items for one that is needed when they are done."""
    position = held.last_read if held.last_read >= 0 else draft.order[held.steps[-1]]
    done = position >= len(draft.sequence)
    held.last = len(draft.items) if done else draft.item_of[draft.sequence[position].index]
    held.last = max(held.last, *[draft.item_of[index] for index in held.steps])


def _is_scratch(held: Storage, draft: Draft) -> bool:
    """Return whether no more of a storage is ever needed than what a block of a fusion computes."""
    fusion = draft.fusion_of.get(held.steps[0])
    if fusion is None or held.escapes or held.first != held.last:
        return False
    return all(fusion.aligned(index) for index in held.steps)


def _note_middles(draft: Draft) -> None:
    """Note where the second of two threads of BLAS begins to write; see `tinygraph.compiler.memory.lines`."""
    for step in draft.sequence:
        held = draft.storage[step.index]
        if held is None or step.function not in (np.dot, np.matmul) or step.kwargs or step.index in draft.parts:
            continue
        first, second = [draft.layouts.get(item.index) if type(item) is Step else None for item in step.args[:2]]
        if first is not None and second is not None:
            held.middle = middle_of(first, second, step.dtype) * step.dtype.itemsize or held.middle

"""Slots: memory for the values that only a block of a fusion needs. Its size is one block, and each thread has its own.

Values that are not needed at the same time lie in one slot, one after the other.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field
from typing import Any

from tinygraph.compiler.memory.storage import Plan, Storage
from tinygraph.compiler.memory.timetables import Timetable
from tinygraph.compiler.program.steps import operands_of
from tinygraph.compiler.schedule.blocks import Fusion

__all__ = ["Slot", "slots_of"]


@dataclass(eq=False)
class Slot:
    """Memory of a block, for each thread, that several values lie in one after the other.

    Attributes:
        parts: by shape and dtype the number of an array at its beginning; the first is the largest.
    """

    nbytes: int
    parts: dict[tuple[tuple[int, ...], Any], int] = field(default_factory=dict)


def slots_of(fusion: Fusion, plan: Plan, size: int) -> tuple[dict[int, int], list[Slot]]:
    """Lay the scratch memory of a fusion into slots.

    Args:
        size: the rows of a block.

    Returns:
        By the id of a storage the number of its array; and the slots.
    """
    numbers: dict[int, int] = {}
    slots: list[Slot] = []
    count = 0
    scratches = _scratches_of(fusion, plan)
    times = _times_of(scratches, fusion, plan)
    timetable = Timetable()
    in_order = sorted(scratches, key=lambda held: (-held.nbytes, times[id(held)][0]))
    for _, group in itertools.groupby(in_order, key=lambda held: held.nbytes):
        alike = list(group)
        timetable.begin(len(alike))
        for held in alike:
            shape, itemsize = _shape_in_block(held, fusion, plan, size), held.dtype.itemsize
            # Each thread's part is aligned where the size of an element divides that of a part.
            number = timetable.take(*times[id(held)], lambda number: slots[number].nbytes % itemsize == 0)  # noqa: B023
            if number == len(slots):
                slots.append(Slot(math.prod(shape) * itemsize))
            slot = slots[number]
            if (shape, held.dtype) not in slot.parts:
                count += 1
                slot.parts[shape, held.dtype] = count
            numbers[id(held)] = slot.parts[shape, held.dtype]
    return numbers, slots


def _scratches_of(fusion: Fusion, plan: Plan) -> list[Storage]:
    """Return the storages that only a block needs, each once."""
    storages = dict.fromkeys(plan.storage[step.index] for step in fusion.steps)
    return [held for held in storages if held is not None and held.kind == "scratch"]


def _times_of(scratches: list[Storage], fusion: Fusion, plan: Plan) -> dict[int, tuple[int, int]]:
    """Return by the id of a storage the positions in the fusion at which it is first written and last needed."""
    order = {step.index: position for position, step in enumerate(fusion.steps)}
    last: dict[int, int] = {}
    for step in fusion.steps:
        for touched in [*operands_of(step), step]:
            last[id(plan.storage[touched.index])] = order[step.index]
    return {id(held): (min(order[index] for index in held.steps), last[id(held)]) for held in scratches}


def _shape_in_block(held: Storage, fusion: Fusion, plan: Plan, size: int) -> tuple[int, ...]:
    """Return the shape of a block's part of some memory."""
    axis = fusion.axis_of(plan.by_index[held.steps[0]])
    each = held.shape[axis] // fusion.rows
    return (*held.shape[:axis], size * each, *held.shape[axis + 1 :])

"""Scratch: memory for what only a block of a fusion needs. Its size is one block, and each thread has its own.

Values that are not needed at the same time lie in one slot, one after the other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from tinygraph.compiler.memory.storage import Plan, Storage
from tinygraph.compiler.program.steps import operands_of
from tinygraph.compiler.schedule.blocks import Fusion

__all__ = ["Slot", "slots_of"]


@dataclass(eq=False)
class Slot:
    """Memory of a block, for each thread, that several values lie in one after the other.

    Attributes:
        times: when it is in use, as positions in the fusion.
        parts: by shape and dtype the number of an array at its beginning; the first is the largest.
    """

    nbytes: int
    times: list[tuple[int, int]] = field(default_factory=list)
    parts: dict[tuple[tuple[int, ...], Any], int] = field(default_factory=dict)

    def fits(self, first: int, last: int, dtype: Any) -> bool:
        """Return whether nothing is in it from one position to another, and each thread's part is aligned."""
        return self.nbytes % dtype.itemsize == 0 and all(last < a or b < first for a, b in self.times)


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
    for held in sorted(scratches, key=lambda held: (-held.nbytes, times[id(held)][0])):
        shape = _shape_in_block(held, fusion, plan, size)
        first, last = times[id(held)]
        slot = next((slot for slot in slots if slot.fits(first, last, held.dtype)), None)
        if slot is None:
            slot = Slot(math.prod(shape) * held.dtype.itemsize)
            slots.append(slot)
        slot.times.append((first, last))
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

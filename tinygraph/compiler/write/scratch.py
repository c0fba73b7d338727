"""Scratch: memory for what only a block of a run needs. It is so large as a block, and each thread has its own.

scratch_1_1 = on_lines((2, 512, 128), np.float32)       two threads, blocks of 512 rows
scratch_1_2 = scratch_1_1.reshape(2, -1)[:, :512].reshape((2, 512, 1))
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from tinygraph.compiler.memory import Plan, Storage
from tinygraph.compiler.program.steps import operands_of
from tinygraph.compiler.schedule.blocks import Run
from tinygraph.compiler.write.literals import dtype_text

__all__ = ["Slot", "slots_of"]


@dataclass(eq=False)
class Slot:
    """Memory of a block, for each thread, that several values lie in one after the other.

    Attributes:
        times: when it is in use, as places in the run.
        names: by shape and dtype what it is called; the first is the largest.
    """

    nbytes: int
    times: list[tuple[int, int]] = field(default_factory=list)
    names: dict[tuple[tuple[int, ...], Any], str] = field(default_factory=dict)

    def fits(self, first: int, last: int, dtype: Any) -> bool:
        """Return whether nothing is in it from one place to another, and each thread's part is aligned."""
        return self.nbytes % dtype.itemsize == 0 and all(last < a or b < first for a, b in self.times)

    def lines(self, threads: int, on_lines: str) -> list[str]:
        """The lines that allocate it, with a function of that name, and give the other names to its beginning."""
        (shape, dtype), first = next(iter(self.names.items()))
        lines = [f"{first} = {on_lines}({(threads, *shape)}, {dtype_text(dtype)})"]
        for (other, kind), name in [*self.names.items()][1:]:
            count = math.prod(other)
            part = f"{first}.reshape({threads}, -1)"
            if kind == dtype:
                part += f"[:, :{count}]" if count < math.prod(shape) else ""
            else:
                part += f".view(np.uint8)[:, :{count * kind.itemsize}].view({dtype_text(kind)})"
            lines.append(f"{name} = {part}.reshape({(threads, *other)})")
        return lines


def slots_of(run: Run, number: int, plan: Plan, size: int) -> tuple[dict[int, str], list[Slot]]:
    """What the scratch memory of each storage of a run is called: those not needed at the same time lie in the same.

    Args:
        number: of the run in the program.
        size: the rows of a block.

    Returns:
        By the id of a storage its name; and the memory.
    """
    names: dict[int, str] = {}
    slots: list[Slot] = []
    count = 0
    scratches = _scratches_of(run, plan)
    times = _times_of(scratches, run, plan)
    for held in sorted(scratches, key=lambda held: (-held.nbytes, times[id(held)][0])):
        shape = _shape_in_block(held, run, plan, size)
        first, last = times[id(held)]
        slot = next((slot for slot in slots if slot.fits(first, last, held.dtype)), None)
        if slot is None:
            slot = Slot(math.prod(shape) * held.dtype.itemsize)
            slots.append(slot)
        slot.times.append((first, last))
        if (shape, held.dtype) not in slot.names:
            count += 1
            slot.names[shape, held.dtype] = f"scratch_{number}_{count}"
        names[id(held)] = slot.names[shape, held.dtype]
    return names, slots


def _scratches_of(run: Run, plan: Plan) -> list[Storage]:
    """The storages that only a block needs, each once."""
    storages = dict.fromkeys(plan.storage[step.index] for step in run.steps)
    return [held for held in storages if held is not None and held.kind == "scratch"]


def _times_of(scratches: list[Storage], run: Run, plan: Plan) -> dict[int, tuple[int, int]]:
    """By the id of a storage the places in the run at which it is first written and last needed."""
    order = {step.index: place for place, step in enumerate(run.steps)}
    last: dict[int, int] = {}
    for step in run.steps:
        for touched in [*operands_of(step), step]:
            last[id(plan.storage[touched.index])] = order[step.index]
    return {id(held): (min(order[index] for index in held.steps), last[id(held)]) for held in scratches}


def _shape_in_block(held: Storage, run: Run, plan: Plan, size: int) -> tuple[int, ...]:
    """The shape of a block's part of some memory."""
    axis = run.axis_of(plan.by_index[held.steps[0]])
    each = held.shape[axis] // run.rows
    return (*held.shape[:axis], size * each, *held.shape[axis + 1 :])

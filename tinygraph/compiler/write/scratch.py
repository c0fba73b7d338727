"""The text of scratch memory, which a fusion needs while it computes a block; see `tinygraph.compiler.memory.slots`.

scratch_1_1 = on_lines((2, 512, 128), np.float32)       two threads, blocks of 512 rows
scratch_1_2 = scratch_1_1.reshape(2, -1)[:, :512].reshape((2, 512, 1))
"""

from __future__ import annotations

import math

from tinygraph.compiler.memory.slots import Slot
from tinygraph.compiler.write.literals import dtype_text

__all__ = ["name_of_scratch", "slot_lines"]


def name_of_scratch(fusion: int, number: int) -> str:
    """Return the name of an array in the scratch memory of a fusion, both by their numbers."""
    return f"scratch_{fusion}_{number}"


def slot_lines(slot: Slot, fusion: int, threads: int, on_lines: str) -> list[str]:
    """Return the lines that allocate a slot, and name the arrays at its beginning.

    Args:
        fusion: the number of the fusion.
        on_lines: the name of the function that allocates.
    """
    parts = [(shape, dtype, name_of_scratch(fusion, number)) for (shape, dtype), number in slot.parts.items()]
    shape, dtype, first = parts[0]
    lines = [f"{first} = {on_lines}({(threads, *shape)}, {dtype_text(dtype)})"]
    for other, kind, name in parts[1:]:
        count = math.prod(other)
        part = f"{first}.reshape({threads}, -1)"
        if kind == dtype:
            part += f"[:, :{count}]" if count < math.prod(shape) else ""
        else:
            part += f".view(np.uint8)[:, :{count * kind.itemsize}].view({dtype_text(kind)})"
        lines.append(f"{name} = {part}.reshape({(threads, *other)})")
    return lines

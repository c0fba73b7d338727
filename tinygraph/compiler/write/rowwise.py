"""Rowwise: the text of a fusion, as a function that computes a block of rows and one that goes over the blocks.

    def block_1(x, y_part):
        np.tanh(x, out=y_part)
        np.multiply(y_part, half, out=y_part)
        y_sum = float(np.add.reduce(y_part, axis=None))
        return y_sum


    def rows_1(begin, end, thread, x):
        y_sum = 0.0
        for start in range(begin, end, 32768):
            stop = min(start + 32768, end)
            y_sum += block_1(x[start:stop], scratch_1_1[thread, :stop - start])
        return y_sum

The step calls `rows_1(0, 1000000, 0, x)`, or two threads do, each for half of the rows.
"""

from __future__ import annotations

from dataclasses import dataclass

from tinygraph.compiler.memory import Plan
from tinygraph.compiler.memory.lines import on_lines
from tinygraph.compiler.schedule.blocks import Fusion
from tinygraph.compiler.schedule.division import Division, division_of
from tinygraph.compiler.write.block import Block, block_of
from tinygraph.compiler.write.block_loops import call_of
from tinygraph.compiler.write.scratch import slot_lines
from tinygraph.compiler.write.writer import Writer

__all__ = ["FusionText", "text_of_fusion"]


@dataclass(frozen=True, eq=False)
class FusionText:
    """The text of one fusion.

    Attributes:
        block: the function that computes a block.
        setup: lines that allocate what a block needs.
        call: the call in the step, and the calls that follow it.
        scratch_count, scratch_bytes: of the arrays that are allocated.
    """

    block: Block
    setup: list[str]
    call: list[str]
    scratch_count: int
    scratch_bytes: int

    @property
    def number(self) -> int:
        """The number of the fusion in the program."""
        return self.block.number

    @property
    def division(self) -> Division:
        """The division of the rows into blocks."""
        return self.block.division


def text_of_fusion(fusion: Fusion, number: int, plan: Plan, writer: Writer, threads: int) -> FusionText:
    """Write a fusion.

    Args:
        number: of the fusion in the program, for its names.
        threads: how many there are.
    """
    division = division_of(fusion, threads)
    block = block_of(fusion, number, plan, writer, division)
    slots = block.slots
    made = [slot_lines(slot, number, division.threads, writer.foreign(on_lines)) for slot in slots]
    return FusionText(
        block=block,
        setup=[*block.setup, *[line for line, *_ in made], *[line for _, *lines in made for line in lines]],
        call=call_of(block),
        scratch_count=len(block.setup) + len(slots),
        scratch_bytes=sum(division.threads * slot.nbytes for slot in slots),
    )

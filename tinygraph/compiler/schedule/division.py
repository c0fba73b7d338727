"""Division: the rows of a fusion in blocks, and the blocks on one thread or two."""

from __future__ import annotations

import os
from dataclasses import dataclass

from tinygraph.compiler.schedule.batch import Batch
from tinygraph.compiler.schedule.blocks import TWO_THREADS, Fusion

__all__ = ["Division", "division_of", "processors"]


@dataclass(frozen=True)
class Division:
    """The division of the rows of a fusion.

    Attributes:
        rows: how many.
        size: the rows of a block.
        threads: how many.
        in_turns: whether two threads take the blocks in turns, and not half of them each.
    """

    rows: int
    size: int
    threads: int
    in_turns: bool

    @property
    def is_even(self) -> bool:
        """True if all blocks are of one size."""
        return self.rows % self.size == 0

    @property
    def is_one_each(self) -> bool:
        """True if a thread has one block, so that the sum of the block is its total."""
        return self.size * self.threads >= self.rows


# Two threads that end a call at the same time wait for each other, as Python runs one of them at a time. With blocks of
# twice the size they do so half as often: 10 million numbers took 37 milliseconds instead of 44. There must be several
# blocks for each, so that both have about as much to do.
BLOCKS_EACH = 8

# The blocks of a batch may be larger by a quarter: with one example more, a step must not take another block of calls.
SOME_MORE = 4

# Among so many blocks one more does not matter.
FEW_BLOCKS = 4


def division_of(fusion: Fusion, threads: int) -> Division:
    """Return the division of the rows of a fusion into blocks, and of those between threads."""
    size, rows = fusion.rows_in_block, fusion.rows
    if threads == 1 or fusion.nanoseconds <= min(fusion.pays_from, TWO_THREADS):
        return Division(rows, _alike(rows, size) if isinstance(fusion, Batch) else min(size, rows), 1, in_turns=False)
    if isinstance(fusion, Batch):
        size = _alike(-(-rows // 2), size)
    elif rows >= 4 * BLOCKS_EACH * size:
        size *= 2
    size = min(size, -(-rows // 2))
    # What is added up into arrays is added up in halves, so that it is the same numbers at every call.
    adds_up_arrays = any(step.index in fusion.ending and step.shape for step in fusion.steps)
    return Division(rows, size, 2, in_turns=not adds_up_arrays and rows > 2 * size)


def _alike(rows: int, size: int) -> int:
    """Return the rows of blocks, where there are few of about one size: to have some more rows in each takes less time
    than to have one block more.
    """
    if rows >= FEW_BLOCKS * size:
        return size
    blocks = -(-rows // (size + size // SOME_MORE))
    return -(-rows // blocks)


def processors() -> int:
    """Return the number of processors that this process may use: on some systems, fewer than there are."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed is not None else os.cpu_count() or 1

"""Blocks: a fusion of elementwise calls on large arrays is evaluated block by block, so that they stay in cache.

A fusion goes over the rows of its arrays: the places along their first axis that is longer than 1. Its members may have
other sizes along the other axes, as the largest value of each row has. A sum that ends a fusion is added up block by
block.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygraph.compiler.program.cost import nanoseconds
from tinygraph.compiler.program.facts import REDUCTIONS
from tinygraph.compiler.program.loop_marks import Begin, End
from tinygraph.compiler.program.predicates import is_elementwise, is_plain_reduction
from tinygraph.compiler.program.steps import Step, operands_of
from tinygraph.derivatives.reductions import reduced_axes

__all__ = ["TWO_THREADS", "Fusion", "calls_in", "combining", "gathered", "start_of"]

# Arrays of more elements are evaluated in blocks, a block having this many bytes of each: 64 thousand numbers of
# float32. Half and a quarter of it are nearly as good; less, and the calls begin to cost.
LARGE = 32_768
BLOCK_BYTES = 262_144

# Two threads pay from this many nanoseconds of work. To hand work to another one takes 20 to 70 microseconds where it
# was given some a moment ago, as in a loop, and 300 where it has slept: 0.58 milliseconds became 0.41 in a loop, and
# 0.9 from time to time; 1.8 milliseconds became 1.2.
TWO_THREADS = 500_000.0

# A call alone is worth its blocks if it can be divided between two threads.
ALONE = 2_000_000.0


@dataclass(eq=False)
class Fusion:
    """Elementwise calls over the same rows, and reductions that end them.

    Attributes:
        rows: how many.
        axis: the axis they are counted along.
        ndim: the number of axes of every member.
        steps: in order of execution.
        members: the indices of the steps whose blocks have the same rows as the fusion's.
        ending: the indices of the reductions over all rows.
        pays_from: two threads pay from so many nanoseconds of work.
    """

    rows: int
    axis: int
    ndim: int
    steps: list[Step] = field(default_factory=list)
    members: set[int] = field(default_factory=set)
    ending: set[int] = field(default_factory=set)
    pays_from: float = TWO_THREADS

    def aligned(self, index: int) -> bool:
        """Return whether a block of the fusion computes the same rows of this step's result."""
        return index in self.members

    def slices(self, step: Step, operand: Step) -> bool:
        """Return whether a block of the fusion reads the same rows of an operand of a step, as opposed to all of it."""
        place = self.axis_of(operand)
        return 0 <= place < len(operand.shape) and operand.shape[place] == self.rows

    def axis_of(self, operand: Step) -> int:
        """Return the axis of an operand that the rows are counted along, if it has them."""
        return self.axis - (self.ndim - len(operand.shape))

    def each_of(self, step: Step) -> int:
        """Return the number of places along a step's axis for each row of the fusion."""
        return 1

    @property
    def rows_in_block(self) -> int:
        """The number of rows in a block."""
        widest = max(step.nbytes for step in self.steps if step.index in self.members) // self.rows
        return max(1, BLOCK_BYTES // max(widest, 1))

    @property
    def nanoseconds(self) -> float:
        """About how long it takes on one thread."""
        return sum(nanoseconds(step) for step in self.steps)


def calls_in(item: Step | Fusion) -> Sequence[Step]:
    """Return the calls of an item: those of a fusion, or the one that it is."""
    return item.steps if isinstance(item, Fusion) else (item,)


def gathered(steps: Sequence[Step], overwrites: dict[int, int]) -> list[Step | Fusion]:
    """Return calls in an order of execution, with fusions where arrays are larger than a block.

    A call joins the last fusion over its rows that stands after all its operands. A fusion of one call is undone, and
    so is one whose rows are a single block for a single thread.
    No call joins a fusion before a decision that it comes after: a call of a function that decides otherwise does not
    make it. None joins one in another iteration, or in none.

    Args:
        steps: of a graph, all whose operands are among them or have been computed.
        overwrites: by the index of a step that computes a variable's new value the index of the variable: the step
            should not come before others read the old value.
    """
    gathering = _Gathering(overwrites)
    for step in steps:
        if step.function is not None:
            gathering.add(step)
    found: list[Step | Fusion] = []
    for item in gathering.items:
        found += item.steps if isinstance(item, Fusion) and _is_undone(item) else [item]
    return found


def _is_undone(fusion: Fusion) -> bool:
    """Return whether the calls of a fusion may as well stand alone."""
    if len(fusion.steps) == 1:
        return fusion.nanoseconds < ALONE
    return fusion.rows_in_block >= fusion.rows and fusion.nanoseconds <= TWO_THREADS


class _Gathering:
    """Calls as they are put in order.

    Args:
        overwrites: see `gathered`.

    Attributes:
        items: the calls and fusions so far.
    """

    def __init__(self, overwrites: dict[int, int]) -> None:
        self.items: list[Step | Fusion] = []
        self._overwrites = overwrites
        self._place: dict[int, int] = {}  # by a step's index the item that computes it
        self._read: dict[int, int] = {}  # by a step's index the last item that reads it
        self._open: list[int] = []  # the fusions that calls may join

    def add(self, step: Step) -> None:
        """Let a step join a fusion, begin one, or stand alone."""
        if step.decides or type(step.function) in (Begin, End):
            self._open.clear()
        rows = _rows_of(step)
        place = None if rows is None else self._joined(step, rows)
        if place is None:
            place = len(self.items)
            self.items.append(step if rows is None else self._begun(step, rows))
        self._place[step.index] = place
        for operand in operands_of(step):
            self._read[operand.index] = max(place, self._read.get(operand.index, -1))

    def _after(self, step: Step) -> int:
        """Return the last item that must come before a step: it computes an operand, or reads what is overwritten."""
        after = max([self._place.get(operand.index, -1) for operand in operands_of(step)], default=-1)
        return max(after, self._read.get(self._overwrites.get(step.index, -1), -1))

    def _joined(self, step: Step, rows: tuple[int, int, int]) -> int | None:
        """Let a step join the last fusion that it can, and return the place of that fusion; None for none."""
        after = self._after(step)
        for position in reversed(self._open):
            if position < after:
                return None
            fusion = self.items[position]
            if isinstance(fusion, Fusion) and (fusion.rows, fusion.axis, fusion.ndim) == rows:
                inside = [operand for operand in operands_of(step) if self._place.get(operand.index) == position]
                if all(fusion.aligned(operand.index) for operand in inside) and (inside or not _ends(step)):
                    _join(fusion, step)
                    return position
        return None

    def _begun(self, step: Step, rows: tuple[int, int, int]) -> Step | Fusion:
        """Return a fusion that begins with a step; or the step, if it is no beginning."""
        if _ends(step) or not is_large(step) or step.size // rows[0] > 2 * LARGE:
            return step
        fusion = Fusion(*rows)
        _join(fusion, step)
        self._open.append(len(self.items))
        return fusion


def _rows_of(step: Step) -> tuple[int, int, int] | None:
    """Return the number of rows of a call, their axis and the number of axes; None for a call that cannot be fused."""
    if is_elementwise(step):
        shape: tuple[int, ...] = step.shape
    elif is_plain_reduction(step):
        if type(step.args[0]) is not Step or step.dtype.kind != "f" or step.dtype != step.args[0].dtype:
            return None
        shape = step.args[0].shape
    else:
        return None
    axis = next((place for place, size in enumerate(shape) if size > 1), None)
    if axis is None or shape[axis] < 4:
        return None
    return shape[axis], axis, len(shape)


def _join(fusion: Fusion, step: Step) -> None:
    fusion.steps.append(step)
    if is_elementwise(step) or (not _over_rows(step, fusion) and step.kwargs.get("keepdims")):
        fusion.members.add(step.index)
    elif _over_rows(step, fusion):
        fusion.ending.add(step.index)


def _ends(step: Step) -> bool:
    return step.function in REDUCTIONS


def _over_rows(step: Step, fusion: Fusion) -> bool:
    """Return whether a reduction adds up rows."""
    return not is_elementwise(step) and fusion.axis in reduced_axes(step.kwargs.get("axis"), len(step.args[0].shape))


def is_large(step: Step) -> bool:
    """Return whether a call works on more than a block."""
    return max([step.size, *[operand.size for operand in operands_of(step)]]) > LARGE


def start_of(step: Step) -> float:
    """Return the value that an accumulator of a reduction begins with."""
    starts: dict[Any, float] = {np.prod: 1.0, np.max: -np.inf, np.min: np.inf}
    return starts.get(step.function, 0.0)


def combining(step: Step) -> np.ufunc:
    """Return the function that makes one of two parts of a total."""
    return REDUCTIONS.get(step.function, np.add)  # type: ignore[arg-type]

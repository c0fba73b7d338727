"""Sequences: a part of a program that goes over the sequences of a batch, a few of them at a time.

A transformer makes many arrays of each sequence, and all that it makes of one, forward and backward, needs no other. So
this is done for a few sequences, whose arrays stay in cache, before the next few; two threads take half of the
sequences each. The gradients of matrices are added up, from one few to the next.
"""

from __future__ import annotations

import math
import operator
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygraph.compiler.kernels.assembly import assembled, turned_product
from tinygraph.compiler.program.cost import flops
from tinygraph.compiler.program.facts import REDUCTIONS, RESHAPING, TRANSPOSING
from tinygraph.compiler.program.predicates import is_elementwise, is_plain_reduction
from tinygraph.compiler.program.reshaping import axes_of, is_reshape
from tinygraph.compiler.program.steps import Step, operands_of
from tinygraph.compiler.schedule.batches import Batch, turned_for_products
from tinygraph.compiler.schedule.blocks import TWO_THREADS
from tinygraph.derivatives.indexing import scatter
from tinygraph.derivatives.reductions import reduced_axes
from tinygraph.graph import Graph

__all__ = ["Sequences", "sequences_of"]

# The largest array of a few sequences has so many bytes: with half of it a step of a small transformer took as long,
# with a quarter of it a quarter longer.
BLOCK_BYTES = 1 << 19

Slices = list[Step] | None

# Products of matrices, of which there may be one for each sequence.
BATCHED = (np.matmul, turned_product)


@dataclass(eq=False)
class Sequences(Batch):
    """A fusion whose rows are sequences, or what has become of each.

    Attributes:
        each: by a member's index how many rows of it belong to one sequence: those of x.reshape(1024, 64), made of 16
            sequences of 64 tokens, are 64.
    """

    each: dict[int, int] = field(default_factory=dict)
    turned: set[int] = field(default_factory=set)
    found: dict[int, Slices] = field(default_factory=dict)

    def slices(self, step: Step, operand: Step) -> bool:
        """See `Fusion`."""
        return any(operand is item for item in self.sliced(step) or ())

    def axis_of(self, operand: Step) -> int:
        """See `Fusion`."""
        return 0

    def each_of(self, step: Step) -> int:
        """See `Fusion`. An array from outside of which a block reads its own rows is divided evenly, too."""
        return self.each.get(step.index) or step.shape[0] // self.rows

    @property
    def rows_in_block(self) -> int:
        """See `Fusion`: a power of two."""
        widest = max(step.nbytes for step in self.steps if step.index in self.members) // self.rows
        return 1 << max(0, (BLOCK_BYTES // max(widest, 1)).bit_length() - 1)

    def sliced(self, step: Step) -> Slices:
        """Return the operands of which a block reads its own sequences only; None if it needs others, too."""
        if step.index not in self.found:
            found = _sliced(step, self)
            inside = [operand for operand in operands_of(step) if operand.index in self.members]
            if found is not None and not all(any(operand is item for item in found) for operand in inside):
                found = None
            self.found[step.index] = found
        return self.found[step.index]


def sequences_of(graph: Graph, overwrites: dict[int, int]) -> tuple[list[Step], Sequences, list[Step]] | None:
    """Return the part that goes over sequences, and the steps before and behind it; None if there is none.

    Args:
        graph: of steps.
        overwrites: by the index of a step that computes a variable's new value the index of the variable.
    """
    steps = [step for step in graph.nodes if isinstance(step, Step) and step.function is not None]
    work: Counter[int] = Counter()
    for step in steps:
        if step.function in BATCHED and len(step.shape) > 2 and 0 not in step.shape:
            work[step.shape[0]] += flops(step)
    rows = work.most_common(1)[0][0] if work else 0
    if rows < 2:
        return None
    fusion = Sequences(rows, 0, 4, turned=turned_for_products(graph))
    late: set[int] = set()
    before: list[Step] = []
    after: list[Step] = []
    ended = False
    for step in steps:
        ended = ended or bool(fusion.steps and step.decides)  # what comes after a decision is not computed before it
        if ended:
            after.append(step)
            continue
        operands = list(operands_of(step))
        inside = any(operand.index in fusion.members for operand in operands)
        if any(operand.index in late for operand in operands):
            after.append(step)
            late.add(step.index)
        elif not inside and not _begins(step, fusion):
            before.append(step)
        elif step.index in overwrites or not fusion.takes_in(step, fusion.sliced(step)):
            after.append(step)
            late.add(step.index)
        else:
            fusion.steps.append(step)
            if _adds_up(step):
                fusion.ending.add(step.index)
                late.add(step.index)
            else:
                fusion.members.add(step.index)
                fusion.each[step.index] = _each(step, fusion)
    return (before, fusion, after) if fusion.members and fusion.nanoseconds > TWO_THREADS else None


def _begins(step: Step, fusion: Sequences) -> bool:
    """Return whether a step that reads no sequence's values yet makes some: of an argument that has one for each."""
    if step.function in RESHAPING and type(step.args[0]) is Step and _has_all(step.args[0], fusion):
        return fusion.sliced(step) is not None
    if len(step.shape) < 3 or step.shape[0] != fusion.rows or 0 in step.shape or _adds_up(step):
        return False
    if not (is_elementwise(step) or step.function in BATCHED or step.function in REDUCTIONS):
        return False
    return any(operand.given for operand in fusion.sliced(step) or ())


def _has_all(x: Step, fusion: Sequences) -> bool:
    """Return whether something that is given has one part for each sequence."""
    return x.given and len(x.shape) > 2 and x.shape[0] == fusion.rows


def _each(step: Step, fusion: Sequences) -> int:
    """Return the number of a member's rows that belong to one sequence."""
    if step.index in fusion.turned:
        return fusion.each_of(step.args[0])
    return step.shape[0] // fusion.rows


def _adds_up(step: Step) -> bool:
    """Return whether a call adds up over the sequences."""
    if step.function in REDUCTIONS:
        return 0 in reduced_axes(step.kwargs.get("axis"), len(step.args[0].shape))
    return step.function in (np.matmul, np.dot) and step.args[0].function in TRANSPOSING and len(step.shape) == 2


def _sliced(step: Step, fusion: Sequences) -> Slices:
    """Return the operands of which a block reads its own rows; of an elementwise call without a look at the rest."""
    function, args, members = step.function, step.args, fusion.members
    if function is assembled:
        return _all_rows(args[0], args[1], step, fusion)
    if is_elementwise(step):
        if not step.shape or step.shape[0] % fusion.rows:
            return None
        return [
            item for item in args
            if type(item) is Step and len(item.shape) == len(step.shape) and item.shape[0] == step.shape[0]
        ]  # fmt: skip
    x = args[0] if args else None
    if type(x) is not Step or not x.shape or 0 in x.shape:
        return None
    if is_plain_reduction(step):
        fine = step.dtype == x.dtype and x.dtype.kind == "f" and (x.index in members or x.shape[0] == fusion.rows)
        return [x] if fine and x.index not in fusion.turned and (not _adds_up(step) or function is np.sum) else None
    if function in (np.matmul, np.dot) and not step.kwargs and type(args[1]) is Step:
        return _sliced_of_product(step, x, args[1], fusion)
    if function is turned_product:
        return _sliced_of_product(step, x, args[1], fusion) if args[2][0] == 0 else None
    if not step.shape or x.index in fusion.turned:
        return None
    if is_reshape(step) and function in RESHAPING and _has_all(x, fusion):
        return [x] if step.shape[0] % fusion.rows == 0 else None
    if x.index not in members:
        return None
    if is_reshape(step) and function in RESHAPING:
        return [x] if step.shape[0] % fusion.rows == 0 else None
    if function in TRANSPOSING:
        return [x] if axes_of(step)[0] == 0 or step.index in fusion.turned else None
    if function is operator.getitem:
        return _all_rows([x], [args[1]], step, fusion)
    if function is np.broadcast_to:
        return [x] if len(x.shape) == len(step.shape) and x.shape[0] == step.shape[0] else None
    if function is scatter:
        return _all_rows([x], [args[1]], step, fusion)
    return None


def _sliced_of_product(step: Step, x: Step, y: Step, fusion: Sequences) -> Slices:
    if step.dtype.char not in "fd" or not x.dtype == y.dtype == step.dtype or len(step.shape) < 2:
        return None
    if x.index in fusion.turned:
        if x.index not in fusion.members:
            return None
        right = len(y.shape) == 2 and y.index in fusion.members and y.index not in fusion.turned
        return [x, y] if right and y.shape[0] == x.shape[1] else None
    if x.index not in fusion.members and not _has_all(x, fusion):
        return None
    if y.index in fusion.members:
        alike = step.function in BATCHED and len(x.shape) == len(y.shape) > 2 and x.shape[0] == y.shape[0]
        return [x, y] if alike else None
    return [x] if len(y.shape) == 2 and (step.function in BATCHED or len(x.shape) == 2) else None


def _all_rows(parts: Sequence[Any], indices: Sequence[Any], step: Step, fusion: Sequences) -> Slices:
    """Return the parts, if each stands at all rows, and they and the result have one row for each sequence."""
    for part, index in zip(parts, indices, strict=True):
        basic = type(index) is tuple and all(type(item) in (int, slice) for item in index)
        if not basic or index[0] != slice(None) or type(index[0]) is not slice:
            return None
        if part.index not in fusion.members or part.index in fusion.turned or fusion.each_of(part) != 1:
            return None
    return list(parts) if math.prod(step.shape) and step.shape[0] == fusion.rows else None

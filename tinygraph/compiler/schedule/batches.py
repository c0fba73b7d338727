"""Batches: a part of a program that goes over the images of a batch, a few of them at a time.

A convolution makes much of little: what it makes of eight images still fits into the second-level cache, what it makes
of all does not. So everything that treats image by image is done for a few images, from the first convolution to the
sums that end in the gradients, before the next few; two threads take half of the images each. What only the images
at hand need has memory for these alone.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass, field

import numpy as np

from tinygraph.compiler.kernels.image_calls import IMAGE_FUNCTIONS, images_axis
from tinygraph.compiler.program.cost import flops, nanoseconds
from tinygraph.compiler.program.facts import REDUCTIONS, RESHAPING, TRANSPOSING
from tinygraph.compiler.program.predicates import is_elementwise, is_plain_reduction
from tinygraph.compiler.program.reshaping import axes_of
from tinygraph.compiler.program.steps import Step, operands_of
from tinygraph.compiler.schedule.blocks import Fusion
from tinygraph.derivatives.reductions import reduced_axes
from tinygraph.graph import Graph

__all__ = ["Batch", "batches_of", "turned_for_products"]

# A few images are so many that the largest array made of them has this many bytes: with half of it a step of a
# small network took a twentieth longer, with twice as much it took the same time.
BATCH_BYTES = 1 << 21


@dataclass(eq=False)
class Batch(Fusion):
    """A fusion whose rows are images, or what has become of each. They may be along another axis than the first.

    Attributes:
        in_rows: by the index of an array from outside whether a block reads its own rows of it, or all of it.
    """

    in_rows: dict[int, bool] = field(default_factory=dict)

    def takes_in(self, step: Step, sliced: list[Step] | None) -> bool:
        """Note how a step reads arrays from outside.

        Args:
            sliced: the operands of which a block reads its own rows only; None if the step is not for blocks.

        Returns:
            Whether it may join: an array has one name in a block, for all of it or for the block's rows.
        """
        if sliced is None:
            return False
        outside = [operand for operand in operands_of(step) if operand.index not in self.members]
        ways = {operand.index: any(operand is item for item in sliced) for operand in outside}
        if any(self.in_rows.get(index, way) != way for index, way in ways.items()):
            return False
        self.in_rows.update(ways)
        return True

    def axis_of(self, operand: Step) -> int:
        """See `Fusion`."""
        return images_axis(operand)

    def slices(self, step: Step, operand: Step) -> bool:
        """See `Fusion`."""
        return any(operand is item for item in _sliced(step, self.rows, self.members) or ())

    @property
    def rows_in_block(self) -> int:
        """See `Fusion`: a power of two."""
        widest = max(step.nbytes for step in self.steps if step.index in self.members) // self.rows
        return 1 << max(0, (BATCH_BYTES // max(widest, 1)).bit_length() - 1)

    @property
    def nanoseconds(self) -> float:
        """See `Fusion`."""
        return sum(max(nanoseconds(step), flops(step) / 50) for step in self.steps)


def batches_of(graph: Graph, overwrites: dict[int, int]) -> list[list[Step] | Batch]:
    """Return the parts of a graph that go over images, and what comes before, between and after them.

    Where a number is made of all images, and all images wait for it, as in batch normalization, another part begins.

    Args:
        graph: of steps.
        overwrites: by the index of a step that computes a variable's new value the index of the variable.
    """
    steps = [step for step in graph.nodes if isinstance(step, Step) and step.function is not None]
    turned = turned_for_products(graph)
    found: list[list[Step] | Batch] = []
    while parts := _batch_of(steps, overwrites, turned):
        before, batch, steps = parts
        found += [before, batch]
    return [*found, steps]


def _batch_of(
    steps: list[Step], overwrites: dict[int, int], turned: set[int]
) -> tuple[list[Step], Batch, list[Step]] | None:  # fmt: skip
    """Return the first part that goes over images, and the steps before and behind it; None if there is none."""
    for first in steps:
        known = IMAGE_FUNCTIONS.get(first.function)
        if known is not None and known.images and known.axis is not None:
            operand = first.args[known.images[0]]
            rows = operand.shape[images_axis(operand)]
            if rows > 1 and 0 not in first.shape:
                parts = _batch_from(first, rows, steps, overwrites, turned)
                if parts[1].members:
                    return parts
    return None


def _batch_from(
    first: Step, rows: int, steps: list[Step], overwrites: dict[int, int], turned: set[int]
) -> tuple[list[Step], Batch, list[Step]]:  # fmt: skip
    """Return the part that begins with a step."""
    batch = Batch(rows, 0, 4)
    late: set[int] = set()
    before: list[Step] = []
    after: list[Step] = []
    begun = ended = False
    for step in steps:
        begun = begun or step is first
        ended = ended or (begun and step.decides)  # what comes after a decision is not computed before it
        if ended:
            after.append(step)
            continue
        operands = list(operands_of(step))
        inside = any(operand.index in batch.members for operand in operands)
        early = not inside and not any(operand.index in late for operand in operands)
        called = begun and step.function in IMAGE_FUNCTIONS and IMAGE_FUNCTIONS[step.function].images
        if early and not called and step.index not in overwrites:
            before.append(step)
            continue
        sliced = _sliced(step, batch.rows, batch.members, turned)
        fits = sliced is not None and all(
            operand.index not in late
            and (operand.index not in batch.members or any(operand is item for item in sliced))
            for operand in operands
        )
        if not fits or step.index in overwrites or not batch.takes_in(step, sliced):
            after.append(step)
            late.add(step.index)
            continue
        batch.steps.append(step)
        if _adds_up(step):
            batch.ending.add(step.index)
            late.add(step.index)
        else:
            batch.members.add(step.index)
    return before, batch, after


def turned_for_products(graph: Graph) -> set[int]:
    """Return the transposes that are used as the left operand of products alone: the products add up over the rows."""
    found: set[int] = set()
    used: set[int] = set()
    for step in graph.nodes:
        assert isinstance(step, Step)
        for place, operand in enumerate(operands_of(step)):
            if operand.function in TRANSPOSING and len(operand.shape) == 2:
                left = step.function in (np.matmul, np.dot) and place == 0 and step.args[1] is not operand
                (found if left and len(step.shape) == 2 else used).add(operand.index)
    return found - used - {output.index for output in graph.outputs}


def _adds_up(step: Step) -> bool:
    """Return whether a call adds up over the images."""
    if step.function in REDUCTIONS:
        return 0 in reduced_axes(step.kwargs.get("axis"), len(step.args[0].shape))
    if step.function in (np.matmul, np.dot):
        return step.args[0].function in TRANSPOSING
    return step.function in IMAGE_FUNCTIONS and IMAGE_FUNCTIONS[step.function].axis is None


def _sliced(step: Step, rows: int, members: set[int], turned: set[int] | None = None) -> list[Step] | None:
    """Return the operands of which a block reads its own rows only; None if it needs others' rows, too."""
    function, args = step.function, step.args
    if function in IMAGE_FUNCTIONS:
        found = [args[place] for place in IMAGE_FUNCTIONS[function].images]
        fits = found and all(type(item) is Step and item.shape[images_axis(item)] == rows for item in found)
        return found if fits else None
    if is_elementwise(step):
        if not step.shape or step.shape[0] != rows:
            return None
        return [
            item for item in args if type(item) is Step and len(item.shape) == len(step.shape) and item.shape[0] == rows
        ]
    if not args or type(args[0]) is not Step or not args[0].shape:
        return None
    x = args[0]
    if is_plain_reduction(step):
        fine = step.dtype == x.dtype and x.dtype.kind == "f" and x.shape[0] == rows
        return [x] if fine and (not _adds_up(step) or function is np.sum) else None
    if function in (np.matmul, np.dot) and not step.kwargs and type(args[1]) is Step:
        y = args[1]
        if len(x.shape) != 2 or len(y.shape) != 2 or step.dtype.char not in "fd" or x.dtype != y.dtype:
            return None
        if x.function in TRANSPOSING and x.index in members:
            return [x, y] if y.shape[0] == rows else None
        return [x] if x.index in members and y.index not in members and step.shape[0] == rows else None
    if x.index not in members or not step.shape or 0 in step.shape:
        return None
    if function is np.broadcast_to:
        return [x] if len(x.shape) == len(step.shape) > 1 and x.shape[0] == step.shape[0] == rows else None
    if function in RESHAPING:
        return [x] if step.shape[0] == rows == x.shape[0] and len(step.shape) > 1 else None
    if function in TRANSPOSING:
        if axes_of(step)[0] == 0:
            return [x]
        return [x] if turned is None or step.index in turned else None
    if function is operator.getitem and type(args[1]) is tuple and args[1][:1] == (slice(None),):
        return [x] if all(type(item) in (int, slice) for item in args[1]) else None
    return None

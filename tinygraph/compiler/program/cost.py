"""Cost: how many operations a program does, how many bytes it moves, how much memory it holds."""

from __future__ import annotations

import operator
from dataclasses import dataclass

import numpy as np

from tinygraph.compiler.kernels.image_calls import IMAGE_FUNCTIONS
from tinygraph.compiler.program.facts import PRODUCTS, REDUCTIONS, facts_of
from tinygraph.compiler.program.steps import Step, operands_of

__all__ = ["FEW", "Cost", "flops", "nanoseconds", "traffic"]

# Arrays of at most so many numbers are added up by a product, which is called in half the time. In float32 the sum of
# more would lose more digits than that of `np.add.reduce`, which adds pairs.
FEW = 512


@dataclass(frozen=True)
class Cost:
    """The cost of a program, by calculation.

    Attributes:
        flops: floating-point operations; a function such as exp counts as one for each element.
        bytes: read and written by its calls, as if nothing stayed in cache.
        buffers: how many arrays it allocates once.
        buffer_bytes: how many bytes these have.
        calls: how many functions it calls.
    """

    flops: int
    bytes: int
    buffers: int
    buffer_bytes: int
    calls: int

    def __str__(self) -> str:
        return (
            f"{self.flops:,} operations, {self.bytes:,} bytes read and written in {self.calls:,} calls; "
            f"{self.buffers:,} buffer{'s' if self.buffers != 1 else ''} of {self.buffer_bytes:,} bytes"
        )


def flops(step: Step) -> int:
    """Return the number of floating-point operations of a call."""
    function = step.function
    if function in PRODUCTS:
        shape = step.args[0].shape if hasattr(step.args[0], "shape") else np.shape(step.args[0])
        return 2 * step.size * (shape[-1] if shape else 1)
    if function in IMAGE_FUNCTIONS:
        return IMAGE_FUNCTIONS[function].flops(step)
    if function in REDUCTIONS:
        return max((operand.size for operand in operands_of(step)), default=0)
    if isinstance(function, np.ufunc) and function.signature is None:
        return step.size
    return 0


def traffic(step: Step) -> int:
    """Return the number of bytes that a call reads and writes."""
    if step.function is operator.getitem:
        return 2 * step.nbytes
    return step.nbytes + sum(operand.nbytes for operand in operands_of(step))


def nanoseconds(step: Step) -> float:
    """Return about how long an elementwise call or a reduction takes when its operands are in cache."""
    size = max([step.size, *[operand.size for operand in operands_of(step)]])
    double, single = facts_of(step.function).nanoseconds
    return size * (single if step.dtype.itemsize <= 4 else double)

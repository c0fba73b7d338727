"""Cost: how many operations a program does, how many bytes it moves, how much memory it holds."""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygraph.compiler.image_calls import IMAGE_FUNCTIONS
from tinygraph.compiler.steps import REDUCTIONS, Step, operands_of

__all__ = ["Cost", "flops", "nanoseconds"]

# Nanoseconds an element of float64, as measured with NumPy 2.4 in cache on one core; float32 takes about half.
# What is not listed moves and adds: it takes SIMPLE.
SIMPLE = 0.4
SLOW: dict[Any, float] = {
    np.exp: 2.5, np.exp2: 2.5, np.expm1: 7.0, np.log: 3.0, np.log2: 4.0, np.log10: 7.0, np.log1p: 7.0, np.sin: 7.7,
    np.cos: 7.7, np.tan: 2.0, np.tanh: 2.5, np.sinh: 4.0, np.cosh: 4.0, np.arcsin: 3.0, np.arccos: 3.0, np.arctan: 3.0,
    np.arctan2: 10.0, np.power: 12.0, np.float_power: 12.0, np.hypot: 5.0, np.cbrt: 5.0, np.sqrt: 1.2, np.divide: 0.9,
    np.logaddexp: 20.0, np.remainder: 8.0, np.fmod: 8.0,
}  # fmt: skip


@dataclass(frozen=True)
class Cost:
    """What a program costs, by calculation.

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
    """Floating-point operations of one call."""
    function = step.function
    if function in (np.matmul, np.dot):
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
    """Bytes that one call reads and writes."""
    if step.function is operator.getitem:
        return 2 * step.nbytes
    return step.nbytes + sum(operand.nbytes for operand in operands_of(step))


def nanoseconds(step: Step) -> float:
    """About how long one elementwise call or reduction takes when its operands are in cache."""
    size = max([step.size, *[operand.size for operand in operands_of(step)]])
    each = SLOW.get(step.function, SIMPLE)
    return size * each * (0.5 if step.dtype.itemsize <= 4 else 1.0)


def inner(shape: tuple[int, ...], axis: int) -> int:
    """Elements for each place along an axis."""
    return math.prod(shape[axis + 1 :])

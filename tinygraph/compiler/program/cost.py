"""Cost: how many operations a program does, how many bytes it moves, how much memory it holds."""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygraph.compiler.kernels.assembly import turned_product
from tinygraph.compiler.kernels.image_calls import IMAGE_FUNCTIONS
from tinygraph.compiler.program.steps import REDUCTIONS, Step, operands_of

__all__ = ["ONE_THREAD", "Cost", "flops", "nanoseconds"]

# BLAS computes a product of fewer multiplications and additions on one thread: about a millisecond of work.
ONE_THREAD = 40_000_000

# Nanoseconds an element of float64 and of float32, as measured with NumPy 2.4 in cache on one core with AVX-512.
# What is not listed moves and adds: it takes SIMPLE.
SIMPLE = (0.25, 0.13)
SLOW: dict[Any, tuple[float, float]] = {
    np.exp: (0.8, 0.45), np.exp2: (0.7, 0.22), np.expm1: (1.1, 0.36), np.log: (0.8, 0.4), np.log2: (0.8, 0.25),
    np.log10: (0.9, 0.22), np.log1p: (1.0, 0.46), np.sin: (8.3, 0.53), np.cos: (8.3, 0.54), np.tan: (1.3, 0.41),
    np.tanh: (1.7, 0.37), np.sinh: (1.2, 0.38), np.cosh: (0.9, 0.34), np.arcsin: (1.3, 0.38), np.arccos: (1.3, 0.58),
    np.arctan: (1.2, 0.41), np.arctan2: (2.1, 0.6), np.power: (2.2, 0.7), np.float_power: (2.2, 2.2),
    np.hypot: (7.7, 3.8), np.cbrt: (1.0, 0.32), np.sqrt: (1.2, 0.37), np.divide: (0.34, 0.13),
    np.reciprocal: (0.7, 0.23), np.logaddexp: (15.0, 14.0), np.remainder: (8.5, 8.5), np.fmod: (14.0, 15.0),
}  # fmt: skip


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
    """Floating-point operations of one call."""
    function = step.function
    if function in (np.matmul, np.dot, turned_product):
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
    double, single = SLOW.get(step.function, SIMPLE)
    return size * (single if step.dtype.itemsize <= 4 else double)


def inner(shape: tuple[int, ...], axis: int) -> int:
    """Elements for each place along an axis."""
    return math.prod(shape[axis + 1 :])

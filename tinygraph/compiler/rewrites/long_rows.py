"""Long rows: NumPy goes over arrays in inner loops, each along the axes that all operands have in the same order.

Where one number for each of 16 channels is added to images, an inner loop is 16 numbers long, and takes longer to begin
than to run. Where the channels are repeated beforehand for a row of pixels, it goes over the row.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.predicates import is_elementwise
from tinygraph.compiler.program.result_types import shape_of
from tinygraph.compiler.program.rewriting import rewritten
from tinygraph.compiler.program.steps import Step
from tinygraph.graph import Graph

__all__ = ["long_rows"]

# The numbers in an inner loop: images of 16 channels plus a number for each took 20 microseconds, 9 with loops of 448
# numbers, and 8 with loops of 12,544.
ENOUGH = 256

# To repeat an operand takes as long as to begin so many loops.
LOOPS = 1000


def long_rows(graph: Graph) -> Graph:
    """x + c  ->  x + np.copy(np.broadcast_to(c, (28, 16))), for x of shape (32, 28, 28, 16) and c of shape (16,)."""

    def change(builder: Builder, step: Step) -> Step | None:
        function = step.function
        if function is None or not is_elementwise(step) or step.size < LOOPS:
            return None
        row = _row_of(step.shape)
        short = [item for item in step.args if type(item) is Step and _is_short(item, row)]
        long = [item for item in step.args if all([item is not each for each in short])]
        length = min([_loop(item, row) for item in short], default=0)
        if not length or any([not _goes_along(item, row) for item in long]):
            return None
        size = math.prod(row)
        if step.size // length - step.size // size < LOOPS or step.size < 8 * size:
            return None

        def repeated(item: Step) -> Step:
            if len(item.shape) > len(row):
                item = builder.call(step, np.reshape, item, item.shape[-len(row) :])
            return builder.call(step, np.copy, builder.call(step, np.broadcast_to, item, row))

        wide = {item.index: repeated(item) for item in short}
        made = builder.call(step, function, *[wide.get(getattr(item, "index", -1), item) for item in step.args])
        return made if made.shape == step.shape else builder.call(step, np.reshape, made, step.shape)

    return rewritten(graph, change)


def _row_of(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the last axes of a shape that have enough numbers for an inner loop."""
    for start in range(len(shape) - 1, 0, -1):
        if math.prod(shape[start:]) >= ENOUGH:
            return shape[start:]
    return shape


def _is_short(x: Step, row: tuple[int, ...]) -> bool:
    """Return whether an operand has the same numbers for every row, and repeats some of them along it."""
    return 1 < x.size < math.prod(row) and math.prod(x.shape[-len(row) :]) == x.size


def _goes_along(x: Any, row: tuple[int, ...]) -> bool:
    """Return whether an operand has a number for each place in a row, or one for all."""
    shape = shape_of(x)
    return math.prod(shape) == 1 or shape[-len(row) :] == row


def _loop(x: Step, row: tuple[int, ...]) -> int:
    """Return the length of an inner loop over rows and an operand that is repeated: it ends where repeating does."""
    length = 1
    shape = (1,) * (len(row) - len(x.shape)) + x.shape[-len(row) :]
    repeats = [one != size for one, size in zip(shape, row, strict=True)]
    for repeat, size in zip(repeats[::-1], row[::-1], strict=True):
        if repeat != repeats[-1]:
            break
        length *= size
    return length

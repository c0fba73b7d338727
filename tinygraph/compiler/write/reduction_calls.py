"""Reductions: sums, products and extremes along axes.

    np.sum(x, axis=0)       np.dot(ones, x, out=column_sums)    in a gradient
    np.max(x, axis=0)       np.maximum.reduce(x, out=column_maxima)
    np.sum(x)               np.vdot(x, ones)                    of a small array
    np.sum(x, axis=1)       np.dot(x, ones, out=row_sums)       of many short rows
    np.sum(x, axis=(1, 2))  np.matmul(ones, x.reshape(-1, 784, 16), out=sums)    of the pixels of images
    np.max(x, axis=1)       largest_into(x, out=row_maxima)     of many short rows
    np.any(m, (0, 1, 2))    np.logical_or.reduce(np.logical_or.reduce(m.reshape(-1, 448)).reshape(-1, 16), out=marks)

A product with ones adds up what the reduction would, and BLAS is called more quickly, and computes more quickly.
"""

from __future__ import annotations

import math

import numpy as np

from tinygraph.compiler.program.cost import FEW
from tinygraph.compiler.program.facts import REDUCTIONS
from tinygraph.compiler.program.predicates import is_plain_reduction
from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.write.writer import Writer
from tinygraph.derivatives.reductions import reduced_axes
from tinygraph.engine.rows import largest_into, smallest_into

__all__ = ["reduced", "reduced_into", "reduced_rows"]

# Rows of at most so many numbers are summed up by a product with ones, where there are many numbers in all. In float32
# the sum of a longer row would lose more digits than that of `np.add.reduce`, which adds pairs.
SHORT_ROW, MANY = 512, 4096

# Vectors of at most so many numbers are summed up by a product with ones. Of 784 pixels of 16 channels it takes a
# fifteenth of the time of `np.add.reduce`, which adds pixel to pixel, and of 50 with 512 channels half of it.
CHANNELS = 512

# Of more channels a pixel is long enough to be combined with the next one.
FEW_CHANNELS = 128

# So many rows are summed up by a product with ones, in a third of the time of `np.add.reduce`; rows of 5 numbers in a
# twentieth. Both add row to row. The rows of a stack are one below the other.
ROWS = 1 << 16

# The largest number of each row is found by its place, in a quarter of the time of `np.maximum.reduce`, which begins a
# loop anew at each row.
EXTREMES = {np.max: largest_into, np.amax: largest_into, np.min: smallest_into, np.amin: smallest_into}


def reduced(writer: Writer, step: Step) -> str:
    """Write a reduction as an expression."""
    if not is_plain_reduction(step):
        return writer.call(step)
    if _sums_few(writer, step):
        (x,) = step.args
        return f"np.vdot({writer.text(x)}, {writer.ones(x.size, step.dtype)})"
    if _sums_rows(writer, step) and not step.kwargs.get("keepdims"):
        return f"np.dot({_ones_and_rows(writer, step)})"
    return reduced_rows(writer, step)


def reduced_rows(writer: Writer, step: Step, out: str | None = None) -> str:
    """Write a reduction as an expression, or into an array, of all of its operand or of some of the rows."""
    return _reduce(writer, step, [] if out is None else [f"out={out}"])


def reduced_into(writer: Writer, step: Step, out: str) -> list[str]:
    """Write a reduction whose result goes into an array."""
    if not is_plain_reduction(step):
        return writer.call_into(step, out)
    if step.function is np.sum and _reduces_short_rows(writer, step):
        (x,) = step.args
        rows = writer.text(x) if len(x.shape) == 2 else f"{writer.text(x)}.reshape(-1, {x.shape[-1]})"
        flat = out if len(step.shape) == 1 else f"{out}.reshape(-1)"
        return [f"np.dot({rows}, {writer.ones(x.shape[-1], step.dtype)}, out={flat})"]
    if _sums_rows(writer, step):
        flat = out if len(step.shape) == 1 else f"{out}.reshape(-1)"
        return [f"np.dot({_ones_and_rows(writer, step)}, out={flat})"]
    if step.function in EXTREMES and _reduces_short_rows(writer, step):
        return [f"{writer.function(EXTREMES[step.function])}({writer.text(step.args[0])}, out={out})"]
    if _sums_pixels(writer, step):
        (x,) = step.args
        count, channels = math.prod(x.shape[1:-1]), x.shape[-1]
        pixels = writer.text(x) if len(x.shape) == 3 else f"{writer.text(x)}.reshape(-1, {count}, {channels})"
        sums = out if len(step.shape) == 2 else f"{out}.reshape(-1, {channels})"
        return [f"np.matmul({writer.ones(count, step.dtype)}, {pixels}, out={sums})"]
    if _marks_channels(writer, step):
        (x,) = step.args
        name, channels = f"np.{REDUCTIONS[step.function].__name__}.reduce", x.shape[-1]  # type: ignore[index]
        rows = f"{name}({writer.text(x)}.reshape(-1, {x.shape[-2] * channels})).reshape(-1, {channels})"
        return [f"{name}({rows}, out={out if len(step.shape) == 1 else f'{out}.reshape(-1)'})"]
    return [_reduce(writer, step, [f"out={out}"])]


def _reduce(writer: Writer, step: Step, more: list[str]) -> str:
    """Write the call of a ufunc's `reduce`."""
    (x,) = step.args
    axis = step.kwargs.get("axis")
    axis = None if type(axis) is tuple and len(axis) == len(x.shape) else axis
    along = [f"axis={axis}"] if axis != 0 else []
    keep = ["keepdims=True"] if step.kwargs.get("keepdims") else []
    ufunc = REDUCTIONS[step.function]  # type: ignore[index]
    return f"np.{ufunc.__name__}.reduce({', '.join([writer.text(x), *along, *keep, *more])})"


def _sums_few(writer: Writer, step: Step) -> bool:
    """Return whether a call sums up all of a small array that lies in one piece."""
    (x,) = step.args
    return (
        step.function is np.sum and not step.shape and step.dtype == x.dtype and step.dtype.char in "fd"
        and 2 <= x.size <= FEW and writer.is_contiguous(x)
    )  # fmt: skip


def _reduces_short_rows(writer: Writer, step: Step) -> bool:
    """Return whether a call reduces many short rows: a ufunc's `reduce` takes four to five times as long as a sum by
    BLAS, or as the place of the largest number.
    """
    (x,) = step.args
    axis = step.kwargs.get("axis")
    last = axis in (-1, len(x.shape) - 1, (-1,), (len(x.shape) - 1,)) and len(x.shape) > 1
    return (
        last and step.dtype == x.dtype and step.dtype.char in "fd"
        and 2 <= x.shape[-1] <= SHORT_ROW and x.size >= MANY
        and writer.is_contiguous(x) and writer.is_contiguous(step)
    )  # fmt: skip


def _sums_rows(writer: Writer, step: Step) -> bool:
    """Return whether a call sums up all axes but the last, in a gradient: a sum of the user's is NumPy's to the bit."""
    (x,) = step.args
    ndim = len(x.shape)
    return (
        step.function is np.sum and ndim > 1 and step.section != "forward"
        and {*reduced_axes(step.kwargs.get("axis"), ndim)} == {*range(ndim - 1)}
        and step.dtype == x.dtype and step.dtype.char in "fd"
        and 2 <= math.prod(x.shape[:-1]) <= ROWS and x.shape[-1] >= 2
        and writer.is_contiguous(x) and writer.is_contiguous(step)
    )  # fmt: skip


def _ones_and_rows(writer: Writer, step: Step) -> str:
    (x,) = step.args
    rows = writer.text(x) if len(x.shape) == 2 else f"{writer.text(x)}.reshape(-1, {x.shape[-1]})"
    return f"{writer.ones(math.prod(x.shape[:-1]), step.dtype)}, {rows}"


def _sums_pixels(writer: Writer, step: Step) -> bool:
    """Return whether a call sums up the axes between the first and the last, as a mean of the pixels of images does."""
    (x,) = step.args
    ndim = len(x.shape)
    return (
        step.function is np.sum and ndim > 2
        and {*reduced_axes(step.kwargs.get("axis"), ndim)} == {*range(1, ndim - 1)}
        and step.dtype == x.dtype and step.dtype.char in "fd"
        and math.prod(x.shape[1:-1]) >= 2 and 2 <= x.shape[-1] <= CHANNELS and x.size >= MANY
        and writer.is_contiguous(x) and writer.is_contiguous(step)
    )  # fmt: skip


def _marks_channels(writer: Writer, step: Step) -> bool:
    """Return whether a call asks all pixels of images, by channel. Rows of 28 pixels of 16 channels, one with the next,
    took a fifteenth of the time of pixel with pixel.
    """
    (x,) = step.args
    ndim = len(x.shape)
    return (
        step.function in (np.any, np.all) and x.dtype == np.bool_ and ndim > 2
        and {*reduced_axes(step.kwargs.get("axis"), ndim)} == {*range(ndim - 1)}
        and x.shape[-2] > 1 and 2 <= x.shape[-1] <= FEW_CHANNELS and x.size >= MANY
        and writer.is_contiguous(x) and writer.is_contiguous(step)
    )  # fmt: skip

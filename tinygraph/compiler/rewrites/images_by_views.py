"""Images by views: convolutions and poolings that are written with views of NumPy's, as the kernels that compute them.

sliding_window_view(x, (3, 3), axis=(1, 2)) and a product      a convolution
x.reshape(n, 13, 2, 13, 2, c).max(axis=(2, 4))                 a pooling
"""

from __future__ import annotations

import math
import operator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tinygraph.compiler.kernels import images
from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.facts import TRANSPOSING
from tinygraph.compiler.program.predicates import is_matrix_product, is_plain_reduction
from tinygraph.compiler.program.reshaping import axes_of, is_reshape
from tinygraph.compiler.program.rewriting import rewritten
from tinygraph.compiler.program.steps import Step
from tinygraph.derivatives.indexing import scatter
from tinygraph.derivatives.rearranging import windows_added
from tinygraph.derivatives.reductions import reduced_axes
from tinygraph.derivatives.shapes import astype
from tinygraph.graph import Graph

__all__ = ["blocks_as_pooling", "windows_as_convolutions", "windows_of_last_channels"]

Shape = tuple[int, ...]

# (stride, dilation, pixels of padding before) of a window that goes on pixel by pixel.
BY_ONE = ((1, 1, 0), (1, 1, 0))

# The axes of a transpose of images.
CHANNELS_LAST, CHANNELS_FIRST = (0, 2, 3, 1), (0, 3, 1, 2)

# --- convolutions -----------------------------------------------------------------------------------------------------


def windows_of_last_channels(graph: Graph) -> Graph:
    """sliding_window_view(x, (3, 3), axis=(2, 3))  ->  windows over axes (1, 2) of x.transpose(0, 2, 3, 1), turned;
    of their gradient, windows_added, alike.
    """

    def change(builder: Builder, step: Step) -> Step | None:
        if step.function is sliding_window_view and len(step.shape) == 6 and _is_plain(step):
            x, window, axis = [*step.args, *step.kwargs.values()]
            if type(x) is not Step or len(x.shape) != 4 or reduced_axes(axis, 4) != (2, 3):
                return None
            last = builder.call(step, np.transpose, x, CHANNELS_LAST)
            windows = builder.call(step, sliding_window_view, last, window, axis=(1, 2))
            return builder.call(step, np.transpose, windows, (*CHANNELS_FIRST, 4, 5))
        if step.function is windows_added and not step.kwargs and len(step.shape) == 4:
            g, window, axes, shape = step.args
            if type(g) is not Step or len(g.shape) != 6 or reduced_axes(axes, 4) != (2, 3):
                return None
            turned = builder.call(step, np.transpose, g, (*CHANNELS_LAST, 4, 5))
            whole = tuple([shape[axis] for axis in CHANNELS_LAST])
            added = builder.add(replace(step, args=(turned, window, (1, 2), whole), shape=whole, name=None))
            return builder.call(step, np.transpose, added, CHANNELS_FIRST)
        return None

    return rewritten(graph, change)


def windows_as_convolutions(graph: Graph) -> Graph:
    """w @ k  ->  convolve(x, k); w.T @ g  ->  convolve_kernel(x, g); windows_added(g @ k.T)  ->  convolve_input(g, k),
    where w is sliding_window_view(x, (3, 3), axis=(1, 2)) with each window as a row.
    """

    def change(builder: Builder, step: Step) -> Step | None:
        if step.function is windows_added:
            return _added(builder, step)
        if not is_matrix_product(step) or step.dtype.char not in "fd":
            return None
        first, second = step.args
        if (windows := _windows(first)) is not None:
            return _convolved(builder, step, windows, second)
        if first.function in TRANSPOSING and (windows := _windows(first.args[0])) is not None:
            return _by_kernel(builder, step, windows, second)
        if (windows := _windows(second)) is not None:
            product = _by_kernel(builder, step, windows, builder.call(step, np.transpose, first))
            return builder.call(step, np.transpose, product)
        return None

    return rewritten(graph, change)


class _Windows(NamedTuple):
    """A matrix with a window of images in each row.

    Attributes:
        images: shape (images, height, width, channels).
        shape: (images, rows of windows, columns of windows), whose product is the number of rows of the matrix.
        sizes: those of the axes of a window, in the order in which a row of the matrix has them.
        order: where the rows, the columns and the channels of a window stand in `sizes`.
    """

    images: Step
    shape: Shape
    sizes: Shape
    order: Shape


def _windows(matrix: Any) -> _Windows | None:
    if type(matrix) is not Step or not is_reshape(matrix) or type(matrix.args[0]) is not Step:
        return None
    found, axes = _turned(matrix.args[0])
    if found.function is not sliding_window_view or len(found.shape) != 6 or axes[:3] != (0, 1, 2):
        return None
    x, axis = (found.args[0], [*found.args, *found.kwargs.values()][-1]) if _is_plain(found) else (None, None)
    if type(x) is not Step or len(x.shape) != 4 or reduced_axes(axis, 4) != (1, 2) or 0 in found.shape:
        return None
    sizes = tuple([found.shape[place] for place in axes[3:]])
    if matrix.shape != (math.prod(found.shape[:3]), math.prod(sizes)):
        return None
    return _Windows(x, found.shape[:3], sizes, tuple([axes[3:].index(place) for place in (4, 5, 3)]))


def _is_plain(view: Step) -> bool:
    """Return whether windows are called with a shape and axes, in this order, and nothing else."""
    return len(view.args) + len(view.kwargs) == 3 and [*view.kwargs] in ([], ["axis"], ["window_shape", "axis"])


def _turned(x: Step) -> tuple[Step, Shape]:
    """Return what a transpose is of, and its axes; any other step with its axes as they are."""
    if x.function in TRANSPOSING and type(x.args[0]) is Step:
        return x.args[0], axes_of(x)
    return x, tuple(range(len(x.shape)))


def _convolved(builder: Builder, step: Step, windows: _Windows, weights: Step) -> Step:
    kernel = _kernel(builder, step, weights, windows.sizes, windows.order)
    shape = (*windows.shape, weights.shape[1])
    made = builder.kernel(step, images.convolve, shape, windows.images, kernel, BY_ONE, 1)
    return builder.call(step, np.reshape, made, step.shape)


def _kernel(builder: Builder, step: Step, weights: Step, sizes: Shape, order: Shape) -> Step:
    """Return a matrix, with a column for each filter, as the kernel of a convolution."""
    kernel = builder.call(step, np.reshape, weights, (*sizes, weights.shape[1]))
    return kernel if order == (0, 1, 2) else builder.call(step, np.transpose, kernel, (*order, 3))


def _by_kernel(builder: Builder, step: Step, windows: _Windows, g: Step) -> Step:
    """Append the gradient by the kernel, as the matrix that the product would give."""
    kernel = (*[windows.sizes[place] for place in windows.order], g.shape[1])
    g = builder.call(step, np.reshape, g, (*windows.shape, g.shape[1]))
    made = builder.kernel(step, images.convolve_kernel, kernel, windows.images, g, BY_ONE, 1)
    inverse = tuple([windows.order.index(place) for place in range(3)])
    made = made if inverse == (0, 1, 2) else builder.call(step, np.transpose, made, (*inverse, 3))
    return builder.call(step, np.reshape, made, (math.prod(windows.sizes), g.shape[3]))


def _added(builder: Builder, step: Step) -> Step | None:
    """Append the gradient by the images, of a product whose rows are windows."""
    windows, _, axes, shape = step.args
    if step.kwargs or type(windows) is not Step or len(shape) != 4 or reduced_axes(axes, 4) != (1, 2):
        return None
    reshaped, turned = _turned(windows)
    product = reshaped.args[0] if is_reshape(reshaped) else None
    if type(product) is not Step or not is_matrix_product(product) or step.dtype.char not in "fd":
        return None
    inverse = tuple([turned.index(place) for place in range(6)])  # for each axis of the rows that of the windows
    sizes = reshaped.shape[3:]
    if inverse[:3] != (0, 1, 2) or product.shape != (math.prod(reshaped.shape[:3]), math.prod(sizes)):
        return None
    g, weights = product.args
    g = builder.call(step, np.reshape, g, (*reshaped.shape[:3], g.shape[1]))
    order = tuple([inverse[3:].index(place) for place in (4, 5, 3)])
    kernel = _kernel(builder, step, builder.call(step, np.transpose, weights), sizes, order)
    return builder.kernel(step, images.convolve_input, step.shape, g, kernel, BY_ONE, 1)


# --- poolings ---------------------------------------------------------------------------------------------------------


def blocks_as_pooling(graph: Graph) -> Graph:
    """np.max(x[:, :26, :26].reshape(n, 13, 2, 13, 2, c), axis=(2, 4))  ->  pool_max(x), and of its gradient the shares
    of those pixels that are the largest of their block  ->  pool_max_input(g, x, pooled).
    """

    def change(builder: Builder, step: Step) -> Step | None:
        if step.function is np.max:
            return _pooled(builder, step)
        if step.function is np.multiply and len(step.shape) == 6 and not step.kwargs:
            return _shared(builder, step)
        return _uncropped_gradient(step) if step.function is scatter else None

    return rewritten(graph, change)


class _Blocks(NamedTuple):
    """Images in blocks.

    Attributes:
        images: shape (images, height, width, channels), with a rest that no block is as small as, perhaps.
        cropped: the images without the rest.
        shape: (images, rows of blocks, columns of blocks, channels).
        window: the rows and columns of a block.
    """

    images: Step
    cropped: Step
    shape: Shape
    window: Shape

    @property
    def moves(self) -> tuple[Shape, Shape]:
        """The moves of a window over the blocks, as the kernels for pooling take them."""
        return (self.window[0], 1, 0), (self.window[1], 1, 0)


def _blocks(x: Any) -> _Blocks | None:
    """Return the blocks that a reshape takes images into; None for any other step."""
    if type(x) is not Step or not is_reshape(x) or len(x.shape) != 6 or x.dtype.char not in "fd" or 0 in x.shape:
        return None
    cropped, (count, high, down, wide, right, channels) = x.args[0], x.shape
    if type(cropped) is not Step or cropped.shape != (count, high * down, wide * right, channels):
        return None
    whole = _uncropped(cropped)
    fits = all([size - part < step for size, part, step in
                zip(whole.shape[1:3], cropped.shape[1:3], (down, right), strict=True)])  # fmt: skip
    return _Blocks(whole if fits else cropped, cropped, (count, high, wide, channels), (down, right))


def _uncropped(x: Step) -> Step:
    """Return images before their last rows and columns were left out."""
    whole = x.args[0] if x.function is operator.getitem else None
    if type(whole) is not Step or len(whole.shape) != 4 or type(x.args[1]) is not tuple:
        return x
    plain = all([type(item) is slice and not item.start and item.step in (None, 1) for item in x.args[1]])
    return whole if plain and (whole.shape[0], whole.shape[3]) == (x.shape[0], x.shape[3]) else x


def _pooled(builder: Builder, step: Step) -> Step | None:
    blocks = _blocks(step.args[0]) if is_plain_reduction(step) else None
    if blocks is None or reduced_axes(step.kwargs.get("axis"), 6) != (2, 4):
        return None
    pooled = builder.kernel(step, images.pool_max, blocks.shape, blocks.images, blocks.window, blocks.moves)
    return pooled if pooled.shape == step.shape else builder.call(step, np.reshape, pooled, step.shape)


def _shared(builder: Builder, step: Step) -> Step | None:
    for share, winners in (step.args, step.args[::-1]):
        found = _winners(winners)
        if found is None or type(share) is not Step or share.function is not np.divide or share.kwargs:
            continue
        blocks, pooled = found
        g, counted = share.args
        small = (blocks.shape[0], blocks.shape[1], 1, blocks.shape[2], 1, blocks.shape[3])
        if type(g) is not Step or g.shape != small or g.dtype != step.dtype or not _counts(counted, winners):
            continue
        g = builder.call(step, np.reshape, g, blocks.shape)
        args = (g, blocks.images, pooled, blocks.window, blocks.moves)
        made = builder.kernel(step, images.pool_max_input, blocks.images.shape, *args)
        if blocks.images is not blocks.cropped:
            made = builder.call(step, operator.getitem, made, blocks.cropped.args[1])
        return builder.call(step, np.reshape, made, step.shape)
    return None


def _winners(step: Any) -> tuple[_Blocks, Step] | None:
    """Return the blocks whose largest numbers a step marks with ones, and these numbers."""
    if type(step) is not Step or step.function is not astype or type(step.args[0]) is not Step:
        return None
    marks = step.args[0]
    if marks.function is not np.equal or marks.kwargs:
        return None
    for x, largest in (marks.args, marks.args[::-1]):
        blocks = _blocks(x)
        pooled = _unshaped(largest)
        if blocks is None or type(pooled) is not Step or pooled.function is not images.pool_max:
            continue
        if pooled.args == (blocks.images, blocks.window, blocks.moves) and pooled.dtype == step.dtype:
            return blocks, pooled
    return None


def _counts(counted: Any, winners: Step) -> bool:
    """Return whether a step has the number of winners of each block, and 1 where a block has none."""
    if type(counted) is not Step or counted.function is not np.maximum or counted.kwargs:
        return False
    total, least = counted.args
    is_sum = type(total) is Step and total.function is np.sum and is_plain_reduction(total)
    return bool(
        is_sum and total.args[0] is winners and reduced_axes(total.kwargs.get("axis"), 6) == (2, 4)
        and type(least) is int and least == 1
    )  # fmt: skip


def _unshaped(x: Any) -> Any:
    """Return what was reshaped, through several reshapes."""
    while type(x) is Step and is_reshape(x) and type(x.args[0]) is Step:
        x = x.args[0]
    return x


def _uncropped_gradient(step: Step) -> Step | None:
    """Return the gradient of images whose rest was cropped; it has zeros there already."""
    part = _unshaped(step.args[0])
    if type(part) is not Step or step.kwargs or part.shape != step.args[0].shape:
        return None
    whole = _uncropped(part)
    if whole is part or whole.function is not images.pool_max_input or part.args[1] != step.args[1]:
        return None
    g, _, _, window, moves = whole.args
    blocks = _Blocks(whole, part, g.shape, window)
    is_rest = part.shape[1:3] == (g.shape[1] * window[0], g.shape[2] * window[1])
    return whole if is_rest and moves == blocks.moves and whole.shape == step.shape else None

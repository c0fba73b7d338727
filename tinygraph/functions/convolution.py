"""Convolution of images, and its two derivatives. Each of the three is linear in either argument.

With images x, a kernel k and a weight y for each element of the result, the sum Σ y · conv2d(x, k) is linear in x, in k
and in y. Its three derivatives are the three functions here, and the derivatives of those are the same three again:

    conv2d(x, k)          by y     the convolution itself
    conv2d_input(y, k)    by x     known as transposed convolution
    conv2d_kernel(x, y)   by k

They are computed as matrix products. The windows of a few images are copied out, one to a row of a matrix of
"columns" that fits into the second-level cache; the product of that matrix with the kernel is the result.

Source: Chellapilla, Puri and Simard, "High performance convolutional neural networks for document processing" (2006),
section 3; Dumoulin and Visin, "A guide to convolution arithmetic for deep learning" (2016).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from tinygraph.functions.activations import _floating
from tinygraph.functions.windows import Padding, Pair, Sliding, check_images, chunks, misfit, pair, slide, working
from tinygraph.primitives import primitive

Array = NDArray[Any]


@primitive
def conv2d(
    x: Any, kernel: Any, stride: Pair = 1, padding: Padding = "valid", dilation: Pair = 1, groups: int = 1
) -> Any:
    """Cross-correlate a batch of images with a bank of kernels.

    Args:
        x: images, shape (batch, height, width, channels).
        kernel: weights, shape (rows, columns, channels / groups, filters).
        stride: pixels between windows, one int or (vertical, horizontal).
        padding: "valid" (none), "same" (zeros, so that a stride of 1 keeps the size; an odd one goes below and to the
            right), an int, or for each axis an int or a pair: ((top, bottom), (left, right)).
        dilation: pixels between the pixels of a window, one int or (vertical, horizontal).
        groups: divide channels and filters into so many groups; a filter sees the channels of its group only.

    Returns:
        An array of shape (batch, out_height, out_width, filters).

    Raises:
        ShapeError: the channels of `x` and `kernel` differ, a window is larger than the padded image, or a number is
            too small.

    Source: Dumoulin and Visin, "A guide to convolution arithmetic for deep learning" (2016), section 2.
    """
    x, kernel = _floating(x), _floating(kernel)
    plan = _plan("conv2d", x.shape, kernel.shape, stride, padding, dilation, groups)
    dtype, inner = _dtypes(x, kernel)
    result = np.empty(plan.result, inner)
    weights = _by_group(kernel.astype(inner, copy=False), plan.groups)
    for place, columns in _columns(x, plan, inner):
        np.matmul(columns, weights, out=_by_group(result[place], plan.groups))
    return result.astype(dtype, copy=False)


@primitive
def conv2d_input(
    y: Any,
    kernel: Any,
    size: Sequence[int],
    stride: Pair = 1,
    padding: Padding = "valid",
    dilation: Pair = 1,
    groups: int = 1,
) -> Any:
    """The gradient of Σ y · conv2d(x, kernel) with respect to x, also known as transposed convolution.

    Args:
        y: a weight for each element of the convolution, shape (batch, out_height, out_width, filters).
        kernel: weights, shape (rows, columns, channels / groups, filters).
        size: height and width of the images.
        stride, padding, dilation, groups: as for `conv2d`.

    Returns:
        An array of shape (batch, height, width, channels).

    Raises:
        ShapeError: `conv2d` would not make a result of the shape of `y`.
    """
    y, kernel = _floating(y), _floating(kernel)
    image = (*y.shape[:1], *size, *(groups * channels for channels in kernel.shape[2:3]))
    plan = _plan("conv2d_input", image, kernel.shape, stride, padding, dilation, groups)
    _check_result("conv2d_input", y.shape, plan)
    dtype, inner = _dtypes(y, kernel)
    y, kernel = np.ascontiguousarray(y, inner), kernel.astype(inner, copy=False)
    result = np.zeros(image, inner)
    (_fold_by_channel if plan.thin else _fold_by_offset)(y, kernel, plan, result)
    return result.astype(dtype, copy=False)


@primitive
def conv2d_kernel(
    x: Any,
    y: Any,
    size: Sequence[int],
    stride: Pair = 1,
    padding: Padding = "valid",
    dilation: Pair = 1,
    groups: int = 1,
) -> Any:
    """The gradient of Σ y · conv2d(x, kernel) with respect to the kernel.

    Args:
        x: images, shape (batch, height, width, channels).
        y: a weight for each element of the convolution, shape (batch, out_height, out_width, filters).
        size: rows and columns of the kernel.
        stride, padding, dilation, groups: as for `conv2d`.

    Returns:
        An array of shape (rows, columns, channels / groups, filters).

    Raises:
        ShapeError: `conv2d` would not make a result of the shape of `y`.
    """
    x, y = _floating(x), _floating(y)
    kernel = (*size, *(channels // groups for channels in x.shape[3:]), *y.shape[3:])
    plan = _plan("conv2d_kernel", x.shape, kernel, stride, padding, dilation, groups)
    _check_result("conv2d_kernel", y.shape, plan)
    dtype, inner = _dtypes(x, y)
    y = np.ascontiguousarray(y, inner)
    shape = (groups, math.prod(kernel[:3]), kernel[3] // groups)
    total, part = np.zeros(shape, inner), np.empty(shape, inner)
    for place, columns in _columns(x, plan, inner):
        np.matmul(columns.mT, _by_group(y[place], groups), out=part)
        np.add(total, part, out=total)
    return total.transpose(1, 0, 2).reshape(kernel).astype(dtype, copy=False)


# `how` is stride, padding, dilation and groups, given by place or by name.
conv2d.derivative(
    lambda g, z, x, kernel, *how, **named: conv2d_input(g, kernel, x.shape[1:3], *how, **named),
    lambda g, z, x, kernel, *how, **named: conv2d_kernel(x, g, kernel.shape[:2], *how, **named),
)
conv2d_input.derivative(
    lambda g, z, y, kernel, size, *how, **named: conv2d(g, kernel, *how, **named),
    lambda g, z, y, kernel, size, *how, **named: conv2d_kernel(g, y, kernel.shape[:2], *how, **named),
)
conv2d_kernel.derivative(
    lambda g, z, x, y, size, *how, **named: conv2d_input(y, g, x.shape[1:3], *how, **named),
    lambda g, z, x, y, size, *how, **named: conv2d(x, g, *how, **named),
)


# --- what is to be done -----------------------------------------------------------------------------------------------


class _Plan(NamedTuple):
    """A convolution whose shapes have been found to fit.

    Attributes:
        down, right: how the window moves.
        groups, inside: how many groups of channels there are, and the channels of each.
        result: the shape of the convolution.
        thin: a row of a window has so few numbers that it pays to copy by channel and not by window.
    """

    down: Sliding
    right: Sliding
    groups: int
    inside: int
    result: tuple[int, int, int, int]
    thin: bool


# Copying by channel takes half the time where a row of a window is 3 numbers, and twice the time where it is 96.
THIN = 16


def _plan(
    call: str,
    x: tuple[int, ...],
    kernel: tuple[int, ...],
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
) -> _Plan:
    check_images(call, x)
    if len(kernel) != 4:
        raise misfit(call, f"a kernel must have the shape (rows, columns, channels / groups, filters), got {kernel}")
    groups, _ = pair(call, "groups", groups)
    rows, columns, inside, filters = kernel
    if min(kernel) < 1:
        raise misfit(call, f"a kernel of shape {kernel} has nothing in it")
    if x[3] != inside * groups:
        of_groups = f" in each of {groups} groups" if groups > 1 else ""
        raise misfit(
            call,
            f"images of shape {x} have {x[3]} channels, a kernel of shape {kernel} takes {inside}{of_groups}. "
            "Images are (batch, height, width, channels), with the channels last",
        )
    if filters % groups:
        raise misfit(call, f"{filters} filters, of a kernel of shape {kernel}, do not divide into {groups} groups")
    down, right = slide(call, x[1:3], (rows, columns), stride, padding, dilation)
    together = inside * (columns if groups == 1 and right.dilation == 1 else 1)
    return _Plan(down, right, groups, inside, (x[0], down.windows, right.windows, filters), together < THIN)


def _check_result(call: str, y: tuple[int, ...], plan: _Plan) -> None:
    if y != plan.result:
        raise misfit(call, f"the convolution has the shape {plan.result}, but y has {y}")


def _dtypes(a: Array, b: Array) -> tuple[np.dtype[Any], np.dtype[Any]]:
    """The dtype of the result, and the one to compute in."""
    dtype = np.result_type(a, b)
    return dtype, working(dtype)


# --- how it is done ---------------------------------------------------------------------------------------------------


def _by_group(array: Array, groups: int) -> Array:
    """Matrices, one for each group: shape (groups, all else, channels or filters of a group)."""
    return array.reshape(-1, groups, array.shape[-1] // groups).transpose(1, 0, 2)


def _pieces(plan: _Plan, bytes_each: int) -> Iterator[tuple[slice, Iterator[slice]]]:
    """Chunks of the images and, for each, chunks of the rows of the result: more than one for a large image only."""
    batch, height, width, _ = plan.result
    for images in chunks(batch, height * width * bytes_each):
        alone = images.stop - images.start == 1
        yield images, chunks(height, width * bytes_each) if alone else iter((slice(0, height),))


def _columns(x: Array, plan: _Plan, dtype: np.dtype[Any]) -> Iterator[tuple[tuple[slice, slice], Array]]:
    """The windows of the images, chunk by chunk.

    Yields:
        The images and rows of the result that a chunk is for, and the numbers in their windows: an array of shape
        (groups, windows, numbers in a window of one group) that the next chunk overwrites.
    """
    down, right, groups, inside, *_ = plan
    buffer = np.empty(0, dtype)
    for images, pieces in _pieces(plan, down.window * right.window * groups * inside * dtype.itemsize):
        padded = _padded(x[images], down, right)
        batch, along, across, between = padded.strides
        steps = (along * down.stride, across * right.stride, along * down.dilation, across * right.dilation)
        for rows in pieces:
            windows = as_strided(
                padded[:, rows.start * down.stride :],
                (len(padded), rows.stop - rows.start, right.windows, down.window, right.window, groups, inside),
                (batch, *steps, between * inside, between),
            )
            windows = windows.transpose((5, 3, 4, 6, 0, 1, 2) if plan.thin else (5, 0, 1, 2, 3, 4, 6))
            if buffer.size < windows.size:
                buffer = np.empty(windows.size, dtype)
            columns = buffer[: windows.size].reshape(windows.shape)
            np.copyto(columns, windows)
            length = down.window * right.window * inside
            by_group = columns.reshape((groups, length, -1) if plan.thin else (groups, -1, length))
            yield (images, rows), by_group.mT if plan.thin else by_group


def _padded(x: Array, down: Sliding, right: Sliding) -> Array:
    if not (down.before or down.after or right.before or right.after):
        return x
    batch, height, width, channels = x.shape
    shape = (batch, height + down.before + down.after, width + right.before + right.after, channels)
    padded = np.zeros(shape, x.dtype)
    padded[:, down.before : down.before + height, right.before : right.before + width] = x
    return padded


@lru_cache(maxsize=64)
def _offsets(plan: _Plan, start: int, stop: int) -> list[tuple[int, int, tuple[slice, slice], tuple[slice, slice]]]:
    """For each place in the window: which of the windows of these rows have it on the image, and on which pixels."""
    found = []
    for i in range(plan.down.window):
        windows_down, pixels_down = plan.down.meets(i, start, stop)
        for j in range(plan.right.window):
            windows_right, pixels_right = plan.right.meets(j)
            found.append((i, j, (windows_down, windows_right), (pixels_down, pixels_right)))
    return found


def _fold_by_offset(y: Array, kernel: Array, plan: _Plan, result: Array) -> None:
    """Add up the transposed convolution: a matrix product for each place in the window, added where it belongs.

    One product for all of them, and adding its parts, would copy as much again and took a quarter longer.
    """
    groups, channels = plan.groups, plan.groups * plan.inside
    turned = np.ascontiguousarray(
        kernel.reshape(*kernel.shape[:3], groups, -1).transpose(0, 1, 3, 4, 2)
    )  # (rows, columns, groups, filters of a group, channels of a group)
    for images, pieces in _pieces(plan, plan.down.window * plan.right.window * channels * y.itemsize):
        for rows in pieces:
            weights = y[images, rows]
            part = np.empty((*weights.shape[:3], channels), y.dtype)
            for i, j, windows, pixels in _offsets(plan, rows.start, rows.stop):
                np.matmul(_by_group(weights, groups), turned[i, j], out=_by_group(part, groups))
                place = result[images][:, *pixels]
                np.add(place, part[:, *windows], out=place)


def _fold_by_channel(y: Array, kernel: Array, plan: _Plan, result: Array) -> None:
    """The same for few channels, whose short rows would be slow to add: all in one product, then added by channel."""
    groups, inside = plan.groups, plan.inside
    by_channel = result.reshape(*result.shape[:3], groups, inside).transpose(3, 4, 0, 1, 2)
    weights = _by_group(kernel, groups)
    for images, pieces in _pieces(plan, math.prod(kernel.shape[:3]) * groups * y.itemsize):
        for rows in pieces:
            product = np.matmul(weights, _by_group(y[images, rows], groups).mT)
            shape = (*kernel.shape[:2], inside, images.stop - images.start, rows.stop - rows.start, plan.right.windows)
            parts = product.reshape(groups, *shape)
            for i, j, windows, pixels in _offsets(plan, rows.start, rows.stop):
                place = by_channel[:, :, images, *pixels]
                np.add(place, parts[:, i, j, :, :, *windows], out=place)

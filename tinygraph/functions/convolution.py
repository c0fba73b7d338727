"""Convolution of images, and its two derivatives. Each of the three is linear in either argument.

Take images x, a kernel k and a weight y for each element of the result. The sum Σ y · conv2d(x, k) is linear in x, in k
and in y. Its three derivatives are the three functions here, and the derivatives of those are the same three again:

    conv2d(x, k)          by y     the convolution itself
    conv2d_input(y, k)    by x     known as transposed convolution
    conv2d_kernel(x, y)   by k

They are computed as matrix products, in `columns`; where each filter sees one channel, in `by_channel`.

Source: Dumoulin and Visin, "A guide to convolution arithmetic for deep learning" (2016).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygraph.engine.primitives import primitive
from tinygraph.functions.activations import floating
from tinygraph.functions.by_channel import (
    bytes_of_input,
    bytes_of_part,
    convolve_channels,
    convolve_channels_input,
    convolve_channels_kernel,
)
from tinygraph.functions.columns import Geometry, by_group, columns_of, fold_by_channel, fold_by_offset
from tinygraph.functions.windows import Padding, Pair, check_images, misfit, pair, slide, working

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
        padding: "valid" (none), "same" (zeros, so that a stride of 1 keeps the size; an odd pixel goes below or to
            the right), an int, or for each axis an int or a pair: ((top, bottom), (left, right)).
        dilation: pixels between the pixels of a window, one int or (vertical, horizontal).
        groups: the number of groups for channels and filters; a filter sees the channels of its group only.

    Returns:
        An array of shape (batch, out_height, out_width, filters).

    Raises:
        ShapeError: the channels of `x` and `kernel` differ, a window is larger than the padded image, or a number is
            too small.

    Source: Dumoulin and Visin, "A guide to convolution arithmetic for deep learning" (2016), section 2.
    """
    x, kernel = floating(x), floating(kernel)
    geometry = _geometry("conv2d", x.shape, kernel.shape, stride, padding, dilation, groups)
    dtype, inner = _dtypes(x, kernel)
    result = np.empty(geometry.result, inner)
    if geometry.each_channel:
        work = np.empty(bytes_of_part(geometry.result, kernel.shape, geometry.moves, inner.itemsize), np.uint8)
        convolve_channels(x.astype(inner, copy=False), kernel.astype(inner, copy=False), geometry.moves, work, result)
        return result.astype(dtype, copy=False)
    weights = by_group(kernel.astype(inner, copy=False), geometry.groups)
    for place, columns in columns_of(x, geometry, inner):
        np.matmul(columns, weights, out=by_group(result[place], geometry.groups))
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
    y, kernel = floating(y), floating(kernel)
    image = (*y.shape[:1], *size, *(groups * channels for channels in kernel.shape[2:3]))
    geometry = _geometry("conv2d_input", image, kernel.shape, stride, padding, dilation, groups)
    _check_result("conv2d_input", y.shape, geometry)
    dtype, inner = _dtypes(y, kernel)
    y, kernel = np.ascontiguousarray(y, inner), kernel.astype(inner, copy=False)
    result = np.zeros(image, inner)
    if geometry.each_channel:
        needed = bytes_of_input(image, geometry.result, kernel.shape, geometry.moves, inner.itemsize)
        convolve_channels_input(y, kernel, geometry.moves, np.empty(needed, np.uint8), result)
        return result.astype(dtype, copy=False)
    (fold_by_channel if geometry.thin else fold_by_offset)(y, kernel, geometry, result)
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
    x, y = floating(x), floating(y)
    kernel = (*size, *(channels // groups for channels in x.shape[3:]), *y.shape[3:])
    geometry = _geometry("conv2d_kernel", x.shape, kernel, stride, padding, dilation, groups)
    _check_result("conv2d_kernel", y.shape, geometry)
    dtype, inner = _dtypes(x, y)
    y = np.ascontiguousarray(y, inner)
    if geometry.each_channel:
        result = np.empty(kernel, inner)
        work = np.empty(bytes_of_part(geometry.result, kernel, geometry.moves, inner.itemsize), np.uint8)
        convolve_channels_kernel(x.astype(inner, copy=False), y, geometry.moves, work, result)
        return result.astype(dtype, copy=False)
    shape = (groups, math.prod(kernel[:3]), kernel[3] // groups)
    total, part = np.zeros(shape, inner), np.empty(shape, inner)
    for place, columns in columns_of(x, geometry, inner):
        np.matmul(columns.mT, by_group(y[place], groups), out=part)
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


# --- plans ------------------------------------------------------------------------------------------------------------


# Copying by channel takes half the time where a row of a window is 3 numbers, and twice the time where it is 96.
THIN = 16


def _geometry(
    call: str,
    x: tuple[int, ...],
    kernel: tuple[int, ...],
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
) -> Geometry:
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
    return Geometry(down, right, groups, inside, (x[0], down.windows, right.windows, filters), together < THIN)


def _check_result(call: str, y: tuple[int, ...], geometry: Geometry) -> None:
    if y != geometry.result:
        raise misfit(call, f"the convolution has the shape {geometry.result}, but y has {y}")


def _dtypes(a: Array, b: Array) -> tuple[np.dtype[Any], np.dtype[Any]]:
    """The dtype of the result, and the one to compute in."""
    dtype = np.result_type(a, b)
    return dtype, working(dtype)

"""Places: images with the pixels of each block apart, as pooling in blocks, and Winograd's convolution, want them.

An image of blocks of 2x2 pixels is held as 4 arrays of a quarter of the size: the upper left pixels of all blocks, the
upper right ones, and so on; one array of shape (places, images, rows, columns, channels). Of these the largest is taken
with whole arrays, where one image would be read pixel by pixel.

A convolution of few channels makes its result in places, when it is pooled in blocks: `windows` copies what it sees,
once for the forward and the backward pass.

As in `tinygraph.compiler.kernels.images`, `work` is memory to be overwritten, and a docstring "out = ..." says what a
function writes into `out`. `block` is the shape of a block.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.compiler.kernels.images import copy_pixels, framed, seen_as

__all__ = [
    "deal", "interleave", "largest", "share", "sum_pixels", "windows", "windows_convolve", "windows_kernel", "winners",
]  # fmt: skip


def interleave(places: Any, block: Any, work: Any, out: Any) -> None:
    """out = the images of some places, without the pixels of blocks that reach beyond the images."""
    for place, pixels in enumerate(places):
        i, j = divmod(place, block[1])
        part = out[:, i :: block[0], j :: block[1]]
        copy_pixels(pixels[:, : part.shape[1], : part.shape[2]], part)


def deal(x: Any, block: Any, work: Any, out: Any) -> None:
    """out = the images in places, with zeros where blocks reach beyond them."""
    for place, pixels in enumerate(out):
        i, j = divmod(place, block[1])
        part = x[:, i :: block[0], j :: block[1]]
        pixels[:, part.shape[1] :] = 0
        pixels[:, :, part.shape[2] :] = 0
        copy_pixels(part, pixels[:, : part.shape[1], : part.shape[2]])


def largest(places: Any, work: Any, out: Any) -> None:
    """out = the largest pixel of each block."""
    np.maximum.reduce(places, axis=0, out=out)


def winners(places: Any, largest: Any, work: Any, out: Any) -> None:
    """out = masks of the largest pixels of each block."""
    np.equal(places, largest, out=out)


def share(y: Any, winners: Any, work: Any, out: Any) -> None:
    """out = the number of y for a block at its largest pixel, shared by those that tie; NaN is never the largest."""
    kind: Any = np.dtype(np.uint8 if len(winners) < 256 else np.int32)
    step = max(1, work.size // bytes_of_shares(y.shape, y.itemsize))
    for start in range(0, len(y), step):
        part, marks, shares = y[start : start + step], winners[:, start : start + step], out[:, start : start + step]
        size = part.size * kind.itemsize
        count = work[:size].view(kind).reshape(part.shape)
        np.add.reduce(marks.view(np.uint8), axis=0, dtype=kind, out=count)
        if count.size and count.max() > 1:
            divided = work[size + -size % 64 :][: part.nbytes].view(y.dtype).reshape(part.shape)
            np.maximum(count, 1, out=count)
            part = np.divide(part, count, out=divided, casting="same_kind")
        np.copyto(shares, marks)
        np.multiply(shares, part, out=shares)


def bytes_of_shares(shape: Any, itemsize: int) -> int:
    """Return the bytes that `share` takes for one image."""
    return int(shape[1] * shape[2] * shape[3] * (4 + itemsize) + 64)


def sum_pixels(x: Any, work: Any, out: Any) -> None:
    """out = the sums of all pixels of all images, by channel. A product with ones takes a tenth of the time."""
    each = x.shape[1] * x.shape[2]
    step = max(1, work.size // (each * x.itemsize))
    ones = work[: min(step, len(x)) * each * x.itemsize].view(x.dtype)
    ones.fill(1)
    for start in range(0, len(x), step):
        flat = x[start : start + step].reshape(-1, x.shape[3])
        if start == 0:
            np.dot(ones[: len(flat)], flat, out=out)
        else:
            np.add(out, np.dot(ones[: len(flat)], flat), out=out)


def windows(x: Any, kernel: Any, moves: Any, block: Any, work: Any, out: Any) -> None:
    """out = the numbers in the windows of a convolution: shape (places, numbers, images, rows, columns).

    Args:
        kernel: the shape of the kernel.
        moves: as for `convolve`.
    """
    (down, dilation_down, top), (right, dilation_right, left) = moves
    rows, columns, channels, _ = kernel
    count, high, wide = out.shape[2:]
    tall = (high * block[0] - 1) * down + (rows - 1) * dilation_down + 1
    broad = (wide * block[1] - 1) * right + (columns - 1) * dilation_right + 1
    step = max(1, work.size // (tall * broad * channels * x.itemsize))
    for start in range(0, count, step):
        part = framed(x[start : start + step], (top, left), (tall, broad), work)
        image, row, pixel, channel = part.strides
        seen = seen_as(
            part, (*block, rows, columns, channels, len(part), high, wide),
            (row * down, pixel * right, row * dilation_down, pixel * dilation_right, channel,
             image, row * down * block[0], pixel * right * block[1]),
        )  # fmt: skip
        np.copyto(out[:, :, start : start + step].reshape(seen.shape), seen)


# As in `tinygraph.compiler.kernels.winograd`: multiplications that OpenBLAS does without copying its operands first.
AT_ONCE_BY_WINDOWS = 900_000


def windows_convolve(windows: Any, kernel: Any, work: Any, out: Any) -> None:
    """out = conv2d(x, kernel) in places."""
    weights = kernel.reshape(-1, kernel.shape[3])
    step = max(64, AT_ONCE_BY_WINDOWS // kernel.size)
    seen = windows.reshape(*windows.shape[:2], -1).swapaxes(1, 2)
    result = out.reshape(len(out), -1, kernel.shape[3])
    for start in range(0, seen.shape[1], step):
        np.matmul(seen[:, start : start + step], weights, out=result[:, start : start + step])


def windows_kernel(windows: Any, y: Any, work: Any, out: Any) -> None:
    """out = the gradient of Σ y · conv2d(x, kernel) by the kernel; y in places."""
    filters = out.shape[3]
    seen, y = windows.reshape(*windows.shape[:2], -1), y.reshape(len(y), -1, filters)
    products = work[: len(y) * out.size * out.itemsize].view(out.dtype).reshape(len(y), -1, filters)
    step = max(64, AT_ONCE_BY_WINDOWS // out.size)
    out.fill(0)
    sums = out.reshape(products.shape[1:])
    for start in range(0, y.shape[1], step):
        np.matmul(seen[:, :, start : start + step], y[:, start : start + step], out=products)
        np.add(sums, np.add.reduce(products, axis=0), out=sums)

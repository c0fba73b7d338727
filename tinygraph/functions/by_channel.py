"""Convolution of each channel by itself, and its two derivatives: a multiplication for each place in the window.

Where a filter sees one channel, a matrix product would have only the few pixels of a window to add up. So for each
place in the window the images, moved by that place, are multiplied by its weights, and the products are added up. This
is done for a part of the images at a time, which fits into the cache.

`moves` says how a window goes over an image: for each of the two axes (stride, dilation, pixels of padding before). A
kernel has the shape (rows, columns, 1, channels). With several filters for a channel matrix products are quicker, since
the filters of one channel stand apart in memory. A docstring "out = ..." says what a function writes into `out`. The
function may overwrite `work`, an array of `bytes_of_part` bytes; `convolve_channels_kernel` needs none. Programs call
these functions, and a saved program has them as they stand.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.functions.windows import meets

__all__ = ["bytes_of_part", "convolve_channels", "convolve_channels_input", "convolve_channels_kernel"]

# The bytes of a part of the result: it stays in the cache together with the moved images and their products.
PART_BYTES = 1 << 17


def parts_of(result: Any, itemsize: int) -> list[tuple[slice, int, int]]:
    """Return the parts of the result of a convolution: each a slice of the images, the first row, and that behind the
    last.

    Args:
        result: the shape of the result.
        itemsize: the bytes of a number.
    """
    count, high, wide, channels = result
    row = max(1, wide * channels * itemsize)
    if row * high <= PART_BYTES:
        some = PART_BYTES // max(1, row * high)
        return [(slice(start, min(start + some, count)), 0, high) for start in range(0, count, some)]
    some = max(1, PART_BYTES // row)
    rows = [(start, min(start + some, high)) for start in range(0, high, some)]
    return [(slice(image, image + 1), *place) for image in range(count) for place in rows]


def bytes_of_part(result: Any, itemsize: int) -> int:
    """Return the bytes of the largest part of the result of a convolution: a part has at least one row."""
    return max(PART_BYTES, int(result[2] * result[3] * itemsize))


def wide_weights(kernel: Any, wide: int) -> Any:
    """Return the weights repeated for each pixel of a row, shape (rows, columns, wide, channels): NumPy multiplies a
    whole row in one loop.
    """
    repeated = np.empty((*kernel.shape[:2], wide, kernel.shape[3]), kernel.dtype)
    repeated[...] = kernel
    return repeated


def places_in(x: Any, result: Any, window: Any, moves: Any, first: int, stop: int) -> list[Any]:
    """Return for each place in the window its row and column, and the indices of the windows and pixels that meet.

    Args:
        x, result, window: the shapes of the images, the result and the kernel.
        first, stop: the rows of the result to look at.
    """
    (down, dilation_down, top), (right, dilation_right, left) = moves
    found = []
    for i in range(window[0]):
        windows_down, pixels_down = meets(x[1], stop, i * dilation_down - top, down, first)
        for j in range(window[1]):
            windows_right, pixels_right = meets(x[2], result[2], j * dilation_right - left, right)
            found.append((i, j, (slice(None), windows_down, windows_right), (slice(None), pixels_down, pixels_right)))
    return found


def convolve_channels(x: Any, kernel: Any, moves: Any, work: Any, out: Any) -> None:
    """out = conv2d(x, kernel) with a group for each channel."""
    weights = wide_weights(kernel, out.shape[2])
    out.fill(0)
    for images, first, stop in parts_of(out.shape, out.itemsize):
        image, part = x[images], out[images, first:stop]
        for i, j, windows, pixels in places_in(x.shape, out.shape, kernel.shape, moves, first, stop):
            place = part[windows]
            product = work[: place.size * out.itemsize].view(out.dtype).reshape(place.shape)
            np.multiply(image[pixels], weights[i, j, : place.shape[2]], out=product)
            np.add(place, product, out=place)


def convolve_channels_input(y: Any, kernel: Any, moves: Any, work: Any, out: Any) -> None:
    """out = the gradient of Σ y · conv2d(x, kernel) by x, with a group for each channel."""
    weights = wide_weights(kernel, y.shape[2])
    out.fill(0)
    for images, first, stop in parts_of(y.shape, out.itemsize):
        image, part = out[images], y[images, first:stop]
        for i, j, windows, pixels in places_in(out.shape, y.shape, kernel.shape, moves, first, stop):
            place = image[pixels]
            product = work[: place.size * out.itemsize].view(out.dtype).reshape(place.shape)
            np.multiply(part[windows], weights[i, j, : place.shape[2]], out=product)
            np.add(place, product, out=place)


def convolve_channels_kernel(x: Any, y: Any, moves: Any, work: Any, out: Any) -> None:
    """out = the gradient of Σ y · conv2d(x, kernel) by the kernel, with a group for each channel."""
    out.fill(0)
    for images, first, stop in parts_of(y.shape, out.itemsize):
        image, part = x[images], y[images, first:stop]
        for i, j, windows, pixels in places_in(x.shape, y.shape, out.shape, moves, first, stop):
            sums = out[i, j, 0]
            np.add(sums, np.einsum("nhwc,nhwc->c", image[pixels], part[windows]), out=sums)

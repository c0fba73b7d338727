"""Convolution of each channel by itself, and its two derivatives: a multiplication for each place in the window.

Where a filter sees one channel, a matrix product would have only the few pixels of a window to add up. So for each
place in the window the images, moved by that place, are multiplied by its weights, and the products are added up. This
is done for a part of the images at a time, which fits into the cache. The part is copied into a frame of zeros: so the
moved images have the shape of the result, and arrays of one shape are added in half of the time.

`moves` says how a window goes over an image: for each of the two axes (stride, dilation, pixels of padding before). A
kernel has the shape (rows, columns, 1, channels). With several filters for a channel matrix products are quicker, since
the filters of one channel stand apart in memory. A docstring "out = ..." says what a function writes into `out`. The
function may overwrite `work`, an array of `bytes_of_part` bytes. Programs call these functions, and a saved program has
them as they stand.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygraph.functions.windows import meets

__all__ = [
    "bytes_of_input", "bytes_of_part", "convolve_channels", "convolve_channels_input", "convolve_channels_kernel",
]  # fmt: skip

# Where rows are apart in memory, NumPy copies as many as fit into a buffer, before it multiplies them. With a buffer of
# so many numbers instead of 8,192 it goes from row to row: images of 28x28x16 took 38 microseconds each instead of 52.
BUFFER = 1024

# The bytes of a part of the result: it stays in the cache together with its frame and a product. With half as many a
# convolution took a seventh longer, for the calls themselves.
PART_BYTES = 1 << 18


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


def bytes_of_part(result: Any, window: Any, moves: Any, itemsize: int) -> int:
    """Return the bytes that a convolution takes for a part of its result: for a product, a frame, and a row of ones.

    Args:
        result, window: the shapes of the result and the kernel.
    """
    found = 0
    for images, first, stop in parts_of(result, itemsize)[:1]:
        part = (images.stop - images.start, stop - first, *result[2:])
        found = (math.prod(part) + math.prod(frame_shape(part, window, moves)) + math.prod(part[:3])) * itemsize + 128
    return int(found)


def frame_shape(part: Any, window: Any, moves: Any) -> Any:
    """Return the shape of the images that a part of the result is made of, with their padding."""
    (down, dilation_down, _), (right, dilation_right, _) = moves
    tall = (part[1] - 1) * down + (window[0] - 1) * dilation_down + 1
    broad = (part[2] - 1) * right + (window[1] - 1) * dilation_right + 1
    return part[0], tall, broad, part[3]


def taken(work: Any, start: int, shape: Any, dtype: Any) -> tuple[Any, int]:
    """Return a part of `work` as an array, from the byte `start` on, and where the next may start."""
    stop = start + math.prod(shape) * dtype.itemsize
    return work[start:stop].view(dtype).reshape(shape), stop + -stop % 64


def framed_part(x: Any, frame: Any, moves: Any, first: int) -> Any:
    """Return the images with zeros around them that the rows of a result from the first on are made of.

    It is `frame`, filled; or a view of the images, if they reach as far.
    """
    above, left = first * moves[0][0] - moves[0][2], -moves[1][2]
    _, tall, broad, _ = frame.shape
    rows = slice(max(0, above), max(0, min(x.shape[1], above + tall)))
    columns = slice(max(0, left), max(0, min(x.shape[2], left + broad)))
    seen = x[:, rows, columns]
    if seen.shape == frame.shape:
        return seen
    frame.fill(0)
    if seen.size:
        top, side = rows.start - above, columns.start - left
        frame[:, top : top + seen.shape[1], side : side + seen.shape[2]] = seen
    return frame


def places_of(frame: Any, part: Any, window: Any, moves: Any) -> list[Any]:
    """Return for each place in the window its row and column, and the pixels that the windows have there."""
    (down, dilation_down, _), (right, dilation_right, _) = moves
    found = []
    for i in range(window[0]):
        rows = slice(i * dilation_down, i * dilation_down + (part[1] - 1) * down + 1, down)
        for j in range(window[1]):
            columns = slice(j * dilation_right, j * dilation_right + (part[2] - 1) * right + 1, right)
            found.append((i, j, frame[:, rows, columns]))
    return found


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


@np.errstate()  # which keeps the size of the buffer, too
def convolve_channels(x: Any, kernel: Any, moves: Any, work: Any, out: Any) -> None:
    """out = conv2d(x, kernel) with a group for each channel."""
    np.setbufsize(BUFFER)
    weights = wide_weights(kernel, out.shape[2])
    for images, first, stop in parts_of(out.shape, out.itemsize):
        part = out[images, first:stop]
        product, used = taken(work, 0, part.shape, out.dtype)
        frame, _ = taken(work, used, frame_shape(part.shape, kernel.shape, moves), out.dtype)
        frame = framed_part(x[images], frame, moves, first)
        for i, j, pixels in places_of(frame, part.shape, kernel.shape, moves):
            if i == j == 0:
                np.multiply(pixels, weights[i, j], out=part)
            else:
                np.multiply(pixels, weights[i, j], out=product)
                np.add(part, product, out=part)


@np.errstate()  # which keeps the size of the buffer, too
def convolve_channels_input(y: Any, kernel: Any, moves: Any, work: Any, out: Any) -> None:
    """out = the gradient of Σ y · conv2d(x, kernel) by x, with a group for each channel.

    If windows go one pixel at a time, it is a convolution with the kernel turned by 180 degrees.
    """
    if moves[0][0] == moves[1][0] == 1:
        convolve_channels(y, kernel[::-1, ::-1], backward_moves(kernel.shape, moves), work, out)
        return
    np.setbufsize(BUFFER)
    weights = wide_weights(kernel, y.shape[2])
    out.fill(0)
    for images, first, stop in parts_of(y.shape, out.itemsize):
        image, part = out[images], y[images, first:stop]
        for i, j, windows, pixels in places_in(out.shape, y.shape, kernel.shape, moves, first, stop):
            place = image[pixels]
            product, _ = taken(work, 0, place.shape, out.dtype)
            np.multiply(part[windows], weights[i, j, : place.shape[2]], out=product)
            np.add(place, product, out=place)


def backward_moves(window: Any, moves: Any) -> Any:
    """Return the moves of the convolution that is the gradient of another one by its images."""
    both = zip(window[:2], moves, strict=True)
    return tuple([(1, dilation, (size - 1) * dilation - before) for size, (_, dilation, before) in both])


def bytes_of_input(image: Any, result: Any, window: Any, moves: Any, itemsize: int) -> int:
    """Return the bytes that `convolve_channels_input` takes for a part.

    Args:
        image, result, window: the shapes of the images, the result of the convolution and the kernel.
    """
    if moves[0][0] == moves[1][0] == 1:
        return bytes_of_part(image, window, backward_moves(window, moves), itemsize)
    return bytes_of_part(result, window, moves, itemsize)


@np.errstate()  # which keeps the size of the buffer, too
def convolve_channels_kernel(x: Any, y: Any, moves: Any, work: Any, out: Any) -> None:
    """out = the gradient of Σ y · conv2d(x, kernel) by the kernel, with a group for each channel."""
    np.setbufsize(BUFFER)
    out.fill(0)
    for images, first, stop in parts_of(y.shape, out.itemsize):
        part = y[images, first:stop]
        product, used = taken(work, 0, part.shape, out.dtype)
        frame, used = taken(work, used, frame_shape(part.shape, out.shape, moves), out.dtype)
        ones, _ = taken(work, used, (math.prod(part.shape[:3]),), out.dtype)
        ones.fill(1)
        frame = framed_part(x[images], frame, moves, first)
        for i, j, pixels in places_of(frame, part.shape, out.shape, moves):
            np.multiply(pixels, part, out=product)
            np.add(out[i, j, 0], np.dot(ones, product.reshape(len(ones), -1)), out=out[i, j, 0])

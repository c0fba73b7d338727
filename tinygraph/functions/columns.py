"""The work of convolution: the windows of images copied out as matrices of columns, and matrices added back.

The windows of a few images are copied out, one to a row of a matrix that fits into the second-level cache. Its product
with the kernel is the convolution of these images; the way back adds each column where it came from.

Source: Chellapilla, Puri and Simard, "High performance convolutional neural networks for document processing" (2006),
section 3.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from tinygraph.functions.windows import Sliding, chunks

__all__ = ["Geometry", "by_group", "columns_of", "fold_by_channel", "fold_by_offset"]

Array = NDArray[Any]


class Geometry(NamedTuple):
    """The geometry of a convolution, with checked shapes.

    Attributes:
        down, right: the movements of the window.
        groups, inside: the number of groups of channels, and the channels of each group.
        result: the shape of the convolution.
        thin: True if a row of a window has so few numbers that copying by channel is faster than by window.
    """

    down: Sliding
    right: Sliding
    groups: int
    inside: int
    result: tuple[int, int, int, int]
    thin: bool

    @property
    def moves(self) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
        """For each of the two axes stride, dilation, and pixels of padding before."""
        down, right = self.down, self.right
        return (down.stride, down.dilation, down.before), (right.stride, right.dilation, right.before)

    @property
    def each_channel(self) -> bool:
        """True if each channel of several has one filter, which sees no other: see `by_channel`."""
        return self.groups == self.result[3] > 1 == self.inside


def by_group(array: Array, groups: int) -> Array:
    """Matrices, one for each group: shape (groups, all else, channels or filters of a group)."""
    return array.reshape(-1, groups, array.shape[-1] // groups).transpose(1, 0, 2)


def _pieces(geometry: Geometry, bytes_each: int) -> Iterator[tuple[slice, Iterator[slice]]]:
    """Chunks of the images and, for each, chunks of the rows of the result: more than one for a large image only."""
    batch, height, width, _ = geometry.result
    for images in chunks(batch, height * width * bytes_each):
        alone = images.stop - images.start == 1
        yield images, chunks(height, width * bytes_each) if alone else iter((slice(0, height),))


def columns_of(x: Array, geometry: Geometry, dtype: np.dtype[Any]) -> Iterator[tuple[tuple[slice, slice], Array]]:
    """The windows of the images, chunk by chunk.

    Yields:
        The images and rows of the result in a chunk, and the numbers in their windows: an array of shape (groups,
        windows, numbers in a window of one group). The next chunk overwrites it.
    """
    down, right, groups, inside, *_ = geometry
    buffer = np.empty(0, dtype)
    for images, pieces in _pieces(geometry, down.window * right.window * groups * inside * dtype.itemsize):
        padded = _padded(x[images], down, right)
        batch, along, across, between = padded.strides
        steps = (along * down.stride, across * right.stride, along * down.dilation, across * right.dilation)
        for rows in pieces:
            windows = as_strided(
                padded[:, rows.start * down.stride :],
                (len(padded), rows.stop - rows.start, right.windows, down.window, right.window, groups, inside),
                (batch, *steps, between * inside, between),
            )
            windows = windows.transpose((5, 3, 4, 6, 0, 1, 2) if geometry.thin else (5, 0, 1, 2, 3, 4, 6))
            if buffer.size < windows.size:
                buffer = np.empty(windows.size, dtype)
            columns = buffer[: windows.size].reshape(windows.shape)
            np.copyto(columns, windows)
            length = down.window * right.window * inside
            by_group = columns.reshape((groups, length, -1) if geometry.thin else (groups, -1, length))
            yield (images, rows), by_group.mT if geometry.thin else by_group


def _padded(x: Array, down: Sliding, right: Sliding) -> Array:
    if not (down.before or down.after or right.before or right.after):
        return x
    batch, height, width, channels = x.shape
    shape = (batch, height + down.before + down.after, width + right.before + right.after, channels)
    padded = np.zeros(shape, x.dtype)
    padded[:, down.before : down.before + height, right.before : right.before + width] = x
    return padded


@lru_cache(maxsize=64)
def _offsets(
    geometry: Geometry, start: int, stop: int
) -> list[tuple[int, int, tuple[slice, slice], tuple[slice, slice]]]:
    """List for each place in the window the windows of these rows that have it on the image, and the pixels there."""
    found = []
    for i in range(geometry.down.window):
        windows_down, pixels_down = geometry.down.meets(i, start, stop)
        for j in range(geometry.right.window):
            windows_right, pixels_right = geometry.right.meets(j)
            found.append((i, j, (windows_down, windows_right), (pixels_down, pixels_right)))
    return found


def fold_by_offset(y: Array, kernel: Array, geometry: Geometry, result: Array) -> None:
    """Add up the transposed convolution: a matrix product for each place in the window, added where it belongs.

    One product for all of them, and adding its parts, would copy as much again and took a quarter longer.
    """
    groups, channels = geometry.groups, geometry.groups * geometry.inside
    turned = np.ascontiguousarray(
        kernel.reshape(*kernel.shape[:3], groups, -1).transpose(0, 1, 3, 4, 2)
    )  # (rows, columns, groups, filters of a group, channels of a group)
    for images, pieces in _pieces(geometry, geometry.down.window * geometry.right.window * channels * y.itemsize):
        for rows in pieces:
            weights = y[images, rows]
            part = np.empty((*weights.shape[:3], channels), y.dtype)
            for i, j, windows, pixels in _offsets(geometry, rows.start, rows.stop):
                np.matmul(by_group(weights, groups), turned[i, j], out=by_group(part, groups))
                place = result[images][:, *pixels]
                np.add(place, part[:, *windows], out=place)


def fold_by_channel(y: Array, kernel: Array, geometry: Geometry, result: Array) -> None:
    """The same for few channels, whose short rows would be slow to add: all in one product, then added by channel."""
    groups, inside = geometry.groups, geometry.inside
    by_channel = result.reshape(*result.shape[:3], groups, inside).transpose(3, 4, 0, 1, 2)
    weights = by_group(kernel, groups)
    for images, pieces in _pieces(geometry, math.prod(kernel.shape[:3]) * groups * y.itemsize):
        for rows in pieces:
            product = np.matmul(weights, by_group(y[images, rows], groups).mT)
            windows_each = (rows.stop - rows.start, geometry.right.windows)
            shape = (*kernel.shape[:2], inside, images.stop - images.start, *windows_each)
            parts = product.reshape(groups, *shape)
            for i, j, windows, pixels in _offsets(geometry, rows.start, rows.stop):
                place = by_channel[:, :, images, *pixels]
                np.add(place, parts[:, i, j, :, :, *windows], out=place)

"""Keras's operations that only move numbers: pixels into channels, windows into columns, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygraph.errors import ShapeError
from tinygraph.nn.sliding import spread

__all__ = ["depth_to_space", "fold", "space_to_depth", "unfold", "view_as_complex", "view_as_real"]

Pair = int | Sequence[int]


def depth_to_space(x: Any, block_size: int, data_format: str = "channels_last") -> Any:
    """Return images that are `block_size` times as high and as wide, of as many times fewer channels.

    Raises:
        ShapeError: the channels do not divide by the pixels of a block.
    """
    last = _channels_last(x, data_format)
    count, rows, columns, channels = last.shape
    if channels % block_size**2:
        raise ShapeError(f"depth_to_space: {channels} channels do not divide by {block_size} × {block_size} pixels")
    blocks = last.reshape(count, rows, columns, block_size, block_size, channels // block_size**2)
    if data_format == "channels_first":  # where the channels of a block are further apart than its pixels
        blocks = last.reshape(count, rows, columns, channels // block_size**2, block_size, block_size)
        blocks = blocks.transpose(0, 1, 2, 4, 5, 3)
    whole = blocks.transpose(0, 1, 3, 2, 4, 5)
    return _as_given(whole.reshape(count, rows * block_size, columns * block_size, -1), data_format)


def space_to_depth(x: Any, block_size: int, data_format: str = "channels_last") -> Any:
    """Return images whose channels are the pixels of blocks: `depth_to_space` undone.

    Raises:
        ShapeError: rows or columns do not divide by the size of a block.
    """
    last = _channels_last(x, data_format)
    count, rows, columns, channels = last.shape
    if rows % block_size or columns % block_size:
        raise ShapeError(f"space_to_depth: {rows} × {columns} pixels do not divide by blocks of {block_size}")
    shape = count, rows // block_size, block_size, columns // block_size, block_size, channels
    blocks = last.reshape(shape).transpose(0, 1, 3, 2, 4, 5)
    if data_format == "channels_first":
        blocks = blocks.transpose(0, 1, 2, 5, 3, 4)
    return _as_given(blocks.reshape(*blocks.shape[:3], -1), data_format)


def unfold(input: Any, kernel_size: Pair, dilation: Pair = 1, padding: Pair = 0, stride: Pair = 1) -> Any:  # noqa: A002
    """Return the windows of images as columns.

    Args:
        input: shape (batch, channels, rows, columns).
        kernel_size, dilation, stride: of a window, between its pixels, and from window to window.
        padding: zeros on each side.

    Returns:
        Shape (batch, channels · pixels of a window, windows).
    """
    window, apart, around, steps = _pair(kernel_size), _pair(dilation), _pair(padding), _pair(stride)
    whole = tuple([(size - 1) * rate + 1 for size, rate in zip(window, apart, strict=True)])
    x = np.pad(input, ((0, 0), (0, 0), *[(size, size) for size in around]))
    windows = np.lib.stride_tricks.sliding_window_view(x, whole, axis=(2, 3))
    windows = windows[:, :, :: steps[0], :: steps[1], :: apart[0], :: apart[1]]
    count, channels, down, across = windows.shape[:4]
    return windows.transpose(0, 1, 4, 5, 2, 3).reshape(count, channels * window[0] * window[1], down * across)


def fold(
    x: Any, output_size: Pair, kernel_size: Pair, dilation: Pair = 1, padding: Pair = 0, stride: Pair = 1
) -> Any:  # fmt: skip
    """Return images of windows that are columns: where windows overlap, their sum; see `unfold`.

    Args:
        x: shape (batch, channels · pixels of a window, windows).
        output_size: rows and columns of the result.
        kernel_size, dilation, padding, stride: as for `unfold`.
    """
    (rows, columns), window, apart = _pair(output_size), _pair(kernel_size), _pair(dilation)
    around, steps = _pair(padding), _pair(stride)
    pixels = window[0] * window[1]
    down, across = (
        (size + 2 * zeros - (one - 1) * rate - 1) // step + 1
        for size, zeros, one, rate, step in zip((rows, columns), around, window, apart, steps, strict=True)
    )
    if x.shape[1] % pixels or x.shape[2] != down * across:
        raise ShapeError(
            f"fold: {down * across} windows of {pixels} pixels make {rows} × {columns} pixels, got the shape {x.shape}"
        )
    count, channels = x.shape[0], x.shape[1] // pixels
    each = x.reshape(count * channels, pixels, down, across).transpose(0, 2, 3, 1)
    one_by_one = np.eye(pixels, dtype=x.dtype).reshape(*window, 1, pixels)
    made = spread(each, one_by_one, (rows, columns), steps, tuple([(size, size) for size in around]), apart)
    return made.reshape(count, channels, rows, columns)


def view_as_complex(x: Any) -> Any:
    """Return complex numbers of their real and imaginary parts, which stand in the last axis."""
    return x[..., 0] + 1j * x[..., 1]


def view_as_real(x: Any) -> Any:
    """Return the real and imaginary parts of complex numbers, in a last axis of two."""
    return np.stack([np.real(x), np.imag(x)], axis=-1)


def _channels_last(x: Any, data_format: str) -> Any:
    if len(x.shape) != 4:
        raise ShapeError(f"a batch of images has 4 axes, got the shape {x.shape}")
    return np.moveaxis(x, 1, -1) if data_format == "channels_first" else x


def _as_given(x: Any, data_format: str) -> Any:
    return np.moveaxis(x, -1, 1) if data_format == "channels_first" else x


def _pair(sizes: Pair) -> tuple[int, int]:
    first, second = (sizes, sizes) if isinstance(sizes, int) else sizes
    return first, second

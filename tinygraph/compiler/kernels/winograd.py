"""Winograd's form of a convolution by kernels of 3x3: four ninths of the multiplications, in sixteen matrix products.

An image is cut into tiles of 4x4 pixels, two apart, which overlap. A tile t of one channel, and a kernel k, give 2x2
pixels of the result,

    Aᵀ ((G k Gᵀ) ∘ (Bᵀ t B)) A

so that for each of the 16 places in a tile there is one product of matrices: of what the tiles have there, channel by
channel, with what the kernels have there. The gradients are the same steps, transposed, from the last to the first.
What the tiles become is kept from the forward to the backward pass, and what the gradient becomes serves both the
gradient of the kernel and that of the images.

A number that is infinite or NaN would spread over its tile: where there is one in a result, the result is computed
again as the plain convolution, and there is nothing to warn of before. Rounding is that of the largest numbers in a
tile, and not in a window.

As in `kernels.images`, `work` is memory to be overwritten, and a docstring "out = ..." says what a function writes into
`out`. `before` says how many pixels of padding there are above and to the left. A result is held in places: see
`kernels.places`.

Source: Lavin and Gray, "Fast algorithms for convolutional neural networks" (2015), section 4.1, with the signs of the
last row of Aᵀ and of Bᵀ changed.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from tinygraph.compiler.kernels.images import convolve, convolve_input, convolve_kernel, copy_pixels, framed, seen_as
from tinygraph.compiler.kernels.places import deal, interleave

__all__ = [
    "winograd_convolve", "winograd_gradient", "winograd_input", "winograd_kernel", "winograd_tiles", "winograd_weights",
]  # fmt: skip

# Bᵀ, Aᵀ and G.
OF_TILE = ((1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, -1, 0, 1))
OF_RESULT = ((1, 1, 1, 0), (0, 1, -1, 1))
OF_KERNEL = ((1, 0, 0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0, 0, 1))

# A product with so many multiplications OpenBLAS computes without copying its operands first. With a matrix as thin as
# those above it takes half as long, and no longer than one of the additions that it stands for.
AT_ONCE = 900_000


def transformed(matrix: Any, x: Any, out: Any) -> None:
    """out = matrix @ x, for x with few rows of many numbers."""
    step = AT_ONCE // matrix.size
    for start in range(0, x.shape[-1], step):
        np.matmul(matrix, x[..., start : start + step], out=out[..., start : start + step])


def is_finite(array: Any) -> bool:
    """Return whether all numbers are finite, and so small that their squares are."""
    flat = array.reshape(-1)
    return bool(np.isfinite(np.dot(flat, flat)))


@lru_cache(maxsize=16)
def once(matrix: Any, dtype: Any) -> Any:
    """Return a matrix as an array, made once."""
    return np.array(matrix, dtype)


@lru_cache(maxsize=16)
def by_two(matrix: Any, dtype: Any) -> Any:
    """Return the matrix that applies another along the rows and along the columns of a tile."""
    along = np.array(matrix, dtype)
    both = along[:, None, :, None] * along[:, None]
    return both.reshape(len(along) ** 2, -1)


def memory(work: Any, start: int, shape: Any, dtype: Any) -> Any:
    """Return a part of `work`, from the byte `start` on, as an array."""
    size = math.prod(shape) * dtype.itemsize
    return work[start : start + size].view(dtype).reshape(shape)


def covers(image: Any, before: Any, high: Any, wide: Any) -> bool:
    """Return whether images of some shape reach as far as so many rows and columns of tiles."""
    return bool(before == (0, 0) and image[1] >= 2 * high + 2 and image[2] >= 2 * wide + 2)


def bytes_of_tiles(image: Any, tiles: Any, before: Any, itemsize: int) -> int:
    """Return the bytes of the tiles of one image, and of its frame where the image does not reach as far."""
    _, _, high, wide, channels = tiles
    frame = 0 if covers(image, before, high, wide) else (2 * high + 2) * (2 * wide + 2)
    return int((16 * high * wide + frame) * channels * itemsize)


def bytes_of_input(channels: int, gradient: Any, itemsize: int) -> int:
    """Return the bytes that `winograd_input` takes for one image."""
    return int(32 * gradient[2] * gradient[3] * channels * itemsize)


def several(count: int, each: int, work: Any) -> int:
    """Return the number of images to take at a time: as many as fit, in parts of one size."""
    fit = max(1, work.size // max(1, each))
    return int(-(-count // -(-count // fit))) if count else 1


@np.errstate(all="ignore")
def winograd_weights(kernel: Any, turned: bool, work: Any, out: Any) -> None:
    """out = G k Gᵀ for each of the kernels: shape (16, channels, filters), or (16, filters, channels) if turned."""
    weights = memory(work, 0, (16, *kernel.shape[2:]), out.dtype)
    np.matmul(by_two(OF_KERNEL, out.dtype), kernel.reshape(9, -1), out=weights.reshape(16, -1))
    np.copyto(out, weights.swapaxes(1, 2) if turned else weights)


@np.errstate(all="ignore")
def winograd_tiles(x: Any, before: Any, work: Any, out: Any) -> None:
    """out = Bᵀ t B for each of the tiles: shape (16, images, rows, columns, channels)."""
    step = several(len(x), bytes_of_tiles(x.shape, out.shape, before, out.itemsize), work)
    matrix = once(OF_TILE, out.dtype)
    for start in range(0, len(x), step):
        image, tiles = x[start : start + step], out[:, start : start + step]
        size = 2 * tiles.shape[2] + 2, 2 * tiles.shape[3] + 2
        image = framed(image, before, size, work[tiles.size * out.itemsize :])
        each, row, pixel, channel = image.strides
        places = seen_as(image, (4, 4, *tiles.shape[1:]), (row, pixel, each, 2 * row, 2 * pixel, channel))
        copy_pixels(places, tiles.reshape(places.shape))
        tiles = tiles.reshape(4, 4, -1)
        between = memory(work, 0, tiles.shape, out.dtype)
        transformed(matrix, tiles.swapaxes(0, 1), between.swapaxes(0, 1))
        transformed(matrix, between, tiles)


@np.errstate(all="ignore")
def winograd_convolve(x: Any, kernel: Any, tiles: Any, weights: Any, before: Any, work: Any, out: Any) -> None:
    """out = conv2d(x, kernel) in places of 2x2, by its tiles and weights."""
    filters = out.shape[4]
    matrix = by_two(OF_RESULT, out.dtype)
    step = several(len(x), 4 * out[:, :1].size * out.itemsize, work)
    for start in range(0, len(x), step):
        part, result = tiles[:, start : start + step], out[:, start : start + step]
        part = part.reshape(16, -1, part.shape[4])
        products = memory(work, 0, (*part.shape[:2], filters), out.dtype)
        np.matmul(part, weights, out=products)
        transformed(matrix, products.reshape(16, -1), result.reshape(4, -1))
    if not is_finite(out):
        plain = np.empty((len(x), 2 * out.shape[2], 2 * out.shape[3], filters), out.dtype)
        convolve(x, kernel, moves_of(before), 1, np.empty(1 << 22, np.uint8), plain)
        deal(plain, (2, 2), work, out)


def moves_of(before: Any) -> Any:
    """Return the moves of the windows over the images: one pixel at a time."""
    return ((1, 1, before[0]), (1, 1, before[1]))


@np.errstate(all="ignore")
def winograd_gradient(y: Any, work: Any, out: Any) -> None:
    """out = A y Aᵀ: a gradient in places, for each of the places in a tile."""
    transformed(by_two(OF_RESULT, out.dtype).T, y.reshape(4, -1), out.reshape(16, -1))


@np.errstate(all="ignore")
def winograd_kernel(x: Any, y: Any, tiles: Any, gradient: Any, before: Any, work: Any, out: Any) -> None:
    """out = the gradient of Σ y · conv2d(x, kernel) by the kernel. y is in places, `gradient` is made of it."""
    channels, filters = out.shape[2:]
    products = memory(work, 0, (16, channels, filters), out.dtype)
    tiles, gradient = tiles.reshape(16, -1, channels), gradient.reshape(16, -1, filters)
    np.matmul(tiles.swapaxes(1, 2), gradient, out=products)
    transformed(by_two(OF_KERNEL, out.dtype).T, products.reshape(16, -1), out.reshape(9, -1))
    if not is_finite(out):
        convolve_kernel(x, plain_of(y), moves_of(before), 1, np.empty(1 << 22, np.uint8), out)


def plain_of(y: Any) -> Any:
    """Return a gradient in places as images."""
    image = np.empty((y.shape[1], 2 * y.shape[2], 2 * y.shape[3], y.shape[4]), y.dtype)
    interleave(y, (2, 2), None, image)
    return image


@np.errstate(all="ignore")
def winograd_input(y: Any, kernel: Any, gradient: Any, weights: Any, before: Any, work: Any, out: Any) -> None:
    """out = the gradient of Σ y · conv2d(x, kernel) by x. y is in places, `weights` is turned."""
    high, wide = y.shape[2:4]
    channels = out.shape[3]
    matrix = once(OF_TILE, out.dtype).T
    step = several(len(out), bytes_of_input(channels, gradient.shape, out.itemsize), work)
    for start in range(0, len(out), step):
        part, image = gradient[:, start : start + step], out[start : start + step]
        part = part.reshape(16, -1, part.shape[4])
        tiles = memory(work, 0, (4, 4, len(image), high, wide, channels), out.dtype)
        other = memory(work, tiles.nbytes, tiles.shape, out.dtype)
        np.matmul(part, weights, out=tiles.reshape(16, -1, channels))
        transformed(matrix, tiles.reshape(4, -1), other.reshape(4, -1))
        rows = memory(work, 0, (2, 4, len(image), high + 1, wide, channels), out.dtype)
        add_neighbours(other[:2], other[2:], 3, rows)
        columns = memory(work, tiles.nbytes, rows.shape, out.dtype)
        transformed(matrix, rows.reshape(2, 4, -1), columns.reshape(2, 4, -1))
        places = memory(work, 0, (2, 2, len(image), high + 1, wide + 1, channels), out.dtype)
        add_neighbours(columns[:, :2], columns[:, 2:], 4, places)
        cut_out(places, before, image)
    if not is_finite(out):
        convolve_input(plain_of(y), kernel, moves_of(before), 1, np.empty(1 << 22, np.uint8), out)


def add_neighbours(first: Any, second: Any, axis: int, out: Any) -> None:
    """out = the halves of tiles that overlap, added: the first half of each along an axis, the second of the last."""
    first, second, out = (item.swapaxes(0, axis) for item in (first, second, out))
    out[0] = first[0]
    np.add(first[1:], second[:-1], out=out[1:-1])
    out[-1] = second[-1]


def cut_out(places: Any, before: Any, out: Any) -> None:
    """out = the images in a frame that is held in places of 2x2, with zeros where they reach beyond the frame."""
    _, _, _, high, wide, _ = places.shape
    out[:, max(0, 2 * high - before[0]) :] = 0
    out[:, :, max(0, 2 * wide - before[1]) :] = 0
    for i in range(2):
        for j in range(2):
            pixels = places[i, j][:, (before[0] + 1 - i) // 2 :, (before[1] + 1 - j) // 2 :]
            part = out[:, (i - before[0]) % 2 :: 2, (j - before[1]) % 2 :: 2]
            pixels = pixels[:, : part.shape[1], : part.shape[2]]
            copy_pixels(pixels, part[:, : pixels.shape[1], : pixels.shape[2]])

"""Image calls: the facts about the functions for images, which write into memory that they are given."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tinygraph.compiler.kernels import images, places, winograd
from tinygraph.functions import by_channel

__all__ = ["IMAGE_FUNCTIONS", "ImageFunction", "images_axis", "work_of"]

Shape = tuple[int, ...]


def _none(step: Any) -> int:
    return 0


def _size(array: Any) -> int:
    """Return the bytes of one image of an array whose images lie along the first axis."""
    return int(math.prod(array.shape[1:]) * array.dtype.itemsize)


def _columns(x: Shape, kernel: Shape, result: Shape, step: Any) -> int:
    moves, groups = step.args[2:4]
    return images.bytes_of_columns(x, kernel, result, moves, groups, step.dtype.itemsize)


def _products(result: Shape, kernel: Shape) -> int:
    """Return the number of operations of a convolution."""
    return int(2 * math.prod(result) * math.prod(kernel[:3]))


def _by_tiles(tiles: Shape, filters: int) -> int:
    """Return the number of operations of the products of tiles with weights."""
    return int(2 * math.prod(tiles) * filters)


@dataclass(frozen=True)
class ImageFunction:
    """A function for images, as the compiler knows it.

    Attributes:
        images: the indices of its operands whose images lie along one axis.
        axis: the axis of its result that they lie along; None where it adds up over them, or has none.
        work: from a call, how many bytes of memory it overwrites for one image.
        flops: from a call, its floating-point operations.
    """

    images: tuple[int, ...]
    axis: int | None = 0
    work: Callable[[Any], int] = _none
    flops: Callable[[Any], int] = _none


IMAGE_FUNCTIONS: dict[Any, ImageFunction] = {
    images.convolve: ImageFunction(
        (0,), 0, lambda s: _columns(s.args[0].shape, s.args[1].shape, s.shape, s),
        lambda s: _products(s.shape, s.args[1].shape),
    ),
    images.convolve_input: ImageFunction(
        (0,), 0, lambda s: math.prod(s.args[0].shape[1:3]) * s.shape[3] * s.dtype.itemsize,
        lambda s: _products(s.args[0].shape, s.args[1].shape),
    ),
    images.convolve_kernel: ImageFunction(
        (0, 1), None, lambda s: s.nbytes + 64 + _columns(s.args[0].shape, s.shape, s.args[1].shape, s),
        lambda s: _products(s.args[1].shape, s.shape),
    ),
    by_channel.convolve_channels: ImageFunction(
        (0,), 0, lambda s: by_channel.bytes_of_part(s.shape, s.args[1].shape, s.args[2], s.dtype.itemsize),
        lambda s: _products(s.shape, s.args[1].shape),
    ),
    by_channel.convolve_channels_input: ImageFunction(
        (0,), 0,
        lambda s: by_channel.bytes_of_input(
            s.shape, s.args[0].shape, s.args[1].shape, s.args[2], s.dtype.itemsize
        ),
        lambda s: _products(s.args[0].shape, s.args[1].shape),
    ),
    by_channel.convolve_channels_kernel: ImageFunction(
        (0, 1), None, lambda s: by_channel.bytes_of_part(s.args[1].shape, s.shape, s.args[2], s.dtype.itemsize),
        lambda s: _products(s.args[1].shape, s.shape),
    ),
    images.pool_max: ImageFunction(
        (0,), 0, lambda s: s.shape[1] * s.args[0].shape[2] * s.shape[3] * s.dtype.itemsize
    ),
    images.pool_max_input: ImageFunction(
        (0, 1, 2), 0, lambda s: images.bytes_of_winners(s.args[2].shape, s.args[3], s.dtype.itemsize)
    ),
    images.pool_max_pick: ImageFunction(
        (0, 1, 2), 0, lambda s: images.bytes_of_winners(s.args[2].shape, s.args[3], s.dtype.itemsize)
    ),
    images.pool_mean: ImageFunction(
        (0,), 0, lambda s: s.shape[1] * s.args[0].shape[2] * s.shape[3] * s.dtype.itemsize
    ),
    images.pool_mean_input: ImageFunction((0,), 0, lambda s: _size(s.args[0])),
    places.interleave: ImageFunction((0,), 0),
    places.deal: ImageFunction((0,), 1),
    places.largest: ImageFunction((0,), 0),
    places.winners: ImageFunction((0, 1), 1),
    places.share: ImageFunction((0, 1), 1, lambda s: places.bytes_of_shares(s.args[0].shape, s.dtype.itemsize)),
    places.sum_pixels: ImageFunction((0,), None, lambda s: _size(s.args[0]) // s.args[0].shape[-1]),
    places.windows: ImageFunction((0,), 2, lambda s: 4 * _size(s.args[0]) + s.nbytes // max(1, s.shape[2])),
    places.windows_convolve: ImageFunction((0,), 1, _none, lambda s: _products(s.shape, s.args[1].shape)),
    places.windows_kernel: ImageFunction(
        (0, 1), None, lambda s: len(s.args[1].shape) * s.args[1].shape[0] * s.nbytes,
        lambda s: _products(s.args[1].shape, s.shape),
    ),
    winograd.winograd_weights: ImageFunction((), None, lambda s: s.nbytes),
    winograd.winograd_tiles: ImageFunction(
        (0,), 1, lambda s: winograd.bytes_of_tiles(s.args[0].shape, s.shape, s.args[1], s.dtype.itemsize)
    ),
    winograd.winograd_convolve: ImageFunction(
        (0, 2), 1, lambda s: 4 * s.nbytes // max(1, s.shape[1]), lambda s: _by_tiles(s.args[2].shape, s.shape[4])
    ),
    winograd.winograd_gradient: ImageFunction((0,), 1),
    winograd.winograd_kernel: ImageFunction(
        (0, 1, 2, 3), None, lambda s: 2 * s.nbytes, lambda s: _by_tiles(s.args[2].shape, s.shape[3])
    ),
    winograd.winograd_input: ImageFunction(
        (0, 2), 0, lambda s: winograd.bytes_of_input(s.shape[3], s.args[2].shape, s.dtype.itemsize),
        lambda s: _by_tiles(s.args[2].shape, s.shape[3]),
    ),
}  # fmt: skip


def images_axis(step: Any) -> int:
    """Return the axis of a value that its images lie along, if it has images."""
    known = IMAGE_FUNCTIONS.get(step.function)
    return 0 if known is None or known.axis is None else known.axis


def work_of(step: Any) -> int:
    """Return the bytes of `work` that a call takes for one image."""
    size = IMAGE_FUNCTIONS[step.function].work(step)
    return size + -size % 64 + 64

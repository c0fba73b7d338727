"""Tiling: convolutions in Winograd's form, windows copied once, and pooling of images that are held in places."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from tinygraph.compiler.kernels import images, places, winograd
from tinygraph.compiler.kernels.image_calls import IMAGE_FUNCTIONS
from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.facts import RESHAPING
from tinygraph.compiler.program.predicates import is_elementwise
from tinygraph.compiler.program.rewriting import rewritten
from tinygraph.compiler.program.steps import Step, operands_of
from tinygraph.derivatives.reductions import reduced_axes
from tinygraph.graph import Graph

__all__ = ["pool_places", "sums_by_product", "windows_once", "winograd_form"]

# Fewer channels or filters make products of matrices that are too thin to be worth the tiles.
CHANNELS = 16

# The numbers in a row of a window: fewer are quicker copied number by number, in whichever order.
THIN = 16


def _made(builder: Builder, like: Step, function: Callable[..., Any], shape: tuple[int, ...], *args: Any) -> Step:
    """A call on behalf of another, with another result."""
    return builder.add(replace(like, function=function, args=args, kwargs={}, shape=shape, name=None))


def winograd_form(graph: Graph) -> Graph:
    """convolve(x, kernel)  ->  interleave(winograd_convolve(x, kernel, winograd_tiles(x), winograd_weights(kernel)));
    convolve_kernel(x, y), convolve_input(y, kernel)  ->  the same with winograd_gradient(deal(y)).

    For kernels of 3x3 that go one pixel at a time, of many channels.
    """

    def change(builder: Builder, step: Step) -> Step | None:
        rule = _WINOGRAD.get(step.function)
        return None if rule is None else rule(builder, step)

    return rewritten(graph, change)


def _before(kernel: tuple[int, ...], moves: Any, groups: int, dtype: Any) -> tuple[int, int] | None:
    """The padding above and to the left, of a convolution that Winograd's form is for."""
    fits = kernel[:2] == (3, 3) and groups == 1 and min(kernel[2:]) >= CHANNELS and dtype.char in "fd"
    plain = all(stride == dilation == 1 for stride, dilation, _ in moves)
    return (moves[0][2], moves[1][2]) if fits and plain else None


def _tiles_of(result: tuple[int, ...]) -> tuple[int, int]:
    """The number of tiles of a convolution's result along each axis."""
    return (-(-result[1] // 2), -(-result[2] // 2))


def _tiles(builder: Builder, step: Step, x: Step, before: Any, tiles: tuple[int, int]) -> Step:
    return _made(builder, step, winograd.winograd_tiles, (16, x.shape[0], *tiles, x.shape[3]), x, before)


def _weights(builder: Builder, step: Step, kernel: Step, turned: bool) -> Step:
    channels, filters = kernel.shape[2:]
    shape = (16, filters, channels) if turned else (16, channels, filters)
    return _made(builder, step, winograd.winograd_weights, shape, kernel, turned)


def _dealt(builder: Builder, step: Step, y: Step, block: tuple[int, int]) -> Step:
    count = math.prod(block)
    shape = (count, y.shape[0], -(-y.shape[1] // block[0]), -(-y.shape[2] // block[1]), y.shape[3])
    return _made(builder, step, places.deal, shape, y, block)


def _gradient(builder: Builder, step: Step, y: Step) -> tuple[Step, Step]:
    """A gradient in places, and for each place in a tile."""
    dealt = _dealt(builder, step, y, (2, 2))
    return dealt, _made(builder, step, winograd.winograd_gradient, (16, *dealt.shape[1:]), dealt)


def _convolve(builder: Builder, step: Step) -> Step | None:
    x, kernel, moves, groups = step.args
    before = _before(kernel.shape, moves, groups, step.dtype)
    if before is None:
        return None
    high, wide = _tiles_of(step.shape)
    tiles, weights = _tiles(builder, step, x, before, (high, wide)), _weights(builder, step, kernel, False)
    shape = (4, step.shape[0], high, wide, step.shape[3])
    made = _made(builder, step, winograd.winograd_convolve, shape, x, kernel, tiles, weights, before)
    return _made(builder, step, places.interleave, step.shape, made, (2, 2))


def _kernel(builder: Builder, step: Step) -> Step | None:
    x, y, moves, groups = step.args
    before = _before(step.shape, moves, groups, step.dtype)
    if before is None:
        return None
    tiles = _tiles(builder, step, x, before, _tiles_of(y.shape))
    dealt, gradient = _gradient(builder, step, y)
    return _made(builder, step, winograd.winograd_kernel, step.shape, x, dealt, tiles, gradient, before)


def _input(builder: Builder, step: Step) -> Step | None:
    y, kernel, moves, groups = step.args
    before = _before(kernel.shape, moves, groups, step.dtype)
    if before is None:
        return None
    dealt, gradient = _gradient(builder, step, y)
    weights = _weights(builder, step, kernel, True)
    return _made(builder, step, winograd.winograd_input, step.shape, dealt, kernel, gradient, weights, before)


_WINOGRAD: dict[Any, Callable[[Builder, Step], Step | None]] = {
    images.convolve: _convolve,
    images.convolve_kernel: _kernel,
    images.convolve_input: _input,
}


def windows_once(graph: Graph) -> Graph:
    """convolve(x, kernel)  ->  interleave(windows_convolve(windows(x), kernel)), where its blocks are pooled;
    convolve_kernel(x, y)  ->  windows_kernel(windows(x), deal(y)), with the same windows.

    For few channels, where copying the windows is most of the work.
    """
    readers: dict[int, list[Step]] = {}
    for step in graph.nodes:
        assert isinstance(step, Step)
        for operand in operands_of(step):
            readers.setdefault(operand.index, []).append(step)
    blocks: dict[int, tuple[int, int] | None] = {}
    for step in graph.nodes:
        assert isinstance(step, Step)
        if step.function is images.convolve:
            blocks[step.index] = _pooled_in(step, readers.get(step.index, []))
        elif step.function is images.convolve_kernel and step.args[1].function is images.pool_max_input:
            blocks[step.index] = blocks.get(step.args[1].args[1].index)
    found = iter([blocks.get(step.index) for step in graph.nodes if step.function is not None])

    def change(builder: Builder, step: Step) -> Step | None:
        block = next(found)
        if block is None:
            return None
        x, other, moves, _ = step.args
        first = step.function is images.convolve
        kernel, result = (other.shape, step.shape) if first else (step.shape, other.shape)
        shape = (result[0], result[1] // block[0], result[2] // block[1])
        seen = _made(
            builder, step, places.windows, (math.prod(block), math.prod(kernel[:3]), *shape), x, kernel, moves, block
        )
        if not first:
            dealt = _dealt(builder, step, other, block)
            return _made(builder, step, places.windows_kernel, step.shape, seen, dealt)
        made = _made(builder, step, places.windows_convolve, (math.prod(block), *shape, kernel[3]), seen, other)
        return _made(builder, step, places.interleave, step.shape, made, block)

    return rewritten(graph, change)


def _pooled_in(step: Step, readers: list[Step]) -> tuple[int, int] | None:
    """The blocks that a convolution of few channels is pooled in, if nobody else wants it."""
    kernel = step.args[1].shape
    pools = [reader for reader in readers if reader.function is images.pool_max]
    rest = [reader for reader in readers if reader.function is not images.pool_max]
    if len(pools) != 1 or step.args[3] != 1 or kernel[1] * kernel[2] >= THIN or step.dtype.char not in "fd":
        return None
    block: tuple[int, int] = pools[0].args[1]
    fits = all(
        reader.function is images.pool_max_input and reader.args[1] is step and reader.args[3:] == pools[0].args[1:]
        for reader in rest
    )
    return block if fits and _in_blocks(pools[0], step.shape) else None


def _in_blocks(pool: Step, image: tuple[int, ...]) -> bool:
    """Return whether pooling goes over the blocks of images, one beside the other, and leaves nothing out."""
    window, moves = pool.args[-2:]
    plain = all(move == (size, 1, 0) for size, move in zip(window, moves, strict=True))
    pooled = pool.shape if pool.function is images.pool_max else pool.args[2].shape
    return plain and all(
        size == count * part for size, count, part in zip(image[1:3], pooled[1:3], window, strict=True)
    )


def pool_places(graph: Graph) -> Graph:
    """pool_max(interleave(z))  ->  largest(z), where it goes over the blocks that z has the pixels of;
    pool_max_input(y, interleave(z), ...)  ->  interleave(share(y, winners(z, largest))); deal(interleave(z))  ->  z.
    """

    def change(builder: Builder, step: Step) -> Step | None:
        if step.function is places.deal:
            inner, block = step.args
            whole = inner.function is places.interleave and inner.args[1] == block
            return inner.args[0] if whole and inner.args[0].shape == step.shape else None
        if step.function is images.pool_max and _on_places(step, step.args[0]):
            z = step.args[0].args[0]
            largest = _made(builder, step, places.largest, step.shape, z)
            _winners(builder, step, z, largest)  # here, where z is in the cache, and nobody needs it any more
            return largest
        if step.function is images.pool_max_input and _on_places(step, step.args[1]):
            y, image, largest = step.args[:3]
            z = image.args[0]
            shared = _made(builder, step, places.share, z.shape, y, _winners(builder, step, z, largest))
            return _made(builder, step, places.interleave, step.shape, shared, image.args[1])
        return None

    return rewritten(graph, change)


def _winners(builder: Builder, step: Step, z: Step, largest: Step) -> Step:
    return _made(builder, replace(step, dtype=np.dtype(np.bool_)), places.winners, z.shape, z, largest)


def sums_by_product(graph: Graph) -> Graph:
    """np.sum(y, axis=(0, 1, 2))  ->  sum_pixels(y), a product with ones, where y is made image by image."""

    def change(builder: Builder, step: Step) -> Step | None:
        if step.function is not np.sum or step.kwargs.get("keepdims") or len(step.args) != 1:
            return None
        x = step.args[0]
        if len(x.shape) != 4 or 0 in x.shape or step.dtype != x.dtype or x.dtype.char not in "fd":
            return None
        if reduced_axes(step.kwargs["axis"], 4) != (0, 1, 2) or not _is_of_images(x):
            return None
        return _made(builder, step, places.sum_pixels, step.shape, x)

    return rewritten(graph, change)


def _is_of_images(x: Step) -> bool:
    """Return whether a value comes of one of the functions for images, by elementwise calls, reshapes and products."""
    waiting, seen = [x], {x.index}
    while waiting:
        item = waiting.pop()
        if item.function in IMAGE_FUNCTIONS:
            return True
        if is_elementwise(item) or item.function in RESHAPING or item.function in (np.matmul, np.dot):
            fresh = [operand for operand in operands_of(item) if operand.index not in seen]
            seen.update(operand.index for operand in fresh)
            waiting += fresh
    return False


def _on_places(pool: Step, image: Step) -> bool:
    return image.function is places.interleave and image.args[1] == pool.args[-2] and _in_blocks(pool, image.shape)

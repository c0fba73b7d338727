"""Pooling of blocks: images that are pooled block by block are held with the pixels of each block apart."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from tinygraph.compiler.kernels import images, places
from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.rewriting import rewritten
from tinygraph.compiler.program.steps import Step, operands_of
from tinygraph.graph import Graph

__all__ = ["in_places", "pool_places", "windows_once"]

# The numbers in a row of a window: fewer are quicker copied number by number, in whichever order.
THIN = 16


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
        seen = builder.kernel(
            step, places.windows, (math.prod(block), math.prod(kernel[:3]), *shape), x, kernel, moves, block
        )
        if not first:
            dealt = in_places(builder, step, other, block)
            return builder.kernel(step, places.windows_kernel, step.shape, seen, dealt)
        made = builder.kernel(step, places.windows_convolve, (math.prod(block), *shape, kernel[3]), seen, other)
        return builder.kernel(step, places.interleave, step.shape, made, block)

    return rewritten(graph, change)


def _pooled_in(step: Step, readers: list[Step]) -> tuple[int, int] | None:
    """Return the blocks in which a convolution of few channels is pooled, if nothing else reads it; else None."""
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
    return block if fits and _pools_blocks(pools[0], step.shape) else None


def _pools_blocks(pool: Step, image: tuple[int, ...]) -> bool:
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
            largest = builder.kernel(step, places.largest, step.shape, z)
            _winners(builder, step, z, largest)  # here, where z is in the cache, and nobody needs it any more
            return largest
        if step.function is images.pool_max_input and _on_places(step, step.args[1]):
            y, image, largest = step.args[:3]
            z = image.args[0]
            shared = builder.kernel(step, places.share, z.shape, y, _winners(builder, step, z, largest))
            return builder.kernel(step, places.interleave, step.shape, shared, image.args[1])
        return None

    return rewritten(graph, change)


def _winners(builder: Builder, step: Step, z: Step, largest: Step) -> Step:
    return builder.kernel(replace(step, dtype=np.dtype(np.bool_)), places.winners, z.shape, z, largest)


def _on_places(pool: Step, image: Step) -> bool:
    return image.function is places.interleave and image.args[1] == pool.args[-2] and _pools_blocks(pool, image.shape)


def in_places(builder: Builder, step: Step, y: Step, block: tuple[int, int]) -> Step:
    """Append the call that takes images apart, into places of blocks of some shape."""
    count = math.prod(block)
    shape = (count, y.shape[0], -(-y.shape[1] // block[0]), -(-y.shape[2] // block[1]), y.shape[3])
    return builder.kernel(step, places.deal, shape, y, block)

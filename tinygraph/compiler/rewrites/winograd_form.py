"""Winograd's form of convolutions: products of tiles, of which there are four ninths as many."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinygraph.compiler.kernels import images, places, winograd
from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.rewriting import rewritten
from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.rewrites.pooling_blocks import in_places
from tinygraph.graph import Graph

__all__ = ["winograd_form"]

# Fewer channels or filters make products of matrices that are too thin to be worth the tiles.
CHANNELS = 16


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
    """Return the padding above and to the left of a convolution that Winograd's form is for; None for others."""
    fits = kernel[:2] == (3, 3) and groups == 1 and min(kernel[2:]) >= CHANNELS and dtype.char in "fd"
    plain = all(stride == dilation == 1 for stride, dilation, _ in moves)
    return (moves[0][2], moves[1][2]) if fits and plain else None


def _tiles_of(result: tuple[int, ...]) -> tuple[int, int]:
    """Return the number of tiles of a convolution's result along each axis."""
    return (-(-result[1] // 2), -(-result[2] // 2))


def _tiles(builder: Builder, step: Step, x: Step, before: Any, tiles: tuple[int, int]) -> Step:
    return builder.kernel(step, winograd.winograd_tiles, (16, x.shape[0], *tiles, x.shape[3]), x, before)


def _weights(builder: Builder, step: Step, kernel: Step, turned: bool) -> Step:
    channels, filters = kernel.shape[2:]
    shape = (16, filters, channels) if turned else (16, channels, filters)
    return builder.kernel(step, winograd.winograd_weights, shape, kernel, turned)


def _gradient(builder: Builder, step: Step, y: Step) -> tuple[Step, Step]:
    """Append a gradient in places of blocks, and what it becomes for each place in a tile."""
    dealt = in_places(builder, step, y, (2, 2))
    return dealt, builder.kernel(step, winograd.winograd_gradient, (16, *dealt.shape[1:]), dealt)


def _convolve(builder: Builder, step: Step) -> Step | None:
    x, kernel, moves, groups = step.args
    before = _before(kernel.shape, moves, groups, step.dtype)
    if before is None:
        return None
    high, wide = _tiles_of(step.shape)
    tiles, weights = _tiles(builder, step, x, before, (high, wide)), _weights(builder, step, kernel, False)
    shape = (4, step.shape[0], high, wide, step.shape[3])
    made = builder.kernel(step, winograd.winograd_convolve, shape, x, kernel, tiles, weights, before)
    return builder.kernel(step, places.interleave, step.shape, made, (2, 2))


def _kernel(builder: Builder, step: Step) -> Step | None:
    x, y, moves, groups = step.args
    before = _before(step.shape, moves, groups, step.dtype)
    if before is None:
        return None
    tiles = _tiles(builder, step, x, before, _tiles_of(y.shape))
    dealt, gradient = _gradient(builder, step, y)
    return builder.kernel(step, winograd.winograd_kernel, step.shape, x, dealt, tiles, gradient, before)


def _input(builder: Builder, step: Step) -> Step | None:
    y, kernel, moves, groups = step.args
    before = _before(kernel.shape, moves, groups, step.dtype)
    if before is None:
        return None
    dealt, gradient = _gradient(builder, step, y)
    weights = _weights(builder, step, kernel, True)
    return builder.kernel(step, winograd.winograd_input, step.shape, dealt, kernel, gradient, weights, before)


_WINOGRAD: dict[Any, Callable[[Builder, Step], Step | None]] = {
    images.convolve: _convolve,
    images.convolve_kernel: _kernel,
    images.convolve_input: _input,
}

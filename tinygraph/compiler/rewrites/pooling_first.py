"""Pooling first: the shift and relu between a convolution and its pooling come after it, on a quarter of the pixels."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tinygraph.compiler.kernels import images
from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.rewriting import placed, rewritten
from tinygraph.compiler.program.steps import Step, operands_of
from tinygraph.derivatives.reductions import reduced_axes
from tinygraph.graph import Graph, Node

__all__ = ["crop_to_pool", "pool_first"]


def pool_first(graph: Graph) -> Graph:
    """max_pool2d(maximum(z + b, 0))  ->  maximum(max_pool2d(z) + b, 0), where b has one number for each channel.

    And of the gradient: max_pool2d_input(g) * (z + b > 0)  ->  max_pool2d_input(g * (pooled > 0)), whose sum over the
    pixels is that of g * (pooled > 0). The largest of rounded sums is the rounded sum of the largest. Where two pixels
    differ by less than what rounding leaves of them after the addition, they tie in one form and not in the other.
    """

    def change(builder: Builder, step: Step) -> Step | None:
        if step.function is images.pool_max:
            return _pool_before(builder, step)
        if step.function is np.multiply and len(step.args) == 2:
            for gradient, mask in (step.args, step.args[::-1]):
                moved = _mask_before(builder, step, gradient, mask)
                if moved is not None:
                    return moved
        if step.function is np.sum and _is_masked(step.args[0]) and {1, 2} <= {*_axes(step)}:
            return builder.add(replace(step, args=(step.args[0].args[0],)))
        return None

    return rewritten(graph, change)


def _pool_before(builder: Builder, step: Step) -> Step | None:
    relu, window, moves = step.args
    if not _is_relu(relu) or not relu.shape:
        return None
    z: Any = relu.args[0]
    bias = None
    if type(z) is Step and z.function is np.add and not z.kwargs:
        whole = [item for item in z.args if type(item) is Step and item.shape == step.args[0].shape]
        rest = [item for item in z.args if not any(item is other for other in whole)]
        if len(whole) == 1 and len(rest) == 1 and _by_channel(rest[0]) and whole[0].dtype == step.dtype:
            z, bias = whole[0], rest[0]
    if type(z) is not Step or z.dtype != step.dtype or z.shape != relu.shape:
        return None
    pooled = builder.add(replace(step, args=(z, window, moves), name=None))
    pooled = pooled if bias is None else builder.call(step, np.add, pooled, bias)
    return builder.call(step, np.maximum, pooled, 0)


def _is_relu(step: Any) -> bool:
    return (
        type(step) is Step and step.function is np.maximum and not step.kwargs and type(step.args[1]) in (int, float)
        and step.args[1] == 0
    )  # fmt: skip


def _by_channel(item: Any) -> bool:
    shape = np.shape(item)
    return len(shape) < 2 or (len(shape) <= 4 and all(size == 1 for size in shape[:-1]))


def _mask_before(builder: Builder, step: Step, gradient: Any, mask: Any) -> Step | None:
    if type(gradient) is not Step or gradient.function is not images.pool_max_input or type(mask) is not Step:
        return None
    weight, relu, largest, window, moves = gradient.args
    if (
        not _is_relu(relu) or not _is_relu(largest) or mask.function is not np.greater or mask.kwargs
        or (mask.args[0] is not relu and mask.args[0] is not relu.args[0])
        or type(mask.args[1]) not in (int, float) or mask.args[1] != 0 or gradient.dtype != step.dtype
    ):  # fmt: skip
        return None
    pooled, z = largest.args[0], relu.args[0]
    if pooled.function is np.add:
        pooled = next((item for item in pooled.args if type(item) is Step and item.function is images.pool_max), None)
        z = None if pooled is None else pooled.args[0]
    if pooled is None or pooled.function is not images.pool_max or pooled.args[1:] != (window, moves):
        return None
    if z is not relu.args[0] and not any(z is item for item in getattr(relu.args[0], "args", ())):
        return None
    positive: Any = np.greater
    masked = builder.call(step, np.multiply, weight, builder.call(step, positive, largest, 0))
    return builder.add(replace(gradient, args=(masked, z, pooled, window, moves), name=step.name))


def _is_masked(step: Any) -> bool:
    """Return whether it is a gradient as `pool_first` makes it: none of it comes from a window with a NaN."""
    if type(step) is not Step or step.function is not images.pool_max_input or type(step.args[0]) is not Step:
        return False
    weight = step.args[0]
    if weight.function is not np.multiply or type(weight.args[1]) is not Step:
        return False
    mask = weight.args[1]
    if mask.function is not np.greater or not _is_relu(mask.args[0]):
        return False
    pooled = mask.args[0].args[0]
    return pooled is step.args[2] or any(item is step.args[2] for item in pooled.args)


def _axes(step: Step) -> tuple[int, ...]:
    return reduced_axes(step.kwargs.get("axis"), len(step.args[0].shape)) if set(step.kwargs) <= {"axis", "keepdims"} \
        else ()  # fmt: skip


def crop_to_pool(graph: Graph) -> Graph:
    """max_pool2d(conv2d(x, k))  ->  the same without the rows and columns of the convolution that no window reaches."""
    readers: dict[int, list[Step]] = {}
    for step in graph.nodes:
        assert isinstance(step, Step)
        for operand in operands_of(step):
            readers.setdefault(operand.index, []).append(step)
    kept = {output.index for output in graph.outputs}
    shapes: dict[int, tuple[int, ...]] = {}
    for step in graph.nodes:
        if step.function is images.convolve and step.index not in kept:
            shapes |= _cropped(step, readers, kept)
    if not shapes:
        return graph
    moved: list[Step] = []
    for step in graph.nodes:
        assert isinstance(step, Step)
        new = placed(step, step.index, moved)
        moved.append(replace(new, shape=shapes[step.index]) if step.index in shapes else new)
    return Graph(tuple(moved), tuple(moved[output.index] for output in graph.outputs))


def _cropped(step: Node, readers: dict[int, list[Step]], kept: set[int]) -> dict[int, tuple[int, ...]]:
    """Return, by their indices, the smaller shapes of a convolution that is pooled and of its gradients; or nothing.

    Args:
        step: the convolution.
        readers: by the index of a step the calls that read it.
        kept: the indices of the outputs of the graph.
    """
    using = readers.get(step.index, [])
    pools = [reader for reader in using if reader.function is images.pool_max]
    gradients = [reader for reader in using if reader.function is images.pool_max_input]
    if len(pools) != 1 or len(pools) + len(gradients) != len(using):
        return {}
    _, window, moves = pools[0].args
    axes = zip(step.shape[1:3], pools[0].shape[1:3], window, moves, strict=True)
    needed = tuple([
        min(size, (count - 1) * stride + length - before) for size, count, length, (stride, _, before) in axes
    ])  # fmt: skip
    fits = all(
        gradient.args[1] is step and gradient.args[0] is not step and gradient.args[3:] == (window, moves)
        and gradient.index not in kept
        and all(reader.function in (images.convolve_input, images.convolve_kernel)
                for reader in readers.get(gradient.index, []))
        for gradient in gradients
    )  # fmt: skip
    if not fits or needed == step.shape[1:3] or min(needed) <= 0:
        return {}
    return {item.index: (step.shape[0], *needed, step.shape[3]) for item in (step, *gradients)}

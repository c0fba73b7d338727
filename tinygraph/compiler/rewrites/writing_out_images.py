"""Writing out images: kernels instead of tinygraph's convolutions and poolings."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Any

import numpy as np

from tinygraph.compiler.kernels import images
from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.rewriting import rewritten
from tinygraph.compiler.program.steps import Step
from tinygraph.derivatives.shapes import astype
from tinygraph.functions import by_channel, convolution, pooling
from tinygraph.functions.windows import working
from tinygraph.graph import Graph

__all__ = ["write_out_images"]


def write_out_images(graph: Graph) -> Graph:
    """conv2d(x, k, strides, ...)  ->  convolve(x, k, moves, groups), which writes into memory that is given.

    Part of every compilation. Sums of float16 are computed in float32, as eagerly.
    """

    def change(builder: Builder, step: Step) -> Step | None:
        form = FORMS.get(step.function)
        return None if form is None else form(builder, step)

    return rewritten(graph, change)


def _given(step: Step) -> dict[str, Any]:
    """Return the arguments of a call by name."""
    function: Any = step.function
    bound = inspect.signature(function).bind(*step.args, **step.kwargs)
    bound.apply_defaults()
    return bound.arguments


def _cast(builder: Builder, like: Step, item: Any, dtype: Any) -> Any:
    """Append the conversion of an operand to a dtype, if it has another."""
    step = item if type(item) is Step else builder.constant(like, item)
    return step if step.dtype == dtype else builder.call(like, astype, step, dtype)


def _convolution(function: Any) -> Any:
    """Return the form of one of the three convolutions."""

    def form(builder: Builder, step: Step) -> Step:
        given = _given(step)
        first, second, *_ = given.values()
        how = [given[name] for name in ("stride", "padding", "dilation", "groups")]
        x, kernel = np.shape(first), np.shape(second)
        if function is images.convolve_input:
            x = step.shape
        elif function is images.convolve_kernel:
            kernel = step.shape
        geometry = convolution._geometry("conv2d", x, kernel, *how)
        moves = geometry.moves
        inner = working(step.dtype)
        operands = [_cast(builder, step, item, inner) for item in (first, second)]
        if geometry.each_channel:
            return _called(builder, step, OF_EACH_CHANNEL[function], (*operands, moves), inner)
        return _called(builder, step, function, (*operands, moves, geometry.groups), inner)

    return form


OF_EACH_CHANNEL: dict[Any, Any] = {
    images.convolve: by_channel.convolve_channels,
    images.convolve_input: by_channel.convolve_channels_input,
    images.convolve_kernel: by_channel.convolve_channels_kernel,
}


def _pooled(builder: Builder, step: Step) -> Step:
    given = _given(step)
    x = _cast(builder, step, given["x"], step.dtype)
    moves, window = _pool_moves(given, x.shape)
    return _called(builder, step, images.pool_max, (x, window, moves), step.dtype)


def _pool_gradient(function: Any) -> Any:
    """Return the form of the two functions that read the position of the largest number."""

    def form(builder: Builder, step: Step) -> Step:
        given = _given(step)
        weight, x, *_ = given.values()
        x = x if type(x) is Step else builder.constant(step, x)
        x = x if x.dtype.kind == "f" else _cast(builder, step, x, np.dtype(np.float64))
        moves, window = _pool_moves(given, x.shape)
        largest = given["largest"]
        if largest is None:
            shape = step.shape if function is images.pool_max_pick else np.shape(weight)
            like = replace(step, shape=shape, dtype=x.dtype, name=None)
            largest = _called(builder, like, images.pool_max, (x, window, moves), x.dtype)
        largest = _cast(builder, step, largest, x.dtype)
        weight = _cast(builder, step, weight, step.dtype)
        return _called(builder, step, function, (weight, x, largest, window, moves), step.dtype)

    return form


def _mean(builder: Builder, step: Step) -> Step:
    """Append the mean of windows, or its gradient."""
    given = _given(step)
    x, *_ = given.values()
    inner = working(step.dtype)
    backward = step.function is pooling.avg_pool2d_input
    moves, window = _pool_moves(given, step.shape if backward else np.shape(x))
    function: Any = images.pool_mean_input if backward else images.pool_mean
    args = (_cast(builder, step, x, inner), window, moves, bool(given["count_include_pad"]))
    return _called(builder, step, function, args, inner)


def _pool_moves(given: dict[str, Any], x: tuple[int, ...]) -> tuple[Any, tuple[int, int]]:
    plan = pooling._plan("max_pool2d", x, given["window"], given["stride"], given["padding"])
    moves = tuple((axis.stride, axis.dilation, axis.before) for axis in plan)
    return moves, (plan[0].window, plan[1].window)


def _called(builder: Builder, like: Step, function: Any, args: tuple[Any, ...], inner: Any) -> Step:
    """Append a call in the place of another, and the conversion to the dtype of that one."""
    step = builder.add(replace(like, function=function, args=args, kwargs={}, dtype=inner))
    return step if inner == like.dtype else builder.call(like, astype, step, like.dtype)


# For each function of tinygraph what appends its form as a kernel.
FORMS: dict[Any, Any] = {
    convolution.conv2d: _convolution(images.convolve),
    convolution.conv2d_input: _convolution(images.convolve_input),
    convolution.conv2d_kernel: _convolution(images.convolve_kernel),
    pooling.avg_pool2d: _mean,
    pooling.avg_pool2d_input: _mean,
    pooling.max_pool2d: _pooled,
    pooling.max_pool2d_input: _pool_gradient(images.pool_max_input),
    pooling.max_pool2d_pick: _pool_gradient(images.pool_max_pick),
}

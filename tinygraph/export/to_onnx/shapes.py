"""Shapes: axes that are moved, and arrays that are joined, split, repeated and filled, as ONNX's operators."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from tinygraph.export.to_onnx.table import Table, Write
from tinygraph.export.to_onnx.writer import Call, Writer

__all__ = ["TABLE"]

TABLE = Table()


@TABLE.writes(np.reshape, np.ravel)
def _reshape(w: Writer, call: Call) -> Any:
    if call.get(2, "order", "C") not in ("C", None):
        raise call.unknown("order=")
    return w.reshape(w.value(call.args[0]), call.shape)


@TABLE.writes(np.expand_dims, np.squeeze)
def _unsqueeze(w: Writer, call: Call) -> Any:
    return w.reshape(w.value(call.args[0]), call.shape)


@TABLE.writes(np.transpose)
def _transpose(w: Writer, call: Call) -> Any:
    dimensions = len(call.shape)
    axes = call.get(1, "axes")
    order = [*range(dimensions)][::-1] if axes is None else normalize_axis_tuple(axes, dimensions)
    return w.emit("Transpose", [w.value(call.args[0])], perm=order)


@TABLE.writes(np.swapaxes, np.matrix_transpose)
def _swapaxes(w: Writer, call: Call) -> Any:
    one, other = call.get(1, "axis1", -1), call.get(2, "axis2", -2)
    order = [*range(len(call.shape))]
    order[one], order[other] = order[other], order[one]
    return w.emit("Transpose", [w.value(call.args[0])], perm=order)


@TABLE.writes(np.moveaxis)
def _moveaxis(w: Writer, call: Call) -> Any:
    dimensions = len(call.shape)
    source, goal = ([item] if isinstance(item, int) else list(item) for item in call.args[1:3])
    source, goal = [axis % dimensions for axis in source], [axis % dimensions for axis in goal]
    order = [axis for axis in range(dimensions) if axis not in source]
    for to, axis in sorted(zip(goal, source, strict=True)):
        order.insert(to, axis)
    return w.emit("Transpose", [w.value(call.args[0])], perm=order)


@TABLE.writes(np.broadcast_to)
def _broadcast_to(w: Writer, call: Call) -> Any:
    return w.emit("Expand", [w.value(call.args[0]), w.sizes(call.shape)])


def _filled(number: float | None) -> Write:
    """Return what writes an array of one number, of the shape that was recorded."""

    def write(w: Writer, call: Call) -> Any:
        value = call.args[1] if number is None else number
        return w.emit("Expand", [w.value(value, call.dtype), w.sizes(call.shape)])

    return write


TABLE.update({np.full: _filled(None), np.ones: _filled(1), np.zeros: _filled(0)})


@TABLE.writes(np.concatenate)
def _concatenate(w: Writer, call: Call) -> Any:
    axis = call.get(1, "axis", 0)
    parts = [w.value(item, call.dtype) for item in call.args[0]]
    if axis is None:
        axis, parts = 0, [w.emit("Reshape", [part, w.ints([-1])]) for part in parts]
    return w.emit("Concat", parts, axis=axis)


@TABLE.writes(np.stack)
def _stack(w: Writer, call: Call) -> Any:
    axis = call.get(1, "axis", 0)
    parts = [w.emit("Unsqueeze", [w.value(item, call.dtype), w.ints([axis])]) for item in call.args[0]]
    return w.emit("Concat", parts, axis=axis)


@TABLE.writes(np.split, np.array_split)
def _split(w: Writer, call: Call) -> Any:
    position = getattr(call.node.function, "position", None)
    axis = call.get(2, "axis", 0)
    x, where = call.args[0], call.get(1, "indices_or_sections")
    size = w.shape(x)[axis]
    if position is None or type(size) is not int:
        raise call.unknown("an open axis")
    if isinstance(where, int):
        ends = np.cumsum([len(part) for part in np.array_split(np.empty(size), where)]).tolist()
    else:
        ends = [*np.asarray(where).tolist(), size]
    start = ends[position - 1] if position else 0
    return w.emit("Slice", [w.value(x), w.ints([start]), w.ints([ends[position]]), w.ints([axis])])


@TABLE.writes(np.pad)
def _pad(w: Writer, call: Call) -> Any:
    mode = call.get(2, "mode", "constant")
    call.only("mode", "constant_values", "pad_width")
    modes = {"constant": "constant", "edge": "edge", "reflect": "reflect"}
    if mode not in modes:
        raise call.unknown(f"mode={mode!r}")
    x, width = call.args[0], np.broadcast_to(call.get(1, "pad_width"), (len(call.shape), 2))
    number = call.kwargs.get("constant_values", 0)
    if np.ndim(number):
        raise call.unknown("several constant_values")
    inputs = [w.value(x), w.ints([*width[:, 0].tolist(), *width[:, 1].tolist()])]
    return w.emit("Pad", [*inputs, *([w.value(number, call.dtype)] if mode == "constant" else [])], mode=modes[mode])


@TABLE.writes(np.repeat)
def _repeat(w: Writer, call: Call) -> Any:
    times, axis = call.get(1, "repeats"), call.get(2, "axis")
    x = call.args[0]
    if not isinstance(times, int):
        raise call.unknown("several numbers of repeats")
    if axis is None:
        raise call.unknown("no axis")
    dimensions = len(w.shape(x))
    axis %= dimensions
    apart = w.emit("Unsqueeze", [w.value(x), w.ints([axis + 1])])
    tiled = w.emit("Tile", [apart, w.ints([times if place == axis + 1 else 1 for place in range(dimensions + 1)])])
    return w.reshape(tiled, call.shape)


@TABLE.writes(np.tile)
def _tile(w: Writer, call: Call) -> Any:
    x, times = call.args[0], call.get(1, "reps")
    times = [times] if isinstance(times, int) else list(times)
    dimensions = max(len(times), len(w.shape(x)))
    value = w.value(x)
    if len(w.shape(x)) < dimensions:
        value = w.reshape(value, [*[1] * (dimensions - len(w.shape(x))), *w.shape(x)])
    return w.emit("Tile", [value, w.ints([*[1] * (dimensions - len(times)), *times])])


@TABLE.writes(np.flip)
def _flip(w: Writer, call: Call) -> Any:
    axis = call.get(1, "axis")
    dimensions = len(call.shape)
    axes = [*range(dimensions)] if axis is None else [axis] if isinstance(axis, int) else list(axis)
    count = len(axes)
    least = -(2**62)
    inputs = [w.ints([-1] * count), w.ints([least] * count), w.ints(axes), w.ints([-1] * count)]
    return w.emit("Slice", [w.value(call.args[0]), *inputs])


def _triangle(upper: int) -> Write:
    def write(w: Writer, call: Call) -> Any:
        return w.emit("Trilu", [w.value(call.args[0]), w.value(call.get(1, "k", 0), np.int64)], upper=upper)

    return write


TABLE.update({np.tril: _triangle(0), np.triu: _triangle(1)})

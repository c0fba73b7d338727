"""ONNX's operators for NumPy's functions: a table from functions to what writes a call of them."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygraph.derivatives import shapes as own_shapes
from tinygraph.export.onnx_images import conv2d, conv2d_input, pool2d
from tinygraph.export.onnx_indexing import getitem, take, take_along_axis
from tinygraph.export.onnx_writer import Call, Writer
from tinygraph.functions import activations, convolution, logits, means, pooling
from tinygraph.functions.checks import CHECKS

__all__ = ["TABLE", "operators"]

Write = Callable[[Writer, Call], Any]

TABLE: dict[Any, Write] = {}


def operators() -> dict[Any, Write]:
    """Return the table, in which checks of values let them pass."""
    return {**dict.fromkeys(CHECKS, _first), **TABLE}


def _first(w: Writer, call: Call) -> Any:
    return w.value(call.args[0])


def _writes(*functions: Any) -> Callable[[Write], Write]:
    """Enter what writes a call of some functions."""

    def enter(write: Write) -> Write:
        TABLE.update(dict.fromkeys(functions, write))
        return write

    return enter


# --- element by element -----------------------------------------------------------------------------------------------


def _unary(name: str, **attributes: Any) -> Write:
    """Return what writes a function of one array, which is computed in the dtype of the result."""

    def write(w: Writer, call: Call) -> Any:
        call.only()
        return w.emit(name, [w.value(call.args[0], call.dtype)], **attributes)

    return write


TABLE.update({
    np.absolute: _unary("Abs"), np.arccos: _unary("Acos"), np.arccosh: _unary("Acosh"), np.arcsin: _unary("Asin"),
    np.arcsinh: _unary("Asinh"), np.arctan: _unary("Atan"), np.arctanh: _unary("Atanh"), np.ceil: _unary("Ceil"),
    np.cos: _unary("Cos"), np.cosh: _unary("Cosh"), np.exp: _unary("Exp"), np.floor: _unary("Floor"),
    np.log: _unary("Log"), np.negative: _unary("Neg"), np.positive: _unary("Identity"),
    np.reciprocal: _unary("Reciprocal"), np.rint: _unary("Round"), np.sign: _unary("Sign"), np.sin: _unary("Sin"),
    np.sinh: _unary("Sinh"), np.sqrt: _unary("Sqrt"), np.tan: _unary("Tan"), np.tanh: _unary("Tanh"),
    np.copy: _unary("Identity"),
    activations.relu: _unary("Relu"), activations.sigmoid: _unary("Sigmoid"),
    activations.softplus: _unary("Softplus"),
})  # fmt: skip


def _binary(name: str, boolean: str = "") -> Write:
    """Return what writes a function of two arrays, which are computed with in the dtype of the result.

    Args:
        name: of the operator.
        boolean: of the operator for booleans, if there is one.
    """

    def write(w: Writer, call: Call) -> Any:
        call.only()
        if call.dtype == bool and not boolean:
            raise call.unknown("booleans")
        used = boolean if call.dtype == bool else name
        return w.emit(used, [w.value(item, call.dtype) for item in call.args[:2]])

    return write


TABLE.update({
    np.add: _binary("Add", "Or"), np.subtract: _binary("Sub"), np.multiply: _binary("Mul", "And"),
    np.maximum: _binary("Max", "Or"), np.minimum: _binary("Min", "And"), np.power: _binary("Pow"),
    np.float_power: _binary("Pow"), np.divide: _binary("Div"), np.bitwise_and: _binary("BitwiseAnd", "And"),
    np.bitwise_or: _binary("BitwiseOr", "Or"), np.bitwise_xor: _binary("BitwiseXor", "Xor"),
})  # fmt: skip


def _common(w: Writer, call: Call) -> Any:
    """Return the dtype that NumPy compares two arrays in."""
    return np.result_type(*[w.dtype(item) for item in call.args[:2]])


def _comparison(name: str, negated: bool = False) -> Write:
    def write(w: Writer, call: Call) -> Any:
        call.only()
        kind = _common(w, call)
        if kind.kind == "b" and name != "Equal":
            kind = np.dtype(np.int32)
        found = w.emit(name, [w.value(item, kind) for item in call.args[:2]], bool)
        return w.emit("Not", [found]) if negated else found

    return write


TABLE.update({
    np.greater: _comparison("Greater"), np.greater_equal: _comparison("GreaterOrEqual"), np.less: _comparison("Less"),
    np.less_equal: _comparison("LessOrEqual"), np.equal: _comparison("Equal"),
    np.not_equal: _comparison("Equal", negated=True),
})  # fmt: skip


def _logical(name: str) -> Write:
    def write(w: Writer, call: Call) -> Any:
        call.only()
        return w.emit(name, [w.value(item, bool) for item in call.args])

    return write


TABLE.update({
    np.logical_and: _logical("And"), np.logical_not: _logical("Not"), np.logical_or: _logical("Or"),
    np.logical_xor: _logical("Xor"), np.invert: _logical("Not"),
})  # fmt: skip


@_writes(np.square)
def _square(w: Writer, call: Call) -> Any:
    x = w.value(call.args[0], call.dtype)
    return w.emit("Mul", [x, x])


@_writes(np.log1p)
def _log1p(w: Writer, call: Call) -> Any:
    return w.emit("Log", [w.emit("Add", [w.value(call.args[0], call.dtype), w.value(1, call.dtype)])])


@_writes(np.expm1)
def _expm1(w: Writer, call: Call) -> Any:
    return w.emit("Sub", [w.emit("Exp", [w.value(call.args[0], call.dtype)]), w.value(1, call.dtype)])


def _logarithm(base: float) -> Write:
    def write(w: Writer, call: Call) -> Any:
        return w.emit("Div", [w.emit("Log", [w.value(call.args[0], call.dtype)]), w.value(math.log(base), call.dtype)])

    return write


TABLE.update({np.log2: _logarithm(2), np.log10: _logarithm(10)})


@_writes(np.exp2)
def _exp2(w: Writer, call: Call) -> Any:
    return w.emit("Pow", [w.value(2, call.dtype), w.value(call.args[0], call.dtype)])


@_writes(np.hypot)
def _hypot(w: Writer, call: Call) -> Any:
    squares = [w.emit("Mul", [value, value]) for value in [w.value(item, call.dtype) for item in call.args]]
    return w.emit("Sqrt", [w.emit("Add", squares)])


@_writes(np.logaddexp)
def _logaddexp(w: Writer, call: Call) -> Any:
    x, y = (w.value(item, call.dtype) for item in call.args)
    apart = w.emit("Neg", [w.emit("Abs", [w.emit("Sub", [x, y])])])
    return w.emit("Add", [w.emit("Max", [x, y]), w.emit("Softplus", [apart])])


@_writes(np.floor_divide)
def _floor_divide(w: Writer, call: Call) -> Any:
    if call.dtype.kind != "f":
        raise call.unknown("whole numbers")
    return w.emit("Floor", [w.emit("Div", [w.value(item, call.dtype) for item in call.args])])


@_writes(np.remainder)
def _remainder(w: Writer, call: Call) -> Any:
    x, y = (w.value(item, call.dtype) for item in call.args)
    if call.dtype.kind in "iu":
        return w.emit("Mod", [x, y])
    return w.emit("Sub", [x, w.emit("Mul", [w.emit("Floor", [w.emit("Div", [x, y])]), y])])


@_writes(np.isnan)
def _isnan(w: Writer, call: Call) -> Any:
    return w.emit("IsNaN", [w.value(call.args[0])], bool)


@_writes(np.isinf)
def _isinf(w: Writer, call: Call) -> Any:
    return w.emit("IsInf", [w.value(call.args[0])], bool)


@_writes(np.isfinite)
def _isfinite(w: Writer, call: Call) -> Any:
    return w.emit("Not", [w.emit("Or", [_isnan(w, call), _isinf(w, call)])])


@_writes(np.where)
def _where(w: Writer, call: Call) -> Any:
    condition, x, y = call.args
    return w.emit("Where", [w.value(condition, bool), w.value(x, call.dtype), w.value(y, call.dtype)], call.dtype)


@_writes(np.clip)
def _clip(w: Writer, call: Call) -> Any:
    found = w.value(call.args[0], call.dtype)
    low, high = call.get(1, "a_min", call.kwargs.get("min")), call.get(2, "a_max", call.kwargs.get("max"))
    if low is not None:
        found = w.emit("Max", [found, w.value(low, call.dtype)])
    return found if high is None else w.emit("Min", [found, w.value(high, call.dtype)])


@_writes(own_shapes.astype)
def _astype(w: Writer, call: Call) -> Any:
    return w.value(call.args[0], call.dtype)


@_writes(activations.leaky_relu)
def _leaky_relu(w: Writer, call: Call) -> Any:
    slope = float(call.get(1, "negative_slope", 0.2))
    return w.emit("LeakyRelu", [w.value(call.args[0], call.dtype)], alpha=slope)


@_writes(activations.elu)
def _elu(w: Writer, call: Call) -> Any:
    return w.emit("Elu", [w.value(call.args[0], call.dtype)], alpha=float(call.get(1, "alpha", 1.0)))


@_writes(activations.normal_cdf)
def _normal_cdf(w: Writer, call: Call) -> Any:
    scaled = w.emit("Mul", [w.value(call.args[0], call.dtype), w.value(math.sqrt(0.5), call.dtype)])
    return w.emit("Mul", [w.emit("Add", [w.emit("Erf", [scaled]), w.value(1, call.dtype)]), w.value(0.5, call.dtype)])


# --- products ---------------------------------------------------------------------------------------------------------


@_writes(np.matmul)
def _matmul(w: Writer, call: Call) -> Any:
    call.only()
    return w.emit("MatMul", [w.value(item, call.dtype) for item in call.args])


@_writes(np.dot)
def _dot(w: Writer, call: Call) -> Any:
    x, y = call.args
    dimensions = len(w.shape(x)), len(w.shape(y))
    if 0 in dimensions:
        return w.emit("Mul", [w.value(x, call.dtype), w.value(y, call.dtype)])
    if dimensions[1] <= 2:
        return _matmul(w, call)
    letters = _letters(sum(dimensions))
    left, right = letters[: dimensions[0]], letters[dimensions[0] :]
    right = [*right[:-2], left[-1], right[-1]]
    return _einsum_of(w, call, [left, right], [*left[:-1], *right[:-2], right[-1]])


@_writes(np.tensordot)
def _tensordot(w: Writer, call: Call) -> Any:
    x, y = call.args[:2]
    axes = call.get(2, "axes", 2)
    first, second = len(w.shape(x)), len(w.shape(y))
    if isinstance(axes, int):
        pairs = [(first - axes + place, place) for place in range(axes)]
    else:
        of_x, of_y = ([item] if isinstance(item, int) else list(item) for item in axes)
        pairs = [(one % first, other % second) for one, other in zip(of_x, of_y, strict=True)]
    letters = _letters(first + second)
    left, right = letters[:first], letters[first:]
    for one, other in pairs:
        right[other] = left[one]
    summed = {left[one] for one, _ in pairs}
    return _einsum_of(w, call, [left, right], [letter for letter in [*left, *right] if letter not in summed])


@_writes(np.inner)
def _inner(w: Writer, call: Call) -> Any:
    first, second = (len(w.shape(item)) for item in call.args)
    letters = _letters(first + second)
    left, right = letters[:first], [*letters[first:-1], letters[first - 1]]
    return _einsum_of(w, call, [left, right], [*left[:-1], *right[:-1]])


@_writes(np.outer)
def _outer(w: Writer, call: Call) -> Any:
    x, y = (w.value(item, call.dtype) for item in call.args)
    return w.emit("Mul", [w.emit("Reshape", [x, w.ints([-1, 1])]), w.emit("Reshape", [y, w.ints([1, -1])])])


@_writes(np.einsum)
def _einsum(w: Writer, call: Call) -> Any:
    call.only("optimize")
    if not isinstance(call.args[0], str):
        raise call.unknown("lists of axes")
    equation = call.args[0].replace(" ", "")
    return w.emit("Einsum", [w.value(item, call.dtype) for item in call.args[1:]], equation=equation)


def _letters(count: int) -> list[str]:
    return [chr(ord("a") + place) for place in range(count)]


def _einsum_of(w: Writer, call: Call, given: Sequence[Sequence[str]], result: Sequence[str]) -> Any:
    equation = f"{','.join([''.join(letters) for letters in given])}->{''.join(result)}"
    return w.emit("Einsum", [w.value(item, call.dtype) for item in call.args[:2]], equation=equation)


# --- shapes -----------------------------------------------------------------------------------------------------------


@_writes(np.reshape, np.ravel)
def _reshape(w: Writer, call: Call) -> Any:
    if call.get(2, "order", "C") not in ("C", None):
        raise call.unknown("order=")
    return w.reshape(w.value(call.args[0]), call.shape)


@_writes(np.expand_dims, np.squeeze)
def _unsqueeze(w: Writer, call: Call) -> Any:
    return w.reshape(w.value(call.args[0]), call.shape)


@_writes(np.transpose)
def _transpose(w: Writer, call: Call) -> Any:
    dimensions = len(call.shape)
    axes = call.get(1, "axes")
    order = [*range(dimensions)][::-1] if axes is None else [axis % dimensions for axis in axes]
    return w.emit("Transpose", [w.value(call.args[0])], perm=order)


@_writes(np.swapaxes, np.matrix_transpose)
def _swapaxes(w: Writer, call: Call) -> Any:
    one, other = call.get(1, "axis1", -1), call.get(2, "axis2", -2)
    order = [*range(len(call.shape))]
    order[one], order[other] = order[other], order[one]
    return w.emit("Transpose", [w.value(call.args[0])], perm=order)


@_writes(np.moveaxis)
def _moveaxis(w: Writer, call: Call) -> Any:
    dimensions = len(call.shape)
    source, goal = ([item] if isinstance(item, int) else list(item) for item in call.args[1:3])
    source, goal = [axis % dimensions for axis in source], [axis % dimensions for axis in goal]
    order = [axis for axis in range(dimensions) if axis not in source]
    for to, axis in sorted(zip(goal, source, strict=True)):
        order.insert(to, axis)
    return w.emit("Transpose", [w.value(call.args[0])], perm=order)


@_writes(np.broadcast_to)
def _broadcast_to(w: Writer, call: Call) -> Any:
    return w.emit("Expand", [w.value(call.args[0]), w.sizes(call.shape)])


def _filled(number: float | None) -> Write:
    """Return what writes an array of one number, of the shape that was recorded."""

    def write(w: Writer, call: Call) -> Any:
        value = call.args[1] if number is None else number
        return w.emit("Expand", [w.value(value, call.dtype), w.sizes(call.shape)])

    return write


TABLE.update({np.full: _filled(None), np.ones: _filled(1), np.zeros: _filled(0)})


@_writes(np.concatenate)
def _concatenate(w: Writer, call: Call) -> Any:
    axis = call.get(1, "axis", 0)
    parts = [w.value(item, call.dtype) for item in call.args[0]]
    if axis is None:
        axis, parts = 0, [w.emit("Reshape", [part, w.ints([-1])]) for part in parts]
    return w.emit("Concat", parts, axis=axis)


@_writes(np.stack)
def _stack(w: Writer, call: Call) -> Any:
    axis = call.get(1, "axis", 0)
    parts = [w.emit("Unsqueeze", [w.value(item, call.dtype), w.ints([axis])]) for item in call.args[0]]
    return w.emit("Concat", parts, axis=axis)


@_writes(np.split, np.array_split)
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


@_writes(np.pad)
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


@_writes(np.repeat)
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


@_writes(np.tile)
def _tile(w: Writer, call: Call) -> Any:
    x, times = call.args[0], call.get(1, "reps")
    times = [times] if isinstance(times, int) else list(times)
    dimensions = max(len(times), len(w.shape(x)))
    value = w.value(x)
    if len(w.shape(x)) < dimensions:
        value = w.reshape(value, [*[1] * (dimensions - len(w.shape(x))), *w.shape(x)])
    return w.emit("Tile", [value, w.ints([*[1] * (dimensions - len(times)), *times])])


@_writes(np.flip)
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
TABLE.update({operator.getitem: getitem, np.take: take, np.take_along_axis: take_along_axis})
TABLE.update({
    convolution.conv2d: conv2d, convolution.conv2d_input: conv2d_input,
    pooling.avg_pool2d: pool2d, pooling.max_pool2d: pool2d,
})  # fmt: skip


# --- reductions -------------------------------------------------------------------------------------------------------


def _axes(w: Writer, axis: Any) -> list[Any]:
    """Return the input with the axes of a reduction; none for all of them."""
    return [] if axis is None else [w.ints([axis] if isinstance(axis, int) else list(axis))]


def _reduction(name: str) -> Write:
    """Return what writes a reduction, computed in the dtype of the result."""

    def write(w: Writer, call: Call) -> Any:
        call.only("axis", "keepdims", "dtype", "a")
        axis, keepdims = call.get(1, "axis"), bool(call.kwargs.get("keepdims", False))
        return w.emit(name, [w.value(call.args[0], call.dtype), *_axes(w, axis)], keepdims=int(keepdims))

    return write


TABLE.update({
    np.max: _reduction("ReduceMax"), np.mean: _reduction("ReduceMean"), np.min: _reduction("ReduceMin"),
    np.prod: _reduction("ReduceProd"), np.sum: _reduction("ReduceSum"),
})  # fmt: skip


def _quantifier(name: str) -> Write:
    def write(w: Writer, call: Call) -> Any:
        call.only("axis", "keepdims")
        axis, keepdims = call.get(1, "axis"), bool(call.kwargs.get("keepdims", False))
        truth = w.cast(w.value(call.args[0], bool), bool, np.int32)
        return w.cast(w.emit(name, [truth, *_axes(w, axis)], keepdims=int(keepdims)), np.int32, bool)

    return write


TABLE.update({np.all: _quantifier("ReduceMin"), np.any: _quantifier("ReduceMax")})


def _place(name: str) -> Write:
    def write(w: Writer, call: Call) -> Any:
        axis, x = call.get(1, "axis"), w.value(call.args[0])
        if axis is None:
            axis, x = 0, w.emit("Reshape", [x, w.ints([-1])])
        found = w.emit(name, [x], np.int64, axis=axis, keepdims=int(bool(call.kwargs.get("keepdims", False))))
        return w.cast(found, np.int64, call.dtype)

    return write


TABLE.update({np.argmax: _place("ArgMax"), np.argmin: _place("ArgMin")})


@_writes(np.cumsum)
def _cumsum(w: Writer, call: Call) -> Any:
    axis, x = call.get(1, "axis"), w.value(call.args[0], call.dtype)
    if axis is None:
        axis, x = 0, w.emit("Reshape", [x, w.ints([-1])])
    return w.emit("CumSum", [x, w.value(axis, np.int64)])


@_writes(means.mean_over)
def _mean_over(w: Writer, call: Call) -> Any:
    return w.emit("ReduceMean", [w.value(call.args[0]), *_axes(w, call.get(1, "axes"))], keepdims=1)


@_writes(logits.logsumexp)
def _logsumexp(w: Writer, call: Call) -> Any:
    axis, keepdims = call.get(1, "axis"), bool(call.get(2, "keepdims", False))
    return w.emit("ReduceLogSumExp", [w.value(call.args[0], call.dtype), *_axes(w, axis)], keepdims=int(keepdims))


def _along_one_axis(name: str) -> Write:
    def write(w: Writer, call: Call) -> Any:
        axis = call.get(1, "axis", -1)
        if not isinstance(axis, int):
            raise call.unknown("several axes")
        return w.emit(name, [w.value(call.args[0], call.dtype)], axis=axis)

    return write


TABLE.update({logits.log_softmax: _along_one_axis("LogSoftmax"), logits.softmax: _along_one_axis("Softmax")})

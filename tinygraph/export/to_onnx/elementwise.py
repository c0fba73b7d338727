"""Functions that are computed element by element, as ONNX's operators."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygraph.derivatives import shapes as own_shapes
from tinygraph.export.to_onnx.table import Table, Write
from tinygraph.export.to_onnx.writer import Call, Writer
from tinygraph.functions import activations

__all__ = ["TABLE"]

TABLE = Table()


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


@TABLE.writes(np.square)
def _square(w: Writer, call: Call) -> Any:
    x = w.value(call.args[0], call.dtype)
    return w.emit("Mul", [x, x])


@TABLE.writes(np.log1p)
def _log1p(w: Writer, call: Call) -> Any:
    return w.emit("Log", [w.emit("Add", [w.value(call.args[0], call.dtype), w.value(1, call.dtype)])])


@TABLE.writes(np.expm1)
def _expm1(w: Writer, call: Call) -> Any:
    return w.emit("Sub", [w.emit("Exp", [w.value(call.args[0], call.dtype)]), w.value(1, call.dtype)])


def _logarithm(base: float) -> Write:
    def write(w: Writer, call: Call) -> Any:
        return w.emit("Div", [w.emit("Log", [w.value(call.args[0], call.dtype)]), w.value(math.log(base), call.dtype)])

    return write


TABLE.update({np.log2: _logarithm(2), np.log10: _logarithm(10)})


@TABLE.writes(np.exp2)
def _exp2(w: Writer, call: Call) -> Any:
    return w.emit("Pow", [w.value(2, call.dtype), w.value(call.args[0], call.dtype)])


@TABLE.writes(np.hypot)
def _hypot(w: Writer, call: Call) -> Any:
    squares = [w.emit("Mul", [value, value]) for value in [w.value(item, call.dtype) for item in call.args]]
    return w.emit("Sqrt", [w.emit("Add", squares)])


@TABLE.writes(np.logaddexp)
def _logaddexp(w: Writer, call: Call) -> Any:
    x, y = (w.value(item, call.dtype) for item in call.args)
    apart = w.emit("Neg", [w.emit("Abs", [w.emit("Sub", [x, y])])])
    return w.emit("Add", [w.emit("Max", [x, y]), w.emit("Softplus", [apart])])


@TABLE.writes(np.floor_divide)
def _floor_divide(w: Writer, call: Call) -> Any:
    if call.dtype.kind != "f":
        raise call.unknown("whole numbers")
    return w.emit("Floor", [w.emit("Div", [w.value(item, call.dtype) for item in call.args])])


@TABLE.writes(np.remainder)
def _remainder(w: Writer, call: Call) -> Any:
    x, y = (w.value(item, call.dtype) for item in call.args)
    if call.dtype.kind in "iu":
        return w.emit("Mod", [x, y])
    return w.emit("Sub", [x, w.emit("Mul", [w.emit("Floor", [w.emit("Div", [x, y])]), y])])


@TABLE.writes(np.isnan)
def _isnan(w: Writer, call: Call) -> Any:
    return w.emit("IsNaN", [w.value(call.args[0])], bool)


@TABLE.writes(np.isinf)
def _isinf(w: Writer, call: Call) -> Any:
    return w.emit("IsInf", [w.value(call.args[0])], bool)


@TABLE.writes(np.isfinite)
def _isfinite(w: Writer, call: Call) -> Any:
    return w.emit("Not", [w.emit("Or", [_isnan(w, call), _isinf(w, call)])])


@TABLE.writes(np.where)
def _where(w: Writer, call: Call) -> Any:
    condition, x, y = call.args
    return w.emit("Where", [w.value(condition, bool), w.value(x, call.dtype), w.value(y, call.dtype)], call.dtype)


@TABLE.writes(np.clip)
def _clip(w: Writer, call: Call) -> Any:
    found = w.value(call.args[0], call.dtype)
    low, high = call.get(1, "a_min", call.kwargs.get("min")), call.get(2, "a_max", call.kwargs.get("max"))
    if low is not None:
        found = w.emit("Max", [found, w.value(low, call.dtype)])
    return found if high is None else w.emit("Min", [found, w.value(high, call.dtype)])


@TABLE.writes(own_shapes.astype)
def _astype(w: Writer, call: Call) -> Any:
    return w.value(call.args[0], call.dtype)


@TABLE.writes(activations.leaky_relu)
def _leaky_relu(w: Writer, call: Call) -> Any:
    slope = float(call.get(1, "negative_slope", 0.2))
    return w.emit("LeakyRelu", [w.value(call.args[0], call.dtype)], alpha=slope)


@TABLE.writes(activations.elu)
def _elu(w: Writer, call: Call) -> Any:
    return w.emit("Elu", [w.value(call.args[0], call.dtype)], alpha=float(call.get(1, "alpha", 1.0)))


@TABLE.writes(activations.normal_cdf)
def _normal_cdf(w: Writer, call: Call) -> Any:
    scaled = w.emit("Mul", [w.value(call.args[0], call.dtype), w.value(math.sqrt(0.5), call.dtype)])
    return w.emit("Mul", [w.emit("Add", [w.emit("Erf", [scaled]), w.value(1, call.dtype)]), w.value(0.5, call.dtype)])

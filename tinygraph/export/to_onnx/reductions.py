"""Reductions over axes, as ONNX's operators."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.export.to_onnx.table import Table, Write
from tinygraph.export.to_onnx.writer import Call, Writer
from tinygraph.functions import logits, means

__all__ = ["TABLE"]

TABLE = Table()


def _axes(w: Writer, axis: Any) -> list[Any]:
    """Return the input with the axes of a reduction; none for all of them, as for an empty list of axes."""
    return [] if axis is None else [w.ints([axis] if isinstance(axis, int) else list(axis))]


def _reduction(name: str) -> Write:
    """Return what writes a reduction, computed in the dtype of the result."""

    def write(w: Writer, call: Call) -> Any:
        call.only("axis", "keepdims", "dtype", "a")
        axis, keepdims = call.get(1, "axis"), bool(call.kwargs.get("keepdims", False))
        x = w.value(call.args[0], call.dtype)
        return x if axis == () else w.emit(name, [x, *_axes(w, axis)], keepdims=int(keepdims))

    return write


TABLE.update({
    np.max: _reduction("ReduceMax"), np.mean: _reduction("ReduceMean"), np.min: _reduction("ReduceMin"),
    np.prod: _reduction("ReduceProd"), np.sum: _reduction("ReduceSum"),
})  # fmt: skip


def _quantifier(name: str) -> Write:
    def write(w: Writer, call: Call) -> Any:
        call.only("axis", "keepdims")
        axis, keepdims = call.get(1, "axis"), bool(call.kwargs.get("keepdims", False))
        if axis == ():
            return w.value(call.args[0], bool)
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


@TABLE.writes(np.cumsum)
def _cumsum(w: Writer, call: Call) -> Any:
    axis, x = call.get(1, "axis"), w.value(call.args[0], call.dtype)
    if axis is None:
        axis, x = 0, w.emit("Reshape", [x, w.ints([-1])])
    return w.emit("CumSum", [x, w.value(axis, np.int64)])


@TABLE.writes(means.mean_over)
def _mean_over(w: Writer, call: Call) -> Any:
    return w.emit("ReduceMean", [w.value(call.args[0]), *_axes(w, call.get(1, "axes"))], keepdims=1)


@TABLE.writes(logits.logsumexp)
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

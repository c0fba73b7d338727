"""Products of matrices, and sums of products over named axes, as ONNX's operators."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.derivatives.products import einsum_of
from tinygraph.derivatives.subscripts import Subscripts, of_dot, of_inner, of_tensordot
from tinygraph.export.to_onnx.table import Table
from tinygraph.export.to_onnx.writer import Call, Writer

__all__ = ["TABLE"]

TABLE = Table()


@TABLE.writes(np.matmul)
def _matmul(w: Writer, call: Call) -> Any:
    call.only()
    return w.emit("MatMul", [w.value(item, call.dtype) for item in call.args])


@TABLE.writes(np.dot)
def _dot(w: Writer, call: Call) -> Any:
    x, y = call.args
    dimensions = len(w.shape(x)), len(w.shape(y))
    if 0 in dimensions:
        return w.emit("Mul", [w.value(x, call.dtype), w.value(y, call.dtype)])
    if dimensions[1] <= 2:
        return _matmul(w, call)
    return _einsum_of(w, call, of_dot(*dimensions))


@TABLE.writes(np.tensordot)
def _tensordot(w: Writer, call: Call) -> Any:
    x, y = call.args[:2]
    return _einsum_of(w, call, of_tensordot(len(w.shape(x)), len(w.shape(y)), call.get(2, "axes", 2)))


@TABLE.writes(np.inner)
def _inner(w: Writer, call: Call) -> Any:
    x, y = call.args
    return _einsum_of(w, call, of_inner(len(w.shape(x)), len(w.shape(y))))


@TABLE.writes(np.outer)
def _outer(w: Writer, call: Call) -> Any:
    x, y = (w.value(item, call.dtype) for item in call.args)
    return w.emit("Mul", [w.emit("Reshape", [x, w.ints([-1, 1])]), w.emit("Reshape", [y, w.ints([1, -1])])])


@TABLE.writes(np.einsum)
def _einsum(w: Writer, call: Call) -> Any:
    call.only("optimize")
    if not isinstance(call.args[0], str):
        raise call.unknown("lists of axes")
    equation = call.args[0].replace(" ", "")
    return w.emit("Einsum", [w.value(item, call.dtype) for item in call.args[1:]], equation=equation)


@TABLE.writes(einsum_of)  # of Tensors
def _einsum_as_text(w: Writer, call: Call) -> Any:
    subscripts, _, *operands = call.args
    equation = subscripts.replace(" ", "")
    return w.emit("Einsum", [w.value(item, call.dtype) for item in operands], equation=equation)


def _einsum_of(w: Writer, call: Call, subscripts: Subscripts) -> Any:
    left, right, result = subscripts
    operands = [w.value(item, call.dtype) for item in call.args[:2]]
    return w.emit("Einsum", operands, equation=f"{left},{right}->{result}")

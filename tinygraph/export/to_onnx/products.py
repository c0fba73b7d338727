"""Products of matrices, and sums of products over named axes, as ONNX's operators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

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
    letters = _letters(sum(dimensions))
    left, right = letters[: dimensions[0]], letters[dimensions[0] :]
    right = [*right[:-2], left[-1], right[-1]]
    return _einsum_of(w, call, [left, right], [*left[:-1], *right[:-2], right[-1]])


@TABLE.writes(np.tensordot)
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


@TABLE.writes(np.inner)
def _inner(w: Writer, call: Call) -> Any:
    first, second = (len(w.shape(item)) for item in call.args)
    letters = _letters(first + second)
    left, right = letters[:first], [*letters[first:-1], letters[first - 1]]
    return _einsum_of(w, call, [left, right], [*left[:-1], *right[:-1]])


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


def _letters(count: int) -> list[str]:
    return [chr(ord("a") + place) for place in range(count)]


def _einsum_of(w: Writer, call: Call, given: Sequence[Sequence[str]], result: Sequence[str]) -> Any:
    equation = f"{','.join([''.join(letters) for letters in given])}->{''.join(result)}"
    return w.emit("Einsum", [w.value(item, call.dtype) for item in call.args[:2]], equation=equation)

"""Kinds of numbers: NumPy's dtypes and the typed arrays of JavaScript that hold them.

float64     Float64Array
float32     Float32Array, and `Math.fround` where a number is no element of an array
int64       Float64Array: whole numbers are exact up to 2**53, and `whole` refuses larger ones
bool        Uint8Array, of 0 and 1
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.compiler.javascript.expressions import ATOM, Expression, call

__all__ = ["ARRAYS", "is_whole", "rounded"]

ARRAYS: dict[Any, str] = {
    np.dtype(np.float64): "Float64Array", np.dtype(np.float32): "Float32Array", np.dtype(np.int64): "Float64Array",
    np.dtype(np.uint64): "Float64Array", np.dtype(np.int32): "Int32Array", np.dtype(np.uint32): "Uint32Array",
    np.dtype(np.int16): "Int16Array", np.dtype(np.uint16): "Uint16Array", np.dtype(np.int8): "Int8Array",
    np.dtype(np.uint8): "Uint8Array", np.dtype(np.bool_): "Uint8Array",
}  # fmt: skip


def is_whole(dtype: Any) -> bool:
    """Return whether a dtype is one of whole numbers."""
    return np.dtype(dtype).kind in "iu"


def rounded(value: Expression, dtype: Any) -> Expression:
    """Return a number as one of a dtype, where it is no element of an array."""
    kind = np.dtype(dtype)
    if kind == np.float32:
        return value if value.text.startswith("Math.fround(") and value.level == ATOM else call("Math.fround", value)
    if is_whole(kind) and kind.itemsize < 8:
        return Expression(f"{ARRAYS[kind]}.of({value.text})[0]")
    return value

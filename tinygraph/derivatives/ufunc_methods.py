"""Methods of ufuncs, `np.add.reduce` and its kin, written out with the functions that do the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

_REDUCE: dict[np.ufunc, Callable[..., Any]] = {
    np.add: np.sum, np.multiply: np.prod, np.maximum: np.max, np.minimum: np.min
}  # fmt: skip
_ACCUMULATE: dict[np.ufunc, Callable[..., Any]] = {np.add: np.cumsum, np.multiply: np.cumprod}


def method_of(ufunc: np.ufunc, method: str) -> Callable[..., Any] | None:
    """How a ufunc's method is written out, or None where there is no such way."""
    if method == "reduce" and ufunc in _REDUCE:
        reduce = _REDUCE[ufunc]
        return lambda array, axis=0, dtype=None, out=None, **keywords: reduce(
            array, axis=axis, **({} if dtype is None else {"dtype": dtype}), **keywords
        )
    if method == "accumulate" and ufunc in _ACCUMULATE:
        accumulate = _ACCUMULATE[ufunc]
        return lambda array, axis=0, dtype=None, out=None: accumulate(array, axis=axis, dtype=dtype)
    if method == "outer" and ufunc.nin == 2:
        return lambda a, b: ufunc(np.reshape(a, np.shape(a) + (1,) * np.ndim(b)), b)
    return None

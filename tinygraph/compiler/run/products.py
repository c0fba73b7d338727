"""Products that several threads of BLAS divide: on one thread they are in pieces, as other products are.

The text of a program has the whole product. A program on one thread computes it by `product_in_pieces`, in the
same memory: a step of the RBM 784-128 takes 470 microseconds instead of 505.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.compiler.schedule.cuts import Cut, Factors, cut_of

__all__ = ["product_in_pieces"]

_CUTS: dict[Any, Cut | None] = {}  # by the layout of the matrices

# The layouts that are remembered. A program has a few, and those with open axes one for each size.
REMEMBERED = 4096


def product_in_pieces(x: Any, y: Any, out: Any = None) -> Any:
    """Return x @ y, as `np.dot` does, in the pieces that one thread is quickest with."""
    layout = x.shape, y.shape, x.strides, y.strides, x.dtype, y.dtype
    try:
        cut = _CUTS[layout]
    except KeyError:
        if len(_CUTS) >= REMEMBERED:
            _CUTS.clear()
        cut = _CUTS[layout] = _cut(x, y)
    if cut is None:
        return np.dot(x, y, out=out)
    if out is None:
        out = np.empty((x.shape[0], y.shape[1]), x.dtype)
    _compute(x, y, cut, out)
    return out


def _cut(x: Any, y: Any) -> Cut | None:
    """Return the pieces of a product; None if one of its operands is no matrix in one piece of memory."""
    if x.ndim != 2 or y.ndim != 2 or x.dtype != y.dtype or x.dtype.char not in "fd" or 0 in (*x.shape, *y.shape):
        return None
    if not all(item.flags.c_contiguous or item.flags.f_contiguous for item in (x, y)):
        return None
    x_is_transposed, y_is_transposed = [not item.flags.c_contiguous for item in (x, y)]
    return cut_of(Factors(x.shape[0], x.shape[1], y.shape[1], x.itemsize, x_is_transposed, y_is_transposed))


@np.errstate(all="ignore")  # as `np.dot`, which warns of nothing
def _compute(x: Any, y: Any, cut: Cut, out: Any) -> None:
    m, k = x.shape
    if cut.along == "rows":
        np.matmul(x.reshape(cut.pieces, -1, k), y, out=out.reshape(cut.pieces, m // cut.pieces, -1))
    elif cut.along == "columns":
        parts = y.reshape(k, cut.pieces, -1).transpose(1, 0, 2)
        parts = np.ascontiguousarray(parts) if cut.is_copied else parts
        np.matmul(x, parts, out=out.reshape(m, cut.pieces, -1).transpose(1, 0, 2))
    else:
        parts = x.reshape(m, cut.pieces, -1).transpose(1, 0, 2)
        np.add.reduce(np.matmul(parts, y.reshape(cut.pieces, k // cut.pieces, -1)), axis=0, out=out)

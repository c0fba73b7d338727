"""Methods of ufuncs, `np.add.reduce` and its kin, written out with the functions that do the same.

Where no function does, a reduction is a fold: `np.subtract.reduce(a)` is ((a₀ − a₁) − a₂) − ..., one call a step.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from tinygraph.derivatives.reductions import carried_back, reduced_axes
from tinygraph.engine.operands import array_of, plain
from tinygraph.engine.orders import in_order, laid_out, layout_of
from tinygraph.engine.primitives import primitive

_REDUCE: dict[np.ufunc, Callable[..., Any]] = {
    np.add: np.sum, np.multiply: np.prod, np.maximum: np.max, np.minimum: np.min
}  # fmt: skip
_ACCUMULATE: dict[np.ufunc, Callable[..., Any]] = {np.add: np.cumsum, np.multiply: np.cumprod}
_LOGARITHMS: dict[np.ufunc, tuple[Callable[..., Any], Callable[..., Any]]] = {
    np.logaddexp: (np.exp, np.log), np.logaddexp2: (np.exp2, np.log2)
}  # fmt: skip
_NOT_GIVEN = getattr(np, "_NoValue", None)


def method_of(ufunc: np.ufunc, method: str) -> Callable[..., Any] | None:
    """The composition of a ufunc's method, or None where there is none."""
    if ufunc.nin != 2 or ufunc.signature is not None:
        return None
    if method == "outer":
        return _outer(ufunc)
    if ufunc.nout != 1:
        return None
    kinds = {"reduce": _reduction, "accumulate": _accumulation, "reduceat": _reduction_at}
    return kinds[method](ufunc) if method in kinds else None


def _outer(ufunc: np.ufunc) -> Callable[..., Any]:
    def outer(a: Any, b: Any, **keywords: Any) -> Any:
        a, b = array_of(a), array_of(b)  # of Python's numbers, too: here they have a dtype
        return ufunc(np.reshape(a, np.shape(a) + (1,) * np.ndim(b)), b, **keywords)

    return outer


# --- reduce -----------------------------------------------------------------------------------------------------------


def _reduction(ufunc: np.ufunc) -> Callable[..., Any]:
    if ufunc in _REDUCE:
        return _by_function(_REDUCE[ufunc])
    written_out = _log_of_sum if ufunc in _LOGARITHMS else _fold

    def reduced(
        array: Any, axis: Any = 0, dtype: Any = None, out: None = None, keepdims: bool = False,
        initial: Any = _NOT_GIVEN, where: Any = True,
    ) -> Any:  # fmt: skip
        array = _converted(array, dtype)
        keywords: dict[str, Any] = {} if initial is _NOT_GIVEN else {"initial": initial}
        if where is not True:
            keywords["where"] = np.True_
        if array.size == 0:
            nothing = ufunc.reduce(np.empty(array.shape, array.dtype), axis, keepdims=keepdims, **keywords)
            return np.sum(array, axis, keepdims=keepdims) + nothing
        # NumPy says whether these axes can be reduced together, and whether there is something to begin with.
        ufunc.reduce(np.ones((1,) * array.ndim, array.dtype), axis, **keywords)
        axes = reduced_axes(axis, array.ndim)
        rest = [place for place in range(array.ndim) if place not in axes]
        shape = [array.shape[place] for place in rest]

        def rows(item: Any) -> Any:
            return np.reshape(np.transpose(item, (*axes, *rest)), (-1, *shape))

        first = ufunc.identity if initial is _NOT_GIVEN else initial
        mask = True if where is True else rows(np.broadcast_to(where, array.shape))
        begin = None if first is None else np.full(shape, first, array.dtype)
        total = written_out(ufunc, rows(array), mask, begin)
        lies = layout_of(array)
        if lies is not None and not in_order(lies, "C"):
            total = laid_out(total, "K", np.add.reduce(lies, axis))
        kept = [1 if place in axes else size for place, size in enumerate(array.shape)]
        return np.reshape(total, kept) if keepdims else total

    return reduced


def _by_function(reduce: Callable[..., Any]) -> Callable[..., Any]:
    def reduced(
        array: Any, axis: Any = 0, dtype: Any = None, out: None = None, keepdims: bool = False, **keywords: Any
    ) -> Any:
        if reduce in (np.max, np.min):
            return reduce(_converted(array, dtype), axis=axis, keepdims=keepdims, **keywords)
        return reduce(array, axis=axis, dtype=dtype, keepdims=keepdims, **keywords)

    return reduced


def _converted(array: Any, dtype: Any) -> Any:
    array = array_of(array)
    return array if dtype is None or array.dtype == dtype else array.astype(dtype)


def _fold(ufunc: np.ufunc, rows: Any, mask: Any, total: Any) -> Any:
    """One row after the other into the total."""
    for place in range(len(rows)):
        row = rows[place]
        if total is None:
            total = row
        elif mask is True:
            total = ufunc(total, row)
        else:
            total = np.where(mask[place], ufunc(total, row), total)
    return total


def _log_of_sum(ufunc: np.ufunc, rows: Any, mask: Any, total: Any) -> Any:
    """log Σ exp, the largest taken out, so that nothing overflows."""
    exp, log = _LOGARITHMS[ufunc]
    if mask is not True:
        rows = np.where(mask, rows, -np.inf)
    if total is not None:
        rows = np.concatenate([rows, total[None]])
    with np.errstate(divide="ignore"):
        largest = np.max(rows, axis=0)
        level = np.where(np.isfinite(largest), largest, 0)
        return log(np.sum(exp(rows - level), axis=0)) + level


# --- accumulate and reduceat ------------------------------------------------------------------------------------------


def _accumulation(ufunc: np.ufunc) -> Callable[..., Any]:
    def accumulated(array: Any, axis: int = 0, dtype: Any = None, out: None = None) -> Any:
        ufunc.accumulate(np.ones((1,) * array.ndim, array.dtype), axis)  # NumPy says if there is such an axis
        if ufunc in _ACCUMULATE:
            return _ACCUMULATE[ufunc](array, axis=axis, dtype=dtype)
        array = _converted(array, dtype)
        axis = normalize_axis_index(axis, array.ndim)
        if array.shape[axis] == 0:
            return array
        if ufunc in (np.maximum, np.minimum):
            return laid_out(np.take_along_axis(array, _record_holders(ufunc, array, axis), axis), "K", array)
        if ufunc in _LOGARITHMS and array.dtype.kind == "f":
            base = "e" if ufunc is np.logaddexp else "2"
            totals = accumulated_logarithms(np.moveaxis(array, axis, -1), base)
            return laid_out(np.moveaxis(totals, -1, axis), "K", array)
        rows = np.moveaxis(array, axis, 0)
        totals = [rows[0]]
        for place in range(1, len(rows)):
            totals.append(ufunc(totals[-1], rows[place]))
        return laid_out(np.stack(totals, axis=axis), "K", array)

    return accumulated


def _record_holders(ufunc: np.ufunc, array: Any, axis: int) -> Any:
    """The index of the largest, or smallest, element up to each index: the first of those that tie, and of NaNs."""
    rows = np.moveaxis(plain(array), axis, 0)
    best, later = ufunc.accumulate(rows, axis=0)[:-1], rows[1:]
    beaten = later > best if ufunc is np.maximum else later < best
    beaten = beaten | (np.isnan(later) & ~np.isnan(best))
    places = np.reshape(np.arange(1, len(rows)), (-1,) + (1,) * (len(rows.shape) - 1))
    holders = np.concatenate([np.zeros((1, *rows.shape[1:]), int), np.where(beaten, places, 0)])
    return np.moveaxis(np.maximum.accumulate(holders, axis=0), 0, axis)


@primitive
def accumulated_logarithms(a: Any, base: str) -> Any:
    """log Σ exp of the elements up to each place, along the last axis; the base is "e" or "2"."""
    return (np.logaddexp if base == "e" else np.logaddexp2).accumulate(a, axis=-1)


def _accumulated_logarithms_a(g: Any, z: Any, a: Any, base: str) -> Any:
    """Carry cotangents back: each total passes a factor below 1 to the one before, so that nothing overflows."""
    before = np.concatenate([z[..., :1], z[..., :-1]], axis=-1)
    return _share(a, z, base) * carried_back(_share(before, z, base), g)


def _share(part: Any, whole: Any, base: str) -> Any:
    """exp(part - whole), and 1 where both are the same infinity."""
    return (np.exp if base == "e" else np.exp2)(np.where(part == whole, 0, part - whole))


accumulated_logarithms.derivative(_accumulated_logarithms_a)


def _reduction_at(ufunc: np.ufunc) -> Callable[..., Any]:
    def reduced_at(array: Any, indices: Any, axis: int = 0, dtype: Any = None, out: None = None) -> Any:
        array = _converted(array, dtype)
        axis = normalize_axis_index(axis, array.ndim)
        ones = laid_out(np.ones(array.shape, array.dtype), "K", array)
        lies = ufunc.reduceat(ones, indices, axis)  # NumPy says if the places do not fit
        before = (slice(None),) * axis
        parts = [
            ufunc.reduce(array[(*before, slice(start, end))], axis) if start + 1 < end else array[(*before, start)]
            for start, end in pairwise([*np.asarray(indices).tolist(), array.shape[axis]])
        ]
        return laid_out(np.stack(parts, axis=axis), "K", lies) if parts else array[(*before, slice(0))]

    return reduced_at

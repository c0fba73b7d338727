"""Derivatives of sorting. The gradient goes to each element's old place; ties keep the order of the sort."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from tinygraph.derivatives.indexing import take_along_axis_a
from tinygraph.engine.dependence import selection
from tinygraph.engine.modes import for_any_values
from tinygraph.engine.operands import array_of, as_array, has_tensors, plain
from tinygraph.engine.orders import laid_out
from tinygraph.engine.table import composition, derivative, no_derivative
from tinygraph.errors import UnsupportedError


def _sort_a(g: Any, z: Any, a: Any, axis: Any = -1, kind: Any = None, order: Any = None, **keywords: Any) -> Any:
    if axis is None:
        return np.reshape(_sort_a(g, z, np.reshape(a, (-1,)), 0), a.shape)
    places = np.argsort(plain(a), axis=axis, kind="stable")
    return take_along_axis_a(g, z, a, places, axis)


derivative(np.sort, _sort_a)
selection(np.sort)


@composition(np.partition)
def partition(a: Any, kth: Any, axis: Any = -1, kind: Any = "introselect", order: Any = None) -> Any:
    """The elements rearranged around the k-th."""
    taken = np.take_along_axis(a, np.argpartition(plain(a), kth, axis=axis, kind=kind), axis)
    return taken if axis is None else laid_out(taken, "K", a)


@composition(np.sort_complex)
def sort_complex(a: Any) -> Any:
    """The elements in order, as complex numbers."""
    ordered = np.sort(a)
    return ordered if ordered.dtype.kind == "c" else ordered.astype(np.sort_complex(np.empty(0, ordered.dtype)).dtype)


no_derivative(np.argsort, np.argpartition, np.lexsort)

# --- sets -------------------------------------------------------------------------------------------------------------


def _set_of(find: Callable[..., Any], sources: int = 1) -> Callable[..., Any]:
    """A function of NumPy's that returns elements of arrays in order, each once, written out, given it.

    Args:
        find: the function. Of several results the first is the elements.
        sources: how many of its arguments the elements come from.
    """

    def written_out(*args: Any, **keywords: Any) -> Any:
        arrays = [array_of(item) for item in args[:sources]]
        found = find(*plain(arrays), *plain(args[sources:]), **plain(keywords))
        several = isinstance(found, tuple)
        values = found[0] if several else found
        if values.dtype.kind not in "fc":
            return found
        if keywords.get("axis") is not None:
            _, first = np.unique(plain(arrays[0]), return_index=True, axis=keywords["axis"])
            rows = np.moveaxis(arrays[0], keywords["axis"], 0)
            taken = np.moveaxis(laid_out(np.take(rows, first, axis=0), "C"), 0, keywords["axis"])
        else:
            everything = np.concatenate([np.ravel(item) for item in arrays])
            taken = np.take(everything, _first_places(values, plain(everything)))
        if not several:
            return taken
        return found._replace(values=taken) if hasattr(found, "_replace") else (taken, *found[1:])

    return written_out


def _first_places(values: Any, among: Any) -> Any:
    """The first place of each of some values in an array."""
    order = np.argsort(among, kind="stable")
    return order[np.searchsorted(among[order], values)]


def _unique(
    ar: Any, return_index: bool = False, return_inverse: bool = False, return_counts: bool = False, axis: Any = None,
    **keywords: Any,
) -> Any:  # fmt: skip
    """The elements in order, each once. The gradient goes to the first place of each."""
    options = {"return_index": return_index, "return_inverse": return_inverse, "return_counts": return_counts}
    return _set_of(np.unique)(ar, **options, axis=axis, **keywords)


composition(np.unique)(_unique)
_OF_ONE = (np.unique_all, np.unique_counts, np.unique_inverse, np.unique_values, np.setdiff1d, np.intersect1d)
for _of_one in _OF_ONE:
    composition(_of_one)(_set_of(_of_one))
for _of_both in (np.union1d, np.setxor1d):
    composition(_of_both)(_set_of(_of_both, sources=2))


# --- quantiles --------------------------------------------------------------------------------------------------------


def _quantiles(find: Callable[..., Any]) -> Callable[..., Any]:
    """np.quantile or np.nanquantile written out, given it."""

    def written_out(
        a: Any, q: Any, axis: Any = None, out: None = None, overwrite_input: bool = False, method: str = "linear",
        keepdims: bool = False, *, weights: Any = None,
    ) -> Any:  # fmt: skip
        a = array_of(a)
        if a.dtype.kind == "c":
            raise TypeError(f"{find.__name__}: the elements must be real numbers, got {a.dtype}")
        if find is np.nanquantile and a.size == 0:
            return np.mean(a, axis=axis, keepdims=keepdims)
        if has_tensors(q) and not for_any_values() and not np.all((plain(q) >= 0) & (plain(q) <= 1)):
            raise ValueError(f"{find.__name__}: the shares must lie between 0 and 1, got {plain(q)}")
        axes = tuple(range(a.ndim)) if axis is None else normalize_axis_tuple(axis, a.ndim)
        ordered = np.sort(_flat(a, axes), axis=-1)
        missing = np.isnan(a)
        skips = find is np.nanquantile and (for_any_values() or np.any(missing))
        if method == "linear" and weights is None and (for_any_values() or not skips):
            weak = isinstance(q, int | float)
            q = as_array(q, np.float64) if weak else array_of(q)
            dtype = a.dtype if weak or q.dtype.kind != "f" else np.result_type(q.dtype, a.dtype)
            # In float16 places from 2,048 on are too coarse, and in float32 places from 16 million on.
            q = q if q.dtype == np.float64 or q.dtype.itemsize > 8 else q.astype(np.float64)
            if skips:  # NaNs are sorted to the end
                last = np.sum(~np.isnan(ordered), axis=-1) - 1.0
                position = np.reshape(q, q.shape + (1,) * (ordered.ndim - 1)) * np.where(last < 0, np.nan, last)
            else:
                position = np.reshape(q * (ordered.shape[-1] - 1), q.shape + (1,) * (ordered.ndim - 1))
            value = _at(ordered, position, dtype)
            if not skips and (for_any_values() or np.any(missing)):
                value = np.where(np.any(missing, axis=axes), np.nan, value)
        elif has_tensors(q):
            raise UnsupportedError(
                f"{find.__name__}: the share can be a variable only with method='linear', without weights and NaN"
            )
        else:
            value = _at(ordered, _positions(find, a, q, axes, method, weights), np.dtype(np.float64))
            one = np.ones(1, a.dtype)
            dtype = find(one, q, method=method, weights=None if weights is None else one).dtype
            value = value if value.dtype == dtype else value.astype(dtype)
        if find is np.nanquantile and weights is None:
            value = _along_the_rows(value, np.ndim(q))
        kept = [1 if place in axes else size for place, size in enumerate(a.shape)]
        return np.reshape(value, (*np.shape(q), *kept)) if keepdims else value

    return written_out


def _along_the_rows(value: Any, count: int) -> Any:
    """The shares of each row beside each other in memory, the first `count` axes: NumPy goes from row to row."""
    rows = np.empty((*value.shape[count:], *value.shape[:count]))
    return laid_out(value, "K", np.moveaxis(rows, range(-count, 0), range(count)))


def _flat(a: Any, axes: tuple[int, ...]) -> Any:
    """The array with some axes made one, the last."""
    rest = [place for place in range(a.ndim) if place not in axes]
    last = np.transpose(a, (*rest, *axes))
    return np.reshape(last, (*last.shape[: len(rest)], math.prod(last.shape[len(rest) :])))


def _positions(find: Callable[..., Any], a: Any, q: Any, axes: tuple[int, ...], method: str, weights: Any) -> Any:
    """The places of the quantiles among the sorted elements: they are the quantiles of 0, 1, 2, ..."""
    rows = _flat(plain(a), axes)
    ranks = np.where(np.isnan(rows), np.nan, np.argsort(np.argsort(rows, axis=-1, kind="stable"), axis=-1))
    keywords: dict[str, Any] = {"method": method}
    if weights is not None:
        if np.shape(weights) != a.shape:
            shape = [size if place in axes else 1 for place, size in enumerate(a.shape)]
            weights = np.reshape(np.transpose(plain(weights), np.argsort(axes)), shape)
        keywords["weights"] = _flat(np.broadcast_to(plain(weights), a.shape), axes)
    return find(ranks, q, axis=-1, **keywords)


def _at(ordered: Any, position: Any, dtype: Any) -> Any:
    """The elements of rows at places between two of them, on the line. NaN where the place is NaN.

    Args:
        ordered: rows of elements in order.
        position: the places, of float64.
        dtype: the dtype for the line.
    """
    size = ordered.shape[-1]
    nowhere = np.isnan(position)
    if for_any_values() or np.any(nowhere):
        position = np.where(nowhere, 0, position)
    below = np.floor(position).astype(int)
    shape = (*position.shape[: position.ndim - ordered.ndim + 1], *ordered.shape[:-1])
    places = [np.broadcast_to(place, shape) for place in (below, np.minimum(below + 1, size - 1))]
    rows = np.broadcast_to(ordered, (*shape, size))
    low, high = (np.take_along_axis(rows, place[..., None], -1)[..., 0] for place in places)
    share = (position - below.astype(position.dtype)).astype(dtype)
    value = _on_the_line(low, high, share)
    return np.where(nowhere, np.nan, value) if for_any_values() or np.any(nowhere) else value


def _on_the_line(low: Any, high: Any, share: Any) -> Any:
    """low + share · (high − low). Where the share is 0 it is `low`, for any `high`."""
    infinite = np.isinf(low) | np.isinf(high)
    if not for_any_values() and np.any(infinite):  # their distance is infinite, or undefined
        with np.errstate(invalid="ignore"):
            return np.where(share == 0, low, low * (1 - share) + high * share)
    value = low + np.where(share == 0, 0, high - low).astype(low.dtype) * share
    if not for_any_values():
        return value
    return np.where(infinite, np.where(share == 0, low, low * (1 - share) + high * share), value)


quantile = composition(np.quantile)(_quantiles(np.quantile))
nanquantile = composition(np.nanquantile)(_quantiles(np.nanquantile))


@composition(np.percentile)
def percentile(a: Any, q: Any, *args: Any, **keywords: Any) -> Any:
    """The value that q percent of the elements lie below."""
    return np.quantile(a, q / 100 if isinstance(q, int | float) else array_of(q) / 100, *args, **keywords)


@composition(np.nanpercentile)
def nanpercentile(a: Any, q: Any, *args: Any, **keywords: Any) -> Any:
    """The value that q percent of the elements lie below, without the NaNs."""
    return np.nanquantile(a, q / 100 if isinstance(q, int | float) else array_of(q) / 100, *args, **keywords)


@composition(np.median)
def median(a: Any, axis: Any = None, out: None = None, overwrite_input: bool = False, keepdims: bool = False) -> Any:
    """The middle element, or the mean of the two in the middle."""
    a = array_of(a)
    if a.size == 0:
        return np.mean(a, axis=axis, keepdims=keepdims)  # NaN: there is no middle
    return _middle(a, axis, keepdims)


def _middle(a: Any, axis: Any, keepdims: bool) -> Any:
    """The mean of the one or two in the middle. Complex numbers are ordered by real part, then by imaginary part."""
    axes = tuple(range(a.ndim)) if axis is None else normalize_axis_tuple(axis, a.ndim)
    ordered = np.sort(_flat(a, axes), axis=-1)
    size = ordered.shape[-1]
    middle = np.mean(ordered[..., (size - 1) // 2 : size // 2 + 1], axis=-1)
    last = ordered[..., -1:] if size else ordered
    missing = np.any(np.isnan(last), axis=-1)  # NaNs are sorted to the end
    if for_any_values() or np.any(missing):
        middle = np.where(missing, np.sum(last, axis=-1), middle)
    kept = [1 if place in axes else size for place, size in enumerate(a.shape)]
    return np.reshape(middle, kept) if keepdims else middle


@composition(np.nanmedian)
def nanmedian(a: Any, axis: Any = None, out: None = None, overwrite_input: bool = False, keepdims: Any = False) -> Any:
    """The middle element without the NaNs, or the mean of the two in the middle."""
    a = array_of(a)
    if a.dtype.kind == "c":
        if np.any(np.isnan(a)):
            raise TypeError("nanmedian: a complex array must have no NaN. Leave the NaNs out first, z[~np.isnan(z)]")
        return np.median(a, axis=axis, keepdims=bool(keepdims))
    if a.size == 0:
        return np.mean(a, axis=axis, keepdims=bool(keepdims))
    axes = tuple(range(a.ndim)) if axis is None else normalize_axis_tuple(axis, a.ndim)
    ordered = np.sort(_flat(a, axes), axis=-1)
    count = np.sum(~np.isnan(_flat(plain(a), axes)), axis=-1)
    places = np.stack([(count - 1) // 2, count // 2], axis=-1)
    two = np.take_along_axis(ordered, np.clip(places, 0, max(ordered.shape[-1] - 1, 0)), axis=-1)
    middle = np.mean(two, axis=-1)
    kept = [1 if place in axes else size for place, size in enumerate(a.shape)]
    return np.reshape(middle, kept) if keepdims else middle

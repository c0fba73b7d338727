"""Derivatives of sorting. The gradient goes back to where each element came from; ties keep the order of the sort."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from tinygraph.derivatives.indexing import _take_along_axis_a
from tinygraph.derivatives.table import composition, derivative, no_derivative
from tinygraph.errors import UnsupportedError
from tinygraph.record import plain


def _sort_a(g: Any, z: Any, a: Any, axis: Any = -1, kind: Any = None, order: Any = None, **keywords: Any) -> Any:
    if axis is None:
        return np.reshape(_sort_a(g, z, np.reshape(a, (-1,)), 0), a.shape)
    places = np.argsort(plain(a), axis=axis, kind="stable")
    return _take_along_axis_a(g, z, a, places, axis)


derivative(np.sort, _sort_a)


@composition(np.partition)
def partition(a: Any, kth: Any, axis: Any = -1, kind: Any = "introselect", order: Any = None) -> Any:
    """The elements rearranged around the k-th."""
    return np.take_along_axis(a, np.argpartition(plain(a), kth, axis=axis, kind=kind), axis)


no_derivative(np.argsort, np.argpartition, np.lexsort, np.unique, np.unique_values, np.unique_counts)


# --- quantiles --------------------------------------------------------------------------------------------------------


@composition(np.quantile)
def quantile(
    a: Any, q: Any, axis: Any = None, out: None = None, overwrite_input: bool = False, method: str = "linear",
    keepdims: bool = False, *, weights: Any = None,
) -> Any:  # fmt: skip
    """The value that a share q of the elements lies below, on the line between the two elements next to it."""
    if method != "linear" or weights is not None:
        raise UnsupportedError("quantile: only method='linear' without weights has a derivative here")
    a = _array(a)
    axes = tuple(range(a.ndim)) if axis is None else normalize_axis_tuple(axis, a.ndim)
    rest = [position for position in range(a.ndim) if position not in axes]
    last = np.transpose(a, (*rest, *axes))
    ordered = np.sort(np.reshape(last, (*last.shape[: len(rest)], math.prod(last.shape[len(rest) :]))), axis=-1)
    if isinstance(q, int | float):
        q = a.dtype.type(q)
    value = _at(ordered, _array(q))
    if np.any(np.isnan(a)):
        value = np.where(np.any(np.isnan(a), axis=axes), np.nan, value)
    kept = [1 if position in axes else size for position, size in enumerate(a.shape)]
    return np.reshape(value, (*np.shape(q), *kept)) if keepdims else value


def _at(ordered: Any, q: Any) -> Any:
    """Quantiles along the last axis, already in order. The axes of q come first in the result."""
    size = ordered.shape[-1]
    position = q * (size - 1)
    below = np.floor(position).astype(int)
    low, high = (
        np.moveaxis(np.take(ordered, place, axis=-1), range(ordered.ndim - 1, ordered.ndim - 1 + q.ndim), range(q.ndim))
        for place in (below, np.minimum(below + 1, size - 1))
    )
    share = position - below.astype(position.dtype)
    return low + (high - low) * np.reshape(share, q.shape + (1,) * (ordered.ndim - 1))


@composition(np.percentile)
def percentile(a: Any, q: Any, *args: Any, **keywords: Any) -> Any:
    """The value that q percent of the elements lie below."""
    return np.quantile(a, q / 100 if isinstance(q, int | float) else _array(q) / 100, *args, **keywords)


@composition(np.median)
def median(a: Any, axis: Any = None, out: None = None, overwrite_input: bool = False, keepdims: bool = False) -> Any:
    """The middle element, or the mean of the two in the middle."""
    return np.quantile(a, 0.5, axis=axis, keepdims=keepdims)


def _array(item: Any) -> Any:
    return item if hasattr(item, "shape") else np.asarray(item)

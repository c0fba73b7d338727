"""Derivatives of sorting. The gradient goes back to where each element came from; ties keep the order of the sort."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.derivatives.indexing import _take_along_axis_a
from tinygraph.derivatives.table import composition, derivative, no_derivative
from tinygraph.record import plain


def _sort_a(g: Any, z: Any, a: Any, axis: Any = -1, kind: Any = None, order: Any = None, **keywords: Any) -> Any:
    if axis is None:
        return np.reshape(_sort_a(g, z, np.reshape(a, (-1,)), 0), a.shape)
    places = np.argsort(plain(a), axis=axis, kind="stable")
    return _take_along_axis_a(g, z, a, places, axis)


derivative(np.sort, _sort_a)


@composition(np.partition)
def partition(a: Any, kth: Any, axis: Any = -1, kind: str = "introselect", order: Any = None) -> Any:
    """The elements rearranged around the k-th."""
    return np.take_along_axis(a, np.argpartition(plain(a), kth, axis=axis, kind=kind), axis)  # type: ignore[call-overload]


no_derivative(np.argsort, np.argpartition, np.lexsort, np.unique, np.unique_values, np.unique_counts)

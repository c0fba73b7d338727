"""Reductions that leave out missing values, the NaNs, written out with those that do not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.derivatives.reductions import root
from tinygraph.derivatives.table import composition
from tinygraph.modes import is_tracing


def _replaced(a: Any, value: float) -> Any:
    """The array with a value in the place of each NaN; no gradient flows there."""
    missing = np.isnan(a)
    return np.where(missing, value, a) if is_tracing() or np.any(missing) else a


def _leaving_out(reduce: Callable[..., Any], value: float) -> Callable[..., Any]:
    """A reduction to which a value in the place of NaN makes no difference."""
    return lambda a, *args, **keywords: reduce(_replaced(a, value), *args, **keywords)


composition(np.nansum)(_leaving_out(np.sum, 0))
composition(np.nanprod)(_leaving_out(np.prod, 1))
composition(np.nancumsum)(_leaving_out(np.cumsum, 0))
composition(np.nancumprod)(_leaving_out(np.cumprod, 1))


def _extremum(reduce: Callable[..., Any], value: float) -> Callable[..., Any]:
    """nanmax or nanmin: NaN where there is nothing else."""

    def written_out(a: Any, axis: Any = None, out: None = None, keepdims: Any = False, **keywords: Any) -> Any:
        found = reduce(_replaced(a, value), axis=axis, keepdims=keepdims, **keywords)
        nothing = np.all(np.isnan(a), axis=axis, keepdims=keepdims) & (found == value)
        return np.where(nothing, np.nan, found) if is_tracing() or np.any(nothing) else found

    return written_out


composition(np.nanmax)(_extremum(np.max, -np.inf))
composition(np.nanmin)(_extremum(np.min, np.inf))


def _of_those_there(reduce: Callable[..., Any]) -> Callable[..., Any]:
    """A mean or variance of the elements that are not NaN."""

    def written_out(
        a: Any, axis: Any = None, dtype: Any = None, out: None = None, *args: Any, where: Any = True, **keywords: Any
    ) -> Any:
        there = ~np.isnan(a) & where
        return reduce(_replaced(a, 0), axis, dtype, None, *args, where=there, **keywords)

    return written_out


composition(np.nanmean)(_of_those_there(np.mean))
composition(np.nanvar)(_of_those_there(np.var))


@composition(np.nanstd)
def nanstd(a: Any, *args: Any, **keywords: Any) -> Any:
    """Square root of the variance of the elements that are not NaN."""
    return root(np.nanvar(a, *args, **keywords))

"""Reductions that leave out NaNs, written out with the ordinary reductions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.derivatives.reductions import root
from tinygraph.engine.modes import for_any_values
from tinygraph.engine.operands import array_of
from tinygraph.engine.table import composition


def _replaced(a: Any, value: float) -> Any:
    """The array with a value in the place of each NaN; no gradient flows there."""
    a = array_of(a)
    missing = np.isnan(a)
    return np.where(missing, value, a) if for_any_values() or np.any(missing) else a


def _leaving_out(reduce: Callable[..., Any], value: float) -> Callable[..., Any]:
    """A reduction with a neutral value in the place of each NaN."""
    return lambda a, *args, **keywords: reduce(_replaced(a, value), *args, **keywords)


composition(np.nansum)(_leaving_out(np.sum, 0))
composition(np.nanprod)(_leaving_out(np.prod, 1))
composition(np.nancumsum)(_leaving_out(np.cumsum, 0))
composition(np.nancumprod)(_leaving_out(np.cumprod, 1))


def _extremum(reduce: Callable[..., Any], value: float) -> Callable[..., Any]:
    """nanmax or nanmin: NaN where there is nothing else."""

    def written_out(a: Any, axis: Any = None, out: None = None, keepdims: Any = False, **keywords: Any) -> Any:
        found = reduce(_replaced(a, value), axis=axis, keepdims=keepdims, **keywords)
        if "initial" in keywords:
            return found
        nothing = np.all(np.isnan(a), axis=axis, keepdims=keepdims) & (found == value)
        return np.where(nothing, np.nan, found) if for_any_values() or np.any(nothing) else found

    return written_out


composition(np.nanmax)(_extremum(np.max, -np.inf))
composition(np.nanmin)(_extremum(np.min, np.inf))


@composition(np.nanmean)
def nanmean(
    a: Any, axis: Any = None, dtype: Any = None, out: None = None, *args: Any, where: Any = True, **keywords: Any
) -> Any:
    """Mean of the elements that are not NaN."""
    return np.mean(_replaced(a, 0), axis, dtype, None, *args, where=~np.isnan(a) & where, **keywords)


@composition(np.nanvar)
def nanvar(
    a: Any, axis: Any = None, dtype: Any = None, out: None = None, ddof: Any = 0, keepdims: Any = False,
    *, where: Any = True, mean: Any = None, correction: Any = None,
) -> Any:  # fmt: skip
    """Variance of the elements that are not NaN; NaN where there are not more of them than `ddof`."""
    ddof = ddof if correction is None else correction
    there = ~np.isnan(a) & where
    variance = np.var(_replaced(a, 0), axis, dtype, None, ddof, keepdims, where=there, mean=mean)
    none = np.sum(there, axis=axis, keepdims=keepdims) <= ddof
    return np.where(none, np.nan, variance) if for_any_values() or np.any(none) else variance


@composition(np.nanstd)
def nanstd(a: Any, *args: Any, **keywords: Any) -> Any:
    """Square root of the variance of the elements that are not NaN."""
    return root(np.nanvar(a, *args, **keywords))

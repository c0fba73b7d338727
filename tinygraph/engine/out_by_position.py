"""An array for the result that is given by its position, `np.sum(t, 0, None, out)`: it is named `out=`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["OF_FFT", "OUT_AT", "with_named_out"]

_BY_POSITION: dict[int, tuple[Callable[..., Any], ...]] = {
    1: (np.fix, np.isneginf, np.isposinf),
    2: (
        np.all, np.amax, np.amin, np.any, np.argmax, np.argmin, np.around, np.choose, np.concatenate, np.dot, np.max,
        np.median, np.min, np.nanargmax, np.nanargmin, np.nanmax, np.nanmedian, np.nanmin, np.outer, np.ptp, np.round,
        np.stack,
    ),
    3: (
        np.clip, np.compress, np.cumprod, np.cumsum, np.mean, np.nancumprod, np.nancumsum, np.nanmean,
        np.nanpercentile, np.nanprod, np.nanquantile, np.nanstd, np.nansum, np.nanvar, np.percentile, np.prod,
        np.quantile, np.std, np.sum, np.take, np.var,
    ),
    5: (np.trace,),
}  # fmt: skip
OUT_AT: dict[Any, int] = {function: position for position, functions in _BY_POSITION.items() for function in functions}
"""The positions of `out` among the arguments of NumPy's functions. Ufuncs name it themselves."""
OF_FFT = 4  # `numpy.fft` is loaded at its first use


def with_named_out(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments of a call with an array for its result among the keywords."""
    position = OUT_AT.get(function)
    if position is None and len(args) > OF_FFT and function.__module__ == "numpy.fft":
        position = OF_FFT
    if position is None or len(args) <= position:
        return args, kwargs
    out, behind = args[position], args[position + 1 :]
    if out is None and not behind:
        return args[:position], kwargs
    names = list(inspect.signature(function).parameters)[position + 1 :] if behind else []
    return args[:position], {"out": out, **dict(zip(names, behind, strict=False)), **kwargs}

"""Integrals of samples: sums with weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.integrate

from tinygraph.scipy.calls import array, floating, on_tensors, only

__all__ = ["cumulative_trapezoid", "romb", "simpson", "trapezoid"]


@on_tensors(scipy.integrate.trapezoid)
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """Integrate samples by the trapezoidal rule; see `scipy.integrate.trapezoid`."""
    return np.trapezoid(floating(y), None if x is None else array(x), dx, axis)


@on_tensors(scipy.integrate.cumulative_trapezoid)
def cumulative_trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1, initial: Any = None) -> Any:
    """Integrate samples up to each, by the trapezoidal rule; see `scipy.integrate.cumulative_trapezoid`."""
    y = np.moveaxis(floating(y), axis, -1)
    if x is None:
        steps = dx
    else:
        x = floating(x)
        steps = np.diff(x) if x.ndim == 1 else np.diff(np.moveaxis(x, axis, -1))
    sums = np.cumsum(steps * (y[..., 1:] + y[..., :-1]) / 2.0, axis=-1)
    if initial is not None:
        only("integrate.cumulative_trapezoid", "SciPy takes 0 alone", initial=(initial, 0))
        sums = np.concatenate([np.zeros((*sums.shape[:-1], 1), sums.dtype), sums], axis=-1)
    return np.moveaxis(sums, -1, axis)


@on_tensors(scipy.integrate.simpson)
def simpson(y: Any, x: Any = None, *, dx: Any = 1.0, axis: int = -1) -> Any:
    """Integrate samples by Simpson's rule; see `scipy.integrate.simpson`.

    The places `x` of the samples may be Tensors, too. For an even number of samples the last interval is corrected.

    Source: Cartwright, "Simpson's rule cumulative integration with MS Excel and irregularly-spaced data" (2017).
    """
    y = np.moveaxis(floating(y), axis, -1)
    count = y.shape[-1]
    if x is None:
        steps = np.ones(count - 1, np.real(y).dtype) * dx
    else:
        x = floating(x)
        steps = np.diff(x if x.ndim == 1 else np.moveaxis(x, axis, -1))
    if count == 1:
        return np.zeros(y.shape[:-1], y.dtype) * y[..., 0]
    if count == 2:
        return 0.5 * steps[..., 0] * (y[..., 0] + y[..., 1])
    if count % 2:
        return _of_pairs(y, steps)
    h0, h1 = (steps[..., -2], steps[..., -1]) if x is not None else (np.float64(1) * dx,) * 2  # double, as in SciPy
    last = (2 * h1**2 + 3 * h0 * h1) / (6 * (h1 + h0)) * y[..., -1]
    middle = (h1**2 + 3.0 * h0 * h1) / (6 * h0) * y[..., -2]
    return _of_pairs(y[..., :-1], steps[..., :-1]) + (last + middle - h1**3 / (6 * h0 * (h0 + h1)) * y[..., -3])


def _of_pairs(y: Any, steps: Any) -> Any:
    """Return the integral of parabolas, each through three samples."""
    h0, h1 = steps[..., ::2], steps[..., 1::2]
    length, ratio = h0 + h1, h0 / h1
    weighted = (
        y[..., :-2:2] * (2.0 - 1.0 / ratio)
        + y[..., 1::2] * (length * (length / (h0 * h1)))
        + y[..., 2::2] * (2.0 - ratio)
    )
    return np.sum(length / 6.0 * weighted, axis=-1)


@on_tensors(scipy.integrate.romb)
def romb(y: Any, dx: Any = 1.0, axis: int = -1, show: bool = False) -> Any:
    """Integrate 2ᵏ + 1 samples by Romberg's rule; see `scipy.integrate.romb`."""
    only("integrate.romb", "The table is for plain arrays", show=(show, False))
    y = np.moveaxis(floating(y), axis, -1)
    weights = scipy.integrate.romb(np.eye(y.shape[-1]), dx=1.0)
    return np.sum(y * weights, axis=-1) * dx

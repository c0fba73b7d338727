"""Filters along one axis: recursive ones, and those that are linear maps of the signal."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.signal

from tinygraph.engine.operands import plain
from tinygraph.engine.primitives import primitive
from tinygraph.scipy.calls import array, floating, on_tensors, only, unsupported

__all__ = ["detrend", "hilbert", "lfilter", "savgol_filter", "sosfilt"]


@primitive
def recursive(b: Any, a: Any, x: Any) -> Any:
    """The filter with the coefficients b and a along the last axis: Σ a[k] y[n − k] = Σ b[k] x[n − k]."""
    return scipy.signal.lfilter(b, a, x)


def _by_coefficients(g: Any, signal: Any, count: int) -> Any:
    """Return Σₙ g[n] signal[n − k] for each coefficient k."""
    length = g.shape[-1]
    sums = [np.sum(g[..., k:] * signal[..., : length - k]) for k in range(min(count, length))]
    sums += [np.zeros((), g.dtype)] * (count - len(sums))
    return np.stack(sums)


_ONE = np.ones(1)

recursive.derivative(
    lambda g, z, b, a, x: _by_coefficients(g, recursive(_ONE, a, x), b.shape[0]),
    lambda g, z, b, a, x: -_by_coefficients(g, recursive(_ONE, a, z), a.shape[0]),
    lambda g, z, b, a, x: recursive(b, a, g[..., ::-1])[..., ::-1],
)
recursive.__name__ = "lfilter"


@on_tensors(scipy.signal.lfilter)
def lfilter(b: Any, a: Any, x: Any, axis: int = -1, zi: Any = None) -> Any:
    """Filter a signal recursively; see `scipy.signal.lfilter`. Gradients flow to both coefficients and to the signal.

    Raises:
        UnsupportedError: the state `zi` is given.
    """
    only("signal.lfilter", "Let the filter begin at rest, with the earlier signal before x", zi=(zi, None))
    b, a = np.atleast_1d(floating(b)), np.atleast_1d(floating(a))
    return np.moveaxis(recursive(b, a, np.moveaxis(floating(x), axis, -1)), -1, axis)


@on_tensors(scipy.signal.sosfilt)
def sosfilt(sos: Any, x: Any, axis: int = -1, zi: Any = None) -> Any:
    """Filter a signal by one section of second order after the other; see `scipy.signal.sosfilt`."""
    only("signal.sosfilt", "Let the filter begin at rest, with the earlier signal before x", zi=(zi, None))
    sos, x = floating(sos), np.moveaxis(floating(x), axis, -1)
    if isinstance(plain(sos), np.ndarray) and np.any(plain(sos)[:, 3] != 1):
        raise ValueError(f"signal.sosfilt: sos[:, 3] should be all ones, got {plain(sos)[:, 3]}")
    for section in range(sos.shape[0]):
        x = recursive(sos[section, :3], sos[section, 3:], x)
    return np.moveaxis(x, -1, axis)


# --- linear maps of the signal ----------------------------------------------------------------------------------------


@primitive
def mapped_linearly(x: Any, name: str, options: tuple[tuple[str, Any], ...]) -> Any:
    """The image of a signal under one of SciPy's functions along the last axis."""
    return getattr(scipy.signal, name)(x, **dict(options))


def _matrix(name: str, size: int, options: tuple[tuple[str, Any], ...]) -> Any:
    """Return the matrix of a linear map: its rows are the images of the unit vectors."""
    return getattr(scipy.signal, name)(
        np.eye(size), **{**dict(options), **({"cval": 0.0} if "cval" in dict(options) else {})}
    )


mapped_linearly.derivative(
    lambda g, z, x, name, options: np.matmul(g[..., None, :], _matrix(name, x.shape[-1], options).T)[..., 0, :]
)


def _along(x: Any, axis: int, name: str, **options: Any) -> Any:
    last = np.moveaxis(floating(x), axis, -1)
    return np.moveaxis(mapped_linearly(last, name, tuple(options.items())), -1, axis)


@on_tensors(scipy.signal.savgol_filter)
def savgol_filter(
    x: Any, window_length: int, polyorder: int, deriv: int = 0, delta: float = 1.0, axis: int = -1,
    mode: str = "interp", cval: float = 0.0,
) -> Any:  # fmt: skip
    """Smooth a signal by polynomials; see `scipy.signal.savgol_filter`.

    The backward pass takes the matrix of the filter, n × n for a signal of n samples.
    """
    return _along(
        x, axis, "savgol_filter", window_length=window_length, polyorder=polyorder, deriv=deriv, delta=delta,
        mode=mode, cval=cval,
    )  # fmt: skip


@on_tensors(scipy.signal.detrend)
def detrend(data: Any, axis: int = -1, type: str = "linear", bp: Any = 0, overwrite_data: bool = False) -> Any:  # noqa: A002
    """Subtract the straight line that is nearest to a signal; see `scipy.signal.detrend`.

    The backward pass takes the matrix of the map, n × n for a signal of n samples.
    """
    return _along(data, axis, "detrend", type=type, bp=bp if isinstance(bp, int) else tuple(array(bp).tolist()))


@on_tensors(scipy.signal.hilbert)
def hilbert(x: Any, N: int | None = None, axis: int = -1) -> Any:  # noqa: N803 - SciPy's name
    """Return the analytic signal, by the Hilbert transform; see `scipy.signal.hilbert`.

    The backward pass takes the matrix of the map, n × n for a signal of n samples.
    """
    if array(x).dtype.kind == "c":
        raise unsupported("signal.hilbert", "the signal is complex", "Give a real signal, np.real(x)")
    return _along(x, axis, "hilbert", N=N)

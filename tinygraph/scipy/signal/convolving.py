"""Convolution and correlation of two signals."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.signal

from tinygraph.engine.primitives import primitive
from tinygraph.scipy.calls import floating, on_tensors, only
from tinygraph.scipy.convolutions import sliding

__all__ = ["convolve", "correlate", "fftconvolve", "oaconvolve"]


@primitive
def convolved(in1: Any, in2: Any, name: str, mode: str, method: str | None) -> Any:
    """A convolution or a correlation by one of SciPy's functions."""
    return getattr(scipy.signal, name)(in1, in2, mode, **({} if method is None else {"method": method}))


def _in_full(g: Any, first: tuple[int, ...], second: tuple[int, ...]) -> Any:
    """Return a cotangent at its place among those of the full convolution, of which the others are 0."""
    pads = []
    for size, one, other in zip(g.shape, first, second, strict=True):
        missing = one + other - 1 - size
        pads.append((missing // 2, missing - missing // 2))
    return np.pad(g, pads) if any(map(any, pads)) else g


def _turned(window: Any) -> Any:
    """Return the window with which a convolution is a correlation."""
    window = np.flip(window)
    return np.conjugate(window) if window.dtype.kind == "c" else window


def _convolved_1(g: Any, z: Any, in1: Any, in2: Any, name: str, mode: Any, method: Any) -> Any:
    return sliding(_in_full(g, in1.shape, in2.shape), _turned(in2) if name == "correlate" else in2)


def _convolved_2(g: Any, z: Any, in1: Any, in2: Any, name: str, mode: Any, method: Any) -> Any:
    found = sliding(_in_full(g, in1.shape, in2.shape), in1)
    return _turned(found) if name == "correlate" else found


convolved.derivative(_convolved_1, _convolved_2)


@on_tensors(scipy.signal.convolve)
def convolve(in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Any:
    """Convolve two arrays; see `scipy.signal.convolve`."""
    return convolved(floating(in1), floating(in2), "convolve", mode, method)


@on_tensors(scipy.signal.correlate)
def correlate(in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Any:
    """Correlate two arrays; see `scipy.signal.correlate`."""
    return convolved(floating(in1), floating(in2), "correlate", mode, method)


@on_tensors(scipy.signal.fftconvolve)
def fftconvolve(in1: Any, in2: Any, mode: str = "full", axes: Any = None) -> Any:
    """Convolve two arrays by Fourier transforms; see `scipy.signal.fftconvolve`."""
    only("signal.fftconvolve", "Convolve each part and join them with np.stack", axes=(axes, None))
    return convolved(floating(in1), floating(in2), "fftconvolve", mode, None)


@on_tensors(scipy.signal.oaconvolve)
def oaconvolve(in1: Any, in2: Any, mode: str = "full", axes: Any = None) -> Any:
    """Convolve two arrays by the overlap-add method; see `scipy.signal.oaconvolve`."""
    only("signal.oaconvolve", "Convolve each part and join them with np.stack", axes=(axes, None))
    return convolved(floating(in1), floating(in2), "oaconvolve", mode, None)

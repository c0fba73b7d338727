"""Derivatives of discrete Fourier transforms.

A transform multiplies by a symmetric matrix, so its transpose is the transform itself. The spectrum of a real signal is
symmetric, and one half of it is left out. So an element that stands for two counts twice in one direction, and half in
the other.

Source: Cooley, Lewis and Welch, "The fast Fourier transform algorithm: programming considerations in the calculation
of sine, cosine and Laplace transforms" (1970), sections 2 and 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from tinygraph.engine.table import composition, derivative

# The norm by which the other direction is scaled with the same factor.
OTHER: dict[Any, Any] = {None: "forward", "backward": "forward", "forward": "backward", "ortho": "ortho"}


def _sized(a: Any, size: int, axis: int) -> Any:
    """An array cut, or filled up with zeros, to a size along an axis: the transpose of the effect of `n`."""
    axis = normalize_axis_index(axis, a.ndim)
    if a.shape[axis] > size:
        return a[(slice(None),) * axis + (slice(size),)]
    if a.shape[axis] < size:
        zeros = np.zeros((*a.shape[:axis], size - a.shape[axis], *a.shape[axis + 1 :]), dtype=a.dtype)
        return np.concatenate([a, zeros], axis=axis)
    return a


def _weighted(spectrum: Any, n: int, axis: int, weight: float) -> Any:
    """Half a spectrum of n elements. A weight multiplies those that stand for two: all but the first and the n/2-th."""
    axis = normalize_axis_index(axis, spectrum.ndim)
    weights = np.full(spectrum.shape[axis], weight, dtype=np.finfo(spectrum.dtype).dtype)
    weights[:1] = 1
    if n % 2 == 0:
        weights[n // 2 :] = 1
    return spectrum * np.reshape(weights, (-1,) + (1,) * (spectrum.ndim - axis - 1))


# --- one axis ---------------------------------------------------------------------------------------------------------


def _fft_a(g: Any, z: Any, a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
    return _sized(np.fft.fft(g, None, axis, norm), a.shape[axis], axis)


def _ifft_a(g: Any, z: Any, a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
    return _sized(np.fft.ifft(g, None, axis, norm), a.shape[axis], axis)


def _rfft_a(g: Any, z: Any, a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
    n = a.shape[axis] if n is None else n
    return _sized(np.fft.hfft(_weighted(g, n, axis, 0.5), n, axis, norm), a.shape[axis], axis)


def _irfft_a(g: Any, z: Any, a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
    # The result is real, so this is the direction of steepest ascent and not the transpose, its conjugate.
    spectrum = np.fft.rfft(g, None, axis, OTHER[norm])
    return _sized(_weighted(spectrum, g.shape[axis], axis, 2), a.shape[axis], axis)


derivative(np.fft.fft, _fft_a)
derivative(np.fft.ifft, _ifft_a)
derivative(np.fft.rfft, _rfft_a)
derivative(np.fft.irfft, _irfft_a)


@composition(np.fft.hfft)
def hfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: None = None) -> Any:
    """The real spectrum of half a signal. The other half is its mirrored conjugate."""
    return np.fft.irfft(np.conjugate(a), n, axis, OTHER[norm])


@composition(np.fft.ihfft)
def ihfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: None = None) -> Any:
    """Half the signal of a real spectrum. The other half is its mirrored conjugate."""
    return np.conjugate(np.fft.rfft(a, n, axis, OTHER[norm]))


# --- several axes -----------------------------------------------------------------------------------------------------

LAST_TWO = (-2, -1)


def _sizes(a: Any, s: Any, axes: Any) -> Sequence[tuple[int | None, int]]:
    """The size and the axis of each transform; None is the size that the axis has, and so is -1."""
    if axes is None:
        axes = range(-(a.ndim if s is None else len(s)), 0)
    s = [None] * len(axes) if s is None else s
    if len(s) != len(axes):
        raise ValueError(f"fft: s has {len(s)} sizes, axes {len(axes)} axes; they must be as many")
    return [(a.shape[axis] if size == -1 else size, axis) for size, axis in zip(s, axes, strict=True)]


@composition(np.fft.fftn)
def fftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None, out: None = None) -> Any:
    """The transform along several axes, the last one first."""
    for size, axis in reversed(_sizes(a, s, axes)):
        a = np.fft.fft(a, size, axis, norm)
    return a


@composition(np.fft.ifftn)
def ifftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None, out: None = None) -> Any:
    """The inverse of fftn."""
    for size, axis in reversed(_sizes(a, s, axes)):
        a = np.fft.ifft(a, size, axis, norm)
    return a


@composition(np.fft.rfftn)
def rfftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None, out: None = None) -> Any:
    """The transform of a real array along several axes: half of the last one."""
    sizes = [(a.shape[axis] if size is None else size, axis) for size, axis in _sizes(a, s, axes)]
    *others, (size, axis) = sizes  # as they were before; an axis that is named twice is made longer again
    a = np.fft.rfft(a, size, axis, norm)
    for size, axis in reversed(others):
        a = np.fft.fft(a, size, axis, norm)
    return a


@composition(np.fft.irfftn)
def irfftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None, out: None = None) -> Any:
    """The inverse of rfftn."""
    *others, (last, last_axis) = _sizes(a, s, axes)
    for size, axis in others:
        a = np.fft.ifft(a, size, axis, norm)
    return np.fft.irfft(a, last, last_axis, norm)


composition(np.fft.fft2)(lambda a, s=None, axes=LAST_TWO, norm=None, out=None: fftn(a, s, axes, norm))
composition(np.fft.ifft2)(lambda a, s=None, axes=LAST_TWO, norm=None, out=None: ifftn(a, s, axes, norm))
composition(np.fft.rfft2)(lambda a, s=None, axes=LAST_TWO, norm=None, out=None: rfftn(a, s, axes, norm))
composition(np.fft.irfft2)(lambda a, s=None, axes=LAST_TWO, norm=None, out=None: irfftn(a, s, axes, norm))


@composition(np.fft.fftshift)
def fftshift(x: Any, axes: Any = None) -> Any:
    """Frequency zero moved to the middle."""
    axes = _axes(x, axes)
    return np.roll(x, tuple([x.shape[axis] // 2 for axis in axes]), axes)


@composition(np.fft.ifftshift)
def ifftshift(x: Any, axes: Any = None) -> Any:
    """Frequency zero moved from the middle to the beginning."""
    axes = _axes(x, axes)
    return np.roll(x, tuple([-(x.shape[axis] // 2) for axis in axes]), axes)


def _axes(x: Any, axes: Any) -> tuple[int, ...]:
    return tuple(range(x.ndim)) if axes is None else (axes,) if isinstance(axes, int) else tuple(axes)

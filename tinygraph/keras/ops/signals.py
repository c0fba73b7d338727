"""Keras's operations of signals: frames of a sequence, their Fourier transforms, and the sequence of them again."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.keras.ops.tensors import irfft, rfft
from tinygraph.nn.sliding import spread

__all__ = ["extract_sequences", "istft", "stft"]


def extract_sequences(x: Any, sequence_length: int, sequence_stride: int) -> Any:
    """Return the windows along the last axis, as a further axis: shape (..., windows, sequence_length)."""
    windows = np.lib.stride_tricks.sliding_window_view(x, sequence_length, axis=-1)
    return windows[..., ::sequence_stride, :]


def stft(
    x: Any,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    window: Any = "hann",
    center: bool = True,
) -> tuple[Any, Any]:
    """Return the Fourier transforms of the windows along the last axis, as real and imaginary parts.

    Args:
        x: real numbers, shape (..., steps).
        sequence_length: of a window.
        sequence_stride: from window to window.
        fft_length: of a transform, at least `sequence_length`; windows get zeros on both sides.
        window: "hann", "hamming", an array of `sequence_length` numbers, or None for ones.
        center: the first window has its middle at the first step; x is continued in a mirror.

    Returns:
        Two arrays of shape (..., windows, fft_length // 2 + 1).

    Raises:
        ValueError: `fft_length` is less than `sequence_length`, or the window is of another length.
    """
    weights = _window("stft", window, sequence_length, fft_length, x.dtype)
    if center:
        x = np.pad(x, [(0, 0)] * (len(x.shape) - 1) + [(fft_length // 2, fft_length // 2)], mode="reflect")
    real, imaginary = rfft(extract_sequences(x, fft_length, sequence_stride) * weights, fft_length)
    return real.astype(x.dtype), imaginary.astype(x.dtype)


def istft(
    x: tuple[Any, Any],
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    length: int | None = None,
    window: Any = "hann",
    center: bool = True,
) -> Any:
    """Return the sequence whose `stft` is x, as far as its windows tell: their sum, divided by that of their weights.

    Args:
        x: real and imaginary parts, each of shape (..., windows, fft_length // 2 + 1).
        sequence_length, sequence_stride, fft_length, window, center: as for `stft`.
        length: of the result; None for as long as the windows reach.

    Raises:
        ValueError: as of `stft`.
    """
    weights = _window("istft", window, sequence_length, fft_length, x[0].dtype)
    frames = irfft(x, fft_length).astype(x[0].dtype) * weights
    *lead, count, _ = frames.shape
    total = _overlapping(frames.reshape(-1, count, fft_length), sequence_stride)
    norms = np.zeros(total.shape[-1], x[0].dtype)
    for number in range(count):
        norms[number * sequence_stride : number * sequence_stride + fft_length] += weights**2
    joined = (total / np.where(norms > 1e-10, norms, 1)).reshape(*lead, -1)
    if window is None:  # as Keras scales
        joined = joined * (fft_length / sequence_stride)
    begin = fft_length // 2 if center else 0
    end = begin + length if length is not None else joined.shape[-1] - begin
    return joined[..., begin:end]


def _overlapping(frames: Any, stride: int) -> Any:
    """Return the sums of frames that begin at equal steps: shape (batch, steps) of (batch, frames, length)."""
    _, count, length = frames.shape
    one_by_one = np.eye(length, dtype=frames.dtype)[:, np.newaxis]
    size = (count - 1) * stride + length
    return spread(frames, one_by_one, (size,), (stride,), ((0, 0),), (1,))[..., 0]


def _window(call: str, window: Any, length: int, whole: int, dtype: Any) -> Any:
    """Return the weights of a window, with zeros on both sides."""
    if whole < length:
        raise ValueError(f"{call}: fft_length must be at least sequence_length, {length}, got {whole}")
    if isinstance(window, str) and window not in ("hann", "hamming"):
        raise ValueError(f'{call}: a window is "hann", "hamming", an array or None, got {window!r}')
    if window is None:
        return np.ones(whole, dtype)
    if isinstance(window, str):
        # The windows of filters are symmetric, those of Fourier transforms end one step before the symmetry.
        window = (np.hanning if window == "hann" else np.hamming)(length + 1)[:-1]
    if np.shape(window) != (length,):
        raise ValueError(f"{call}: a window has the shape ({length},), got {np.shape(window)}")
    before = (whole - length) // 2
    return np.pad(np.asarray(window).astype(dtype), (before, whole - length - before))

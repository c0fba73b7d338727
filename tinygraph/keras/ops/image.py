"""Keras's operations on images, as far as tinygraph has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["extract_patches"]


def extract_patches(
    images: Any, size: int | Sequence[int], strides: int | Sequence[int] | None = None,
    dilation_rate: int | Sequence[int] = 1, padding: str = "valid", data_format: str | None = None,
) -> Any:  # fmt: skip
    """Return the windows of images, each as one row of numbers.

    Args:
        images: shape (batch, rows, columns, channels), or one image.
        size: of a window, one number or (rows, columns).
        strides: from window to window; None for the size, windows side by side.
        dilation_rate: from pixel to pixel of a window.
        padding: "valid" takes whole windows alone, "same" puts zeros around the images.
        data_format: "channels_last", or None for it.

    Returns:
        Shape (batch, rows of windows, columns of windows, numbers in a window).

    Raises:
        ValueError: another padding, or channels that come first.
    """
    if padding not in ("valid", "same") or data_format not in (None, "channels_last"):
        raise ValueError(
            f'extract_patches: padding must be "valid" or "same", and channels come last, got {padding!r} and '
            f"{data_format!r}. Write np.moveaxis(images, 1, -1)"
        )
    if len(images.shape) == 3:
        return extract_patches(images[None], size, strides, dilation_rate, padding)[0]
    window, apart = _pair(size), _pair(dilation_rate)
    steps = window if strides is None else _pair(strides)
    whole = tuple([(number - 1) * rate + 1 for number, rate in zip(window, apart, strict=True)])
    if padding == "same":
        images = np.pad(images, ((0, 0), *map(_around, images.shape[1:3], whole, steps), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(images, whole, axis=(1, 2))
    windows = windows[:, :: steps[0], :: steps[1], :, :: apart[0], :: apart[1]]
    rows = np.transpose(windows, (0, 1, 2, 4, 5, 3))  # the channels of a pixel stand side by side
    return np.reshape(rows, (*rows.shape[:3], window[0] * window[1] * rows.shape[5]))


def _pair(sizes: int | Sequence[int]) -> tuple[int, int]:
    rows, columns = (sizes, sizes) if isinstance(sizes, int) else sizes
    return rows, columns


def _around(size: int, window: int, step: int) -> tuple[int, int]:
    """Return the zeros before and behind an axis."""
    total = max((-(-size // step) - 1) * step + window - size, 0)
    return total // 2, total - total // 2

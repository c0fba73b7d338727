"""Keras's operations on images, as far as tinygraph has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygraph.errors import ShapeError
from tinygraph.nn.colours import brightness_of, hsv_of, rgb_of
from tinygraph.nn.image_sizes import Resizing

__all__ = [
    "crop_images",
    "extract_patches",
    "hsv_to_rgb",
    "pad_images",
    "resize",
    "rgb_to_grayscale",
    "rgb_to_hsv",
]


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


def resize(
    images: Any,
    size: Sequence[int],
    interpolation: str = "bilinear",
    antialias: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    data_format: str | None = None,
) -> Any:
    """Return images of another height and width: see `Resizing`; numbers of other dtypes stay of theirs."""
    height, width = size
    layer = Resizing(
        height, width, interpolation, crop_to_aspect_ratio, pad_to_aspect_ratio, fill_mode, fill_value, antialias,
    )  # fmt: skip
    last = _last(images, data_format)
    found = layer(last if last.dtype.kind == "f" else last.astype("float32"))
    if found.dtype != images.dtype:
        found = _saturated(found if interpolation == "nearest" else np.round(found), images.dtype)
    return _given(found, data_format)


def _saturated(x: Any, dtype: Any) -> Any:
    limits = np.iinfo(dtype)
    return np.clip(x, limits.min, limits.max).astype(dtype)


def rgb_to_grayscale(images: Any, data_format: str | None = None) -> Any:
    """Return the brightness of coloured images, in one channel: 0.2989 red + 0.587 green + 0.114 blue."""
    x = _last(images, data_format)
    return images if x.shape[-1] == 1 else _given(brightness_of(x), data_format)


def rgb_to_hsv(images: Any, data_format: str | None = None) -> Any:
    """Return hue, saturation and value of colours, all from 0 to 1."""
    return _given(hsv_of(_floating("rgb_to_hsv", _last(images, data_format))), data_format)


def hsv_to_rgb(images: Any, data_format: str | None = None) -> Any:
    """Return red, green and blue of hue, saturation and value: `rgb_to_hsv` undone."""
    return _given(rgb_of(_floating("hsv_to_rgb", _last(images, data_format))), data_format)


def pad_images(
    images: Any,
    top_padding: int | None = None,
    left_padding: int | None = None,
    bottom_padding: int | None = None,
    right_padding: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Any:
    """Return images with zeros around them; two of top, bottom and height are given, two of left, right and width."""
    x = _last(images, data_format)
    rows, columns = x.shape[-3:-1]
    tall = None if target_height is None else target_height - rows
    wide = None if target_width is None else target_width - columns
    edges = [_edges("pad_images", top_padding, bottom_padding, tall)]
    edges.append(_edges("pad_images", left_padding, right_padding, wide))
    return _given(np.pad(x, [(0, 0)] * (len(x.shape) - 3) + edges + [(0, 0)]), data_format)


def crop_images(
    images: Any,
    top_cropping: int | None = None,
    left_cropping: int | None = None,
    bottom_cropping: int | None = None,
    right_cropping: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Any:
    """Return parts of images: two of top, bottom and height are given, and two of left, right and width."""
    x = _last(images, data_format)
    rows, columns = x.shape[-3:-1]
    tall = None if target_height is None else rows - target_height
    wide = None if target_width is None else columns - target_width
    top, bottom = _edges("crop_images", top_cropping, bottom_cropping, tall)
    left, right = _edges("crop_images", left_cropping, right_cropping, wide)
    return _given(x[..., top : rows - bottom, left : columns - right, :], data_format)


def _edges(call: str, before: int | None, after: int | None, total: int | None) -> tuple[int, int]:
    """Return the pixels before and behind an axis, of two of three numbers."""
    if [before, after, total].count(None) != 1:
        raise ValueError(f"{call}: give for each axis two of the edge before, the edge behind and the target size")
    if total is not None:
        before = total - (after or 0) if before is None else before
        after = total - before
    if before is None or after is None or before < 0 or after < 0:
        raise ValueError(f"{call}: an edge of less than 0 pixels, {before} and {after}")
    return before, after


def _last(images: Any, data_format: str | None) -> Any:
    if len(images.shape) not in (3, 4):
        raise ShapeError(f"an image has 3 axes, a batch of them 4, got the shape {images.shape}")
    return np.moveaxis(images, -3, -1) if data_format == "channels_first" else images


def _given(images: Any, data_format: str | None) -> Any:
    return np.moveaxis(images, -1, -3) if data_format == "channels_first" else images


def _floating(call: str, images: Any) -> Any:
    if images.dtype.kind != "f":
        raise ValueError(f"{call}: the numbers must be floating, got {images.dtype}. Write images / 255.0")
    return images


def _pair(sizes: int | Sequence[int]) -> tuple[int, int]:
    rows, columns = (sizes, sizes) if isinstance(sizes, int) else sizes
    return rows, columns


def _around(size: int, window: int, step: int) -> tuple[int, int]:
    """Return the zeros before and behind an axis."""
    total = max((-(-size // step) - 1) * step + window - size, 0)
    return total // 2, total - total // 2

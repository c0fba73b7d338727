"""Windows that move over sequences, images or volumes: convolutions and pooling, computed as those of images.

A sequence is an image of one row. The windows of volumes are put together along the depth, as channels of images.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygraph.errors import ShapeError
from tinygraph.functions.convolution import conv2d, conv2d_input
from tinygraph.functions.windows import slide

__all__ = ["convolved", "convolved_by_channel", "pooled", "spread", "transposed"]


def convolved(
    x: Any, kernel: Any, strides: tuple[int, ...], padding: Any, dilation: tuple[int, ...], groups: int
) -> Any:  # fmt: skip
    """Return a convolution along as many axes as there are strides.

    Args:
        x: a batch, channels last.
        kernel: shape (*window, channels / groups, filters).
        strides, dilation: one for each axis.
        padding: "valid", "same", an int or a pair for each axis; for sequences "causal", an int or a pair.
        groups: number of groups for channels and filters.
    """
    if len(strides) == 2:
        return conv2d(x, kernel, strides, padding, dilation, groups)
    if len(strides) == 1:
        padding = _of_row(padding, kernel.shape[0], dilation[0])
        return conv2d(_row(x), _row(kernel, 0), (1, *strides), padding, (1, *dilation), groups)[:, 0]
    down, across = _of_depth(padding)
    x = _padded(x, kernel.shape[0], strides[0], down, dilation[0])
    count = (x.shape[1] - (kernel.shape[0] - 1) * dilation[0] - 1) // strides[0] + 1
    starts = [place * dilation[0] for place in range(kernel.shape[0])]
    layers = [x[:, start : start + (count - 1) * strides[0] + 1 : strides[0]] for start in starts]
    apart = [layer.reshape(*layer.shape[:4], groups, kernel.shape[3]) for layer in layers]
    images = np.concatenate(apart, axis=-1).reshape(x.shape[0] * count, *x.shape[2:4], len(layers) * x.shape[4])
    flat = kernel.transpose(1, 2, 0, 3, 4).reshape(*kernel.shape[1:3], len(layers) * kernel.shape[3], kernel.shape[4])
    z = conv2d(images, flat, strides[1:], across, dilation[1:], groups)
    return z.reshape(x.shape[0], count, *z.shape[1:])


def convolved_by_channel(
    x: Any, kernel: Any, strides: tuple[int, ...], padding: Any, dilation: tuple[int, ...]
) -> Any:  # fmt: skip
    """Return the convolution of each channel with its own filters, of shape (*window, channels, each)."""
    *window, channels, each = kernel.shape
    return convolved(x, kernel.reshape(*window, 1, channels * each), strides, padding, dilation, channels)


def spread(
    x: Any,
    kernel: Any,
    sizes: Sequence[int],
    strides: tuple[int, ...],
    pads: Sequence[tuple[int, int]],
    dilation: tuple[int, ...],
) -> Any:
    """Return the transpose of a convolution: each input adds a multiple of the kernel to the result.

    Args:
        x: a batch, channels last.
        kernel: shape (*window, filters, channels).
        sizes: of the result.
        strides, dilation: one for each axis.
        pads: for each axis what is cut off before and after.
    """
    if len(strides) == 2:
        return conv2d_input(x, kernel, tuple(sizes), strides, tuple(pads), dilation)
    if len(strides) == 1:
        row = conv2d_input(_row(x), _row(kernel, 0), (1, *sizes), (1, *strides), ((0, 0), *pads), (1, *dilation))
        return row[:, 0]
    window, (batch, depth) = kernel.shape, x.shape[:2]
    flat = kernel.transpose(1, 2, 0, 3, 4).reshape(*window[1:3], window[0] * window[3], window[4])
    images = x.reshape(batch * depth, *x.shape[2:])
    z = conv2d_input(images, flat, tuple(sizes[1:]), strides[1:], tuple(pads[1:]), dilation[1:])
    z = z.reshape(batch, depth, *z.shape[1:3], window[0], window[3])
    reach = (depth - 1) * strides[0] + 1
    total: Any = None
    for place in range(window[0]):
        before = place * dilation[0]
        after = max((window[0] - 1) * dilation[0], pads[0][0] + sizes[0] - reach) - before
        part = _apart(z[..., place, :], strides[0])[:, :reach]
        none = np.zeros_like(part[:, :1])  # a program for ONNX has no pads that overlap
        part = np.concatenate([*[none] * before, part, *[none] * after], axis=1)
        total = part if total is None else total + part
    first = pads[0][0]
    return total[:, first : first + sizes[0]]


def transposed(
    x: Any,
    kernel: Any,
    strides: tuple[int, ...],
    padding: str,
    output_padding: tuple[int, ...] | None,
    dilation: tuple[int, ...],
) -> Any:
    """Return the transpose of a convolution, of the size that Keras gives it.

    Args:
        x: a batch, channels last.
        kernel: shape (*window, filters, channels).
        strides, dilation: one for each axis.
        padding: "valid" or "same".
        output_padding: for each axis the pixels to add behind; None for as many as the padding says.

    Raises:
        ShapeError: nothing is left of an axis.
    """
    sizes, pads, beyond = [], [], []
    for axis, stride in enumerate(strides):
        extent = (kernel.shape[axis] - 1) * dilation[axis] + 1
        more = None if output_padding is None else output_padding[axis]
        before, after = _cut(extent, stride, padding, more)
        size = (x.shape[axis + 1] - 1) * stride + extent - before - after
        if size < 1 or x.shape[axis + 1] < 1:
            raise ShapeError(f"nothing is left of a batch of shape {x.shape} with padding {padding!r}")
        rest = max(-after - stride + 1, 0)  # further than a convolution would leave out
        sizes.append(size - rest)
        pads.append((before, max(after, 0)))
        beyond.append((0, rest))
    z = spread(x, kernel, sizes, strides, pads, dilation)
    return np.pad(z, ((0, 0), *beyond, (0, 0))) if any(rest for _, rest in beyond) else z


def _cut(extent: int, stride: int, padding: str, more: int | None) -> tuple[int, int]:
    """Return the pixels to cut off before and after, of the windows put together; below 0, those to add."""
    if padding == "valid":
        return 0, -(max(stride - extent, 0) if more is None else more)
    kept = stride + extent - 2 if more is None else extent + extent % 2 - 2 + more
    before = min(kept // 2 + kept % 2, extent - 1)
    return extent - 1 - before, extent - 1 - (kept - before)


def pooled(
    pool: Callable[..., Any], x: Any, window: tuple[int, ...], strides: tuple[int, ...], padding: Any
) -> Any:  # fmt: skip
    """Return one number for each window and channel.

    Args:
        pool: `max_pool2d` or `avg_pool2d`, which may go along one axis after the other.
        x: a batch, channels last.
        window, strides: a size for each axis.
        padding: as for `convolved`.
    """
    if len(window) == 2:
        return pool(x, window, strides, padding)
    if len(window) == 1:
        return pool(_row(x), (1, *window), (1, *strides), _of_row(padding, *window, 1))[:, 0]
    down, across = _of_depth(padding)
    batch, depth = x.shape[:2]
    flat = pool(x.reshape(batch * depth, *x.shape[2:]), window[1:], strides[1:], across)
    *image, channels = flat.shape[1:]
    columns = flat.reshape(batch, depth, image[0] * image[1], channels)
    y = pool(columns, (window[0], 1), (strides[0], 1), down if isinstance(down, str) else (down, 0))
    return y.reshape(batch, y.shape[1], *image, channels)


def _row(x: Any, axis: int = 1) -> Any:
    """Return sequences, or their kernel, as images of one row."""
    return x.reshape(*x.shape[:axis], 1, *x.shape[axis:])


def _of_row(padding: Any, window: int, dilation: int) -> Any:
    """Return the padding of an image of one row."""
    if padding == "causal":
        return (0, 0), ((window - 1) * dilation, 0)
    return padding if isinstance(padding, str) else (0, padding)


def _of_depth(padding: Any) -> tuple[Any, Any]:
    """Return the padding of volumes along the depth, and that of their images."""
    if isinstance(padding, str | int):
        return padding, padding
    return padding[0], tuple(padding[1:])


def _padded(x: Any, window: int, stride: int, padding: Any, dilation: int) -> Any:
    """Return volumes with zeros before and behind them, as many as a window along the depth needs.

    Raises:
        ShapeError: the window does not fit.
    """
    pads = padding if isinstance(padding, str) else (padding, 0)
    moves, _ = slide("conv3d", (x.shape[1], 1), (window, 1), (stride, 1), pads, (dilation, 1))
    if not moves.before and not moves.after:
        return x
    return np.pad(x, ((0, 0), (moves.before, moves.after), (0, 0), (0, 0), (0, 0)))


def _apart(x: Any, stride: int) -> Any:
    """Return volumes with zeros between their images, stride − 1 after each."""
    if stride == 1:
        return x
    each = x[:, :, np.newaxis]
    wide = np.concatenate([each, *[np.zeros_like(each)] * (stride - 1)], axis=2)
    return wide.reshape(x.shape[0], x.shape[1] * stride, *x.shape[2:])

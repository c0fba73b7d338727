"""Pooling of images: the largest or the mean of the pixels in each window, channel by channel.

The largest number is found along the rows and then along the columns, and so is the sum. Windows may overlap or leave
gaps. Padding counts for nothing: it is never the largest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygraph.engine.dependence import selection
from tinygraph.engine.primitives import primitive
from tinygraph.functions.activations import floating
from tinygraph.functions.pools import Windows, images_of, offsets, reduce_along, shares_of, spread_along, winners
from tinygraph.functions.windows import Padding, Pair, check_images, misfit, pair, slide, working


@primitive
def max_pool2d(x: Any, window: Pair, stride: Pair | None = None, padding: Padding = "valid") -> Any:
    """The largest number in each window of a batch of images.

    Pixels that tie for the largest share the gradient equally, as in `np.max`.

    Args:
        x: images, shape (batch, height, width, channels).
        window: its size, one int or (rows, columns).
        stride: pixels between windows, one int or (vertical, horizontal); by default the size of the window.
        padding: "valid" (none), "same" (so that a stride of 1 keeps the size), an int, or for each axis an int or a
            pair: ((top, bottom), (left, right)).

    Returns:
        An array of shape (batch, out_height, out_width, channels).

    Raises:
        ShapeError: a window is larger than the padded image, would lie on padding alone, or a number is too small.
    """
    x = floating(x)
    plan = _plan("max_pool2d", x.shape, window, stride, padding)
    result = np.empty(_pooled(x.shape, plan), x.dtype)
    for images in images_of(x):
        rows = reduce_along(np.maximum, x[images], 1, plan[0], -np.inf)
        reduce_along(np.maximum, rows, 2, plan[1], -np.inf, out=result[images])
    return result


@primitive
def max_pool2d_input(
    y: Any, x: Any, window: Pair, stride: Pair | None = None, padding: Padding = "valid", largest: Any = None
) -> Any:
    """The gradient of Σ y · max_pool2d(x) with respect to x: each weight goes to the largest number of its window.

    Args:
        y: a weight for each window, shape (batch, out_height, out_width, channels).
        x: images, shape (batch, height, width, channels).
        window, stride, padding: as for `max_pool2d`.
        largest: max_pool2d(x), if it is known.

    Returns:
        An array of the shape of `x`.
    """
    y, x = floating(y), floating(x)
    plan = _plan("max_pool2d_input", x.shape, window, stride, padding)
    _check_result("max_pool2d_input", y.shape, x.shape, plan)
    largest = max_pool2d(x, window, stride, padding) if largest is None else largest
    apart = all(axis.stride >= axis.window for axis in plan)
    result = np.zeros(x.shape, y.dtype)
    for images in images_of(x):
        masks, count = winners(x[images], largest[images], plan)
        shares = y[images] / count
        for (windows, pixels), mask in zip(offsets(plan), masks, strict=True):
            place = result[images][:, *pixels]
            if apart:  # no other window has this pixel
                np.multiply(shares[:, *windows], mask, out=place)
            else:
                np.add(place, shares[:, *windows] * mask, out=place)
    return result


@primitive
def max_pool2d_pick(
    v: Any, x: Any, window: Pair, stride: Pair | None = None, padding: Padding = "valid", largest: Any = None
) -> Any:
    """Take from each window the element of `v` where `x` is largest, the mean of several: the transpose of the above.

    Args:
        v: an array of the shape of `x`.
        x: images, shape (batch, height, width, channels).
        window, stride, padding, largest: as for `max_pool2d_input`.

    Returns:
        An array of the shape of max_pool2d(x).
    """
    v, x = floating(v), floating(x)
    plan = _plan("max_pool2d_pick", x.shape, window, stride, padding)
    if v.shape != x.shape:
        raise misfit("max_pool2d_pick", f"v has shape {v.shape}, the images {x.shape}; they must be the same")
    largest = max_pool2d(x, window, stride, padding) if largest is None else largest
    result = np.zeros(_pooled(x.shape, plan), v.dtype)
    for images in images_of(x):
        masks, count = winners(x[images], largest[images], plan)
        for (windows, pixels), mask in zip(offsets(plan), masks, strict=True):
            place = result[images][:, *windows]
            np.add(place, np.where(mask, v[images][:, *pixels], 0), out=place)
        np.divide(result[images], count, out=result[images])
    return result


# Which pixel is largest does not change in a neighbourhood, so that no gradient flows to x in the last two.
max_pool2d.derivative(
    lambda g, z, x, window, stride=None, padding="valid": max_pool2d_input(g, x, window, stride, padding, z)
)
selection(max_pool2d)
max_pool2d_input.derivative(
    lambda g, z, y, x, window, stride=None, padding="valid", largest=None: max_pool2d_pick(
        g, x, window, stride, padding, largest
    )
)
max_pool2d_pick.derivative(
    lambda g, z, v, x, window, stride=None, padding="valid", largest=None: max_pool2d_input(
        g, x, window, stride, padding, largest
    )
)


@primitive
def avg_pool2d(
    x: Any, window: Pair, stride: Pair | None = None, padding: Padding = "valid", count_include_pad: bool = False
) -> Any:
    """The mean of the numbers in each window of a batch of images.

    Args:
        x: images, shape (batch, height, width, channels).
        window: its size, one int or (rows, columns).
        stride: pixels between windows, one int or (vertical, horizontal); by default the size of the window.
        padding: "valid" (none), "same" (so that a stride of 1 keeps the size), an int, or for each axis an int or a
            pair: ((top, bottom), (left, right)).
        count_include_pad: count the pixels of the padding as zeros, as PyTorch does by default. Otherwise the mean is
            over the pixels of the image alone, as in Keras.

    Returns:
        An array of shape (batch, out_height, out_width, channels).

    Raises:
        ShapeError: a window is larger than the padded image, would lie on padding alone, or a number is too small.
    """
    x = floating(x)
    plan = _plan("avg_pool2d", x.shape, window, stride, padding)
    result = np.empty(_pooled(x.shape, plan), working(x.dtype))
    shares = shares_of(plan, count_include_pad, result.dtype)
    for images in images_of(x):
        rows = reduce_along(np.add, x[images].astype(result.dtype, copy=False), 1, plan[0], 0.0)
        reduce_along(np.add, rows, 2, plan[1], 0.0, out=result[images])
        np.multiply(result[images], shares, out=result[images])
    return result.astype(x.dtype, copy=False)


@primitive
def avg_pool2d_input(
    y: Any,
    size: Sequence[int],
    window: Pair,
    stride: Pair | None = None,
    padding: Padding = "valid",
    count_include_pad: bool = False,
) -> Any:
    """The gradient of Σ y · avg_pool2d(x) with respect to x: each weight is divided among the pixels of its window.

    Args:
        y: a weight for each window, shape (batch, out_height, out_width, channels).
        size: height and width of the images.
        window, stride, padding, count_include_pad: as for `avg_pool2d`.

    Returns:
        An array of shape (batch, height, width, channels).
    """
    y = floating(y)
    shape = (*y.shape[:1], *size, *y.shape[3:])
    plan = _plan("avg_pool2d_input", shape, window, stride, padding)
    _check_result("avg_pool2d_input", y.shape, shape, plan)
    result = np.zeros(shape, working(y.dtype))
    shares = shares_of(plan, count_include_pad, result.dtype)
    for images in images_of(result):
        columns = spread_along(y[images] * shares, 2, plan[1])
        spread_along(columns, 1, plan[0], out=result[images])
    return result.astype(y.dtype, copy=False)


avg_pool2d.derivative(
    lambda g, z, x, window, stride=None, padding="valid", count_include_pad=False: avg_pool2d_input(
        g, x.shape[1:3], window, stride, padding, count_include_pad
    )
)
avg_pool2d_input.derivative(
    lambda g, z, y, size, window, stride=None, padding="valid", count_include_pad=False: avg_pool2d(
        g, window, stride, padding, count_include_pad
    )
)


# --- plans ------------------------------------------------------------------------------------------------------------


def _plan(call: str, x: tuple[int, ...], window: Pair, stride: Pair | None, padding: Padding) -> Windows:
    check_images(call, x)
    shape = pair(call, "window", window)
    plan = slide(call, x[1:3], shape, shape if stride is None else stride, padding)
    if any(max(axis.before, axis.after) >= axis.window for axis in plan):
        raise misfit(
            call,
            f"with padding {padding!r} a window of {shape} can lie on padding alone, where there is nothing to pool; "
            "the padding on each side must be smaller than the window",
        )
    return plan


def _check_result(call: str, y: tuple[int, ...], x: tuple[int, ...], plan: Windows) -> None:
    if y != _pooled(x, plan):
        raise misfit(call, f"the pooled images have the shape {_pooled(x, plan)}, but y has {y}")


def _pooled(x: tuple[int, ...], plan: Windows) -> tuple[int, ...]:
    return (x[0], plan[0].windows, plan[1].windows, x[3])

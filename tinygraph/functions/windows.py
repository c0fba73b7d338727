"""Windows that move over images: how strides, padding and dilation place them. Convolution and pooling share this."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from tinygraph.engine.modes import current_scope
from tinygraph.errors import ShapeError
from tinygraph.users_code.source import users_line

__all__ = ["Padding", "Pair", "Sliding", "check_images", "chunks", "meets", "misfit", "pair", "slide", "working"]

Pair = int | Sequence[int]
Padding = str | int | Sequence[int | Sequence[int]]

# The bytes of a chunk of work: few enough to stay in the cache until they are used. From 1/2 to 2 MiB a step of a small
# network took about as long; with 1/4 MiB it took a sixth longer, for the calls themselves.
CHUNK_BYTES = 1 << 20


class Sliding(NamedTuple):
    """The movement of a window along one axis of an image.

    Attributes:
        size: pixels of the image.
        window: pixels of the window.
        stride: pixels from one window to the next.
        dilation: pixels from one pixel of the window to the next.
        before, after: pixels of padding on either side.
        windows: the number of windows.
    """

    size: int
    window: int
    stride: int
    dilation: int
    before: int
    after: int
    windows: int

    def meets(self, offset: int, start: int = 0, stop: int | None = None) -> tuple[slice, slice]:
        """Return the windows with pixel number `offset` on the image, not on the padding, and these pixels.

        Args:
            offset: a place in the window, from 0.
            start, stop: the windows to look at, counted from the first of them.
        """
        shift = offset * self.dilation - self.before
        return meets(self.size, self.windows if stop is None else stop, shift, self.stride, start)


def meets(size: int, stop: int, shift: int, stride: int, start: int = 0) -> tuple[slice, slice]:
    """Return the windows whose pixel at `shift` lies on an axis of an image, and those pixels.

    Args:
        size: pixels of the image along the axis.
        stop, start: the windows to look at, counted from the first of them.
        shift: pixels from the beginning of the image to that pixel of window 0; less than 0 in the padding.
        stride: pixels from one window to the next.
    """
    first = max(start, -(shift // stride))
    last = min(stop - 1, (size - 1 - shift) // stride)
    if last < first:
        return slice(0, 0), slice(0, 0)
    return slice(first - start, last - start + 1), slice(first * stride + shift, last * stride + shift + 1, stride)


def slide(
    call: str, size: Sequence[int], window: Sequence[int], stride: Pair, padding: Padding, dilation: Pair = 1
) -> tuple[Sliding, Sliding]:
    """Return the movement of a window over an image, down and to the right.

    Args:
        call: the function to name in messages.
        size: of the image, rows and columns.
        window: rows and columns.
        stride, dilation: one int, or (vertical, horizontal).
        padding: "valid", "same", one int, or for each axis an int or a pair (before, after).

    Raises:
        ShapeError: a number is too small, or the window is larger than the padded image.
        TypeError: what should be a number is none.
    """
    strides, dilations = pair(call, "stride", stride), pair(call, "dilation", dilation)
    if padding == "same":
        pads = [
            _same(size_, window_, stride_, dilation_)
            for size_, window_, stride_, dilation_ in zip(size, window, strides, dilations, strict=True)
        ]
    elif padding == "valid":
        pads = [(0, 0), (0, 0)]
    elif isinstance(padding, str):
        raise misfit(call, f'padding must be "valid", "same", an int or a pair for each axis, got {padding!r}')
    else:
        pads = [pair(call, "padding", item, 0) for item in _each(call, "padding", padding)]
    found = []
    for size_, window_, stride_, dilation_, (before, after) in zip(size, window, strides, dilations, pads, strict=True):
        extent = (window_ - 1) * dilation_ + 1
        room = size_ + before + after - extent
        if room < 0 or size_ < 1:
            widened = f", which is {extent} wide with a dilation of {dilation_}" if dilation_ > 1 else ""
            raise misfit(
                call,
                f"a window of {tuple(window)}{widened} does not fit into an image of {tuple(size)} pixels with padding "
                f'{padding!r}. Use a smaller window, padding="same", or larger images',
            )
        found.append(Sliding(size_, window_, stride_, dilation_, before, after, room // stride_ + 1))
    return found[0], found[1]


def _same(size: int, window: int, stride: int, dilation: int) -> tuple[int, int]:
    """The padding for size ÷ stride windows, rounded up. An odd pixel of padding goes to the end."""
    total = max((-(-size // stride) - 1) * stride + (window - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2


def pair(call: str, name: str, value: Any, least: int = 1) -> tuple[int, int]:
    """Two ints, from one or from two.

    Raises:
        ShapeError: an int is below `least`, or there are neither one nor two.
        TypeError: a number is no int.
    """
    first, second = (_int(call, name, item) for item in _each(call, name, value))
    if min(first, second) < least:
        raise misfit(call, f"{name} must be at least {least}, got {value!r}")
    return first, second


def _each(call: str, name: str, value: Any) -> Sequence[Any]:
    """A value for each of the two axes."""
    if not isinstance(value, tuple | list):
        return (value, value)
    if len(value) != 2:
        raise misfit(call, f"{name} must be one value or two, one for each axis, got {value!r}")
    return value


def _int(call: str, name: str, value: Any) -> int:
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{call}: {name} must be an int or two, got {value!r}") from None


def working(dtype: Any) -> np.dtype[Any]:
    """The dtype to compute in: sums of float16 are better, and quicker, in float32."""
    return np.dtype(np.float32 if dtype == np.float16 else dtype)


def misfit(call: str, message: str) -> ShapeError:
    """The error for shapes or sizes that do not fit, with the user's line and the scope."""
    place = f', in scope "{" / ".join(scope)}"' if (scope := current_scope()) else ""
    return ShapeError(f"{call}: {message} ({users_line()}{place})")


def check_images(call: str, shape: tuple[int, ...]) -> None:
    """Raise an error unless this is the shape of a batch of images."""
    if len(shape) != 4:
        raise misfit(
            call,
            f"images must have the shape (batch, height, width, channels), got {shape}. "
            "Use x[..., np.newaxis] for images of one channel, x[np.newaxis] for a single image",
        )


def chunks(count: int, bytes_each: int) -> Iterator[slice]:
    """Slices that divide `count` things into chunks that fit into the cache, of one thing at least."""
    step = max(1, CHUNK_BYTES // max(bytes_each, 1))
    return (slice(start, min(start + step, count)) for start in range(0, count, step))

"""The work of pooling: along the rows of images first, then along the columns, a few images at a time."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygraph.functions.windows import Sliding, chunks, working

__all__ = ["Windows", "images_of", "offsets", "reduce_along", "shares_of", "spread_along", "winners"]

Array = NDArray[Any]
Windows = tuple[Sliding, Sliding]


def images_of(x: Array) -> Iterator[slice]:
    """Chunks of the images that stay in the cache from one step to the next."""
    return chunks(len(x), x[:1].nbytes)


def _along(axis: int, part: slice) -> tuple[slice, ...]:
    return (slice(None),) * axis + (part,)


def reduce_along(
    ufunc: np.ufunc, x: Array, axis: int, sliding: Sliding, initial: float, out: Array | None = None
) -> Array:
    """`np.maximum` or `np.add` over windows along one axis."""
    if out is None:
        out = np.empty((*x.shape[:axis], sliding.windows, *x.shape[axis + 1 :]), x.dtype)
    steps = [tuple(_along(axis, part) for part in sliding.meets(offset)) for offset in range(sliding.window)]
    everywhere = [pixels for offset, (_, pixels) in enumerate(steps) if _reaches_all(sliding, offset)]
    if len(everywhere) > 1:  # the first two in one go: all there is to do for windows of two
        ufunc(x[everywhere[0]], x[everywhere[1]], out=out)
        done = everywhere[:2]
    else:
        out[...] = initial
        done = []
    for windows, pixels in steps:
        if pixels not in done:
            ufunc(out[windows], x[pixels], out=out[windows])
    return out


def _reaches_all(sliding: Sliding, offset: int) -> bool:
    """Return whether all windows have this pixel of theirs on the image."""
    return sliding.meets(offset)[0] == slice(0, sliding.windows)


def spread_along(y: Array, axis: int, sliding: Sliding, out: Array | None = None) -> Array:
    """Add each window's number to all its pixels, along one axis; `out` is of zeros."""
    if out is None:
        out = np.zeros((*y.shape[:axis], sliding.size, *y.shape[axis + 1 :]), y.dtype)
    for offset in range(sliding.window):
        windows, pixels = (_along(axis, part) for part in sliding.meets(offset))
        np.add(out[pixels], y[windows], out=out[pixels])
    return out


@lru_cache(maxsize=64)
def offsets(plan: Windows) -> list[tuple[tuple[slice, slice], tuple[slice, slice]]]:
    """List for each place in the window the windows that have it on the image, and the pixels there."""
    down = [plan[0].meets(offset) for offset in range(plan[0].window)]
    right = [plan[1].meets(offset) for offset in range(plan[1].window)]
    return [(tuple(zip(*both, strict=True))) for both in product(down, right)]  # type: ignore[misc]


def winners(x: Array, largest: Array, plan: Windows) -> tuple[list[Array], Array]:
    """Return a mask of the largest numbers for each place in the window, and their count in each window.

    In a window with a NaN none is the largest, and the count is given as 1.
    """
    masks = [x[:, *pixels] == largest[:, *windows] for windows, pixels in offsets(plan)]
    few = plan[0].window * plan[1].window < 256
    count = np.zeros(largest.shape, np.uint8 if few else np.int64)
    for (windows, _), mask in zip(offsets(plan), masks, strict=True):
        np.add(count[:, *windows], mask.view(np.uint8), out=count[:, *windows])  # as numbers: three times as fast
    return masks, np.maximum(count, 1).astype(working(largest.dtype))


def shares_of(plan: Windows, count_include_pad: bool, dtype: np.dtype[Any]) -> Array:
    """One over the number of pixels in each window, shape (out_height, out_width, 1)."""
    counts = []
    for axis in plan:
        count = np.full(axis.windows, axis.window, np.float64)
        if not count_include_pad:
            inside = np.zeros(axis.windows)
            for offset in range(axis.window):
                inside[axis.meets(offset)[0]] += 1
            count = inside
        counts.append(count)
    return (1 / (counts[0][:, None] * counts[1]))[..., None].astype(dtype)

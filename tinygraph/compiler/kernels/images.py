"""Images: convolution and pooling as a program calls them, with NumPy alone and into memory that is given.

The functions here are written into a saved program as they stand. They do what `tinygraph.conv2d` and its companions
do, but check nothing, allocate nothing large, and take all they need as arguments. A docstring "out = ..." says what a
function writes into `out`. `work` is an array of bytes that a function may overwrite, of at least what one image takes:
as many images are taken at a time as fit into it.

`moves` says how a window goes over an image: for each of the two axes (stride, dilation, pixels of padding before).
Padding that is negative behind the image leaves pixels out; it shows in the shape of the result alone.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygraph.functions.windows import meets

__all__ = [
    "convolve", "convolve_input", "convolve_kernel", "copy_pixels", "framed", "pool_max", "pool_max_input",
    "pool_max_pick", "pool_mean", "pool_mean_input", "seen_as",
]  # fmt: skip


def seen_as(x: Any, shape: Any, strides: Any) -> Any:
    """Return a view of an array with other strides: quickly, where its memory is in one piece."""
    if x.flags.c_contiguous:
        return np.ndarray(shape, x.dtype, x, 0, strides)
    return np.lib.stride_tricks.as_strided(x, shape, strides)


def copy_pixels(x: Any, out: Any) -> None:
    """out = x, where pixels that are neighbours in one of them are apart in the other.

    A pixel of 16 numbers as one item took half the time that it takes as an axis.
    """
    if x.size and x.dtype == out.dtype and x.strides[-1] == out.strides[-1] == x.itemsize:
        pixel = f"V{x.shape[-1] * x.itemsize}"
        x, out = x.view(pixel), out.view(pixel)
    np.copyto(out, x)


def framed(x: Any, before: Any, size: Any, work: Any) -> Any:
    """Return images with zeros around them, up to a height and a width; or x, where it is as large already."""
    if before == (0, 0) and x.shape[1] >= size[0] and x.shape[2] >= size[1]:
        return x
    shape = (len(x), *size, x.shape[3])
    frame = work[: math.prod(shape) * x.itemsize].view(x.dtype).reshape(shape)
    frame.fill(0)
    inside = frame[:, before[0] :, before[1] :][:, : x.shape[1], : x.shape[2]]
    inside[...] = x[:, : inside.shape[1], : inside.shape[2]]
    return frame


def columns_of(x: Any, kernel: Any, result: Any, moves: Any, groups: int, work: Any) -> Any:
    """Return a copy of the numbers in each window: shape (windows, numbers) or, of groups, (groups, windows, numbers).

    Where a row of a window is short, it is faster to copy number by number than window by window.
    """
    (down, dilation_down, top), (right, dilation_right, left) = moves
    rows, columns, inside, _ = kernel
    count, high, wide, _ = result
    tall = (high - 1) * down + (rows - 1) * dilation_down + 1
    broad = (wide - 1) * right + (columns - 1) * dilation_right + 1
    length = rows * columns * inside
    size = count * high * wide * length * groups
    x = framed(x, (top, left), (tall, broad), work[size * x.itemsize :])
    image, row, pixel, channel = x.strides
    steps = (image, row * down, pixel * right, row * dilation_down, pixel * dilation_right, channel)
    windows = seen_as(
        x, (count, high, wide, rows, columns, groups, inside), (*steps[:5], channel * inside, channel)
    ).transpose(5, 0, 1, 2, 3, 4, 6)
    thin = inside * (columns if groups == 1 and dilation_right == 1 else 1) < 16
    if thin:
        windows = windows.transpose(0, 4, 5, 6, 1, 2, 3)
    copied = work[: size * x.itemsize].view(x.dtype).reshape(windows.shape)
    np.copyto(copied, windows)
    copied = copied.reshape((groups, length, -1) if thin else (groups, -1, length))
    copied = copied.transpose(0, 2, 1) if thin else copied
    return copied[0] if groups == 1 else copied


def by_group(array: Any, groups: int) -> Any:
    """Return an array as a matrix or, of groups, as one for each: shape (groups, all else, channels of a group)."""
    if groups == 1:
        return array.reshape(-1, array.shape[-1])
    return array.reshape(-1, groups, array.shape[-1] // groups).transpose(1, 0, 2)


def images_at_once(each: int, work: Any) -> int:
    """Return the number of images that fit into `work`, if each takes so many bytes."""
    return max(1, int(work.size) // max(1, each))


def bytes_of_columns(x: Any, kernel: Any, result: Any, moves: Any, groups: int, itemsize: int) -> int:
    """Return the bytes that the columns of one image take, together with the image in its frame."""
    rows, columns, inside, _ = kernel
    tall = (result[1] - 1) * moves[0][0] + (rows - 1) * moves[0][1] + 1
    broad = (result[2] - 1) * moves[1][0] + (columns - 1) * moves[1][1] + 1
    return int((result[1] * result[2] * rows * columns + tall * broad) * inside * groups * itemsize)


def convolve(x: Any, kernel: Any, moves: Any, groups: int, work: Any, out: Any) -> None:
    """out = conv2d(x, kernel)."""
    step = images_at_once(bytes_of_columns(x.shape, kernel.shape, out.shape, moves, groups, out.itemsize), work)
    weights = by_group(kernel, groups)
    for start in range(0, len(x), step):
        part = out[start : start + step]
        columns = columns_of(x[start : start + step], kernel.shape, part.shape, moves, groups, work)
        np.matmul(columns, weights, out=by_group(part, groups))


def convolve_kernel(x: Any, y: Any, moves: Any, groups: int, work: Any, out: Any) -> None:
    """out = the gradient of Σ y · conv2d(x, kernel) by the kernel."""
    size = out.size * out.itemsize
    total, free = work[:size].view(out.dtype), work[size + -size % 64 :]
    total = total.reshape(groups, -1, out.shape[3] // groups)
    step = images_at_once(bytes_of_columns(x.shape, out.shape, y.shape, moves, groups, out.itemsize), free)
    out.fill(0)
    sums = out.reshape(-1, groups, out.shape[3] // groups).transpose(1, 0, 2)
    for start in range(0, len(x), step):
        part = y[start : start + step]
        columns = columns_of(x[start : start + step], out.shape, part.shape, moves, groups, free)
        if groups == 1:
            np.matmul(columns.T, by_group(part, 1), out=total[0])
        else:
            np.matmul(columns.transpose(0, 2, 1), by_group(part, groups), out=total)
        np.add(sums, total, out=sums)


def convolve_input(y: Any, kernel: Any, moves: Any, groups: int, work: Any, out: Any) -> None:
    """out = the gradient of Σ y · conv2d(x, kernel) by x: a product for each position in the window, added up.

    One product for all of them, and adding its parts, would copy as much again and took a quarter longer.
    """
    (down, dilation_down, top), (right, dilation_right, left) = moves
    _, high, wide, _ = y.shape
    channels = out.shape[3]
    step = images_at_once(high * wide * channels * out.itemsize, work)
    out.fill(0)
    for start in range(0, len(y), step):
        weights, image = by_group(y[start : start + step], groups), out[start : start + step]
        part = work[: len(image) * high * wide * channels * out.itemsize].view(out.dtype)
        part = part.reshape(len(image), high, wide, channels)
        for i in range(kernel.shape[0]):
            windows_down, pixels_down = meets(out.shape[1], high, i * dilation_down - top, down)
            for j in range(kernel.shape[1]):
                windows_right, pixels_right = meets(out.shape[2], wide, j * dilation_right - left, right)
                place = kernel[i, j]
                turned = place.T if groups == 1 else by_group(place, groups).transpose(0, 2, 1)
                np.matmul(weights, turned, out=by_group(part, groups))
                pixels = image[:, pixels_down, pixels_right]
                np.add(pixels, part[:, windows_down, windows_right], out=pixels)


def pool_max(x: Any, window: Any, moves: Any, work: Any, out: Any) -> None:
    """out = max_pool2d(x)."""
    along_both(np.maximum, -np.inf, x, window, moves, work, out)


def along_both(ufunc: Any, start_with: float, x: Any, window: Any, moves: Any, work: Any, out: Any) -> None:
    """out = the reduction of each window by a ufunc: along the columns and then along the rows."""
    count, high, wide, channels = out.shape
    _, height, width, _ = x.shape
    step = images_at_once(high * width * channels * out.itemsize, work)
    for start in range(0, count, step):
        image = x[start : start + step]
        rows = work[: len(image) * high * width * channels * out.itemsize].view(out.dtype)
        rows = rows.reshape(len(image), high, width, channels)
        parts = [meets(height, high, i - moves[0][2], moves[0][0]) for i in range(window[0])]
        along_one(ufunc, start_with, [(rows[:, windows], image[:, pixels]) for windows, pixels in parts], rows)
        parts = [meets(width, wide, j - moves[1][2], moves[1][0]) for j in range(window[1])]
        result = out[start : start + step]
        pairs = [(result[:, :, windows], rows[:, :, pixels]) for windows, pixels in parts]
        along_one(ufunc, start_with, pairs, result)


def along_one(ufunc: Any, start_with: float, pairs: Any, out: Any) -> None:
    """out = the parts combined by a ufunc, each at its place in `out`; the first two at once, if both are whole."""
    whole = [part for place, part in pairs if place.shape == out.shape]
    if len(whole) > 1:
        ufunc(whole[0], whole[1], out=out)
    else:
        out.fill(start_with)
    for place, part in pairs:
        if len(whole) < 2 or not (part is whole[0] or part is whole[1]):
            ufunc(place, part, out=place)


def pool_mean(x: Any, window: Any, moves: Any, padded: Any, work: Any, out: Any) -> None:
    """out = avg_pool2d(x); if `padded`, the pixels of the padding count."""
    along_both(np.add, 0.0, x, window, moves, work, out)
    np.multiply(out, shares_of(x.shape, out.shape, window, moves, padded, out.dtype), out=out)


def shares_of(image: Any, pooled: Any, window: Any, moves: Any, padded: Any, dtype: Any) -> Any:
    """Return one over the number of pixels in each window: shape (rows, columns, 1)."""
    counts = []
    for axis in range(2):
        count = np.zeros(pooled[axis + 1])
        stride, _, before = moves[axis]
        for offset in range(window[axis]):
            inside, _ = meets(image[axis + 1], len(count), offset - before, stride)
            count[slice(None) if padded else inside] += 1
        counts.append(count)
    return (1 / (counts[0][:, None] * counts[1]))[..., None].astype(dtype)


def pool_mean_input(y: Any, window: Any, moves: Any, padded: Any, work: Any, out: Any) -> None:
    """out = the gradient of Σ y · avg_pool2d(x) by x: each weight is divided among the pixels of its window."""
    shares = shares_of(out.shape, y.shape, window, moves, padded, out.dtype)
    apart = moves[0][0] >= window[0] and moves[1][0] >= window[1]
    places = places_of(out, y, window, moves)
    if not apart or sum(out[pixels].size for _, pixels in places) < out.size:
        out.fill(0)
    step = images_at_once(y[:1].size * out.itemsize, work)
    for start in range(0, len(y), step):
        part, image = y[start : start + step], out[start : start + step]
        each = work[: part.size * out.itemsize].view(out.dtype).reshape(part.shape)
        np.multiply(part, shares, out=each)
        for windows, pixels in places:
            place = image[pixels]
            if apart:  # no other window has these pixels
                np.copyto(place, each[windows])
            else:
                np.add(place, each[windows], out=place)


def places_of(x: Any, largest: Any, window: Any, moves: Any) -> list[Any]:
    """Return for each position in the window the windows that have it on the image, and its pixels: two indices."""
    found = []
    for i in range(window[0]):
        down, pixels_down = meets(x.shape[1], largest.shape[1], i - moves[0][2], moves[0][0])
        for j in range(window[1]):
            right, pixels_right = meets(x.shape[2], largest.shape[2], j - moves[1][2], moves[1][0])
            found.append(((slice(None), down, right), (slice(None), pixels_down, pixels_right)))
    return found


def winners(x: Any, largest: Any, places: Any, work: Any) -> tuple[list[Any], Any, Any]:
    """Return for each position in the window a mask of the windows that have their largest number there, the number of
    such positions in each window, and the rest of `work`.

    In a window with a NaN no number is the largest, and the count is 1.
    """
    size = largest.size
    masks = []
    many = size if len(places) < 256 else 4 * size
    count = work[:many].view(np.uint8 if len(places) < 256 else np.int32).reshape(largest.shape)
    count.fill(0)
    used = many
    for windows, pixels in places:
        at = largest[windows]
        mask = work[used : used + at.size].view(np.bool_).reshape(at.shape)
        used += at.size
        np.equal(x[pixels], at, out=mask)
        np.add(count[windows], mask.view(np.uint8), out=count[windows])
        masks.append(mask)
    np.maximum(count, 1, out=count)
    return masks, count, work[used + -used % 64 :]


def bytes_of_winners(largest: Any, window: Any, itemsize: int) -> int:
    """Return the bytes that `winners` takes for one image, together with two numbers for each window."""
    each = largest[1] * largest[2] * largest[3]
    return int(each * (window[0] * window[1] + 4 + 2 * itemsize) + 128)


def pool_max_input(y: Any, x: Any, largest: Any, window: Any, moves: Any, work: Any, out: Any) -> None:
    """out = the gradient of Σ y · max_pool2d(x) by x; pixels that tie share it."""
    apart = moves[0][0] >= window[0] and moves[1][0] >= window[1]
    step = images_at_once(bytes_of_winners(largest.shape, window, out.itemsize), work)
    places = places_of(x, largest, window, moves)
    if not apart or sum(out[pixels].size for _, pixels in places) < out.size:
        out.fill(0)
    for start in range(0, len(x), step):
        part = largest[start : start + step]
        masks, count, free = winners(x[start : start + step], part, places, work)
        shares = free[: part.size * out.itemsize].view(out.dtype).reshape(part.shape)
        if count.size and count.max() > 1:
            np.divide(y[start : start + step], count, out=shares, casting="same_kind")
        else:
            shares = y[start : start + step]
        for (windows, pixels), mask in zip(places, masks, strict=True):
            place = out[start : start + step][pixels]
            if apart:  # no other window has this pixel
                np.multiply(shares[windows], mask, out=place)
            else:
                np.add(place, shares[windows] * mask, out=place)


def pool_max_pick(v: Any, x: Any, largest: Any, window: Any, moves: Any, work: Any, out: Any) -> None:
    """out = the number of v where x is largest in each window: the mean of several that tie."""
    step = images_at_once(bytes_of_winners(largest.shape, window, out.itemsize), work)
    places = places_of(x, largest, window, moves)
    out.fill(0)
    for start in range(0, len(x), step):
        part, given = out[start : start + step], v[start : start + step]
        finite = np.isfinite(given).all()
        masks, count, _ = winners(x[start : start + step], largest[start : start + step], places, work)
        for (windows, pixels), mask in zip(places, masks, strict=True):
            # A number that is not chosen counts for nothing, even if it is not finite. `where` takes 3 times as long.
            chosen = given[pixels] * mask if finite else np.where(mask, given[pixels], 0)
            np.add(part[windows], chosen, out=part[windows])
        np.divide(part, count, out=part, casting="same_kind")

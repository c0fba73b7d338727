"""Draws of images and windows for the tests of convolution and pooling, and both as a person would define them."""

import itertools

import numpy as np
from hypothesis import strategies as st

from tinygraph.testing.strategies import arrays

PADS = st.integers(0, 2)
PADDINGS = st.sampled_from(["valid", "same"]) | PADS | st.tuples(PADS, PADS) | st.tuples(*[st.tuples(PADS, PADS)] * 2)


def ints(low, high):
    """One int, or one for each axis."""
    return st.integers(low, high) | st.tuples(st.integers(low, high), st.integers(low, high))


def two(value):
    return value if isinstance(value, tuple) else (value, value)


def padding_of(size, window, stride, padding, dilation):
    """((top, bottom), (left, right)), in numbers."""
    if padding == "valid":
        return (0, 0), (0, 0)
    if padding == "same":
        found = []
        for n, w, s, d in zip(size, window, stride, dilation, strict=True):
            total = max((int(np.ceil(n / s)) - 1) * s + (w - 1) * d + 1 - n, 0)
            found.append((total // 2, total - total // 2))
        return tuple(found)
    return tuple(two(item) for item in two(padding))


def fits(size, window, stride, padding, dilation=(1, 1)):
    pads = padding_of(size, window, stride, padding, dilation)
    return all(n + sum(p) >= (w - 1) * d + 1 for n, w, d, p in zip(size, window, dilation, pads, strict=True))


def windows_of(x, window, stride, padding, dilation=(1, 1), fill=0.0):
    """Each window of padded images: yields (row, column, array of shape (batch, *window, channels))."""
    pads = padding_of(x.shape[1:3], window, stride, padding, dilation)
    x = np.pad(x, ((0, 0), *pads, (0, 0)), constant_values=fill)
    extent = [(w - 1) * d + 1 for w, d in zip(window, dilation, strict=True)]
    counts = [(n - e) // s + 1 for n, e, s in zip(x.shape[1:3], extent, stride, strict=True)]
    for r, c in itertools.product(*map(range, counts)):
        top, left = r * stride[0], c * stride[1]
        yield r, c, x[:, top : top + extent[0] : dilation[0], left : left + extent[1] : dilation[1]]


def gathered(windows):
    """The results of all windows as images."""
    found = {(r, c): value for r, c, value in windows}
    rows, columns = max(r for r, _ in found) + 1, max(c for _, c in found) + 1
    return np.stack([np.stack([found[r, c] for c in range(columns)], 1) for r in range(rows)], 1)


def convolution(x, kernel, stride=1, padding="valid", dilation=1, groups=1):
    """The definition, one window and one group at a time."""

    def one(window):
        parts = []
        for group in range(groups):
            channels = slice(group * kernel.shape[2], (group + 1) * kernel.shape[2])
            share = kernel.shape[3] // groups
            filters = kernel[..., group * share : (group + 1) * share]
            parts.append(np.tensordot(window[..., channels], filters, 3))
        return np.concatenate(parts, -1)

    size = kernel.shape[:2]
    return gathered((r, c, one(w)) for r, c, w in windows_of(x, size, two(stride), padding, two(dilation)))


@st.composite
def convolutions(draw, most=2):
    """Images, a kernel, and the keywords of a convolution of them."""
    groups = draw(st.integers(1, most))
    window = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    keywords = {"groups": groups} if groups > 1 else {}
    for name, values in (("stride", ints(1, 3)), ("padding", PADDINGS), ("dilation", ints(1, 2))):
        if draw(st.booleans()):
            keywords[name] = draw(values)
    extent = [(w - 1) * d + 1 for w, d in zip(window, two(keywords.get("dilation", 1)), strict=True)]
    size = [draw(st.integers(1 if "padding" in keywords else e, e + 2)) for e in extent]
    how = two(keywords.get("stride", 1)), keywords.get("padding", "valid"), two(keywords.get("dilation", 1))
    if not fits(size, window, *how):
        keywords["padding"] = "same"
    inside = draw(st.integers(1, 2))
    x = draw(arrays((draw(st.integers(0, 2)), *size, groups * inside)))
    return x, draw(arrays((*window, inside, groups * draw(st.integers(1, 2))))), keywords


@st.composite
def poolings(draw):
    """The size of images, and the arguments of a pooling of them."""
    window = draw(ints(1, 3))
    stride = draw(st.none() | ints(1, 3))
    padding = draw(PADDINGS)
    rows, columns = two(window)
    if not isinstance(padding, str):
        pads = padding_of(None, None, None, padding, None)
        padding = tuple((min(b, w - 1), min(a, w - 1)) for (b, a), w in zip(pads, two(window), strict=True))
    size = [draw(st.integers(w if padding == "valid" else 1, w + 2)) for w in (rows, columns)]
    if not fits(size, two(window), two(window if stride is None else stride), padding):
        padding = "same"
    return tuple(size), window, stride, padding

"""Correlations with weights: a window of weights slides over the image, which goes on beyond its edges by a mode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.ndimage
from numpy.lib.array_utils import normalize_axis_index

from tinygraph.derivatives.indexing import scatter
from tinygraph.engine.primitives import primitive
from tinygraph.scipy.calls import floating, on_tensors, only
from tinygraph.scipy.convolutions import full, sliding

__all__ = ["convolve", "convolve1d", "correlate", "correlate1d", "for_each_axis", "plain_output"]

# The modes by NumPy's names of them, in `np.pad`; None for a constant.
_MODES = {
    "reflect": "symmetric", "grid-mirror": "symmetric", "mirror": "reflect", "nearest": "edge", "wrap": "wrap",
    "grid-wrap": "wrap", "constant": None, "grid-constant": None,
}  # fmt: skip


class Edges(NamedTuple):
    """The way an image goes on beyond its edges.

    Attributes:
        mode: SciPy's name of it.
        value: that of "constant".
        origins: by how much the window is shifted along each axis.
        axis: that of a window of one axis; None for one of all axes.
    """

    mode: str
    value: float
    origins: tuple[int, ...]
    axis: int | None

    def places(self, size: int, window: int, axis: int) -> Any:
        """Return the place in the image of each element of the extended image along an axis; -1 outside of it."""
        before = window // 2 + self.origins[axis]
        pads = (before, window - 1 - before)
        mode = _MODES[self.mode]
        if mode is None:
            return np.pad(np.arange(size), pads, constant_values=-1)
        return np.pad(np.arange(size), pads, mode=mode)  # type: ignore[call-overload]


@primitive
def correlated(x: Any, w: Any, edges: tuple[Any, ...]) -> Any:
    """The correlation of an image with weights, by SciPy's function; along one axis the weights are a vector."""
    mode, value, origins, axis = edges
    if axis is not None:
        return scipy.ndimage.correlate1d(x, w, axis, None, mode, value, origins[axis])
    return scipy.ndimage.correlate(x, w, None, mode, value, list(origins))


def _window(w: Any, ndim: int, axis: int | None) -> Any:
    """Return the weights as a window of all axes."""
    return w if axis is None else np.reshape(w, (*[1] * axis, w.shape[0], *[1] * (ndim - 1 - axis)))


def _correlated_x(g: Any, z: Any, x: Any, w: Any, edges: Any) -> Any:
    edges = Edges(*edges)
    if 0 in x.shape:
        return np.zeros(x.shape, x.dtype)
    window = _window(w, g.ndim, edges.axis)
    found = full(g, window)
    for axis, (size, width) in enumerate(zip(x.shape, window.shape, strict=True)):
        if width > 1:
            found = _folded(found, edges.places(size, width, axis), size, axis)
    return found


def _folded(extended: Any, places: Any, size: int, axis: int) -> Any:
    """Return the sums of the elements of an extended image that are the same element of the image, along an axis."""
    inside = places >= 0
    if not np.all(inside):
        start = int(np.argmax(inside))
        return extended[(*[slice(None)] * axis, slice(start, start + size))]
    first = np.moveaxis(extended, axis, 0)
    return np.moveaxis(scatter(first, (places,), (size, *first.shape[1:])), 0, axis)


def _correlated_w(g: Any, z: Any, x: Any, w: Any, edges: Any) -> Any:
    edges = Edges(*edges)
    if 0 in x.shape:
        return np.zeros(w.shape, w.dtype)
    window = (*[1] * edges.axis, w.shape[0], *[1] * (g.ndim - 1 - edges.axis)) if edges.axis is not None else w.shape
    for axis, width in enumerate(window):
        if width > 1:
            x = _extended(x, edges.places(x.shape[axis], width, axis), edges.value, axis)
    return np.reshape(sliding(x, g), w.shape)


def _extended(x: Any, places: Any, value: float, axis: int) -> Any:
    """Return an image with what lies beyond its edges along an axis."""
    outside = np.reshape(places < 0, (-1, *[1] * (x.ndim - 1 - axis)))
    found = np.take(x, np.maximum(places, 0), axis=axis)
    return np.where(outside, np.asarray(value, x.dtype), found) if np.any(outside) else found


correlated.derivative(_correlated_x, _correlated_w)


def for_each_axis(item: Any, ndim: int) -> tuple[Any, ...]:
    """Return a value for each axis: several as they are, or one for all."""
    several = np.ndim(item) > 0 if hasattr(item, "shape") else isinstance(item, Sequence) and not isinstance(item, str)
    return tuple(item) if several else (item,) * ndim


def plain_output(call: str, output: Any, axes: Any = None) -> None:
    """Raise UnsupportedError if an array is to be written into, or only some axes are meant."""
    only(f"ndimage.{call}", "Use the result that the call returns", output=(output, None))
    only(f"ndimage.{call}", "Filter each part and join them with np.stack", axes=(axes, None))


@on_tensors(scipy.ndimage.correlate1d)
def correlate1d(
    input: Any, weights: Any, axis: int = -1, output: Any = None, mode: str = "reflect", cval: float = 0.0,  # noqa: A002
    origin: int = 0,
) -> Any:  # fmt: skip
    """Correlate an image with weights along one axis; see `scipy.ndimage.correlate1d`."""
    plain_output("correlate1d", output)
    x = floating(input)
    axis = normalize_axis_index(axis, x.ndim)
    edges = Edges(mode, cval, (origin,) * x.ndim, axis)
    return correlated(x, floating(weights), tuple(edges))


@on_tensors(scipy.ndimage.convolve1d)
def convolve1d(
    input: Any, weights: Any, axis: int = -1, output: Any = None, mode: str = "reflect", cval: float = 0.0,  # noqa: A002
    origin: int = 0,
) -> Any:  # fmt: skip
    """Convolve an image with weights along one axis; see `scipy.ndimage.convolve1d`."""
    weights = floating(weights)[::-1]
    origin = -origin - (weights.shape[0] % 2 == 0)
    return correlate1d(input, weights, axis, output, mode, cval, origin)


@on_tensors(scipy.ndimage.correlate)
def correlate(
    input: Any, weights: Any, output: Any = None, mode: str = "reflect", cval: float = 0.0, origin: Any = 0, *,  # noqa: A002
    axes: Any = None,
) -> Any:  # fmt: skip
    """Correlate an image with weights; see `scipy.ndimage.correlate`. `origin` may differ by the axis."""
    plain_output("correlate", output, axes)
    x = floating(input)
    edges = Edges(mode, cval, for_each_axis(origin, x.ndim), None)
    return correlated(x, floating(weights), tuple(edges))


@on_tensors(scipy.ndimage.convolve)
def convolve(
    input: Any, weights: Any, output: Any = None, mode: str = "reflect", cval: float = 0.0, origin: Any = 0, *,  # noqa: A002
    axes: Any = None,
) -> Any:  # fmt: skip
    """Convolve an image with weights; see `scipy.ndimage.convolve`. `origin` may differ by the axis."""
    weights = np.flip(floating(weights))
    origins = for_each_axis(origin, weights.ndim)
    origins = tuple([-item - (size % 2 == 0) for item, size in zip(origins, weights.shape, strict=True)])
    return correlate(input, weights, output, mode, cval, origins, axes=axes)

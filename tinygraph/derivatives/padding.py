"""`np.pad`: an array with a border. Most modes repeat elements in the border; the others compute its values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.derivatives.indexing import scatter
from tinygraph.engine.modes import for_any_values
from tinygraph.engine.operands import array_of, has_tensors
from tinygraph.engine.orders import laid_out
from tinygraph.engine.table import composition
from tinygraph.errors import UnsupportedError


@composition(np.pad)
def pad(array: Any, pad_width: Any, mode: Any = "constant", **keywords: Any) -> Any:
    """The array with a border."""
    array = array_of(array)
    return laid_out(_padded(array, pad_width, mode, keywords), "A", array)


def _padded(array: Any, pad_width: Any, mode: Any, keywords: dict[str, Any]) -> Any:
    if callable(mode):
        raise UnsupportedError(
            "pad: a function as mode would write into the array; compute the border yourself and np.concatenate it"
        )
    np.pad(np.ones((1,) * array.ndim), 0, mode, **_sizes_only(keywords))  # NumPy says which keywords do not fit
    widths = _pairs(pad_width, array.ndim)
    computed = for_any_values() and "constant_values" in keywords
    if mode in ("constant", "empty") and not (computed or has_tensors(keywords)):
        return _in_a_frame(array, pad_width, widths, keywords)
    if mode in ("edge", "wrap") or (
        mode in ("reflect", "symmetric") and keywords.get("reflect_type", "even") == "even"
    ):
        places = np.pad(np.arange(array.size).reshape(array.shape), pad_width, mode, **keywords)
        return np.take(np.ravel(array), places)
    for axis, (before, after) in enumerate(widths):
        if before or after:
            array = _along(array, axis, int(before), int(after), mode, keywords)
    return array


def _sizes_only(keywords: dict[str, Any]) -> dict[str, Any]:
    numbers = ("stat_length", "constant_values", "end_values")
    return {key: 1 if key in numbers else item for key, item in keywords.items()}


def _pairs(values: Any, ndim: int) -> Any:
    """Return the values before and behind each axis, given a number, a pair, or a pair for each axis."""
    if isinstance(values, dict):
        both: list[Any] = [(0, 0)] * ndim
        for axis, width in values.items():
            both[axis] = (width, width) if np.ndim(width) == 0 else tuple(width)
        return both
    return np.broadcast_to(array_of(values), (ndim, 2))


def _in_a_frame(array: Any, pad_width: Any, widths: Any, keywords: dict[str, Any]) -> Any:
    filled = np.pad(np.zeros(array.shape, dtype=array.dtype), pad_width, **keywords)
    inside = np.pad(np.ones(array.shape, dtype=bool), pad_width)
    place = tuple(
        [slice(int(before), int(before) + size) for (before, _), size in zip(widths, array.shape, strict=True)]
    )
    return scatter(array, place, filled.shape) + np.where(inside, 0, filled)


# --- one axis after the other -----------------------------------------------------------------------------------------

_STATISTICS: dict[str, Callable[..., Any]] = {
    "maximum": np.max, "minimum": np.min, "mean": np.mean, "median": np.median
}  # fmt: skip


def _along(array: Any, axis: int, before: int, after: int, mode: str, keywords: dict[str, Any]) -> Any:
    """The array with a border at both ends of an axis; the borders of the axes before it are part of it already."""
    if mode in ("reflect", "symmetric"):
        return _turned_over(array, axis, before, after, edge_twice=mode == "symmetric")
    sides = []
    for side, width in enumerate((before, after)):
        if mode in _STATISTICS:
            sides.append(_statistic(array, axis, side, width, mode, keywords.get("stat_length")))
        else:
            values = _pairs(keywords.get("constant_values" if mode == "constant" else "end_values", 0), array.ndim)
            end = values[axis][side]
            ramp = mode == "linear_ramp"
            sides.append(_ramp(array, axis, side, width, end) if ramp else _block(array, axis, width, end))
    return np.concatenate([sides[0], array, sides[1]], axis=axis)


def _part(array: Any, axis: int, start: int | None, stop: int | None) -> Any:
    return array[(*(slice(None),) * axis, slice(start, stop))]


def _block(array: Any, axis: int, width: int, value: Any) -> Any:
    shape = (*array.shape[:axis], width, *array.shape[axis + 1 :])
    return np.broadcast_to(value, shape).astype(array.dtype)


def _statistic(array: Any, axis: int, side: int, width: int, mode: str, stat_length: Any) -> Any:
    """A statistic of the elements next to one end, or of all, as often as the border is wide."""
    size = array.shape[axis]
    length = size if stat_length is None else min(int(_pairs(stat_length, array.ndim)[axis][side]), size)
    chosen = _part(array, axis, 0, length) if side == 0 else _part(array, axis, size - length, None)
    return _block(array, axis, width, _STATISTICS[mode](chosen, axis=axis, keepdims=True))


def _ramp(array: Any, axis: int, side: int, width: int, end: Any) -> Any:
    """A ramp from the end value, included, to the edge, excluded."""
    edge = _part(array, axis, 0, 1) if side == 0 else _part(array, axis, -1, None)
    shape = [width if place == axis else 1 for place in range(array.ndim)]
    shares = np.reshape(np.arange(width) / max(width, 1), shape).astype(array.dtype)
    ramp = end + (edge - end) * (shares if side == 0 else np.flip(shares, axis))
    return ramp.astype(array.dtype)


def _turned_over(array: Any, axis: int, before: int, after: int, edge_twice: bool) -> Any:
    """The border continues the array turned by half a turn about each end, over and over.

    A turn about the end 0 takes x(i) to 2 x(0) - x(-i), and one about the end n - 1 takes it to 2 x(n-1) - x(2(n-1) -
    i). Two turns move x by a period, and add twice the difference of the ends. `symmetric` turns about the outer sides
    of the ends instead.
    """
    size = array.shape[axis]
    period = 2 * size if edge_twice else 2 * (size - 1)
    if period == 0:
        return np.concatenate([_part(array, axis, 0, 1)] * (before + 1 + after), axis=axis)
    turns, rest = np.divmod(np.arange(-before, size + after), period)
    turned = rest >= size
    places = np.where(turned, (period - 1 if edge_twice else period) - rest, rest)
    shape = [-1 if place == axis else 1 for place in range(array.ndim)]
    first, last = _part(array, axis, 0, 1), _part(array, axis, -1, None)
    sign, turns, turned = (np.reshape(item, shape).astype(array.dtype) for item in (1 - 2 * turned, turns, turned))
    return np.take(array, places, axis=axis) * sign + 2 * turned * last + 2 * turns * (last - first)

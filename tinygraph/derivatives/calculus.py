"""Calculus with samples: even spaces, differences, slopes, integrals, interpolation, convolution."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from tinygraph.engine.modes import for_any_values
from tinygraph.engine.operands import array_of, indexable, plain
from tinygraph.engine.orders import laid_out
from tinygraph.engine.table import composition, derivative
from tinygraph.errors import ShapeError
from tinygraph.users_code.source import users_line


def _part(a: Any, axis: int, start: int | None, stop: int | None) -> Any:
    """a[start:stop] along an axis."""
    return a[(*(slice(None),) * axis, slice(start, stop))]


@composition(np.linspace)
def linspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, retstep: bool = False, dtype: Any = None, axis: int = 0
) -> Any:
    """Numbers at even distances from start to stop."""
    start, stop = (array_of(end) if isinstance(end, list | tuple) else end for end in (start, stop))
    gaps = num - 1 if endpoint else num
    shares = (np.arange(num) / max(gaps, 1)).astype(np.result_type(start, stop, float(num)))
    shares = np.reshape(shares, (num,) + (1,) * max(np.ndim(start), np.ndim(stop)))
    numbers = np.moveaxis(start + (np.subtract(stop, start)) * shares, 0, axis)
    if dtype is not None:
        numbers = np.floor(numbers).astype(dtype) if np.dtype(dtype).kind in "iu" else numbers.astype(dtype)
    if not retstep:
        return numbers
    return numbers, (np.subtract(stop, start) / gaps if gaps else np.nan)


@composition(np.logspace)
def logspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10.0, dtype: Any = None, axis: int = 0
) -> Any:
    """Powers of a base, at even distances of their exponents from start to stop."""
    start, stop = (array_of(end) if isinstance(end, list | tuple) else end for end in (start, stop))
    if np.ndim(base):
        ndim = max(np.ndim(start), np.ndim(stop), np.ndim(base))
        start, stop, base = (
            np.reshape(item, (1,) * (ndim - np.ndim(item)) + np.shape(item)) for item in (start, stop, base)
        )
        base = np.expand_dims(base, axis)
    powers = np.power(base, np.linspace(start, stop, num, endpoint, axis=axis))
    return powers if dtype is None else powers.astype(dtype)


@composition(np.geomspace)
def geomspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0) -> Any:
    """Numbers of even ratios from start to stop."""
    start, stop = (array_of(end) if isinstance(end, list | tuple) else end for end in (start, stop))
    computed = np.result_type(*plain((start, stop)), float(num), np.zeros((), dtype))
    start, stop = (array_of(item).astype(computed) for item in (start, stop))
    if not for_any_values() and (np.any(start == 0) or np.any(stop == 0)):
        raise ValueError("geomspace: a geometric sequence cannot include zero")
    sign = start / np.abs(start) if computed.kind == "c" else np.sign(plain(start))
    exponents = np.linspace(np.log10(start / sign), np.log10(stop / sign), num, endpoint)
    numbers = np.moveaxis(np.power(10.0, exponents) * sign, 0, axis)
    return numbers if dtype is None else numbers.astype(dtype)


# --- differences and slopes -------------------------------------------------------------------------------------------


@composition(np.diff)
def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Any:
    """Each element minus the one before, n times over."""
    a = array_of(a)
    if n <= 0:
        if n < 0:
            raise ValueError(f"diff: the number of times must not be negative, got {n}")
        return a
    axis = normalize_axis_index(axis, a.ndim)
    row = (*a.shape[:axis], 1, *a.shape[axis + 1 :])
    ends = [
        np.broadcast_to(end, row) if end is not None and np.ndim(end) == 0 else end for end in (prepend, append)
    ]  # fmt: skip
    if any(end is not None for end in ends):
        a = np.concatenate([part for part in (ends[0], a, ends[1]) if part is not None], axis=axis)
    for _ in range(n):
        a = _part(a, axis, 1, None) - _part(a, axis, None, -1)
    return a


@composition(np.ediff1d)
def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    """The differences of an array's elements in order, with numbers put before and behind."""
    elements = np.ravel(array_of(ary))
    ends = [None if end is None else np.ravel(array_of(end)) for end in (to_begin, to_end)]
    for name, end in zip(("to_begin", "to_end"), ends, strict=True):
        if end is not None and not np.can_cast(end.dtype, elements.dtype, "same_kind"):
            raise TypeError(f"ediff1d: {name}= of dtype {end.dtype} does not fit beside elements of {elements.dtype}")
    differences = np.diff(elements)
    parts = [part for part in (ends[0], differences, ends[1]) if part is not None]
    return np.concatenate([part.astype(differences.dtype) for part in parts])


@composition(np.gradient)
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """Slopes along each axis, by central differences inside and one-sided ones at the ends."""
    f = _of_floats(f)
    axes = range(f.ndim) if axis is None else normalize_axis_tuple(axis, f.ndim)
    steps = varargs or (1.0,)
    steps = steps * len(axes) if len(steps) == 1 and np.ndim(steps[0]) == 0 else steps
    if len(steps) != len(axes):
        raise TypeError(f"gradient: there are {len(axes)} axes, but {len(steps)} spacings")
    slopes = [
        laid_out(_slopes(f, step, each, edge_order).astype(f.dtype), "K", f)
        for each, step in zip(axes, steps, strict=True)
    ]
    return slopes[0] if len(slopes) == 1 else tuple(slopes)


def _of_floats(samples: Any) -> Any:
    """Return samples as floats: whole numbers without a sign have no differences below 0."""
    samples = array_of(samples)
    return samples.astype(np.float64) if samples.dtype.kind in "iu" else samples


def _slopes(f: Any, step: Any, axis: int, edge_order: int) -> Any:
    """Slopes along one axis, of samples a step apart, or at the given places.

    Each slope is that of the parabola through three samples or, at the ends for `edge_order` 1, of the line through
    two.

    Source: Fornberg, "Generation of finite difference formulas on arbitrarily spaced grids" (1988).
    """
    if edge_order not in (1, 2):
        raise ValueError(f"gradient: edge_order must be 1 or 2, got {edge_order}")
    size = f.shape[axis]
    if size < edge_order + 1:
        raise ValueError(f"gradient: axis {axis} of shape {f.shape} needs {edge_order + 1} samples at least")
    each = (-1,) + (1,) * (f.ndim - 1 - axis)
    # Gaps that are equal are not taken for one: each has a slope of its own.
    gaps = np.broadcast_to(step, (size - 1,)) if np.ndim(step) == 0 else np.diff(_of_floats(step))
    gaps = np.reshape(gaps, each)
    rises = (_part(f, axis, 1, None) - _part(f, axis, None, -1)) / gaps
    if size == 2:
        return np.concatenate([rises, rises], axis=axis)
    first, second = (np.reshape(part, each) for part in (np.ravel(gaps)[:-1], np.ravel(gaps)[1:]))
    before, after = _part(rises, axis, None, -1), _part(rises, axis, 1, None)
    inside = (before * second + after * first) / (first + second)
    start, end = _part(rises, axis, 0, 1), _part(rises, axis, -1, None)
    if edge_order == 2:
        bend = (after - before) / (first + second)
        start = start - _part(bend, axis, 0, 1) * np.ravel(gaps)[0]
        end = end + _part(bend, axis, -1, None) * np.ravel(gaps)[-1]
    return np.concatenate([start, inside, end], axis=axis)


# --- sums and integrals -----------------------------------------------------------------------------------------------


@composition(np.trapezoid)
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """The integral of samples y at places x, or dx apart: of the lines between them."""
    y = array_of(y)
    axis = normalize_axis_index(axis, y.ndim)
    x = None if x is None else array_of(x)
    if x is None:
        widths = dx
    elif np.ndim(x) == 1:
        widths = np.reshape(np.diff(x), (-1,) + (1,) * (y.ndim - 1 - axis))
    else:
        widths = np.diff(x, axis=axis)
    return np.sum(widths * (_part(y, axis, 1, None) + _part(y, axis, None, -1)) / 2.0, axis=axis)


def _cumulative(accumulate: Any, start: Any) -> Any:
    """cumulative_sum or cumulative_prod, written out with cumsum or cumprod."""

    def written_out(
        x: Any, /, *, axis: Any = None, dtype: Any = None, out: None = None, include_initial: bool = False
    ) -> Any:
        if type(axis) is tuple and len(axis) == 1:
            axis = axis[0]
        if type(axis) is tuple:
            raise ValueError(f"cumulative: axis= must be one axis, got {axis}")
        if axis is None and x.ndim > 1:
            raise ValueError(f"cumulative: axis= must say which of the axes of shape {x.shape}")
        axis = normalize_axis_index(axis or 0, max(x.ndim, 1))
        total = accumulate(x, axis=axis, dtype=dtype)
        if not include_initial:
            return total
        row = (*total.shape[:axis], 1, *total.shape[axis + 1 :])
        before = laid_out(start(row, dtype=total.dtype), "K", total)
        return np.concatenate([before, total], axis=axis)

    return written_out


if hasattr(np, "cumulative_sum"):
    composition(np.cumulative_sum)(_cumulative(np.cumsum, np.zeros))
    composition(np.cumulative_prod)(_cumulative(np.cumprod, np.ones))


# --- interpolation and convolution ------------------------------------------------------------------------------------


def _beside_infinity(inside: Any, x: Any, slope: Any, low: Any, below: Any, high: Any, above: Any) -> Any:
    """The value on a line; where an infinite end leaves it undefined, that of the other end or of the point itself."""
    nowhere = np.isnan(inside)
    inside = np.where(nowhere, slope * (x - high) + above, inside)
    inside = np.where(np.isnan(inside) & (below == above), below, inside)
    inside = np.where(nowhere & (x == low), below, inside)
    return np.where(nowhere & (x == high), above, inside)


@composition(np.interp)
def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Any:
    """The line through the points (xp, fp) at x; outside of them the first and last value, or `left` and `right`."""
    x, xp, fp = (array_of(item) for item in (x, xp, fp))
    if "c" in (x.dtype.kind, xp.dtype.kind):
        raise TypeError(f"interp: the places must be real, got {x.dtype} and {xp.dtype}")
    x, xp = x.astype(np.float64), xp.astype(np.float64)
    fp = fp.astype(np.complex128 if fp.dtype.kind == "c" else np.float64)
    if period is not None:
        x, xp = x % period, xp % period
        order = np.argsort(plain(xp))
        xp, fp = xp[order], fp[order]
        xp = np.concatenate([xp[-1:] - period, xp, xp[:1] + period])
        fp = np.concatenate([fp[-1:], fp, fp[:1]])
        left = right = None
    if xp.size == 1:
        inside = fp[np.zeros(x.shape, dtype=int)]
    else:
        place = np.clip(np.searchsorted(plain(xp), plain(x), side="right") - 1, 0, xp.size - 2)
        xp, fp = indexable(xp), indexable(fp)
        (low, below), (high, above) = [(xp[at], fp[at]) for at in (place, place + 1)]
        flat = high == low  # the last place more than once
        slope = (above - below) / np.where(flat, 1, high - low)
        inside = (
            np.where(flat, above, slope * (x - low) + below)
            if for_any_values() or np.any(flat)
            else (slope * (x - low) + below)
        )
        if for_any_values() or np.any(np.isnan(inside)):
            inside = _beside_infinity(inside, x, slope, low, below, high, above)
    inside = np.where(x < xp[0], fp[0] if left is None else left, inside)
    return np.where(x > xp[-1], fp[-1] if right is None else right, inside)


# Whole periods are added, and they do not depend on the angles.
derivative(np.unwrap, lambda g, z, p, discont=None, axis=-1, *, period=2 * np.pi: g)


def _convolve_operand(g: Any, shape: tuple[int, ...], other: Any, mode: Any) -> Any:
    """The cotangent of one operand: the full result's cotangent correlated with the other operand."""
    n, m = max(shape[0] if shape else 1, 1), np.size(other)
    mode = {0: "valid", 1: "same", 2: "full"}.get(mode, mode)
    before = {"full": 0, "same": (min(n, m) - 1) // 2, "valid": min(n, m) - 1}[mode]
    full = np.pad(g, (before, n + m - 1 - before - g.shape[0]))
    return np.reshape(np.convolve(full, np.ravel(other)[::-1], "valid"), shape)


derivative(
    np.convolve,
    lambda g, z, a, v, mode="full": _convolve_operand(g, a.shape, v, mode),
    lambda g, z, a, v, mode="full": _convolve_operand(g, v.shape, a, mode),
)


@composition(np.correlate)
def correlate(a: Any, v: Any, mode: Any = "valid") -> Any:
    """Sums of products of one vector with another that is shifted along it."""
    a, v = array_of(a), array_of(v)
    if a.ndim != 1 or v.ndim != 1:
        raise ShapeError(f"correlate: it takes vectors, got shapes {a.shape} and {v.shape} ({users_line()})")
    backward = np.conjugate(v)[::-1] if v.dtype.kind == "c" else v[::-1]
    if len(v) <= len(a):
        return np.convolve(a, backward, mode)
    # NumPy shifts the shorter one along the longer, and turns the result.
    return laid_out(np.convolve(a[::-1], np.conjugate(v) if v.dtype.kind == "c" else v, mode)[::-1], "C")

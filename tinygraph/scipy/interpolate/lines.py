"""Straight lines between points."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.interpolate

from tinygraph.engine.modes import is_tracing
from tinygraph.engine.operands import plain
from tinygraph.scipy.calls import (
    array,
    carries_gradient,
    constant,
    floating,
    is_followed,
    numbers,
    one_call,
    only,
    unsupported,
)

__all__ = ["interp1d"]


class interp1d:  # noqa: N801 - SciPy's name
    """Interpolate between points by straight lines; see `scipy.interpolate.interp1d`.

    Gradients flow to the places `x` and values `y` of the points, and to the places where the lines are read. At a
    point the slope is that of the line on its left.

    Args:
        x, y: the points; `axis` is that of y which they lie along.
        kind: "linear" where there are Tensors.
        bounds_error: raise ValueError beyond the points; by default if no `fill_value` is given.
        fill_value: a plain number, or a pair (below, above), for the results beyond the points; or "extrapolate".

    Raises:
        UnsupportedError: (called) there are Tensors, and `kind` is another.
    """

    def __init__(
        self, x: Any, y: Any, kind: Any = "linear", axis: int = -1, copy: bool = True, bounds_error: bool | None = None,
        fill_value: Any = np.nan, assume_sorted: bool = False,
    ) -> None:  # fmt: skip
        self.x, self.y, self.kind, self.axis = x, y, kind, axis
        self.bounds_error, self.assume_sorted = bounds_error, assume_sorted
        self.fill_value = fill_value = constant(
            "interpolate.interp1d", "no gradient flows to fill_value", "Give a plain number, t.data", fill_value
        )
        self._plain: Any = None
        self._needs_ours = is_followed if kind == "linear" else carries_gradient
        if not self._needs_ours((x, y)):
            self._plain = scipy.interpolate.interp1d(
                *numbers((x, y)), kind, axis, copy, bounds_error, fill_value, assume_sorted
            )

    @one_call("interpolate")
    def __call__(self, x: Any) -> Any:
        """Return the values at places, an array of any shape, which stands where the axis stood."""
        if self._plain is not None and not self._needs_ours(x):
            return self._plain(numbers(x))
        only(
            "interpolate.interp1d", "Write tinygraph.scipy.interpolate.make_interp_spline(x, y, k=3)(new) for curves",
            kind=(self.kind, "linear"),
        )  # fmt: skip
        new = floating(x)
        places, values = floating(self.x), np.moveaxis(floating(self.y), self.axis, 0)
        if not self.assume_sorted:
            order = np.argsort(plain(places), kind="mergesort")
            places, values = places[order], values[order]
        flat = np.ravel(new)
        found = self._on_lines(flat, places, values)
        found = self._beyond(found, flat, places)
        found = np.reshape(found, (*new.shape, *values.shape[1:]))
        axis = self.axis % (values.ndim)
        return np.moveaxis(found, range(new.ndim), range(axis, axis + new.ndim))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or self._plain is None:
            raise AttributeError(f"interp1d: a curve through Tensors has no {name}. Call it at places")
        return getattr(self._plain, name)

    def _on_lines(self, new: Any, places: Any, values: Any) -> Any:
        """Return the values of the nearest lines."""
        high = np.clip(np.searchsorted(plain(places), plain(new)), 1, places.shape[0] - 1)
        x_low, x_high, y_low, y_high = places[high - 1], places[high], values[high - 1], values[high]
        rest = (slice(None), *[None] * (values.ndim - 1))
        slope = (y_high - y_low) / (x_high - x_low)[rest]
        return slope * (new - x_low)[rest] + y_low

    def _beyond(self, found: Any, new: Any, places: Any) -> Any:
        """Return the values with those beyond the points replaced, or raise an error."""
        if isinstance(self.fill_value, str):
            return found
        below, above = plain(new) < plain(places)[0], plain(new) > plain(places)[-1]
        filled = self.fill_value is not np.nan
        if self.bounds_error or (self.bounds_error is None and not filled):
            if is_tracing():
                raise unsupported(
                    "compile: interpolate.interp1d", "a program cannot check that the places lie between the points",
                    'Give fill_value="extrapolate", or a number',
                )  # fmt: skip
            if np.any(below) or np.any(above):
                raise ValueError('interpolate.interp1d: a place lies beyond the points; give fill_value="extrapolate"')
        under, over = self.fill_value if isinstance(self.fill_value, tuple) else (self.fill_value, self.fill_value)
        rest = (slice(None), *[None] * (found.ndim - 1))
        found = np.where(below[rest], array(under), found)
        return np.where(above[rest], array(over), found)

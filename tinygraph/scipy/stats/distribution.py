"""A distribution: its functions of a standard variable, shifted and scaled."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.stats

from tinygraph.engine.modes import for_any_values
from tinygraph.engine.operands import plain
from tinygraph.engine.record import compose
from tinygraph.scipy.calls import array, carries_gradient, is_followed, numbers, one_call, unsupported

__all__ = ["Continuous", "Discrete", "Frozen"]

Function = Callable[..., Any]
_getframe = sys._getframe


def everywhere(condition: Any) -> bool:
    """Return whether a condition is known to hold for all elements; in a compiled function it never is."""
    return not for_any_values() and bool(np.all(plain(condition)))


class Distribution:
    """A distribution of SciPy's by its name, with functions for Tensors.

    Args:
        name: of the distribution.
        shapes: the names of its shapes, each a positive number.
        methods: for each method its function of the standard variable, or of a probability, and of the shapes.
        low, high: the ends of what can be drawn, for the standard variable; "n" is the shape of that name.
        bounded: shapes that are probabilities, at most 1.
    """

    def __init__(
        self, name: str, shapes: str, low: float, high: Any, methods: dict[str, Function], bounded: str = ""
    ) -> None:
        self.name, self.shapes, self.low, self.high, self.methods = name, tuple(shapes.split()), low, high, methods
        self.bounded = bounded.split()
        self.original = getattr(scipy.stats, name)

    def __repr__(self) -> str:
        return f"<tinygraph.scipy.stats.{self.name}>"

    def __call__(self, *args: Any, **kwargs: Any) -> Frozen:
        """Return the distribution with its shapes, `loc` and `scale` given."""
        return Frozen(self, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name in ("original", "name"):
            raise AttributeError(name)
        original = getattr(self.original, name)
        if not callable(original):
            return original

        @functools.wraps(original)
        def method(*args: Any, **kwargs: Any) -> Any:
            if not is_followed((args, kwargs)):
                return original(*args, **kwargs)
            call = f"stats.{self.name}.{name}"
            if not self.has(name):
                if not carries_gradient((args, kwargs)):
                    return original(*numbers(args), **numbers(kwargs))
                raise unsupported(call, "it has no gradient here", "Write it out with NumPy and scipy.special")
            given = self.given(call, args, kwargs)
            return compose(call, self.computed, (name, *given), {}, _getframe(1))

        return method

    def has(self, method: str) -> bool:
        """Return whether a method takes Tensors."""
        raise NotImplementedError

    def computed(self, method: str, x: Any, shapes: list[Any], loc: Any, scale: Any) -> Any:
        """Return what a method computes on Tensors."""
        raise NotImplementedError

    def given(self, call: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, list[Any], Any, Any]:
        """Return the arguments of a call: the variable, the shapes, `loc` and `scale`."""
        first = next((key for key in ("x", "k", "q") if key in kwargs), None)
        names = [first or "x", *self.shapes, "loc", *(["scale"] if isinstance(self, Continuous) else [])]
        if len(args) > len(names):
            raise TypeError(f"{call}: it takes {', '.join(names)}, got {len(args)} arguments")
        values: dict[str, Any] = {"loc": 0.0, "scale": 1.0, **dict(zip(names, args, strict=False)), **kwargs}
        missing = [name for name in names if name not in values]
        unknown = sorted(values.keys() - {*names, "scale"})
        if missing or unknown:
            wrong = f"got no {', '.join(missing)}" if missing else f"and no {', '.join(unknown)}"
            raise TypeError(f"{call}: it takes {', '.join(names)}, {wrong}")
        items = {name: array(item) for name, item in values.items()}
        return items[names[0]], [items[name] for name in self.shapes], items["loc"], items["scale"]

    def check(self, result: Any, shapes: list[Any], scale: Any) -> Any:
        """Return a result with NaN where a shape or the scale is none, as SciPy has it."""
        valid = plain(scale) > 0
        for name, shape in zip(self.shapes, shapes, strict=True):
            valid = valid & (plain(shape) >= 0 if name in self.bounded or name == "n" else plain(shape) > 0)
            if name in self.bounded:
                valid = valid & (plain(shape) <= 1)
        return result if everywhere(valid) else np.where(valid, result, np.nan)


class Continuous(Distribution):
    """A distribution with a density."""

    def has(self, method: str) -> bool:
        """Return whether a method takes Tensors."""
        return method in self.methods or method in ("pdf", "logcdf", "logsf", "isf")

    def computed(self, method: str, x: Any, shapes: list[Any], loc: Any, scale: Any) -> Any:
        """Return what a method computes on Tensors."""
        if method in ("ppf", "isf"):
            if method in self.methods:
                found = self.methods[method](x, *shapes)
            else:
                found = self.methods["ppf"](1 - x, *shapes)
            return self.check(loc + scale * found, shapes, scale)
        y = (x - loc) / scale
        below = plain(y) < self.low
        inside = (plain(y) >= self.low) & (plain(y) <= self.high)
        outside = not everywhere(inside)
        if outside:  # a value inside stands in, whose derivative is finite
            y = np.where(inside, y, self._inner())
        found, beyond = self._on_standard(method, y, shapes, scale)
        if outside:
            found = np.where(inside, found, np.where(below, *beyond) if beyond[0] != beyond[1] else beyond[0])
        return self.check(found, shapes, scale)

    def _inner(self) -> float:
        """Return a number between the ends."""
        return self.low + 0.5 if np.isfinite(self.low) else 0.5

    def _on_standard(self, method: str, y: Any, shapes: list[Any], scale: Any) -> tuple[Any, tuple[float, float]]:
        """Return a method's values between the ends, and those below and above."""
        functions = self.methods
        if method == "logpdf":
            return functions["logpdf"](y, *shapes) - np.log(scale), (-np.inf, -np.inf)
        if method == "pdf":
            density = functions.get("pdf") or (lambda *given: np.exp(functions["logpdf"](*given)))
            return density(y, *shapes) / scale, (0.0, 0.0)
        below, above = (0.0, 1.0) if method.endswith("cdf") else (1.0, 0.0)
        if not method.startswith("log"):
            return functions[method](y, *shapes), (below, above)
        ends = (-np.inf, 0.0) if method == "logcdf" else (0.0, -np.inf)
        if method in functions:
            return functions[method](y, *shapes), ends
        return np.log(functions[method.removeprefix("log")](y, *shapes)), ends


class Discrete(Distribution):
    """A distribution of whole numbers, which are plain: gradients flow to its shapes."""

    def has(self, method: str) -> bool:
        """Return whether a method takes Tensors."""
        return method in self.methods or method in ("pmf", "sf", "logcdf", "logsf")

    def computed(self, method: str, x: Any, shapes: list[Any], loc: Any, scale: Any) -> Any:
        """Return what a method computes on Tensors."""
        counts = plain(x) - plain(loc)
        if method in ("pmf", "logpmf"):
            high = self._high(shapes)
            inside = (counts >= self.low) & (counts <= high) & (np.floor(counts) == counts)
            found = self.methods["logpmf"](np.where(inside, counts, self.low), *shapes)
            found = found if everywhere(inside) else np.where(inside, found, -np.inf)
            return self.check(np.exp(found) if method == "pmf" else found, shapes, 1.0)
        counts = np.floor(counts)
        high = self._high(shapes)
        share = self.methods["cdf"](np.clip(counts, self.low, high), *shapes)
        share = np.where(counts < self.low, 0.0, np.where(counts >= high, 1.0, share))
        share = 1 - share if method.endswith("sf") else share
        return self.check(np.log(share) if method.startswith("log") else share, shapes, 1.0)

    def _high(self, shapes: list[Any]) -> Any:
        """Return the largest number: n, where that is a shape."""
        return plain(shapes[self.shapes.index("n")]) if self.high == "n" else self.high


class Frozen:
    """A distribution whose shapes, `loc` and `scale` are given."""

    def __init__(self, distribution: Distribution, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.dist, self.args, self.kwds = distribution, args, kwargs

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        method = getattr(self.dist, name)
        if name in ("pdf", "logpdf", "pmf", "logpmf", "cdf", "logcdf", "sf", "logsf", "ppf", "isf"):
            return one_call(f"stats.{self.dist.name}")(lambda x: method(x, *self.args, **self.kwds))
        if carries_gradient((self.args, self.kwds)):
            call = f"stats.{self.dist.name}.{name}"
            raise unsupported(call, "it has no gradient here", "Write it out with NumPy and scipy.special")
        return getattr(self.dist.original(*numbers(self.args), **numbers(self.kwds)), name)

"""Integrals of functions, by Leibniz's rule: the derivative of an integral is the integral of the derivative.

    d/dp ∫ₐᵇ f(x, p) dx = f(b, p) db/dp − f(a, p) da/dp + ∫ₐᵇ ∂f/∂p dx

The last integral is found by SciPy, too, to the same tolerance. It is itself differentiated by Leibniz's rule.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.integrate

from tinygraph.engine.modes import is_recording
from tinygraph.engine.operands import plain
from tinygraph.engine.primitives import primitive
from tinygraph.engine.tensor import Tensor
from tinygraph.scipy.callbacks import Callback, not_compiled
from tinygraph.scipy.calls import on_tensors, one_call, only

__all__ = ["fixed_quad", "quad", "quad_vec"]


@primitive
def integral(ends: list[Any], callback: Callback, value: Any, options: dict[str, Any]) -> Any:
    """The integral of a function between two ends, as SciPy found it; Tensors from outside stand after the ends."""
    return value


def _leibniz(g: Any, z: Any, ends: list[Any], callback: Callback, value: Any, options: dict[str, Any]) -> list[Any]:
    callback.check()
    low, high = ends[:2]
    scale = float(np.max(np.abs(plain(g)), initial=0)) or 1.0  # so that the tolerance is that of f
    seed = g / scale

    def slopes(x: float) -> Any:
        """Return the cotangents of all Tensors from outside at one x, as one vector."""
        found = callback.pulled(seed, is_recording() and isinstance(g, Tensor), x)
        return np.concatenate([np.ravel(item) for item in found])

    found = []
    if callback.links:
        whole = scale * _integral_of(slopes, low, high, options)
        places = np.cumsum([0, *[link._value.size for link in callback.links]]).tolist()
        for link, start, end in zip(callback.links, places, places[1:], strict=False):
            found.append(np.reshape(whole[start:end], link._value.shape))
    return [-_at(callback, low, g), _at(callback, high, g), *found]


def _at(callback: Callback, end: Any, g: Any) -> Any:
    """Return the cotangent of the upper end; an infinite one has none."""
    if not math.isfinite(float(np.real(plain(end)))):
        return np.zeros(())
    return np.sum(g * (callback(end) if isinstance(g, Tensor) else callback.value(end)))


integral.derivative(_leibniz)
integral.__name__ = "quad"


def _integral_of(f: Callable[[float], Any], low: Any, high: Any, options: dict[str, Any]) -> Any:
    """Return the integral of a function that returns vectors: a Tensor if a gradient can flow through it."""
    callback = Callback("integrate.quad", f)
    explored = callback.explored if is_recording() else callback.value
    value = scipy.integrate.quad_vec(explored, float(plain(low)), float(plain(high)), **options)[0]
    if is_recording() and (callback.links or isinstance(low, Tensor) or isinstance(high, Tensor)):
        return integral([low, high, *callback.stand_ins()], callback, value, options)
    return value


def _number(end: Any) -> Any:
    return end if isinstance(end, Tensor) else float(end)


def _kept(points: Any) -> dict[str, Any]:
    return {} if points is None else {"points": points}


@one_call("integrate.quad")
def quad(
    func: Callable[..., Any], a: Any, b: Any, args: Any = (), full_output: Any = 0, epsabs: float = 1.49e-8,
    epsrel: float = 1.49e-8, limit: int = 50, points: Any = None, weight: str | None = None, wvar: Any = None,
    wopts: Any = None, maxp1: int = 50, limlst: int = 50, complex_func: bool = False,
) -> Any:  # fmt: skip
    """Integrate a function from `a` to `b`; see `scipy.integrate.quad`.

    Gradients flow to both ends, to the Tensors in `args`, and to those that `func` uses from outside. The integral
    of the derivative is found to the same tolerances, by `quad_vec`.

    Args:
        func: a function of one number that returns one.

    Returns:
        The integral, a Tensor, and SciPy's estimate of the error.

    Raises:
        UnsupportedError: `weight` is given, or `complex_func`; or the call stands in a function that is compiled.
    """
    not_compiled("integrate.quad")
    callback = Callback("integrate.quad", func, args)
    value, *rest = scipy.integrate.quad(
        _as_number(callback), plain(a), plain(b), (), full_output, epsabs, epsrel, limit, points, weight, wvar, wopts,
        maxp1, limlst, complex_func,
    )  # fmt: skip
    if not _carries(callback, a, b):
        return (value, *rest)
    instead = "Write the weight into the function"
    only("integrate.quad", instead, weight=(weight, None), complex_func=(complex_func, False))
    options = {"epsabs": epsabs, "epsrel": epsrel, "limit": 200 * limit, **_kept(points)}
    ends = [_number(a), _number(b), *callback.stand_ins()]
    return (integral(ends, callback, np.float64(value), options), *rest)


def _as_number(callback: Callback) -> Callable[[float], Any]:
    """Return the function as SciPy may call it, which looks for Tensors from outside at every point."""

    def number(x: float) -> Any:
        value = callback.explored(x)
        return value.item() if isinstance(value, np.ndarray | np.generic) and np.size(value) == 1 else value

    return number


def _carries(callback: Callback, *ends: Any) -> bool:
    """Return whether a gradient flows to an end or to a Tensor from outside; notes the value at an end for later."""
    if not (callback.links or any(isinstance(end, Tensor) for end in ends)):
        return False
    inside = next((float(plain(end)) for end in ends if math.isfinite(float(plain(end)))), 0.0)
    other = float(plain(ends[1])) if math.isfinite(float(plain(ends[1]))) else inside + 1.0
    callback.settle((inside + other) / 2)
    return True


@one_call("integrate.quad_vec")
def quad_vec(
    f: Callable[..., Any], a: Any, b: Any, epsabs: float = 1e-200, epsrel: float = 1e-8, norm: str = "2",
    cache_size: float = 100e6, limit: float = 10000, workers: Any = 1, points: Any = None, quadrature: Any = None,
    full_output: bool = False, *, args: Any = (),
) -> Any:  # fmt: skip
    """Integrate a function that returns an array from `a` to `b`; see `scipy.integrate.quad_vec`.

    Gradients flow as in `quad`.

    Returns:
        The integral, a Tensor, and SciPy's estimate of the error.

    Raises:
        UnsupportedError: the call stands in a function that is compiled.
    """
    not_compiled("integrate.quad_vec")
    callback = Callback("integrate.quad_vec", f, args)
    options = {"epsabs": epsabs, "epsrel": epsrel, "norm": norm, "limit": limit, "quadrature": quadrature}
    options |= _kept(points)
    value, *rest = scipy.integrate.quad_vec(
        callback.explored, float(plain(a)), float(plain(b)), cache_size=cache_size, workers=workers,
        full_output=full_output, **options,
    )  # fmt: skip
    if not _carries(callback, a, b):
        return (value, *rest)
    return (integral([_number(a), _number(b), *callback.stand_ins()], callback, value, options), *rest)


@on_tensors(scipy.integrate.fixed_quad)
def _fixed_quad(func: Callable[..., Any], a: Any, b: Any, args: Any = (), n: int = 5) -> Any:
    x, w = np.polynomial.legendre.leggauss(n)
    y = (b - a) * (x + 1) / 2.0 + a
    return (b - a) / 2.0 * np.sum(w * func(y, *args), axis=-1), None


def fixed_quad(func: Callable[..., Any], a: Any, b: Any, args: Any = (), n: int = 5) -> Any:
    """Integrate a function by Gauss's quadrature with n nodes; see `scipy.integrate.fixed_quad`.

    The nodes' sum is recorded as it is: gradients are those of the sum, to any order.
    """
    return _fixed_quad(func, a, b, args, n)

"""Splines through points: at each place a sum of the values at the points, with weights that are splines themselves.

So the derivative by the values is a product with the weights, and the derivative by the place is the spline's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.interpolate

from tinygraph.engine.primitives import primitive
from tinygraph.errors import UnsupportedError
from tinygraph.scipy.calls import array, constant, floating, is_followed, one_call, unsupported
from tinygraph.users_code.source import users_line

__all__ = ["CubicSpline", "Spline", "make_interp_spline"]

Options = tuple[tuple[str, Any], ...]


def _curve(name: str, x: Any, y: Any, options: Options, nu: int) -> Any:
    """Return SciPy's spline through points along the first axis, or the derivative of order nu, as a function."""
    curve = getattr(scipy.interpolate, name)(x, y, axis=0, **dict(options))
    if nu < 0:
        curve, nu = curve.antiderivative(-nu), 0
    return lambda new: curve(new, nu)


@primitive
def spline(y: Any, new: Any, name: str, x: Any, options: Options, nu: int) -> Any:
    """The values at places of a spline through points, or of its derivative of order nu."""
    return _curve(name, x, y, options, nu)(new)


@primitive
def weights(new: Any, name: str, x: Any, options: Options, nu: int) -> Any:
    """The weight of each value in the values at places, in the last axis."""
    size = x.shape[0]
    return _curve(name, x, np.eye(size), _without_values(options, size), nu)(new)


def _spline_y(g: Any, z: Any, y: Any, new: Any, name: Any, x: Any, options: Any, nu: Any) -> Any:
    axes = list(range(np.ndim(new)))
    return np.tensordot(weights(new, name, x, options, nu), g, (axes, axes))


def _spline_new(g: Any, z: Any, y: Any, new: Any, name: Any, x: Any, options: Any, nu: Any) -> Any:
    slopes = g * spline(y, new, name, x, options, nu + 1)
    return np.sum(slopes, axis=tuple(range(np.ndim(new), slopes.ndim)))


spline.derivative(_spline_y, _spline_new)
weights.derivative(lambda g, z, new, name, x, options, nu: np.sum(g * weights(new, name, x, options, nu + 1), axis=-1))


def _without_values(options: Options, size: int) -> Options:
    """Return the options of a spline, with 0 for the derivatives that are given at the ends."""

    def zeroed(item: Any) -> Any:
        if isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], int):
            return (item[0], np.zeros(size))
        return type(item)(zeroed(part) for part in item) if isinstance(item, list | tuple) else item

    return tuple([(key, zeroed(item) if key == "bc_type" else item) for key, item in options])


class Spline:
    """A spline through points, as `CubicSpline` and `make_interp_spline` return it.

    Gradients flow to the values at the points, and to the places where the spline is read. Through plain values it has
    all that SciPy's spline has.
    """

    def __init__(self, name: str, x: Any, y: Any, axis: int, options: Options, nu: int = 0) -> None:
        x, options = constant(
            f"interpolate.{name}", "no gradient flows to the places of the points and the conditions at the ends",
            "Give them as plain arrays, t.data", (x, options),
        )  # fmt: skip
        self._name, self._x, self._axis, self._options, self._nu = name, array(x), axis, options, nu
        self._y = y
        self._plain: Any = None
        if not is_followed(y):
            curve = getattr(scipy.interpolate, name)(x, y, axis=axis, **dict(options))
            self._plain = curve.derivative(nu) if nu > 0 else curve.antiderivative(-nu) if nu < 0 else curve
        elif dict(options).get("bc_type") == "periodic":
            raise unsupported(
                f"interpolate.{name}", "a periodic spline has no gradient here",
                'Use bc_type="natural", with the points of a whole period before and after',
            )  # fmt: skip

    @one_call("interpolate")
    def __call__(self, x: Any, nu: int = 0, extrapolate: Any = None) -> Any:
        """Return the values at places, an array of any shape, or those of the derivative of order nu."""
        if self._plain is not None and not is_followed(x):
            return self._plain(x, nu, extrapolate)
        options = self._options
        if extrapolate is not None:
            options = (*[item for item in options if item[0] != "extrapolate"], ("extrapolate", extrapolate))
            if self._name != "CubicSpline":
                raise unsupported("interpolate.make_interp_spline", "extrapolate= is not taken here", "Leave it out")
        new = floating(x)
        y = np.moveaxis(floating(self._y), self._axis, 0)
        found = spline(y, new, self._name, self._x, options, self._nu + nu)
        axis = self._axis % y.ndim
        return np.moveaxis(found, range(new.ndim), range(axis, axis + new.ndim))

    def derivative(self, nu: int = 1) -> Spline:
        """Return the derivative of order nu, a spline."""
        return self._of_order(self._nu + nu)

    def antiderivative(self, nu: int = 1) -> Spline:
        """Return the integral from the first point, nu times, a spline."""
        return self._of_order(self._nu - nu)

    def _of_order(self, nu: int) -> Spline:
        return Spline(self._name, self._x, self._y, self._axis, self._options, nu)

    @one_call("interpolate")
    def integrate(self, a: Any, b: Any, extrapolate: Any = None) -> Any:
        """Return the integral from a to b."""
        if self._plain is not None and not is_followed((a, b)):
            return self._plain.integrate(a, b, extrapolate)
        whole = self.antiderivative()
        return whole(b, 0, extrapolate) - whole(a, 0, extrapolate)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if self._plain is None:
            raise UnsupportedError(
                f"interpolate.{self._name}: {name} has no gradient here, at {users_line()}. Make the spline through "
                "plain values, y.data, for that"
            )
        return getattr(self._plain, name)


def CubicSpline(  # noqa: N802 - SciPy's name
    x: Any, y: Any, axis: int = 0, bc_type: Any = "not-a-knot", extrapolate: Any = None
) -> Spline:
    """Return the cubic spline through points; see `scipy.interpolate.CubicSpline`.

    Raises:
        UnsupportedError: the places `x` or the conditions at the ends are Tensors, or the spline is periodic.
    """
    return Spline("CubicSpline", x, y, axis, (("bc_type", bc_type), ("extrapolate", extrapolate)))


def make_interp_spline(
    x: Any, y: Any, k: int = 3, t: Any = None, bc_type: Any = None, axis: int = 0, check_finite: bool = True
) -> Spline:
    """Return the spline of degree k through points; see `scipy.interpolate.make_interp_spline`.

    Raises:
        UnsupportedError: the places `x`, the knots `t` or the conditions at the ends are Tensors, or the spline is
            periodic.
    """
    return Spline("make_interp_spline", x, y, axis, (("k", k), ("t", t), ("bc_type", bc_type)))

"""Derivatives of trigonometric and hyperbolic functions."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.engine.dependence import elementwise
from tinygraph.engine.notes import formula
from tinygraph.engine.table import derivative

DEGREE = float(np.pi / 180)


def _length(x: Any) -> Any:
    """√(x² + 1), of real numbers without the square, which overflows in float32 from 2e19 on."""
    if x.dtype.kind != "c":
        return np.hypot(x, 1)
    # On the branch cut of arcsinh the signs of zeros say on which side x lies, and the square loses them.
    on_cut = (x.real == 0) & (np.abs(x.imag) > 1)
    other_side = on_cut & (np.signbit(x.real) != np.signbit(x.imag))
    return np.sqrt(x * x + 1) * np.where(other_side, -1.0, 1.0)


def _side(x: Any) -> Any:
    """√(1 − x²), of complex numbers by factors: on a branch cut the sign of a zero says on which side x lies."""
    return np.sqrt(1 - x * x) if x.dtype.kind != "c" else np.sqrt(-(x - 1)) * np.sqrt(_above(x))


def _above(x: Any) -> Any:
    """x + 1. The imaginary part −0 stays −0, which a sum with +0 would not leave."""
    return x - -1 if x.dtype.kind == "c" else x + 1


def _over_square(side: Any, x: Any, y: Any) -> Any:
    """side ÷ (x² + y²), by the length twice: its square overflows, in uint8 from 16 on, in float16 from 256 on."""
    length = np.hypot(x, y)
    return side / length / length


derivative(np.sin,      lambda g, z, x: g * np.cos(x))  # fmt: skip
derivative(np.cos,      lambda g, z, x: -g * np.sin(x))  # fmt: skip
derivative(np.tan,      lambda g, z, x: g * (1 + z * z))  # fmt: skip
derivative(np.arcsin,   lambda g, z, x: g / _side(x))  # fmt: skip
derivative(np.arccos,   lambda g, z, x: -g / _side(x))  # fmt: skip
derivative(np.arctan,   lambda g, z, x: g / _length(x) / _length(x))  # fmt: skip
derivative(np.sinh,     lambda g, z, x: g * np.cosh(x))  # fmt: skip
derivative(np.cosh,     lambda g, z, x: g * np.sinh(x))  # fmt: skip
derivative(np.tanh,     lambda g, z, x: g * (1 - z * z))  # fmt: skip
derivative(np.arcsinh,  lambda g, z, x: g / _length(x))  # fmt: skip
derivative(np.arccosh,  lambda g, z, x: g / (np.sqrt(x - 1) * np.sqrt(_above(x))))  # fmt: skip
derivative(np.arctanh,  lambda g, z, x: g / (1 - x * x))  # fmt: skip
derivative(np.arctan2, lambda g, z, x, y: g * _over_square(y, x, y), lambda g, z, x, y: -g * _over_square(x, x, y))
derivative(np.deg2rad,  lambda g, z, x: g * DEGREE)  # fmt: skip
derivative(np.radians,  lambda g, z, x: g * DEGREE)  # fmt: skip
derivative(np.rad2deg,  lambda g, z, x: g / DEGREE)  # fmt: skip
derivative(np.degrees,  lambda g, z, x: g / DEGREE)  # fmt: skip

formula(np.sin,    slopes=("cos {x}",),        pullbacks=("∇ × cos {x}",))  # fmt: skip
formula(np.cos,    slopes=("−sin {x}",),       pullbacks=("−∇ × sin {x}",))  # fmt: skip
formula(np.tan,    slopes=("1/cos² {x}",))  # fmt: skip
formula(np.arctan, slopes=("1/(1 + {x}²)",))  # fmt: skip
formula(np.sinh,   slopes=("cosh {x}",))  # fmt: skip
formula(np.cosh,   slopes=("sinh {x}",))  # fmt: skip
formula(np.tanh,   slopes=("1 − {z}²",),       pullbacks=("∇ × (1 − {z}²)",))  # fmt: skip


def _slope_of_sinc(x: Any) -> Any:
    """(cos πx − sinc x) ÷ x. Near 0 the two almost cancel, and the first terms of its series are exact."""
    near = np.abs(x) < 0.1
    t, apart = np.where(near, x, 0), np.where(near, 1, x)
    u = np.square(np.pi * t)
    series = np.pi**2 * t * (-1 / 3 + u * (1 / 30 + u * (-1 / 840 + u * (1 / 45360 - u * (1 / 3991680)))))
    return np.where(near, series, (np.cos(np.pi * apart) - np.sinc(apart)) / apart)


derivative(np.sinc, lambda g, z, x: g * _slope_of_sinc(x))
elementwise(np.sinc)

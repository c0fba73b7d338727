"""Derivatives of trigonometric and hyperbolic functions."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.derivatives.table import derivative

DEGREE = float(np.pi / 180)

derivative(np.sin,      lambda g, z, x: g * np.cos(x))  # fmt: skip
derivative(np.cos,      lambda g, z, x: -g * np.sin(x))  # fmt: skip
derivative(np.tan,      lambda g, z, x: g * (1 + z * z))  # fmt: skip
derivative(np.arcsin,   lambda g, z, x: g / np.sqrt(1 - x * x))  # fmt: skip
derivative(np.arccos,   lambda g, z, x: -g / np.sqrt(1 - x * x))  # fmt: skip
derivative(np.arctan,   lambda g, z, x: g / (1 + x * x))  # fmt: skip
derivative(np.sinh,     lambda g, z, x: g * np.cosh(x))  # fmt: skip
derivative(np.cosh,     lambda g, z, x: g * np.sinh(x))  # fmt: skip
derivative(np.tanh,     lambda g, z, x: g * (1 - z * z))  # fmt: skip
derivative(np.arcsinh,  lambda g, z, x: g / np.sqrt(x * x + 1))  # fmt: skip
derivative(np.arccosh,  lambda g, z, x: g / (np.sqrt(x - 1) * np.sqrt(x + 1)))  # fmt: skip
derivative(np.arctanh,  lambda g, z, x: g / (1 - x * x))  # fmt: skip
derivative(np.arctan2,  lambda g, z, x, y: g * y / (x * x + y * y),  lambda g, z, x, y: -g * x / (x * x + y * y))  # fmt: skip
derivative(np.deg2rad,  lambda g, z, x: g * DEGREE)  # fmt: skip
derivative(np.radians,  lambda g, z, x: g * DEGREE)  # fmt: skip
derivative(np.rad2deg,  lambda g, z, x: g / DEGREE)  # fmt: skip
derivative(np.degrees,  lambda g, z, x: g / DEGREE)  # fmt: skip


def _slope_of_sinc(x: Any) -> Any:
    """(cos πx − sinc x) ÷ x, and 0 at 0, where it is even and smooth."""
    apart = np.where(x == 0, 1, x)
    return np.where(x == 0, -(np.pi**2) / 3 * x, (np.cos(np.pi * apart) - np.sinc(apart)) / apart)


derivative(np.sinc, lambda g, z, x: g * _slope_of_sinc(x))

"""Functions that choose between two numbers, those that are one instruction of the processor, and the hypotenuse."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygraph.compiler.fast.vector_code import Function, Numbers, compiled

__all__ = ["choices"]

_UNARY = ("absolute", "sqrt", "floor", "ceil", "rint", "trunc")


def choices(of: Numbers) -> dict[str, Function]:
    """Return the functions that choose between two numbers, and those that are one instruction.

    Of two equal numbers, such as 0.0 and -0.0, `maximum` and its kin return the second one, as NumPy does on x86.
    """
    zero, one = of.kind(0), of.kind(1)

    def maximum(x: Any, y: Any) -> Any:
        return x if x > y or x != x else y

    def minimum(x: Any, y: Any) -> Any:
        return x if x < y or x != x else y

    def fmax(x: Any, y: Any) -> Any:
        return y if y >= x or x != x else x

    def fmin(x: Any, y: Any) -> Any:
        return y if y <= x or x != x else x

    def sign(x: Any) -> Any:
        return one if x > zero else (-one if x < zero else (zero if x == zero else x))

    def reciprocal(x: Any) -> Any:
        return one / x

    chosen = {function.__name__: compiled(function) for function in (maximum, minimum, fmax, fmin, sign, reciprocal)}
    return {
        **chosen,
        **{name: _instruction(name) for name in _UNARY},
        "copysign": compiled(_copysign),
        "hypot": _hypot(of),
    }


def _instruction(name: str) -> Function:
    """Return a function of NumPy's that numba makes one instruction."""
    theirs = getattr(np, name)

    def function(x: Any) -> Any:
        return theirs(x)

    return compiled(function)


def _copysign(x: Any, y: Any) -> Any:
    return np.copysign(x, y)


def _hypot(of: Numbers) -> Function:
    """Return sqrt(x^2 + y^2). The squares overflow nowhere: float32 is squared in float64, float64 is scaled before."""
    kind, infinity, double = of.kind, of.kind(math.inf), np.float64
    large, small, up, down, one = map(double, (2.0**500, 2.0**-500, 2.0**600, 2.0**-600, 1.0))
    is_single = of.kind is np.float32

    def root(x: Any, y: Any) -> Any:
        return np.sqrt(x * x + y * y)

    root = compiled(root)

    def hypot(x: Any, y: Any) -> Any:
        x, y = abs(x), abs(y)
        if is_single:
            length = kind(root(double(x), double(y)))
        else:
            largest = x if x > y else y
            scale = down if largest > large else (up if largest < small else one)
            back = up if largest > large else (down if largest < small else one)
            length = root(x * scale, y * scale) * back
        return infinity if x == infinity or y == infinity else length

    return compiled(hypot)

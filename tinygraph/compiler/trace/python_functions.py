"""Python's functions of numbers, `min`, `max` and those of `math`: of a counter they are part of the reckoning.

They are written in C, and ask a number for its value. So while a function with counters is recorded, these names mean
the functions of this file in the user's modules.
"""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable
from types import BuiltinFunctionType
from typing import Any

from tinygraph.compiler.trace.python_numbers import NUMBERS, PythonNumber

__all__ = ["NUMBER_FUNCTIONS", "of_math"]


def _reckoning(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Return a function that is computed in Python before each call, if a counter is among its arguments."""

    def called(*args: Any, **kwargs: Any) -> Any:
        numbers = [item for item in args if type(item) is PythonNumber]
        if not numbers or kwargs or not all([type(item) is PythonNumber or type(item) in NUMBERS for item in args]):
            return function(*args, **kwargs)
        return numbers[0]._called(function, name, *args)

    called.__name__ = called.__qualname__ = function.__name__
    return called


class _Math:
    """`math`, whose functions take counters."""

    def __getattr__(self, name: str) -> Any:
        value = getattr(math, name)
        return _reckoning(value, f"math.{name}") if callable(value) else value


_MATH = _Math()

# By the name of a built-in function the one that stands in its place.
NUMBER_FUNCTIONS: dict[str, Any] = {name: _reckoning(getattr(builtins, name), name) for name in ("min", "max")}


def of_math(value: Any) -> Any:
    """Return the stand-in for `math` or one of its functions; any other value as it is."""
    if value is math:
        return _MATH
    is_one = type(value) is BuiltinFunctionType and getattr(value, "__self__", None) is math
    return _reckoning(value, f"math.{value.__name__}") if is_one else value

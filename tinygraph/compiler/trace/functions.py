"""Functions that a program calls and that have no name of their own: a ufunc's method, one of several results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.engine.table import function_name

__all__ = ["Method", "Part"]


class Method:
    """A method of a ufunc, such as `np.add.accumulate`, as a function: one object for each method."""

    _made: dict[tuple[np.ufunc, str], Method] = {}

    def __init__(self, ufunc: np.ufunc, method: str) -> None:
        self.ufunc = ufunc
        self.method = method
        self.__name__ = f"{ufunc.__name__}.{method}"

    @classmethod
    def of(cls, ufunc: np.ufunc, method: str) -> Method:
        """Return the method of that name."""
        return cls._made.setdefault((ufunc, method), cls(ufunc, method))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the method."""
        return getattr(self.ufunc, self.method)(*args, **kwargs)


class Part:
    """One of the several results of a function, as a function of its own.

    A node of a graph has one value. A function with several results is called once for each that is used.
    """

    _made: dict[tuple[Any, int], Part] = {}

    def __init__(self, function: Callable[..., Any], position: int) -> None:
        self.function = function
        self.position = position
        self.__name__ = f"{function_name(function)}[{position}]"

    @classmethod
    def of(cls, function: Callable[..., Any], position: int) -> Part:
        """Return the result at that position."""
        return cls._made.setdefault((function, position), cls(function, position))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function and return the one result."""
        return self.function(*args, **kwargs)[self.position]

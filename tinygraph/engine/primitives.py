"""Functions that are one thing in a graph: `primitive`, with a derivative given, and `composed`, written out inside."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

from tinygraph.engine import modes
from tinygraph.engine.modes import state
from tinygraph.engine.operands import CONSTANTS, has_tensors
from tinygraph.engine.record import call_function, compose
from tinygraph.engine.table import derivative
from tinygraph.engine.value import Value

__all__ = ["composed", "primitive"]

_getframe = sys._getframe


def primitive(function: Callable[..., Any]) -> Any:
    """Make a function of arrays an operation of the graph; what is inside it is not recorded.

    Use as a decorator, then give the derivative with respect to each positional argument:

        @tg.primitive
        def cube(x):
            return x * x * x

        cube.derivative(lambda g, z, x: g * (3 * x * x))

    A rule gets the cotangent `g` of the result, the result `z` and the arguments of the call. It returns the
    cotangent of its argument, an array of the argument's shape or of one that the argument broadcasts to. A rule
    written with NumPy functions can itself be differentiated. None stands for an argument without a gradient.

    On plain arrays the function is called as it is. It must return one array, and not write into its arguments.

    Raises:
        UnsupportedError: when it is called on Tensors and no derivative has been given.
    """

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if args and isinstance(args[0], Value):
            return args[0]._numpy(call, args, kwargs, _getframe(1))
        plainly = not kwargs and all([type(item) in CONSTANTS for item in args])
        if not plainly and has_tensors((args, kwargs)):
            return call_function(call, args, kwargs, _getframe(1))
        if modes.unusual and state.tracing is not None:
            return state.tracing.call_primitive(call, function, args, kwargs)
        return function(*args, **kwargs)

    def give(*rules: Any) -> Any:
        derivative(call, *rules, compute=function)
        return call

    call.derivative = give  # type: ignore[attr-defined]
    return call


def composed(function: Callable[..., Any]) -> Any:
    """Make a function that is written out with others show in the graph as one, under a scope with its name."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if (args and isinstance(args[0], Value)) or has_tensors((args, kwargs)):
            return compose(function.__name__, function, args, kwargs, _getframe(1))
        return function(*args, **kwargs)

    return call

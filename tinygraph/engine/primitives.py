"""Functions that are one thing in a graph: `primitive`, `composed`, which is written out inside, `ordered`."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, NamedTuple

from tinygraph.engine import modes
from tinygraph.engine.links import LIVE, LiveData
from tinygraph.engine.modes import state
from tinygraph.engine.operands import CONSTANTS, has_tensors
from tinygraph.engine.record import call_function, compose
from tinygraph.engine.table import derivative
from tinygraph.engine.value import Value
from tinygraph.errors import UnsupportedError

__all__ = ["Made", "composed", "made_by", "ordered", "primitive", "remembered", "with_arguments"]

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
        TypeError: `function` is not a function.
        UnsupportedError: when it is called on Tensors and no derivative has been given.
    """
    if not callable(function):
        raise TypeError(
            f"primitive: expected a function, got {type(function).__name__}. Write it above a function, @tg.primitive"
        )

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if args and isinstance(args[0], Value):
            return args[0]._numpy(call, args, kwargs, _getframe(1))
        plainly = not kwargs and all([type(item) in CONSTANTS for item in args])
        if not plainly:
            if has_tensors((args, kwargs)):
                return call_function(call, args, kwargs, _getframe(1))
            if _is_symbol(args):
                return args[0]._numpy(call, args, kwargs, _getframe(1))
        if modes.unusual and state.tracing is not None:
            return state.tracing.call_primitive(call, function, args, kwargs)
        return function(*args, **kwargs)

    return _with_rules(call, function)


def _is_symbol(args: tuple[Any, ...]) -> bool:
    """Return whether the first argument is a batch without values, `tinygraph.nn.Input` or made of one."""
    return bool(args) and getattr(type(args[0]), "without_values", False)


class Made(NamedTuple):
    """The call that made a Tensor.

    Attributes:
        function: the primitive.
        args, kwargs: its arguments, the first of them a Tensor.
        links: those of the result and of the first argument at that time. Most writes give a Tensor another link.
    """

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    links: tuple[Any, Any]

    def holds_for(self, result: Any) -> bool:
        """Return whether neither the result nor the first argument was written into since the call."""
        operand = self.args[0]
        made, read = self.links
        if result._link is not made or operand._link is not read or _in_memory(made) or _in_memory(read):
            return False
        _ = read.differentiable  # a leaf whose array others hold notices their writes when it is asked
        return bool(read.order < made.order)


def _in_memory(link: Any) -> bool:
    """Return whether a link is that of memory that a program writes, or may write, into."""
    return type(link) in LIVE and not (type(link) is LiveData and link.memory is None)


def remembered(function: Callable[..., Any]) -> Any:
    """Make a function a `primitive` whose results remember their call: `made_by` returns it.

    The Tensor remembers it, and not the record. So the operand lives no longer than somebody holds the result.
    """

    def called(call: Any, args: tuple[Any, ...], kwargs: dict[str, Any], frame: FrameType) -> Any:
        result = args[0]._numpy(call, args, kwargs, frame)
        if isinstance(result, Value):
            result._made = Made(call, args, kwargs, (result._link, args[0]._link))
        return result

    return _varied(function, called)


def made_by(tensor: Any) -> Made | None:
    """Return the call that made a Tensor, if its function is `remembered` and nothing was written into since."""
    made: Made | None = getattr(tensor, "_made", None) if isinstance(tensor, Value) else None
    return made if made is not None and made.holds_for(tensor) else None


def with_arguments(replaced: Callable[..., tuple[tuple[Any, ...], dict[str, Any]]]) -> Callable[..., Any]:
    """Make a function a `primitive` that is called with other arguments than its user gave.

    Args:
        replaced: takes the arguments of a call whose first one is a Tensor. Returns the arguments and the keywords of
            the call to make, the first one a Tensor, too.
    """

    def called(call: Any, args: tuple[Any, ...], kwargs: dict[str, Any], frame: FrameType) -> Any:
        args, kwargs = replaced(*args, **kwargs)
        return args[0]._numpy(call, args, kwargs, frame)

    return lambda function: _varied(function, called)


def _varied(function: Callable[..., Any], called: Callable[..., Any]) -> Any:
    """Make a function a primitive whose calls on a Tensor are made by `called`."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if args and isinstance(args[0], Value):
            return called(call, args, kwargs, _getframe(1))
        if has_tensors((args, kwargs)):
            return call_function(call, args, kwargs, _getframe(1))
        if _is_symbol(args):
            return args[0]._numpy(call, args, kwargs, _getframe(1))
        if modes.unusual and state.tracing is not None:
            return state.tracing.call_primitive(call, function, args, kwargs)
        return function(*args, **kwargs)

    return _with_rules(call, function)


def _with_rules(call: Any, function: Callable[..., Any]) -> Any:
    """Give a primitive its method `derivative`, which takes a rule for each argument."""

    def give(*rules: Any) -> Any:
        derivative(call, *rules, compute=function)
        return call

    call.derivative = give
    return call


def composed(function: Callable[..., Any]) -> Any:
    """Make a function that is written out with others show in the graph as one, under a scope with its name."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if (args and isinstance(args[0], Value)) or has_tensors((args, kwargs)):
            return compose(function.__name__, function, args, kwargs, _getframe(1))
        if _is_symbol(args):
            return args[0]._numpy(call, args, kwargs, _getframe(1))
        return function(*args, **kwargs)

    return call


def ordered(while_recording: Callable[..., Any]) -> Callable[[Callable[..., Any]], Any]:
    """Make a function of plain arrays a step of programs that is made at each call, in its place.

    Other processes take part in such a call. A program leaves none out, makes none twice, and keeps their order: each
    is given the result of the one before it. A function that is being compiled does not make the call; its first
    program does.

    Args:
        while_recording: takes the place of the function while another function is being compiled. It returns an array
            of the shape and dtype that the function returns.

    The function's first argument is an array, its second the result of the ordered call before it in the same program,
    or None. The others are numbers, strings and tuples of these.

    Raises:
        UnsupportedError: it is called on a Tensor.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        @functools.wraps(function)
        def call(x: Any, before: Any, *args: Any) -> Any:
            if has_tensors(((x, *args), {})):
                raise UnsupportedError(
                    f"{function.__name__}: a Tensor would lose its gradient here. Give its values, t.detach().data"
                )
            if modes.unusual and state.tracing is not None:
                return state.tracing.call_in_order(call, x, args)
            return function(x, before, *args)

        call.has_effect = True  # type: ignore[attr-defined]
        call.while_recording = while_recording  # type: ignore[attr-defined]
        return call

    return decorate

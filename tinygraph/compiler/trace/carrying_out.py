"""Carrying out: a call of the recorded run on real values. While it runs, nothing is recorded."""

from __future__ import annotations

import contextlib
import contextvars
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import FunctionType
from typing import Any

import numpy as np

from tinygraph.compiler.trace.refused import IN_PLACE, refused
from tinygraph.compiler.trace.traced import Traced
from tinygraph.engine.modes import state
from tinygraph.engine.nested import instances, mapped
from tinygraph.engine.ownership import read_only, same_bits
from tinygraph.engine.table import function_name
from tinygraph.errors import UnsupportedError

__all__ = ["Failure", "carried_out", "carrying_out", "quiet_context", "runs_users_code"]


class _CarryingOut(threading.local):
    """The call that the recording in this thread is carrying out.

    Attributes:
        function: the function that is called; None between calls.
    """

    function: Any = None


carrying_out = _CarryingOut()


@dataclass(frozen=True, slots=True)
class Failure:
    """A call that raised an error.

    Attributes:
        name: of the function.
        error: the error.
        line: the user's line.
    """

    name: str
    error: Exception
    line: str

    def error_in(self, call_name: str) -> UnsupportedError:
        """Return the error for a compiled function that caught this one and went on."""
        return UnsupportedError(
            f"compile: {self.name} failed ({type(self.error).__name__}: {self.error}), and {call_name} went on "
            f"without it ({self.line}). A program makes the same calls each time. Branch on something that tells the "
            "cases apart and is known while the function is compiled, such as x.ndim or x.shape; or make the first "
            "call with values for which nothing fails, since a later call that fails runs eagerly"
        )


def carried_out(
    function: Callable[..., Any],
    args: Any,
    kwargs: Any,
    outside_as_it_is: Callable[[], contextlib.AbstractContextManager[None]],
    quiet: contextvars.Context,
) -> Any:
    """Return the result of a call on real values. NumPy warns of nothing: it will when the program runs.

    Args:
        function, args, kwargs: the call, with stand-ins among its arguments.
        outside_as_it_is: returns a block in which user code finds its surroundings as they were before the run.
        quiet: from `quiet_context`.
    """
    tracer, state.tracing = state.tracing, None
    carrying_out.function = function
    try:
        real_args, real_kwargs = _real_args(args), mapped(kwargs, _real) if kwargs else {}
        if not runs_users_code(function, args):
            return quiet.run(_result_of, function, real_args, real_kwargs)
        with np.errstate(all="ignore"), outside_as_it_is():
            return _result_of(function, real_args, real_kwargs)
    finally:
        state.tracing = tracer
        carrying_out.function = None


def quiet_context() -> contextvars.Context:
    """Return a context in which NumPy warns of nothing: to run a call in it takes a tenth of an `np.errstate` block."""
    context = contextvars.Context()
    context.run(np.seterr, all="ignore")
    return context


# Packages whose functions run no code of the user's.
_LIBRARIES = frozenset(("numpy", "scipy", "tinygraph", "_operator", "builtins"))


def _real_args(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the values of some arguments; most are stand-ins for arrays."""
    return tuple([
        item._value if type(item) is Traced and not item._weak else mapped(item, _real) for item in args
    ])  # fmt: skip


def _real(item: Any) -> Any:
    """Return the value of an argument, for a stand-in that of the array it stands for."""
    if type(item) is Traced:
        return item._value.item() if item._weak else item._value
    return read_only(item) if type(item) is np.ndarray else item


def _result_of(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Return the result of a call whose arrays are read-only, so that a function that writes into one fails.

    A call that other processes take part in is not made: the first run of the program makes it.

    Raises:
        UnsupportedError: it writes into an argument.
    """
    function = getattr(function, "while_recording", function)
    try:
        return function(*args, **kwargs)
    except ValueError as error:
        if "read-only" not in str(error):
            raise
        wants_to_write = "buffer source array" not in str(error)
    if not wants_to_write:  # Cython's code asks for a writable array, and may leave it unwritten
        copies, before = [mapped([args, kwargs], _copied) for _ in range(2)]
        value = function(*copies[0], **copies[1])
        pairs = zip(instances(np.ndarray, copies), instances(np.ndarray, before), strict=True)
        if all([same_bits(array, then) for array, then in pairs]):
            return value
    raise refused(f"{function_name(function)} writes into one of its arguments", IN_PLACE)


def runs_users_code(function: Callable[..., Any], args: Any) -> bool:
    """Return whether a call runs user code: the function is the user's, or one among its arguments may be."""
    if type(function) is np.ufunc:
        return False
    module = getattr(function, "__module__", None) or ""
    if module.partition(".")[0] not in _LIBRARIES and not isinstance(function, np.ufunc):
        return True
    given = [part for item in args for part in (item if type(item) is list else (item,))]
    return any([type(item) is FunctionType for item in given])


def _copied(item: Any) -> Any:
    return item.copy(order="K") if type(item) is np.ndarray else item

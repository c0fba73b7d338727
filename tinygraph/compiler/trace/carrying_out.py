"""Carrying out: the calls of a run on real values, of which nothing is recorded."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np

from tinygraph.compiler.trace.refused import IN_PLACE, refused
from tinygraph.compiler.trace.traced import Traced
from tinygraph.engine.links import instances, mapped
from tinygraph.engine.ownership import read_only, same_bits
from tinygraph.engine.table import function_name

__all__ = ["carrying_out", "real", "result_of", "runs_users_code"]


class _CarryingOut(threading.local):
    """The function that a recording in this thread carries out now, with its real arguments."""

    function: Any = None


carrying_out = _CarryingOut()


# Whose functions are known to run no code of the user's.
_LIBRARIES = frozenset(("numpy", "scipy", "tinygraph", "_operator", "builtins"))


def real(item: Any) -> Any:
    """The value that a call is carried out with."""
    if type(item) is Traced:
        return float(item._value) if item._weak else item._value
    return read_only(item) if type(item) is np.ndarray else item


def result_of(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Return the result of a call. Arrays are read-only: a function that writes into one fails, whatever is in it.

    Raises:
        UnsupportedError: it writes into an argument.
    """
    try:
        return function(*args, **kwargs)
    except ValueError as error:
        if "read-only" not in str(error):
            raise
        wants_to_write = "buffer source array" not in str(error)
    if not wants_to_write:  # Cython's: compiled code asks to be able to write, and need not do it
        copies, before = [mapped([args, kwargs], _copied) for _ in range(2)]
        value = function(*copies[0], **copies[1])
        pairs = zip(instances(np.ndarray, copies), instances(np.ndarray, before), strict=True)
        if all([same_bits(array, then) for array, then in pairs]):
            return value
    raise refused(f"{function_name(function)} writes into an array that it is given", IN_PLACE)


def runs_users_code(function: Callable[..., Any], args: Any) -> bool:
    """Return whether a call runs code of the user's: a primitive of theirs, or a function among the arguments."""
    if isinstance(function, np.ufunc):
        return False
    module = getattr(function, "__module__", None) or ""
    if module.partition(".")[0] not in _LIBRARIES:
        return True
    given = [part for item in args for part in (item if type(item) is list else (item,))]
    return any([type(item) is FunctionType for item in given])


def _copied(item: Any) -> Any:
    return item.copy(order="K") if type(item) is np.ndarray else item

"""Calls of SciPy's functions: SciPy's own on plain arrays, ours on Tensors."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.engine import modes
from tinygraph.engine.modes import is_recording, is_tracing, state
from tinygraph.engine.nested import mapped
from tinygraph.engine.operands import as_array, has_tensors, plain
from tinygraph.engine.record import compose
from tinygraph.engine.tensor import Tensor
from tinygraph.errors import ShapeError, UnsupportedError
from tinygraph.users_code.source import users_line

__all__ = [
    "array", "carries_gradient", "constant", "floating", "is_followed", "name_of", "numbers", "on_tensors",
    "one_call", "only", "unsupported", "unwritten",
]  # fmt: skip

_getframe = sys._getframe


def is_followed(structure: Any) -> bool:
    """Return whether there is a Tensor in nested containers, or a value of a function that is being compiled."""
    if has_tensors(structure):
        return True
    return bool(modes.unusual and state.tracing is not None and state.tracing.holds_traced((structure,)))


def carries_gradient(structure: Any) -> bool:
    """Return whether a gradient could flow to something in nested containers.

    None flows to the arrays that `tinygraph.numpy` makes of plain numbers, and to no Tensor under `tg.no_grad()`.
    """
    if is_tracing():
        return is_followed(structure)
    return is_recording() and has_tensors(structure) and _requires_grad(structure)


def _requires_grad(structure: Any) -> bool:
    if isinstance(structure, list | tuple):
        return any(_requires_grad(part) for part in structure)
    if isinstance(structure, dict):
        return _requires_grad(list(structure.values()))
    return isinstance(structure, Tensor) and structure.requires_grad


def constant(call: str, problem: str, instead: str, structure: Any) -> Any:
    """Return an argument that has no gradient as plain numbers; raise UnsupportedError if one could flow to it."""
    if has_tensors(structure) if is_tracing() else carries_gradient(structure):
        raise unsupported(call, problem, instead)
    return structure if is_tracing() else plain(structure)


def numbers(structure: Any) -> Any:
    """Return a structure with read-only copies of the numbers in its Tensors, for a function of SciPy's."""

    def copied(item: Any) -> Any:
        if not isinstance(item, Tensor):
            return item
        copy = np.array(item._value)
        copy.flags.writeable = False
        return copy

    return mapped(structure, copied)


def name_of(function: Callable[..., Any]) -> str:
    """Return the name of a function of SciPy's as a user writes it: "linalg.solve"."""
    parts = function.__module__.split(".")
    room = ".".join(part for part in parts[1:] if not part.startswith("_"))
    return f"{room}.{function.__name__}"


def on_tensors(original: Callable[..., Any]) -> Callable[[Callable[..., Any]], Any]:
    """Say that on Tensors a function of SciPy's is what the decorated function computes.

    Without a Tensor among the arguments SciPy's own function is called. So it is where the decorated function refuses
    arguments, none of which has a gradient.
    """

    def enter(ours: Callable[..., Any]) -> Callable[..., Any]:
        name = name_of(original)

        @functools.wraps(ours)
        def call(*args: Any, **kwargs: Any) -> Any:
            if has_tensors((args, kwargs)):
                try:
                    return compose(name, ours, args, kwargs, _getframe(1))
                except (UnsupportedError, ShapeError):
                    if carries_gradient((args, kwargs)) or is_tracing():
                        raise
                return original(*numbers(args), **numbers(kwargs))
            if modes.unusual and state.tracing is not None and state.tracing.holds_traced((args, kwargs)):
                return ours(*args, **kwargs)
            return original(*args, **kwargs)

        return call

    return enter


def one_call(name: str) -> Callable[[Callable[..., Any]], Any]:
    """Let the calls that a function makes be recorded on the user's line, in a scope with the function's name."""

    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            return compose(name, function, args, kwargs, _getframe(1))

        return call

    return enter


def array(item: Any) -> Any:
    """Return an argument as an array, a Tensor as it is; a list may hold Tensors."""
    if hasattr(item, "shape"):
        return item
    if isinstance(item, list | tuple) and is_followed(item):
        return np.stack([array(part) for part in item])
    return as_array(item)


def floating(item: Any) -> Any:
    """Return an argument as an array of floating or complex numbers."""
    found = array(item)
    return found if found.dtype.kind in "fc" else found.astype(np.float64)


def unsupported(call: str, problem: str, instead: str) -> UnsupportedError:
    """Return the error of a call that cannot be followed, with the code to write in its place."""
    return UnsupportedError(f"{call}: {problem}, at {users_line()}. {instead}")


def only(call: str, instead: str, **given: tuple[Any, Any]) -> None:
    """Raise UnsupportedError if an argument is not the only value that a gradient can be found with.

    Args:
        call: the function.
        instead: the sentence that says what to write.
        given: by the name of an argument its value and that only value.
    """
    for name, (value, known) in given.items():
        if value is not known and not (np.ndim(value) == 0 and np.ndim(known) == 0 and value == known):
            shown = repr(value) if isinstance(value, str | int | float) else ""
            raise unsupported(call, f"{name}={shown} has no gradient here", instead)


def unwritten(call: str, reason: str, instead: str) -> None:
    """Raise UnsupportedError in a function that is being compiled, for a call that no program can write out."""
    if is_tracing():
        raise unsupported(f"compile: {call}", reason, instead)

"""Eager calls of a compiled function: where paths are too many, no program can be made, or a gradient goes through."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from types import FrameType
from typing import Any

import numpy as np

from tinygraph.compiler.trace.ties import is_tied
from tinygraph.containers import opened, shaper
from tinygraph.engine.links import next_order
from tinygraph.engine.operands import plain
from tinygraph.engine.tensor import Tensor
from tinygraph.nests import tree_leaves, tree_map

__all__ = ["EAGER", "RAISE", "Eagerly", "eager_result", "warn_at_call"]

# What a compiled function does with code that cannot be compiled.
RAISE, EAGER = "raise", "eager"


class Eagerly(Exception):  # noqa: N818 - no error: the caller goes another way
    """Calls of a signature run eagerly. The argument says why."""


def eager_result(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a function, and return what its program would: arrays of their own in place of Tensors, and numbers.

    A result through which a gradient goes on is returned as it is.
    """
    since = next_order()
    result = function(*args, **kwargs)
    given = [leaf for leaf in tree_leaves(opened([args, kwargs])) if type(leaf) is Tensor]
    if is_tied(result, given, since):
        return result
    own = tree_map(_own, opened(result))
    shape = shaper(result)
    return own if shape is None else shape(own)


def _own(item: Any) -> Any:
    value = plain(item)
    return np.array(value)[()] if type(value) is np.ndarray else value


def warn_at_call(message: str) -> None:
    """Warn at the user's line that called the compiled function."""
    frame: FrameType | None = sys._getframe()
    level = 1
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "tinygraph":
        frame, level = frame.f_back, level + 1
    warnings.warn(message, RuntimeWarning, stacklevel=level)

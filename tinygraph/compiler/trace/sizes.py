"""Sizes: arguments that say which shape a result has, or along which axes it is computed.

    np.reshape(x, shape), np.tile(x, reps), np.fft.fft(x, n), np.sum(x, axis)

A program is made for their values. Where one is computed, or is read from an array outside, each number of it is a
decision: the program checks it at each call.
"""

from __future__ import annotations

import functools
import inspect
import operator
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.compiler.trace.recorder import Recorder
from tinygraph.compiler.trace.traced import Traced
from tinygraph.engine.nested import mapped
from tinygraph.engine.operands import plain

__all__ = ["decided_size", "with_sizes"]

# What NumPy calls them; a name that is data to other functions stands beside the functions.
_NAMES = frozenset((
    "M", "N", "axes", "axis", "axis1", "axis2", "axisa", "axisb", "axisc", "destination", "dimensions",
    "indices_or_sections", "n", "new_shape", "newshape", "num", "offset", "pad_width", "repeats", "reps", "s", "shape",
    "source", "window_shape",
))  # fmt: skip
_NAMES_OF: dict[Any, str] = {
    np.delete: "obj", np.diag: "k", np.diagflat: "k", np.eye: "k", np.rollaxis: "start", np.rot90: "k",
}  # fmt: skip
# An array of more numbers is no shape: to check each of them would take longer than the call.
_MOST_NUMBERS = 32


def with_sizes(
    recorder: Recorder, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments of a call with whole numbers in place of computed sizes.

    Args:
        recorder: records the decisions.
        function, args, kwargs: the call.
    """
    places, names = _sizes_of(function) if _is_numpys(function) else _NONE
    if not (kwargs or places):
        return args, kwargs
    size = functools.partial(decided_size, recorder)
    if kwargs:
        kwargs = {key: mapped(item, size) if key in names or key == "axis" else item for key, item in kwargs.items()}
    if places and args:
        args = tuple([mapped(item, size) if place in places else item for place, item in enumerate(args)])
    return args, kwargs


def decided_size(recorder: Recorder, item: Any) -> Any:
    """Return a size or an index as whole numbers that the program is made for, where it is computed."""
    value = plain(item)
    if type(value) is np.ndarray and value.dtype.kind in "iu" and value.ndim < 2:
        recorder.check_known(value)
        return tuple(value.tolist()) if value.ndim else int(value)
    if type(value) is not Traced:
        return item
    if not value.shape:
        is_bool = value._weak and value.dtype == np.bool_  # of Python's, which is a whole number
        return int(recorder.decide(value, bool)) if is_bool else recorder.decide(value, operator.index)
    if value.dtype.kind not in "iu" or value.size > _MOST_NUMBERS:
        return item
    return tuple([decided_size(recorder, value[place]) for place in range(len(value))])


def _is_numpys(function: Callable[..., Any]) -> bool:
    return type(function) is not np.ufunc and (getattr(function, "__module__", None) or "").startswith("numpy")


_NONE: tuple[frozenset[int], frozenset[str]] = frozenset(), frozenset()


@functools.cache
def _sizes_of(function: Callable[..., Any]) -> tuple[frozenset[int], frozenset[str]]:
    """Return the positions and the names of the parameters of a function of NumPy's that are sizes or axes."""
    parameters = _parameters_of(function)
    names = _NAMES | {_NAMES_OF.get(function, "")}
    found = [place for place, name in enumerate(parameters) if name in names]
    return frozenset(found), frozenset([parameters[place] for place in found])


def _parameters_of(function: Callable[..., Any]) -> list[str]:
    """Return the names of the parameters of a function of NumPy's; none if it is written in C and does not say."""
    text = getattr(function, "__text_signature__", None)
    if text is not None:  # for the first such function `inspect.signature` takes 20 ms
        return _PARAMETER.findall(text)
    try:
        return list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return []


# A name behind a parenthesis or a comma: `(shape, dtype=None, *, like=None)`.
_PARAMETER = re.compile(r"(?:^\(|,)\s*\**([^\W\d]\w*)")

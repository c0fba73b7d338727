"""Saved calls: the call that a program was made for, in the words of a saved file.

Of `step(x, y, rate=0.5)` the call is `x: float64(8, 3), y: float64(8, 1), rate: float`, whether the arguments were
given by place or by name. Objects that have no literal, a model or a function, are part of the program: a saved
function does not take them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from inspect import Parameter
from typing import Any

import numpy as np

from tinygraph.compiler.guards.arguments import NUMERIC, rebuilt
from tinygraph.compiler.saving.runtime import described, literal
from tinygraph.engine.tensor import Tensor

__all__ = ["SavedCall", "call_of", "parameters_of"]


@dataclass(frozen=True)
class SavedCall:
    """A call in words.

    Attributes:
        texts: by the name of a parameter what was given for it.
        ordered: the same, with the order of arrays in memory.
        leaves: the leaves of the arguments in the order of the parameters, by their positions among those of the call.
        tensors: whether some of the arguments were Tensors.
        twice: whether a Tensor or a generator was given twice.
        keywords: the names of the arguments that no parameter has, but one that takes any.
        left_out: the parameters that were given objects which cannot be written down.
        mixed: the parameters that were given such objects together with arrays.
    """

    texts: dict[str, str]
    ordered: dict[str, str]
    leaves: list[int]
    tensors: bool
    twice: bool
    keywords: list[str]
    left_out: list[str]
    mixed: list[str]


def parameters_of(function: Callable[..., Any]) -> list[Parameter]:
    """Return the parameters of a function; any by position and any by name where the function does not say them."""
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return [Parameter("arguments", Parameter.VAR_POSITIONAL), Parameter("named", Parameter.VAR_KEYWORD)]


def call_of(
    parameters: list[Parameter], is_static: Callable[[int | str], bool], args: tuple[Any, ...], kwargs: dict[str, Any],
    count: int,
) -> SavedCall | None:  # fmt: skip
    """Return a call in words; None where it is not one of a function with these parameters.

    Args:
        parameters: of the function.
        is_static: tells of a position or a name whether its argument is part of the signature whatever it is.
        args, kwargs: what the function was called with.
        count: the number of leaves that the signature of the call has.
    """
    values: dict[int | str, Any] = dict(enumerate(args))
    values.update(kwargs)
    positions = _positions(values, [*range(len(args)), *sorted(kwargs)], is_static)
    given = _given(parameters, values, len(args))
    if given is None or sum(map(len, positions.values())) != count:
        return None
    inside = [part for item in values.values() for part in _told_apart_in(item)]
    call = SavedCall(
        texts={},
        ordered={},
        leaves=[],
        tensors=any(type(part) is Tensor for part in inside),
        twice=len(set(map(id, inside))) < len(inside),
        keywords=[key for parameter, keys, _ in given if parameter.kind is Parameter.VAR_KEYWORD for key in keys],
        left_out=[],
        mixed=[],
    )
    for parameter, keys, value in given:
        leaves = [position for key in keys for position in positions[key]]
        is_fixed = parameter.kind not in _SEVERAL and is_static(keys[0])
        if _is_object(value) if is_fixed else _has_objects(value):
            call.left_out.append(parameter.name)
            call.mixed.extend([parameter.name] if leaves else [])
        else:
            call.leaves.extend(leaves)
            call.texts[parameter.name] = _in_words(value, is_fixed)
            call.ordered[parameter.name] = _in_words(value, is_fixed, order=True)
    return call


_SEVERAL = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)


def _given(
    parameters: list[Parameter], values: dict[int | str, Any], count: int
) -> list[tuple[Parameter, list[Any], Any]] | None:
    """Return the parameters that were given something, or None where the arguments do not fit the parameters.

    Args:
        values: the arguments by their positions and names.
        count: the number of those with a position.

    Returns:
        For each parameter its positions and names in `values`, and the argument: a tuple or a dict of several.
    """
    names: dict[str, Any] = {key: key for key in values if isinstance(key, str)}
    try:
        bound = inspect.Signature(parameters).bind(*range(count), **names).arguments
    except TypeError:
        return None
    found: list[tuple[Parameter, list[Any], Any]] = []
    for parameter in parameters:
        name = parameter.name
        if parameter.kind is Parameter.VAR_POSITIONAL:
            keys = list(bound.get(name, ()))
            found.append((parameter, keys, tuple([values[key] for key in keys])))
        elif parameter.kind is Parameter.VAR_KEYWORD:
            keys = list(bound.get(name, ()))
            found.append((parameter, keys, {key: values[key] for key in keys}))
        elif name in bound:
            found.append((parameter, [bound[name]], values[bound[name]]))
    return found


def _in_words(value: Any, is_fixed: bool, order: bool = False) -> str:
    """Return an argument in words: its literal where it is part of the signature, else a description of its arrays."""
    return literal(value) if is_fixed else described(_without_tensors(value), [], order)


def _positions(
    values: dict[int | str, Any], order: Iterable[int | str], is_static: Callable[[int | str], bool]
) -> dict[int | str, range]:  # fmt: skip
    """Return for each argument the positions of its leaves among all leaves, which are in this order."""
    found: dict[int | str, range] = {}
    end = 0
    for key in order:
        leaves: list[Any] = []
        if not is_static(key):
            described(_without_tensors(values[key]), leaves)
        found[key] = range(end, end + len(leaves))
        end += len(leaves)
    return found


def _without_tensors(value: Any) -> Any:
    """Return an argument with arrays instead of its Tensors: a saved function takes arrays alone."""
    return rebuilt(value, "", lambda leaf, _: leaf._value if type(leaf) is Tensor else leaf, {})


def _told_apart_in(value: Any) -> list[Any]:
    """Return the Tensors and generators in an argument, which a signature tells apart by their identity."""
    if isinstance(value, Tensor | np.random.Generator):
        return [value]
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, tuple | list) else ()
    return [part for item in inside for part in _told_apart_in(item)]


def _has_objects(value: Any) -> bool:
    """Return whether an argument has something in it that is neither given at each call nor has a literal."""
    if type(value) is dict:
        return any(map(_is_object, value)) or any(map(_has_objects, value.values()))
    if isinstance(value, tuple | list):
        return any(map(_has_objects, value))
    numeric = isinstance(value, np.ndarray | np.generic) and value.dtype.kind in NUMERIC
    return not (numeric or isinstance(value, Tensor | np.random.Generator)) and _is_object(value)


def _is_object(value: Any) -> bool:
    """Return whether a value has no literal."""
    return any(map(_is_object, value)) if type(value) is tuple else literal(value).startswith("<")

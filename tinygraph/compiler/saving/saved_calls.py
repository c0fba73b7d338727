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
        leaves: the leaves of the arguments in the order of the parameters, by their places among those of the call.
        tensors: whether some of the arguments were Tensors.
        twice: whether a Tensor or a generator was given twice.
        keywords: the names of the arguments that no parameter has, but one that takes any.
        left_out: the parameters that were given objects which cannot be written down.
        mixed: a parameter that was given such objects together with arrays, or None.
    """

    texts: dict[str, str]
    ordered: dict[str, str]
    leaves: list[int]
    tensors: bool
    twice: bool
    keywords: list[str]
    left_out: list[str]
    mixed: str | None


def parameters_of(function: Callable[..., Any]) -> list[Parameter]:
    """The parameters of a function; of one that does not say them any by place and any by name."""
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return [Parameter("arguments", Parameter.VAR_POSITIONAL), Parameter("named", Parameter.VAR_KEYWORD)]


def call_of(
    parameters: list[Parameter], is_static: Callable[[int | str], bool], args: tuple[Any, ...], kwargs: dict[str, Any],
    count: int,
) -> SavedCall | None:  # fmt: skip
    """A call in words; None where it is not one of a function with these parameters.

    Args:
        is_static: whether the argument of a place or a name is part of the signature whatever it is.
        args, kwargs: what the function was called with.
        count: the number of leaves that the signature of the call has.
    """
    values: dict[int | str, Any] = dict(enumerate(args))
    values.update(kwargs)
    keys: dict[str, Any] = {name: name for name in kwargs}
    places = _places(values, [*range(len(args)), *sorted(kwargs)], is_static)
    try:
        bound = inspect.Signature(parameters).bind(*range(len(args)), **keys).arguments
    except TypeError:
        return None
    if sum(map(len, places.values())) != count:
        return None
    texts: dict[str, str] = {}
    ordered: dict[str, str] = {}
    leaves: list[int] = []
    left_out: list[str] = []
    keywords: list[str] = []
    mixed: str | None = None
    for parameter in parameters:
        name = parameter.name
        if parameter.kind is Parameter.VAR_POSITIONAL:
            own = list(bound.get(name, ()))
            value: Any = tuple([values[key] for key in own])
        elif parameter.kind is Parameter.VAR_KEYWORD:
            own = keywords = [*bound.get(name, ())]
            value = {key: values[key] for key in own}
        elif name in bound:
            own = [bound[name]]
            value = values[own[0]]
        else:
            continue
        found = [place for key in own for place in places[key]]
        static = parameter.kind not in _SEVERAL and is_static(own[0])
        if _is_object(value) if static else _has_objects(value):
            left_out.append(name)
            mixed = mixed or (name if found else None)
        else:
            leaves += found
            texts[name] = literal(value) if static else described(_without_tensors(value), [])
            ordered[name] = literal(value) if static else described(_without_tensors(value), [], order=True)
    inside = [part for item in values.values() for part in _told_apart_in(item)]
    twice = len(set(map(id, inside))) < len(inside)
    tensors = any(type(part) is Tensor for part in inside)
    return SavedCall(texts, ordered, leaves, tensors, twice, keywords, left_out, mixed)


_SEVERAL = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)


def _places(
    values: dict[int | str, Any], order: Iterable[int | str], is_static: Callable[[int | str], bool]
) -> dict[int | str, range]:  # fmt: skip
    """Return for each argument the places of its leaves among all leaves, which are in this order."""
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
    """An argument with the arrays of its Tensors in their places: a saved function takes arrays alone."""
    return rebuilt(value, "", lambda leaf, _: leaf._value if type(leaf) is Tensor else leaf, {})


def _told_apart_in(value: Any) -> list[Any]:
    """The Tensors and generators in an argument, each of which counts by which one it is."""
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

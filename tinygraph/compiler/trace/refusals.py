"""Refusals: functions that cannot be recorded, at all or with some arguments, each with the way out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.compiler.program.facts import FACTS
from tinygraph.compiler.trace.refused import refused
from tinygraph.compiler.trace.traced import Traced
from tinygraph.engine.table import function_name

__all__ = ["BY_VALUE", "asked_for_shape", "check_recordable"]

BY_VALUE = (
    "The shape of its result depends on values, and a program is made for given shapes. Keep the shape, with "
    "np.where(mask, x, 0) or a sum over a mask; or call it outside, and pass the result as an argument"
)
_PRINTS = "Return it, and print or save it outside"

_REFUSED: dict[Any, str] = {
    function: instead
    for instead, functions in {
        BY_VALUE: [function for function, facts in FACTS.items() if facts.shape_by_value],
        _PRINTS: (
            np.array_repr, np.array_str, np.array2string, np.save, np.savetxt, np.savez, np.savez_compressed,
        ),
    }.items()
    for function in functions
}  # fmt: skip


# The number of elements of their results depends on the values of an argument.
_CHOOSING = frozenset((np.repeat, np.delete, np.compress, np.extract))

_LOOKED_AT = frozenset((*_REFUSED, *_CHOOSING, np.where))


def asked_for_shape(function: Callable[..., Any], args: tuple[Any, ...]) -> range:
    """Return the positions of the arguments whose values decide the shape of a function's result."""
    if _REFUSED.get(function) is BY_VALUE or (function is np.where and len(args) == 1):
        return range(len(args))
    place = 0 if function in (np.compress, np.extract) else 1
    return range(place, place + 1) if function in _CHOOSING and len(args) > place else range(0)


def check_recordable(function: Callable[..., Any], args: tuple[Any, ...]) -> None:
    """Refuse a call that a program cannot make.

    Raises:
        UnsupportedError: the shape of its result depends on values, or it prints an array.
    """
    if function not in _LOOKED_AT:
        return
    instead = _REFUSED.get(function)
    if instead is None and any([type(args[at]) is Traced for at in asked_for_shape(function, args)]):
        instead = BY_VALUE
    if instead is not None:
        raise refused(f"{function_name(function)} of a computed value cannot be compiled", instead)

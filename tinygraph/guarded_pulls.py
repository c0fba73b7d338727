"""One call of the reverse pass done over, because it met an invalid operation: 0 times infinity, or a true NaN."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygraph.links import Call, Leaf, arguments, mapped
from tinygraph.modes import no_grad
from tinygraph.operands import plain
from tinygraph.pulling import Waiting, apply_rules, deliver, release, value_of
from tinygraph.recorded_pulls import on_behalf_of, tensor_of


def pull_guarded(call: Call, g: Any, cotangents: dict[Leaf, Any], waiting: Waiting) -> None:
    """Do a pull over that met an invalid operation.

    Where the cotangent of an elementwise function is 0, so is that of its operand, infinite though its slope may
    be: `np.where(x > 0, np.sqrt(x), 0)` asks nothing of the root at 0. A NaN that remains is reported as the user
    has it with `np.seterr`.
    """
    recorded = not isinstance(g, np.ndarray | np.generic)
    links, keywords = arguments(call)
    read = tensor_of if recorded else value_of
    z, args = read(call), mapped(links, read)
    function = call.op.function
    with on_behalf_of(call, recorded):
        with np.errstate(invalid="ignore"):
            if isinstance(function, np.ufunc) and function.signature is None:
                z, args = _away_from(_zero_times_infinity(call, g, links, keywords), function, z, args)
            found = apply_rules(call, g, z, args, links, keywords)
        if any(np.any(np.isnan(part)) for _, cotangent in found for part in _parts(cotangent)):
            with np.errstate(invalid=waiting.invalid):
                apply_rules(call, g, z, args, links, keywords)
        for argument, cotangent in found:
            deliver(argument, cotangent, call, cotangents, waiting)
    release(call, waiting)


def _zero_times_infinity(call: Call, g: Any, links: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """Where an elementwise function's cotangent is 0 and what its rules make of it is not."""
    g = np.asarray(plain(g))
    with no_grad():
        found = apply_rules(call, g, call._value, mapped(links, value_of), links, keywords)
    spoilt = [np.isnan(cotangent) for _, cotangent in found]
    return (g == 0) & np.logical_or.reduce(np.broadcast_arrays(*spoilt), axis=0)


def _away_from(mask: Any, function: np.ufunc, z: Any, args: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
    """A function's result and arguments, moved to a regular point where the mask says that they do not matter."""
    for regular in (0.5, 1.5):
        with np.errstate(all="ignore"):
            if np.isfinite(function(*[regular] * function.nin)):
                moved = tuple(
                    [
                        np.where(mask, regular, argument).astype(argument.dtype)
                        if hasattr(argument, "dtype")
                        else np.where(mask, regular, argument)
                        for argument in args
                    ]
                )
                return function(*moved), moved
    return z, args


def _parts(cotangent: Any) -> Sequence[Any]:
    return cotangent if isinstance(cotangent, list | tuple) else (cotangent,)

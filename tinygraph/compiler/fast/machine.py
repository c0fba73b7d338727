"""Machine code: a loop, compiled by numba."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygraph.compiler.fast import addresses
from tinygraph.compiler.fast.functions import functions
from tinygraph.compiler.fast.layout import Pattern
from tinygraph.compiler.fast.loops import Loop

__all__ = ["check_installed", "compiled", "function_names"]


def check_installed() -> None:
    """Raise ImportError if numba is missing."""
    try:
        import numba  # noqa: F401
    except ImportError:
        raise ImportError(
            "compile: fast=True makes machine code with numba, which is not installed: pip install tinygraph[fast]"
        ) from None


@functools.cache
def function_names() -> frozenset[str]:
    """Return the names of the functions that a loop may call, of both dtypes."""
    return frozenset(functions(np.float32)) & frozenset(functions(np.float64))


def compiled(loop: Loop, arguments: Sequence[Any]) -> Callable[..., bool]:
    """Return the machine code of a loop.

    Args:
        loop: the loop.
        arguments: of the loop. Later it may be given others of the same dtypes and numbers of axes: it returns False
            where they do not lie as these do, and raises a TypeError where they are of other types.
    """
    kinds = tuple([_kind_of(item, place < loop.written) for place, item in enumerate(arguments)])
    return _compiled(loop.text, loop.dtype, kinds, loop.layout.patterns)


def _kind_of(item: Any, is_written: bool) -> tuple[Any, ...]:
    """Return what tells the type of an argument: its dtype, number of axes and whether it is written; or its type,
    float for an int, too, since numba cuts off the fraction of a float where it was told of ints.
    """
    if isinstance(item, np.ndarray):
        return item.dtype, item.ndim, is_written
    return (float if type(item) is int else type(item),)


@functools.lru_cache(256)
def _compiled(
    text: str, dtype: Any, kinds: tuple[tuple[Any, ...], ...], patterns: tuple[Pattern, ...]
) -> Callable[..., bool]:
    import numba

    count = len(patterns)
    space: dict[str, Any] = {
        **functions(dtype), "sqrt": np.sqrt, "f": dtype.type, "one": dtype.type(1), "inf": math.inf, "nan": math.nan,
        "first": addresses.first(), "last": addresses.last(), "is_same": addresses.is_same(),
        "is_between": addresses.is_between(),
        **{f"fits_{place}": addresses.fits(pattern) for place, pattern in enumerate(patterns)},
        **{f"row_{place}": addresses.row(pattern) for place, pattern in enumerate(patterns)},
        **{f"load_{place}": addresses.load(place, count) for place in range(count)},
        **{f"store_{place}": addresses.store(place, count) for place in range(count)},
    }  # fmt: skip
    exec(text, space)
    signature = tuple(map(_type_of, kinds))
    run: Callable[..., bool] = numba.njit(signature, error_model="numpy", nogil=True)(space["loop"])
    return run


def _type_of(kind: tuple[Any, ...]) -> Any:
    """Return numba's type of an argument; that of an array whatever its strides."""
    import numba
    from numba import types

    if len(kind) == 1:
        return types.float64 if kind[0] is float else numba.from_dtype(np.dtype(kind[0]))
    dtype, ndim, is_written = kind
    return types.Array(numba.from_dtype(dtype), ndim, "A" if ndim else "C", readonly=not is_written)

"""Common dtypes: the rules of SciPy's functions read operands that are converted as the ufunc converts them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from tinygraph.users_code.rules import positions_read

__all__ = ["as_converted", "converts", "with_converted"]

Rule = Callable[..., Any]


def converts(function: Callable[..., Any]) -> bool:
    """Return whether the operands that the rules of a function read must be converted to a common dtype first.

    They must for SciPy's functions of several operands. NumPy's own have few rules of one operand alone, and these
    convert it themselves.
    """
    return isinstance(function, np.ufunc) and function.nin > 1 and getattr(np, function.__name__, None) is not function


def with_converted(ufunc: np.ufunc, rule: Rule | None) -> Rule | None:
    """Return the rule with the operands that it reads in the dtypes to which the ufunc converts them.

    Without the conversion n + 1 overflows for an n of uint8, and ln n is as coarse as float16 for an n of int8.
    """
    read = () if rule is None else [at - 2 for at in positions_read(rule.__code__) if 2 <= at < 2 + ufunc.nin]
    if rule is None or not read:
        return rule

    @functools.wraps(rule)
    def converting(g: Any, z: Any, *operands: Any) -> Any:
        return rule(g, z, *as_converted(ufunc, operands, read))

    return converting


_WIDE = frozenset(map(np.dtype, (np.float64, np.float32, np.complex128, np.complex64)))


def as_converted(ufunc: np.ufunc, operands: tuple[Any, ...], places: Iterable[int]) -> tuple[Any, ...]:
    """Return the operands of a ufunc, those at some positions in the dtypes to which the ufunc converts them."""
    given = [getattr(operand, "dtype", type(operand)) for operand in operands]
    if given[1:] == given[:-1] and given[0] in _WIDE:
        return operands
    given = [np.dtype(bool) if dtype is bool else dtype for dtype in given]
    dtypes = ufunc.resolve_dtypes((*given, *[None] * ufunc.nout))
    converted = list(operands)
    for place in places:
        if hasattr(operands[place], "dtype") and operands[place].dtype != dtypes[place]:
            converted[place] = operands[place].astype(dtypes[place])
    return tuple(converted)

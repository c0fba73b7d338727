"""Dependence: facts about the elements of the operands that an element of a result depends on.

A guarded pass asks for them, to find the reach of a cotangent. A row of the table states a fact beside its rules.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

Mask = Callable[..., Any]


class Pieces(NamedTuple):
    """A fact about a function whose results are pieces of its operand, as `x[index]` is: how their cotangents add up.

    A pass puts the cotangents of all pieces of x into one array, where the rule would make an array for each.

    Attributes:
        name_no_place_twice: returns whether an index names no element of x twice, so that `sums[index] += g` is right.
        put_together: returns the cotangent of x for the cotangents of pieces, their indices and the shape of x. It is
            a primitive, so that a recorded pass has one call for all pieces.
    """

    name_no_place_twice: Callable[[Any], bool]
    put_together: Callable[[list[Any], list[Any], tuple[int, ...]], Any]


# For each operand the elements of the result that are its own; the engine drops what a rule makes of the others.
SELECTIONS: dict[Callable[..., Any], tuple[Mask | None, ...]] = {}
ELEMENTWISE: set[Callable[..., Any]] = set()
# Each element of each operand is a part of the result.
USES_ALL: set[Callable[..., Any]] = set()
MULTILINEAR: set[Callable[..., Any]] = set()
PIECES: dict[Callable[..., Any], Pieces] = {}
# Functions whose rules read the shapes of a sequence of arrays, and none of their numbers.
READ_SHAPES: set[Callable[..., Any]] = {np.stack, np.concatenate}
# Functions that give their operand back, as a new node of the graph with a slope of 1.
IDENTITIES: set[Callable[..., Any]] = set()


def selection(function: Callable[..., Any], *masks: Mask | None) -> None:
    """Say that each element of a function's result is an element of an operand, chosen by values or by a condition.

    Args:
        function: an entry of the table.
        masks: for each positional argument `mask(z, *args, **kwargs)`, true where the result is that argument. Without
            masks the rules are run on ones: an element for which they give 0 was not chosen.
    """
    SELECTIONS[function] = masks


def elementwise(*functions: Callable[..., Any]) -> None:
    """Say of functions that are no ufuncs that each element of the result depends on that element of the operands."""
    ELEMENTWISE.update(functions)


def uses_all(*functions: Callable[..., Any]) -> None:
    """Say of functions that each element of each operand is a part of the result, so that no cotangent is left out."""
    USES_ALL.update(functions)


def multilinear(*functions: Callable[..., Any]) -> None:
    """Say of functions that their results are sums of products, one factor of each operand."""
    MULTILINEAR.update(functions)


def gives_pieces(
    function: Callable[..., Any],
    *,
    name_no_place_twice: Callable[[Any], bool],
    put_together: Callable[[list[Any], list[Any], tuple[int, ...]], Any],
) -> None:
    """Say that `function(x, index)` is a piece of x. See `Pieces`."""
    PIECES[function] = Pieces(name_no_place_twice, put_together)


def is_elementwise(function: Callable[..., Any]) -> bool:
    """Return whether each element of a function's result depends on one element of each operand."""
    if isinstance(function, np.ufunc):
        return function.signature is None and function.nout == 1
    return function in ELEMENTWISE


def may_leave_out(call: Any) -> bool:
    """Return whether the rules of a call may leave out some elements of an operand."""
    op = call.op
    function = op.function
    if function in SELECTIONS:
        return True
    if is_elementwise(function):
        return False
    return function not in USES_ALL or "where" in call.keywords

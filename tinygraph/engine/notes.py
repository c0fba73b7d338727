"""Notes on the functions of the table: formulas for pictures, decompositions for compiled programs, hints for errors.

No note takes part in a derivative.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from tinygraph.engine.table import operation_of, read_all

__all__ = ["Formula", "decomposition", "decomposition_of", "formula", "formula_of", "hint", "hint_for"]


class Formula(NamedTuple):
    """The rules of a function as pictures show them: {x} and {y} are its arguments, {z} its result, ∇ its gradient.

    A place is an argument too: "∇{y}" is "∇[1:]".

    Attributes:
        slopes: for each argument the derivative of a scalar result: "1/(2√{x})".
        pullbacks: for each argument the gradient that arrives there: "∇ ÷ 2{z}". {count} is the number of elements
            that a reduction makes one of.
    """

    slopes: tuple[str, ...] = ()
    pullbacks: tuple[str, ...] = ()


_HINTS: dict[Callable[..., Any], str] = {}
FORMULAS: dict[Callable[..., Any] | tuple[Callable[..., Any], tuple[int, ...]], Formula] = {}
DECOMPOSITIONS: dict[Callable[..., Any], Callable[..., Any]] = {}


def formula(
    function: Callable[..., Any],
    *,
    slopes: tuple[str, ...] = (),
    pullbacks: tuple[str, ...] = (),
    dimensions: tuple[int, ...] | None = None,
) -> None:
    """Enter the rules of a function as text. A law evaluates each text and compares it with the rule.

    Args:
        function: an entry of the table.
        slopes, pullbacks: see `Formula`.
        dimensions: those of the arguments, where the text depends on them.
    """
    FORMULAS[function if dimensions is None else (function, dimensions)] = Formula(slopes, pullbacks)


def decomposition(function: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter how a function is written with NumPy's elementary ones, which is what a compiled program calls.

    The decorated function gets the arguments of a call. It returns None for a call that stays as it is.
    """

    def enter(written_out: Callable[..., Any]) -> Callable[..., Any]:
        DECOMPOSITIONS[function] = written_out
        return written_out

    return enter


def formula_of(function: Callable[..., Any], dimensions: tuple[int, ...]) -> Formula | None:
    """Return the formula in the row of a function called with arguments of these dimensions, or None."""
    operation_of(function)  # reads the file in which the entry stands
    return FORMULAS.get((function, dimensions)) or FORMULAS.get(function)


def decomposition_of(function: Callable[..., Any]) -> Callable[..., Any] | None:
    """Return what writes a function out with NumPy's elementary ones, or None."""
    return DECOMPOSITIONS.get(function)


def hint(function: Callable[..., Any], text: str) -> None:
    """Say of a function that is refused on Tensors why, and what to use instead."""
    _HINTS[function] = text


def hint_for(function: Callable[..., Any]) -> str | None:
    """Return the hint for a function that is refused, or None."""
    read_all()
    return _HINTS.get(function)

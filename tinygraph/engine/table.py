"""The derivative table: which NumPy functions can be differentiated, and how.

An entry is a function and one rule for each argument that can carry a gradient:

    derivative(np.multiply, lambda g, z, x, y: g * y, lambda g, z, x, y: g * x)

A rule gets the cotangent `g` of the result (the gradient of the loss with respect to it), the result
`z`, and then the arguments exactly as the function was called with them. It returns the cotangent of
its own argument. Rules are ordinary NumPy code: on arrays they just run, on Tensors they record, and
that is where second derivatives come from. Undoing broadcasting and restoring dtypes is the engine's
work, not theirs.

The record keeps an array only if a rule will read its values. The rule's code tells: a rule that asks an argument
for its `shape`, `ndim`, `size` or `dtype` alone does not keep the array alive.
"""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Callable, Iterable
from types import CodeType
from typing import Any, NamedTuple

import numpy as np

from tinygraph.users_code.rules import positions_read

__all__ = [
    "Formula",
    "Operation",
    "as_converted",
    "composition",
    "composition_of",
    "decomposition",
    "decomposition_of",
    "derivative",
    "elementwise",
    "formula",
    "formula_of",
    "function_name",
    "gives_pieces",
    "hint",
    "hint_for",
    "is_plain",
    "multilinear",
    "no_derivative",
    "operation_of",
    "selection",
    "uses_all",
]

Rule = Callable[..., Any]


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


class Operation:
    """An entry of the table: a function, its rules, and which values those rules read."""

    __slots__ = (
        "compute", "function", "needs", "needs_result", "needs_x", "needs_y", "parameters", "pieces", "rules",
        "takes_dtype", "takes_sequences",
    )  # fmt: skip

    def __init__(self, function: Callable[..., Any], rules: tuple[Rule | None, ...]) -> None:
        self.function = function
        self.compute = _QUICKER.get(function, function)
        self.pieces = _PIECES.get(function)
        self.rules = rules
        if _converts(function):
            self.rules = tuple([_with_converted(function, rule) for rule in rules])  # type: ignore[arg-type]
        code = next(rule.__code__ for rule in rules if rule is not None)
        self.parameters = code.co_varnames[2 : code.co_argcount]
        read: set[int] = set()
        for rule in rules:
            if rule is not None:
                read |= positions_read(rule.__code__)
        self.needs_result = 1 in read
        self.needs = frozenset(position - 2 for position in read if position >= 2)
        self.needs_x = 0 in self.needs
        self.needs_y = 1 in self.needs
        # Told to compute in integers, a function has no derivative.
        self.takes_dtype = any([rule is not None and _takes_dtype(rule.__code__) for rule in rules])
        # Of NumPy's own functions only these tell a sequence of arrays from an array.
        module = "numpy" if isinstance(function, np.ufunc) else getattr(function, "__module__", None) or ""
        self.takes_sequences = not module.startswith("numpy") or function in _OF_SEQUENCES

    def __repr__(self) -> str:
        return f"<Operation {function_name(self.function)}>"


def _takes_dtype(code: CodeType) -> bool:
    """Return whether a rule, and so its function, takes a dtype."""
    return "dtype" in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount] or bool(code.co_flags & 0x08)


def _converts(function: Callable[..., Any]) -> bool:
    """Return whether the operands that the rules of a function read must be converted to a common dtype first.

    They must for SciPy's functions of several operands. NumPy's own have few rules of one operand alone, and these
    convert it themselves.
    """
    return isinstance(function, np.ufunc) and function.nin > 1 and getattr(np, function.__name__, None) is not function


def _with_converted(ufunc: np.ufunc, rule: Rule | None) -> Rule | None:
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


class Formula(NamedTuple):
    """The rules of a function as pictures show them: {x} and {y} are its arguments, {z} its result, ∇ its gradient.

    Attributes:
        slopes: for each argument the derivative of a scalar result: "1/(2√{x})".
        pullbacks: for each argument the gradient that arrives there: "∇ ÷ 2{z}". {count} is the number of elements
            that a reduction makes one of.
    """

    slopes: tuple[str, ...] = ()
    pullbacks: tuple[str, ...] = ()


# The rooms of the table that most programs enter. `tinygraph` reads them when it is imported.
_USUAL = ("arithmetic", "exponential", "indexing", "products", "reductions", "shapes", "trigonometric")

# The rooms that most programs do not enter. They are read when a function is asked for that is not in the others.
_SELDOM = (
    "calculus", "counting", "fft", "functional", "linalg", "missing", "padding", "polynomials", "rearranging",
    "refusals", "sorting", "statistics",
)  # fmt: skip
_unread = set(_SELDOM)

_TABLE: dict[Callable[..., Any], tuple[Rule | None, ...] | Operation] = {}
_QUICKER: dict[Callable[..., Any], Callable[..., Any]] = {}
_COMPOSITIONS: dict[Callable[..., Any], Callable[..., Any]] = {}
_PLAIN: set[Callable[..., Any]] = set()
# For each operand the elements of the result that are its own; the engine drops what a rule makes of the others.
SELECTIONS: dict[Callable[..., Any], tuple[Rule | None, ...]] = {}
ELEMENTWISE: set[Callable[..., Any]] = set()
# Each element of each operand is a part of the result.
USES_ALL: set[Callable[..., Any]] = set()
MULTILINEAR: set[Callable[..., Any]] = set()
_PIECES: dict[Callable[..., Any], Pieces] = {}
# Functions that give their operand back, as a new node of the graph with a slope of 1.
IDENTITIES: set[Callable[..., Any]] = set()
_OF_SEQUENCES = {np.concatenate, np.stack, getattr(np, "concat", np.concatenate)}
_OF_SCIPY = (
    "special", "special_zeta", "special_families", "special_elliptic", "special_waves", "special_distributions",
    "special_statistics",
)  # fmt: skip
_HINTS: dict[Callable[..., Any], str] = {}
FORMULAS: dict[Callable[..., Any] | tuple[Callable[..., Any], tuple[int, ...]], Formula] = {}
DECOMPOSITIONS: dict[Callable[..., Any], Callable[..., Any]] = {}


def derivative(function: Callable[..., Any], *rules: Rule | None, compute: Callable[..., Any] | None = None) -> None:
    """Enter a function into the table.

    Args:
        function: the function as NumPy calls it, `np.exp` or `np.linalg.solve`.
        rules: one for each positional argument, `rule(g, z, *args, **kwargs)`; None for an argument
            that carries no gradient. An argument that is a sequence of arrays gets a sequence back.
        compute: a quicker way to compute the very same on plain arrays.
    """
    _TABLE[function] = rules
    if compute is not None:
        _QUICKER[function] = compute


def selection(function: Callable[..., Any], *masks: Rule | None) -> None:
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
    _PIECES[function] = Pieces(name_no_place_twice, put_together)


def is_elementwise(function: Callable[..., Any]) -> bool:
    """Return whether each element of a function's result depends on one element of each operand."""
    if isinstance(function, np.ufunc):
        return function.signature is None and function.nout == 1
    return function in ELEMENTWISE


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


def composition(*functions: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Say that on Tensors a NumPy function is what the decorated function writes out with others."""

    def enter(written_out: Callable[..., Any]) -> Callable[..., Any]:
        for function in functions:
            _COMPOSITIONS[function] = written_out
        return written_out

    return enter


def no_derivative(*functions: Callable[..., Any]) -> None:
    """Say that these functions have no useful derivative: on Tensors they return plain NumPy results."""
    _PLAIN.update(functions)


def hint(function: Callable[..., Any], text: str) -> None:
    """Say of a function that is refused on Tensors why, and what to use instead."""
    _HINTS[function] = text


def hint_for(function: Callable[..., Any]) -> str | None:
    """Return the hint for a function that is refused, or None."""
    read_all()
    return _HINTS.get(function)


def read_usual() -> None:
    """Fill the table with what most programs need."""
    for room in _USUAL:
        importlib.import_module(f"tinygraph.derivatives.{room}")


def read_all() -> None:
    """Fill the whole table."""
    for room in sorted(_unread):
        importlib.import_module(f"tinygraph.derivatives.{room}")
        _unread.discard(room)


def operation_of(function: Callable[..., Any]) -> Operation | None:
    """Return the table's entry for a function, or None. The code of its rules is read when it is first asked for."""
    entry = _TABLE.get(function)
    if type(entry) is Operation:
        return entry
    if entry is None and _unread and function not in _COMPOSITIONS and function not in _PLAIN:
        read_all()
        return operation_of(function)
    if entry is None:
        # SciPy's functions are entered once SciPy is there, and one that we do not know is asked for.
        if not isinstance(function, np.ufunc) or function in _PLAIN or "scipy.special" not in sys.modules:
            return None
        for room in _OF_SCIPY:
            importlib.import_module(f"tinygraph.derivatives.{room}")
        entry = _TABLE.get(function)
        if entry is None or type(entry) is Operation:
            return entry
    assert isinstance(entry, tuple)
    operation = _TABLE[function] = Operation(function, entry)
    return operation


def composition_of(function: Callable[..., Any]) -> Callable[..., Any] | None:
    """Return the composition of a function, which writes it out with others, or None."""
    if _unread and function not in _COMPOSITIONS:
        read_all()
    return _COMPOSITIONS.get(function)


def formula_of(function: Callable[..., Any], dimensions: tuple[int, ...]) -> Formula | None:
    """Return the formula in the row of a function called with arguments of these dimensions, or None."""
    operation_of(function)  # reads the room in which the row stands
    return FORMULAS.get((function, dimensions)) or FORMULAS.get(function)


def decomposition_of(function: Callable[..., Any]) -> Callable[..., Any] | None:
    """Return what writes a function out with NumPy's elementary ones, or None."""
    return DECOMPOSITIONS.get(function)


def is_plain(function: Callable[..., Any]) -> bool:
    """Return whether a function has no useful derivative, and so returns plain results."""
    if _unread and function not in _PLAIN and function not in _TABLE and function not in _COMPOSITIONS:
        read_all()
    return function in _PLAIN


def function_name(function: Callable[..., Any]) -> str:
    """Return the name a user writes: "multiply", "linalg.solve", "special.expit"; of an operator that in `operator`."""
    name = getattr(function, "__name__", None) or repr(function)
    if isinstance(function, np.ufunc):
        if getattr(np, name, None) is function:
            return name
        special, public = sys.modules.get("scipy.special"), name.lstrip("_")
        return f"special.{public}" if special is not None and hasattr(special, public) else name
    module = getattr(function, "__module__", None) or ""
    for part in ("linalg", "fft"):
        if module.startswith(f"numpy.{part}"):
            return f"{part}.{name}"
    return name

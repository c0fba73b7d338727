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

import importlib
import sys
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

import numpy as np

from tinygraph.engine.common_dtypes import converts, with_converted
from tinygraph.engine.dependence import PIECES
from tinygraph.users_code.rules import positions_read

__all__ = [
    "Operation", "composition", "composition_of", "derivative", "function_name", "is_plain", "no_derivative",
    "operation_of", "read_all", "read_usual",
]  # fmt: skip

Rule = Callable[..., Any]


class Operation:
    """An entry of the table: a function, its rules, and which values those rules read."""

    __slots__ = (
        "compute", "function", "needs", "needs_result", "needs_x", "needs_y", "parameters", "pieces", "rules",
        "takes_dtype", "takes_sequences",
    )  # fmt: skip

    def __init__(self, function: Callable[..., Any], rules: tuple[Rule | None, ...]) -> None:
        self.function = function
        self.compute = _QUICKER.get(function, function)
        self.pieces = PIECES.get(function)
        self.rules = rules
        if converts(function):
            self.rules = tuple([with_converted(function, rule) for rule in rules])  # type: ignore[arg-type]
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


# The files of the table that most programs need. `tinygraph` reads them when it is imported.
_USUAL = ("arithmetic", "exponential", "indexing", "products", "reductions", "shapes", "trigonometric", "writing")

# The files that most programs do not need. They are read when a function is asked for that is not in the others.
_SELDOM = (
    "calculus", "counting", "fft", "functional", "linalg", "missing", "padding", "polynomials", "rearranging",
    "refusals", "sorting", "statistics",
)  # fmt: skip
_unread = set(_SELDOM)

_TABLE: dict[Callable[..., Any], tuple[Rule | None, ...] | Operation] = {}
_QUICKER: dict[Callable[..., Any], Callable[..., Any]] = {}
_COMPOSITIONS: dict[Callable[..., Any], Callable[..., Any]] = {}
_PLAIN: set[Callable[..., Any]] = set()
_OF_SEQUENCES = {np.concatenate, np.stack, getattr(np, "concat", np.concatenate)}
_OF_SCIPY = (
    "special", "special_zeta", "special_families", "special_elliptic", "special_waves", "special_distributions",
    "special_statistics",
)  # fmt: skip
_OF_SPARSE = "sparse"


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


def read_usual() -> None:
    """Fill the table with what most programs need."""
    for family in _USUAL:
        importlib.import_module(f"tinygraph.derivatives.{family}")


def read_all() -> None:
    """Fill the whole table."""
    for family in sorted(_unread):
        importlib.import_module(f"tinygraph.derivatives.{family}")
        _unread.discard(family)


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
        for family in _OF_SCIPY:
            importlib.import_module(f"tinygraph.derivatives.{family}")
        entry = _TABLE.get(function)
        if entry is None or type(entry) is Operation:
            return entry
    assert isinstance(entry, tuple)
    operation = _TABLE[function] = Operation(function, entry)
    return operation


def product_with_sparse(function: Callable[..., Any], x: Any, y: Any, frame: FrameType) -> Any:
    """Return the product of a sparse matrix of SciPy's and a Tensor, or NotImplemented for other operands."""
    if "scipy.sparse" not in sys.modules:
        return NotImplemented
    return importlib.import_module(f"tinygraph.derivatives.{_OF_SPARSE}").product_with_sparse(function, x, y, frame)


def composition_of(function: Callable[..., Any]) -> Callable[..., Any] | None:
    """Return the composition of a function, which writes it out with others, or None."""
    if _unread and function not in _COMPOSITIONS:
        read_all()
    return _COMPOSITIONS.get(function)


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

"""Calls: the statements of a program that compute element by element, and what they read and write.

    np.add(x[:, 1:], two, out=z)        Call("add", "z", ("x[:, 1:]", Number(2.0, "float32")), None, ...)

The arrays and views in a call are its slots, known by their text.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass

__all__ = ["CALLS", "Call", "Known", "Number", "Operand", "call_of", "is_numpy", "number_of", "slot_text"]

# The calls of NumPy that a run may consist of, and the number of their operands.
CALLS = {
    **dict.fromkeys(
        (
            "absolute", "arctan", "ceil", "cos", "cosh", "exp", "exp2", "expm1", "floor", "isnan", "log", "log10",
            "log1p", "log2", "logical_not", "negative", "positive", "reciprocal", "rint", "sign", "sin", "sinh", "sqrt",
            "square", "tanh", "trunc",
        ), 1,
    ),
    **dict.fromkeys(
        (
            "add", "arctan2", "copysign", "divide", "equal", "fmax", "fmin", "greater", "greater_equal", "hypot",
            "less", "less_equal", "logaddexp", "logical_and", "logical_or", "maximum", "minimum", "multiply",
            "not_equal", "subtract",
        ), 2,
    ),
    "clip": 3,
}  # fmt: skip


@dataclass(frozen=True)
class Number:
    """A number in a call: of a dtype, or, where that is None, of Python, which takes on that of the array beside it."""

    value: float
    dtype: str | None = None


# A slot by its text, or a number.
Operand = str | Number


@dataclass(frozen=True)
class Call:
    """A call of a run.

    Attributes:
        function: the name of NumPy's function, or "copy".
        target: the slot that is written.
        operands: what is read.
        where: the slot with the elements that are written; None for all.
        statement: as it stands in the program.
    """

    function: str
    target: str
    operands: tuple[Operand, ...]
    where: str | None
    statement: ast.stmt

    @property
    def slots(self) -> Iterator[str]:
        """The slots that are written and read."""
        yield self.target
        yield from (item for item in self.operands if isinstance(item, str))
        if self.where is not None:
            yield self.where


@dataclass(frozen=True)
class Known:
    """The names whose values are known, in a part of a function.

    Attributes:
        constants: the numbers that the program has as arrays of one element.
        axes: the numbers of axes of arrays.
        whole: names of whole numbers.
    """

    constants: Mapping[str, Number]
    axes: Mapping[str, int]
    whole: Set[str]

    def may_be_element(self, node: ast.expr) -> bool:
        """Return whether an expression may be a number and no view, as `x[0]` is where x has one axis."""
        if not isinstance(node, ast.Subscript):
            return False
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if any(isinstance(part, ast.Slice) or ast.unparse(part) in ("...", "None") for part in parts):
            return False
        return not (isinstance(node.value, ast.Name) and len(parts) < self.axes.get(node.value.id, 0))


# Of a call: the function, the operands, the target and the mask.
_Parts = tuple[str, list[ast.expr], ast.expr, ast.expr | None]


def call_of(statement: ast.stmt, known: Known) -> tuple[Call, dict[str, ast.expr]] | None:
    """Return a statement as a call, and its slots; None if it is none that a run may have."""
    slots: dict[str, ast.expr] = {}

    def operand(node: ast.expr) -> Operand | None:
        if isinstance(node, ast.Name) and node.id in known.constants:
            return known.constants[node.id]
        number = number_of(node)
        return slot(node) if number is None else Number(number)

    def slot(node: ast.expr) -> str | None:
        if not _is_view(node, known.whole):
            return None
        text = slot_text(node)
        slots[text] = ast.fix_missing_locations(ast.copy_location(ast.parse(text, mode="eval").body, node))
        return text

    if isinstance(statement, ast.Assign):
        target = statement.targets[0]
        if len(statement.targets) != 1 or not isinstance(target, ast.Subscript) or known.may_be_element(target):
            return None
        found: _Parts | None = ("copy", [statement.value], target, None)
    else:
        found = _parts_of(statement)
    if found is None:
        return None
    name, operands, place, where = found
    written, read = slot(place), [operand(item) for item in operands]
    mask = None if where is None else slot(where)
    if written is None or written in known.constants or None in read or (where is not None and mask is None):
        return None
    return Call(name, written, tuple([item for item in read if item is not None]), mask, statement), slots


def _parts_of(statement: ast.stmt) -> _Parts | None:
    """Return the function, the operands, the target and the mask of a call such as `np.add(x, y, out=z)`."""
    call = statement.value if isinstance(statement, ast.Expr) else None
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and is_numpy(call.func.value)):
        return None
    keywords = {item.arg: item.value for item in call.keywords}
    if call.func.attr == "copyto" and len(call.args) == 2 and keywords.keys() <= {"where"}:
        return "copy", [call.args[1]], call.args[0], keywords.get("where")
    if keywords.keys() != {"out"} or CALLS.get(call.func.attr) != len(call.args):
        return None
    return call.func.attr, call.args, keywords["out"], None


def _is_view(node: ast.expr, whole: Set[str]) -> bool:
    """Return whether an expression is a name, or a view or an element of an array, with nothing computed but slices."""
    if isinstance(node, ast.Name):
        return True
    if not (isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name | ast.Subscript)):
        return False
    index = node.slice
    parts = index.elts if isinstance(index, ast.Tuple) else [index]
    return _is_view(node.value, whole) and all(_is_place(part, whole) for part in parts)


def _is_place(part: ast.expr, whole: Set[str]) -> bool:
    """Return whether a part of an index says the same wherever it stands in the run: nothing in it is called."""
    if isinstance(part, ast.Slice):
        bounds = [bound for bound in (part.lower, part.upper, part.step) if bound is not None]
        return not any(isinstance(node, ast.Call | ast.NamedExpr) for bound in bounds for node in ast.walk(bound))
    if isinstance(part, ast.Name):
        return part.id in whole
    number = part.operand if isinstance(part, ast.UnaryOp) and isinstance(part.op, ast.USub) else part
    return isinstance(number, ast.Constant) and (
        number.value is ... or number.value is None or type(number.value) is int
    )


def slot_text(node: ast.expr) -> str:
    """Return the text of a view; `x[...]` is x itself."""
    text = ast.unparse(node)
    return text.removesuffix("[...]")


def number_of(node: ast.expr) -> float | None:
    """Return the number that an expression is; None if it is none."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        number = number_of(node.operand)
        return None if number is None else -number
    if isinstance(node, ast.Attribute) and is_numpy(node.value):
        return {"inf": math.inf, "nan": math.nan}.get(node.attr)
    value = node.value if isinstance(node, ast.Constant) else None
    return value if isinstance(value, int | float) and type(value) is not bool else None


def is_numpy(node: ast.expr) -> bool:
    """Return whether an expression is the name of NumPy."""
    return isinstance(node, ast.Name) and node.id == "np"

"""The grammar of a formula. `parse` refuses all other syntax before anything is computed."""

from __future__ import annotations

import ast
import operator
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from tinygraph.expression.errors import ExpressionError, near
from tinygraph.expression.vocabulary import CONSTANTS, Function, functions, shape_of

__all__ = [
    "BINARY",
    "COMPARISONS",
    "LONGEST",
    "METADATA",
    "UNARY",
    "called",
    "constant_name",
    "is_method",
    "parse",
    "variables",
]

LONGEST = 2_000
DEEPEST = 150
MOST_TEXT = 100
PREFIXES = ("np.", "numpy.", "tg.", "tinygraph.")

BINARY: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.MatMult: operator.matmul,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
}
UNARY: dict[type[ast.AST], Callable[[Any], Any]] = {
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
    ast.Invert: operator.invert,
}
COMPARISONS: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}

# Attributes and methods are another spelling of functions: no attribute of an object is ever read.
METADATA: dict[str, Callable[[Any], Any]] = {
    "T": np.transpose,
    "mT": np.matrix_transpose,
    "shape": shape_of,
    "ndim": lambda value: len(shape_of(value)),
}
METHODS = {
    name: name
    for name in (
        "all", "any", "argmax", "argmin", "argsort", "clip", "compress", "copy", "cumprod", "cumsum", "diagonal", "dot",
        "max", "mean", "min", "prod", "ravel", "repeat", "reshape", "squeeze", "std", "sum", "swapaxes", "take",
        "trace", "transpose", "var",
    )
} | {"flatten": "ravel"}  # fmt: skip
KEYWORDS = frozenset((
    "a", "a_max", "a_min", "alpha", "axes", "axis", "axis1", "axis2", "constant_values", "ddof", "fill_value",
    "from_logits", "indices", "initial", "k", "keepdims", "max", "min", "mode", "negative_slope", "num", "num_classes",
    "offset", "ord", "pad_width", "reduction", "repeats", "reps", "shape", "shift", "start", "step", "stop", "weights",
))  # fmt: skip

# Syntax that people try, in words, and the replacement.
WORDS: dict[type[ast.AST], str] = {
    ast.Await: "await",
    ast.BoolOp: "and / or",
    ast.Dict: "a dict",
    ast.DictComp: "a comprehension",
    ast.FormattedValue: "an f-string",
    ast.GeneratorExp: "a comprehension",
    ast.IfExp: "if ... else",
    ast.In: "in",
    ast.Is: "is",
    ast.IsNot: "is not",
    ast.JoinedStr: "an f-string",
    ast.LShift: "<<",
    ast.Lambda: "lambda",
    ast.ListComp: "a comprehension",
    ast.NamedExpr: ":=",
    ast.Not: "not",
    ast.NotIn: "not in",
    ast.RShift: ">>",
    ast.Set: "a set",
    ast.SetComp: "a comprehension",
    ast.Starred: "*",
    ast.Yield: "yield",
    ast.YieldFrom: "yield",
}
INSTEAD: dict[type[ast.AST], str] = {
    ast.BoolOp: "; use & and | on comparisons in parentheses: (x > 0) & (x < 1)",
    ast.Not: "; use ~ on a comparison in parentheses: ~(x > 0)",
    ast.IfExp: "; use where(condition, a, b)",
}


# Python's spelling of mathematical notation.
WRITTEN = {
    "√": "sqrt(...)", "∛": "cbrt(...)", "²": "**2", "³": "**3", "×": "*", "·": "*", "÷": "/", "−": "-",
    "∞": "inf", "≤": "<=", "≥": ">=", "≠": "!=",
}  # fmt: skip
CALLED = {"ln": "log", "σ": "sigmoid", "Σ": "sum", "Π": "prod"}


def parse(text: str, longest: int = LONGEST) -> ast.expr:
    """Return the syntax tree of a formula.

    Args:
        text: the formula, in one line.
        longest: the largest number of characters.

    Raises:
        ExpressionError: the text is not a formula, is too long, or is nested too deeply.
    """
    if not text:
        raise ExpressionError("the expression is empty")
    if len(text) > longest:
        raise ExpressionError(f"the expression has {len(text):,} characters; {longest:,} is the most")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text, mode="eval").body
    except SyntaxError as error:
        column = error.offset - 1 if error.offset else len(text)  # without an offset the text ends too early
        raise ExpressionError(f"not a formula: {error.msg}{_as_python(text, column)}", text, column) from None
    except (MemoryError, RecursionError):
        raise ExpressionError("not a formula: it is nested too deeply") from None
    except ValueError as error:
        raise ExpressionError(f"not a formula: {error}") from None
    _check_depth(tree)
    _Check(text).expression(tree)
    return tree


def _as_python(text: str, column: int) -> str:
    """Return the end of a message about Python's spelling: "; a product is written with *", or nothing."""
    letter = text[column : column + 1]
    if letter in WRITTEN:
        return f"; {letter} is written {WRITTEN[letter]}"
    if letter == "=":
        return "; values stand after the formula: a=3"
    before, rest = text[:column].rstrip()[-1:], text[column:]
    if re.match(r"[\d.]+[^\W\d]", rest) or ((before.isalnum() or before == ")") and re.match(r"[\w(]", rest)):
        return "; a product is written with *, as in 2*a"
    return ""


def _check_depth(tree: ast.AST) -> None:
    """Check the depth level by level, so that the functions after this one may recurse."""
    level = [tree]
    for _ in range(DEEPEST):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return
    raise ExpressionError(f"the expression is nested more than {DEEPEST} levels deep")


class _Check:
    """A walk over a tree that raises an error at the first node that is not part of a formula."""

    def __init__(self, text: str) -> None:
        self.text = text

    def expression(self, node: ast.expr) -> None:
        match node:
            case ast.Name():
                pass
            case ast.Constant(value=value):
                self._constant(node, value)
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                self._all(parts)
            case ast.Slice(lower=lower, upper=upper, step=step):
                self._all(end for end in (lower, upper, step) if end is not None)
            case ast.Subscript(value=value, slice=index):
                self._all((value, index))
            case ast.UnaryOp(op=op, operand=operand):
                self._operator(node, op, UNARY)
                self.expression(operand)
            case ast.BinOp(left=left, op=op, right=right):
                self._operator(node, op, BINARY)
                self._all((left, right))
            case ast.Compare(left=left, ops=ops, comparators=others):
                for comparison in ops:
                    self._operator(node, comparison, COMPARISONS)
                self._all((left, *others))
            case ast.Attribute():
                self._attribute(node)
            case ast.Call():
                self._call(node)
            case _:
                raise self._refusal(node, node)

    def _all(self, nodes: Any) -> None:
        for node in nodes:
            self.expression(node)

    def _constant(self, node: ast.expr, value: Any) -> None:
        if type(value) is str and len(value) > MOST_TEXT:
            raise self._error(node, f"text of more than {MOST_TEXT} characters")
        if type(value) is complex:
            raise self._error(node, "complex numbers are not supported")
        if type(value) is bytes:
            raise self._error(node, "bytes are not part of a formula")
        if type(value) is int:
            try:
                float(value)
            except OverflowError:
                raise self._error(node, "a number larger than the largest float") from None

    def _operator(self, node: ast.expr, op: ast.AST, table: Mapping[type[ast.AST], Any]) -> None:
        if type(op) not in table:
            raise self._refusal(node, op)

    def _attribute(self, node: ast.Attribute) -> None:
        if constant_name(node) is not None:
            return
        if node.attr not in METADATA:
            hint = f"; call it: .{node.attr}()" if node.attr in METHODS else near(node.attr, [*METADATA, *METHODS])
            raise self._error(node, f"the attribute .{node.attr} is not part of a formula{hint}")
        self.expression(node.value)

    def _call(self, node: ast.Call) -> None:
        if is_method(node):
            if not isinstance(node.func, ast.Attribute):
                raise self._error(node.func, "only a function's name can be called")
            if METHODS.get(node.func.attr) not in functions():
                raise self._error(node.func, f"unknown method .{node.func.attr}(){near(node.func.attr, METHODS)}")
            self.expression(node.func.value)
        else:
            name = _bare(_dotted(node.func) or "")
            if name not in functions():
                hint = f"; it is called {CALLED[name]!r}" if name in CALLED else near(name, functions())
                raise self._error(node.func, f"unknown function {name!r}{hint}")
        self._all(node.args)
        for keyword in node.keywords:
            if keyword.arg not in KEYWORDS:
                name = keyword.arg or ""
                what = f"the keyword {name}=" if name else "**"
                raise self._error(keyword, f"{what} is not part of a formula{near(name, KEYWORDS)}")
            self.expression(keyword.value)

    def _refusal(self, node: ast.expr, what: ast.AST) -> ExpressionError:
        word = WORDS.get(type(what), type(what).__name__.lower())
        return self._error(node, f"{word} is not part of a formula{INSTEAD.get(type(what), '')}")

    def _error(self, node: ast.expr | ast.keyword, reason: str) -> ExpressionError:
        return ExpressionError.at(node, self.text, reason)


# --- names ------------------------------------------------------------------------------------------------------------


def _dotted(node: ast.AST) -> str | None:
    """Return `a.b.c` as text; None if it does not begin with a name."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = _dotted(node.value)
        return None if before is None else f"{before}.{node.attr}"
    return None


def _bare(dotted: str) -> str:
    """Return a name without `np.` or another module in front."""
    return next((dotted[len(prefix) :] for prefix in PREFIXES if dotted.startswith(prefix)), dotted)


def constant_name(node: ast.Attribute) -> str | None:
    """Return the name of the constant in `np.pi`; None for an attribute of a value."""
    dotted = _dotted(node)
    name = _bare(dotted) if dotted is not None else None
    return name if name != dotted and name in CONSTANTS else None


def is_method(node: ast.Call) -> bool:
    """Return whether a call is `value.method(...)`, as opposed to `function(...)` or `np.function(...)`."""
    dotted = _dotted(node.func)
    return dotted is None or ("." in dotted and not dotted.startswith((*PREFIXES, "linalg.")))


def called(node: ast.Call) -> tuple[str, Function]:
    """Return the name and the function of a call that was checked before."""
    if is_method(node):
        assert isinstance(node.func, ast.Attribute)
        name = METHODS[node.func.attr]
    else:
        name = _bare(_dotted(node.func) or "")
    return name, functions()[name]


def variables(node: ast.AST) -> Iterator[ast.Name]:
    """Yield the names that stand for values, in the order of the text."""
    if isinstance(node, ast.Name):
        yield node
    elif isinstance(node, ast.Attribute) and constant_name(node) is not None:
        return
    elif isinstance(node, ast.Call) and not is_method(node):
        for child in (*node.args, *node.keywords):
            yield from variables(child)
    else:
        for child in ast.iter_child_nodes(node):
            yield from variables(child)

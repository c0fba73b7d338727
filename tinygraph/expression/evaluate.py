"""Compute a formula by walking over its syntax tree.

A table holds all operations, and the size of every array is checked before the array is made. Small integers stay
integers, since an axis or an index must be an integer; larger ones become float64: 9**9**9 is infinite at once.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tinygraph.engine.modes import Setting
from tinygraph.engine.tensor import Tensor
from tinygraph.expression.errors import ExpressionError, near, one_line
from tinygraph.expression.grammar import (
    BINARY,
    COMPARISONS,
    LONGEST,
    METADATA,
    UNARY,
    called,
    constant_name,
    is_method,
    parse,
    variables,
)
from tinygraph.expression.vocabulary import CONSTANTS, MOST_ELEMENTS, Function, functions, shape_of, size_of

__all__ = ["Expression"]

EXACT = 2**53  # float64 represents every integer up to here
SMALL = 2**31  # + - * // % of two integers up to here fit into 64 bits
STAY_INTEGERS = (ast.Add, ast.Sub, ast.Mult, ast.FloorDiv, ast.Mod, ast.BitAnd, ast.BitOr, ast.BitXor)
TEXT_KEYWORDS = frozenset(("mode", "ord", "reduction"))
SHAPES_GIVEN_APART = frozenset(("reshape", "transpose"))  # x.reshape(2, 3), but reshape(x, (2, 3))


class Expression:
    """A formula of numbers, arrays and NumPy's functions, checked at construction.

        >>> Expression("sqrt(a**2 + b**2)").evaluate({"a": 3.0, "b": 4.0})
        np.float64(5.0)

    Args:
        text: the formula, in Python's syntax.
        longest: the largest number of characters.

    Raises:
        ExpressionError: the text is not a formula, or is too long.

    Attributes:
        text: the formula in one line.
        names: its variables, in the order of the text. They include constants such as `e`, which may get a value.
    """

    def __init__(self, text: str, longest: int = LONGEST) -> None:
        self.text = "".join(" " if letter in "\n\r\t\f\v" else letter for letter in text).strip()
        self._tree = parse(self.text, longest)
        self.names = tuple(dict.fromkeys(node.id for node in variables(self._tree)))

    def evaluate(self, values: Mapping[str, Any]) -> Any:
        """Compute the value of the formula.

        Args:
            values: for each name a number, an array or a Tensor.

        Returns:
            A Tensor if a Tensor took part, else a number or an array; for a formula that is a tuple, a tuple of these.

        Raises:
            ExpressionError: a value is missing, shapes do not fit, or an array would be too large.
        """
        self._check_given(values)
        # The user's formula has no line in this file.
        with Setting(origin=(None, 0)), np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if isinstance(self._tree, ast.Tuple):
                return tuple([self._number(item, values) for item in self._tree.elts])
            return self._number(self._tree, values)

    def _check_given(self, values: Mapping[str, Any]) -> None:
        missing = [name for name in self.names if name not in values and name not in CONSTANTS]
        if not missing:
            return
        first = next(node for node in variables(self._tree) if node.id == missing[0])
        told = []
        for name in missing:
            hint = f"; {name} is a function: {name}(...)" if name in functions() else near(name, [*values, *CONSTANTS])
            told.append(name + (f" ({hint.removeprefix('; ')})" if hint else ""))
        have = "1 variable has" if len(missing) == 1 else f"{len(missing)} variables have"
        given = " ".join(f"{name}=1" for name in missing)
        raise self._error(first, f"{have} no value: {', '.join(told)}. Give one as in: {given}")

    # --- one node of the tree ---------------------------------------------------------------------------------------

    def _value(self, node: ast.expr, values: Mapping[str, Any]) -> Any:
        match node:
            case ast.Constant(value=value):
                return float(value) if type(value) is int and value > EXACT else value
            case ast.Name(id=name):
                return values[name] if name in values else CONSTANTS[name]
            case ast.Tuple(elts=items):
                return tuple([self._value(item, values) for item in items])
            case ast.List(elts=items):
                return [self._part(item, values) for item in items]
            case ast.Slice(lower=lower, upper=upper, step=step):
                return slice(*[None if end is None else self._value(end, values) for end in (lower, upper, step)])
            case ast.UnaryOp(op=op, operand=operand):
                return self._call(node, UNARY[type(op)], self._number(operand, values))
            case ast.BinOp():
                return self._binary(node, values)
            case ast.Compare():
                return self._comparison(node, values)
            case ast.Subscript():
                return self._item(node, values)
            case ast.Attribute():
                constant = constant_name(node)
                if constant is not None:
                    return CONSTANTS[constant]
                return self._call(node, METADATA[node.attr], self._number(node.value, values))
            case ast.Call():
                return self._function(node, values)
        raise self._error(node, f"{type(node).__name__} is not part of a formula")

    def _number(self, node: ast.expr, values: Mapping[str, Any]) -> Any:
        """Return the value of a node: a number, an array or a Tensor. A list of numbers becomes an array."""
        value = self._part(node, values)
        return self._call(node, functions()["array"].call, value) if type(value) in (list, tuple) else value

    def _part(self, node: ast.expr, values: Mapping[str, Any]) -> Any:
        """Return the value of a node; other than in `_number`, a list or tuple stays one."""
        value = self._value(node, values)
        if value is None or value is Ellipsis or type(value) in (str, slice):
            raise self._error(node, "this is not a number")
        return value

    def _binary(self, node: ast.BinOp, values: Mapping[str, Any]) -> Any:
        left, right = self._number(node.left, values), self._number(node.right, values)
        if isinstance(left, int | float) and isinstance(right, int | float):
            small = all(isinstance(number, int) and abs(number) <= SMALL for number in (left, right))
            by_zero = right == 0 and isinstance(node.op, ast.FloorDiv | ast.Mod)
            if not small or by_zero or not isinstance(node.op, STAY_INTEGERS):
                left, right = np.float64(left), np.float64(right)
        if isinstance(node.op, ast.BitXor) and not (_is_condition(left) and _is_condition(right)):
            raise self._error(node, "^ is an exclusive or of conditions; a power is written a**2")
        product = isinstance(node.op, ast.MatMult)
        self._check_size(node, functions()["matmul" if product else "add"], (left, right), {})
        return self._call(node, BINARY[type(node.op)], left, right)

    def _comparison(self, node: ast.Compare, values: Mapping[str, Any]) -> Any:
        left = self._number(node.left, values)
        for place, (op, other) in enumerate(zip(node.ops, node.comparators, strict=True), 1):
            right = self._number(other, values)
            self._check_size(node, functions()["add"], (left, right), {})
            holds = self._call(node, COMPARISONS[type(op)], left, right)
            if place < len(node.ops) and not self._call(node, bool, holds):
                break
            left = right
        return holds

    def _item(self, node: ast.Subscript, values: Mapping[str, Any]) -> Any:
        whole = self._part(node.value, values)
        index = self._value(node.slice, values)
        for item in index if type(index) is tuple else (index,):
            if type(item) in (str, tuple):
                raise self._error(node.slice, "an index is a number, a slice, a list of numbers or a condition")
            mask = isinstance(item, np.ndarray) and item.dtype == bool
            rest = size_of(whole) / (1 if type(index) is tuple else max(1, *shape_of(whole)[:1]))
            if not mask and size_of(item) > 1 and size_of(item) * rest > MOST_ELEMENTS:
                raise self._error(node, "an index of so many numbers may make an array that is too large")
        return self._call(node, lambda: whole[index])

    def _function(self, node: ast.Call, values: Mapping[str, Any]) -> Any:
        name, function = called(node)
        args = [self._argument(item, function, values, function.text) for item in node.args]
        if is_method(node):
            assert isinstance(node.func, ast.Attribute)
            if name in SHAPES_GIVEN_APART and len(args) > 1:
                args = [tuple(args)]
            args.insert(0, self._number(node.func.value, values))
        keywords = {
            str(keyword.arg): self._argument(keyword.value, function, values, keyword.arg in TEXT_KEYWORDS)
            for keyword in node.keywords
        }
        if len(args) > function.positional:
            raise self._error(node, f"{name} takes {function.positional} arguments, got {len(args)}")
        self._check_size(node, function, tuple(args), keywords)
        return self._call(node, function.call, *args, **keywords)

    def _argument(self, node: ast.expr, function: Function, values: Mapping[str, Any], text: bool) -> Any:
        value = self._value(node, values)
        if type(value) is str and not text:
            raise self._error(node, "text is not a number")
        if type(value) is list and not function.sequences and _has_tensors(value):
            return self._call(node, functions()["array"].call, value)
        return value

    # --- the guard --------------------------------------------------------------------------------------------------

    def _check_size(self, node: ast.expr, function: Function, args: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        """Raise an error for a call that would make too large an array."""
        if function.size is None:
            return
        try:
            elements = float(function.size(*args, **keywords))
        except Exception as error:  # the arguments do not fit, and NumPy would raise as well
            raise self._error(node, f"these arguments do not fit: {one_line(error)}") from None
        if not elements <= MOST_ELEMENTS:
            count = f"{elements:,.0f}" if elements < 1e15 else "more than 10¹⁵"
            raise self._error(node, f"this would make {count} elements; {MOST_ELEMENTS:,} is the most")

    def _call(self, node: ast.expr, function: Callable[..., Any], *args: Any, **keywords: Any) -> Any:
        """Return the result of a function. Its errors are shown with their part of the text."""
        try:
            result = function(*args, **keywords)
        except ExpressionError:
            raise
        except Exception as error:  # NumPy raises errors of any type
            reason = re.sub(r" \([^()]*\.py:\d+\)$", "", one_line(error))  # the line is in this file
            raise self._error(node, reason) from None
        for item in result if type(result) in (tuple, list) else (result,):
            if isinstance(item, Tensor | np.ndarray | np.generic):
                if item.dtype.kind not in "fiub":
                    raise self._error(node, f"this makes {item.dtype}; only real numbers are supported")
                if item.size > MOST_ELEMENTS:
                    raise self._error(node, f"this makes {item.size:,} elements; {MOST_ELEMENTS:,} is the most")
        return result

    def _error(self, node: ast.expr, reason: str) -> ExpressionError:
        return ExpressionError.at(node, self.text, reason)


def _is_condition(value: Any) -> bool:
    return (value if isinstance(value, Tensor) else np.asarray(value)).dtype == np.bool_


def _has_tensors(value: Any) -> bool:
    return any(_has_tensors(item) if type(item) is list else isinstance(item, Tensor) for item in value)

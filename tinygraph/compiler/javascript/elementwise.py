"""Element by element: the expression of JavaScript for each of NumPy's functions, in one table."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygraph.compiler.javascript.expressions import (
    ATOM,
    CHOSEN,
    RAISED,
    SIGNED,
    Expression,
    call,
    infix,
    number,
    signed,
)
from tinygraph.compiler.javascript.kinds import is_whole

__all__ = ["ELEMENTWISE", "Element"]

Formula = Callable[..., Expression]
_ZERO, _ONE = number(0), number(1)


@dataclass(frozen=True)
class Element:
    """The expression of an element of the result, by the kind of its number.

    Attributes:
        of_floats: the expression from those of the operands, for numbers with a point.
        of_whole: the same for whole numbers; None where there is none.
        of_booleans: the same for booleans; None where there is none.
        by_operands: the operands decide which of the three it is, as in a comparison, and not the result.
        is_exact: the result needs no rounding.
    """

    of_floats: Formula | None
    of_whole: Formula | None = None
    of_booleans: Formula | None = None
    by_operands: bool = False
    is_exact: bool = False

    def formula(self, dtype: Any, kinds: list[Any]) -> Formula | None:
        """Return the expression for operands and a result of some dtypes."""
        kind = np.result_type(*kinds) if self.by_operands and kinds else np.dtype(dtype)
        if kind.kind == "b":
            return self.of_booleans
        return self.of_whole if is_whole(kind) else self.of_floats if kind.kind == "f" else None


def _infix(operator: str) -> Formula:
    return lambda x, y: infix(operator, x, y)


def _call(name: str) -> Formula:
    return lambda *operands: call(name, *operands)


def _whole(formula: Formula) -> Formula:
    """Return an expression whose result is refused if it is too large to be exact."""
    return lambda *operands: call("whole", formula(*operands))


def _same(x: Expression) -> Expression:
    return x


def _not_zero(x: Expression) -> Expression:
    return infix("!=", x, _ZERO)


def _both(x: Expression, y: Expression) -> Expression:
    return infix("&&", _not_zero(x), _not_zero(y))


def _either(x: Expression, y: Expression) -> Expression:
    return infix("||", _not_zero(x), _not_zero(y))


def _differ(x: Expression, y: Expression) -> Expression:
    return Expression(f"({_not_zero(x).text}) !== ({_not_zero(y).text})", 3)


def _is_zero(x: Expression) -> Expression:
    return infix("==", x, _ZERO)


def _choice(condition: Expression, x: Expression, y: Expression) -> Expression:
    return Expression(f"{condition.within(CHOSEN + 1)} ? {x.within(CHOSEN + 1)} : {y.text}", CHOSEN)


def _raised(x: Expression, y: Expression) -> Expression:
    """Return a power. A number that is written out as the exponent is finite, or NaN, and needs no care."""
    if y.text.lstrip("-").replace(".", "").replace("e-", "").isdigit():
        return Expression(f"{x.within(ATOM)} ** {y.within(SIGNED)}", RAISED)
    return call("power", x, y)


def _to_power(exponent: int) -> Formula:
    return lambda x: Expression(f"{x.within(ATOM)} ** {exponent}", RAISED)


def _sign(x: Expression) -> Expression:
    return infix("+", call("Math.sign", x), _ZERO)  # NumPy's sign of -0 is 0


def _scaled(factor: float) -> Formula:
    return lambda x: infix("*", x, number(factor))


def _compared(operator: str) -> Element:
    """Return a comparison. What is equal to a boolean may be one of JavaScript's, or 0 or 1."""
    loose = {"===": "==", "!==": "!="}.get(operator, operator)
    return Element(_infix(operator), _infix(operator), _infix(loose), by_operands=True, is_exact=True)


def _truth(formula: Formula) -> Element:
    return Element(formula, formula, formula, by_operands=True, is_exact=True)


def _extreme(name: str, of_booleans: Formula) -> Element:
    return Element(_call(name), _call(name), of_booleans, is_exact=True)


def _float(name: str) -> Element:
    return Element(_call(name))


def _moved(formula: Formula) -> Element:
    """Return a function that leaves whole numbers as they are, and needs no rounding."""
    return Element(formula, _same, _same, is_exact=True)


_MATH = {
    np.arccos: "acos", np.arccosh: "acosh", np.arcsin: "asin", np.arcsinh: "asinh", np.arctan: "atan",
    np.arctan2: "atan2", np.arctanh: "atanh", np.cbrt: "cbrt", np.cos: "cos", np.cosh: "cosh", np.exp: "exp",
    np.expm1: "expm1", np.hypot: "hypot", np.log: "log", np.log10: "log10", np.log1p: "log1p", np.log2: "log2",
    np.sin: "sin", np.sinh: "sinh", np.sqrt: "sqrt", np.tan: "tan", np.tanh: "tanh",
}  # fmt: skip

ELEMENTWISE: dict[Any, Element] = {
    **{function: _float(f"Math.{name}") for function, name in _MATH.items()},
    # --- arithmetic ---
    np.add: Element(_infix("+"), _whole(_infix("+")), _either),
    np.subtract: Element(_infix("-"), _whole(_infix("-"))),
    np.multiply: Element(_infix("*"), _whole(_infix("*")), _both),
    np.divide: Element(_infix("/")),
    np.negative: Element(lambda x: signed("-", x), lambda x: infix("-", _ZERO, x), is_exact=True),
    np.positive: Element(_same, _same, _same, is_exact=True),
    np.conjugate: Element(_same, _same, _same, is_exact=True),
    np.copy: Element(_same, _same, _same, is_exact=True),
    np.real: Element(_same, _same, _same, is_exact=True),
    np.reciprocal: Element(lambda x: infix("/", _ONE, x)),
    np.square: Element(_to_power(2), _whole(_to_power(2)), _same),
    np.power: Element(_raised, _whole(lambda x, y: Expression(f"{x.within(ATOM)} ** {y.within(SIGNED)}", RAISED))),
    np.float_power: Element(_raised),
    np.remainder: Element(_call("remainder"), _call("wholeRemainder")),
    np.floor_divide: Element(_call("floorDivide"), _call("wholeQuotient")),
    np.fmod: Element(_infix("%"), _call("wholeRest")),
    np.exp2: Element(lambda x: call("power", number(2), x)),
    np.logaddexp: _float("logaddexp"),
    np.logaddexp2: _float("logaddexp2"),
    np.deg2rad: Element(_scaled(math.pi / 180)),
    np.radians: Element(_scaled(math.pi / 180)),
    np.rad2deg: Element(_scaled(180 / math.pi)),
    np.degrees: Element(_scaled(180 / math.pi)),
    # --- signs, bounds and steps ---
    np.absolute: Element(_call("Math.abs"), _call("Math.abs"), _same, is_exact=True),
    np.fabs: Element(_call("Math.abs"), is_exact=True),
    np.sign: Element(_sign, _sign, is_exact=True),
    np.copysign: Element(_call("copysign"), is_exact=True),
    np.heaviside: Element(_call("heaviside"), is_exact=True),
    np.maximum: _extreme("Math.max", _either),
    np.minimum: _extreme("Math.min", _both),
    np.fmax: _extreme("fmax", _either),
    np.fmin: _extreme("fmin", _both),
    np.floor: _moved(_call("Math.floor")),
    np.ceil: _moved(_call("Math.ceil")),
    np.trunc: _moved(_call("Math.trunc")),
    np.rint: _moved(_call("rint")),
    np.where: Element(_choice, _choice, _choice, is_exact=True),
    # --- comparisons and truths ---
    np.greater: _compared(">"),
    np.greater_equal: _compared(">="),
    np.less: _compared("<"),
    np.less_equal: _compared("<="),
    np.equal: _compared("==="),
    np.not_equal: _compared("!=="),
    np.logical_and: _truth(_both),
    np.logical_or: _truth(_either),
    np.logical_xor: _truth(_differ),
    np.logical_not: _truth(_is_zero),
    np.bitwise_and: Element(None, None, _both, is_exact=True),
    np.bitwise_or: Element(None, None, _either, is_exact=True),
    np.bitwise_xor: Element(None, None, _differ, is_exact=True),
    np.invert: Element(None, None, _is_zero, is_exact=True),
    np.isnan: _truth(lambda x: call("Number.isNaN", x)),
    np.isfinite: _truth(lambda x: call("Number.isFinite", infix("+", x, _ZERO) if x.level < ATOM else x)),
    np.isinf: _truth(lambda x: infix("===", call("Math.abs", x), Expression("Infinity"))),
    np.signbit: _truth(lambda x: infix("<", infix("/", _ONE, call("copysign", _ONE, x)), _ZERO)),
}

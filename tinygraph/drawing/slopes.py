"""The factor of a gradient on its way back through one operation: "2a = 6", "1/(2√s) = 0.1"."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.drawing.numbers import number, plain_integer, superscript
from tinygraph.drawing.symbols import grouped, scalar_constant
from tinygraph.graph import Node

__all__ = ["local_derivatives", "slope"]

Rule = Callable[..., str]

# One rule per argument; z is the result's label, x and y are the arguments'. A test reads each of these as a formula,
# and compares it with the rule in the derivative table.
SLOPES: dict[str, tuple[Rule, ...]] = {
    "add": (lambda z, x, y: "1", lambda z, x, y: "1"),
    "subtract": (lambda z, x, y: "1", lambda z, x, y: "−1"),
    "multiply": (lambda z, x, y: y, lambda z, x, y: x),
    "divide": (lambda z, x, y: f"1/{grouped(y)}", lambda z, x, y: f"−{grouped(x)}/{grouped(y)}²"),
    "negative": (lambda z, x: "−1",),
    "square": (lambda z, x: f"2{grouped(x)}",),
    "sqrt": (lambda z, x: f"1/(2√{grouped(x)})",),
    "reciprocal": (lambda z, x: f"−1/{grouped(x)}²",),
    "exp": (lambda z, x: f"exp {grouped(x)}",),
    "log": (lambda z, x: f"1/{grouped(x)}",),
    "sin": (lambda z, x: f"cos {grouped(x)}",),
    "cos": (lambda z, x: f"−sin {grouped(x)}",),
    "tan": (lambda z, x: f"1/cos² {grouped(x)}",),
    "sinh": (lambda z, x: f"cosh {grouped(x)}",),
    "cosh": (lambda z, x: f"sinh {grouped(x)}",),
    "tanh": (lambda z, x: f"1 − {grouped(z)}²",),
    "arctan": (lambda z, x: f"1/(1 + {grouped(x)}²)",),
    "sigmoid": (lambda z, x: f"{grouped(z)}(1 − {grouped(z)})",),
    "absolute": (lambda z, x: f"sign {grouped(x)}",),
}
SLOPES |= {"true_divide": SLOPES["divide"], "expit": SLOPES["sigmoid"], "abs": SLOPES["absolute"]}

LONGEST = 24


def local_derivatives(node: Node) -> tuple[np.ndarray[Any, Any] | None, ...]:
    """The derivative of the value with respect to each operand, None where it cannot be had."""
    known = () if node.is_input else node.local_derivatives()
    return known + (None,) * (len(node.operands) - len(known))


def slope(node: Node, position: int, value: Any | None, names: dict[int, str]) -> str:
    """The label of the backward edge to the operand at `position`: "× 2a = 6", "× 0.1", or ""."""
    symbolic = _factor(_symbolic(node, position, names))
    numeric = "" if value is None or np.ndim(value) else number(np.asarray(value)[()])
    if not symbolic or symbolic == numeric or len(symbolic) > LONGEST:
        return f"× {numeric}" if numeric else ""
    return f"× {symbolic} = {numeric}" if numeric else f"× {symbolic}"


def _factor(text: str) -> str:
    """In parentheses where it is a sum or a negative formula."""
    outside, depth = "", 0
    for character in text:
        depth += (character == "(") - (character == ")")
        outside += "" if depth else character
    is_sum = "+" in outside or "-" in outside or " − " in outside or (text.startswith("−") and not text[1:].isdigit())
    return f"({text})" if is_sum else text


def _symbolic(node: Node, position: int, names: dict[int, str]) -> str:
    if node.kwargs or any(not isinstance(a, Node) and scalar_constant(a) is None for a in node.args):
        return ""
    if any(each.dtype.kind == "c" for each in (node, *node.operands)):
        return ""
    words = [names[a.index] if isinstance(a, Node) else number(scalar_constant(a)) for a in node.args]
    places = [place for place, argument in enumerate(node.args) if isinstance(argument, Node)]
    if node.op in {"power", "float_power"} and len(words) == 2:
        return _power(words, places[position], plain_integer(scalar_constant(node.args[1])))
    rules = SLOPES.get(node.op, ())
    if places[position] >= len(rules) or len(words) != rules[0].__code__.co_argcount - 1:
        return ""
    # An operand without a label cannot be spoken of; "\\0" tells whether the rule tried to.
    text = rules[places[position]](names[node.index] or "\0", *(word or "\0" for word in words))
    return "" if "\0" in text else text


def _power(words: list[str], place: int, whole: int | None) -> str:
    base, exponent = (grouped(word) for word in words)
    if not (base and exponent):
        return ""
    if place == 1:
        return f"{base}^{exponent} · ln {base}"
    if whole is None:
        factor = exponent if exponent[0].isdigit() else f"{exponent} × "
        return f"{factor}{base}^({words[1]} − 1)"
    power = "" if whole == 2 else superscript(whole - 1)
    return f"{exponent}{base}{power}" if whole not in {0, 1} else str(whole)

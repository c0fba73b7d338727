"""The factor of a gradient on its way back through one operation: "2a = 6", "1/(2√s) = 0.1"."""

from __future__ import annotations

from string import Formatter
from typing import Any

import numpy as np

from tinygraph.drawing.words.numbers import number, plain_integer, superscript
from tinygraph.drawing.words.symbols import filled, grouped, raisable, scalar_constant
from tinygraph.engine.notes import formula_of
from tinygraph.graph import Node

__all__ = ["factor", "local_derivatives", "slope"]

LONGEST = 24


def local_derivatives(node: Node) -> tuple[np.ndarray[Any, Any] | None, ...]:
    """Return the derivative of the value with respect to each operand; None if it is unknown."""
    known = () if node.is_input else node.local_derivatives()
    return known + (None,) * (len(node.operands) - len(known))


def slope(node: Node, position: int, value: Any | None, names: dict[int, str]) -> str:
    """Return the label of the backward edge to the operand at `position`: "× 2a = 6", "× 0.1", or ""."""
    symbolic = _factor(_symbolic(node, position, names))
    numeric = "" if value is None or np.ndim(value) else number(np.asarray(value)[()])
    if not symbolic or symbolic == numeric or len(symbolic) > LONGEST:
        return f"× {numeric}" if numeric else ""
    return f"× {symbolic} = {numeric}" if numeric else f"× {symbolic}"


def factor(node: Node, position: int, names: dict[int, str]) -> str:
    """Return the derivative to the operand at `position` as a factor, "2a"; "" if it has no short formula."""
    symbolic = _factor(_symbolic(node, position, names))
    return symbolic if len(symbolic) <= LONGEST else ""


def _factor(text: str) -> str:
    """Return a formula as a factor: in parentheses if it is a sum or negative."""
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
    row = None if node.function is None else formula_of(node.function, ())
    if row is None or len(words) != len(row.slopes):
        return ""
    return _filled(row.slopes[places[position]], {"z": names[node.index], **dict(zip("xy", words, strict=False))})


def _filled(rule: str, words: dict[str, str]) -> str:
    """Return a rule with the labels in it, or "" if it reads a value without a label."""
    used = [field for _, field, _, _ in Formatter().parse(rule) if field]
    if not all(words[field] for field in used):
        return ""
    alone = len(used) == 1 and rule == f"{{{used[0]}}}"
    return words[used[0]] if alone else filled(rule, {field: grouped(word) for field, word in words.items()})


def _power(words: list[str], place: int, whole: int | None) -> str:
    base, exponent = (grouped(word) for word in words)
    if not (base and exponent):
        return ""
    raised = raisable(base)
    if place == 1:
        return f"{raised}^{raisable(exponent)} · ln {base}"
    if whole is None:
        factor = exponent if exponent[0].isdigit() else f"{exponent} × "
        return f"{factor}{raised}^({words[1]} − 1)"
    power = base if whole == 2 else f"{raised}{superscript(whole - 1)}"
    return f"{exponent}{power}" if whole not in {0, 1} else str(whole)

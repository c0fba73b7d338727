"""Formulas: the short label of a value without a name ("a² + b²"), and the whole formula for a title."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Mapping
from typing import Any, NamedTuple

from tinygraph.drawing.words.facts import histogram
from tinygraph.drawing.words.numbers import number, plain_integer, superscript
from tinygraph.drawing.words.symbols import (
    INFIX,
    SYMBOLS,
    UNNAMED,
    array_constants,
    grouped,
    index_text,
    is_power,
    operation_symbol,
    scalar_constant,
)
from tinygraph.drawing.words.text import clean, clip
from tinygraph.engine.links import Like
from tinygraph.graph import Graph, Node, numbered

__all__ = [
    "ATOM",
    "PRODUCT",
    "Term",
    "constant_key",
    "fallback",
    "formula",
    "labels",
    "notation",
    "own_names",
    "written",
]

LABEL_LENGTH = 12
TITLE_LENGTH = 60

SUM, PRODUCT, POWER, ATOM = range(4)
LEVEL = {"add": SUM, "subtract": SUM, "multiply": PRODUCT, "divide": PRODUCT, "true_divide": PRODUCT, "matmul": PRODUCT}
TIGHT = {"square": "{}²", "transpose": "{}ᵀ", "linalg.inv": "{}⁻¹", "sqrt": "√{}", "cbrt": "∛{}"}
LOOSE = {"negative": ("−{}", SUM), "reciprocal": ("1 ÷ {}", PRODUCT)}
FENCES = {
    "absolute": "|{}|",
    "abs": "|{}|",
    "fabs": "|{}|",
    "linalg.norm": "‖{}‖",
    "positive": "positive({})",
    "logical_not": "not({})",
}
UNFINISHED = "\0"

RESULTS = {
    "add": "sum",
    "subtract": "difference",
    "multiply": "product",
    "divide": "quotient",
    "true_divide": "quotient",
    "matmul": "product",
    "power": "power",
    "negative": "negative",
    "sqrt": "root",
}


class Term(NamedTuple):
    """A formula and the precedence of its outermost operation."""

    text: str
    level: int

    def within(self, level: int) -> str:
        """Return the formula as an operand, in parentheses if its precedence is below `level`."""
        return self.text if self.level >= level else f"({self.text})"


def own_names(graph: Graph) -> dict[Any, str]:
    """Return the names of the values and of the constant arrays. Repeated names are numbered, x₁, x₂.

    Returns:
        The names of nodes by index, and those of constants by their `constant_key`, (name, array).
    """
    names: dict[Any, str] = {}
    for node in graph.nodes:
        for name, array in array_constants(node):
            if shown := clip(clean(_with_true_minus(name))):
                names.setdefault(constant_key(name, array), shown)
        if shown := clip(clean(node.name or "")):
            names[node.index] = shown
    return numbered(names)


def _with_true_minus(name: str) -> str:
    """Return an expression of the user's as a picture writes it: "1 − y" for "1 - y", but no key of a dict."""
    return name if '"' in name or "'" in name else name.replace("-", "−")


def constant_key(name: str, array: Any) -> Hashable:
    """Return a key of a named constant, by content: the record copies small arrays, so two uses are two arrays."""
    content = b"" if isinstance(array, Like) else hashlib.blake2b(array.tobytes(), digest_size=16).digest()
    return name, array.shape, str(array.dtype), content


def labels(graph: Graph) -> dict[int, str]:
    """Return a short label for every node by its index: its name, else a formula of its operands' labels, else ""."""
    names = own_names(graph)
    found: dict[int, Term] = {}
    for node in graph.nodes:
        written = None if node.is_input else _written(node, found, LABEL_LENGTH)
        if node.index in names:
            written = _named(names[node.index])
        found[node.index] = written or Term(UNFINISHED, ATOM)
    return {index: "" if written.text == UNFINISHED else written.text for index, written in found.items()}


def _named(name: str) -> Term:
    """Return a name as a formula. A name that looks like a sum or a product gets parentheses within another formula."""
    return Term(name, ATOM if grouped(name) == name else SUM)


def fallback(node: Node, names: Mapping[int, str] | None = None) -> str:
    """Return the label of a value without a name or short formula: ‹product›. No variable can have this name."""
    return "" if node.is_input else f"‹{RESULTS.get(node.op, clip(clean(operation_symbol(node, names))))}›"


def formula(graph: Graph, output: Node) -> str | None:
    """Return the formula of `output` in the inputs; if that is too long, in the named values; else None."""
    names = own_names(graph)
    for expand_names in (True, False):
        found: dict[int, Term] = {}
        for node in graph.nodes:
            named = node.index in names
            as_name = node.is_input or (named and not expand_names and node is not output)
            if as_name:
                written = _named(names[node.index]) if named else None
                if written is None and node.value is not None and node.shape == () and not node.changed:
                    written = Term(histogram(node.value).words, ATOM)
            else:
                written = _written(node, found, TITLE_LENGTH)
            found[node.index] = written or Term(UNFINISHED, ATOM)
        text = found[output.index].text
        if UNFINISHED not in text and len(text) <= TITLE_LENGTH and not output.is_input:
            return text
    return None


def written(node: Node, words: Mapping[int, str]) -> str:
    """Return a call in the words for its operands, "a² + b²" or "9 + 16"; "" if it has no usual notation."""
    found = _written(node, {index: Term(word, _level(word)) for index, word in words.items()}, TITLE_LENGTH)
    return "" if found is None else found.text


def _level(text: str) -> int:
    """Return the precedence of a label: the formula that it may be, or a name."""
    if grouped(text) == text:
        return SUM if text.startswith("−") else POWER if is_power(text) else ATOM
    outside, depth = "", 0
    for character in text:
        depth += (character in "([") - (character in ")]")
        outside += "" if depth else character
    is_product = any(sign in outside for sign in "×÷@") and not any(sign in outside for sign in "+−-*/")
    return PRODUCT if is_product else SUM


def _written(node: Node, found: dict[int, Term], longest: int) -> Term | None:
    """Return the call as a formula of its operands' expressions; None if it is too long or has no usual notation."""
    if any(value is not None and value is not False for value in node.kwargs.values()):
        return None
    if node.op == "getitem":
        return _part(node, found, longest)
    operands = [_argument(argument, found) for argument in node.args]
    if any(o is None or o.text == UNFINISHED or len(o.text) > longest for o in operands):
        return None
    written = notation(node.op, [o for o in operands if o is not None], node.args)
    return written if written is not None and len(written.text) <= longest else None


def _part(node: Node, found: dict[int, Term], longest: int) -> Term | None:
    """Return an index of numbers and slices, "w[0]"; arrays in it are not written out."""
    operand, key = node.args[0], index_text(node.args[1])
    whole = found[operand.index] if isinstance(operand, Node) else None
    if whole is None or whole.text == UNFINISHED or UNNAMED in key:
        return None
    written = Term(f"{whole.within(ATOM)}[{key}]", ATOM)
    return written if len(written.text) <= longest else None


def _argument(argument: Any, found: dict[int, Term]) -> Term | None:
    if isinstance(argument, Node):
        return found[argument.index]
    constant = scalar_constant(argument)
    if constant is None:
        return None
    written = number(constant)
    return Term(written, ATOM if written.replace(".", "").isalnum() else SUM)


def notation(op: str, operands: list[Term], arguments: tuple[Any, ...]) -> Term | None:
    """Return a call in its usual notation; None if it has none for so many operands."""
    if op in LEVEL and len(operands) == 2:
        left, right = operands
        level = LEVEL[op]
        # Only a sum may stand to the right of a sum without parentheses: a + (b − c) is a + b − c.
        return Term(f"{left.within(level)} {INFIX[op]} {right.within(level + (op != 'add'))}", level)
    if op in {"power", "float_power"} and len(operands) == 2:
        whole = plain_integer(scalar_constant(arguments[1]))
        exponent = superscript(whole) if whole is not None else f"^{operands[1].within(ATOM)}"
        return Term(operands[0].within(ATOM) + exponent, POWER)
    if len(operands) != 1:
        return None
    (operand,) = operands
    if op in TIGHT:
        return Term(TIGHT[op].format(operand.within(ATOM)), POWER)
    if op in LOOSE:
        text, level = LOOSE[op]
        return Term(text.format(operand.within(POWER)), level)
    fence = FENCES.get(op, SYMBOLS.get(op, op) + "({})")
    return Term(fence.format(operand.text), ATOM)

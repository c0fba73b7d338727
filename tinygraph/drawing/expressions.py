"""Formulas: the short label of a value that has no name ("a² + b²"), and the whole formula for a title."""

from __future__ import annotations

from typing import Any, NamedTuple

from tinygraph.drawing.facts import distribution
from tinygraph.drawing.numbers import number, plain_integer, superscript
from tinygraph.drawing.symbols import INFIX, SYMBOLS, operation_symbol, scalar_constant
from tinygraph.drawing.text import clean, clip
from tinygraph.graph import Graph, Node

__all__ = ["fallback", "formula", "grouped", "labels"]

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


class Expression(NamedTuple):
    """A formula and how tightly its outermost operation binds."""

    text: str
    level: int

    def within(self, level: int) -> str:
        """The formula as an operand, in parentheses where it binds less tightly than `level`."""
        return self.text if self.level >= level else f"({self.text})"


def labels(graph: Graph) -> dict[int, str]:
    """A short label for every node by its index: its name, else a formula of its operands' labels, else ""."""
    found: dict[int, Expression] = {}
    for node in graph.nodes:
        written = None if node.is_input else _written(node, found, LABEL_LENGTH)
        if node.name is not None and clean(node.name):
            written = Expression(clip(clean(node.name)), ATOM)
        found[node.index] = written or Expression(UNFINISHED, ATOM)
    return {index: "" if written.text == UNFINISHED else written.text for index, written in found.items()}


def fallback(node: Node) -> str:
    """What to call a value that has neither a name nor a short formula: the result of its operation."""
    return "" if node.is_input else RESULTS.get(node.op, clip(clean(operation_symbol(node))))


def grouped(text: str) -> str:
    """A label as a factor: in parentheses unless it is a single name or already a power, a call or a group."""
    return f"({text})" if any(sign in text for sign in " −+×÷@") and not _is_call(text) else text


def _is_call(text: str) -> bool:
    """ "σ(W @ x)", but neither "σ(x) + σ(y)" nor "(x + y)²"."""
    name, _, rest = text.partition("(")
    depths = [0]
    for letter in rest:
        depths.append(depths[-1] + (letter == "(") - (letter == ")"))
    return name.isidentifier() and min(depths) == depths[-1] == -1 and depths.count(-1) == 1


def formula(graph: Graph, output: Node) -> str | None:
    """`output` written out in terms of the inputs; where that is too long, of the named values; else None."""
    for expand_names in (True, False):
        found: dict[int, Expression] = {}
        for node in graph.nodes:
            named = node.name is not None and bool(clean(node.name))
            as_name = node.is_input or (named and not expand_names and node is not output)
            if as_name:
                written = Expression(clip(clean(node.name)), ATOM) if named and node.name else None
                if written is None and node.value is not None and node.shape == ():
                    written = Expression(distribution(node.value).words, ATOM)
            else:
                written = _written(node, found, TITLE_LENGTH)
            found[node.index] = written or Expression(UNFINISHED, ATOM)
        text = found[output.index].text
        if UNFINISHED not in text and len(text) <= TITLE_LENGTH and not output.is_input:
            return text
    return None


def _written(node: Node, found: dict[int, Expression], longest: int) -> Expression | None:
    """The call as a formula of its operands' expressions, None where it is too long or has no usual notation."""
    operands = [_argument(argument, found) for argument in node.args]
    if any(o is None or o.text == UNFINISHED or len(o.text) > longest for o in operands):
        return None
    written = _notation(node.op, [o for o in operands if o is not None], node.args)
    return written if written is not None and len(written.text) <= longest else None


def _argument(argument: Any, found: dict[int, Expression]) -> Expression | None:
    if isinstance(argument, Node):
        return found[argument.index]
    constant = scalar_constant(argument)
    if constant is None:
        return None
    written = number(constant)
    return Expression(written, ATOM if written.replace(".", "").isalnum() else SUM)


def _notation(op: str, operands: list[Expression], arguments: tuple[Any, ...]) -> Expression | None:
    if op in LEVEL and len(operands) == 2:
        left, right = operands
        level = LEVEL[op]
        # Only a sum may stand to the right of its like without parentheses: a + (b − c) is a + b − c.
        return Expression(f"{left.within(level)} {INFIX[op]} {right.within(level + (op != 'add'))}", level)
    if op in {"power", "float_power"} and len(operands) == 2:
        whole = plain_integer(scalar_constant(arguments[1]))
        exponent = superscript(whole) if whole is not None else f"^{operands[1].within(ATOM)}"
        return Expression(operands[0].within(ATOM) + exponent, POWER)
    if len(operands) != 1:
        return None
    (operand,) = operands
    if op in TIGHT:
        return Expression(TIGHT[op].format(operand.within(ATOM)), POWER)
    if op in LOOSE:
        text, level = LOOSE[op]
        return Expression(text.format(operand.within(POWER)), level)
    fence = FENCES.get(op, SYMBOLS.get(op, op) + "({})")
    return Expression(fence.format(operand.text), ATOM)

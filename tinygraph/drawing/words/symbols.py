"""The text on an operation: its sign, with scalar constants folded in ("1 − x", "x²", "x ÷ 200")."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from string import Formatter
from typing import Any

import numpy as np

from tinygraph.drawing.words.numbers import number, plain_integer, superscript
from tinygraph.drawing.words.text import clean, clip
from tinygraph.engine.links import Like
from tinygraph.engine.places import Place
from tinygraph.graph import Node

__all__ = [
    "INFIX",
    "SYMBOLS",
    "UNNAMED",
    "array_constants",
    "filled",
    "freed_words",
    "grouped",
    "index_text",
    "is_power",
    "operation_symbol",
    "place_of",
    "raisable",
    "scalar_constant",
    "sign",
]

EXPONENTS = "⁰¹²³⁴⁵⁶⁷⁸⁹⁻"

SYMBOLS = {
    "add": "+",
    "subtract": "−",
    "multiply": "×",
    "divide": "÷",
    "true_divide": "÷",
    "matmul": "@",
    "dot": "·",
    "sqrt": "√",
    "cbrt": "∛",
    "exp": "exp",
    "log": "ln",
    "log2": "log₂",
    "log10": "log₁₀",
    "sum": "Σ",
    "prod": "Π",
    "mean": "mean",
    "mean_over": "mean",
    "maximum": "max",
    "minimum": "min",
    "sigmoid": "σ",
    "expit": "σ",
    "relu": "ReLU",
    "leaky_relu": "leaky ReLU",
    "elu": "ELU",
    "gelu": "GELU",
    "normal_cdf": "Φ",
    "silu": "SiLU",
    "log_softmax": "log softmax",
    "binary_cross_entropy": "cross-entropy",
    "cross_entropy": "cross-entropy",
    "conv2d_input": "conv2dᵀ",  # the transpose of a convolution takes the gradient to its input
    "linalg.det": "det",
    "linalg.solve": "solve",
    "linalg.cholesky": "Cholesky",
    "greater": ">",
    "greater_equal": "≥",
    "less": "<",
    "less_equal": "≤",
    "equal": "=",
    "not_equal": "≠",
    "logical_and": "∧",
    "logical_or": "∨",
    "put_at": "←",
    "part_written": "←",
}

# Signs that are written around their operand.
AROUND = {
    "negative": "−{}",
    "positive": "+{}",
    "square": "{}²",
    "reciprocal": "1/{}",
    "absolute": "|{}|",
    "abs": "|{}|",
    "fabs": "|{}|",
    "transpose": "{}ᵀ",
    "linalg.inv": "{}⁻¹",
    "linalg.norm": "‖{}‖",
    "logical_not": "¬{}",
}
FENCED = {"absolute", "abs", "fabs", "linalg.norm"}
# The sign for an operand without a name, or with a long one. No name in the user's code looks like it.
UNNAMED = "·"
LONGEST_OPERAND = 16

INFIX = {
    op: SYMBOLS[op]
    for op in (
        *("add", "subtract", "multiply", "divide", "true_divide", "matmul"),
        *("greater", "greater_equal", "less", "less_equal", "equal", "not_equal"),
    )
}

RAISED = dict(zip("abcdefghijklmnoprstuvwxyz", "ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻ", strict=True))

TAKES_AXIS = {
    *("sum", "mean", "mean_over", "prod", "max", "min", "amax", "amin", "std", "var", "argmax", "argmin"),
    *("cumsum", "cumprod", "softmax", "log_softmax", "logsumexp", "concatenate", "stack", "expand_dims", "squeeze"),
    *("sort", "argsort"),
}


def scalar_constant(argument: Any) -> Any | None:
    """Return the number in an argument, None for a node or an array of several numbers."""
    if isinstance(argument, (int, float, complex, np.number, np.bool_)):
        return argument
    if isinstance(argument, np.ndarray) and argument.size == 1 and argument.dtype.kind in "biufc":
        return argument.reshape(())[()]
    return None


def array_constants(node: Node) -> list[tuple[str, np.ndarray[Any, Any] | Like]]:
    """Return the arrays among a call's arguments, each with its name in the user's code, or "".

    Each is drawn as a card. A large array that the record has freed has only its shape and dtype. An index is part of
    the operation instead. So is an array that was written into, if no gradient flows to what it was before.
    """
    if node.op == "getitem":
        return []
    names = [name or "" for name in node.argument_names] or [""] * len(node.args)
    shown = slice(0 if place_of(node) is None else 1, 1 if node.op in {"scatter", "scatter_all"} else None)
    arguments: list[tuple[str, Any]] = []
    for name, each in list(zip(names, node.args, strict=True))[shown]:
        arguments += [("", part) for part in each] if isinstance(each, (list, tuple)) else [(name, each)]
    return [
        (name, a)
        for name, a in arguments
        if isinstance(a, np.ndarray | Like) and scalar_constant(a) is None and a.dtype.kind in "biufc"
    ]


def place_of(node: Node) -> Place | None:
    """Return the place that a call writes into; None for all other calls."""
    return node.args[1] if len(node.args) == 3 and isinstance(node.args[1], Place) else None


def freed_words(node: Node) -> str:
    """Return the reason why the gradient of a node was freed, and the way to keep it where there is one."""
    return "not kept between writes" if place_of(node) else "not kept; backward(retain_graph=True) keeps it"


def operation_symbol(node: Node, names: Mapping[int, str] | None = None) -> str:
    """Return the text on an operation, at most 24 characters: "+", "1 − p", "wᵀ", "Σ axis 0", "y[0] ← t".

    Args:
        node: the call.
        names: the names in the picture, by the index of a node; None for the nodes' own names.
    """
    op = node.op

    def word(argument: Any) -> str:
        return _operand(argument, names)

    if op in {"power", "float_power"} and len(node.args) == 2:
        return clip(_power(*node.args, word))
    if op in INFIX and len(node.args) == 2:
        if all(scalar_constant(argument) is None for argument in node.args):
            return INFIX[op]
        return clip(f"{word(node.args[0])} {INFIX[op]} {word(node.args[1])}")
    if op == "getitem" and len(node.args) == 2:
        return clip(f"{word(node.args[0])}[{index_text(node.args[1])}]")
    if (written := place_of(node)) is not None:
        return clip(_write(node, written, names))
    if op == "decided":
        return f"guard: {node.args[1]}"
    if op == "part_written" and len(node.args) == 3:
        whole, value, index = node.args
        array = _operand(whole, names).replace(UNNAMED, "")
        return clip(f"{array}[{index_text(index)}] ← {_operand(value, names, group=False)}")
    if op == "einsum" and node.args and isinstance(node.args[0], str):
        return clip(f"einsum {node.args[0].replace('->', '→')}")
    if op in AROUND and len(node.args) == 1 and not node.kwargs:
        operand = _operand(node.args[0], names, group=op not in FENCED)
        operand = raisable(operand) if AROUND[op].endswith(tuple(EXPONENTS)) else operand
        return clip(AROUND[op].format(f"({operand})" if operand.startswith("−") else operand))
    symbol = SYMBOLS.get(op, op.replace("_", " "))
    if op in TAKES_AXIS:
        axis = _axis(node)
        return clip(symbol if axis is None else f"{symbol} axis {axis}")
    return clip(_call(node, symbol, names))


def sign(op: str) -> str:
    """Return the sign of an operation without its operands: "×", "·²"."""
    if op in {"power", "float_power"}:
        return "^"
    return AROUND[op].format(UNNAMED) if op in AROUND else SYMBOLS.get(op, op.replace("_", " "))


def _operand(argument: Any, names: Mapping[int, str] | None, group: bool = True) -> str:
    """Return a number, a short name, or the sign for an operand without a name."""
    constant = scalar_constant(argument)
    if constant is not None:
        return number(constant)
    if not isinstance(argument, Node):
        return UNNAMED
    name = clean(argument.name or "") if names is None else names.get(argument.index, "")
    if not name or len(name) > LONGEST_OPERAND:
        return UNNAMED
    return grouped(name) if group else name


def grouped(text: str) -> str:
    """Return a label as a factor: in parentheses unless it is a single name or already a power, a call or a group."""
    whole = (text.startswith("‹") and text.find("›") == len(text) - 1) or _is_call(text)
    return f"({text})" if any(sign in text for sign in " −+×÷@-*/^") and not whole else text


def raisable(factor: str) -> str:
    """Return a factor as the base of a power: a power or a root in parentheses."""
    return f"({factor})" if is_power(factor) else factor


def is_power(text: str) -> bool:
    """Return whether a label without spaces is a power or a root, "x²" or "√x": x²² is none of x², √x² none of √x."""
    return text[:1] in tuple("√∛") or text[-1:] in tuple(EXPONENTS)


def filled(rule: str, factors: Mapping[str, str]) -> str:
    """Return a rule such as "−{x}/{y}²" with factors in it; see `grouped`."""
    parts = [(literal, field) for literal, field, _, _ in Formatter().parse(rule)]
    text = ""
    for place, (literal, field) in enumerate(parts):
        text += literal
        if field:
            behind = parts[place + 1][0] if place + 1 < len(parts) else ""
            text += raisable(factors[field]) if behind[:1] in tuple("^" + EXPONENTS) else factors[field]
    return text


def _is_call(text: str) -> bool:
    """Return whether a text is one call: "σ(W @ x)" and "y[1:−1]", but neither "σ(x) + σ(y)" nor "(x + y)²"."""
    name, _, rest = text.replace("[", "(").replace("]", ")").partition("(")
    depths = [0]
    for letter in rest:
        depths.append(depths[-1] + (letter == "(") - (letter == ")"))
    return name.isidentifier() and min(depths) == depths[-1] == -1 and depths.count(-1) == 1


def _call(node: Node, symbol: str, names: Mapping[int, str] | None) -> str:
    """Return a call with its numbers, "clip(p, 0, 1)", or the name alone where no number is passed."""
    constants = [scalar_constant(argument) for argument in node.args]
    if all(constant is None for constant in constants) or not all(
        isinstance(a, (Node, np.ndarray, Like)) or c is not None for a, c in zip(node.args, constants, strict=True)
    ):
        return symbol
    return f"{symbol}({', '.join([_operand(argument, names, group=False) for argument in node.args])})"


def _power(base: Any, exponent: Any, word: Callable[[Any], str]) -> str:
    whole = plain_integer(scalar_constant(exponent))
    above = word(exponent)
    raised = superscript(whole) if whole is not None else RAISED.get(above, f"^{raisable(above)}")
    below = word(base) if scalar_constant(base) is None else grouped(word(base))
    return f"{raisable(below)}{raised}"


def _write(node: Node, place: Place, names: Mapping[int, str] | None) -> str:
    """Return the sign of a write: "y[1:] ← u", and "[1:] ← 0" where the array has no name."""
    whole, _, value = node.args
    if isinstance(whole, Node):
        array = _operand(whole, names).replace(UNNAMED, "")
    else:
        array = (*node.argument_names, None)[0] or clean(node.name or "")
        array = array if len(array) <= LONGEST_OPERAND else ""
    return f"{array}{place.text(index_text)} ← {_operand(value, names, group=False)}"


def _axis(node: Node) -> str | None:
    axis = node.kwargs.get("axis", node.args[1] if len(node.args) > 1 else None)
    if isinstance(axis, (tuple, list)) and all(isinstance(a, (int, np.integer)) for a in axis):
        return ", ".join(number(a) for a in axis)
    return number(axis) if isinstance(axis, (int, np.integer)) else None


def index_text(key: Any) -> str:
    """Return the index of a getitem as it was written: (slice(None), 0) -> ":, 0"; "·" for an array."""
    if isinstance(key, tuple):
        return ", ".join(map(index_text, key))
    if isinstance(key, str):  # a number that counts, "18 - 2 * i"
        return key.replace("-", "−").replace(" * ", "")
    if isinstance(key, slice):
        ends = ":".join("" if end is None else index_text(end) for end in (key.start, key.stop))
        return ends if key.step is None else f"{ends}:{index_text(key.step)}"
    if key is None or key is Ellipsis:
        return "newaxis" if key is None else "…"
    constant = scalar_constant(key)
    return UNNAMED if constant is None else number(constant)

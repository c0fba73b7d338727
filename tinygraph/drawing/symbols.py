"""What is written on an operation: its sign, with scalar constants folded in ("1 − x", "x²", "x ÷ 200")."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from tinygraph.drawing.numbers import number, plain_integer, superscript
from tinygraph.drawing.text import clip
from tinygraph.graph import Node
from tinygraph.links import Like

__all__ = ["INFIX", "SYMBOLS", "array_constants", "operation_symbol", "scalar_constant"]

SYMBOLS = {
    "add": "+",
    "subtract": "−",
    "multiply": "×",
    "divide": "÷",
    "true_divide": "÷",
    "matmul": "@",
    "dot": "·",
    "negative": "−x",
    "positive": "+x",
    "power": "xʸ",
    "float_power": "xʸ",
    "square": "x²",
    "sqrt": "√",
    "cbrt": "∛",
    "reciprocal": "1/x",
    "exp": "exp",
    "log": "ln",
    "log2": "log₂",
    "log10": "log₁₀",
    "absolute": "|x|",
    "abs": "|x|",
    "fabs": "|x|",
    "sum": "Σ",
    "prod": "Π",
    "mean": "mean",
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
    "transpose": "xᵀ",
    "linalg.inv": "x⁻¹",
    "linalg.det": "det",
    "linalg.norm": "‖x‖",
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
    "logical_not": "¬x",
}

INFIX = {
    op: SYMBOLS[op]
    for op in (
        *("add", "subtract", "multiply", "divide", "true_divide", "matmul"),
        *("greater", "greater_equal", "less", "less_equal", "equal", "not_equal"),
    )
}

LONE_X = re.compile(r"(?<![a-z])x(?![a-z])")

TAKES_AXIS = {
    *("sum", "mean", "prod", "max", "min", "amax", "amin", "std", "var", "argmax", "argmin", "cumsum", "cumprod"),
    *("softmax", "log_softmax", "logsumexp", "concatenate", "stack", "expand_dims", "squeeze", "sort", "argsort"),
}


def scalar_constant(argument: Any) -> Any | None:
    """The number that an argument is, None where it is a node or an array of several numbers."""
    if isinstance(argument, (int, float, complex, np.number, np.bool_)):
        return argument
    if isinstance(argument, np.ndarray) and argument.size == 1 and argument.dtype.kind in "biufc":
        return argument.reshape(())[()]
    return None


def array_constants(node: Node) -> list[tuple[str, np.ndarray[Any, Any] | Like]]:
    """The arrays among a call's arguments, each with what the user's code calls it, or "".

    Each is drawn as a card; of a large one that the record has given back only shape and dtype are left. An index is
    part of the operation instead.
    """
    if node.op == "getitem":
        return []
    names = [name or "" for name in node.argument_names] or [""] * len(node.args)
    arguments: list[tuple[str, Any]] = []
    for name, each in zip(names, node.args, strict=True):
        arguments += [("", part) for part in each] if isinstance(each, (list, tuple)) else [(name, each)]
    return [
        (name, a)
        for name, a in arguments
        if isinstance(a, np.ndarray | Like) and scalar_constant(a) is None and a.dtype.kind in "biufc"
    ]


def operation_symbol(node: Node) -> str:
    """What the operation is called on the picture, at most 24 characters."""
    op, symbol = node.op, SYMBOLS.get(node.op, node.op.replace("_", " "))
    if op in {"power", "float_power"} and len(node.args) == 2:
        return _power(node.args[0], node.args[1])
    if op in INFIX and len(node.args) == 2:
        left, right = map(scalar_constant, node.args)
        if left is not None and right is not None:
            return f"{number(left)} {symbol} {number(right)}"
        if left is not None:
            return f"{number(left)} {symbol} x"
        if right is not None:
            return f"x {symbol} {number(right)}"
    if op == "getitem" and len(node.args) == 2:
        return clip(f"x[{index_text(node.args[1])}]")
    if op == "einsum" and node.args and isinstance(node.args[0], str):
        return clip(f"einsum {node.args[0].replace('->', '→')}")
    if node.op in TAKES_AXIS:
        axis = _axis(node)
        return clip(symbol if axis is None else f"{symbol} axis {axis}")
    return clip(_call(node, symbol))


def _call(node: Node, symbol: str) -> str:
    """ "clip(x, 0, 1)", "−1" for the negative of a number, and the name alone where no number is passed."""
    constants = [scalar_constant(argument) for argument in node.args]
    if all(constant is None for constant in constants) or not all(
        isinstance(a, (Node, np.ndarray, Like)) or c is not None for a, c in zip(node.args, constants, strict=True)
    ):
        return symbol
    if len(constants) == 1 and LONE_X.search(symbol):
        return LONE_X.sub(number(constants[0]), symbol)
    letters = iter("xyzuvwabcdefgh")
    words = [next(letters, "…") if constant is None else number(constant) for constant in constants]
    return f"{symbol}({', '.join(words)})"


def _power(base: Any, exponent: Any) -> str:
    constant_base, constant = scalar_constant(base), scalar_constant(exponent)
    if constant is not None:
        whole = plain_integer(constant)
        return f"x^{number(constant)}" if whole is None else f"x{superscript(whole)}"
    return SYMBOLS["power"] if constant_base is None else f"{number(constant_base)}ˣ"


def _axis(node: Node) -> str | None:
    axis = node.kwargs.get("axis", node.args[1] if len(node.args) > 1 else None)
    if isinstance(axis, (tuple, list)) and all(isinstance(a, (int, np.integer)) for a in axis):
        return ", ".join(number(a) for a in axis)
    return number(axis) if isinstance(axis, (int, np.integer)) else None


def index_text(key: Any) -> str:
    """The index of a getitem as it was written: (slice(None), 0) -> ":, 0"."""
    if isinstance(key, tuple):
        return ", ".join(map(index_text, key))
    if isinstance(key, slice):
        ends = ":".join("" if end is None else index_text(end) for end in (key.start, key.stop))
        return ends if key.step is None else f"{ends}:{index_text(key.step)}"
    if key is None or key is Ellipsis:
        return "newaxis" if key is None else "…"
    constant = scalar_constant(key)
    if constant is not None:
        return number(constant)
    return "mask" if getattr(key, "dtype", None) == np.bool_ else "index"

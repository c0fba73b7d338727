"""Read the texts of pictures as formulas: "∇ × (1 − h²)", "2a", "1/(2√s)", "∇ where a > b"."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

SUPERSCRIPTS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
RAISED = "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"
TOKEN = re.compile(rf"\d+(?:\.\d+)?|[{RAISED}]+|[a-zA-Z]+[₀-₉]*|\S")
FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "exp": np.exp, "ln": np.log, "sin": np.sin, "cos": np.cos, "sinh": np.sinh, "cosh": np.cosh, "sign": np.sign,
}  # fmt: skip
OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "×": np.multiply, "·": np.multiply, "÷": np.divide, "/": np.divide, "@": np.matmul, "⊗": np.multiply.outer,
}  # fmt: skip


def evaluated(text: str, values: Mapping[str, Any]) -> Any:
    """The value of a formula, given those of its names.

    A product without a sign, "2a", binds tighter than "×" and "÷".
    """
    reader = _Reader(TOKEN.findall(text), values)
    found = reader.sum()
    assert not reader.rest, f"{text!r}: {reader.rest} is left over"
    return found


class _Reader:
    def __init__(self, tokens: list[str], values: Mapping[str, Any]) -> None:
        self.rest = tokens
        self.values = values

    def next(self) -> str:
        return self.rest[0] if self.rest else ""

    def take(self) -> str:
        return self.rest.pop(0)

    def sum(self) -> Any:
        negative = self.next() == "−" and bool(self.take())
        found = self.product()
        found = -found if negative else found
        while self.next() in ("+", "−"):
            found = found + self.product() if self.take() == "+" else found - self.product()
        return found

    def product(self) -> Any:
        found = self.chain()
        while self.next() in OPERATIONS:
            found = OPERATIONS[self.take()](found, self.chain())
        return found

    def chain(self) -> Any:
        found = self.power()
        while self.next() in ("(", "√") or self.next() in FUNCTIONS or self.next() in self.values:
            found = found * self.power()
        return found

    def power(self) -> Any:
        return self.raised(self.atom())

    def raised(self, found: Any) -> Any:
        while self.next() and (self.next()[0] in RAISED or self.next() in "ᵀ^"):
            sign = self.take()
            if sign == "ᵀ":
                found = np.transpose(found)
            else:
                found = np.power(found, self.atom() if sign == "^" else float(sign.translate(SUPERSCRIPTS)))
        return found

    def atom(self) -> Any:
        token = self.take()
        if token == "(":
            found = self.sum()
            assert self.take() == ")"
            return found
        if token == "√":
            return np.sqrt(self.power())
        if token in FUNCTIONS:
            exponent = self.take() if self.next()[0] in RAISED else "1"  # "cos² a"
            return FUNCTIONS[token](self.power()) ** float(exponent.translate(SUPERSCRIPTS))
        return self.values[token] if token in self.values else float(token)

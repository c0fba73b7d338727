"""The formula of several calls in one: "∇ × (p × (1 − p))", in the words for the values that they read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

import numpy as np

from tinygraph.drawing.words.expressions import ATOM, PRODUCT, Term, notation
from tinygraph.drawing.words.numbers import number
from tinygraph.drawing.words.symbols import INFIX, grouped, index_text, operation_symbol, scalar_constant
from tinygraph.engine.links import Like
from tinygraph.graph import Node

__all__ = ["LAYOUTS", "CalledAs", "formula_of_call"]

# These hand a value on in another layout, which the shape beside the formula says.
COMPARISON = -1  # binds less than a sum
LAYOUTS = frozenset(("reshape", "broadcast_to", "copy", "ascontiguousarray"))


class CalledAs(NamedTuple):
    """The words for the values that a formula reads.

    Attributes:
        word: returns that of any value.
        own: the words of some values that have another one here, by their index.
    """

    word: Callable[[Node], str]
    own: Mapping[int, str]

    def of(self, node: Node) -> str:
        """Return the word for a value."""
        return self.own[node.index] if node.index in self.own else self.word(node)


def formula_of_call(node: Node, inside: Collection[int], words: CalledAs, longest: int) -> str | None:
    """Return a call as a formula, with the calls that it reads written out.

    Args:
        node: the call.
        inside: the indices of the calls to write out.
        words: for the values from outside.
        longest: the most characters.

    Returns:
        None if the formula is longer.
    """
    term = _term(node, inside, words, longest)
    return None if term is None or len(term.text) > longest else term.text


def _term(node: Node, inside: Collection[int], words: CalledAs, longest: int) -> Term | None:
    if node.index not in inside or node.index in words.own:
        word = words.of(node)
        return Term(word, ATOM if grouped(word) == word else PRODUCT)
    terms = [_argument(argument, inside, words, longest) for argument in node.args]
    known = [term for term in terms if term is not None]
    if any(term is None and isinstance(a, Node) for term, a in zip(terms, node.args, strict=True)):
        return None
    if any(len(term.text) > longest for term in known):
        return None
    if node.op in LAYOUTS and isinstance(node.args[0], Node):
        return known[0]
    bare = not any(value is not None and value is not False for value in node.kwargs.values())
    written = notation(node.op, known, node.args) if bare and len(known) == len(node.args) else None
    return written or _as_call(node, known)


def _as_call(node: Node, operands: list[Term]) -> Term:
    """Return a call without a notation of its own: "Σ axis 0 (∇)", "x[1:]", "softmax(z)"."""
    if node.op == "getitem" and len(node.args) == 2 and operands:
        return Term(f"{operands[0].within(ATOM)}[{index_text(node.args[1])}]", ATOM)
    if node.op in INFIX and len(operands) == 2:
        left, right = operands
        return Term(f"{left.within(PRODUCT)} {INFIX[node.op]} {right.within(PRODUCT)}", COMPARISON)
    head = operation_symbol(node, {}) if node.op not in {"astype"} else "astype"
    head = head.partition("(")[0]
    values = [term.text for term, argument in zip(operands, _told(node), strict=True) if isinstance(argument, Node)]
    gap = " " if " " in head else ""
    return Term(f"{head}{gap}({', '.join(values)})", ATOM)


def _told(node: Node) -> list[Any]:
    return [argument for argument in node.args if _is_told(argument)]


def _is_told(argument: Any) -> bool:
    return isinstance(argument, Node | np.ndarray | Like) or scalar_constant(argument) is not None


def _argument(argument: Any, inside: Collection[int], words: CalledAs, longest: int) -> Term | None:
    if isinstance(argument, Node):
        return _term(argument, inside, words, longest)
    constant = scalar_constant(argument)
    if constant is not None:
        written = number(constant)
        return Term(written, ATOM if written.replace(".", "").isalnum() else PRODUCT)
    return Term("‹constant›", ATOM) if isinstance(argument, np.ndarray | Like) else None

"""The step of the backward pass that made the first gradient that is not finite."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from tinygraph.drawing.health.spoilt_values import line_text
from tinygraph.drawing.words.facts import nonfinite_text
from tinygraph.drawing.words.symbols import operation_symbol
from tinygraph.drawing.words.text import clean, clip
from tinygraph.graph import Graph, Node
from tinygraph.graph.pullback import pulled_back
from tinygraph.graph.replay import replayed

__all__ = ["Birth", "birth_lines", "birth_of", "birth_words", "is_spoilt"]

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Birth:
    """The birth of a gradient that is not finite, from gradients that are.

    Attributes:
        call: the call whose backward step made it; None where the record does not show which one.
        operand: the operand whose gradient it is, or the newest value whose gradient is known not to be finite.
        words: how many elements are not finite, "1 of 3 NaN".
        kind: "NaN" or "∞".
    """

    call: Node | None
    operand: Node
    words: str
    kind: str


def birth_lines(birth: Birth, names: Mapping[int, str]) -> list[str]:
    """Return the lines on the call of a birth: the sentence, the step, the elements, and the user's line."""
    assert birth.call is not None
    return [
        f"the gradient's first {birth.kind} is made here:",
        f"backward of {operation_symbol(birth.call, names)}" + (f", {birth.words}" if birth.operand.shape else ""),
        clip(clean(line_text(birth.call)), 40),
    ]


def birth_words(birth: Birth, names: Mapping[int, str]) -> str:
    """Return the birth as one line: "the gradient's first NaN: backward of √, train.py:31"."""
    if birth.call is None:
        below = names.get(birth.operand.index) or operation_symbol(birth.operand, names)
        return (
            f"the gradient's first {birth.kind} is made between the end and {below}: "
            "backward(retain_graph=True) keeps the gradients that show where"
        )
    where = clip(clean(line_text(birth.call)), 40)
    told = f"gradient's first {birth.kind}: backward of {operation_symbol(birth.call, names)}"
    return f"{told}, {where}" if where else told


def is_spoilt(node: Node) -> bool:
    """Return whether the gradient of a value is known not to be finite."""
    return node.grad is not None and bool(nonfinite_text(node.grad))


def birth_of(graph: Graph) -> Birth | None:
    """Return the birth of the first gradient that is not finite; None where all are, or where a value is not.

    A gradient that the record has freed is computed again, from the kept gradients above it. The answer counts only if
    it leads to the very elements that are not finite in the kept gradients below.
    """
    if graph not in _found:  # a page draws the same graph many times
        _found[graph] = _birth_of(graph)
    return _found[graph]


_found: WeakKeyDictionary[Graph, Birth | None] = WeakKeyDictionary()


def _birth_of(graph: Graph) -> Birth | None:
    spoilt = [node for node in graph.nodes if is_spoilt(node)]
    if not spoilt or any(nonfinite_text(node.value) for node in graph.nodes):
        return None
    newest = spoilt[-1]
    if not any(user.requires_grad for user in graph.consumers(newest)):
        return None  # the pass began with it
    found = next(_births(graph, _values(graph)), None)
    return found or Birth(None, newest, nonfinite_text(newest.grad), _kind(newest.grad))


def _values(graph: Graph) -> dict[int, Array]:
    """Return the values that the rules may read."""
    return replayed(graph, {index for node in graph.nodes for index in (node.index, *(o.index for o in node.operands))})


def _births(graph: Graph, values: dict[int, Array]) -> Iterator[Birth]:
    """Yield the birth, if each gradient on the way to it is known; the pass runs from the newest call to the oldest."""
    sums: dict[int, Array | None] = {}
    tentative: Birth | None = None
    for node in reversed(graph.nodes):
        gradient = node.grad
        if gradient is None and node.grad_freed:
            gradient = sums.get(node.index)
        elif tentative is not None and gradient is not None and (again := sums.get(node.index)) is not None:
            if not np.array_equal(np.isfinite(again), np.isfinite(gradient)):
                return
            if is_spoilt(node):
                yield tentative
        if gradient is None or node.is_input:
            continue
        is_finite = bool(np.isfinite(gradient).all())
        for operand, part in pulled_back(node, gradient, values):
            spoilt = _part_of(operand, part, graph) if tentative is None and is_finite else None
            if spoilt is not None:
                tentative = Birth(node, operand, nonfinite_text(spoilt), _kind(spoilt))
                if operand.grad is not None:
                    yield tentative
                    return
            _add(sums, operand, part)


def _part_of(operand: Node, part: Array | None, graph: Graph) -> Array | None:
    """Return the cotangent that a call handed to an operand, if it was not finite."""
    if operand.grad is not None and not is_spoilt(operand):
        return None  # the engine left out the part that nothing depends on
    if part is not None:
        return part if nonfinite_text(part) else None
    alone = [user.index for user in graph.consumers(operand) if user.requires_grad]
    return operand.grad if operand.grad is not None and len(alone) == 1 else None


def _add(sums: dict[int, Array | None], operand: Node, part: Array | None) -> None:
    before = sums.get(operand.index, 0.0)
    with np.errstate(all="ignore"):
        sums[operand.index] = None if part is None or before is None else np.asarray(before + part)


def _kind(gradient: Array | None) -> str:
    return "NaN" if gradient is not None and bool(np.isnan(gradient).any()) else "∞"

"""Forward and backward side by side: each value beside its gradient, each call beside its backward step."""

from __future__ import annotations

from dataclasses import replace
from string import Formatter
from typing import Any, NamedTuple

import numpy as np

from tinygraph.drawing.grouping.scopes import Scope
from tinygraph.drawing.scenes import views
from tinygraph.drawing.scenes.scene import Box, Link, Scene
from tinygraph.drawing.words.expressions import fallback
from tinygraph.drawing.words.numbers import number, plain_integer, superscript
from tinygraph.drawing.words.symbols import filled, grouped, index_text, place_of, scalar_constant, sign
from tinygraph.drawing.words.text import clean, clip
from tinygraph.engine.dependence import is_elementwise
from tinygraph.engine.links import Like
from tinygraph.engine.notes import Formula, formula_of
from tinygraph.engine.places import Place
from tinygraph.graph import Graph, Node

__all__ = ["BACKWARD_SIDE", "mirror", "pullback_lines", "pullbacks"]

# The end of a text with a tie, left out where no two elements are equal.
TIE = ", ∇/2 where ="
REDUCTIONS = {np.sum, np.mean}

FORWARD_SIDE = Scope(-1, ("forward",), "forward  ↓ values")
BACKWARD_SIDE = Scope(-2, ("backward",), "backward  ↑ gradients")


class Pullback(NamedTuple):
    """The words for a call that passes a gradient on to one of its operands."""

    operand: Node
    text: str
    saved: tuple[Node, ...]


def mirror(graph: Graph) -> Scene:
    """Return the full view without its scopes, and to its right the backward side.

    Raises:
        ValueError: nothing in the graph requires a gradient.
    """
    if not any(output.requires_grad for output in graph.outputs):
        raise ValueError('nothing here requires a gradient, so there is no backward side; view="full" draws the rest')
    scene = views.full(graph)
    forward = [replace(box, place=(FORWARD_SIDE,)) for box in scene.boxes]
    twins = {box.id: _twin(box) for box in scene.boxes if box.constant is None and box.node.requires_grad}
    links: list[Link] = []
    for link in scene.links:
        if link.tail in twins and link.head in twins:
            links.append(Link(twins[link.tail].id, twins[link.head].id, "backflow", nodes=link.nodes))
    for box in scene.boxes:
        if box.kind == "operation" and box.id in twins:
            saved = dict.fromkeys(node for each in pullbacks(box.node, scene.names) for node in each.saved)
            if saved:
                words = _words(box.node, scene.names)
                told = ", ".join(words[node.index] for node in saved)
                links.append(Link(box.id, twins[box.id].id, "saved", f"saved: {told}", tuple(saved)))
    return replace(
        scene,
        view="mirror",
        boxes=(*forward, *twins.values()),
        links=(*scene.links, *links),
        pairs=tuple((first, twin.id) for first, twin in twins.items()),
        reopened=None,
    )


def _twin(box: Box) -> Box:
    if box.kind == "chip":
        return replace(box, id=f"g{box.id}", role="gradient", place=(BACKWARD_SIDE,), card=f"g{box.node.index}")
    if box.kind == "operation":
        return Box(f"p{box.node.index}", "pullback", box.node, "gradient", (BACKWARD_SIDE,))
    return Box(f"g{box.node.index}", "gradient", box.node, "gradient", (BACKWARD_SIDE,))


def pullbacks(node: Node, names: dict[int, str]) -> list[Pullback]:
    """Return the words for each operand that requires a gradient."""
    places = [place for place, argument in enumerate(node.args) if isinstance(argument, Node)]
    rules = _rules(node)
    found = []
    for position, operand in enumerate(node.operands):
        if not operand.requires_grad:
            continue
        place = places[position] if position < len(places) else len(rules)
        text, saved = _filled(rules[place] if place < len(rules) else _unknown(node), node, names)
        if text != _unknown(node) and _is_broadcast(operand, node, position):
            text = f"Σ {text}" if text.startswith("∇") and " " not in text else f"Σ({text})"
        found.append(Pullback(operand, text, saved))
    return found


def _is_broadcast(operand: Node, node: Node, position: int) -> bool:
    """Return whether a call repeats an operand, so that the gradients of the copies are summed."""
    written = place_of(node)
    if written is not None:
        return operand is node.args[2] and operand.size != _part(node, written).size
    return bool(node.function and is_elementwise(node.function) and operand.shape != node.shape)


def _part(node: Node, place: Place) -> np.ndarray[Any, Any]:
    """Return the part of an array that a call writes, with zeros for its values."""
    part: np.ndarray[Any, Any] = np.asarray(place.of(np.zeros(node.shape, bool)))
    return part


def pullback_lines(node: Node, names: dict[int, str]) -> list[str]:
    """Return a card's lines on the gradients to a call's operands: one line, or one for each operand with its name."""
    told = pullbacks(node, names)
    texts = list(dict.fromkeys(each.text for each in told))
    words = _words(node, names)
    return texts if len(texts) == 1 else [f"{words[each.operand.index]}: {each.text}" for each in told]


def _unknown(node: Node) -> str:
    word = sign(node.op)  # as on the operation's box, if that is a word: "cross-entropy"
    is_word = word.isascii() and word.replace("-", "").replace(" ", "").isalnum()
    return "∇ · ∂" + (word if is_word else node.op)


def _rules(node: Node) -> tuple[str, ...]:
    """Return the texts for the arguments of a call; () if the usual texts do not hold for it."""
    if any(each.dtype.kind == "c" for each in (node, *node.operands)):
        return ()
    if node.function is np.power:  # its notation follows the exponent
        return _power_rules(node)
    if node.function is np.transpose and (len(node.args) > 1 or node.kwargs):
        return ("∇ with its axes back",)
    if node.function in REDUCTIONS and not _is_plain_reduction(node):
        return ()
    written = place_of(node)
    if written is not None and written.repeats and not np.all(written.stays(node.shape)):
        return ("∇ with 0 at {y}", "", "∇{y}, 0 for a value written over")
    row = _row(node)
    rules = () if row is None else row.pullbacks
    ties = any(rule.endswith(TIE) for rule in rules) and _may_tie(node)
    return rules if ties else tuple([rule.removesuffix(TIE) for rule in rules])


def _row(node: Node) -> Formula | None:
    dimensions = tuple([len(getattr(argument, "shape", ())) for argument in node.args])
    return None if node.function is None else formula_of(node.function, dimensions)


def _is_plain_reduction(node: Node) -> bool:
    return not set(node.kwargs) - {"axis", "keepdims", "dtype"} and isinstance(node.args[0], Node)


def _may_tie(node: Node) -> bool:
    x, y = [argument.value if isinstance(argument, Node) else argument for argument in node.args]
    unknown = x is None or y is None or isinstance(x, Like) or isinstance(y, Like)
    return unknown or bool(np.any(np.asarray(x) == np.asarray(y)))


def _power_rules(node: Node) -> tuple[str, ...]:
    exponent = scalar_constant(node.args[1]) if len(node.args) == 2 else None
    whole = plain_integer(exponent)
    if exponent is None:
        return ()
    factor = number(exponent) if exponent >= 0 else f"({number(exponent)})"
    if whole is None:
        return (f"∇ × {factor}{{x}}^({number(exponent)} − 1)",)
    return (f"∇ × {factor}{{x}}{superscript(whole - 1) if whole != 2 else ''}" if whole != 1 else "∇",)


def _filled(rule: str, node: Node, names: dict[int, str]) -> tuple[str, tuple[Node, ...]]:
    """Return a rule with the labels in it, and the values that it reads, which the record kept."""
    used = [field for _, field, _, _ in Formatter().parse(rule) if field]
    arguments = {"z": node, **dict(zip("xy", node.args, strict=False))}
    words = _words(node, names)
    called = dict(zip("xy", node.argument_names, strict=False))
    told = {
        field: grouped(words[value.index]) if isinstance(value, Node) else _constant(value, called.get(field))
        for field, value in arguments.items()
    }
    if node.function in REDUCTIONS:
        told["count"] = str(node.operands[0].size // max(node.size, 1))
    if any(field not in told for field in used):
        return _unknown(node), ()
    values = [arguments[field] for field in used if field in arguments]
    text = filled(rule, told)
    for field, value in arguments.items():
        if isinstance(value, Node) and value.op == "transpose" and value.name is None and told[field].endswith("ᵀ"):
            text = text.replace(f"{told[field]}ᵀ", told[field][:-1])  # kᵀᵀ is k
    return text, tuple(value for value in values if isinstance(value, Node))


def _words(node: Node, names: dict[int, str]) -> dict[int, str]:
    """Return the words for a call's operands and its result: ‹product› for a value without a label."""
    found: dict[int, str] = {}
    for each in (*node.operands, node):
        if each.index not in found:
            word = names[each.index] or fallback(each, names) or "‹input›"
            again = sum(text.startswith(word[:-1]) for text in found.values())
            found[each.index] = f"{word[:-1]} {again + 1}›" if again and not names[each.index] else word
    return found


def _constant(value: object, name: str | None) -> str:
    """Return a number or a place as text, or the name of an array in the user's code."""
    if isinstance(value, Place):
        return value.text(index_text)
    constant = scalar_constant(value)
    if constant is not None:
        bare = not np.iscomplexobj(constant) and not np.signbit(constant)
        return number(constant) if bare else f"({number(constant)})"
    return grouped(clip(clean(name))) if name else "‹constant›"

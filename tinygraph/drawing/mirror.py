"""Forward and backward side by side: each value beside its gradient, each call beside how it passes gradients on."""

from __future__ import annotations

from dataclasses import replace
from string import Formatter
from typing import NamedTuple

from tinygraph.drawing import views
from tinygraph.drawing.expressions import fallback, grouped
from tinygraph.drawing.numbers import number, plain_integer, superscript
from tinygraph.drawing.scene import Box, Link, Scene
from tinygraph.drawing.scopes import Scope
from tinygraph.drawing.symbols import scalar_constant
from tinygraph.graph import Graph, Node

__all__ = ["BACKWARD_SIDE", "mirror", "pullbacks"]

# What reaches each argument when ∇ reaches the result; {x} and {y} are the arguments, {z} is the result.
PULLBACKS: dict[str, tuple[str, ...]] = {
    "add": ("∇", "∇"),
    "subtract": ("∇", "−∇"),
    "multiply": ("∇ × {y}", "∇ × {x}"),
    "divide": ("∇ ÷ {y}", "−∇ × {x} ÷ {y}²"),
    "matmul": ("∇ @ {y}ᵀ", "{x}ᵀ @ ∇"),
    "maximum": ("∇ where {x} > {y}", "∇ where {y} > {x}"),
    "minimum": ("∇ where {x} < {y}", "∇ where {y} < {x}"),
    "negative": ("−∇",),
    "exp": ("∇ × {z}",),
    "log": ("∇ ÷ {x}",),
    "sqrt": ("∇ ÷ 2{z}",),
    "square": ("∇ × 2{x}",),
    "reciprocal": ("−∇ × {z}²",),
    "sin": ("∇ × cos {x}",),
    "cos": ("−∇ × sin {x}",),
    "tanh": ("∇ × (1 − {z}²)",),
    "sigmoid": ("∇ × {z}(1 − {z})",),
    "relu": ("∇ where {x} > 0",),
    "sum": ("∇ to each",),
    "mean": ("∇ ÷ n to each",),
    "reshape": ("∇ reshaped",),
    "transpose": ("∇ᵀ",),
    "getitem": ("∇ into its place",),
}
PULLBACKS |= {"true_divide": PULLBACKS["divide"], "expit": PULLBACKS["sigmoid"]}
ELEMENTWISE = {"add", "subtract", "multiply", "divide", "true_divide", "maximum", "minimum", "power"}

FORWARD_SIDE = Scope(-1, ("forward",), "forward  ↓ values")
BACKWARD_SIDE = Scope(-2, ("backward",), "backward  ↑ gradients")


class Pullback(NamedTuple):
    """How a call passes a gradient on to one of its operands."""

    operand: Node
    text: str
    saved: tuple[Node, ...]


def mirror(graph: Graph) -> Scene:
    """The full view without its scopes, and to its right the same thing backwards.

    Raises:
        ValueError: nothing in the graph requires a gradient.
    """
    if not any(output.requires_grad for output in graph.outputs):
        raise ValueError('nothing here requires a gradient, so there is no backward side; view="full" draws the rest')
    scene = views.full(graph)
    forward = [replace(box, place=(FORWARD_SIDE,)) for box in scene.boxes]
    twins = {box.id: _twin(box) for box in scene.boxes if box.kind != "constant" and box.node.requires_grad}
    links: list[Link] = []
    for link in scene.links:
        if link.tail in twins and link.head in twins:
            links.append(Link(twins[link.tail].id, twins[link.head].id, "backflow", nodes=link.nodes))
    for box in scene.boxes:
        if box.kind == "operation" and box.id in twins:
            saved = dict.fromkeys(node for each in pullbacks(box.node, scene.names) for node in each.saved)
            if saved:
                told = ", ".join(_word(node, scene.names) for node in saved)
                links.append(Link(box.id, twins[box.id].id, "saved", f"saved: {told}", tuple(saved)))
    return replace(
        scene,
        view="mirror",
        boxes=(*forward, *twins.values()),
        links=(*scene.links, *links),
        pairs=tuple((first, twin.id) for first, twin in twins.items()),
    )


def _twin(box: Box) -> Box:
    if box.kind == "operation":
        return Box(f"p{box.node.index}", "pullback", box.node, "gradient", (BACKWARD_SIDE,))
    return Box(f"g{box.node.index}", "gradient", box.node, "gradient", (BACKWARD_SIDE,))


def pullbacks(node: Node, names: dict[int, str]) -> list[Pullback]:
    """One for each operand that requires a gradient."""
    places = [place for place, argument in enumerate(node.args) if isinstance(argument, Node)]
    rules = PULLBACKS.get(node.op, ())
    found = []
    for position, operand in enumerate(node.operands):
        if not operand.requires_grad:
            continue
        place = places[position] if position < len(places) else len(rules)
        rule = _power_rule(node) if node.op == "power" else rules[place] if place < len(rules) else "∇ · ∂" + node.op
        text, saved = _filled(rule, node, names)
        if node.op in ELEMENTWISE and operand.shape != node.shape:
            text = f"Σ {text}" if text == "∇" else f"Σ({text})"
        found.append(Pullback(operand, text, saved))
    return found


def _power_rule(node: Node) -> str:
    exponent = scalar_constant(node.args[1]) if len(node.args) == 2 else None
    whole = plain_integer(exponent)
    if exponent is None:
        return "∇ · ∂power"
    if whole is None:
        return f"∇ × {number(exponent)}{{x}}^({number(exponent)} − 1)"
    return f"∇ × {number(whole)}{{x}}{superscript(whole - 1) if whole != 2 else ''}"


def _filled(rule: str, node: Node, names: dict[int, str]) -> tuple[str, tuple[Node, ...]]:
    """The rule with the labels in it, and the values that the backward pass had to keep for it."""
    used = [field for _, field, _, _ in Formatter().parse(rule) if field]
    arguments = {"z": node, **dict(zip("xy", node.args, strict=False))}
    told = {
        field: grouped(_word(value, names)) if isinstance(value, Node) else _constant(value)
        for field, value in arguments.items()
    }
    if any(field not in told for field in used):
        return "∇ · ∂" + node.op, ()
    values = [arguments[field] for field in used]
    return rule.format(**told), tuple(value for value in values if isinstance(value, Node))


def _word(node: Node, names: dict[int, str]) -> str:
    return names[node.index] or fallback(node) or "x"


def _constant(value: object) -> str:
    constant = scalar_constant(value)
    return "constant" if constant is None else number(constant)

"""The steps of a page: the values as they are computed, then the gradients in the order of the backward pass."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tinygraph.drawing.scenes.gradient_words import gradient_name
from tinygraph.drawing.scenes.scene import Box, Scene
from tinygraph.drawing.words.expressions import fallback
from tinygraph.drawing.words.numbers import shape
from tinygraph.drawing.words.symbols import grouped, operation_symbol
from tinygraph.drawing.words.text import clean, clip, isolated
from tinygraph.graph import Graph, Node

__all__ = ["label", "steps", "title"]

Json = dict[str, Any]


def steps(scene: Scene) -> Iterator[Json]:
    """Yield the forward pass, or each part of a program, box by box; then the gradients, one at a time.

    A step has a text, the box that it is about, and the boxes that it shows or the box whose gradient it lights.
    """
    in_columns = scene.view == "columns"  # which list the gradients of values behind all calls
    for box in sorted(scene.boxes, key=lambda box: box.node.index) if in_columns else scene.boxes:
        if box.kind in {"gradient", "pullback", "chip"}:
            continue
        if box.kind != "operation":
            yield {"text": _text(box, scene), "at": box.id, "show": [*_before(box, scene), box.id]}
        elif not any(scene.box[link.head].node is box.node for link in scene.out_of[box.id]):
            yield {"text": _text(box, scene), "at": box.id, "show": [*_chips_at(box, scene), box.id]}
    for box in _backwards(scene):
        if box.kind in {"gradient", "pullback", "chip"}:
            yield {"text": isolated(f"backward: {title(box, scene)}"), "at": box.id, "show": [box.id]}
        else:
            told = f"∇ in {title(box, scene)}" if box.kind == "layer" else gradient_name(box.node, scene)
            part = "not from this graph" if box.node.gradient_note == "elsewhere" else "backward"
            yield {"text": isolated(f"{part}: {told}"), "at": box.id, "gradient": box.id}


def _backwards(scene: Scene) -> list[Box]:
    """Return the boxes with a gradient in the order of the backward pass: from the newest call to the oldest.

    The gradient of a value is complete when the oldest call that uses the value has handed its part on.
    """
    if scene.view == "columns":  # the backward pass is part of the program
        return []
    if scene.pairs:
        found = [box for box in scene.boxes if box.role == "gradient"]
    else:
        found = [box for box in scene.boxes if box.kind in {"variable", "layer"} and _has_gradient(box)]
    return sorted(found, key=lambda box: _turn(box, scene.graph), reverse=True)


def _has_gradient(box: Box) -> bool:
    return any(node.grad is not None for node in (box.node, *box.members))


def _turn(box: Box, graph: Graph) -> tuple[int, int, int]:
    """Return the call that completes the gradient of a box, and the place of the box among those of that call."""
    if box.kind == "pullback":
        return box.node.index, 1, 0
    if box.kind == "layer":
        return min((node.index for node in box.members if not node.is_input), default=box.node.index), 0, 0
    users = [user for user in graph.consumers(box.node) if user.requires_grad]
    if not users:
        return len(graph), 0, 0
    return users[0].index, 0, -users[0].operands.index(box.node)


def _text(box: Box, scene: Scene) -> str:
    """Return the words of a step: "forward: h"; in a program also "backward: ×", "update: w, updated", "given: x"."""
    part = "" if scene.is_plan else "forward"
    if scene.sections:
        given = box.kind == "constant" or (box.kind == "variable" and box.node.is_input)
        part = "given" if given else scene.sections.get(box.node.index, "")
    told = title(box, scene)
    return isolated(f"{part}: {told}" if part and part != told else told)


def _before(box: Box, scene: Scene) -> list[str]:
    """Return the operation that computes the value of a card, and the chips of its operands: all appear together."""
    before = [scene.box[link.tail] for link in scene.into[box.id]]
    own = [other for other in before if other.kind == "operation" and other.node is box.node]
    return [*(chip for each in (*own, box) for chip in _chips_at(each, scene)), *(other.id for other in own)]


def _chips_at(box: Box, scene: Scene) -> list[str]:
    return [link.tail for link in scene.into[box.id] if scene.box[link.tail].kind == "chip"]


def title(box: Box, scene: Scene) -> str:
    """Return the name of a box: of its value, its operation, its layer."""
    if box.kind == "chip":
        return title(scene.box[box.card], scene)
    if box.layer is not None:
        return box.layer.title
    if box.lines or box.kind == "update":
        return box.lines[0] if box.lines else f"→ {box.name.splitlines()[0]}"
    if box.kind == "constant":
        return clip(clean(box.name)) or "constant"
    name = label(box.node, scene)
    if box.kind == "gradient":
        return f"∇{grouped(name)}"
    if box.kind == "pullback":
        return f"back through {operation_symbol(box.node, scene.names)}"
    return operation_symbol(box.node, scene.names) if box.kind == "operation" else name or shape(box.node.shape)


def label(node: Node, scene: Scene) -> str:
    """Return the label of a value, ‹product› for one without a name; "" for an input without a name."""
    return scene.names[node.index] or fallback(node, scene.names)

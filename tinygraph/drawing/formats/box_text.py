"""The text on a box, line by line, for pictures that have no cards: Mermaid, terminals, TikZ."""

from __future__ import annotations

from tinygraph.drawing.scenes.chips import ELSEWHERE, chip_name
from tinygraph.drawing.scenes.gradient_words import gradient_note, gradient_words
from tinygraph.drawing.scenes.layer_words import layer_operations, layer_summary, loop_lines
from tinygraph.drawing.scenes.mirror import pullback_lines
from tinygraph.drawing.scenes.scene import Box, Scene
from tinygraph.drawing.words.expressions import fallback
from tinygraph.drawing.words.facts import histogram, nonfinite_text
from tinygraph.drawing.words.numbers import shape
from tinygraph.drawing.words.symbols import grouped, operation_symbol
from tinygraph.drawing.words.text import clean, clip
from tinygraph.engine.links import Like

__all__ = ["text_lines"]


def text_lines(box: Box, scene: Scene) -> list[str]:
    """Return the text of the box, line by line; never empty."""
    node = box.node
    if box.lines:
        title = [box.layer.title] if box.layer is not None else []
        return [*title, *box.lines, *[f"→ {goal}" for goal in box.name.split("\n") if goal]]
    if box.kind == "operation":
        return [operation_symbol(node, scene.names)]
    if box.kind == "chip":
        return [f"{chip_name(box, scene)} {ELSEWHERE}"]
    if box.kind == "layer" and box.layer is not None:
        lines = [f"{box.layer.title}  {layer_operations(box)}", *loop_lines(box)]
        return [*lines, layer_summary(box, scene)]
    if box.kind == "constant" and box.constant is not None:
        told = "values not kept" if isinstance(box.constant, Like) else histogram(box.constant).words
        return [f"{clip(clean(box.name))}  {shape(box.constant.shape)}".strip(), told]
    if box.kind == "pullback":
        return pullback_lines(node, scene.names)
    name = scene.names[node.index] or fallback(node, scene.names)
    if box.kind == "gradient":
        lines = [f"∇{grouped(name)}  {shape(node.shape)}", gradient_words(node, scene), gradient_note(node)]
        return [line for line in lines if line]
    if scene.is_plan and node.value is None:
        return [f"{name}  {shape(node.shape)}".strip()]
    told = "not kept" if node.value is None else histogram(node.value).words
    first = f"{name} {'now' if node.changed else '='} {told}" if name and node.shape == () else told
    lines = [first] if node.shape == () else [f"{name}  {shape(node.shape)}".strip(), told]
    lines += [nonfinite_text(node.value) if node.shape else "", "changed since" if node.changed else ""]
    lines += [gradient_words(node, scene), gradient_note(node)]
    return [line for line in lines if line]

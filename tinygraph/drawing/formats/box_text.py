"""The text on a box, line by line, for pictures that have no cards: Mermaid, terminals, TikZ."""

from __future__ import annotations

import numpy as np

from tinygraph.drawing.health.spoilt_gradients import birth_lines
from tinygraph.drawing.health.spoilt_values import line_text
from tinygraph.drawing.scenes.chips import ELSEWHERE, chip_name
from tinygraph.drawing.scenes.gradient_words import gradient_note, gradient_words
from tinygraph.drawing.scenes.layer_words import layer_operations, layer_summary, loop_lines
from tinygraph.drawing.scenes.mirror import pullback_lines
from tinygraph.drawing.scenes.scene import Box, Scene
from tinygraph.drawing.words.expressions import fallback
from tinygraph.drawing.words.facts import histogram, nonfinite_text
from tinygraph.drawing.words.numbers import number, shape
from tinygraph.drawing.words.symbols import grouped, operation_symbol
from tinygraph.drawing.words.text import clean, clip
from tinygraph.engine.links import Like
from tinygraph.graph import Node

__all__ = ["text_lines"]


def text_lines(box: Box, scene: Scene) -> list[str]:
    """Return the text of the box, line by line; never empty.

    The words of a difference, of heat, of health and of a NaN are part of it, since such a picture has no colours.
    """
    mark, layer = scene.marks.get(box.id), scene.health.get(box.id)
    above = [mark.words] if mark is not None and mark.words else []
    lines = [*above, *_own_lines(box, scene)]
    if words := _heat_words(box, scene):
        lines[len(above)] += f"  {words}"
    if layer is not None:
        lines += [words for words in (layer.words, *layer.relus) if words]
    return lines


def _heat_words(box: Box, scene: Scene) -> str:
    """Return the amount of heat of a box, or why it has none; "" in a picture without heat."""
    if scene.heat is None:
        return ""
    if box.id in scene.heated:
        return scene.heat.words(scene.heated[box.id]).replace("\u00a0", " ")
    return scene.heat.unknown.get(box.node.index, "") if box.kind == "operation" else ""


def _operation_lines(node: Node, scene: Scene) -> list[str]:
    lines = [operation_symbol(node, scene.names)]
    if node.index == scene.origin:
        bad = nonfinite_text(node.value, " are ") if node.shape else number(np.asarray(node.value)[()])
        return [*lines, *filter(None, (bad, clip(clean(line_text(node)))))]
    if scene.birth is not None and scene.birth.call is node:
        return [*lines, *filter(None, birth_lines(scene.birth, scene.names))]
    return lines


def _own_lines(box: Box, scene: Scene) -> list[str]:
    node = box.node
    if box.lines:
        title = [box.layer.title] if box.layer is not None else []
        return [*title, *box.lines, *[f"→ {goal}" for goal in box.name.split("\n") if goal]]
    if box.kind == "operation":
        return _operation_lines(node, scene)
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

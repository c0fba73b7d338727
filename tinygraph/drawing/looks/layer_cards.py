"""The card of a closed layer: its operations, its shapes, its parameters with their gradients, and its troubles."""

from __future__ import annotations

from weakref import WeakKeyDictionary

import numpy as np

from tinygraph.drawing.grouping.scopes import Scope
from tinygraph.drawing.health import spoilt_values
from tinygraph.drawing.health.spoilt_gradients import birth_words
from tinygraph.drawing.looks.cards import health_rows, heat_rows
from tinygraph.drawing.looks.tables import alarm, bar_cells, block, cell, font, table, unstretched
from tinygraph.drawing.scenes.gradient_words import gradient_words
from tinygraph.drawing.scenes.inner_names import inner_name
from tinygraph.drawing.scenes.layer_words import layer_operations, layer_summary, loop_lines
from tinygraph.drawing.scenes.scene import MOST_OF_ONE_SCOPE, Box, Scene
from tinygraph.drawing.words.facts import histogram, nonfinite_text, norm
from tinygraph.drawing.words.numbers import number, shape
from tinygraph.drawing.words.symbols import operation_symbol
from tinygraph.drawing.words.text import SPACE, clean, clip
from tinygraph.graph import Graph, Node

__all__ = ["layer_card", "parameter_row", "trouble_rows"]

TRACK_WIDTH, TRACK_HEIGHT = 54, 6
MOST_PARAMETERS = 6


def layer_card(box: Box, scene: Scene) -> str:
    """Return the card of a collapsed scope: its operations, the shapes in and out, and its parameters' gradients."""
    assert box.layer is not None
    parameters = box.parameters
    heading = font(box.layer.title, 13, "text", bold=True) + font(SPACE * 2 + layer_operations(box), 11)
    rows = [cell(heading), *[cell(font(line)) for line in loop_lines(box)]]
    if box.role == "gradient":
        lines = [cell(font(line, 10, "gradient")) for line in box.lines]
        return table([*rows, *lines, *heat_rows(box, scene)])
    rows.append(cell(font(layer_summary(box, scene))))
    rows += [*health_rows(box.id, scene), *heat_rows(box, scene), *_parameter_rows(parameters, scene, box.layer)]
    return table([*rows, *_crowd_rows(box, scene), *trouble_rows(box, scene)])


def _parameter_rows(parameters: list[Node], scene: Scene, layer: Scope) -> list[str]:
    """Return a table of the first parameters of a layer, and the number of the others."""
    if not parameters:
        return []
    shown = parameters if len(parameters) <= MOST_PARAMETERS else parameters[: MOST_PARAMETERS - 1]
    rows = [cell(table([parameter_row(node, scene, layer) for node in shown], padding=2))]
    others = len(parameters) - len(shown)
    return [*rows, cell(font(f"and {others} more parameters", 9))] if others else rows


def _crowd_rows(box: Box, scene: Scene) -> list[str]:
    """Return a line about the inputs and outputs of a layer, where there are too many for a card each."""
    crowds = {
        "inputs": sum(node.is_input and not node.requires_grad for node in box.members),
        "outputs": sum(not node.is_input and scene.graph.role(node) == "output" for node in box.members),
    }
    told = " and ".join(f"{size} {word}" for word, size in crowds.items() if size > MOST_OF_ONE_SCOPE)
    return [cell(font(f"with {told} of its own", 9))] if told else []


def trouble_rows(box: Box, scene: Scene) -> list[str]:
    """Return the rows about the values and gradients of a collapsed scope that are not finite."""
    rows = []
    bad = [node for node in box.members if node.index in scene.spoilt]
    if bad:
        first = next((node for node in bad if node.index == scene.origin), None)
        symbol = operation_symbol(first, scene.names) if first else ""
        told = f"first non-finite value: {symbol}" if first else f"{len(bad)} values not finite"
        where = f", {spoilt_values.line_text(first)}" if first and spoilt_values.line_text(first) else ""
        rows.append(alarm(clip(clean(told + where), 48)))
    if scene.birth is not None and scene.birth.call in box.members:
        told = clip(birth_words(scene.birth, scene.names), 64)
        rows.append(alarm(told))
    return rows


def parameter_row(node: Node, scene: Scene, layer: Scope) -> str:
    """Return a parameter of a layer and its gradient."""
    name = cell(font(inner_name(layer, node, scene) or shape(node.shape), 10, "parameter", bold=True))
    if scene.is_plan:
        return name + cell(font(shape(node.shape)), extra=' COLSPAN="3"')
    if node.grad is None or nonfinite_text(node.grad):
        bad = nonfinite_text(node.grad)
        told = font(f"∇: {bad}", 10, "non-finite", bold=True) if bad else font(gradient_words(node, scene), 9)
        return name + cell(told, extra=' COLSPAN="3"')
    size, largest = norm(node.grad), _largest_norm(scene.graph)
    decades = np.log10(size / largest) if size and largest else -np.inf
    track = round(TRACK_WIDTH * float(np.clip(1 + decades / scene.decades, 0, 1)))
    bars = histogram(node.grad).bars
    words = font(f"‖∇‖ {number(size, 2)}", 10, "gradient")
    return (
        name
        + cell(_track(track))
        + cell(words, "RIGHT")
        + cell(bar_cells(bars, "gradient") if bars else font(""), extra=' VALIGN="BOTTOM"')
    )


def _track(length: int) -> str:
    """Return a bar of `length` pixels on a paler one of the full length."""
    halves = (("gradient", length), ("gradient track", TRACK_WIDTH - length))
    blocks = "".join(block(pixels, TRACK_HEIGHT, colour) for colour, pixels in halves if pixels)
    return unstretched(table([blocks], padding=0), TRACK_WIDTH, TRACK_HEIGHT)


def _largest_norm(graph: Graph) -> float:
    """Return the largest norm of a parameter's gradient, computed once: a page has hundreds of cards of one graph."""
    if graph not in _largest:
        gradients = [node.grad for node in graph.parameters if node.grad is not None]
        _largest[graph] = max((norm(grad) for grad in gradients if not nonfinite_text(grad)), default=0.0)
    return _largest[graph]


_largest: WeakKeyDictionary[Graph, float] = WeakKeyDictionary()

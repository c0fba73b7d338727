"""The cards of values, gradients, constants and updates, and the texts on marked operations and chips."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.drawing.health import spoilt_values
from tinygraph.drawing.health.spoilt_gradients import birth_lines
from tinygraph.drawing.looks.tables import alarm, bar_cells, beside, block, cell, font, table, tinted, unstretched
from tinygraph.drawing.scenes.chips import ELSEWHERE, chip_name
from tinygraph.drawing.scenes.gradient_words import gradient_note, gradient_words
from tinygraph.drawing.scenes.inner_names import inner_name
from tinygraph.drawing.scenes.scene import Box, Scene
from tinygraph.drawing.words.expressions import fallback
from tinygraph.drawing.words.facts import histogram, nonfinite_text, norm
from tinygraph.drawing.words.numbers import number, shape
from tinygraph.drawing.words.symbols import grouped, operation_symbol
from tinygraph.drawing.words.text import SPACE, clean, clip
from tinygraph.engine.links import Like
from tinygraph.graph import Node

__all__ = [
    "birth_card",
    "chip_label",
    "constant_card",
    "gradient_card",
    "health_lines",
    "health_rows",
    "heat_rows",
    "origin_card",
    "update_card",
    "variable_card",
]

MARGIN = 6


def variable_card(node: Node, scene: Scene) -> str:
    """Return the card of a value: its name, its shape, its number or distribution, and its gradient."""
    scalar = node.shape == ()
    align = "CENTER" if scalar else "LEFT"
    rows = {"v": cell(_heading(node, scene), align)}
    if not scalar and not (scene.is_plan and node.value is None):
        rows["content"] = cell(_content(node.value))
    rows |= _image_rows(f"v{node.index}", scene)
    bad = nonfinite_text(node.value)
    if bad and not scalar:
        rows["bad"] = alarm(bad)
    if node.changed:
        rows["changed"] = cell(font("changed since", 9), align)
    if node.index == scene.origin and node.is_input:
        rows["origin"] = cell(font("first non-finite value", 9, "non-finite"))
    gradient = _gradient_row(node, scene) if scene.view != "mirror" else ""
    if gradient:
        rows["g"] = gradient
        if gradient_note(node):
            rows["note"] = cell(font(gradient_note(node), 9), align)
    rows |= {f"health{place}": row for place, row in enumerate(health_rows(f"v{node.index}", scene))}
    if not scene.has_ports:
        return table(list(rows.values()))
    return table([_between_ports(row, name) for name, row in rows.items()])


def _image_rows(box: str, scene: Scene) -> dict[str, str]:
    """Return a block for the images of a value, and a line of words about them."""
    image = scene.thumbnails.get(box)
    if image is None:
        return {}
    free = block(image.width, image.height, "image").replace("></TD>", f' ID="{box}"></TD>')
    room = unstretched(table([free], padding=0), image.width, image.height)
    return {"image": cell(room)} | ({"images": cell(font(image.words, 9))} if image.words else {})


def _between_ports(row: str, name: str) -> str:
    """Return a row with a port at either edge of the card, for arrows."""
    west, east = (f'<TD PORT="{name}{side}" WIDTH="{MARGIN}"></TD>' for side in ("w", "e"))
    return west + row + east


def _heading(node: Node, scene: Scene) -> str:
    """Return the first line of a card: the name with the number, or with the shape; a dtype that is rare."""
    box = scene.box.get(f"v{node.index}")
    around = box.place[-1] if box is not None and box.place else None
    name = inner_name(around, node, scene) or fallback(node, scene.names)
    title = font(name, 13, "text", bold=True) if name else ""
    if node.shape != ():
        gap = font(SPACE * 2) if name else ""
        return title + gap + font(shape(node.shape)) + _dtype(node, scene)
    if scene.is_plan and node.value is None:
        return title + font((SPACE * 2 if name else "") + shape(node.shape)) + _dtype(node, scene)
    return title + _number(node, bool(name)) + _dtype(node, scene)


def _number(node: Node, has_name: bool) -> str:
    """Return the number of a scalar, as it stands behind its name: "= 3", or "now 3" for one that was changed."""
    if node.value is None:
        return font(f"{SPACE}not kept" if has_name else "not kept")
    sign = f"{SPACE}{'now' if node.changed else '='} " if has_name else ""
    return font(sign + histogram(node.value).words, 13, "text")


def _dtype(node: Node, scene: Scene) -> str:
    """Return the dtype of a value, "" where the outputs have the same."""
    usual = {output.dtype for output in scene.graph.outputs}
    return "" if node.dtype in usual else font(SPACE * 2 + str(node.dtype), 9)


def _content(value: np.ndarray[Any, Any] | None) -> str:
    """Return the distribution of an array: a histogram where there is one, and words."""
    if value is None:
        return font("values not kept")
    told = histogram(value)
    return beside(bar_cells(told.bars, "bars"), font(SPACE + told.words)) if told.bars else font(told.words)


def _gradient_row(node: Node, scene: Scene) -> str:
    """Return the gradient on its own tint: a number, a histogram with its norm, or the reason why there is none."""
    words = gradient_words(node, scene)
    if not words:
        return ""
    if node.grad is None:
        return cell(font(words, 9), "CENTER" if node.shape == () else "LEFT")
    bad = nonfinite_text(node.grad)
    if bad:
        told = words if node.shape == () else f"∇: {bad}"
        return alarm(told)
    if node.shape == ():
        return tinted(font(words, 12, "gradient"), "gradient fill", "CENTER")
    bars = histogram(node.grad).bars
    text = font(SPACE + words if bars else words, 10, "gradient")
    return tinted(beside(bar_cells(bars, "gradient"), text) if bars else text, "gradient fill")


def gradient_card(node: Node, scene: Scene) -> str:
    """Return a gradient on a card of its own."""
    name = "∇" + grouped(scene.names[node.index] or fallback(node, scene.names))
    note = [cell(font(gradient_note(node), 9))] if gradient_note(node) else []
    if node.grad is None:
        return table([cell(font(name, 13, "gradient", bold=True)), cell(font(gradient_words(node, scene)[2:], 9))])
    bad = nonfinite_text(node.grad)
    if node.shape == ():
        told = font(f"{SPACE}= {histogram(node.grad).words}", 13, "non-finite" if bad else "gradient")
        return table([cell(font(name, 13, "gradient", bold=True) + told, "CENTER"), *note])
    rows = [cell(font(name, 13, "gradient", bold=True) + font(SPACE * 2 + shape(node.shape)))]
    words = font(f"{SPACE}‖∇‖ {number(norm(node.grad), 2)}", 10, "gradient")
    bars = histogram(node.grad).bars
    rows.append(cell(beside(bar_cells(bars, "gradient"), words) if bars else words))
    if bad:
        rows.append(alarm(bad))
    return table(rows + note)


def constant_card(array: np.ndarray[Any, Any] | Like, name: str, box: str, scene: Scene) -> str:
    """Return the card of a plain array among the arguments, with its name in the user's code."""
    values = array if isinstance(array, np.ndarray) else None
    said = clip(clean(name))
    heading = font(said, 13, "text", bold=True) + font(SPACE * 2) if said else ""
    rows = [cell(heading + font(shape(array.shape))), cell(_content(values)), *_image_rows(box, scene).values()]
    bad = nonfinite_text(values)
    if bad:
        rows.append(alarm(bad))
    return table(rows)


def chip_label(box: Box, scene: Scene) -> str:
    """Return the text of a chip: a name, and the sign of a card that is elsewhere."""
    return font(chip_name(box, scene), 10, "text", bold=True) + font(SPACE + ELSEWHERE, 8)


def update_card(box: Box, scene: Scene) -> str:
    """Return the card of an update: its formulas, and the parameters that the new values go back into."""
    goes_to = [line for line in box.name.split("\n") if line]
    size = 10 if len(box.lines) > 1 else 11
    rows = [cell(font(line, size, "text", bold=not place and not goes_to)) for place, line in enumerate(box.lines)]
    for line in goes_to:
        name, gap, told = line.partition(SPACE * 2)
        rows.append(cell(font(f"→ {name}", 11, "parameter", bold=True) + (font(gap + told) if told else "")))
    return table([*rows, *heat_rows(box, scene)])


def heat_rows(box: Box, scene: Scene) -> list[str]:
    """Return the amount of heat of a box of several calls on its colour; nothing in a picture without heat."""
    heat = scene.heat
    if heat is None or box.id not in scene.heated:
        return []
    amount = scene.heated[box.id]
    is_least = not heat.is_norm and any(node.index in heat.unknown for node in box.members)
    _, fill, _, on = heat.look(amount, scene.heat_ends)
    words = f"{SPACE}{'at least ' if is_least else ''}{heat.words(amount)}"
    return [cell(font(words, 10, on), extra=f' BGCOLOR="{fill}" STYLE="ROUNDED"')]


def origin_card(node: Node, scene: Scene) -> str:
    """Return the card of the call that made the first non-finite value: its kind, the number, and the user's line."""
    lines = [font(operation_symbol(node, scene.names), 12, "on operation", bold=True)]
    bad = nonfinite_text(node.value, " are ") if node.shape else number(np.asarray(node.value)[()])
    lines.append(font(bad, 10, "on operation"))
    where = spoilt_values.line_text(node)
    if where:
        lines.append(font(clip(clean(where)), 10, "on operation"))
    return table([cell(line, "CENTER") for line in lines])


def birth_card(scene: Scene) -> str:
    """Return the card of the call whose backward step made the first gradient that is not finite."""
    assert scene.birth is not None and scene.birth.call is not None
    symbol = font(operation_symbol(scene.birth.call, scene.names), 12, "on operation", bold=True)
    lines = [font(line, 10, "on operation") for line in birth_lines(scene.birth, scene.names) if line]
    return table([cell(line, "CENTER") for line in (symbol, *lines)])


def health_lines(box: str, scene: Scene) -> list[str]:
    """Return the dead units of a ReLU, as lines on its operation."""
    return [font(line, 10, "on operation") for line in scene.health[box].relus]


def health_rows(box: str, scene: Scene) -> list[str]:
    """Return the gradient of a layer beside the largest one, and its dead ReLUs; red where it is marked."""
    layer = scene.health.get(box)
    if layer is None:
        return []
    told = [(layer.words, bool(layer.mark)), *((line, "dead" in line) for line in layer.relus)]
    return [alarm(words) if marked else cell(font(words)) for words, marked in told if words]

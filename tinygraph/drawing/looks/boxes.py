"""Boxes: the look of a value, an operation, a layer or a constant, and the tooltip."""

from __future__ import annotations

from collections.abc import Callable

from tinygraph.drawing.grouping.repeats import loop_line, repeat_of
from tinygraph.drawing.health import spoilt_values
from tinygraph.drawing.health.heat import Heat
from tinygraph.drawing.looks.cards import (
    birth_card,
    chip_label,
    constant_card,
    gradient_card,
    health_lines,
    heat_rows,
    origin_card,
    update_card,
    variable_card,
)
from tinygraph.drawing.looks.layer_cards import layer_card
from tinygraph.drawing.looks.repeat_cards import repeat_card
from tinygraph.drawing.looks.tables import cell, font, table
from tinygraph.drawing.palette import COLOURS, ROLES
from tinygraph.drawing.scenes.marks import Mark, marked
from tinygraph.drawing.scenes.mirror import pullback_lines
from tinygraph.drawing.scenes.roles import role_of
from tinygraph.drawing.scenes.scene import Box, Scene
from tinygraph.drawing.words.facts import nonfinite_text
from tinygraph.drawing.words.numbers import shape
from tinygraph.drawing.words.symbols import freed_words, operation_symbol, place_of
from tinygraph.drawing.words.text import SPACE, clean, clip, dot_string

__all__ = ["look_of_box", "tooltip"]

TOOLTIP_LENGTH = 200
CARD = {"shape": "box", "style": "rounded,filled", "margin": "0.08,0.05", "height": "0.3", "width": "0.3"}
OPERATION = {"fillcolor": COLOURS["operation"], "color": COLOURS["operation"], "penwidth": "1"}
CIRCLE = {"shape": "circle", "style": "filled", "width": "0.32", "fixedsize": "true", "margin": "0"}
CHIP = {
    "shape": "box",
    "style": "rounded,filled",
    "margin": "0.05,0.02",
    "height": "0.2",
    "width": "0.2",
    "penwidth": "1",
}
CHIP_SPOILT = "rounded,filled,dashed"
PILL = {"shape": "box", "style": "rounded,filled", "height": "0.31", "width": "0.31", "margin": "0.09,0.03"}

RED = {
    "fillcolor": COLOURS["non-finite"],
    "color": COLOURS["non-finite"],
    "peripheries": "2",
    "penwidth": "1.8",
}


def look_of_box(box: Box, scene: Scene) -> dict[str, str]:
    """Return the attributes of a box in DOT."""
    line = scene.line_of(box.id)
    attributes = DRAWN[box.kind](box, scene) | {"tooltip": dot_string(tooltip(box, scene)), "id": box.id}
    if (mark := scene.marks.get(box.id)) is not None:
        attributes = _with_mark(attributes, mark, box.kind)
    return attributes | ({"group": line} if line else {})


def _with_mark(look: dict[str, str], mark: Mark, kind: str) -> dict[str, str]:
    """Return the look of a box with its mark, whose words are readable on its ground."""
    if kind == "pulled":  # it stays orange
        mark = mark._replace(kind="kept")
    colours = {"added": "added", "changed": "changed", "kept": "muted"}
    on_dark = {"operation": "on operation", "pulled": "on gradient"}
    colour = "removed text" if mark.kind == "removed" else on_dark.get(kind, colours.get(mark.kind, "muted"))
    return marked(look, mark, kind == "operation", font(mark.words, 9, colour) if mark.words else "")


def _card(label: str, role: str) -> dict[str, str]:
    look = ROLES[role]
    card = CARD | {"label": f"<{label}>", "color": look.stroke, "fillcolor": look.fill, "penwidth": str(look.width)}
    return card | ({"style": "rounded,filled,dashed"} if look.dashed else {})


def _variable(box: Box, scene: Scene) -> dict[str, str]:
    role = role_of(box, scene)
    card = _card(variable_card(box.node, scene), role)
    if scene.has_ports:
        card["margin"] = "0,0.05"
    return card | ({"peripheries": "2"} if role in DOUBLE else {})


def _constant(box: Box, scene: Scene) -> dict[str, str]:
    assert box.constant is not None
    return _card(constant_card(box.constant, box.name, box.id, scene), "constant")


def _chip(box: Box, scene: Scene) -> dict[str, str]:
    role = role_of(box, scene)
    look, spoilt = ROLES[role], role == "spoilt"
    label = f"<{chip_label(box, scene)}>"
    chip = CHIP | {"label": label, "color": look.stroke, "fillcolor": look.fill}
    return chip | ({"style": CHIP_SPOILT} if spoilt else {})


def _layer(box: Box, scene: Scene) -> dict[str, str]:
    role = role_of(box, scene)
    repeated = box.role == "layer" and box.layer is not None and repeat_of(box.layer.names[-1]) is not None
    card = _card(repeat_card(box, scene) if repeated else layer_card(box, scene), role)
    return card | ({"peripheries": "2"} if role in DOUBLE else {})


def _operation(box: Box, scene: Scene) -> dict[str, str]:
    symbol = operation_symbol(box.node, scene.names)
    if box.node.index == scene.origin:
        return PILL | RED | {"label": f"<{origin_card(box.node, scene)}>"}
    if role_of(box, scene) == "birth":
        return PILL | RED | {"label": f"<{birth_card(scene)}>"}
    if scene.heat is not None and (heated := _heated(box, scene.heat, scene, symbol)):
        return heated
    if box.id in scene.health:
        lines = [font(symbol, 12, "on operation", bold=True), *health_lines(box.id, scene)]
        return PILL | RED | {"label": f"<{table([cell(line, 'CENTER') for line in lines])}>", "peripheries": "1"}
    shape = CIRCLE if len(symbol) <= 2 else PILL
    size = 12 if len(symbol) <= 2 else 11
    colour = COLOURS["spoilt operation" if box.node.index in scene.spoilt else "operation"]
    label = f"<{font(symbol, size, 'on operation', bold=True)}>"
    ordered = {"ordering": "in"} if len(scene.into[box.id]) > 1 else {}
    return OPERATION | shape | {"label": label, "fillcolor": colour, "color": colour} | ordered


def _heated(box: Box, heat: Heat, scene: Scene, symbol: str) -> dict[str, str]:
    """Return an operation with its amount and the colour of that; {} for one that has none."""
    amount, unknown = heat.of(box.node), heat.unknown.get(box.node.index, "")
    if amount is None and not unknown:
        return {}
    size = 12 if len(symbol) <= 2 else 11
    ordered = {"ordering": "in"} if len(scene.into[box.id]) > 1 else {}
    if amount is None:
        label = font(symbol, size, "on operation", bold=True) + font(SPACE + unknown, 9, "on operation")
        return OPERATION | PILL | {"label": f"<{label}>"} | ordered
    look = heat.look(amount, scene.heat_ends)
    label = font(symbol, size, look.text, bold=True) + font(SPACE + heat.words(amount), 9, look.text)
    return OPERATION | PILL | {"label": f"<{label}>", "fillcolor": look.fill, "color": look.stroke} | ordered


def _gradient(box: Box, scene: Scene) -> dict[str, str]:
    return _card(gradient_card(box.node, scene), "gradient")


def _pullback(box: Box, scene: Scene) -> dict[str, str]:
    if role_of(box, scene) == "birth":
        return PILL | RED | {"label": f"<{birth_card(scene)}>"}
    lines = pullback_lines(box.node, scene.names)
    label = table([cell(font(text, 11, "on gradient", bold=True), "CENTER") for text in lines])
    colours = {"fillcolor": COLOURS["gradient"], "color": COLOURS["gradient"]}
    return PILL | colours | {"label": f"<{label}>", "penwidth": "1"}


def _pulled(box: Box, scene: Scene) -> dict[str, str]:
    rows = [cell(font(text, 11, "on gradient", bold=True), "CENTER") for text in box.lines]
    label = table([*rows, *heat_rows(box, scene)])
    colours = {"fillcolor": COLOURS["gradient"], "color": COLOURS["gradient"]}
    return PILL | colours | {"label": f"<{label}>", "penwidth": "1"}


def _gradient_value(box: Box, scene: Scene) -> dict[str, str]:
    name, told = box.lines
    return _card(table([cell(font(name, 13, "gradient", bold=True) + font(SPACE * 2 + told))]), "gradient")


def _update(box: Box, scene: Scene) -> dict[str, str]:
    return _card(update_card(box, scene), "update")


# The roles of cards with two borders.
DOUBLE = {"origin_value", "origin_layer", "birth_layer"}

DRAWN: dict[str, Callable[[Box, Scene], dict[str, str]]] = {
    "operation": _operation,
    "variable": _variable,
    "layer": _layer,
    "constant": _constant,
    "chip": _chip,
    "gradient": _gradient,
    "pullback": _pullback,
    "pulled": _pulled,
    "gradient value": _gradient_value,
    "update": _update,
}


def tooltip(box: Box, scene: Scene) -> str:
    """Return the tooltip of a box, one line."""
    if box.kind == "chip":
        return clip(f"{tooltip(scene.box[box.card], scene)}: the full card is elsewhere", TOOLTIP_LENGTH)
    if box.kind == "layer" and box.layer is not None:
        told = ["/".join(box.layer.names), loop_line(box.layer.names[-1])]
        return clip(clean(", ".join(filter(None, told))), TOOLTIP_LENGTH)
    if box.kind == "constant" and box.constant is not None:
        said = f"{box.name or 'constant'}, {shape(box.constant.shape)}, {box.constant.dtype}"
        return clip(clean(said), TOOLTIP_LENGTH)
    node = box.node
    parts = [node.name or "" if box.kind == "variable" else "write" if place_of(node) else node.op]
    parts += [shape(node.shape), str(node.dtype), nonfinite_text(node.value), spoilt_values.line_text(node)]
    if node.grad_freed:
        parts.append(f"gradient {freed_words(node)}")
    return clip(clean(", ".join(part for part in parts if part)), TOOLTIP_LENGTH)

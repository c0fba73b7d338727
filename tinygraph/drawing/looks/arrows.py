"""Arrows: the look of a link between two boxes, and the sides of the boxes at its ends."""

from __future__ import annotations

from tinygraph.drawing.looks.tables import cell, font, table
from tinygraph.drawing.palette import COLOURS, ROLES
from tinygraph.drawing.scenes.marks import marked_arrow
from tinygraph.drawing.scenes.scene import Link, Scene
from tinygraph.drawing.words.text import SPACE, markup

__all__ = ["BESIDE", "ends", "look_of_arrow", "words_on_ground"]

BESIDE = "\0"  # the label of an arrow that leads back up, and has no say in the layout

BACKWARD = {
    "dir": "back",
    "style": "dashed",
    "color": COLOURS["gradient"],
    "fontcolor": COLOURS["gradient"],
    "fontsize": "10",
    "weight": "0",
}
BACKFLOW = {"dir": "back", "color": COLOURS["gradient"]}
AGAIN = {"dir": "back", "style": "dashed", "constraint": "false"}
UPDATE = {"color": COLOURS["gradient"], "constraint": "false"}
SAVED = {"style": "dashed", "constraint": "false"}


def ends(link: Link, scene: Scene) -> tuple[str, str]:
    """Return the boxes at the ends of an arrow, each with the row and the side of the card."""
    if not scene.has_ports:
        return link.tail, link.head
    row = "g" if link.kind == "backward" else "v"
    tail = f"{link.tail}:{row}e:e" if scene.box[link.tail].kind == "variable" else link.tail
    head = f"{link.head}:{row}w:w" if scene.box[link.head].kind == "variable" else link.head
    return tail, head


def look_of_arrow(link: Link, scene: Scene) -> dict[str, str]:
    """Return the attributes of an arrow in DOT."""
    label = {"label": f"<{SPACE}{markup(link.label)}>"} if link.label else {}
    if link.kind == "backward":
        return BACKWARD | label
    if link.kind == "backflow":
        straight = scene.line_of(link.tail) and scene.line_of(link.head)
        return BACKFLOW | {"weight": "20" if straight else "4"}
    if link.kind == "gone":
        beside = {"constraint": "false"} if link.label == BESIDE else {}
        return marked_arrow(scene.marks.get(link.tail), None) | beside
    if link.kind == "update":
        return UPDATE
    if link.kind == "again":
        return AGAIN | label
    if link.kind == "saved" and not link.label:
        return SAVED
    if link.kind == "saved":
        words = table([cell(font(link.label, 9))], extra=f' BGCOLOR="{ROLES["layer"].fill}"')
        return SAVED | {"label": f"<{words}>"}
    return _of_value(link, scene) | label


def words_on_ground(words: str, in_layer: bool) -> str:
    """Return the label of a lane, on the colour of the page or of the layer around it."""
    ground = ROLES["layer"].fill if in_layer else COLOURS["ground"]
    return table([cell(font(words, 10, "gradient"))], extra=f' BGCOLOR="{ground}"')


def _of_value(link: Link, scene: Scene) -> dict[str, str]:
    """Return an arrow of the computation: those of the trunk pull strongest, those of parameters least."""
    tail, head = scene.box[link.tail], scene.box[link.head]
    parameter = (
        tail.kind in {"variable", "constant", "chip"} and not scene.into[tail.id] and tail.id not in scene.on_trunk
    )
    trunk = tail.id in scene.on_trunk and head.id in scene.on_trunk
    weight = {"weight": "1" if parameter else "20" if trunk else "8"}
    spoilt = any(node.index in scene.spoilt for node in link.nodes)
    red = {"color": COLOURS["non-finite"], "penwidth": "1.8"} if spoilt else {}
    return weight | red | marked_arrow(scene.marks.get(tail.id), scene.marks.get(head.id))

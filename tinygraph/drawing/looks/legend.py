"""The legend at the foot of a picture: its title, a swatch and a word for each kind of box in it, and notes."""

from __future__ import annotations

from tinygraph.drawing.grouping.proposing import is_proposed
from tinygraph.drawing.health.gradient_health import RULES
from tinygraph.drawing.health.spoilt_gradients import birth_words
from tinygraph.drawing.looks.tables import cell, font, table
from tinygraph.drawing.palette import COLOURS, HEAT, ROLES, Role
from tinygraph.drawing.scenes.chips import ELSEWHERE
from tinygraph.drawing.scenes.roles import role_of
from tinygraph.drawing.scenes.scene import Box, Scene
from tinygraph.drawing.words.symbols import place_of
from tinygraph.drawing.words.text import SPACE, clean, clip
from tinygraph.graph import Node

__all__ = ["foot", "gradient_notes"]

LONGEST_TITLE = 200
UNKNOWN = {
    "not measured": "the record has freed what the call needs to be made again",
    "no ∇": "no gradient reached the call's result",
}
ARROW_LENGTH = 26
# By the kind of a link: the arrow, its colour and the words.
ARROWS = {
    "value": ("→", "edge", "forward: value"),
    "backward": ("← -", "gradient", "backward: gradient × derivative"),
    "backflow": ("←", "gradient", "backward: gradient"),
    "update": ("→", "gradient", "gradient of the update"),
    "saved": ("- →", "edge", "reads saved values"),
    "again": ("← -", "edge", "next iteration"),
}
MARKS = {"added": "new", "removed": "gone", "changed": "changed"}
NOTES = {
    "several": "∇ in place of ∂: this gradient holds more than one backward pass",
    "elsewhere": "∇ in place of ∂: this gradient was set, or backward() began outside this graph",
}


def foot(scene: Scene) -> str:
    """Title and legend, under the picture."""
    rows = []
    if scene.title:
        rows.append(cell(font(clip(scene.title, LONGEST_TITLE), 14, "text", bold=True), "CENTER"))
    for entries in (_swatches(scene), _heat(scene), _arrows(scene)) if scene.legend else ():
        if entries:
            rows.append(cell(table(["".join(entries)], padding=2, spacing=2), "CENTER"))
    rows += [cell(font(note, 9), "CENTER") for note in _notes(scene) if scene.legend]
    return table(rows, padding=3) if rows else ""


def _swatches(scene: Scene) -> list[str]:
    """Return a swatch and a word for each kind of box in the picture."""
    roles = {role_of(box, scene) for box in scene.boxes if box.kind != "chip"}
    kind = scene.birth.kind if scene.birth is not None else ""
    shown = [role._replace(words=role.words.format(kind=kind)) for name, role in ROLES.items() if name in roles]
    entries = [_entry(role) for role in shown if role.stroke != COLOURS["non-finite"]]
    if scene.view != "mirror" and any(_has_gradient(box) for box in scene.boxes):
        look = f'BGCOLOR="{COLOURS["gradient fill"]}" STYLE="ROUNDED" FIXEDSIZE="TRUE" WIDTH="18" HEIGHT="14"'
        tint = f"<TD {look}>{font('∇', 9, 'gradient')}</TD>"
        entries.append(cell(table([tint])) + cell(font("gradient after backward()" + SPACE * 2, 10, "gradient")))
    if any(box.kind == "chip" for box in scene.boxes):
        entries.append(_chip() + cell(font("full card elsewhere" + SPACE * 2)))
    kinds = {mark.kind for mark in scene.marks.values()}
    entries += [_mark(kind, words) for kind, words in MARKS.items() if kind in kinds]
    return entries + [_entry(role, "non-finite") for role in shown if role.stroke == COLOURS["non-finite"]]


def _mark(kind: str, words: str) -> str:
    gone = kind == "removed"
    swatch = _swatch(COLOURS[kind], COLOURS["removed fill" if gone else kind], 1 if gone else 2)
    return swatch + cell(font(words + SPACE * 2, 10, "removed text" if gone else kind))


def _heat(scene: Scene) -> list[str]:
    """Return the colours of the amounts, with the ends of the scale."""
    if scene.heat is None:
        return []
    before, after, _ = scene.heat.scale(scene.heated.values())
    levels = [_swatch(level.stroke, level.fill, 1) for level in HEAT]
    return [cell(font(clean(before) + SPACE)), *levels, cell(font(SPACE + after + SPACE * 2))]


def _has_gradient(box: Box) -> bool:
    return box.kind in {"variable", "layer"} and any(n.grad is not None for n in (box.node, *box.members))


def _entry(role: Role, colour: str = "muted") -> str:
    swatch = _swatch(role.stroke, role.fill, role.border)
    return swatch + cell(font(role.words + SPACE * 2, 10, colour))


def _chip() -> str:
    look = ROLES["intermediate"]
    style = f'BORDER="1" COLOR="{look.stroke}" BGCOLOR="{look.fill}" STYLE="ROUNDED"'
    return cell(table([f"<TD {style}>{font(ELSEWHERE, 9)}</TD>"]))


def _swatch(stroke: str, fill: str, width: int) -> str:
    """Return a swatch, which gets its dashes in the SVG (see `svg`): Graphviz 14 may crash on a dashed cell."""
    look = f'BORDER="{width}" COLOR="{stroke}" BGCOLOR="{fill}" STYLE="ROUNDED"'
    return cell(table([f'<TD {look} FIXEDSIZE="TRUE" WIDTH="18" HEIGHT="14"></TD>'], padding=0))


def _arrows(scene: Scene) -> list[str]:
    """Return an arrow and a word for each kind of arrow in the picture, if there are several."""
    found = {link.kind for link in scene.links}
    if "again" in found and not any(link.kind == "again" and link.tail == link.head for link in scene.links):
        found.remove("again")  # it says so itself
    shown = [kind for kind in ARROWS if kind in found]
    return [_arrow(*ARROWS[kind]) for kind in shown] if len(shown) > 1 else []


def _arrow(glyph: str, colour: str, words: str) -> str:
    """Return a glyph, which becomes an arrow in the SVG: see `svg`."""
    place = f'<TD FIXEDSIZE="TRUE" WIDTH="{ARROW_LENGTH + 8}" HEIGHT="18">{font(glyph, 14, colour, bold=True)}</TD>'
    return place + cell(font(words + SPACE * 2, 10, "gradient" if colour == "gradient" else "muted"))


def _notes(scene: Scene) -> list[str]:
    notes = ["cards by function: name your own with tg.scope"] if is_proposed(scene.graph) else []
    cards = [box.node for box in scene.boxes if box.kind == "variable"]
    freed = [node for node in cards if node.grad_freed and node.grad is None]
    if any(place_of(node) is None for node in freed):
        notes.append("∇ not kept: backward(retain_graph=True) keeps every gradient")
    if any(place_of(node) for node in freed):
        notes.append("∇ not kept: the gradient of a large array is written over from one write to the one before")
    if scene.birth is not None and scene.birth.call is None:
        notes.append(birth_words(scene.birth, scene.names))
    if scene.is_health:
        notes += RULES
    if scene.heat is not None:
        notes.append(scene.heat.scale(scene.heated.values())[2])
        notes += [scene.heat.note] if scene.heat.note else []
        calls = [box.node.index for box in scene.boxes if box.kind == "operation"]
        unknown = dict.fromkeys(scene.heat.unknown[index] for index in calls if index in scene.heat.unknown)
        notes += [f"{words}: {UNKNOWN[words]}" for words in unknown if words in UNKNOWN]
    if scene.thumbnails:
        notes.append(
            "images: black is the least value and white the largest; of a weight green is above 0 and purple below"
        )
    notes += gradient_notes(scene)
    if any(node.changed for node in _with_numbers(scene)):
        notes.append("changed since: the input got another value after its use; the results are older")
    if any(box.kind == "layer" and any(n.is_input and n.grad is not None for n in box.members) for box in scene.boxes):
        powers = "four" if scene.decades == 4 else scene.decades
        notes.append(f"bars: norm of the gradient beside the largest one, over {powers} powers of ten")
    return notes


def gradient_notes(scene: Scene) -> list[str]:
    """Return why gradients in the picture are not the derivatives of its result; a line for each reason."""
    told = {node.gradient_note for node in _with_numbers(scene) if node.grad is not None}
    return [words for note, words in NOTES.items() if note in told]


def _with_numbers(scene: Scene) -> list[Node]:
    return [node for box in scene.boxes if box.kind != "operation" for node in (box.node, *box.members)]

"""The foot of a picture: its title, a swatch and a word for each kind of box in it, and notes."""

from __future__ import annotations

from tinygraph.drawing.cards import ELSEWHERE, SPACE, cell, font, table
from tinygraph.drawing.palette import COLOURS, HEAT, ROLES
from tinygraph.drawing.scene import Box, Scene
from tinygraph.drawing.spoilt_gradients import birth_words
from tinygraph.drawing.symbols import place_of
from tinygraph.drawing.text import clean, clip

__all__ = ["foot"]

LONGEST_TITLE = 200
UNKNOWN = {
    "not measured": "the record has freed what the call needs to be made again",
    "no ∇": "no gradient reached the call's result",
}
NOTES = {
    "several": "∇ in place of ∂: this gradient holds more than one backward pass",
    "elsewhere": "∇ in place of ∂: this gradient was set, or backward() began outside this graph",
}


def foot(scene: Scene) -> str:
    """Title and legend, under the picture."""
    rows = []
    if scene.title:
        rows.append(cell(font(clip(scene.title, LONGEST_TITLE), 14, "text", bold=True), "CENTER"))
    entries = _entries(scene) if scene.legend else []
    if entries:
        rows.append(cell(table(["".join(entries)], padding=2, spacing=2), "CENTER"))
    rows += [cell(font(note, 9), "CENTER") for note in _notes(scene) if scene.legend]
    return table(rows, padding=3) if rows else ""


def _entries(scene: Scene) -> list[str]:
    """Return a swatch and a word for each kind of box in the picture."""
    roles = {box.role for box in scene.boxes if box.kind != "operation"}
    entries = [
        _entry(role) for role in ("parameter", "data", "intermediate", "output", "layer", "update") if role in roles
    ]
    if any(box.kind == "gradient value" for box in scene.boxes):
        entries.append(_entry("gradient"))
    if any(link.kind == "saved" and not link.label for link in scene.links):
        entries.append(cell(font(f"╌╌▸{SPACE}reads saved values{SPACE * 2}")))
    if any(_has_gradient(box) for box in scene.boxes):
        entries.append(
            _swatch("gradient fill", "gradient fill")
            + cell(font("gradient after backward()" + SPACE * 2, 10, "gradient"))
        )
    if any(box.kind == "chip" for box in scene.boxes):
        entries.append(_chip() + cell(font("full card elsewhere" + SPACE * 2)))
    if scene.heat is not None:
        before, after, _ = scene.heat.scale(scene.heated.values())
        entries.append(cell(font(clean(before) + SPACE)))
        entries += [_swatch_of(colour, colour) for _, colour in HEAT]
        entries.append(cell(font(SPACE + after + SPACE * 2)))
    if scene.origin is not None:
        words = ROLES["origin"].words
        entries.append(_swatch("non-finite", "non-finite fill") + cell(font(words, 10, "non-finite")))
    if scene.birth is not None and scene.birth.call is not None:
        words = f"first {scene.birth.kind} of a gradient"
        entries.append(_swatch("non-finite", "non-finite fill") + cell(font(words, 10, "non-finite")))
    return entries


def _has_gradient(box: Box) -> bool:
    return box.kind in {"variable", "layer"} and any(n.grad is not None for n in (box.node, *box.members))


def _entry(role: str) -> str:
    stroke, fill, _, words = ROLES[role]
    return _swatch_of(stroke, fill) + cell(font(words + SPACE * 2))


def _chip() -> str:
    stroke, fill, _, _ = ROLES["intermediate"]
    return cell(table([f'<TD BORDER="1" COLOR="{stroke}" BGCOLOR="{fill}" STYLE="ROUNDED">{font(ELSEWHERE, 9)}</TD>']))


def _swatch(stroke: str, fill: str) -> str:
    return _swatch_of(COLOURS[stroke], COLOURS[fill])


def _swatch_of(stroke: str, fill: str) -> str:
    look = f'BORDER="1" COLOR="{stroke}" BGCOLOR="{fill}" STYLE="ROUNDED"'
    return cell(table([f'<TD {look} FIXEDSIZE="TRUE" WIDTH="14" HEIGHT="14"></TD>'], padding=0))


def _notes(scene: Scene) -> list[str]:
    notes = []
    cards = [box.node for box in scene.boxes if box.kind == "variable"]
    freed = [node for node in cards if node.grad_freed and node.grad is None]
    if any(place_of(node) is None for node in freed):
        notes.append("∇ not kept: backward(retain_graph=True) keeps every gradient")
    if any(place_of(node) for node in freed):
        notes.append("∇ not kept: the gradient of a large array is written over from one write to the one before")
    if scene.birth is not None and scene.birth.call is None:
        notes.append(birth_words(scene.birth, scene.names))
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
    shown = [node for box in scene.boxes if box.kind != "operation" for node in (box.node, *box.members)]
    told = {node.gradient_note for node in shown if node.grad is not None}
    notes += [words for note, words in NOTES.items() if note in told]
    if any(node.changed for node in shown):
        notes.append("changed since: the input got another value after its use; the results are older")
    if any(box.kind == "layer" and any(n.is_input and n.grad is not None for n in box.members) for box in scene.boxes):
        notes.append("bars: norm of the gradient beside the largest one, over four powers of ten")
    return notes

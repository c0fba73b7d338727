"""A scene as a Mermaid flowchart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tinygraph.drawing.formats.box_text import text_lines
from tinygraph.drawing.grouping.scopes import Scope
from tinygraph.drawing.palette import COLOURS, ROLES
from tinygraph.drawing.scenes.mirror import BACKWARD_SIDE
from tinygraph.drawing.scenes.roles import role_of
from tinygraph.drawing.scenes.scene import Box, Scene
from tinygraph.drawing.words.text import clean, clip, isolated

__all__ = ["mermaid"]

ROUND, SQUARE, PILL = ('("', '")'), ('["', '"]'), ('(["', '"])')
BRACKETS = {
    "variable": ROUND,
    "constant": ROUND,
    "chip": ROUND,
    "gradient": ROUND,
    "layer": SQUARE,
    "operation": PILL,
    "pullback": PILL,
    "pulled": PILL,
    "gradient value": ROUND,
    "update": ROUND,
}


def mermaid(scene: Scene) -> str:
    """Return the text. In names, characters with a meaning in Mermaid are written as their numbers."""
    lines = [f"flowchart {scene.direction}"]
    lines += _nested(scene.boxes, scene, 0)
    lines += [_arrow(number, scene) for number in range(len(scene.links))]
    lines += _styles(scene)
    return "\n".join(lines) + "\n"


def _nested(boxes: Iterable[Box], scene: Scene, depth: int) -> Iterator[str]:
    inside: dict[Scope, list[Box]] = {}
    indent = "  " * (depth + 1)
    for box in boxes:
        if len(box.place) > depth:
            inside.setdefault(box.place[depth], []).append(box)
        else:
            opening, closing = BRACKETS[box.kind]
            yield f"{indent}{box.id}{opening}{'<br/>'.join(map(_escaped, text_lines(box, scene)))}{closing}"
    for scope, members in inside.items():
        yield f'{indent}subgraph {_id(scope)} ["{_escaped(scope.title)}"]'
        yield from _nested(members, scene, depth + 1)
        yield f"{indent}end"


def _id(scope: Scope) -> str:
    return f"c{scope.key}" if scope.key >= 0 else f"side{-scope.key}"


def _escaped(text: str) -> str:
    """Return a text with letters, digits and harmless signs unchanged, and the rest as `#34;`."""
    shown = isolated(clean(text))
    return "".join(c if c.isalnum() or c in " .,=+/_:" or ord(c) > 127 else f"#{ord(c)};" for c in shown)


def _arrow(place: int, scene: Scene) -> str:
    link = scene.links[place]
    label = f'|"{_escaped(clip(link.label, 40))}"|' if link.label else ""
    if link.kind == "saved":
        return f"  {link.tail} -.->{label} {link.head}"
    if link.kind == "backflow":
        return f"  {link.head} -->{label} {link.tail}"
    if link.kind == "again" and link.tail == link.head:
        return f"  {link.tail} -.->{label} {link.head}"
    if link.kind in {"backward", "again"}:
        # Mermaid ranks boxes by the arrows. An arrow back would put an input to the right of a result.
        told = f"{'←' if scene.direction == 'LR' else '↑'} {link.label}".strip()
        return f'  {link.tail} -.-|"{_escaped(clip(told, 40))}"| {link.head}'
    return f"  {link.tail} -->{label} {link.head}"


def _styles(scene: Scene) -> Iterator[str]:
    for scope in dict.fromkeys(scope for box in scene.boxes for scope in box.place):
        fill = COLOURS["backward fill"] if scope is BACKWARD_SIDE else ROLES["layer"].fill
        yield f"  style {_id(scope)} fill:{fill},stroke:{COLOURS['scope']},color:{COLOURS['muted']}"
    by_role: dict[str, list[str]] = {}
    for box in scene.boxes:
        by_role.setdefault(role_of(box, scene), []).append(box.id)
    for role, ids in by_role.items():
        yield f"  classDef {role} {_class(role)}"
        yield f"  class {','.join(ids)} {role}"
    backward = [str(place) for place, link in enumerate(scene.links) if link.kind in {"backward", "backflow"}]
    if backward:
        yield f"  linkStyle {','.join(backward)} stroke:{COLOURS['gradient']},color:{COLOURS['gradient']}"


# Boxes that are filled with a colour: the keys of the colour and of its text.
FILLED = {
    "operation": ("operation", "on operation"),
    "spoilt_operation": ("spoilt operation", "on operation"),
    "origin": ("non-finite", "on operation"),
    "birth": ("non-finite", "on operation"),
    "pullback": ("gradient", "on gradient"),
}


def _class(role: str) -> str:
    if role in FILLED:
        fill, text = (COLOURS[key] for key in FILLED[role])
        return f"fill:{fill},stroke:{fill},color:{text}"
    look = ROLES[role]
    dashes = ",stroke-dasharray:5 2" if look.dashed else ""
    return f"fill:{look.fill},stroke:{look.stroke},stroke-width:{look.width}px,color:{COLOURS['text']}{dashes}"

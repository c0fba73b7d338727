"""A scene as DOT text, built with the `graphviz` package."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from tinygraph.drawing import health
from tinygraph.drawing.cards import (
    SPACE,
    cell,
    constant_card,
    font,
    gradient_card,
    layer_card,
    origin_card,
    table,
    variable_card,
)
from tinygraph.drawing.expressions import fallback
from tinygraph.drawing.facts import nonfinite
from tinygraph.drawing.mirror import BACKWARD_SIDE, pullbacks
from tinygraph.drawing.numbers import shape
from tinygraph.drawing.palette import COLOURS, HEAT, ROLES, heat
from tinygraph.drawing.scene import Box, Link, Scene
from tinygraph.drawing.scopes import Scope
from tinygraph.drawing.symbols import operation_symbol
from tinygraph.drawing.text import clean, clip, dot_string, markup

if TYPE_CHECKING:
    import graphviz

__all__ = ["dot", "tooltip"]

FONT = "Helvetica,Arial,Liberation Sans,DejaVu Sans"
LONGEST_TITLE = TOOLTIP_LENGTH = 200
GRAPH = {
    "bgcolor": "transparent",
    "charset": "UTF-8",
    "fontname": FONT,
    "nodesep": "0.22",
    "ranksep": "0.30",
    "pad": "0.15",
    "splines": "true",
    "newrank": "true",
    "outputorder": "edgesfirst",
}
NODE = {"fontname": FONT, "fontsize": "12", "fontcolor": COLOURS["text"]}
EDGE = {
    "fontname": FONT,
    "fontsize": "9",
    "color": COLOURS["edge"],
    "fontcolor": COLOURS["muted"],
    "penwidth": "1.3",
    "arrowsize": "0.6",
}
CARD = {"shape": "box", "style": "rounded,filled", "margin": "0.08,0.05", "height": "0.3", "width": "0.3"}
OPERATION = {"fillcolor": COLOURS["operation"], "color": COLOURS["operation"], "penwidth": "1"}
CIRCLE = {"shape": "circle", "style": "filled", "width": "0.32", "fixedsize": "true", "margin": "0"}
PILL = {"shape": "box", "style": "rounded,filled", "height": "0.31", "width": "0.31", "margin": "0.09,0.03"}
BACKWARD = {
    "dir": "back",
    "style": "dashed",
    "color": COLOURS["gradient"],
    "fontcolor": COLOURS["gradient"],
    "fontsize": "10",
    "weight": "0",
}
BACKFLOW = {"dir": "back", "color": COLOURS["gradient"]}
SAVED = {"style": "dashed", "constraint": "false"}


def dot(scene: Scene) -> str:
    """The whole picture; no engine is needed for this."""
    return str(_digraph(scene).source)


def _digraph(scene: Scene) -> graphviz.Digraph:
    import graphviz

    looks = GRAPH | {"rankdir": scene.direction} | _spacing(scene)
    picture = graphviz.Digraph(graph_attr=looks, node_attr=NODE, edge_attr=EDGE)
    foot = _foot(scene)
    if foot:
        picture.attr("graph", label=f"<{foot}>", labelloc="b")
    _fill(picture, scene, scene.boxes, 0)
    for pair in scene.pairs:
        with picture.subgraph(graph_attr={"rank": "same"}) as row:
            for side in pair:
                row.node(side)
    for number, link in enumerate(scene.links):
        picture.edge(*_ends(link, scene), **_link(link, scene), id=f"e{number}")
    return picture


def _spacing(scene: Scene) -> dict[str, str]:
    return {"nodesep": "0.35", "ranksep": "0.28"} if scene.view == "chain" else {}


def _fill(picture: graphviz.Digraph, scene: Scene, boxes: Iterable[Box], depth: int) -> None:
    """The boxes of one scope: those that stand in it directly, then a cluster for each scope inside."""
    inside: dict[Scope, list[Box]] = {}
    for box in boxes:
        if len(box.place) > depth:
            inside.setdefault(box.place[depth], []).append(box)
        else:
            picture.node(box.id, **_box(box, scene))
    for box in boxes:
        if len(box.place) == depth and _stands_beside(box, scene):
            with picture.subgraph(graph_attr={"rank": "same"}) as pair:
                pair.node(box.id)
                pair.node(scene.out_of[box.id][0].head)
    for scope, members in inside.items():
        with picture.subgraph(name=f"cluster_{scope.key}", graph_attr=_cluster(scope, scene, members)) as cluster:
            _fill(cluster, scene, members, depth + 1)


def _cluster(scope: Scope, scene: Scene, members: list[Box]) -> dict[str, str]:
    backwards = scope is BACKWARD_SIDE
    colour = "gradient" if backwards else "muted"
    title = scope.title
    if not scene.pairs and all(box.id in scene.on_trunk for box in members):
        title += SPACE * (2 * len(title) + 4)  # as wide again: the arrow in the middle passes beside it
    return {
        "style": "rounded,filled",
        "color": COLOURS["gradient track" if backwards else "scope"],
        "fillcolor": COLOURS["backward fill"] if backwards else ROLES["layer"].fill,
        "id": f"c{scope.key}",
        "label": f"<{font(title, 11, colour, bold=True)}>",
        "labeljust": "c" if scene.pairs else "l",
        "labelloc": "b" if scene.direction == "TB" and not scene.pairs else "t",
        "margin": "9",
        "penwidth": "1",
        "tooltip": dot_string("/".join(scope.names)),
    }


def _stands_beside(box: Box, scene: Scene) -> bool:
    """A leaf with one consumer stands at its side, out of the way of the trunk."""
    if scene.view in {"chain", "values", "mirror"} or box.kind == "operation" or scene.into[box.id]:
        return False
    if box.id in scene.on_trunk or len(scene.out_of[box.id]) != 1:
        return False
    head = scene.box[scene.out_of[box.id][0].head]
    return head.kind == "operation" and head.place == box.place


def _box(box: Box, scene: Scene) -> dict[str, str]:
    attributes = DRAWN[box.kind](box, scene) | {"tooltip": dot_string(tooltip(box, scene)), "id": box.id}
    return attributes | _group(box, scene)


def _group(box: Box, scene: Scene) -> dict[str, str]:
    """The boxes of a group stand in a straight line."""
    if box.id in scene.on_trunk:
        return {"group": "trunk"}
    return {"group": "return"} if any(a in scene.on_trunk for a, b in scene.pairs if b == box.id) else {}


def _card(label: str, role: str) -> dict[str, str]:
    stroke, fill, width, _ = ROLES[role]
    return CARD | {"label": f"<{label}>", "color": stroke, "fillcolor": fill, "penwidth": str(width)}


def _variable(box: Box, scene: Scene) -> dict[str, str]:
    card = _card(variable_card(box.node, scene), box.role)
    if scene.has_ports:
        card["margin"] = "0,0.05"
    if box.node.index in scene.poisoned:
        card |= {"color": COLOURS["non-finite"], "fillcolor": COLOURS["non-finite fill"], "penwidth": "1.8"}
        if box.node.index == scene.origin and box.node.is_input:
            return card | {"peripheries": "2"}
        return card | {"style": "rounded,filled,dashed"}
    return card


def _constant(box: Box, scene: Scene) -> dict[str, str]:
    assert box.constant is not None
    return _card(constant_card(box.constant, box.name), "data") | {"penwidth": "1.0"}


def _layer(box: Box, scene: Scene) -> dict[str, str]:
    card = _card(layer_card(box, scene), "layer")
    bad = {node.index for node in box.members} & scene.poisoned
    if not bad:
        return card
    return card | {"color": COLOURS["non-finite"]} | ({"peripheries": "2"} if scene.origin in bad else {})


def _operation(box: Box, scene: Scene) -> dict[str, str]:
    symbol = operation_symbol(box.node)
    if box.node.index == scene.origin:
        colours = {"fillcolor": COLOURS["non-finite"], "color": COLOURS["non-finite"]}
        return PILL | colours | {"label": f"<{origin_card(box.node)}>", "peripheries": "2", "penwidth": "1.8"}
    if scene.heat:
        return _heated(box, scene, symbol)
    shape = CIRCLE if len(symbol) <= 2 else PILL
    size = 12 if len(symbol) <= 2 else 11
    colour = COLOURS["poisoned operation" if box.node.index in scene.poisoned else "operation"]
    label = f"<{font(symbol, size, 'on operation', bold=True)}>"
    ordered = {"ordering": "in"} if len(scene.into[box.id]) > 1 else {}
    return OPERATION | shape | {"label": label, "fillcolor": colour, "color": colour} | ordered


def _heated(box: Box, scene: Scene, symbol: str) -> dict[str, str]:
    """An operation with its share of the whole, and the colour of that share."""
    share = scene.heat.get(box.node.index)
    colour, on = heat(share or 0.0)
    label = font(symbol, 12 if len(symbol) <= 2 else 11, on, bold=True)
    if share is not None:
        label += font(f"{SPACE}{'under ' if share < 0.005 else ''}{max(100 * share, 1):.0f}%", 9, on)
    ordered = {"ordering": "in"} if len(scene.into[box.id]) > 1 else {}
    return OPERATION | PILL | {"label": f"<{label}>", "fillcolor": colour, "color": COLOURS["heat edge"]} | ordered


def _gradient(box: Box, scene: Scene) -> dict[str, str]:
    return _card(gradient_card(box.node, scene), "gradient")


def _pullback(box: Box, scene: Scene) -> dict[str, str]:
    told = pullbacks(box.node, scene.names)
    texts = list(dict.fromkeys(each.text for each in told))
    if len(texts) > 1:
        texts = [f"{scene.names[each.operand.index] or fallback(each.operand)}: {each.text}" for each in told]
    label = table([cell(font(text, 11, "on gradient", bold=True), "CENTER") for text in texts])
    colours = {"fillcolor": COLOURS["gradient"], "color": COLOURS["gradient"]}
    return PILL | colours | {"label": f"<{label}>", "penwidth": "1"}


DRAWN: dict[str, Callable[[Box, Scene], dict[str, str]]] = {
    "operation": _operation,
    "variable": _variable,
    "layer": _layer,
    "constant": _constant,
    "gradient": _gradient,
    "pullback": _pullback,
}


def _ends(link: Link, scene: Scene) -> tuple[str, str]:
    if not scene.has_ports:
        return link.tail, link.head
    row = "g" if link.kind == "backward" else "v"
    tail = f"{link.tail}:{row}e:e" if scene.box[link.tail].kind == "variable" else link.tail
    head = f"{link.head}:{row}w:w" if scene.box[link.head].kind == "variable" else link.head
    return tail, head


def _link(link: Link, scene: Scene) -> dict[str, str]:
    label = {"label": f"<{SPACE}{markup(link.label)}>"} if link.label else {}
    if link.kind == "backward":
        return BACKWARD | label
    if link.kind == "backflow":
        straight = _group(scene.box[link.tail], scene) and _group(scene.box[link.head], scene)
        return BACKFLOW | {"weight": "20" if straight else "4"}
    if link.kind == "saved":
        words = table([cell(font(link.label, 9))], extra=f' BGCOLOR="{ROLES["layer"].fill}"')
        return SAVED | {"label": f"<{words}>"}
    tail, head = scene.box[link.tail], scene.box[link.head]
    parameter = tail.kind in {"variable", "constant"} and not scene.into[tail.id] and tail.id not in scene.on_trunk
    trunk = tail.id in scene.on_trunk and head.id in scene.on_trunk
    weight = {"weight": "1" if parameter else "20" if trunk else "8"}
    spoilt = any(node.index in scene.poisoned for node in link.nodes)
    red = {"color": COLOURS["non-finite"], "penwidth": "1.8"} if spoilt else {}
    return weight | label | red


def tooltip(box: Box, scene: Scene) -> str:
    """One line for a mouse that rests on the box."""
    if box.kind == "layer" and box.layer is not None:
        return clip(clean("/".join(box.layer.names)), TOOLTIP_LENGTH)
    if box.kind == "constant" and box.constant is not None:
        said = f"{box.name or 'constant'}, {shape(box.constant.shape)}, {box.constant.dtype}"
        return clip(clean(said), TOOLTIP_LENGTH)
    node = box.node
    parts = [node.name or "" if box.kind == "variable" else node.op]
    parts += [shape(node.shape), str(node.dtype), nonfinite(node.value), health.place(node)]
    if node.grad_freed:
        parts.append("gradient not kept: backward(retain_graph=True) keeps it")
    return clip(clean(", ".join(part for part in parts if part)), TOOLTIP_LENGTH)


def _foot(scene: Scene) -> str:
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
    """A swatch and a word for each kind of box that is in the picture."""
    roles = {box.role for box in scene.boxes if box.kind != "operation"}
    entries = [_entry(role) for role in ("parameter", "data", "intermediate", "output", "layer") if role in roles]
    if any(_has_gradient(box) for box in scene.boxes):
        entries.append(
            _swatch("gradient fill", "gradient fill")
            + cell(font("gradient after backward()" + SPACE * 2, 10, "gradient"))
        )
    if scene.heat:
        entries.append(cell(font(f"share of {clean(scene.measured)}{SPACE}", 10)))
        entries += [_swatch_of(colour, colour) for _, colour in HEAT]
    if scene.origin is not None:
        words = ROLES["origin"].words
        entries.append(_swatch("non-finite", "non-finite fill") + cell(font(words, 10, "non-finite")))
    return entries


def _has_gradient(box: Box) -> bool:
    return box.kind in {"variable", "layer"} and any(n.grad is not None for n in (box.node, *box.members))


def _entry(role: str) -> str:
    stroke, fill, _, words = ROLES[role]
    return _swatch_of(stroke, fill) + cell(font(words + SPACE * 2))


def _swatch(stroke: str, fill: str) -> str:
    return _swatch_of(COLOURS[stroke], COLOURS[fill])


def _swatch_of(stroke: str, fill: str) -> str:
    look = f'BORDER="1" COLOR="{stroke}" BGCOLOR="{fill}" STYLE="ROUNDED"'
    return cell(table([f'<TD {look} FIXEDSIZE="TRUE" WIDTH="14" HEIGHT="14"></TD>'], padding=0))


def _notes(scene: Scene) -> list[str]:
    notes = []
    if any(box.kind == "variable" and box.node.grad_freed and box.node.grad is None for box in scene.boxes):
        notes.append("∇ not kept: backward(retain_graph=True) keeps every gradient")
    if scene.accumulated:
        notes.append("∇ in place of ∂: this gradient holds more than one backward pass")
    if any(box.kind == "layer" and any(n.is_input and n.grad is not None for n in box.members) for box in scene.boxes):
        notes.append("bars: norm of the gradient beside the largest one, over four powers of ten")
    return notes

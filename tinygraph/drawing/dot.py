"""A scene as DOT text, built with the `graphviz` package."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tinygraph.drawing.arrows import ends, look_of_arrow
from tinygraph.drawing.boxes import look_of_box
from tinygraph.drawing.cards import SPACE, font
from tinygraph.drawing.legend import foot
from tinygraph.drawing.mirror import BACKWARD_SIDE
from tinygraph.drawing.palette import COLOURS, ROLES
from tinygraph.drawing.repeats import loop_line
from tinygraph.drawing.scene import Box, Scene
from tinygraph.drawing.scopes import Scope
from tinygraph.drawing.text import dot_string

if TYPE_CHECKING:
    import graphviz

__all__ = ["dot"]

FONT = "Helvetica,Arial,Liberation Sans,DejaVu Sans"
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


def dot(scene: Scene) -> str:
    """Return the whole picture; no engine is needed for this."""
    return str(_digraph(scene).source)


def _digraph(scene: Scene) -> graphviz.Digraph:
    import graphviz

    looks = GRAPH | {"rankdir": scene.direction} | _spacing(scene)
    picture = graphviz.Digraph(graph_attr=looks, node_attr=NODE, edge_attr=EDGE)
    words = foot(scene)
    if words:
        picture.attr("graph", label=f"<{words}>", labelloc="b")
    _fill(picture, scene, scene.boxes, 0, _beside(scene))
    for pair in scene.pairs:
        with picture.subgraph(graph_attr={"rank": "same"}) as row:
            for side in pair:
                row.node(side)
    for number, link in enumerate(scene.links):
        picture.edge(*ends(link, scene), **look_of_arrow(link, scene), id=f"e{number}")
    return picture


def _spacing(scene: Scene) -> dict[str, str]:
    return {"nodesep": "0.35", "ranksep": "0.28"} if scene.view == "chain" else {}


def _fill(picture: graphviz.Digraph, scene: Scene, boxes: Iterable[Box], depth: int, beside: dict[str, str]) -> None:
    """The boxes of one scope: its own boxes, then a cluster for each scope inside."""
    inside: dict[Scope, list[Box]] = {}
    for box in boxes:
        if len(box.place) > depth:
            inside.setdefault(box.place[depth], []).append(box)
        else:
            picture.node(box.id, **look_of_box(box, scene))
    for box in boxes:
        if len(box.place) == depth and box.id in beside:
            with picture.subgraph(graph_attr={"rank": "same"}) as pair:
                pair.node(box.id)
                pair.node(beside[box.id])
    for scope, members in inside.items():
        with picture.subgraph(name=f"cluster_{scope.key}", graph_attr=_cluster(scope, scene, members)) as cluster:
            _fill(cluster, scene, members, depth + 1, beside)


def _cluster(scope: Scope, scene: Scene, members: list[Box]) -> dict[str, str]:
    backwards = scope is BACKWARD_SIDE
    colour = "gradient" if backwards else "muted"
    title = f"{scope.title}{SPACE * 2}{loop_line(scope.names[-1])}".rstrip(SPACE)
    if not scene.pairs and all(box.id in scene.on_trunk for box in members):
        title += SPACE * (2 * len(title) + 4)  # a gap of the same width: the arrow in the middle passes through it
    return {
        "style": "rounded,filled",
        "color": COLOURS["backward side" if backwards else "scope"],
        "fillcolor": COLOURS["backward fill"] if backwards else ROLES["layer"].fill,
        "id": f"c{scope.key}",
        "label": f"<{font(title, 11, colour, bold=True)}>",
        "labeljust": "c" if scene.pairs else "l",
        "labelloc": "b" if scene.direction == "TB" and not scene.pairs else "t",
        "margin": "9",
        "penwidth": "1",
        "tooltip": dot_string("/".join(scope.names)),
    }


def _beside(scene: Scene) -> dict[str, str]:
    """Return the boxes that stand beside their only consumer, each with it: one a consumer, a chip before a card."""
    found: dict[str, str] = {}
    leaves = [box for box in scene.boxes if _may_stand_beside(box, scene)]
    for box in sorted(leaves, key=lambda box: box.kind != "chip"):
        found.setdefault(scene.out_of[box.id][0].head, box.id)
    return {box: head for head, box in found.items()}


def _may_stand_beside(box: Box, scene: Scene) -> bool:
    """Return whether a box is a leaf with one consumer, away from the trunk."""
    if scene.view in {"chain", "values", "mirror", "columns", "difference"}:
        return False
    if box.kind == "operation" or scene.into[box.id]:
        return False
    if box.id in scene.on_trunk or len(scene.out_of[box.id]) != 1:
        return False
    head = scene.box[scene.out_of[box.id][0].head]
    return (head.kind == "operation" or box.kind == "chip") and head.place == box.place

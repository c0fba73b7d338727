"""A scene as DOT text, built with the `graphviz` package."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from tinygraph.drawing.formats.fonts import DOT_FONTS
from tinygraph.drawing.grouping.repeats import short_loop_line
from tinygraph.drawing.grouping.scopes import Scope
from tinygraph.drawing.layout.lanes import LABEL_ROW, STOP, Placed
from tinygraph.drawing.layout.tracks import Track
from tinygraph.drawing.looks.arrows import ends, look_of_arrow, words_on_ground
from tinygraph.drawing.looks.boxes import look_of_box
from tinygraph.drawing.looks.legend import foot
from tinygraph.drawing.looks.tables import cell, font, table
from tinygraph.drawing.palette import COLOURS, ROLES
from tinygraph.drawing.scenes.mirror import BACKWARD_SIDE
from tinygraph.drawing.scenes.scene import Box, Scene
from tinygraph.drawing.words.text import SPACE, dot_string

if TYPE_CHECKING:
    import graphviz

__all__ = ["dot", "dot_with_places", "dot_with_room"]

# Points: two frames, and the margin inside of them.
FRAMES = 10

Look = Callable[[Box], dict[str, str]]

GRAPH = {
    "bgcolor": "transparent",
    "charset": "UTF-8",
    "fontname": DOT_FONTS,
    "nodesep": "0.22",
    "ranksep": "0.30",
    "pad": "0.15",
    "splines": "true",
    "newrank": "true",
    "outputorder": "edgesfirst",
}
CHAIN = {"nodesep": "0.4", "ranksep": "0.42"}
NODE = {"fontname": DOT_FONTS, "fontsize": "12", "fontcolor": COLOURS["text"]}
EDGE = {
    "fontname": DOT_FONTS,
    "fontsize": "9",
    "color": COLOURS["edge"],
    "fontcolor": COLOURS["muted"],
    "penwidth": "1.3",
    "arrowsize": "0.6",
}


def dot(scene: Scene) -> str:
    """Return the whole picture; no engine is needed for this."""
    picture = _empty(scene)
    _fill(picture, scene, scene.boxes, 0, _beside(scene), lambda box: look_of_box(box, scene))
    for pair in scene.pairs:
        with picture.subgraph(graph_attr={"rank": "same"}) as row:
            for side in pair:
                row.node(side)
    for number, link in enumerate(scene.links):
        picture.edge(*ends(link, scene), **look_of_arrow(link, scene), id=f"e{number}")
    return str(picture.source)


def dot_with_room(scene: Scene, tracks: list[Track], rank: dict[str, int]) -> str:
    """Return a first layout of the chain view: room for labels beside the operations, and stops on the way of arrows.

    Args:
        scene: a scene of the chain view.
        tracks: its tracks.
        rank: the rank of each box.
    """
    picture = _empty(scene)
    labels: dict[str, list[str]] = {}
    for track in tracks:
        if track.backward is not None and scene.links[track.backward].label:
            labels.setdefault(track.head, []).append(scene.links[track.backward].label)

    def look(box: Box) -> dict[str, str]:
        found = look_of_box(box, scene)
        return found | _with_labels(found, labels[box.id], scene) if box.id in labels else found

    _fill(picture, scene, scene.boxes, 0, {}, look)
    rows: dict[int, list[str]] = {}
    for box in scene.boxes:
        rows.setdefault(rank[box.id], []).append(box.id)
    for track in tracks:
        for place, stop in enumerate(track.stops, start=rank[track.tail] + 1):
            rows.setdefault(place, []).append(stop)
            size = {"width": "0.02", "height": f"{STOP * (1 + (track.backward is not None)) / 72:.3f}"}
            shape = size if scene.direction == "LR" else {"width": size["height"], "height": size["width"]}
            picture.node(stop, shape="box", fixedsize="true", label="", **shape)
    for row in rows.values():
        with picture.subgraph(graph_attr={"rank": "same"}) as level:
            for name in row:
                level.node(name)
    on_track = {track.forward: track for track in tracks}
    for number, link in enumerate(scene.links):
        if link.kind in {"backward", "again"}:
            continue
        tail, head = ends(link, scene)
        head = f"{head}:o" if link.head in labels else head
        tail = f"{tail}:o" if link.tail in labels else tail
        way = [tail, *(on_track[number].stops if number in on_track else ()), head]
        weight = look_of_arrow(link, scene).get("weight", "1")
        for start, end in itertools.pairwise(way):
            picture.edge(start, end, weight=weight)
    return str(picture.source)


def _with_labels(look: dict[str, str], labels: list[str], scene: Scene) -> dict[str, str]:
    """Return the look of an operation with its labels: below the sign, or to its left and its right."""
    sign = look["label"].removeprefix("<").removesuffix(">")
    circle = look["shape"] == "circle"
    size = ' FIXEDSIZE="TRUE" WIDTH="23" HEIGHT="23"' if circle else ' WIDTH="23" HEIGHT="23"'
    middle = cell(sign, "CENTER", f' PORT="o"{size}')
    words = [cell(font(label, 10, "gradient"), "CENTER", f' HEIGHT="{LABEL_ROW}"') for label in labels]
    margin = cell("", extra=f' WIDTH="{1 if circle else 6}"')
    if scene.direction == "LR":
        # The frames around a sign with several lines reach down by this much.
        frame = [table([cell("", extra=f' HEIGHT="{FRAMES}"')])] if look.get("peripheries") == "2" else []
        rows = [table([margin + middle + margin], padding=0), *frame, *(table([word]) for word in words)]
        content = table([cell(row, "CENTER") for row in rows], padding=0)
    else:
        lane = cell("", extra=' WIDTH="15"')
        left, right = (words[:1], words[1:]) if len(words) > 1 else ([], words)
        sides = [cell(table(side)) + lane if side else "" for side in (left, right)]
        content = table([sides[0] + middle + (lane + cell(table(right)) if right else "")], padding=0)
    return {"shape": "plain", "label": f"<{content}>", "margin": "0", "fixedsize": "false", "peripheries": "0"}


def dot_with_places(scene: Scene, places: Placed) -> str:
    """Return the whole picture with a place for each box and a curve for each arrow, which Graphviz only draws."""
    picture = _empty(scene)
    picture.attr("graph", layout="nop2", bb=places.around, lp=places.title or "0,0")

    def look(box: Box) -> dict[str, str]:
        return look_of_box(box, scene) | {"pos": places.boxes[box.id]}

    _fill(picture, scene, scene.boxes, 0, {}, look, places)
    for number, link in enumerate(scene.links):
        arrow = look_of_arrow(link, scene) | places.arrows[number]
        if link.kind == "backward" and link.label:
            arrow["label"] = f"<{words_on_ground(link.label, bool(scene.box[link.head].place))}>"
        picture.edge(link.tail, link.head, **arrow, id=f"e{number}")
    return str(picture.source)


def _empty(scene: Scene) -> graphviz.Digraph:
    import graphviz

    looks = GRAPH | {"rankdir": scene.direction} | _patience(scene) | (CHAIN if scene.view == "chain" else {})
    picture = graphviz.Digraph(graph_attr=looks, node_attr=NODE, edge_attr=EDGE)
    words = foot(scene)
    if words:
        picture.attr("graph", label=f"<{words}>", labelloc="b")
    return picture


# With more boxes than these a layout takes only so many rounds of the network simplex, as a multiple of the boxes. The
# scopeless loop of 40 steps (283 boxes) takes 0.9 s in place of 16 s, one of 120 steps (843 boxes) 11 s in place of
# more than a minute, and its arrows are 4 to 11 % longer. Graphs without long arrows end sooner by themselves, and
# look the same. A limit of the rounds against crossings (mclimit) gains nothing.
MOST_ROUNDS = ((400, "1"), (150, "2"))


def _patience(scene: Scene) -> dict[str, str]:
    rounds = next((rounds for boxes, rounds in MOST_ROUNDS if len(scene.boxes) > boxes), None)
    return {} if rounds is None else {"nslimit": rounds, "nslimit1": rounds}


def _fill(
    picture: graphviz.Digraph,
    scene: Scene,
    boxes: Iterable[Box],
    depth: int,
    beside: dict[str, str],
    look: Look,
    places: Placed | None = None,
) -> None:
    """Add the boxes of one scope: its own boxes, then a cluster for each scope inside."""
    inside: dict[Scope, list[Box]] = {}
    for box in boxes:
        if len(box.place) > depth:
            inside.setdefault(box.place[depth], []).append(box)
        else:
            picture.node(box.id, **look(box))
    for box in boxes:
        if len(box.place) == depth and box.id in beside:
            with picture.subgraph(graph_attr={"rank": "same"}) as pair:
                pair.node(box.id)
                pair.node(beside[box.id])
    for scope, members in inside.items():
        name = f"cluster_{scope.key}"
        attributes = _cluster(scope, scene, members) | (places.scopes.get(name, {}) if places is not None else {})
        with picture.subgraph(name=name, graph_attr=attributes) as cluster:
            _fill(cluster, scene, members, depth + 1, beside, look, places)


def _cluster(scope: Scope, scene: Scene, members: list[Box]) -> dict[str, str]:
    backwards = scope is BACKWARD_SIDE
    colour = "gradient" if backwards else "muted"
    title = f"{scope.title}{SPACE * 2}{short_loop_line(scope.names[-1])}".rstrip(SPACE)
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

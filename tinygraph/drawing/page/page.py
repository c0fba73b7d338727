"""The HTML page: the pictures inline, the facts as JSON, a little JavaScript, and no network."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from importlib.resources import files
from typing import Any

from tinygraph.drawing.formats.pictures import svgs
from tinygraph.drawing.page.compact import compact
from tinygraph.drawing.page.live import Live, live_markup
from tinygraph.drawing.page.panel import about
from tinygraph.drawing.page.states import State, layers_around, states
from tinygraph.drawing.page.steps import steps, title
from tinygraph.drawing.scenes import views
from tinygraph.drawing.scenes.scene import Box, Scene
from tinygraph.drawing.words.text import clean, clip, isolated, markup

__all__ = ["page"]

Json = dict[str, Any]
Layers = dict[str, tuple[str, list[str]]]
LONGEST_TITLE = 200
MOST_NAMED = 3
MOST_SECONDS = 30
MOST_SEARCHED = 5000
MOST_BYTES_OF_MAPS = 300_000
# The parts of the page's script, in their order.
SCRIPTS = ("address", "picture", "sight", "minimap", "opening", "steps", "arrays", "panel", "search", "values", "hands")
LIVE_SCRIPTS = ("live", "cards", "fitting", "training")  # of a page that computes


def page(scene: Scene, programs: Live | None = None) -> str:
    """Return a page with the picture of `scene`, and one for each layer that can be opened.

    Args:
        scene: the picture that the page opens with.
        programs: those of a page that computes.

    Raises what `Drawing.svg` does for this picture. Other pictures that cannot be laid out in time are left out.
    """
    named = [name for output in scene.graph.outputs if (name := scene.names[output.index])]
    outputs = ", ".join(named[:MOST_NAMED]) + (f" and {len(named) - MOST_NAMED} more" if named[MOST_NAMED:] else "")
    name = clip(clean(scene.title), LONGEST_TITLE) or (f"graph of {outputs}" if outputs else "computational graph")
    drawn = _drawn(states(scene))
    shown = [state for state, _ in drawn]
    pictures = {state.key: _picture(state, svg) for state, svg in drawn}
    folder = files("tinygraph.drawing.page")
    scripts = SCRIPTS if programs is None else (*SCRIPTS, *LIVE_SCRIPTS)
    blanks = {
        "TITLE": markup(name),
        "STYLE": (folder / "page.css").read_text("utf-8"),
        "SCRIPT": "\n".join((folder / "script" / f"{part}.js").read_text("utf-8") for part in scripts),
        "LIVE": live_markup(programs),
        "DATA": _json(pictures),
        "FACTS": _json(_facts(scene, shown)),
    }
    parts = (folder / "page.html").read_text("utf-8").split("@@")
    return "".join(blanks.get(text, text) for text in parts)


def _drawn(shown: Sequence[State]) -> list[tuple[State, str]]:
    """Return the states that could be laid out, with their pictures; the first one always."""
    found: list[tuple[State, str]] = []
    for state, svg in zip(shown, svgs((state.scene for state in shown), MOST_SECONDS), strict=True):
        if isinstance(svg, str):
            found.append((state, svg))
        elif not found:
            raise svg
    keys = {state.key for state, _ in found}
    return [(state, svg) for state, svg in found if state.parent is None or state.parent in keys]


def _json(data: Json) -> str:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _picture(state: State, svg: str) -> Json:
    scene = state.scene
    found = {
        "title": isolated(state.title),
        "svg": compact(svg),
        "open": state.opened,
        "cards": {box.id: box.card for box in scene.boxes if box.card},
        "links": [[link.tail, link.head, link.kind] for link in scene.links],
        "steps": list(steps(scene)),
    }
    if state.parent is not None:
        found["parent"] = state.parent
    return found | ({"boxes": {box.id: about(box, scene) for box in scene.boxes}} if state.is_inside else {})


def _facts(scene: Scene, shown: Sequence[State]) -> Json:
    """Return what all pictures of the graph share: the panel of each box, the layers, and the words to search."""
    boxes: dict[str, Json] = {}
    for state in shown:
        if not state.is_inside:
            boxes |= {box.id: about(box, state.scene) for box in state.scene.boxes if box.id not in boxes}
    _drop_maps(boxes)
    layers = layers_around(shown) if len(shown) > 1 else {}
    return {
        "boxes": boxes,
        "layers": {key: {"title": isolated(name), "around": around} for key, (name, around) in layers.items()},
        "search": list(_search(scene, shown, layers)),
    }


def _drop_maps(boxes: dict[str, Json]) -> None:
    """Keep the maps of arrays up to their limit: those of cards first, and of an operation only without a card."""
    room = MOST_BYTES_OF_MAPS
    for identity in sorted(boxes, key=lambda identity: identity.startswith("o")):
        for part in ("value", "slope"):
            size = len(boxes[identity].get(part, {}).get("map", ""))
            card = boxes.get(f"v{identity[1:]}", {}) if identity.startswith("o") else {}
            if size > room or card.get(part) is not None:
                boxes[identity].pop(part, None)
            else:
                room -= size


def _search(scene: Scene, shown: Sequence[State], layers: Layers) -> Iterator[list[Any]]:
    """Yield the words of each box in the order of execution, its id, its title, and the layers around it."""
    scenes = [state.scene for state in shown if not state.is_inside]
    if scene.view == "collapsed" and len(scene.graph) <= MOST_SEARCHED:
        scenes.insert(0, views.full(scene.graph))
    found: dict[str, tuple[Box, Scene]] = {}
    for each in scenes:
        for box in each.boxes:
            found.setdefault(box.id, (box, each))
    for box, each in sorted(found.values(), key=lambda pair: _first(pair[0])):
        if box.kind != "chip":
            around = (
                layers[box.id][1] if box.id in layers else [f"s{scope.key}" for scope in box.place if scope.key >= 0]
            )
            yield [_words(box, each), box.id, isolated(title(box, each)), around]


def _first(box: Box) -> int:
    return min((node.index for node in box.members), default=box.node.index)


def _words(box: Box, scene: Scene) -> str:
    """Return the text in which a search looks: of a card its names, of an operation its sign and its function."""
    own = {"operation": box.node.op, "variable": box.node.name or "", "layer": ""}.get(box.kind, "")
    path = "/".join(box.layer.names) if box.layer is not None else ""
    return clean(f"{title(box, scene)} {own} {path}").lower()

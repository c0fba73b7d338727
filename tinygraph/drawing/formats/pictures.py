"""Pictures: scenes as SVG, one, or many of a page within a time limit."""

from __future__ import annotations

import json
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tinygraph.drawing.errors import DrawingError, TooLargeError
from tinygraph.drawing.formats.dot import dot, dot_with_places, dot_with_room
from tinygraph.drawing.formats.svg import finished
from tinygraph.drawing.grouping.repeats import is_of_loop
from tinygraph.drawing.layout import engine
from tinygraph.drawing.layout.lanes import placed
from tinygraph.drawing.layout.tracks import ranks, tracks
from tinygraph.drawing.looks.boxes import tooltip
from tinygraph.drawing.palette import COLOURS
from tinygraph.drawing.scenes.scene import Scene
from tinygraph.drawing.words.text import clip, isolated
from tinygraph.graph.sizes import counted

__all__ = ["described", "svg", "svgs", "with_files_of_images", "with_places"]

# Graphviz finds no way around the boxes for an arrow, and leaves it out. A straight arrow needs no way.
LOST = "in routesplines"


def svg(scene: Scene, source: str) -> str:
    """Return a scene as SVG.

    Args:
        source: the DOT text that is drawn.

    Raises what `engine.render` does.
    """
    try:
        drawn = engine.renders(source, _kinds(), len(scene.boxes))
    except DrawingError as error:
        if LOST not in str(error):
            raise
        straight = source.replace("splines=true", "splines=line", 1)
        drawn = engine.renders(straight, _kinds(), len(scene.boxes))
    return _finished(drawn, scene, source)


def svgs(scenes: Iterable[Scene], seconds: float | None = None) -> Iterator[str | TooLargeError]:
    """Draw several scenes as SVG.

    Args:
        scenes: are taken one by one, each while the one before is laid out.
        seconds: the limit of all of them together; None for 20 seconds each.

    Yields:
        Each picture, or the error of a scene that is too large, or comes after the limit.

    Raises what `engine.render` does for anything else.
    """
    waiting: deque[tuple[Scene, str]] = deque()

    def sources() -> Iterator[tuple[str, int]]:
        for scene in scenes:
            waiting.append((scene, with_places(scene) or dot(scene)))
            yield waiting[-1][1], len(scene.boxes)

    for drawn in engine.renders_many(sources(), _kinds(), seconds):
        scene, source = waiting.popleft()
        yield drawn if isinstance(drawn, TooLargeError) else _finished(drawn, scene, source)


def with_places(scene: Scene) -> str:
    """Return the DOT text of the chain view, with the places of its boxes and the curves of its lanes; "" for others.

    Raises what `engine.render` does.
    """
    if scene.view != "chain":
        return ""
    rank = ranks(scene)
    found = tracks(scene, rank)
    layout = engine.render(dot_with_room(scene, found, rank), "json", len(scene.boxes))
    return dot_with_places(scene, placed(json.loads(layout), scene, found))


def _kinds() -> list[str]:
    """Return the formats of one layout: the picture, and the widths of its letters where they can be known."""
    return ["svg", "json"] if engine.has_fonts() else ["svg"]


def _finished(drawn: list[bytes], scene: Scene, source: str) -> str:
    tooltips = {box.id: isolated(tooltip(box, scene)) for box in scene.boxes}
    images = {box: image.address for box, image in scene.thumbnails.items()}
    return finished(drawn[0], drawn[1] if drawn[1:] else None, source, tooltips, isolated(described(scene)), images)


@contextmanager
def with_files_of_images(scene: Scene, source: str) -> Iterator[str]:
    """Yield DOT text in which the images are files, for formats that Graphviz draws itself; the files are temporary."""
    if not scene.thumbnails:
        yield source
        return
    with tempfile.TemporaryDirectory(prefix="tinygraph-") as folder:
        for box, image in scene.thumbnails.items():
            path = Path(folder) / f"{box}.png"
            path.write_bytes(image.png)
            source = source.replace(
                f' BGCOLOR="{COLOURS["image"]}" ID="{box}"></TD>', f'><IMG SRC="{path}" SCALE="BOTH"/></TD>'
            )
        yield source


def described(scene: Scene) -> str:
    """Return a picture in words: its title, or the size of its graph."""
    calls = sum(not node.is_input and not is_of_loop(node) for node in scene.graph.nodes)
    told = f"{counted(len(scene.graph.inputs), 'input')}, {counted(calls, 'operation')}"
    return clip(scene.title, 200) or f"Computational graph: {told}"

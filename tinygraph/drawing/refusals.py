"""The refusals of `tg.draw`: arguments that say nothing of the graph, and graphs too large for a picture."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tinygraph.drawing.errors import TooLargeError
from tinygraph.drawing.layout.engine import MOST_BOXES
from tinygraph.drawing.scenes.scene import Scene
from tinygraph.graph import Graph

__all__ = ["MOST_TO_READ", "check_nodes", "check_size", "check_words", "fitting", "too_large", "without_graph"]

MOST_TO_READ = 300
MOST_NODES = 30_000


def check_words(title: Any, opened: Any) -> None:
    """Refuse a title that is no text, and what names no scope."""
    if not isinstance(title, str | None):
        raise TypeError(f"draw: the title is no text but {type(title).__name__}. Write title=str(...)")
    if not isinstance(opened, str | Iterable | None):
        raise TypeError(f"draw: open names scopes, and a {type(opened).__name__} is no name. Write open='layer 2'")


def check_nodes(graph: Graph, mapping: Any, of: str) -> None:
    """Refuse a mapping by the index of a node that has other keys: what it says would not be in the picture."""
    known = {node.index for node in graph.nodes}
    for index in mapping:
        if index not in known:
            raise ValueError(
                f"draw: {of} goes by the index of a node, and {index!r} is the index of none of this graph. "
                "Write {graph['y'].index: ...} for the node named y of graph = tg.Graph.of(...)"
            )


def without_graph(outputs: tuple[Any, ...]) -> str:
    """Return the error for `tg.draw(f, 2.0)`, and for what draws itself: a compiled step, a model, a profile."""
    function, *arguments = outputs
    name, given = _called(function), ", ".join(_called(argument) for argument in arguments) or "x"
    if hasattr(function, "draw"):
        kind = type(function).__name__
        if not callable(function):
            return f"draw: a {kind} is no Tensor, and draws itself. Write {kind.lower()}.draw()"
        if not hasattr(function, "__name__"):
            return f"draw: a {kind} is no Tensor, and draws itself. Write model.draw(x) with a batch x of its inputs"
        return f"draw: {name} is compiled, and draws the program that was run last. Write {name}.draw() after a call"
    return (
        f"draw: {name} is a function, which has no graph before it is called. Write tg.draw(tg.trace({name}, {given}))"
    )


def _called(given: Any) -> str:
    """Return the text of a number, the name of a function, and "..." for anything longer."""
    text = str(getattr(given, "__name__", "") or repr(given))
    return text if len(text) <= 24 and "\n" not in text and "<" not in text else "..." if not callable(given) else "f"


def fitting(scene: Scene, most: int = MOST_TO_READ) -> Scene:
    """Return the scene, if it can be read and laid out."""
    if len(scene.boxes) <= most:
        return scene
    raise too_large(scene.graph, len(scene.boxes), most)


def too_large(graph: Graph, boxes: int, most: int) -> TooLargeError:
    """Return the error for a picture that is not made. Each way out works for this graph."""
    ways = ["draw a value from further inside, such as the output of one layer"]
    if most == MOST_BOXES:
        ways.insert(0, 'view="collapsed" draws a card for each scope, or for each call of a function')
    else:
        ways.insert(0, 'name its parts with `with tg.scope("layer 1"):`, and each becomes one card')
        if boxes <= MOST_BOXES:
            ways.append(f'view="full" draws up to {MOST_BOXES:,} boxes, which takes a while')
    ways.append("print(tg.Graph.of(...)) has no limit")
    listed = "\n".join(f"  {way}{';' if way is not ways[-1] else '.'}" for way in ways)
    return TooLargeError(
        f"this graph has {len(graph):,} nodes, {boxes:,} boxes in a picture; {most:,} is the most.\nWays out:\n{listed}"
    )


def check_size(nodes: int) -> None:
    """Refuse a graph that takes long to read, before it is read."""
    if nodes > MOST_NODES:
        raise TooLargeError(
            f"this graph has {nodes:,} nodes; {MOST_NODES:,} is the most for a picture.\nWays out:\n"
            "  draw a value from further inside, such as the output of one layer or the loss of one example;\n"
            "  print(tg.Graph.of(...)) has no limit."
        )

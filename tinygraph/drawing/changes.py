"""`tg.diff`: the difference of two graphs in one picture. What both have stands in one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tinygraph.drawing.drawing import Drawing
from tinygraph.drawing.errors import TooLargeError
from tinygraph.drawing.grouping.parts import part
from tinygraph.drawing.grouping.sections import sectioned
from tinygraph.drawing.grouping.union import Union
from tinygraph.drawing.looks.arrows import BESIDE
from tinygraph.drawing.scenes import views
from tinygraph.drawing.scenes.difference_marks import joined_words, marks_of, marks_of_boxes, was_words
from tinygraph.drawing.scenes.marks import Mark
from tinygraph.drawing.scenes.scene import Direction, Link, Scene
from tinygraph.drawing.words.expressions import labels
from tinygraph.drawing.words.text import clean
from tinygraph.graph import Difference, Graph, read_graph

__all__ = ["MOST_WHOLE", "DifferenceDrawing", "diff", "drawn_difference", "with_marks"]

MOST_WHOLE = 60
MOST_BOXES = 300
STEPS_AROUND = 2
IN_CALL = {"function", "arguments", "operands"}


class DifferenceDrawing(Drawing):
    """The picture of a difference; `print` shows the difference as text, a line for each change.

    Attributes:
        difference: a `Difference`, with `.added`, `.removed`, `.changed` and `.kept`.
    """

    def __init__(self, scene: Scene, difference: Difference) -> None:
        super().__init__(scene)
        self.difference = difference

    def __str__(self) -> str:
        return str(self.difference)


def diff(
    old: Any, new: Any, *, direction: Direction = "TB", title: str | None = None, legend: bool = True
) -> DifferenceDrawing:  # fmt: skip
    """Draw the difference of two graphs: what is new, what has gone, and what was another.

    Nodes are matched by what they compute, so that one change is one mark, wherever it is. A node that both have stands
    in the picture once. Of a large graph only the surroundings of the changes are drawn, or those of the outputs if
    there is none. Values are not compared.

    Args:
        old, new: Tensors, `Graph`s, or compiled functions that have been called.
        direction: "TB" or "LR".
        title: a line under the picture; None for the change, or the number of changes.
        legend: explain the colours.

    Returns:
        A `Drawing`. `print` shows a line for each change, or "no difference"; `.difference` has the nodes.

    Raises:
        TypeError: an argument has no graph.
        TooLargeError: the changes are too many for a picture; `str(tg.Difference.of(old, new))` has no limit.
    """
    difference = Difference.of(_graph_of(old), _graph_of(new))
    return drawn_difference(difference, direction=direction, title=title, legend=legend)


def _graph_of(given: Any) -> Graph:
    """Return the graph of a Tensor, a `Graph`, or a compiled function."""
    if isinstance(given, Graph):
        return given
    if isinstance(getattr(given, "graph", None), Graph):
        found: Graph = given.graph
        return found
    if callable(given):
        raise TypeError("diff: a function has no graph. Write tg.diff(tg.trace(f, x), tg.trace(g, x))")
    return read_graph([given], None)


def drawn_difference(
    difference: Difference, *, sections: tuple[Mapping[int, str], Mapping[int, str]] = ({}, {}),
    words: Mapping[int, str] | None = None, direction: Direction = "TB", title: str | None = None, legend: bool = True,
) -> DifferenceDrawing:  # fmt: skip
    """Return the picture of a difference.

    Args:
        difference: of two graphs.
        sections: of the calls in the old graph, and in the new one, by their index.
        words: more to say of nodes of the new graph, by their index: "fused 1".
        direction, title, legend: see `diff`.
    """
    union = Union(difference)
    graph = union.graph
    of_nodes = {
        node.index: sections[side][origin] for node, side, origin in union.origins if origin in sections[side]
    }  # fmt: skip
    if of_nodes:
        graph = sectioned(graph, of_nodes, {})
    more = {node.index: (words or {}).get(origin, "") for node, side, origin in union.origins if side == 1}
    marks = marks_of(union, difference, more)
    if len(graph) > MOST_WHOLE:
        ends = {output.index for output in graph.outputs}
        graph = _surroundings(graph, {index for index, mark in marks.items() if mark.kind != "kept"} or ends)
    scene = views.collapsed(graph) if len(graph) > 2 * MOST_WHOLE and graph.scopes else views.full(graph)
    if len(scene.boxes) > MOST_BOXES:
        raise TooLargeError(
            f"this difference has {len(scene.boxes):,} boxes in a picture; {MOST_BOXES} is the most.\n"
            "str(tg.Difference.of(old, new)) is its text, and has no limit."
        )
    told = _title(difference) if title is None else clean(title)
    scene = replace(scene, view="difference", direction=direction, title=told, legend=legend, sections=of_nodes)
    scene = replace(scene, links=(*scene.links, *_links_from_removed(scene, union)))
    on_cards = {union.of_new[change.new.index].index for change in difference.changed if not IN_CALL & set(change.what)}
    marked = replace(scene, marks=marks_of_boxes(scene, marks, on_cards), reopened=None)  # marks are of these boxes
    return DifferenceDrawing(marked, difference)


def with_marks(
    scene: Scene, difference: Difference, words: Mapping[int, str], *, direction: Direction = "TB",
    title: str | None = None, legend: bool = True,
) -> DifferenceDrawing:  # fmt: skip
    """Return a picture of the new graph alone, with a mark on each box that has something new or changed.

    Args:
        scene: of the new graph.
        difference: between an old graph and the new one.
        words, direction, title, legend: see `drawn_difference`.
    """
    marks = {index: Mark("kept", word) for index, word in words.items()}
    for node in (node for group in difference.added for node in group):
        marks[node.index] = Mark("added", joined_words("new", words.get(node.index, "")))
    for change in difference.changed:
        marks[change.new.index] = Mark("changed", joined_words(was_words(change), words.get(change.new.index, "")))
    told = _title(difference) if title is None else clean(title)
    scene = replace(scene, direction=direction, title=told, legend=legend)
    on_cards = {change.new.index for change in difference.changed if not IN_CALL & set(change.what)}
    marked = replace(scene, marks=marks_of_boxes(scene, marks, on_cards), reopened=None)  # marks are of these boxes
    return DifferenceDrawing(marked, difference)


def _title(difference: Difference) -> str:
    """Return the one change, or the number of changes of each kind."""
    if len(difference) <= 1:
        return str(difference)
    counts = {
        "new": len(difference.added),
        "gone": len(difference.removed),
        "changed": len(difference.changed),
    }
    told = [f"{size} {what}" for what, size in counts.items() if size]
    return told[0] if len(told) == 1 else f"{len(difference)} changes: {', '.join(told)}"


def _surroundings(graph: Graph, marked: set[int]) -> Graph:
    """Return the part of a graph that is at most two steps away from a mark."""
    near, edge = set(marked), set(marked)
    by_index = {node.index: node for node in graph.nodes}
    for _ in range(STEPS_AROUND):
        around = {o.index for index in edge for o in by_index[index].operands}
        around |= {reader.index for index in edge for reader in graph.consumers(by_index[index])}
        edge = around - near
        near |= edge
    return part(graph, [node for node in graph.nodes if node.index in near], labels(graph))


def _links_from_removed(scene: Scene, union: Union) -> list[Link]:
    """Return the arrows from removed nodes to those that read them and are still there."""
    box_of: dict[int, str] = {}
    for box in scene.boxes:
        for node in box.members if box.kind == "layer" else (box.node,):
            box_of[node.index] = box.id
    entry = {box.node.index: box.id for box in scene.boxes if box.kind == "operation"}
    found = {}
    for removed, reader in union.removed_into:
        tail, head = box_of.get(removed.index), entry.get(reader.index, box_of.get(reader.index))
        if tail is not None and head is not None and tail != head:
            found[tail, head] = Link(tail, head, "gone", nodes=(removed,))
    down: dict[str, set[str]] = {box.id: set() for box in scene.boxes}
    for link in scene.links:
        if link.kind != "again":
            down[link.tail].add(link.head)
    links = []
    for ends, link in found.items():
        if ends[1] in down[ends[0]]:
            continue
        if _leads(down, *reversed(ends)):
            links.append(replace(link, label=BESIDE))
        else:
            links.append(link)
            down[ends[0]].add(ends[1])
    return links


def _leads(down: Mapping[str, set[str]], start: str, end: str) -> bool:
    """Return whether arrows lead from one box to another."""
    seen, waiting = {start}, [start]
    while waiting:
        reached = down[waiting.pop()] - seen
        if end in reached:
            return True
        seen |= reached
        waiting += reached
    return False

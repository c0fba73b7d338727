"""`tg.diff`: the difference of two graphs in one picture. What both have stands in one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tinygraph.drawing.drawing import Drawing
from tinygraph.drawing.errors import TooLargeError
from tinygraph.drawing.grouping.parts import part
from tinygraph.drawing.grouping.sections import sectioned
from tinygraph.drawing.looks.arrows import BESIDE
from tinygraph.drawing.scenes import views
from tinygraph.drawing.scenes.marks import Mark
from tinygraph.drawing.scenes.scene import Box, Direction, Link, Scene
from tinygraph.drawing.words.expressions import labels
from tinygraph.drawing.words.numbers import shape
from tinygraph.drawing.words.symbols import operation_symbol
from tinygraph.drawing.words.text import clean, clip
from tinygraph.engine.nested import mapped
from tinygraph.graph import Change, Difference, Graph, Node, read_graph

__all__ = ["MOST_WHOLE", "DifferenceDrawing", "diff", "drawn_difference", "with_marks"]

MOST_WHOLE = 60
MOST_BOXES = 300
STEPS_AROUND = 2
LONGEST = 32
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
    union = _Union(difference)
    graph = union.graph
    of_nodes = {
        node.index: sections[side][origin] for node, side, origin in union.origins if origin in sections[side]
    }  # fmt: skip
    if of_nodes:
        graph = sectioned(graph, of_nodes, {})
    more = {node.index: (words or {}).get(origin, "") for node, side, origin in union.origins if side == 1}
    marks = union.marks(more)
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
    marked = replace(scene, marks=_marks_of_boxes(scene, marks, on_cards), reopened=None)  # marks are of these boxes
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
        marks[node.index] = Mark("added", _joined("new", words.get(node.index, "")))
    for change in difference.changed:
        marks[change.new.index] = Mark("changed", _joined(_was(change), words.get(change.new.index, "")))
    told = _title(difference) if title is None else clean(title)
    scene = replace(scene, direction=direction, title=told, legend=legend)
    on_cards = {change.new.index for change in difference.changed if not IN_CALL & set(change.what)}
    marked = replace(scene, marks=_marks_of_boxes(scene, marks, on_cards), reopened=None)  # marks are of these boxes
    return DifferenceDrawing(marked, difference)


def _joined(*words: str) -> str:
    return " · ".join(filter(None, words))


def _title(difference: Difference) -> str:
    if len(difference) <= 1:
        return str(difference)
    counts = {
        "new": len(difference.added),
        "gone": len(difference.removed),
        "changed": len(difference.changed),
    }
    told = [f"{size} {what}" for what, size in counts.items() if size]
    return told[0] if len(told) == 1 else f"{len(difference)} changes: {', '.join(told)}"


class _Union:
    """Both graphs in one: the new one, and in their places the nodes that the old one had beside it.

    Attributes:
        graph: both.
        origins: each node with 1 and its index in the new graph, or with 0 and its index in the old one.
        removed_into: pairs of a removed node and one that read it and is still there.
    """

    def __init__(self, difference: Difference) -> None:
        self.difference = difference
        pairs = [*difference.kept, *[(change.old, change.new) for change in difference.changed]]
        to_new = {old.index: new.index for old, new in pairs}
        to_old = {new: old for old, new in to_new.items()}
        gone = {node.index for group in difference.removed for node in group}
        self.of_new: dict[int, Node] = {}
        self.of_old: dict[int, Node] = {}
        self.nodes: list[Node] = []
        self.origins: list[tuple[Node, int, int]] = []
        waiting = iter(difference.old.nodes)
        passed: set[int] = set()
        late: list[Node] = []
        for node in difference.new.nodes:
            self.of_new[node.index] = self._add(node, 1, self.of_new)
            if node.index in to_old:
                self.of_old[to_old[node.index]] = self.of_new[node.index]
                while to_old[node.index] not in passed and (other := next(waiting, None)) is not None:
                    passed.add(other.index)
                    if other.index in gone:
                        late.append(other)
                late = self._add_removed(late)
        late += [other for other in waiting if other.index in gone]
        while late:
            late = self._add_removed(late)
        self.graph = Graph(tuple(self.nodes), tuple(self.of_new[o.index] for o in difference.new.outputs))
        self.removed_into = [
            (self.of_old[operand.index], self.of_old[node.index])
            for node in difference.old.nodes if node.index not in gone
            for operand in node.operands if operand.index in gone
        ]  # fmt: skip

    def _add(self, node: Node, side: int, known: dict[int, Node]) -> Node:
        args, kwargs = mapped((node.args, node.kwargs), lambda n: known[n.index] if isinstance(n, Node) else n)
        made = replace(node, index=len(self.nodes), args=args, kwargs=kwargs, value=None, grad=None, grad_freed=False)
        self.nodes.append(made)
        self.origins.append((made, side, node.index))
        return made

    def _add_removed(self, nodes: list[Node]) -> list[Node]:
        """Add the removed nodes whose operands are there; return the others."""
        left = []
        for node in nodes:
            if all(operand.index in self.of_old for operand in node.operands):
                self.of_old[node.index] = self._add(node, 0, self.of_old)
            else:
                left.append(node)
        return left

    def marks(self, more: Mapping[int, str]) -> dict[int, Mark]:
        """Return the marks of nodes by their index, with more words for some."""
        found = {index: Mark("kept", words) for index, words in more.items() if words}
        for kind, group, known in (
            ("added", self.difference.added, self.of_new),
            ("removed", self.difference.removed, self.of_old),
        ):
            for node in (node for nodes in group for node in nodes):
                index = known[node.index].index
                words = {"added": "new", "removed": "gone"}[kind]
                found[index] = Mark(kind, _joined(words, more.get(index, "")))  # type: ignore[arg-type]
        for change in self.difference.changed:
            index = self.of_new[change.new.index].index
            found[index] = Mark("changed", _joined(_was(change), more.get(index, "")))
        return found


def _was(change: Change) -> str:
    """Return what a node was before: "was tanh", "was named z", "was 3×4"."""
    old, _, what = change
    told = []
    if "function" in what or "arguments" in what:
        told.append(operation_symbol(old))
    if "operands" in what:
        told.append(f"of {', '.join(operand.name or operand.op for operand in old.operands)}")
    if "name" in what:
        told.append(f"named {old.name}" if old.name else "unnamed")
    if "shape" in what:
        told.append(shape(old.shape))
    if "dtype" in what:
        told.append(str(old.dtype))
    return clip(clean(f"was {', '.join(told)}"), LONGEST)


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


def _links_from_removed(scene: Scene, union: _Union) -> list[Link]:
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


def _marks_of_boxes(scene: Scene, marks: Mapping[int, Mark], on_cards: set[int]) -> dict[str, Mark]:
    """Return the marks of boxes: words stand once, on the operation or on the card of its result.

    Args:
        scene: the picture.
        marks: of nodes, by their index.
        on_cards: the changed values whose calls are as they were.
    """
    drawn = {box.node.index for box in scene.boxes if box.kind == "operation"}
    cards = {box.node.index for box in scene.boxes if box.kind == "variable"}
    found = {}
    for box in scene.boxes:
        if box.kind in {"layer", "pulled", "update"}:
            mark = _mark_of_layer(box, marks)
        elif box.kind in {"operation", "variable"}:
            index = box.node.index
            mark = marks.get(index)
            if mark is not None and index in drawn and index in cards:
                on_other = (box.kind == "operation") == (index in on_cards)
                mark = _beside_words(mark) if on_other else mark
        else:
            mark = None
        if mark is not None:
            found[box.id] = mark
    return found


def _beside_words(mark: Mark) -> Mark | None:
    """Return the mark of a box whose other half, an operation or a card, has the words."""
    return Mark(mark.kind) if mark.kind in {"added", "removed"} else None


def _mark_of_layer(box: Box, marks: Mapping[int, Mark]) -> Mark | None:
    """Return the mark of a box with many calls: that of all of them, or how many are marked."""
    if len(box.members) == 1 and box.members[0].index in marks:
        return marks[box.members[0].index]
    kinds = [marks[node.index].kind for node in box.members if node.index in marks]
    counts = {kind: kinds.count(kind) for kind in ("added", "removed", "changed")}
    for kind, word in (("added", "new"), ("removed", "gone")):
        if counts[kind] == len(box.members):
            return Mark(kind, word)  # type: ignore[arg-type]
    words = zip(("new", "gone", "changed"), counts.values(), strict=True)
    told = ", ".join(f"{size} {word}" for word, size in words if size)
    return Mark("changed", f"inside: {told}") if told else None

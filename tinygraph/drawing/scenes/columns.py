"""A training step in three columns: the forward pass, the backward pass in orange, and the update of the parameters.

    forward  ↓ values       backward  ↑ gradients       update
    x  w                    ∇w                       →  w − 0.1 × ∇w
     @      saved: x        xᵀ @ ∇                      → w
     z                      ∇z

Each call of the backward pass is in the row of the call that it differentiates, as part of one formula. A new value has
the name of the parameter that it goes back into.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from tinygraph.drawing.grouping.repeats import LoopName, is_of_loop
from tinygraph.drawing.grouping.scopes import Scope
from tinygraph.drawing.scenes import views
from tinygraph.drawing.scenes.backward_groups import BackwardGroups, is_loop
from tinygraph.drawing.scenes.mirror import BACKWARD_SIDE, FORWARD_SIDE
from tinygraph.drawing.scenes.passes import Passes, has_columns
from tinygraph.drawing.scenes.rows import in_rows
from tinygraph.drawing.scenes.scene import Box, Link, Scene
from tinygraph.drawing.scenes.updates import UPDATE_SIDE, Update, updates_of
from tinygraph.drawing.words.expressions import fallback, labels
from tinygraph.drawing.words.formulas_of_calls import LAYOUTS, CalledAs, formula_of_call
from tinygraph.drawing.words.numbers import shape
from tinygraph.drawing.words.symbols import grouped, sign
from tinygraph.drawing.words.text import clean, clip
from tinygraph.engine.scopes import given_name
from tinygraph.graph import Graph, Node

__all__ = ["columns"]

MOST_OPEN, MOST_CLOSED = 30, 60
LONGEST_FORMULA = 34
MOST_LINES = 6
FIRST_KEY = 1000  # of the scopes of the backward pass


def columns(graph: Graph, passes: Passes, opened: Iterable[str | Scope] = ()) -> Scene:
    """Draw a training step in three columns.

    Args:
        graph: of a whole step.
        passes: its parts.
        opened: scopes of the forward pass to leave open, if there are so many calls that scopes are closed.

    Raises:
        ValueError: the graph has no backward pass, or a name in `opened` is that of no scope.
    """
    if not has_columns(graph, passes):
        raise ValueError('this graph has no calls in a "backward" section; view="columns" draws a training step')
    scene = _Columns(graph, passes, tuple(opened)).scene()
    return replace(scene, reopened=lambda scopes: columns(graph, passes, scopes))


class _Columns:
    """The three columns, as they are put together."""

    def __init__(self, graph: Graph, passes: Passes, opened: tuple[str | Scope, ...]) -> None:
        self.graph, self.passes = graph, passes
        self.names = labels(graph)
        self.forward = self._forward(opened)
        self.row_of: dict[int, str] = {}  # the forward box that has a call, by the index of the call
        for box in self.forward.boxes:
            if box.kind == "operation" or (box.kind == "variable" and box.node.is_input) or is_of_loop(box.node):
                self.row_of.setdefault(box.node.index, box.id)
            for member in box.members:
                self.row_of[member.index] = box.id
        self.card_of = {box.node.index: box.id for box in self.forward.boxes if box.kind == "variable"}
        self.groups = BackwardGroups(graph, passes, self.forward.boxes, self.row_of)
        self.by_index = {node.index: node for node in graph.nodes}
        self.boxes: list[Box] = []
        self.links: list[Link] = []
        self.pairs: list[tuple[str, str]] = []

    def _forward(self, opened: tuple[str | Scope, ...]) -> Scene:
        """Return the scene of the forward pass."""
        calls = [node for node in self.graph.nodes if self.passes.of(node) == "forward"]
        read = {operand.index for node in calls for operand in node.operands}
        inside = tuple(n for n in self.graph.nodes if self.passes.of(n) == "forward" or n.index in read)
        known = {node.index for node in inside}
        ends = tuple(output for output in self.graph.outputs if output.index in known)
        part = Graph(inside, ends)
        loops = any(isinstance(name, LoopName) for node in calls for name in node.scope)
        if not opened and len(calls) <= MOST_OPEN and not loops:
            return views.full(part)
        if part.scopes:
            closed = views.collapsed(part)
            if len(closed.boxes) <= MOST_CLOSED:  # also where a layer is open: its scope is one of this view
                return views.collapsed(part, opened) if opened else closed
        return views.rolled(part, opened)

    def scene(self) -> Scene:
        """Return the whole scene."""
        self._add_backward(self.groups.group_of)
        self._add_update(self.groups.group_of)
        first = [replace(box, place=(FORWARD_SIDE, *box.place)) for box in self.forward.boxes]
        return replace(
            self.forward,
            graph=self.graph,
            view="columns",
            direction="TB",
            boxes=(*first, *self.boxes),
            links=(*self.forward.links, *_joined(self.links)),
            names=self.names,
            pairs=in_rows(dict.fromkeys(self.pairs), (*self.forward.links, *self.links)),
        )

    # --- backward -----------------------------------------------------------------------------------------------------

    def _add_backward(self, groups: dict[int, str]) -> None:
        """Add a box for each group of calls, a card for each named gradient, and the arrows between them."""
        members: dict[str, list[Node]] = {}
        for index, group in groups.items():
            members.setdefault(group, []).append(self.by_index[index])
        shown = self._gradients(groups)
        self.loop_of = {
            group: next(name for node in nodes for name in node.scope if isinstance(name, LoopName))
            for group, nodes in members.items() if is_loop(group)
        }  # fmt: skip
        for group, nodes in sorted(members.items(), key=lambda item: not is_loop(item[0])):
            row = self.groups.row_of_group.get(group, "")
            self.boxes.append(self._backward_box(group, row, nodes, groups))
            if row:
                self.pairs.append((row, group))
            self._add_saved(group, row, nodes)
        for index, (card, beside) in shown.items():
            node = self.by_index[index]
            name = f"∇{grouped(self.names[index].removeprefix('d_'))}"
            self.boxes.append(
                Box(card, "gradient value", node, "gradient", (BACKWARD_SIDE,), lines=(name, shape(node.shape)))
            )
            self.links.append(Link(card, groups[index], "backflow", nodes=(node,)))
            self.pairs.append((beside, card))
        self.source_of = {index: shown[index][0] if index in shown else group for index, group in groups.items()}
        for index, group in groups.items():
            for operand in self.by_index[index].operands:
                tail = self.source_of.get(operand.index)
                if tail is not None and groups[operand.index] != group:
                    self.links.append(Link(group, tail, "backflow", nodes=(operand,)))

    def _gradients(self, groups: Mapping[int, str]) -> dict[int, tuple[str, str]]:
        """Return the id of each gradient's card, and the forward card beside it, by the index of the gradient."""
        named: dict[str, list[Node]] = {}
        for node in self.graph.nodes:
            if node.name and self.passes.of(node) in {"forward", "given"}:
                named.setdefault(node.name, []).append(node)
        found: dict[int, tuple[str, str]] = {}
        for index in groups:
            name = "" if is_of_loop(self.by_index[index]) else self.by_index[index].name or ""
            of = named.get(name.removeprefix("d_"), []) if name.startswith("d_") else []
            if len(of) == 1 and of[0].index in self.card_of and self.names[index] == clip(clean(name)):
                found[index] = (f"g{index}", self.card_of[of[0].index])
        return found

    def _backward_box(self, group: str, row: str, nodes: list[Node], groups: Mapping[int, str]) -> Box:
        """Return the box of a group: the card of a scope, or formulas."""
        last = nodes[-1]
        own = self._layer(group, row, nodes)
        if own is not None:
            lines = tuple(self._layer_lines(nodes, f"{given_name(own.names[-1])}."))
            return Box(group, "layer", last, "gradient", (BACKWARD_SIDE,), own, tuple(nodes), lines=lines)
        lines = tuple(self._formulas(nodes, groups))
        return Box(group, "pulled", last, "gradient", (BACKWARD_SIDE,), members=tuple(nodes), lines=lines)

    def _layer(self, group: str, row: str, nodes: list[Node]) -> Scope | None:
        """Return the scope on a box: a loop of the backward pass, or the closed layer beside it; None for a formula."""
        key = FIRST_KEY + len(self.boxes)
        if is_loop(group):
            return Scope(key, (self.loop_of[group],), str(self.loop_of[group]))
        layer = self.forward.box[row].layer if row else None
        if layer is None or not isinstance(layer.names[-1], LoopName):
            return None if layer is None else Scope(key, layer.names, layer.title)
        loop = self.loop_of.get(self.groups.loop_in_row.get(row, ""))
        title = f"gradient of {layer.title}"
        if loop is not None:
            title = f"{'after' if group.startswith('r') else 'before'} {loop}"
        return Scope(key, (title,), title)

    def _layer_lines(self, nodes: list[Node], prefix: str) -> list[str]:
        """Return the gradients that leave a closed layer, "∇kernel  3×3", named without the layer's own name."""
        inside = {node.index for node in nodes}
        left = [n for n in nodes if any(c.index not in inside for c in self.graph.consumers(n)) or self._is_output(n)]
        named = [n for n in left if (n.name or "").startswith("d_")]
        lines = [
            f"∇{grouped(clip(clean((node.name or '').removeprefix('d_').removeprefix(prefix))))}  {shape(node.shape)}"
            for node in named[:MOST_LINES]
        ]
        read = {o.index for node in nodes for o in node.operands if self.passes.of(o) in {"forward", "given"}}
        return [*lines, f"reads {len(read)} saved value{'s' if len(read) > 1 else ''}"] if read else lines

    def _is_output(self, node: Node) -> bool:
        return any(node is output for output in self.graph.outputs)

    def _formulas(self, nodes: list[Node], groups: Mapping[int, str]) -> list[str]:
        """Return the formula of each result of a group of calls; the signs of the calls where it is too long."""
        inside = {node.index for node in nodes}
        arriving = {
            operand.index for node in nodes for operand in node.operands
            if operand.index in groups and operand.index not in inside
        }  # fmt: skip
        words = CalledAs(self._word, dict.fromkeys(arriving, "∇"))
        results = [n for n in nodes if self._is_output(n) or not inside.issuperset(self._readers(n))]
        told = {node.index: formula_of_call(node, inside, words, LONGEST_FORMULA) for node in results}
        if len(nodes) == 1 and nodes[0].op == "add" and len(arriving) == 2:
            return ["+"]
        if any(text is None for text in told.values()) or not told:
            return [_signs(nodes)]
        if len(told) == 1:
            return [str(text) for text in told.values()]
        return [self._which(self.by_index[index]) + str(text) for index, text in told.items()]

    def _readers(self, node: Node) -> set[int]:
        return {consumer.index for consumer in self.graph.consumers(node)} or {-1}

    def _which(self, node: Node) -> str:
        """Return the beginning of a line, "∇w: "; "" for a value without a name."""
        name = clip(clean(node.name or ""))
        return f"∇{grouped(name.removeprefix('d_'))}: " if name.startswith("d_") else ""

    def _word(self, node: Node) -> str:
        """Return the name of a value in a formula."""
        name = self.names[node.index]
        if name.startswith("d_") and self.passes.of(node) == "backward":
            return f"∇{grouped(name.removeprefix('d_'))}"
        return name or fallback(node, self.names) or "‹input›"

    def _add_saved(self, group: str, row: str, nodes: list[Node]) -> None:
        """Link a group with the box beside it, if it reads values of the forward pass. Its formula names them.

        A label on an arrow within a row needs a place above it, and Graphviz fails where three columns are around it.
        """
        read = {o.index: o for node in nodes for o in node.operands if self.passes.of(o) in {"forward", "given"}}
        if read and row:
            self.links.append(Link(row, group, "saved", nodes=tuple(read.values())))

    # --- update -------------------------------------------------------------------------------------------------------

    def _add_update(self, groups: dict[int, str]) -> None:
        calls = [node for node in self.graph.nodes if self.passes.of(node) == "update"]
        for update in updates_of(self.graph, calls, self.passes.updates, self.names, self._row_of_input):
            self._add_update_box(update, groups)

    def _row_of_input(self, index: int) -> str:
        return self.row_of.get(index) or self.card_of.get(index, "")

    def _add_update_box(self, update: Update, groups: Mapping[int, str]) -> None:
        box = Box(
            update.id, "update", update.calls[-1], "update", (UPDATE_SIDE,), members=update.calls, lines=update.lines,
            name="\n".join(update.goes_to),
        )  # fmt: skip
        self.boxes.append(box)
        inside = {node.index for node in update.calls}
        gradients = {o.index: o for n in update.calls for o in n.operands if o.index in groups}
        for index, operand in gradients.items():
            self.links.append(Link(self.source_of[index], update.id, "update", nodes=(operand,)))
        values = {o.index: o for n in update.calls for o in n.operands if self.passes.of(o) == "forward"}
        beside = next((self.source_of[index] for index in gradients), None)
        if values and not gradients:
            tail = next((self.row_of[index] for index in values if index in self.row_of), None)
            if tail is not None and inside:
                self.links.append(Link(tail, update.id, "saved", nodes=tuple(values.values())))
                # An arrow to another row would draw the column of the update in front of that of the backward pass.
                beside = tail if not update.row else None
        self.pairs += [(row, update.id) for row in (beside, update.row) if row]


def _signs(nodes: list[Node]) -> str:
    """Return the signs of some calls, without those that only change a layout; their number where there are many."""
    signs = dict.fromkeys(sign(node.op) for node in nodes if node.op not in {*LAYOUTS, "getitem", "astype"})
    text = " ".join(signs)
    return text if signs and len(text) <= LONGEST_FORMULA else f"{len(nodes)} ops"


def _joined(links: list[Link]) -> list[Link]:
    """Return one arrow for all arrows between the same two boxes."""
    together: dict[tuple[str, str, str], list[Link]] = {}
    for link in links:
        together.setdefault((link.tail, link.head, link.kind), []).append(link)
    return [
        replace(group[0], nodes=tuple({node.index: node for link in group for node in link.nodes}.values()))
        for group in together.values()
    ]

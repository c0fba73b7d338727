"""The assembly of a scene: cards of values, operations, closed scopes, and the arrows between them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tinygraph.drawing.grouping.repeats import LoopName, carried_words, is_of_loop, repeat_of
from tinygraph.drawing.grouping.scopes import Path, Scope, call_places, common, input_places, is_of_module
from tinygraph.drawing.health import spoilt_values
from tinygraph.drawing.scenes.chips import with_chips
from tinygraph.drawing.scenes.scene import MOST_OF_ONE_SCOPE, Box, Direction, Link, Scene
from tinygraph.drawing.words.expressions import constant_key, labels, own_names
from tinygraph.drawing.words.numbers import shape
from tinygraph.drawing.words.symbols import array_constants
from tinygraph.engine.links import Like
from tinygraph.graph import GivenName, Graph, Node

__all__ = ["Assembly"]


@dataclass
class Assembly:
    """Boxes and links, put together in one walk through a graph.

    Attributes:
        graph: the graph.
        closed: tells of a scope if it is one card.
        carded: tells of a value if it has a card; inputs and outputs always have one.
        unframed: scopes that are open without a box around them.
    """

    graph: Graph
    closed: Callable[[Scope], bool]
    carded: Callable[[Node], bool]
    unframed: frozenset[Scope] = frozenset()

    def scene(self, view: str, direction: Direction) -> Scene:
        """Return the scene, as the view of this name."""
        self.places = call_places(self.graph)
        self.places |= input_places(self.graph, self.places)
        if self.unframed:
            self.places = {at: tuple([s for s in path if s not in self.unframed]) for at, path in self.places.items()}
        self.tail_of: dict[int, str] = {}  # the box that the arrows of a value start at, by the value's index
        self.labelled: set[int] = set()  # the values whose shape an arrow says
        self.constants: dict[int, str] = {}  # the box of an array, by the array's id
        self.alike: dict[Any, str] = {}  # the box of equal arrays in one scope
        self.boxes: list[Box] = []
        self.links: list[Link] = []
        self.members: dict[Scope, list[Node]] = {}
        self.names = own_names(self.graph)
        self.hidden = self._data_of_steps() | self._crowds()
        for node in self.graph.nodes:
            scope = self._closed_scope(node)
            if scope is not None:
                self.members.setdefault(scope, []).append(node)
        self.inside = {scope: set(nodes) for scope, nodes in self.members.items()}
        for node in self.graph.nodes:
            self._add(node)
        self._link_iterations()
        origin, spoilt = spoilt_values.diagnose(self.graph)
        scene = Scene(
            graph=self.graph,
            view=view,
            boxes=tuple(self.boxes),
            links=tuple(_merged(self.links, {box.id for box in self.boxes if box.kind == "layer"})),
            names=labels(self.graph),
            direction=direction,
            origin=origin,
            spoilt=spoilt,
        )
        return with_chips(scene)

    def _closed_scope(self, node: Node) -> Scope | None:
        """Return the outermost closed scope that hides a node. A layer hides no data, unless there is a crowd of it."""
        if node.is_input and self.graph.role(node) != "parameter" and node.index not in self.hidden:
            return None
        return self._closed_around(node)

    def _closed_around(self, node: Node) -> Scope | None:
        return next((scope for scope in self.places[node.index] if self.closed(scope)), None)

    def _data_of_steps(self) -> set[int]:
        """Put the data that each step of a repeat has for itself into the step, and return its indices."""
        found: set[int] = set()
        for repeat in map(repeat_of, {scope.names[-1]: None for path in self.places.values() for scope in path}):
            for node in itertools.chain.from_iterable(repeat.own if repeat is not None else ()):
                # It is of several repeats, and a scope of shared inputs was proposed for it; or it is not in this part.
                if node.scope or node.index not in self.places:
                    continue
                found.add(node.index)
                self.places[node.index] = common([self.places[c.index] for c in self.graph.consumers(node)])
        return found

    def _crowds(self) -> set[int]:
        """Return the data and outputs of closed scopes with too many for a card each, such as an optimiser's step."""
        crowds: dict[tuple[Scope, bool], list[int]] = {}
        for node in self.graph.nodes:
            scope, role = self._closed_around(node), self.graph.role(node)
            if scope is not None and role == ("data" if node.is_input else "output"):
                crowds.setdefault((scope, node.is_input), []).append(node.index)
        return {index for crowd in crowds.values() if len(crowd) > MOST_OF_ONE_SCOPE for index in crowd}

    def _open_part(self, node: Node) -> Path:
        """Return the open scopes around a node."""
        path = self.places[node.index]
        depth = next((depth for depth, scope in enumerate(path) if self.closed(scope)), len(path))
        return path[:depth]

    def _add(self, node: Node) -> None:
        scope = self._closed_scope(node)
        if scope is not None:
            self._add_to_layer(node, scope)
            return
        if not node.is_input and not is_of_loop(node):
            self._add_operation(node)
        if node.is_input or is_of_loop(node) or self.graph.role(node) == "output" or self.carded(node):
            self._add_card(node)

    def _add_to_layer(self, node: Node, scope: Scope) -> None:
        layer = f"s{scope.key}"
        self.tail_of[node.index] = layer
        inside = tuple(self.members[scope])
        if node is (inside[0] if all(member.is_input for member in inside) else inside[-1]):
            self.boxes.append(Box(layer, "layer", node, "layer", self._open_part(node), scope, inside))
            for member in inside:
                for name, array in array_constants(member):
                    if isinstance(name, GivenName):
                        self._add_constant(member, name, array, self._around_layers(member))
                self._link_operands(member, layer)
            for member in inside:  # not before the layer's own box, from which the arrow comes
                if self.graph.role(member) == "output" and member.index not in self.hidden:
                    self._add_card(member)

    def _add_operation(self, node: Node) -> None:
        place = self.places[node.index]
        for name, array in array_constants(node):
            self._add_constant(node, name, array, self._around_layers(node) if isinstance(name, GivenName) else place)
        self.boxes.append(Box(f"o{node.index}", "operation", node, "operation", place))
        self._link_operands(node, f"o{node.index}")
        self.tail_of[node.index] = f"o{node.index}"

    def _add_constant(self, node: Node, name: str, array: np.ndarray[Any, Any] | Like, place: Path) -> None:
        """Add the card of an array, unless it is there: the record copies small arrays, and two copies are one card."""
        if id(array) not in self.constants:
            key = constant_key(name, array)
            alike = (place, key) if name else id(array)
            if alike not in self.alike:
                self.alike[alike] = f"k{len(self.alike)}"
                shown = self.names.get(key, name)
                card = Box(self.alike[alike], "constant", node, "data", place, constant=array, name=shown)
                self.boxes.append(card)
            self.constants[id(array)] = self.alike[alike]

    def _around_layers(self, node: Node) -> Path:
        """Return the open scopes around the outermost module of a call: an array given to the module stands there."""
        return tuple(itertools.takewhile(lambda scope: not is_of_module(scope), self._open_part(node)))

    def _add_card(self, node: Node) -> None:
        card = f"v{node.index}"
        self.boxes.append(Box(card, "variable", node, self.graph.role(node), self._open_part(node)))
        if node.index in self.tail_of:
            self.links.append(Link(self.tail_of[node.index], card, nodes=(node,)))
        elif is_of_loop(node):
            self._link_operands(node, card)
        self.tail_of[node.index] = card

    def _link_operands(self, node: Node, box: str) -> None:
        inside = self.inside.get(scope, set()) if (scope := self._closed_scope(node)) else set()
        arrays = [array for name, array in array_constants(node) if not inside or isinstance(name, GivenName)]
        for argument in (*node.operands, *arrays):
            if isinstance(argument, np.ndarray | Like):
                self.links.append(Link(self.constants[id(argument)], box))
            elif argument not in inside:
                text = self._edge_label(argument, node, bool(inside))
                self.links.append(Link(self.tail_of[argument.index], box, label=text, nodes=(argument,)))

    def _link_iterations(self) -> None:
        """Link each value that a loop carries with the value that it has in the next iteration."""
        for scope in dict.fromkeys(scope for path in self.places.values() for scope in path):
            name = scope.names[-1]
            if not isinstance(name, LoopName):
                continue
            closed, ends = f"s{scope.key}", [tuple(map(self.tail_of.get, pair)) for pair in name.again]
            if (closed, closed) in ends:
                self.links.append(Link(closed, closed, "again", carried_words(name)))
            elif name.repeat is None:
                pairs = [(tail, head) for tail, head in ends if tail is not None and head is not None and tail != head]
                self.links += [Link(tail, head, "again", "next iteration") for tail, head in pairs]

    def _edge_label(self, operand: Node, node: Node, into_layer: bool) -> str:
        """Return the shape of a value without a card, if it comes out of a layer or the next call changes its shape.

        The first of its arrows says it. The labels of two would push the arrows apart.
        """
        tail = self.tail_of[operand.index]
        changes = tail.startswith("o") and (into_layer or operand.shape != node.shape)
        if operand.index in self.labelled or not operand.shape or not (tail.startswith("s") or changes):
            return ""
        self.labelled.add(operand.index)
        return shape(operand.shape)


def _merged(links: list[Link], layers: set[str]) -> Iterable[Link]:
    """Yield the arrows; those between a layer and another box as one, for any number of values."""
    together: dict[tuple[str, str], list[Link]] = {}
    for link in links:
        if link.tail in layers or link.head in layers:
            together.setdefault((link.tail, link.head), []).append(link)
    for link in links:
        group = together.get((link.tail, link.head), [link])
        if link is group[0]:
            carried = tuple({node.index: node for each in group for node in each.nodes}.values())
            texts = list(dict.fromkeys(each.label for each in group if each.label))
            text = ", ".join(texts) if len(texts) <= 2 else f"{len(carried)} values"
            yield replace(link, label=text, nodes=carried)

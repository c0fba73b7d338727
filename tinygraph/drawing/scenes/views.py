"""From a graph to a scene: the values with a card, the collapsed scopes, the arrows between boxes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tinygraph.drawing.grouping.proposing import ProposedName, holds_inputs
from tinygraph.drawing.grouping.repeats import LoopName, carried_words, is_of_loop, repeat_of
from tinygraph.drawing.grouping.rolling import rolled as with_repeats
from tinygraph.drawing.grouping.scopes import Path, Scope, call_places, common, input_places
from tinygraph.drawing.health import spoilt_values
from tinygraph.drawing.scenes.chips import with_chips
from tinygraph.drawing.scenes.scene import MOST_OF_ONE_SCOPE, Box, Direction, Link, Scene
from tinygraph.drawing.words.expressions import constant_key, formula, labels, own_names
from tinygraph.drawing.words.numbers import shape
from tinygraph.drawing.words.slopes import local_derivatives, slope
from tinygraph.drawing.words.symbols import array_constants
from tinygraph.drawing.words.text import clean
from tinygraph.engine.links import Like
from tinygraph.graph import Graph, Node

__all__ = ["chain", "collapsed", "full", "rolled", "values"]

# With more boxes than these the scopes beside the repeats are closed, too.
MOST_OPEN = 60

# A repeat of more calls than these opens to the cards of its steps.
MOST_UNROLLED = 150


def full(graph: Graph, also: Collection[int] = ()) -> Scene:
    """Every operation; a card for each input, output and named value, and for those in `also`; scopes as boxes."""
    scene = _Assembly(graph, closed=lambda scope: False, carded=_named_or(also)).scene("full", "TB")
    return replace(scene, reopened=lambda scopes: collapsed(graph, scopes, also))


def _named_or(also: Collection[int]) -> Callable[[Node], bool]:
    return lambda node: bool(node.name) or node.index in also


def values(graph: Graph) -> Scene:
    """Every operation and a card for each value, from left to right."""
    scene = _Assembly(graph, closed=lambda scope: False, carded=lambda node: True).scene("values", "LR")
    return replace(scene, title=_formula_title(graph))


def chain(graph: Graph) -> Scene:
    """As `values`, with arrows back from each result to its operands: the derivative that multiplies the gradient.

    Raises:
        ValueError: a value is not a scalar.
    """
    for node in graph.nodes:
        if node.shape != ():
            raise ValueError(
                f"the chain rule is drawn for scalars, and {node.name or node.op!r} has shape {node.shape}; "
                'view="full" draws arrays'
            )
    scene = values(graph)
    shown = {box.node.index: box.id for box in scene.boxes if box.kind == "variable"}
    backward = []
    for node in graph.nodes:
        numbers = local_derivatives(node) if node.requires_grad else ()
        arrows = scene.into.get(f"o{node.index}", ())
        for position, (operand, number, arrow) in enumerate(zip(node.operands, numbers, arrows, strict=False)):
            if operand.requires_grad:
                text = slope(node, position, number, scene.names)
                backward.append(Link(arrow.tail, shown[node.index], "backward", text, (operand, node)))
    return replace(scene, view="chain", links=scene.links + tuple(backward))


def collapsed(graph: Graph, opened: Iterable[str | Scope] = (), also: Collection[int] = ()) -> Scene:
    """Each scope as one card, except those opened (by name, path or title, or themselves) and the scopes around them.

    A scope of other scopes alone opens by itself, and so does a scope of the whole graph, or one around a loop. A
    repeat that is opened by name shows all of its steps open, if they have at most 150 calls.

    Raises:
        ValueError: a name in `opened` is that of no scope.
    """
    places = call_places(graph)
    scopes = list(dict.fromkeys(scope for path in places.values() for scope in path))
    showing, unframed = _containers(places), set[Scope]()
    for name in opened:
        found = [scope for scope in scopes if (scope == name if isinstance(name, Scope) else scope.answers_to(name))]
        if not found:
            known = ", ".join(dict.fromkeys("/".join(scope.names) for scope in scopes)) or "none"
            raise ValueError(f"there is no scope {name!r} in this graph; its scopes: {known}")
        unrolled = set() if isinstance(name, Scope) else set(filter(_is_short, found))
        for path in places.values():
            for depth, scope in enumerate(path):
                if scope in found:
                    showing.update(path[: depth + 1 + (scope in unrolled)])
                if scope in unrolled and _has_plain_steps(scope):
                    unframed.add(path[depth + 1])
    assembly = _Assembly(graph, lambda scope: scope not in showing, _named_or(also), frozenset(unframed))
    return replace(assembly.scene("collapsed", "TB"), reopened=lambda scopes: collapsed(graph, scopes, also))


def rolled(graph: Graph, opened: Iterable[str | Scope] = ()) -> Scene:
    """Each repeat as one card, except those opened; other scopes are open if the picture has at most 60 boxes so.

    Raises:
        ValueError: a name in `opened` is that of no scope and of no repeat.
    """
    graph = with_repeats(graph)
    opened = list(opened)
    if not opened:
        assembly = _Assembly(graph, _stays_closed, _named_or(()))
        scene = assembly.scene("collapsed", "TB")
        if len(scene.boxes) <= MOST_OPEN:
            return replace(scene, reopened=lambda scopes: collapsed(graph, scopes))
    return collapsed(graph, opened)


def _stays_closed(scope: Scope) -> bool:
    return repeat_of(scope.names[-1]) is not None or holds_inputs(scope.names[-1])


def _is_short(scope: Scope) -> bool:
    """Return whether a scope is a repeat whose steps can all be shown open."""
    repeat = repeat_of(scope.names[-1])
    return repeat is not None and repeat.count * len(repeat.steps[0]) <= MOST_UNROLLED


def _has_plain_steps(scope: Scope) -> bool:
    """Return whether the steps of a repeat are no scopes of the user's: boxes around them would tear a loop apart."""
    repeat = repeat_of(scope.names[-1])
    return repeat is not None and repeat.scope is None


def _containers(places: dict[int, Path]) -> set[Scope]:
    """The scopes that contain nothing but other scopes, and those around a loop."""
    paths = list(places.values())
    own = {path[-1] for path in paths if path}
    outer = {scope for path in paths for scope in path[:-1]}
    around_all = {scope for scope in (common(paths) if paths else ()) if not isinstance(scope.names[-1], ProposedName)}
    repeats = {scope for scope in outer if repeat_of(scope.names[-1]) is not None}
    return (outer - own | outer & around_all) - repeats | {scope for path in paths for scope in _around_loop(path)}


def _around_loop(path: Path) -> Path:
    """Return the scopes around the outermost loop of a path, if somebody named them."""
    loops = [depth for depth, scope in enumerate(path) if isinstance(scope.names[-1], LoopName)]
    around = path[: loops[0]] if loops else ()
    return tuple(itertools.takewhile(lambda scope: not isinstance(scope.names[-1], ProposedName), around))


def _formula_title(graph: Graph) -> str:
    """ "c = √(a² + b²)   after c.backward()" """
    if len(graph.outputs) != 1:
        return ""
    (output,) = graph.outputs
    written = formula(graph, output)
    name = labels(graph)[output.index] if output.name else ""
    went_back = output.grad is not None and not output.is_input and output.gradient_note in {"", "seed"}
    called = name if name == clean(output.name or "") else ""
    ran = f"after {called}.backward()" if called and went_back else "after backward()" if went_back else ""
    told = f"{name} = {written}" if name and written else written or ""
    return "\u00a0\u00a0 ".join(part for part in (told, ran) if told and part)


@dataclass
class _Assembly:
    """Puts boxes and links together in one walk through the graph."""

    graph: Graph
    closed: Callable[[Scope], bool]
    carded: Callable[[Node], bool]
    unframed: frozenset[Scope] = frozenset()

    def scene(self, view: str, direction: Direction) -> Scene:
        self.places = call_places(self.graph)
        self.places |= input_places(self.graph, self.places)
        if self.unframed:
            self.places = {at: tuple([s for s in path if s not in self.unframed]) for at, path in self.places.items()}
        self.spoken_for: dict[int, str] = {}
        self.constants: dict[int, str] = {}
        self.alike: dict[Any, str] = {}
        self.boxes: list[Box] = []
        self.links: list[Link] = []
        self.members: dict[Scope, list[Node]] = {}
        self.names = own_names(self.graph)
        self.hidden = self._of_steps() | self._crowds()
        for node in self.graph.nodes:
            scope = self._closed_scope(node)
            if scope is not None:
                self.members.setdefault(scope, []).append(node)
        self.inside = {scope: set(nodes) for scope, nodes in self.members.items()}
        for node in self.graph.nodes:
            self._add(node)
        self._link_iterations()
        origin, poisoned = spoilt_values.diagnose(self.graph)
        scene = Scene(
            graph=self.graph,
            view=view,
            boxes=tuple(self.boxes),
            links=tuple(_merged(self.links, {box.id for box in self.boxes if box.kind == "layer"})),
            names=labels(self.graph),
            direction=direction,
            origin=origin,
            poisoned=poisoned,
        )
        return with_chips(scene)

    def _closed_scope(self, node: Node) -> Scope | None:
        """The outermost closed scope that hides a node. A layer hides no data, unless there is a crowd of it."""
        if node.is_input and self.graph.role(node) != "parameter" and node.index not in self.hidden:
            return None
        return self._closed_around(node)

    def _closed_around(self, node: Node) -> Scope | None:
        return next((scope for scope in self.places[node.index] if self.closed(scope)), None)

    def _of_steps(self) -> set[int]:
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
        """The data and outputs of collapsed scopes with too many for a card each, such as an optimiser's step."""
        crowds: dict[tuple[Scope, bool], list[int]] = {}
        for node in self.graph.nodes:
            scope, role = self._closed_around(node), self.graph.role(node)
            if scope is not None and role == ("data" if node.is_input else "output"):
                crowds.setdefault((scope, node.is_input), []).append(node.index)
        return {index for crowd in crowds.values() if len(crowd) > MOST_OF_ONE_SCOPE for index in crowd}

    def _open_part(self, node: Node) -> Path:
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
        self.spoken_for[node.index] = layer
        inside = tuple(self.members[scope])
        if node is (inside[0] if all(member.is_input for member in inside) else inside[-1]):
            self.boxes.append(Box(layer, "layer", node, "layer", self._open_part(node), scope, inside))
            for member in inside:
                self._link_operands(member, layer)
            for member in inside:  # not before the layer's own box, from which the arrow comes
                if self.graph.role(member) == "output" and member.index not in self.hidden:
                    self._add_card(member)

    def _add_operation(self, node: Node) -> None:
        place = self.places[node.index]
        for name, array in array_constants(node):
            if id(array) not in self.constants:
                # The record copies small arrays, so that two uses of one variable are two arrays of the same content.
                key = constant_key(name, array)
                alike = (place, key) if name else id(array)
                if alike not in self.alike:
                    self.alike[alike] = f"k{len(self.alike)}"
                    shown = self.names.get(key, name)
                    card = Box(self.alike[alike], "constant", node, "data", place, constant=array, name=shown)
                    self.boxes.append(card)
                self.constants[id(array)] = self.alike[alike]
        self.boxes.append(Box(f"o{node.index}", "operation", node, "operation", place))
        self._link_operands(node, f"o{node.index}")
        self.spoken_for[node.index] = f"o{node.index}"

    def _add_card(self, node: Node) -> None:
        card = f"v{node.index}"
        self.boxes.append(Box(card, "variable", node, self.graph.role(node), self._open_part(node)))
        if node.index in self.spoken_for:
            self.links.append(Link(self.spoken_for[node.index], card, nodes=(node,)))
        elif is_of_loop(node):
            self._link_operands(node, card)
        self.spoken_for[node.index] = card

    def _link_operands(self, node: Node, box: str) -> None:
        inside = self.inside.get(scope, set()) if (scope := self._closed_scope(node)) else set()
        for argument in (*node.operands, *(() if inside else [array for _, array in array_constants(node)])):
            if isinstance(argument, np.ndarray | Like):
                self.links.append(Link(self.constants[id(argument)], box))
            elif argument not in inside:
                text = self._edge_label(argument, node, bool(inside))
                self.links.append(Link(self.spoken_for[argument.index], box, label=text, nodes=(argument,)))

    def _link_iterations(self) -> None:
        """Link each value that a loop carries with the value that it has in the next iteration."""
        for scope in dict.fromkeys(scope for path in self.places.values() for scope in path):
            name = scope.names[-1]
            if not isinstance(name, LoopName):
                continue
            closed, ends = f"s{scope.key}", [tuple(map(self.spoken_for.get, pair)) for pair in name.again]
            if (closed, closed) in ends:
                self.links.append(Link(closed, closed, "again", carried_words(name)))
            elif name.repeat is None:
                pairs = [(tail, head) for tail, head in ends if tail is not None and head is not None and tail != head]
                self.links += [Link(tail, head, "again", "next iteration") for tail, head in pairs]

    def _edge_label(self, operand: Node, node: Node, into_layer: bool) -> str:
        """Return the shape of a value without a card, if it comes out of a layer or the next call changes its shape."""
        tail = self.spoken_for[operand.index]
        changes = tail.startswith("o") and (into_layer or operand.shape != node.shape)
        return shape(operand.shape) if operand.shape and (tail.startswith("s") or changes) else ""


def _merged(links: list[Link], layers: set[str]) -> Iterable[Link]:
    """One arrow between two boxes if one of them is a layer, for any number of values."""
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

"""The pictures of a page: all layers closed, each open alone, all open; a layer too large for that, alone."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from tinygraph.drawing import views
from tinygraph.drawing.parts import part
from tinygraph.drawing.scene import Box, Scene
from tinygraph.drawing.scopes import Scope

__all__ = ["State", "layers_around", "open_layers", "states"]

MOST_IN_PLACE = 300
MOST_ALL_OPEN = 150
MOST_TOGETHER = 3
MOST_UNCOLLAPSED = 60
MOST_BOXES = 2000


@dataclass(frozen=True)
class State:
    """One picture of a page.

    Attributes:
        key: its name in the page's address; "" for the picture that the page opens with.
        title: its name on the page.
        scene: the picture.
        parent: the key of the picture around it; None for the first.
        is_inside: True for a layer alone, whose boxes are its own; False for the whole graph.
    """

    key: str
    title: str
    scene: Scene
    parent: str | None = ""
    is_inside: bool = False

    @property
    def opened(self) -> list[str]:
        """The layers that are open, as the ids of the cards they have when closed."""
        return [] if self.is_inside else open_layers(self.scene)


def open_layers(scene: Scene) -> list[str]:
    """Return the layers of a scene that are open, outermost first."""
    return list(dict.fromkeys(card(scope) for box in scene.boxes for scope in box.place if scope.key >= 0))


def card(scope: Scope) -> str:
    """Return the id of the box of a closed scope."""
    return f"s{scope.key}"


def layers_around(shown: Sequence[State]) -> dict[str, tuple[str, list[str]]]:
    """Return for each layer of some pictures, by the id of its card, its title and the layers around it."""
    found: dict[str, tuple[str, list[str]]] = {}
    for state in shown:
        for box in () if state.is_inside else state.scene.boxes:
            own = (box.layer,) if box.layer is not None and box.id == card(box.layer) else ()
            path = [scope for scope in (*box.place, *own) if scope.key >= 0]
            for depth, scope in enumerate(path):
                found.setdefault(card(scope), (scope.title, [card(outer) for outer in path[:depth]]))
    return found


def states(scene: Scene) -> list[State]:
    """Return the pictures that a page carries, the given one first, up to 2,000 boxes in all."""
    first = State("", "overview", scene, None)
    kept, drawn, room = [first], {frozenset(first.opened)}, MOST_BOXES - len(scene.boxes)
    for state in _candidates(scene):
        new = state.is_inside or frozenset(state.opened) not in drawn
        if new and len(state.scene.boxes) <= min(room, MOST_IN_PLACE):
            kept.append(state)
            drawn.add(frozenset(state.opened))
            room -= len(state.scene.boxes)
    return kept


def _candidates(scene: Scene) -> Iterator[State]:
    """Yield the pictures of a page, the most useful first."""
    if scene.reopened is None or not scene.graph.scopes:
        return
    closed = _opened(scene, [])
    yield State("closed", "all layers closed", closed)
    layers = _closed_layers(closed)
    found: list[Scope] = []
    for state, scope in _each_open(scene, layers, ""):
        found.append(scope)
        yield state
    if len(scene.graph) <= 2 * MOST_ALL_OPEN:
        everything = _opened(scene, found)
        if len(everything.boxes) <= MOST_ALL_OPEN:
            yield State("all", "all layers open", everything)
    if len(layers) <= MOST_TOGETHER:
        for some in itertools.combinations(layers, 2):
            yield State("+".join(map(card, some)), " and ".join(scope.title for scope in some), _opened(scene, some))


def _closed_layers(scene: Scene) -> list[Scope]:
    """Return the scopes that have a card which opens."""
    return [box.layer for box in scene.boxes if box.layer is not None and box.id == card(box.layer)]


def _each_open(scene: Scene, layers: Sequence[Scope], parent: str) -> Iterator[tuple[State, Scope]]:
    """Yield each layer open alone, then the layers inside each."""
    inner: list[tuple[list[Scope], str]] = []
    for scope in layers:
        opened = _opened(scene, [scope])
        if len(opened.boxes) > MOST_IN_PLACE:
            yield from ((state, scope) for state in _insides(scene, scope, parent))
            continue
        yield State(card(scope), scope.title, opened, parent), scope
        inside = [box.layer for box in opened.boxes if box.layer in _closed_layers(opened) and scope in box.place]
        if inside:
            inner.append(([scope for scope in inside if scope is not None], card(scope)))
    for inside_of, around in inner:
        yield from _each_open(scene, inside_of, around)


def _opened(scene: Scene, layers: Sequence[Scope]) -> Scene:
    """Return a picture of the same graph with other layers open."""
    assert scene.reopened is not None
    other = scene.reopened(layers)
    drawn = replace(scene, view=other.view, boxes=other.boxes, links=other.links)
    return replace(drawn, names=other.names, pairs=other.pairs)


def _insides(scene: Scene, scope: Scope, parent: str) -> Iterator[State]:
    """Yield a layer alone, if it is small enough for a picture of its own."""
    found = [box for box in _opened(scene, []).boxes if box.layer == scope]
    for box in found:
        inner = part(scene.graph, box.members, scene.names)
        collapse = len(inner) > MOST_UNCOLLAPSED and any(len(names) > len(box.place) + 1 for names in inner.scopes)
        inside = views.collapsed(inner, _frame(box)) if collapse else views.full(inner)
        inside = replace(inside, legend=scene.legend, sections=scene.sections)
        yield State(f"inside {card(scope)}", scope.title, inside, parent, is_inside=True)


def _frame(box: Box) -> tuple[str, ...]:
    """Return the scopes to open, so that the picture shows more than the card before."""
    return ("/".join(box.layer.names),) if box.layer is not None else ()

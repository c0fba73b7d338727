"""The pictures of a page: all layers closed, each open alone, all open; a layer too large for that, alone."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tinygraph.drawing.grouping.parts import part
from tinygraph.drawing.grouping.scopes import Scope
from tinygraph.drawing.scenes import views
from tinygraph.drawing.scenes.scene import Box, Scene

__all__ = ["State", "layers_around", "open_layers", "states"]

MOST_IN_PLACE = 300
MOST_ALL_OPEN = 150
MOST_TOGETHER = 3
MOST_UNCOLLAPSED = 60
MOST_BOXES = 2000
MOST_IN_PLACE_INSIDE = 80
MOST_WORK = 25_000


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
    chosen = _Chosen(scene)
    if scene.reopened is not None and scene.graph.scopes:
        chosen.choose()
    return chosen.states


class _Chosen:
    """The states of a page as they are chosen, the most useful first.

    Attributes:
        states: those that are kept.
        room: the number of boxes that further pictures may have.
        work: the number of nodes that further pictures may be made of: a picture of a large graph takes long to make.
    """

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.states = [State("", "overview", scene, None)]
        self.kept = {frozenset(self.states[0].opened)}
        self.room = MOST_BOXES - len(scene.boxes)
        self.work = MOST_WORK

    def choose(self) -> None:
        """Keep all layers closed, each open alone, and more than one open where the pictures are small."""
        closed = self._opened([])
        self._keep(State("closed", "all layers closed", closed))
        layers = [box for box in closed.boxes if _opens(box)]
        found = self._open_each(layers, closed, "", MOST_IN_PLACE)
        if len(self.scene.graph) <= 2 * MOST_ALL_OPEN:
            everything = self._opened(found)
            if len(everything.boxes) <= MOST_ALL_OPEN:
                self._keep(State("all", "all layers open", everything))
        if len(layers) <= MOST_TOGETHER:
            for some in itertools.combinations([box.layer for box in layers if box.layer is not None], 2):
                words = " and ".join(scope.title for scope in some)
                self._keep(State("+".join(map(card, some)), words, self._opened(some)))

    def _open_each(self, layers: list[Box], around: Scene, parent: str, most: int) -> list[Scope]:
        """Keep each of some layers open, in its place if the picture has at most `most` boxes; then those inside each.

        Returns:
            The layers that were opened, and those inside them.
        """
        found: list[Scope] = []
        inner: list[tuple[list[Box], Scene, str]] = []
        for box in layers:
            scope = box.layer
            if scope is None or self.room <= 0:
                continue
            found.append(scope)
            opened = self._opened([scope]) if self.work > 0 and len(around.boxes) < most else None
            if opened is None or len(opened.boxes) > min(most, self.room):
                self._keep_inside(box, around, parent, f"inside {card(scope)}")
                continue
            self._keep(State(card(scope), scope.title, opened, parent))
            inner.append(([each for each in opened.boxes if _opens(each) and scope in each.place], opened, card(scope)))
        for inside, opened, key in inner:
            found += self._open_each(inside, opened, key, MOST_IN_PLACE_INSIDE)
        return found

    def _opened(self, layers: Sequence[Scope]) -> Scene:
        """Return a picture of the same graph with other layers open."""
        assert self.scene.reopened is not None
        self.work -= len(self.scene.graph)
        other = self.scene.reopened(layers)
        drawn = replace(self.scene, view=other.view, boxes=other.boxes, links=other.links)
        return replace(drawn, names=other.names, pairs=other.pairs)

    def _keep(self, state: State) -> None:
        new = state.is_inside or frozenset(state.opened) not in self.kept
        if new and len(state.scene.boxes) <= min(self.room, MOST_IN_PLACE):
            self.states.append(state)
            self.kept.add(frozenset(state.opened))
            self.room -= len(state.scene.boxes)

    def _keep_inside(self, box: Box, around: Scene, parent: str, key: str) -> None:
        """Keep a layer alone, and the layers inside it."""
        if box.layer is None or self.room <= 0:
            return
        inner = part(around.graph, box.members, around.names)
        collapse = len(inner) > MOST_UNCOLLAPSED and any(len(names) > len(box.place) + 1 for names in inner.scopes)
        inside = views.collapsed(inner, ["/".join(box.layer.names)]) if collapse else views.full(inner)
        inside = replace(inside, legend=self.scene.legend, sections=self.scene.sections)
        before = len(self.states)
        self._keep(State(key, box.layer.title, inside, parent, is_inside=True))
        if len(self.states) > before:
            for each in inside.boxes:
                if _opens(each):
                    self._keep_inside(each, inside, key, f"{key}/{each.id}")


def _opens(box: Box) -> bool:
    """Return whether a box is the card of a scope that can be opened."""
    return box.layer is not None and box.id == card(box.layer)

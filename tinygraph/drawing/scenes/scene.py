"""The scene of a picture, before its layout: boxes, links, and the scopes around them.

A `Scene` is made by a view and read by DOT, Mermaid and the HTML page.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np

from tinygraph.drawing.grouping.scopes import Path, Scope
from tinygraph.drawing.health.gradient_health import LayerHealth, health_of
from tinygraph.drawing.health.heat import Heat
from tinygraph.drawing.health.spoilt_gradients import Birth, birth_of
from tinygraph.drawing.images.images import ImageShape
from tinygraph.drawing.images.thumbnails import Thumbnail, thumbnails
from tinygraph.drawing.scenes.marks import Mark
from tinygraph.engine.links import Like
from tinygraph.graph import Graph, Node

__all__ = ["MOST_OF_ONE_SCOPE", "Box", "Direction", "Link", "Scene"]

Direction = Literal["LR", "TB"]
Kind = Literal[
    "variable", "operation", "layer", "constant", "chip", "gradient", "pullback", "pulled", "gradient value", "update"
]  # fmt: skip

# More data or outputs than these stay on the card of the collapsed scope that has them.
MOST_OF_ONE_SCOPE = 6


@dataclass(frozen=True, eq=False)
class Box:
    """A card of a value, the sign of an operation, the card of a collapsed layer, or an array that is a constant.

    Attributes:
        id: its name in DOT; never a text of the user's.
        kind: "variable", "operation", "layer" or "constant"; "chip", the name of a card that stands elsewhere; beside
            the forward pass also "gradient", the card of a value's gradient, and "pullback", the backward step of an
            operation. In the columns of a program "pulled" is the calls that differentiate an operation, "gradient
            value" one of their results, and "update" the calls that make new values.
        node: the value, the call, or the last call of the layer.
        role: a key of `palette.ROLES`.
        place: the occurrences of scopes around it.
        layer: for a layer, its scope.
        members: for a layer, its calls and its own parameters, which no other call uses.
        constant: for a constant, the array.
        name: for a constant, its name in the user's code, or "".
        card: for a chip, the id of the full card.
        lines: for a part of a program, the text on it.
    """

    id: str
    kind: Kind
    node: Node
    role: str
    place: Path = ()
    layer: Scope | None = None
    members: tuple[Node, ...] = ()
    constant: np.ndarray[Any, Any] | Like | None = None
    name: str = ""
    card: str = ""
    lines: tuple[str, ...] = ()

    @property
    def parameters(self) -> list[Node]:
        """The own parameters of a layer, which no other call uses."""
        return [node for node in self.members if node.is_input and node.requires_grad]


@dataclass(frozen=True, eq=False)
class Link:
    """An arrow from box to box in the direction of the computation.

    "backward" links, and "backflow" links between the boxes of a backward side, are drawn in the opposite direction. A
    "saved" link leads from an operation to the one that needs its values later. An "update" link leads from a gradient
    to the update that reads it. A "gone" link leads from a node that a difference removes to one that read it. An
    "again" link leads from a value that a loop carries to the one that it becomes, and is drawn in the opposite
    direction.
    """

    tail: str
    head: str
    kind: Literal["value", "backward", "backflow", "saved", "again", "update", "gone"] = "value"
    label: str = ""
    nodes: tuple[Node, ...] = ()


@dataclass(frozen=True, eq=False)
class Scene:
    """A whole picture.

    Attributes:
        graph: the graph in the picture.
        view: "full", "chain", "values", "collapsed", "mirror", "columns" or "difference".
        boxes: in execution order.
        links: in the order of the operands.
        names: short labels of the nodes by index, "" where there is none.
        title: a line under the picture, or "".
        legend: True to explain the colours.
        pairs: ids of boxes that stand side by side.
        sections: the part of a program that each call belongs to, by its index, such as "backward"; empty without
            parts.
        heat: the time, the bytes or the gradient norm of each call; None where none is shown.
        is_health: True for the health of the gradients in the cards.
        images: True for the images of the values in their cards.
        image_shape: the shape of the images that are rows or columns of a matrix; see `tinygraph.draw`.
        reopened: draws the same with these scopes open and all others closed; None where no scope opens.
        marks: the marks of boxes in a picture of a difference, by the id of the box.
        origin, spoilt: the index of the first non-finite value, and of all of them.
    """

    graph: Graph
    view: str
    boxes: tuple[Box, ...]
    links: tuple[Link, ...]
    names: dict[int, str]
    direction: Direction
    title: str = ""
    legend: bool = True
    pairs: tuple[tuple[str, str], ...] = ()
    sections: Mapping[int, str] = field(default_factory=dict)
    heat: Heat | None = None
    is_health: bool = False
    images: bool = False
    image_shape: ImageShape = None
    reopened: Callable[[Sequence[Scope]], Scene] | None = None
    origin: int | None = None
    spoilt: frozenset[int] = frozenset()
    marks: Mapping[str, Mark] = field(default_factory=dict)

    @cached_property
    def box(self) -> dict[str, Box]:
        """The boxes by id."""
        return {box.id: box for box in self.boxes}

    @cached_property
    def birth(self) -> Birth | None:
        """The birth of the first gradient that is not finite, if all values are."""
        return birth_of(self.graph)

    @cached_property
    def heated(self) -> dict[str, float]:
        """The amounts of heat in the picture, by the id of an operation, or of a box of several calls."""
        heat = self.heat
        if heat is None:
            return {}
        many = {"layer", "pulled", "update"}
        layers = {box.id: heat.of_layer(box.members) for box in self.boxes if box.kind in many}
        amounts = {box.id: heat.of(box.node) for box in self.boxes if box.kind == "operation"} | layers
        return {box: amount for box, amount in amounts.items() if amount is not None}

    @cached_property
    def heat_ends(self) -> tuple[float, float]:
        """The least and the largest amount of heat above 0 in the picture."""
        return self.heat.ends(self.heated.values()) if self.heat is not None else (0.0, 0.0)

    @cached_property
    def health(self) -> dict[str, LayerHealth]:
        """The health of the gradients, by the id of a layer, a parameter or a ReLU; none unless it is asked for."""
        return health_of(self) if self.is_health else {}

    @cached_property
    def decades(self) -> int:
        """The powers of ten that a gradient's bar spans: four, and for the health of gradients up to sixteen."""
        sizes = [layer.gradient for layer in self.health.values() if layer.gradient]
        above = [size for size in sizes if np.isfinite(size)]
        return min(max(4, int(np.ceil(np.log10(max(above) / min(above)))) + 1), 16) if above else 4

    @property
    def is_of_one_run(self) -> bool:
        """True if the picture shows more of the recorded values than a page can compute anew."""
        return self.images or self.is_health or self.heat is not None or self.birth is not None

    @cached_property
    def thumbnails(self) -> dict[str, Thumbnail]:
        """The images of the values that are some, by the id of their card; none unless `images` asks for them."""
        return thumbnails(self, self.image_shape) if self.images else {}

    @cached_property
    def alone(self) -> frozenset[int]:
        """The indices of the values with a label of their own."""
        times = Counter(self.names.values())
        return frozenset(index for index, name in self.names.items() if name and times[name] == 1)

    @cached_property
    def into(self) -> dict[str, list[Link]]:
        """The value links that end at each box."""
        found: dict[str, list[Link]] = {box.id: [] for box in self.boxes}
        for link in self.links:
            if link.kind == "value":
                found[link.head].append(link)
        return found

    @cached_property
    def out_of(self) -> dict[str, list[Link]]:
        """The value links that start at each box."""
        found: dict[str, list[Link]] = {box.id: [] for box in self.boxes}
        for link in self.links:
            if link.kind == "value":
                found[link.tail].append(link)
        return found

    @property
    def has_ports(self) -> bool:
        """True if arrows arrive at their own row of a card, values above and gradients below."""
        return self.view == "chain" and self.direction == "LR"

    @cached_property
    def is_plan(self) -> bool:
        """True for the scene of a program, which has no values, as opposed to a computation."""
        calls = [node for node in self.graph.nodes if not node.is_input]
        return bool(calls) and all(n.value is None and n.grad is None and not n.grad_freed for n in calls)

    @cached_property
    def trunk(self) -> tuple[str, ...]:
        """The boxes of the longest way through the picture; among equals the one that starts at data."""
        length: dict[str, tuple[int, int]] = {}
        before: dict[str, str | None] = {}
        for box in self.boxes:
            best = max((link.tail for link in self.into[box.id]), key=lambda tail: length[tail], default=None)
            before[box.id] = best
            start = (1, int(box.role == "data"))
            length[box.id] = start if best is None else (length[best][0] + 1, length[best][1])
        ends = [box.id for box in self.boxes if not self.out_of[box.id]] or [box.id for box in self.boxes]
        step: str | None = max(ends, key=lambda end: length[end], default=None)
        trunk: list[str] = []
        while step is not None:
            trunk.append(step)
            step = before[step]
        return tuple(reversed(trunk))

    @cached_property
    def on_trunk(self) -> frozenset[str]:
        """The ids of `trunk`."""
        return frozenset(self.trunk)

    def line_of(self, box: str) -> str:
        """Return the straight line of a box, by its id: "trunk", "return" for that of the backward side, or ""."""
        if self.view == "difference":  # Graphviz fails at a straight line that arrows of removed nodes cross
            return ""
        if box in self.on_trunk:
            return "trunk"
        return "return" if any(a in self.on_trunk for a, b in self.pairs if b == box) else ""

    @cached_property
    def ranks(self) -> int:
        """The number of boxes one after another on the longest way."""
        return len(self.trunk)

"""Where the boxes live: each entry into a scope is a place of its own, and a time step gets a card of its own.

A record knows scopes by name alone. So calls that follow one another under the same name are one
occurrence, and a name that comes back after other calls is another one, titled "cell (2)". Because an occurrence
is a stretch of the execution order, a card that stands for it never lies on a cycle.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from tinygraph.drawing.text import clean, clip
from tinygraph.graph import Graph, Node

__all__ = ["Path", "Scope", "call_places", "common", "input_places"]


@dataclass(frozen=True)
class Scope:
    """One occurrence of a scope.

    Attributes:
        key: its place in order of first use, unique in a graph.
        names: its name and those of the scopes around it, outermost first.
        title: what is written on it.
    """

    key: int
    names: tuple[str, ...]
    title: str

    def answers_to(self, name: str) -> bool:
        """Whether a user who says `name` may mean this one: by its name, its path "model/layer 1", or its title."""
        return name in {self.names[-1], "/".join(self.names), self.title}


Path = tuple[Scope, ...]


def call_places(graph: Graph) -> dict[int, Path]:
    """For every call, by index, the occurrences it stands in, outermost first."""
    places: dict[int, Path] = {}
    current: Path = ()
    seen: Counter[tuple[str, ...]] = Counter()
    made = 0
    for node in graph.nodes:
        if node.is_input:
            continue
        kept = 0
        while kept < min(len(current), len(node.scope)) and current[kept].names[-1] == node.scope[kept]:
            kept += 1
        current = current[:kept]
        for depth in range(kept + 1, len(node.scope) + 1):
            names = node.scope[:depth]
            seen[names] += 1
            title = clip(clean(names[-1])) or "scope"
            current += (Scope(made, names, title if seen[names] == 1 else f"{title} ({seen[names]})"),)
            made += 1
        places[node.index] = current
    return places


def input_places(graph: Graph, places: dict[int, Path]) -> dict[int, Path]:
    """An input stands in the innermost occurrence that has all its consumers; data that comes from outside, outside."""
    found: dict[int, Path] = {}
    for node in graph.inputs:
        used_in = [places[consumer.index] for consumer in graph.consumers(node)]
        found[node.index] = common(used_in) if used_in and not _enters_from_outside(node, graph) else ()
    return found


def _enters_from_outside(node: Node, graph: Graph) -> bool:
    """Whether it is the data that the whole computation starts with: the first one that is used, by one call alone."""
    data = [n for n in graph.inputs if not n.requires_grad]
    return bool(data) and data[0] is node and len(graph.consumers(node)) == 1


def common(paths: list[Path]) -> Path:
    """The part that all paths start with."""
    shared = paths[0]
    for path in paths[1:]:
        length = 0
        while length < min(len(shared), len(path)) and shared[length] == path[length]:
            length += 1
        shared = shared[:length]
    return shared

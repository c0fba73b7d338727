"""The passes of a training step: the section of each call, and what the calls stand for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tinygraph.graph import Graph, Node

__all__ = ["Passes", "has_columns"]


@dataclass(frozen=True)
class Passes:
    """The parts of a training step.

    Attributes:
        sections: the section of each call, "forward", "backward" or "update", by its index.
        differentiated: the call that a call of the backward pass differentiates, by their indices. Where it is not
            given, it is the last forward call on the same place of the user's code.
        updates: the input that each new value replaces, by their indices.
    """

    sections: Mapping[int, str] = field(default_factory=dict)
    differentiated: Mapping[int, int] = field(default_factory=dict)
    updates: Mapping[int, int] = field(default_factory=dict)

    def of(self, node: Node) -> str:
        """Return the section of a node; "given" for an input."""
        return "given" if node.is_input else self.sections.get(node.index, "forward")


def has_columns(graph: Graph, passes: Passes) -> bool:
    """Return whether a graph has a forward and a backward pass."""
    found = {passes.of(node) for node in graph.nodes}
    return {"forward", "backward"} <= found

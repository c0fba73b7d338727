"""The first value that is not finite, and the values that it spoilt."""

from __future__ import annotations

from tinygraph.drawing.words.facts import nonfinite_text
from tinygraph.graph import Graph, Node
from tinygraph.users_code.source import place

__all__ = ["diagnose", "line_text"]


def diagnose(graph: Graph) -> tuple[int | None, frozenset[int]]:
    """Return the index of the first node with a NaN or an ∞, and the indices of all that have one.

    A value that the record did not keep counts as spoilt where it stands between two that are.
    """
    spoilt = {node.index for node in graph.nodes if nonfinite_text(node.value)}
    if not spoilt:
        return None, frozenset()
    origin = min(spoilt)
    reached = set(spoilt)
    for node in graph.nodes:
        if node.value is None and any(o.index in reached for o in node.operands):
            reached.add(node.index)
    leads_on: set[int] = set(spoilt)
    for node in reversed(graph.nodes):
        if node.index in leads_on:
            leads_on.update(o.index for o in node.operands if o.value is None and o.index in reached)
    return origin, frozenset(reached & leads_on)


def line_text(node: Node) -> str:
    """Return the line of the user's code, "train.py:31" or "cell 12, line 2"; "" if the record has none."""
    source = node.source
    return place(str(source.file).replace("\\", "/"), source.line) if source is not None and source.of_user else ""

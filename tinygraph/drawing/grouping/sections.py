"""A graph under other names, and with its calls in sections: "forward", "backward", "update" of a training step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tinygraph.engine.nested import mapped
from tinygraph.graph import Graph, Node

__all__ = ["sectioned"]


def sectioned(graph: Graph, sections: Mapping[int, str], names: Mapping[int, str]) -> Graph:
    """Return the graph with a scope around the calls of each section, outside the scopes they were made in.

    Args:
        graph: any graph.
        sections: the name of each call's section, by the index of the call; a call without one is in no section.
        names: new names of nodes, by the index of the node.
    """
    made: dict[int, Node] = {}
    for node in graph.nodes:
        args, kwargs = mapped(
            (node.args, node.kwargs), lambda item: made[item.index] if isinstance(item, Node) else item
        )
        inside = () if node.is_input or node.index not in sections else (sections[node.index],)
        made[node.index] = replace(
            node, args=args, kwargs=kwargs, scope=inside + node.scope, name=names.get(node.index, node.name)
        )
    return Graph(tuple(made.values()), tuple(made[output.index] for output in graph.outputs))

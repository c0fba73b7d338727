"""A collapsed layer as a graph of its own, to look inside."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from tinygraph.graph import Graph, Node

__all__ = ["part"]


def part(graph: Graph, members: Iterable[Node], names: dict[int, str]) -> Graph:
    """Return the subgraph of `members`. Values from outside become inputs, values used outside are outputs.

    Values keep their names in the whole graph, `names`, so that x₂ stays x₂.
    """
    inside = {node.index for node in members}
    made: dict[int, Node] = {}
    nodes: list[Node] = []
    for node in graph.nodes:
        if node.index in inside:
            args, kwargs = _redirected((node.args, node.kwargs), made)
            made[node.index] = replace(node, args=args, kwargs=kwargs, name=node.name and names[node.index])
        elif any(consumer.index in inside for consumer in graph.consumers(node)):
            own = node.name and names[node.index]
            made[node.index] = replace(node, name=own) if node.is_input else _cut(node, names[node.index])
        else:
            continue
        nodes.append(made[node.index])
    ends = [n for n in graph.nodes if n.index in inside and not n.is_input and _leaves(n, graph, inside)]
    return Graph(tuple(nodes), tuple(made[node.index] for node in ends))


def _cut(node: Node, name: str) -> Node:
    """Return a value from outside as an input."""
    return replace(node, function=None, args=(), kwargs={}, name=name or None, scope=(), requires_grad=False)


def _leaves(node: Node, graph: Graph, inside: set[int]) -> bool:
    consumers = graph.consumers(node)
    return not consumers or graph.role(node) == "output" or any(c.index not in inside for c in consumers)


def _redirected(arguments: Any, made: dict[int, Node]) -> Any:
    """Return the same structure of arguments with the new nodes in place of the old."""
    if isinstance(arguments, Node):
        return made[arguments.index]
    if type(arguments) in (list, tuple):
        return type(arguments)(_redirected(argument, made) for argument in arguments)
    if type(arguments) is dict:
        return {key: _redirected(argument, made) for key, argument in arguments.items()}
    return arguments

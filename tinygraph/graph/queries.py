"""Questions to a graph: the nodes of a kind, the way from one value to another, and the totals of each part."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from tinygraph.engine.scopes import given_name
from tinygraph.engine.table import function_name
from tinygraph.graph.node import Node
from tinygraph.graph.sizes import byte_size, counted
from tinygraph.graph.tables import table_html, table_lines

__all__ = ["Total", "Totals", "heading", "node_called", "nodes_that_answer", "shortest_path", "totals"]


@dataclass(frozen=True)
class Total:
    """The sums of one part of a graph.

    Attributes:
        name: of the part: a scope's path "encoder/layer 1", or a function's name.
        calls: how many calls it has.
        parameters: the numbers in its parameters, each parameter in the part that uses it first.
        nbytes: the bytes of the results of its calls.
    """

    name: str
    calls: int
    parameters: int
    nbytes: int


class Totals(tuple[Total, ...]):
    """The totals of the parts of a graph, which print as a table."""

    __slots__ = ()

    def _rows(self) -> list[tuple[str, str, str, str]]:
        numbers = [(t.name or "(no scope)", f"{t.calls:,}", f"{t.parameters:,}", byte_size(t.nbytes)) for t in self]
        whole = [sum(getattr(t, key) for t in self) for key in ("calls", "parameters", "nbytes")]
        return [
            ("", "calls", "parameters", "bytes"),
            *numbers,
            ("total", f"{whole[0]:,}", f"{whole[1]:,}", byte_size(whole[2])),
        ]

    def __str__(self) -> str:
        """Return a table, a line a part."""
        return "\n".join(table_lines(self._rows()))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head, *rows = self._rows()
        return table_html(head, rows, texts=1)


def heading(graph: Any) -> str:
    """Return the size of a graph: "6 nodes: 2 inputs and 4 calls; 2 parameters, 32 B of results"."""
    inputs, calls = len(graph.inputs), sum(not node.is_input for node in graph.nodes)
    parameters = sum(node.size for node in graph.parameters)
    size = byte_size(sum(node.nbytes for node in graph.nodes if not node.is_input))
    numbers = [counted(inputs, "input"), counted(calls, "call"), counted(parameters, "parameter")]
    return f"{counted(len(graph), 'node')}: {numbers[0]} and {numbers[1]}; {numbers[2]}, {size} of results"


# --- finding ----------------------------------------------------------------------------------------------------------


def nodes_that_answer(
    graph: Any, op: Any, name: str | None, scope: str | None, shape: Sequence[int | None] | None, role: str | None,
    where: Callable[[Node], bool] | None,
) -> tuple[Node, ...]:  # fmt: skip
    """Return the nodes that answer to all that is given; see `Graph.find`."""
    wanted = op if op is None or isinstance(op, str) else function_name(op)
    if role is not None and role not in ("parameter", "data", "intermediate", "output"):
        raise ValueError(f"find: role is one of parameter, data, intermediate and output, got {role!r}")
    return tuple(
        [
            node
            for node in graph.nodes
            if (wanted is None or _is_called(node.op, wanted))
            and (name is None or (node.name is not None and _is_called(node.name, name)))
            and (scope is None or _is_in(node, scope))
            and (shape is None or _has_shape(node, shape))
            and (role is None or graph.role(node) == role)
            and (where is None or where(node))
        ]
    )


def _is_called(text: str, pattern: str) -> bool:
    return text == pattern or fnmatchcase(text, pattern)


def _is_in(node: Node, scope: str) -> bool:
    """Return whether a node is in a scope: by its name, by the user's name for it, or by a path of either."""
    for names in (node.scope, tuple(map(given_name, node.scope))):
        if any(_is_called(each, scope) for each in names):
            return True
        if any(_is_called("/".join(names[:end]), scope) for end in range(1, len(names) + 1)):
            return True
    return False


def _has_shape(node: Node, shape: Sequence[int | None]) -> bool:
    return len(node.shape) == len(shape) and all(
        size in (None, -1, own) for own, size in zip(node.shape, shape, strict=True)
    )


def node_called(graph: Any, item: Any, call: str) -> Any:
    """Return the node that is meant by a name, an index or a node.

    Raises:
        KeyError: no node has the name, or several have.
        IndexError: there are not so many nodes.
        TypeError: the item is of another kind.
    """
    if isinstance(item, Node):
        if item.index < len(graph) and graph.nodes[item.index] is item:
            return item
        raise KeyError(f"{call}: {item!r} is a node of another graph")
    if isinstance(item, str):
        named = [node for node in graph.nodes if node.name == item]
        if len(named) == 1:
            return named[0]
        known = ", ".join(dict.fromkeys(node.name for node in graph.nodes if node.name)) or "none"
        told = f"{len(named)} nodes are called {item!r}: {', '.join(map(repr, named))}. Give one of them"
        raise KeyError(f"{call}: {told}" if named else f"{call}: no node is called {item!r}. Names: {known}")
    if not isinstance(item, int | np.integer):
        raise TypeError(f"{call}: a node, its name or its index is needed, got {type(item).__name__}")
    return graph.nodes[int(item)]


# --- ways and totals --------------------------------------------------------------------------------------------------


def shortest_path(graph: Any, start: Node, end: Node) -> tuple[Node, ...]:
    """Return the nodes of a shortest way along which `end` was computed from `start`, both included.

    Raises:
        ValueError: `end` was not computed from `start`.
    """
    before: dict[int, Node | None] = {start.index: None}
    queue = deque([start])
    while queue and end.index not in before:
        node = queue.popleft()
        for consumer in graph.consumers(node):
            if consumer.index not in before:
                before[consumer.index] = node
                queue.append(consumer)
    if end.index not in before:
        turned = f"; {start!r} may come of {end!r}" if start.index > end.index else ""
        raise ValueError(f"path: {end!r} was not computed from {start!r}{turned}")
    way: list[Node] = []
    step: Node | None = end
    while step is not None:
        way.append(step)
        step = before[step.index]
    return tuple(reversed(way))


def totals(graph: Any, by: str, depth: int | None) -> Totals:
    """Return the totals of a graph's parts; see `Graph.totals`."""
    if by not in ("scope", "op"):
        raise ValueError(f'totals: by is "scope" or "op", got {by!r}')
    sums: dict[str, list[int]] = {}

    def part(node: Node) -> str:
        return node.op if by == "op" else "/".join(node.scope[:depth])

    for node in graph.nodes:
        if not node.is_input:
            sums.setdefault(part(node), [0, 0, 0])
            sums[part(node)][0] += 1
            sums[part(node)][2] += node.nbytes
    for node in graph.parameters:
        users = graph.consumers(node)
        if users:
            sums[part(users[0])][1] += node.size
        else:
            sums.setdefault("" if by == "scope" else node.op, [0, 0, 0])[1] += node.size
    return Totals(Total(name, *numbers) for name, numbers in sums.items())

"""A graph as text: a line for each node, with its arguments as a person would write them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tinygraph.bidirectional import TURNING, isolated
from tinygraph.engine.links import Like
from tinygraph.engine.places import Place
from tinygraph.graph.names import numbered
from tinygraph.graph.node import Node
from tinygraph.users_code.source import own_line

__all__ = ["argument_text", "written"]


def written(nodes: Sequence[Node], outputs: Sequence[Node], roles: Mapping[int, str]) -> str:
    """Return a line for each node: its name, its call, its shape and dtype.

    Args:
        nodes: in execution order.
        outputs: the nodes in the last line.
        roles: the role of each node, by its index; see `Graph.role`.
    """
    called = {node.index: _called(node, roles[node.index]) for node in nodes}
    names = _names(nodes)
    width = max((len(name) for name in names.values()), default=0)
    call_width = min(max((len(text) for text in called.values()), default=0), 48)
    lines = []
    for node in nodes:
        note = "  ".join(filter(None, ("/".join(node.scope), own_line(node.source))))
        shape = f"{node.dtype}{list(node.shape)}"
        lines.append(f"{names[node.index]:<{width}} = {called[node.index]:<{call_width}}  {shape:<16}  {note}".rstrip())
    returned = ", ".join(names[output.index] for output in outputs)
    return "\n".join(map(isolated, [*lines, f"return {returned}"]))


def _names(nodes: Sequence[Node]) -> dict[int, str]:
    """Return the names on the left of the lines: "%3 hidden"."""
    straight = {ord(sign): None for sign in TURNING}
    words = {node.index: node.name.translate(straight).split() for node in nodes if node.name is not None}
    own = numbered({index: " ".join(name) for index, name in words.items()})
    return {node.index: f"%{node.index} {own.get(node.index, '')}".rstrip() for node in nodes}


def _called(node: Node, role: str) -> str:
    """Return the call of a node as a person would write it; the role of an input."""
    if node.is_input:
        return role if role != "output" else "input"
    arguments = [argument_text(item) for item in node.args]
    for position, (name, item) in enumerate(zip(node.argument_names, node.args, strict=False)):
        if name is not None and isinstance(item, np.ndarray | Like) and item.size > 4:
            arguments[position] = f"{name}: {arguments[position]}"
    arguments += [f"{key}={argument_text(item)}" for key, item in node.kwargs.items()]
    return f"{node.op}({', '.join(arguments)})"


def argument_text(item: Any) -> str:
    """Return an argument as a person would write it; an array as its dtype and shape."""
    if isinstance(item, Node):
        return f"%{item.index}"
    if isinstance(item, np.ndarray) and item.size > 4:
        return f"{item.dtype}{list(item.shape)}"
    if isinstance(item, np.ndarray | np.generic):
        return str(item.tolist())
    if isinstance(item, tuple | list):
        inside = ", ".join(argument_text(part) for part in item)
        return f"({inside})" if isinstance(item, tuple) else f"[{inside}]"
    if isinstance(item, slice):
        ends = ["" if end is None else str(end) for end in (item.start, item.stop)]
        return ":".join(ends if item.step is None else [*ends, str(item.step)])
    if item is Ellipsis:
        return "..."
    if isinstance(item, Place):
        return item.text(argument_text)
    if hasattr(item, "shape") and hasattr(item, "dtype"):
        return f"{item.dtype}{list(item.shape)}"
    return repr(item)

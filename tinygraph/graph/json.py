"""A graph as JSON that any reader of JSON can read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tinygraph.graph.node import Node
from tinygraph.graph.text import argument_text

__all__ = ["document"]


def document(nodes: Sequence[Node], outputs: Sequence[Node], roles: Mapping[int, str]) -> dict[str, Any]:
    """Return the graph as nested dicts and lists of JSON's types.

    Args:
        nodes: in execution order.
        outputs: the graph's outputs.
        roles: the role of each node, by its index; see `Graph.role`.
    """
    described = [
        {
            "index": node.index,
            "op": node.op,
            "name": node.name,
            "role": roles[node.index],
            "args": _as_json(node.args),
            "kwargs": _as_json(node.kwargs),
            "shape": list(node.shape),
            "dtype": str(node.dtype),
            "scope": list(node.scope),
            "source": None if node.source is None else f"{node.source.file}:{node.source.line}",
        }
        for node in nodes
    ]
    return {"format": "tinygraph", "nodes": described, "outputs": [output.index for output in outputs]}


def _as_json(item: Any) -> Any:
    if isinstance(item, Node):
        return {"node": item.index}
    if isinstance(item, dict):
        return {str(key): _as_json(part) for key, part in item.items()}
    if isinstance(item, tuple | list):
        return [_as_json(part) for part in item]
    if isinstance(item, np.ndarray | np.generic):
        return _as_json(item.tolist())
    if isinstance(item, complex):
        return {"real": _as_json(item.real), "imag": _as_json(item.imag)}
    if isinstance(item, float) and not np.isfinite(item):
        return "NaN" if np.isnan(item) else "Infinity" if item > 0 else "-Infinity"
    if item is None or isinstance(item, bool | int | float | str):
        return item
    return argument_text(item)

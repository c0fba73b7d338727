"""A graph in a notebook: its size, and a table of its nodes."""

from __future__ import annotations

from html import escape
from typing import Any

from tinygraph.bidirectional import isolated
from tinygraph.graph.node import Node
from tinygraph.graph.queries import heading
from tinygraph.graph.sizes import counted
from tinygraph.graph.tables import table_html
from tinygraph.graph.text import argument_text
from tinygraph.users_code.source import own_line

__all__ = ["MOST_ROWS", "graph_html"]

# A notebook shows so many nodes; `print` shows all.
MOST_ROWS = 60


def graph_html(graph: Any) -> str:
    """Return the size of a graph, and a table with a row for each node."""
    rows = [_row(graph, node) for node in graph.nodes[:MOST_ROWS]]
    more = len(graph) - len(rows)
    rest = f"<p>and {counted(more, 'more node')}; print(graph) shows all</p>" if more else ""
    head = ("", "name", "call", "scope", "line", "shape", "dtype")
    return f"<p>{escape(heading(graph))}</p>{table_html(head, rows, texts=5)}{rest}"


def _row(graph: Any, node: Node) -> tuple[str, ...]:
    called = graph.role(node) if node.is_input else f"{node.op}({', '.join(map(argument_text, node.args))})"
    texts = (f"%{node.index}", node.name or "", called, "/".join(node.scope), own_line(node.source))
    return (*map(isolated, texts), str(list(node.shape)), str(node.dtype))

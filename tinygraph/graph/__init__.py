"""The record as a program: nodes in execution order, read by whoever draws, compiles, exports or counts."""

from tinygraph.graph.graph import Graph, read_graph
from tinygraph.graph.names import numbered
from tinygraph.graph.node import Node, nodes_in

__all__ = ["Graph", "Node", "nodes_in", "numbered", "read_graph"]

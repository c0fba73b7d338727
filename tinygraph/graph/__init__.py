"""The record as a program: nodes in execution order, read by whoever draws, compiles, exports or counts."""

from tinygraph.graph.difference import Change, Difference
from tinygraph.graph.graph import Graph, count_nodes, read_graph
from tinygraph.graph.names import numbered
from tinygraph.graph.node import Node, nodes_in

__all__ = ["Change", "Difference", "Graph", "Node", "count_nodes", "nodes_in", "numbered", "read_graph"]

"""The record as a program: nodes in execution order, read by whoever draws, compiles, exports or counts.

node              an input, or one call of a function
graph             the nodes in execution order, with inputs and outputs
reading           the record of Tensors, read into nodes
surroundings      the user's names of values: variables, attributes, items
names             names that several nodes share, made different by a number
queries           the nodes of a kind, the way from one value to another, totals
gradients         gradients that a backward pass freed, computed again
pullback          the backward step of one call, made again
replay            values that the record did not keep, and the times of calls
difference        the nodes that two graphs have in common, and those they do not

step_words        calls as words: where the same words follow one another, steps may be equal
step_operands     the operands of such steps
runs              the places where a list of words repeats itself
repeats           steps of the same structure that follow one another

text              a graph as text, a line for each node
json              a graph as JSON
notebook          a graph in a notebook
tables            tables, as text and for notebooks
sizes             bytes and counts in words
"""

from tinygraph.graph.difference import Change, Difference
from tinygraph.graph.graph import Graph, count_nodes, read_graph
from tinygraph.graph.names import numbered
from tinygraph.graph.node import Node, nodes_in
from tinygraph.graph.surroundings import GivenName

__all__ = ["Change", "Difference", "GivenName", "Graph", "Node", "count_nodes", "nodes_in", "numbered", "read_graph"]

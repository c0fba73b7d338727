"""Program: one run of a function as a graph, with its arguments, its state and its results."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tinygraph.graph import Graph, Node

__all__ = ["Program", "Variable"]


@dataclass(frozen=True, eq=False)
class Variable:
    """A value that outlives the call: a parameter, an optimiser's moment, a counter.

    Attributes:
        node: the graph's input that stands for the value at the start of the call.
        name: its name in the program.
        updated: the node whose value it has at the end, or None where the call only reads it.
    """

    node: Node
    name: str
    updated: Node | None = None


@dataclass(frozen=True, eq=False)
class Program:
    """A program to be compiled: a graph, and the meaning of its inputs and outputs.

    Attributes:
        graph: every node in execution order; its outputs are the nodes in `results`, then the new values of the
            arguments in `written`, then those of variables.
        arguments: the inputs that the caller gives at each call, in order.
        variables: the inputs that are state.
        results: what the call returns: a nest of tuples, lists and dicts, with a `Node` wherever a value was computed.
        sections: by a node's index "forward", "backward" or "update"; a node that is not listed is "forward".
        differentiated: by the index of a call in the backward pass the index of the call that it differentiates, where
            that is known.
        generators: the generators that random draws come from; a node that draws has a function of `tinygraph.draws`
            and names the generator by its position here in its first argument.
        numbers: what the user's code calls a number that it computes with, "learning_rate", by the number.
        reckoned: by the position of an argument the text of what Python computes for it before each call, from ints
            that change: "1 / (t + 1)".
        twin: a program of the same function whose `while` loops were repeated another number of times, if that is all
            that differs: then a condition ends the loops.
        quiet: the floating-point errors, "divide" or "over", that the function says nothing about, by `np.errstate`.
        written: the arguments that the function writes into, each with the node of its new values.
    """

    graph: Graph
    arguments: tuple[Node, ...]
    variables: tuple[Variable, ...] = ()
    results: Any = None
    sections: dict[int, str] = field(default_factory=dict)
    differentiated: dict[int, int] = field(default_factory=dict)
    generators: tuple[Any, ...] = ()
    numbers: dict[float, str] = field(default_factory=dict)
    reckoned: dict[int, str] = field(default_factory=dict)
    quiet: frozenset[str] = frozenset()
    written: tuple[tuple[Node, Node], ...] = ()
    twin: Program | None = None

    def updates_in(self, graph: Graph) -> dict[int, str]:
        """Return the names of the new values of variables in a picture of this program's graph, or of a rewritten one:
        "w, updated", by their index.
        """
        changed = [node.name for node, _ in self.written]
        changed += [variable.name for variable in self.variables if variable.updated is not None]
        ends = graph.outputs[len(graph.outputs) - len(changed) :]
        return {end.index: f"{name}, updated" for name, end in zip(changed, ends, strict=True) if not end.is_input}

    def replaced_in(self, graph: Graph) -> dict[int, int]:
        """Return the input that each new value replaces, in this program's graph or in a rewritten one, by indices."""
        place = {node.index: place for place, node in enumerate(self.arguments)}
        place |= {each.node.index: len(self.arguments) + place for place, each in enumerate(self.variables)}
        changed = [node for node, _ in self.written]
        changed += [variable.node for variable in self.variables if variable.updated is not None]
        ends = graph.outputs[len(graph.outputs) - len(changed) :]
        own = graph is self.graph
        return {
            end.index: node.index if own else place[node.index]
            for node, end in zip(changed, ends, strict=True)
            if not end.is_input
        }

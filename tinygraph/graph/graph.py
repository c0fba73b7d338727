"""The record as a program: nodes in execution order, for pictures, compiling, export and counting.

A `Graph` is a photograph of Tensors. Later changes of the Tensors do not change it. Its readers know nothing of Tensors
or of each other.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import FrameType
from typing import TYPE_CHECKING, Any

from tinygraph.engine.links import number_below
from tinygraph.engine.tensor import Tensor
from tinygraph.graph.json import document
from tinygraph.graph.node import Node
from tinygraph.graph.notebook import graph_html
from tinygraph.graph.queries import Totals, heading, node_called, nodes_that_answer, shortest_path, totals
from tinygraph.graph.reading import read
from tinygraph.graph.text import written

if TYPE_CHECKING:
    import networkx

__all__ = ["Graph", "count_nodes", "read_graph"]


@dataclass(frozen=True, eq=False)
class Graph:
    """The program that computed some outputs.

    Build one with `Graph.of(c)`; `print(graph)` shows one line a node.

    Attributes:
        nodes: every node, in execution order.
        outputs: the nodes of the requested Tensors, in their order.
    """

    nodes: tuple[Node, ...]
    outputs: tuple[Node, ...]
    _consumers: dict[int, tuple[Node, ...]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, *outputs: Tensor) -> Graph:
        """Return the graph of everything that `outputs` were computed from.

        Args:
            outputs: Tensors of any shape.

        Raises:
            TypeError: an output is not a Tensor.
            ValueError: no output was given.
        """
        return read_graph(outputs, sys._getframe(1))

    @cached_property
    def inputs(self) -> tuple[Node, ...]:
        """The nodes that no call computed, in the order of their first use."""
        return tuple(node for node in self.nodes if node.is_input)

    @property
    def parameters(self) -> tuple[Node, ...]:
        """The inputs that require a gradient."""
        return tuple(node for node in self.inputs if node.requires_grad)

    @property
    def scopes(self) -> tuple[tuple[str, ...], ...]:
        """Every scope of the nodes, in the order of first use, parents before children."""
        seen: dict[tuple[str, ...], None] = {}
        for node in self.nodes:
            for depth in range(1, len(node.scope) + 1):
                seen.setdefault(node.scope[:depth])
        return tuple(seen)

    def consumers(self, node: Node) -> tuple[Node, ...]:
        """Return the nodes that have `node` among their operands, each once, in execution order."""
        if not self._consumers:
            found: dict[int, dict[int, Node]] = {n.index: {} for n in self.nodes}
            for consumer in self.nodes:
                for operand in consumer.operands:
                    found[operand.index][consumer.index] = consumer
            self._consumers.update({index: tuple(users.values()) for index, users in found.items()})
        return self._consumers[node.index]

    def role(self, node: Node) -> str:
        """ "output", "parameter" (an input that requires a gradient), "data" (another input) or "intermediate"."""
        if any(node is output for output in self.outputs):
            return "output"
        if node.is_input:
            return "parameter" if node.requires_grad else "data"
        return "intermediate"

    # --- questions --------------------------------------------------------------------------------------------------

    def find(
        self, op: Any = None, *, name: str | None = None, scope: str | None = None,
        shape: Sequence[int | None] | None = None, role: str | None = None,
        where: Callable[[Node], bool] | None = None,
    ) -> tuple[Node, ...]:  # fmt: skip
        """Return the nodes that answer to all that is given, in execution order.

            graph.find(np.matmul, scope="encoder")
            graph.find(name="W*", shape=(None, 10))

        Args:
            op: a function, or its name as it is written after `np.`: "multiply", "linalg.*".
            name: of the value; `*` and `?` stand for any letters.
            scope: a scope that the call was made in, by its name or its path "encoder/layer 1", also with `*`.
            shape: the sizes of the value's axes; None or -1 for any size.
            role: "parameter", "data", "intermediate" or "output".
            where: any other question to a node, such as `lambda node: node.nbytes > 1e6`.

        Raises:
            ValueError: there is no such role.
        """
        return nodes_that_answer(self, op, name, scope, shape, role, where)

    def __getitem__(self, item: int | str | Node) -> Node:
        """Return the node with this name, or at this place in execution order.

        Raises:
            KeyError: no node has the name, or several have.
            IndexError: there are not so many nodes.
        """
        found: Node = node_called(self, item, "Graph")
        return found

    def path(self, start: int | str | Node, end: int | str | Node) -> tuple[Node, ...]:
        """Return the nodes of a shortest way along which `end` was computed from `start`, both included.

        Args:
            start, end: nodes, or their names or indices.

        Raises:
            ValueError: `end` was not computed from `start`.
            KeyError, IndexError: there is no such node.
        """
        return shortest_path(self, node_called(self, start, "path"), node_called(self, end, "path"))

    def totals(self, by: str = "scope", depth: int | None = None) -> Totals:
        """Return the calls, parameters and bytes of each part, as a tuple that prints as a table.

        Args:
            by: "scope", or "op" for the functions.
            depth: how many scopes deep the parts are; None for the innermost ones.

        Raises:
            ValueError: `by` is something else.
        """
        return totals(self, by, depth)

    def __len__(self) -> int:
        return len(self.nodes)

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def __str__(self) -> str:
        """Return one line a node: its name, its call, its shape and dtype."""
        return written(self.nodes, self.outputs, self._roles())

    def __repr__(self) -> str:
        return f"<Graph of {heading(self)}>"

    def _repr_html_(self) -> str:
        """Return the graph for a notebook: its size, and a table with a row for each node."""
        return graph_html(self)

    def to_json(self, indent: int | None = None) -> str:
        """Return the graph as JSON: a list of nodes in execution order, and the indices of the outputs.

        Values are left out; a node's constants are in its arguments, arrays as nested lists. NaN and infinities
        become the strings "NaN", "Infinity" and "-Infinity", so that any reader of JSON can read it.
        """
        return json.dumps(document(self.nodes, self.outputs, self._roles()), indent=indent, allow_nan=False)

    def _roles(self) -> dict[int, str]:
        return {node.index: self.role(node) for node in self.nodes}

    def to_networkx(self) -> networkx.MultiDiGraph:
        """Return the graph as a `networkx.MultiDiGraph`: nodes by index with their facts, an edge for each operand.

        A MultiDiGraph is a DiGraph that can hold `x * x`, two edges between the same two nodes.

        Raises:
            ImportError: networkx is not installed.
        """
        try:
            import networkx
        except ImportError:
            raise ImportError(
                "Graph.to_networkx needs networkx, which is not installed: pip install networkx"
            ) from None

        found = networkx.MultiDiGraph()
        for node in self.nodes:
            found.add_node(
                node.index, op=node.op, name=node.name, role=self.role(node), shape=node.shape,
                dtype=str(node.dtype), scope=node.scope,
            )  # fmt: skip
        for node in self.nodes:
            for position, operand in enumerate(node.operands):
                found.add_edge(operand.index, node.index, position=position)
        return found


def count_nodes(outputs: Iterable[Any]) -> int:
    """Return the number of nodes of the graph of some outputs, without building it; what is no Tensor counts 0."""
    return number_below([output._link for output in outputs if isinstance(output, Tensor)])


def read_graph(outputs: Iterable[Any], frame: FrameType | None) -> Graph:
    """Return the graph of everything that `outputs` were computed from.

    Args:
        outputs: Tensors.
        frame: the frame with the variables that name them; usually the caller's.
    """
    return Graph(*read(outputs, frame))

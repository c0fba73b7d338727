"""The union of two graphs: the new one, and in their places the nodes that the old one had beside it."""

from __future__ import annotations

from dataclasses import replace

from tinygraph.engine.nested import mapped
from tinygraph.graph import Difference, Graph, Node

__all__ = ["Union"]


class Union:
    """Both graphs in one: the new one, and in their places the nodes that the old one had beside it.

    Attributes:
        graph: both.
        of_new, of_old: the node for each node of the new graph, and of the old one, by the index there.
        origins: each node with 1 and its index in the new graph, or with 0 and its index in the old one.
        removed_into: pairs of a removed node and one that read it and is still there.
    """

    def __init__(self, difference: Difference) -> None:
        self.difference = difference
        pairs = [*difference.kept, *[(change.old, change.new) for change in difference.changed]]
        to_new = {old.index: new.index for old, new in pairs}
        to_old = {new: old for old, new in to_new.items()}
        gone = {node.index for group in difference.removed for node in group}
        self.of_new: dict[int, Node] = {}
        self.of_old: dict[int, Node] = {}
        self.nodes: list[Node] = []
        self.origins: list[tuple[Node, int, int]] = []
        waiting = iter(difference.old.nodes)
        passed: set[int] = set()
        late: list[Node] = []
        for node in difference.new.nodes:
            self.of_new[node.index] = self._add(node, 1, self.of_new)
            if node.index in to_old:
                self.of_old[to_old[node.index]] = self.of_new[node.index]
                while to_old[node.index] not in passed and (other := next(waiting, None)) is not None:
                    passed.add(other.index)
                    if other.index in gone:
                        late.append(other)
                late = self._add_removed(late)
        late += [other for other in waiting if other.index in gone]
        while late:
            late = self._add_removed(late)
        self.graph = Graph(tuple(self.nodes), tuple(self.of_new[o.index] for o in difference.new.outputs))
        self.removed_into = [
            (self.of_old[operand.index], self.of_old[node.index])
            for node in difference.old.nodes if node.index not in gone
            for operand in node.operands if operand.index in gone
        ]  # fmt: skip

    def _add(self, node: Node, side: int, known: dict[int, Node]) -> Node:
        """Add a node of one side, without its values, whose operands are known."""
        args, kwargs = mapped((node.args, node.kwargs), lambda n: known[n.index] if isinstance(n, Node) else n)
        made = replace(node, index=len(self.nodes), args=args, kwargs=kwargs, value=None, grad=None, grad_freed=False)
        self.nodes.append(made)
        self.origins.append((made, side, node.index))
        return made

    def _add_removed(self, nodes: list[Node]) -> list[Node]:
        """Add the removed nodes whose operands are there; return the others."""
        left = []
        for node in nodes:
            if all(operand.index in self.of_old for operand in node.operands):
                self.of_old[node.index] = self._add(node, 0, self.of_old)
            else:
                left.append(node)
        return left

"""Groups of the backward pass: the calls that share one box, and the forward box beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tinygraph.drawing.grouping.repeats import LoopName, is_of_loop
from tinygraph.drawing.scenes.passes import Passes
from tinygraph.drawing.scenes.scene import Box
from tinygraph.graph import Graph, Node

__all__ = ["BackwardGroups", "is_loop"]


def is_loop(group: str) -> bool:
    """Return whether a group is a loop of the backward pass."""
    return group.startswith("q")


def _is_layer(row: str) -> bool:
    """Return whether a forward box is a closed scope."""
    return row.startswith("s")


class BackwardGroups:
    """The groups of a backward pass.

    The id of a group begins with "q" for a loop, with "r" for the calls after the loop in a row, and else with "p".

    Attributes:
        group_of: the group of each call of the backward pass, by the index of the call.
        row_of_group: the forward box in the row of each group; "" or missing for a group without a row.
        loop_in_row: the loop of the backward pass in the row of a forward box.
    """

    def __init__(self, graph: Graph, passes: Passes, forward: Sequence[Box], row_of: Mapping[int, str]) -> None:
        """Group the calls.

        Args:
            graph: of the whole step.
            passes: its parts.
            forward: the boxes of the forward pass, in execution order.
            row_of: the forward box that has a call, by the index of the call.
        """
        self._graph, self._passes, self._row_of = graph, passes, row_of
        self._by_index = {node.index: node for node in graph.nodes}
        self._positions = {box.id: position for position, box in enumerate(forward)}
        self._position_of_group: dict[str, int] = {}
        self._group_of_loop: dict[str, str] = {}
        self.group_of: dict[int, str] = {}
        self.row_of_group: dict[str, str] = {}
        self._group_calls()
        self._group_others()
        self.loop_in_row = {self.row_of_group[group]: group for group in self.group_of.values() if is_loop(group)}
        self._split_around_loops()

    def _group_calls(self) -> None:
        """Group each call with those that differentiate the same forward box; "" where that is not known."""
        last_on_line: dict[int, int] = {}  # the last forward call on a line of the user's code
        for node in self._graph.nodes:
            if self._passes.of(node) == "forward" and node.source is not None and not is_of_loop(node):
                last_on_line[id(node.source)] = node.index
        for node in self._graph.nodes:
            if self._passes.of(node) != "backward":
                continue
            called = self._passes.differentiated.get(node.index, last_on_line.get(id(node.source), -1))
            row = self._row_of.get(called, "")
            loop = next((name for name in node.scope if isinstance(name, LoopName)), None)
            if loop is not None:
                self._add_to_loop(node, loop, row)
            else:
                self.group_of[node.index] = group = self._group_beside(node, row)
                self._position_of_group.setdefault(group, self._position(row))

    def _position(self, row: str) -> int:
        """Return the position of a forward box among all."""
        return self._positions.get(row, -1)

    def _add_to_loop(self, node: Node, loop: str, row: str) -> None:
        """Group a call with the others of its loop, whose row is the closed loop of the forward pass."""
        group = self._group_of_loop.setdefault(loop, f"q{node.index}")
        self.group_of[node.index] = group
        self.row_of_group[group] = self.row_of_group.get(group) or (row if _is_layer(row) else "")
        last = self._position_of_group.get(group, len(self._positions))
        self._position_of_group[group] = min(last, self._position(row))

    def _group_beside(self, node: Node, row: str) -> str:
        """Return the group of a call that differentiates a call in a forward box."""
        if not row:
            return ""
        before = [group for operand in node.operands if (group := self.group_of.get(operand.index))]
        first = min(before, key=self._position_of_group.__getitem__, default="")
        if first and self._position_of_group[first] < self._position(row):
            return first  # a rewrite made it of another call: gradients flow upwards
        group = f"p_{row}"
        if self._adds_up(node, group) and not _is_layer(row):
            return f"p{node.index}"
        self.row_of_group[group] = row
        return group

    def _adds_up(self, node: Node, own: str) -> bool:
        """Return whether a call adds the gradients that several groups pass to one value."""
        groups = [self.group_of.get(operand.index) for operand in node.operands]
        return node.op == "add" and len(groups) == 2 and None not in groups and set(groups) != {own}

    def _group_others(self) -> None:
        """Group a call that is not known to differentiate another with its reader, or its operand.

        A call that reads no gradient, and is read by one loop alone, goes into the box of the loop.
        """
        for index in reversed(list(self.group_of)):
            node = self._by_index[index]
            readers = {self.group_of.get(reader.index, "") for reader in self._graph.consumers(node)}
            if len(readers) == 1 and not any(operand.index in self.group_of for operand in node.operands):
                (group,) = readers
                self.group_of[index] = group if is_loop(group) else self.group_of[index]
            if not self.group_of[index]:
                near = [self.group_of.get(n.index, "") for n in (*self._graph.consumers(node), *node.operands)]
                self.group_of[index] = next(filter(None, near), "p")

    def _split_around_loops(self) -> None:
        """Give the calls of a loop's row that read the loop of the backward pass a group after it."""
        after: set[int] = set()
        for index in self.group_of:
            operands = self._by_index[index].operands
            if any(o.index in after or is_loop(self.group_of.get(o.index, "")) for o in operands):
                after.add(index)
        for index, group in self.group_of.items():
            row = self.row_of_group.get(group, "")
            if row in self.loop_in_row and not is_loop(group) and index in after:
                self.group_of[index] = f"r_{row}"
                self.row_of_group[f"r_{row}"] = row

"""The difference of two graphs: the nodes that were added, removed and changed, and the pairs that stayed.

Two nodes are the same if they compute the same from the inputs, or else if the rest uses them in the same way up to the
outputs. A change in the middle spoils the first above it alone and the second below it alone, so that it is one change
and no cascade. What is between two changes is matched from neighbour to neighbour. Each step is linear in the edges.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict, deque
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from tinygraph.bidirectional import isolated
from tinygraph.graph.graph import Graph
from tinygraph.graph.node import Node
from tinygraph.graph.text import argument_text
from tinygraph.users_code.source import own_line

__all__ = ["Change", "Difference"]

NO_DIFFERENCE = "no difference"
MOST_SIGNS = 6


class Change(NamedTuple):
    """A node that is another one now.

    Attributes:
        old, new: the node in each graph.
        what: the parts of it that differ: "function", "arguments" (a constant or a keyword), "operands" (it reads other
            values), "name", "shape", "dtype".
    """

    old: Node
    new: Node
    what: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Difference:
    """The difference of two graphs.

    `print(difference)` shows a line for each change. `len(difference)` is their number, and an empty difference is
    false. Values and gradients are not compared.

    Attributes:
        old, new: the graphs.
        added: groups of new nodes; those that read one another, such as the calls of a new layer, are one change.
        removed: groups of old nodes, in the same way.
        changed: nodes that stand in the same place and differ.
        kept: pairs of an old and a new node that are the same.
    """

    old: Graph
    new: Graph
    added: tuple[tuple[Node, ...], ...]
    removed: tuple[tuple[Node, ...], ...]
    changed: tuple[Change, ...]
    kept: tuple[tuple[Node, Node], ...]

    @classmethod
    def of(cls, old: Graph, new: Graph) -> Difference:
        """Return the difference of two graphs."""
        labels = _Labels()
        sides = _Side(old, labels), _Side(new, labels)
        # The result must not depend on the side that a search begins on.
        if sides[0].stands_before(sides[1]):
            return _Matching(*sides).difference()
        return _Matching(*reversed(sides)).difference().mirrored()

    def mirrored(self) -> Difference:
        """Return the difference from the new graph to the old one."""
        changed = tuple(Change(each.new, each.old, each.what) for each in self.changed)
        kept = tuple((new, old) for old, new in self.kept)
        return Difference(self.new, self.old, self.removed, self.added, changed, kept)

    def __len__(self) -> int:
        return len(self.added) + len(self.removed) + len(self.changed)

    def __str__(self) -> str:
        lines = [f"+ {_told_of_group(group)}" for group in self.added]
        lines += [f"− {_told_of_group(group)}" for group in self.removed]
        lines += [f"~ {told_of_change(each)}" for each in self.changed]
        return "\n".join(map(isolated, lines)) or NO_DIFFERENCE


def told_of_change(change: Change) -> str:
    """Return a change in words: "h: tanh(z) → relu(z)"."""
    old, new, what = change
    told = []
    if {"function", "arguments", "operands"} & set(what):
        told.append(f"{_call(old)} → {_call(new)}")
    if "name" in what:
        told.append(f"named {new.name or 'nothing'} instead of {old.name or 'nothing'}")
    if "shape" in what:
        told.append(f"shape {old.shape} → {new.shape}")
    if "dtype" in what:
        told.append(f"dtype {old.dtype} → {new.dtype}")
    place = f"  ({new.source})" if own_line(new.source) else ""
    return f"{new.name or old.name or new.op}: {', '.join(told)}{place}"


def _told_of_group(group: tuple[Node, ...]) -> str:
    calls = [node for node in group if not node.is_input] or list(group)
    scopes = {node.scope for node in calls}
    scope = f"{'/'.join(next(iter(scopes)))}: " if len(scopes) == 1 and calls[0].scope else ""
    if len(group) == 1:
        told = f"{group[0].name} = {_call(group[0])}" if group[0].name else _call(group[0])
    else:
        signs = [node.op for node in calls]
        more = f" and {len(signs) - MOST_SIGNS} more" if len(signs) > MOST_SIGNS else ""
        told = ", ".join(signs[:MOST_SIGNS]) + more
    place = f"  ({calls[-1].source})" if own_line(calls[-1].source) else ""
    return f"{scope}{told}{place}"


def _call(node: Node) -> str:
    """Return a call with the names of its operands: "power(a, 2)"."""
    if node.is_input:
        return f"input {node.dtype}{list(node.shape)}"
    arguments = [_argument(item) for item in node.args]
    arguments += [f"{key}={_argument(item)}" for key, item in node.kwargs.items()]
    return f"{node.op}({', '.join(arguments)})"


def _argument(item: Any) -> str:
    if isinstance(item, Node):
        return item.name or f"‹{item.op}›"
    if isinstance(item, tuple | list):
        inside = ", ".join(map(_argument, item))
        return f"({inside})" if isinstance(item, tuple) else f"[{inside}]"
    return argument_text(item)


# --- what a node is ---------------------------------------------------------------------------------------------------


class _Labels:
    """Numbers for things that can be compared: the same number for the same thing, in both graphs."""

    def __init__(self) -> None:
        self._numbers: dict[Hashable, int] = {}

    def of(self, key: Hashable) -> int:
        """Return the number of a thing."""
        return self._numbers.setdefault(key, len(self._numbers))


class _Side:
    """One of the two graphs, with the numbers of its nodes.

    Attributes:
        call: by a node's index the number of its function and of all that is no operand.
        made: the number of all that it is computed from.
        used: the number of all that is computed from it.
        operands: the nodes that it reads, each place once.
        readers: the nodes that read it, each with the place among its operands.
    """

    def __init__(self, graph: Graph, labels: _Labels) -> None:
        self.graph = graph
        self.nodes = {node.index: node for node in graph.nodes}
        self.operands = {node.index: [o.index for o in node.operands] for node in graph.nodes}
        self.readers: dict[int, list[tuple[int, int]]] = {node.index: [] for node in graph.nodes}
        for node in graph.nodes:
            for place, operand in enumerate(self.operands[node.index]):
                self.readers[operand].append((node.index, place))
        self.ends: dict[int, list[int]] = defaultdict(list)
        for place, output in enumerate(graph.outputs):
            self.ends[output.index].append(place)
        self._keys = [_call_key(node) for node in graph.nodes]
        self.call = {node.index: labels.of(key) for node, key in zip(graph.nodes, self._keys, strict=True)}
        self.made: dict[int, int] = {}
        for node in graph.nodes:
            own = ("input", *_input_key(node)) if node.is_input else self.call[node.index]
            self.made[node.index] = labels.of((own, tuple(self.made[o] for o in self.operands[node.index])))
        self.used: dict[int, int] = {}
        for node in reversed(graph.nodes):
            uses = sorted((self.used[r], self.call[r], place) for r, place in self.readers[node.index])
            self.used[node.index] = labels.of(("used", tuple(uses), tuple(self.ends[node.index])))

    def stands_before(self, other: _Side) -> bool:
        """Return whether this is the first of two sides in an order that does not depend on which is old."""
        if len(self.nodes) != len(other.nodes):
            return len(self.nodes) < len(other.nodes)
        return self._text() <= other._text()

    def _text(self) -> str:
        names = [(node.op, node.name, node.shape, str(node.dtype)) for node in self.graph.nodes]
        return repr((names, self.operands, self._keys))


def _call_key(node: Node) -> Hashable:
    if node.is_input:
        return "input"
    return _function_key(node), _key(node.args), _key(node.kwargs)


def _function_key(node: Node) -> Hashable:
    """Return what a function is known by: where it is defined, since a compiled function makes some of them anew."""
    name = getattr(node.function, "__qualname__", None)
    module = getattr(node.function, "__module__", None)
    return node.op if name is None or module is None or "<" in name else (module, name)


def _input_key(node: Node) -> tuple[Hashable, ...]:
    """Return what an input is known by: its name, else its shape and dtype."""
    return (node.name,) if node.name else (node.shape, str(node.dtype))


def _key(item: Any) -> Hashable:
    """Return an argument as something to compare, with a sign for each operand."""
    if isinstance(item, Node):
        return "operand"
    if isinstance(item, tuple | list):
        return (type(item).__name__, *map(_key, item))
    if isinstance(item, dict):
        return tuple((str(key), _key(item[key])) for key in sorted(item, key=str))
    if isinstance(item, slice):
        return ("slice", _key(item.start), _key(item.stop), _key(item.step))
    if isinstance(item, np.ndarray):
        if item.dtype.hasobject:
            return ("array", item.shape, repr(item.tolist()))
        content = hashlib.blake2b(np.ascontiguousarray(item).tobytes(), digest_size=16).hexdigest()
        return ("array", item.shape, str(item.dtype), content)
    if isinstance(item, bool | int | float | complex | str | np.generic | None):
        return (type(item).__name__, repr(item))
    if isinstance(item, np.dtype | type):
        return str(item)
    return argument_text(item) if not hasattr(item, "shape") else ("array", item.shape, str(item.dtype))


# --- which is which ---------------------------------------------------------------------------------------------------


class _Matching:
    """The search for the nodes of two graphs that stand for one another."""

    def __init__(self, old: _Side, new: _Side) -> None:
        self.old, self.new = old, new
        self.to_new: dict[int, int] = {}
        self.to_old: dict[int, int] = {}
        self.ready: deque[tuple[int, int]] = deque()
        self.later: deque[tuple[int, int]] = deque()

    def difference(self) -> Difference:
        """Return the difference."""
        self._match_alike("made", "used")
        self._match_alike("made")
        self._match_alike("call", "used")
        self._match_named()
        self.ready.extend(self.to_new.items())
        for place, (old, new) in enumerate(zip(self.old.graph.outputs, self.new.graph.outputs, strict=False)):
            if place in self.old.ends[old.index]:
                self.later.append((old.index, new.index))
        while self.ready or self.later:
            if self.ready:
                self._match_around(*self.ready.popleft())
            else:
                self._match_changed(*self.later.popleft())
        return self._found()

    def _match_alike(self, *by: str) -> None:
        """Match the nodes that are the same in some respects, in their order."""
        groups: dict[tuple[int, ...], list[int]] = {}
        for index in self.old.nodes:
            if index not in self.to_new:
                groups.setdefault(self._respects(self.old, index, by), []).append(index)
        waiting = {key: iter(group) for key, group in groups.items()}
        for index in self.new.nodes:
            if index not in self.to_old:
                old = next(waiting.get(self._respects(self.new, index, by), iter(())), None)
                if old is not None:
                    self._match(old, index)

    def _match_named(self) -> None:
        """Match the nodes that are left by their names, as far as no two of a graph share one."""
        named: list[dict[str, list[int]]] = []
        for side, known in ((self.old, self.to_new), (self.new, self.to_old)):
            names: dict[str, list[int]] = defaultdict(list)
            for node in side.graph.nodes:
                if node.name and node.index not in known:
                    names[node.name].append(node.index)
            named.append(names)
        for name, olds in named[0].items():
            news = named[1].get(name, [])
            if len(olds) == len(news) == 1 and self._are_of_one_kind(olds[0], news[0]):
                self._match(olds[0], news[0])

    def _are_of_one_kind(self, old: int, new: int) -> bool:
        return self.old.nodes[old].is_input == self.new.nodes[new].is_input

    @staticmethod
    def _respects(side: _Side, index: int, by: tuple[str, ...]) -> tuple[int, ...]:
        return tuple(getattr(side, respect)[index] for respect in by)

    def _match(self, old: int, new: int) -> None:
        self.to_new[old], self.to_old[new] = new, old

    def _are_free(self, old: int, new: int) -> bool:
        return old not in self.to_new and new not in self.to_old

    def _match_around(self, old: int, new: int) -> None:
        """Match the same calls among the operands and the readers of two nodes that are matched."""
        for one, other in zip(self.old.operands[old], self.new.operands[new], strict=False):
            if self._are_free(one, other):
                if self.old.call[one] == self.new.call[other] and not self.old.nodes[one].is_input:
                    self._match(one, other)
                    self.ready.append((one, other))
                else:
                    self.later.append((one, other))
        waiting: dict[tuple[int, int], deque[int]] = defaultdict(deque)
        for reader, place in self.old.readers[old]:
            if reader not in self.to_new:
                waiting[self.old.call[reader], place].append(reader)
        for reader, place in self.new.readers[new]:
            group = waiting.get((self.new.call[reader], place))
            while group and reader not in self.to_old:
                one = group.popleft()
                if self._are_free(one, reader) and self._may_match(one, reader):
                    self._match(one, reader)
                    self.ready.append((one, reader))
        self.later.append((old, new))

    def _may_match(self, old: int, new: int) -> bool:
        """Return whether no operand of a node is matched with another than the operand of the other node."""
        return all(
            self.to_new.get(one, other) == other and self.to_old.get(other, one) == one
            for one, other in zip(self.old.operands[old], self.new.operands[new], strict=False)
        )

    def _match_changed(self, old: int, new: int) -> None:
        """Match two nodes in the same place, or else the readers of two matched ones that read the same."""
        if self._are_free(old, new):
            if self._are_of_one_kind(old, new):
                self._match(old, new)
                self.ready.append((old, new))
            return
        if self.to_new.get(old) != new:
            return
        waiting: dict[tuple[int, ...], deque[int]] = defaultdict(deque)
        for reader, _ in self.old.readers[old]:
            if reader not in self.to_new and all(o in self.to_new for o in self.old.operands[reader]):
                waiting[tuple(self.to_new[o] for o in self.old.operands[reader])].append(reader)
        for reader, _ in self.new.readers[new] if waiting else ():
            group = waiting.get(tuple(self.new.operands[reader]))
            while group and reader not in self.to_old:
                one = group.popleft()
                if self._are_free(one, reader):
                    self._match(one, reader)
                    self.ready.append((one, reader))

    def _found(self) -> Difference:
        changed, kept = [], []
        for old, new in sorted(self.to_new.items()):
            pair = self.old.nodes[old], self.new.nodes[new]
            what = tuple(self._differs(old, new))
            if what:
                changed.append(Change(*pair, what))
            else:
                kept.append(pair)
        added = [node for node in self.new.graph.nodes if node.index not in self.to_old]
        removed = [node for node in self.old.graph.nodes if node.index not in self.to_new]
        groups = tuple(_groups(added)), tuple(_groups(removed))
        return Difference(self.old.graph, self.new.graph, *groups, tuple(changed), tuple(kept))

    def _differs(self, old: int, new: int) -> Iterator[str]:
        """Yield the parts that differ between two matched nodes, but for what follows from other changes."""
        one, other = self.old.nodes[old], self.new.nodes[new]
        if self.old.call[old] != self.new.call[new]:
            yield "function" if _function_key(one) != _function_key(other) else "arguments"
        elif any(
            a in self.to_new and b in self.to_old and self.to_new[a] != b
            for a, b in zip(self.old.operands[old], self.new.operands[new], strict=False)
        ):
            yield "operands"
        if one.name != other.name:
            yield "name"
        if one.is_input and one.shape != other.shape:
            yield "shape"
        if one.is_input and one.dtype != other.dtype:
            yield "dtype"


def _groups(nodes: Iterable[Node]) -> Iterator[tuple[Node, ...]]:
    """Yield the groups of nodes that read one another."""
    group_of: dict[int, list[Node]] = {}
    for node in nodes:
        group = [node]
        for operand in node.operands:
            other = group_of.get(operand.index)
            if other is not None and other is not group:
                small, large = sorted((group, other), key=len)
                large += small
                for member in small:
                    group_of[member.index] = large
                group = large
        group_of[node.index] = group
    yield from {id(group): tuple(sorted(group, key=lambda node: node.index)) for group in group_of.values()}.values()

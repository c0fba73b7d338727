"""Scopes for a graph that has none: the calls of the user's functions, by the place of each operation in the code.

    class Neuron:
        def __call__(self, x):          a scope "Neuron" for each call
            total = sum(...) + self.b
            return np.tanh(total)

The record knows the function, the line and the instruction of each operation, and not who called whom. So the calls are
read from the order of the operations:

- operations of one function that follow one another in the order of its instructions are one call. A step back that no
  loop of the function explains begins another call.
- a function that goes on after others, at an instruction that is only reached by way of its last one, has called them:
  their scopes are inside its own.
- a function that comes back to others in a loop is around them, and no scope: nobody knows where its calls end.
- a comprehension belongs to its function.

A scope is a stretch of the execution order, so that its card never lies on a cycle. Where these scopes are still too
many, the calls of a function that follow one another are one scope, and so are lines of code.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from tinygraph.engine.nested import mapped
from tinygraph.engine.scopes import ScopeName
from tinygraph.graph import Graph, Node
from tinygraph.users_code.branches import Branch, branches_around
from tinygraph.users_code.source import Instruction

__all__ = ["COARSEST", "INPUTS", "ProposedName", "holds_inputs", "is_proposed", "proposed"]

COARSEST = 2

# A call with a larger share of all operations is the program itself, and no part of it.
LARGEST_SHARE = 0.5
# Operations of lines that follow one another are joined into scopes of about so many.
LINES_TOGETHER = 20
# More inputs that several scopes share than these have a scope of their own.
MOST_SHARED_INPUTS = 6

Function = tuple[str, str]
MODULE = "<module>"


class ProposedName(ScopeName):
    """The name of a scope that nobody gave."""

    __slots__ = ()


def holds_inputs(name: str) -> bool:
    """Return whether a scope is that of the inputs that many calls share."""
    return isinstance(name, ProposedName) and name.given in INPUTS.values()


def is_proposed(graph: Graph) -> bool:
    """Return whether a graph has scopes that nobody named."""
    return any(isinstance(name, ProposedName) for node in graph.nodes for name in node.scope)


def proposed(graph: Graph, coarseness: int = 0) -> Graph:
    """Return a graph with a scope for each call of a function of the user's.

    Args:
        graph: has no scopes.
        coarseness: 1 joins loose lines into scopes, 2 also the calls of a function that follow one another.
    """
    calls = [node for node in graph.nodes if not node.is_input]
    parts = _program(_parts(calls), len(calls))
    if coarseness >= 2:
        parts = list(_joined_calls(parts))
    if coarseness >= 1:
        parts = list(_joined_lines(parts))
    scopes: dict[int, tuple[str, ...]] = {}
    _name(parts, (), scopes)
    return _with_scopes(graph, scopes | _scopes_of_inputs(graph, scopes))


# --- calls ------------------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class _Part:
    """A call of a function, or lines: what it did itself, and the calls that it made, in order.

    Attributes:
        title: the name of its scope, without a number.
        function: the function that was called.
        items: its operations and parts.
        last: the place of its last operation, and its last operation itself.
    """

    title: str
    function: Function
    items: list[Node | _Part] = field(default_factory=list)
    last: Node | None = None

    def nodes(self) -> Iterator[Node]:
        for item in self.items:
            if isinstance(item, _Part):
                yield from item.nodes()
            else:
                yield item

    @property
    def size(self) -> int:
        return sum(1 for _ in self.nodes())


def _parts(calls: list[Node]) -> list[Node | _Part]:
    """Return the operations and the calls of the program, in order."""
    reading = _Reading()
    waiting: list[Node] = []  # operations in comprehensions of a function, until it goes on itself
    for node in calls:
        if waiting and _function(waiting[0]) != _function(node):
            reading.add(waiting, None)
            waiting = []
        if node.instruction is not None and _COMPREHENSION.search(node.instruction.function):
            waiting.append(node)
        else:
            reading.add([*waiting, node], node)
            waiting = []
    if waiting:
        reading.add(waiting, None)
    return list(_without(reading.around, reading.found))


@dataclass
class _Reading:
    """The program, read from its operations one by one.

    Attributes:
        found: the program so far.
        latest: the place in it of the latest call of each function that may go on.
        around: the functions that seem to be around others, and of which nobody knows where a call ends.
    """

    found: list[Node | _Part] = field(default_factory=list)
    latest: dict[Function, int] = field(default_factory=dict)
    around: set[Function] = field(default_factory=set)

    def add(self, nodes: list[Node], node: Node | None) -> None:
        """Add operations to the call of their function: those of comprehensions, and then one of its own, or None."""
        function = _function(nodes[0])
        if function is None or function[1] == MODULE:
            self.found += nodes  # every function has returned
            self.latest.clear()
            return
        at = self.latest.get(function, -1)
        call = self.found[at] if at >= 0 else None
        if isinstance(call, _Part) and _goes_on(call, node, is_next=at == len(self.found) - 1):
            call.items += [*self.found[at + 1 :], *nodes]
            del self.found[at + 1 :]
            self.latest = {other: place for other, place in self.latest.items() if place <= at}
        else:
            if isinstance(call, _Part) and node is not None and _comes_back(call, node):
                self.around.add(function)
            call = _Part(_title(function), function, list(nodes))
            self.latest[function] = len(self.found)
            self.found.append(call)
        call.last = node or call.last


def _without(functions: set[Function], parts: list[Node | _Part]) -> Iterator[Node | _Part]:
    """Yield some parts, and in place of the calls of some functions what these did."""
    for part in parts:
        if isinstance(part, _Part) and part.function in functions:
            yield from _without(functions, part.items)
        else:
            if isinstance(part, _Part):
                part.items = list(_without(functions, part.items))
            yield part


def _goes_on(call: _Part, node: Node | None, is_next: bool) -> bool:
    """Return whether an operation of a function belongs to its latest call."""
    before, after = _instruction(call.last), _instruction(node)
    if node is None or call.last is None or after is None or before is None:
        return is_next
    if not is_next:
        return after.offset > before.offset and _only_by_way_of(call.last, node)
    if after.offset > before.offset or set(before.loops) & set(after.loops):
        return True
    # One instruction, such as that of `sum`, may make many operations, each from the result before.
    return after.offset == before.offset and any(operand is call.last for operand in node.operands)


def _comes_back(call: _Part, node: Node) -> bool:
    """Return whether an operation may belong to a call that was followed by others: in a loop, or a sum of theirs."""
    before, after = _instruction(call.last), _instruction(node)
    if before is None or after is None:
        return False
    return bool(set(before.loops) & set(after.loops)) or any(operand is call.last for operand in node.operands)


def _instruction(node: Node | None) -> Instruction | None:
    return None if node is None else node.instruction


def _only_by_way_of(before: Node, after: Node) -> bool:
    """Return whether a function that arrives at a line has passed through an earlier one."""
    outer, inner = _branches(before), _branches(after)
    return outer is not None and inner is not None and inner[: len(outer)] == outer


def _branches(node: Node) -> tuple[Branch, ...] | None:
    return None if node.source is None else branches_around(node.source.file, node.source.line)


def _function(node: Node) -> Function | None:
    if node.source is None or node.instruction is None:
        return None
    return node.source.file, _COMPREHENSION.sub("", node.instruction.function) or MODULE


_COMPREHENSION = re.compile(r"(\.<locals>)?\.?<(listcomp|genexpr|setcomp|dictcomp)>")


def _title(function: Function) -> str:
    """Return "Neuron" for the call of an object, "Model.loss" for a method, and "softmax" for a function."""
    name = function[1].rpartition("<locals>.")[2]
    owner, _, method = name.rpartition(".")
    return owner if owner and method in {"__call__", "forward", "call"} else name


# --- the program ------------------------------------------------------------------------------------------------------


def _program(parts: list[Node | _Part], total: int) -> list[Node | _Part]:
    """Return the parts without those that are no part: calls of one operation, and the call that is the whole."""
    found: list[Node | _Part] = []
    for part in parts:
        if not isinstance(part, _Part):
            found.append(part)
            continue
        part.items = _program(part.items, total)
        if len(part.items) == 1 or part.size > LARGEST_SHARE * total:
            found += part.items
        else:
            found.append(part)
    return found


def _joined_calls(parts: list[Node | _Part]) -> Iterator[Node | _Part]:
    """Yield one part for calls of a function that follow one another."""
    for function, group in itertools.groupby(parts, lambda part: part.function if isinstance(part, _Part) else None):
        same = list(group)
        if function is None or len(same) == 1:
            yield from same
        else:
            title = f"{_title(function)}, {len(same)} calls"
            yield _Part(title, function, [item for part in same if isinstance(part, _Part) for item in part.items])


def _joined_lines(parts: list[Node | _Part]) -> Iterator[Node | _Part]:
    """Yield one part for some lines whose operations follow one another."""
    for is_part, group in itertools.groupby(parts, lambda part: isinstance(part, _Part)):
        if is_part:
            yield from group
            continue
        lines: list[Node | _Part] = []
        for node in group:
            before = lines[-1] if lines else None
            if isinstance(before, Node) and len(lines) >= LINES_TOGETHER and _place(before) != _place(node):
                yield from _lines(lines)
                lines = []
            lines.append(node)
        yield from _lines(lines)


def _lines(nodes: list[Node | _Part]) -> Iterator[Node | _Part]:
    places = [place for node in nodes if isinstance(node, Node) and (place := _place(node)) is not None]
    if len(nodes) < LINES_TOGETHER // 2 or not places or len({file for file, _ in places}) > 1:
        yield from nodes
        return
    first, last = min(line for _, line in places), max(line for _, line in places)
    title = f"line {first}" if first == last else f"lines {first} to {last}"
    yield _Part(title, (places[0][0], title), list(nodes))


def _place(node: Node | _Part) -> tuple[str, int] | None:
    return None if isinstance(node, _Part) or node.source is None else (node.source.file, node.source.line)


# --- names ------------------------------------------------------------------------------------------------------------


def _name(parts: list[Node | _Part], around: tuple[str, ...], scopes: dict[int, tuple[str, ...]]) -> None:
    """Give each operation its scopes. The calls of a function are numbered."""
    times = Counter(part.title for part in parts if isinstance(part, _Part))
    numbers = {title: itertools.count(1) for title, count in times.items() if count > 1}
    for part in parts:
        if not isinstance(part, _Part):
            scopes[part.index] = around
            continue
        number = f" {next(numbers[part.title])}" if part.title in numbers else ""
        name = ProposedName(part.title + number)
        name.given = part.title
        _name(part.items, (*around, name), scopes)


INPUTS = {True: "parameters", False: "data"}


def _scopes_of_inputs(graph: Graph, scopes: dict[int, tuple[str, ...]]) -> dict[int, tuple[str, ...]]:
    """Return a scope for the inputs that several scopes share, if there are too many for a card each."""
    shared: dict[bool, list[int]] = {True: [], False: []}
    for node in graph.inputs:
        if len({scopes[consumer.index][:1] for consumer in graph.consumers(node)}) > 1:
            shared[node.requires_grad].append(node.index)
    found: dict[int, tuple[str, ...]] = {}
    for is_parameter, indices in shared.items():
        if len(indices) > MOST_SHARED_INPUTS:
            name = ProposedName(INPUTS[is_parameter])
            name.given = INPUTS[is_parameter]
            found |= dict.fromkeys(indices, (name,))
    return found


def _with_scopes(graph: Graph, scopes: dict[int, tuple[str, ...]]) -> Graph:
    """Return a graph with other scopes. A node keeps its index."""
    made: dict[int, Node] = {}
    for node in graph.nodes:
        args, kwargs = mapped(
            (node.args, node.kwargs), lambda item: made[item.index] if isinstance(item, Node) else item
        )
        made[node.index] = replace(node, args=args, kwargs=kwargs, scope=scopes.get(node.index, ()))
    return Graph(tuple(made.values()), tuple([made[output.index] for output in graph.outputs]))

"""Rolling: each repeat of a graph becomes a scope "step × 12", and each of its steps a scope "step 3" in it.

A closed scope is one card, so that a loop of twelve steps is one card with an arrow to itself. An open one shows its
steps, and all of them open show the whole graph again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from weakref import WeakKeyDictionary

from tinygraph.drawing.grouping.repeats import LoopName, name_of_repeat, repeat_of
from tinygraph.engine.nested import mapped
from tinygraph.engine.scopes import ScopeName
from tinygraph.graph import Graph, Node
from tinygraph.graph.repeats import Repeat, repeats
from tinygraph.users_code.loop_lines import loop_of_step

__all__ = ["rolled", "rolled_within"]

STEP = "step"


def rolled(graph: Graph) -> Graph:
    """Return the graph with scopes for its repeats and their steps; the same graph if it has none.

    A node keeps its index. A step that is a scope already, such as a layer, gets no second one.
    """
    if graph not in _known:
        found = repeats(graph)
        _known[graph] = _with_scopes(graph, found) if found else None
    return _known[graph] or graph


def rolled_within(graph: Graph, sections: Mapping[int, str]) -> Graph:
    """Return the graph with scopes for its repeats, if each of these lies in one section; else the same graph."""
    found = rolled(graph)
    within: dict[str, set[str | None]] = {}
    for node in found.nodes:
        for name in filter(repeat_of, node.scope):
            within.setdefault(name, set()).add(sections.get(node.index))
    return found if all(len(several) == 1 for several in within.values()) else graph


# The answers for graphs that are still in use: the choice of a view asks, and then the view. None for the same graph.
_known: WeakKeyDictionary[Graph, Graph | None] = WeakKeyDictionary()


def _with_scopes(graph: Graph, found: Sequence[Repeat]) -> Graph:
    """Return the graph with scopes for some repeats."""
    scopes = {node.index: node.scope for node in graph.nodes}
    names = _names(found)
    for repeat in found:
        _add_scopes(repeat, names, 0, scopes)
    made: dict[int, Node] = {}
    for node in graph.nodes:
        args, kwargs = mapped(
            (node.args, node.kwargs), lambda item: made[item.index] if isinstance(item, Node) else item
        )
        made[node.index] = replace(node, args=args, kwargs=kwargs, scope=scopes[node.index])
    return Graph(tuple(made.values()), tuple([made[output.index] for output in graph.outputs]))


def _add_scopes(repeat: Repeat, names: dict[int, LoopName], added: int, scopes: dict[int, tuple[str, ...]]) -> None:
    """Add the scopes of a repeat, and of those in it, to the scopes of its calls.

    Args:
        repeat: a part of the graph.
        names: of all repeats by their ids.
        added: the number of scopes that the repeats around it have added.
        scopes: the scopes of each node by its index.
    """
    depth = repeat.depth + added
    for number, step in enumerate(repeat.steps, 1):
        own = (names[id(repeat)],) if repeat.scope is not None else (names[id(repeat)], _step_name(number))
        for node in step:
            scopes[node.index] = (*scopes[node.index][:depth], *own, *scopes[node.index][depth:])
    for inner in repeat.inside:
        _add_scopes(inner, names, added + (1 if repeat.scope is not None else 2), scopes)


def _step_name(number: int) -> ScopeName:
    name = ScopeName(f"{STEP} {number}")
    name.given = str(name)
    return name


def _names(found: Sequence[Repeat]) -> dict[int, LoopName]:
    """Return the names of all repeats by their ids. One that every step of another contains has one name."""
    names: dict[int, LoopName] = {}
    titles: set[str] = set()
    for copies in _families([[repeat] for repeat in found]):
        last = copies[-1]  # the first ones may begin with numbers
        called = last.scope or STEP
        line = loop_of_step([(node.source, node.op) for node in last.steps[-1]])
        plain = title = f"{called} × {last.count}"
        number = 1
        while title in titles:
            number += 1
            title = f"{plain} ({number})"
        titles.add(title)
        for repeat in copies:
            names[id(repeat)] = name_of_repeat(called, title, "" if line is None else f"{line[0]}  {line[1]}", repeat)
    return names


def _families(families: list[list[Repeat]]) -> Iterator[list[Repeat]]:
    """Yield the repeats together that stand in the same place of the steps of others."""
    for copies in families:
        yield copies
        size = len(copies[0].inside) // copies[0].count
        yield from _families([[inner for outer in copies for inner in outer.inside[at::size]] for at in range(size)])

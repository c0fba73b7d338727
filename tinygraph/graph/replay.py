"""A graph computed again: the values that its record did not keep, and the time of each call.

A call is made again with the values of its operands, which are kept or were computed again themselves. A call stays out
if one of them cannot be known: a large constant that the record has freed, or an input that was assigned since.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import numpy as np

from tinygraph.engine.links import Like
from tinygraph.graph.graph import Graph
from tinygraph.graph.node import Node

__all__ = ["replayed", "seconds_of_calls"]

Array = np.ndarray[Any, Any]

MOST_RUNS = 5
ENOUGH, TOO_LONG = 0.02, 1.0


class UnknownValueError(Exception):
    """A value that is neither kept nor can be computed again."""


@np.errstate(all="ignore")
def replayed(graph: Graph, wanted: Iterable[int]) -> dict[int, Array]:
    """Return values by the index of their node: those that were kept, and those that can be computed again.

    Args:
        graph: the graph. Its own values stay as they are.
        wanted: the indices of the nodes. Other values live as long as a call needs them.
    """
    asked = set(wanted)
    needed = _below(graph, [node for node in graph.nodes if node.index in asked])
    found: dict[int, Array] = {}
    last = _last_uses(graph, needed)
    for node in graph.nodes:
        if node.index in needed:
            value = node.value if _is_sure(node, found) else None
            if value is None and not node.is_input:
                value = _made_again(node, found)
            if value is not None:
                found[node.index] = value
            _forget(found, last.get(node.index, ()), asked)
    return {index: found[index] for index in asked if index in found}


@np.errstate(all="ignore")
def seconds_of_calls(graph: Graph) -> tuple[dict[int, float], frozenset[int]]:
    """Return the seconds that each call takes, by its index, and the indices of the calls that were timed on ones.

    The least time of two to five runs counts, or the time of one run if it takes over a second. A call is left out if
    it cannot be made again. Ones stand for its result, so that the calls after it can be timed.
    """
    if all(node.value is None for node in graph.nodes):
        return {}, frozenset()
    found: dict[int, Array] = {}
    seconds: dict[int, float] = {}
    ones: set[int] = set()
    last = _last_uses(graph, {node.index for node in graph.nodes})
    for node in graph.nodes:
        value = node.value
        if not node.is_input:
            value, spent = _timed(node, found)
            value = node.value if value is None else value
            if spent is not None:
                seconds[node.index] = spent
        if node.value is None and any(operand.index in ones for operand in node.operands):
            ones.add(node.index)
        if value is None:
            value = np.ones(node.shape, node.dtype)
            ones.add(node.index)
        found[node.index] = value
        _forget(found, last.get(node.index, ()), set())
    return seconds, frozenset(ones.intersection(seconds))


def _is_sure(node: Node, found: dict[int, Array]) -> bool:
    """Return whether a kept value is the one that the graph was computed with."""
    return node.value is not None and not node.changed


def _below(graph: Graph, wanted: list[Node]) -> set[int]:
    """Return the nodes to visit: those wanted, and those that a missing value is computed from."""
    needed = {node.index for node in wanted}
    for node in reversed(graph.nodes):
        if node.index in needed and node.value is None:
            needed.update(operand.index for operand in node.operands)
    return needed


def _last_uses(graph: Graph, needed: set[int]) -> dict[int, list[int]]:
    """Return the values that no later call reads, by the index of the call that reads them last."""
    ends: dict[int, int] = {}
    for node in graph.nodes:
        if node.index in needed:
            ends[node.index] = node.index
            ends.update({operand.index: node.index for operand in node.operands})
    found: dict[int, list[int]] = {}
    for index, end in ends.items():
        found.setdefault(end, []).append(index)
    return found


def _forget(found: dict[int, Array], indices: Iterable[int], asked: set[int]) -> None:
    for index in indices:
        if index not in asked:
            found.pop(index, None)


def _made_again(node: Node, found: dict[int, Array]) -> Array | None:
    try:
        return _call(node, *_arguments(node, found))
    except Exception:  # a function of the user's may raise anything
        return None


def _timed(node: Node, found: dict[int, Array]) -> tuple[Array | None, float | None]:
    """Return the value of a call and its seconds, None for both where it cannot be made."""
    try:
        args, kwargs = _arguments(node, found)
        least = whole = 0.0
        value = None
        for run in range(MOST_RUNS):
            before = time.perf_counter()
            value = _call(node, args, kwargs)
            spent = time.perf_counter() - before
            least = spent if run == 0 else min(least, spent)
            whole += spent
            if whole > (TOO_LONG if run == 0 else ENOUGH):  # the first run pays for memory that the second one has
                break
    except Exception:  # a function of the user's may raise anything
        return None, None
    return value, least


def _call(node: Node, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Array:
    assert node.function is not None
    value = np.asarray(node.function(*args, **kwargs))
    if value.shape != node.shape:
        raise UnknownValueError
    return value


def _arguments(node: Node, found: dict[int, Array]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments of a call with arrays in place of nodes."""
    args, kwargs = _filled((node.args, node.kwargs), found)
    return args, kwargs


def _filled(item: Any, found: dict[int, Array]) -> Any:
    if isinstance(item, Node):
        if item.index not in found:
            raise UnknownValueError
        return found[item.index]
    if isinstance(item, Like):
        raise UnknownValueError
    if type(item) in (list, tuple):
        return type(item)(_filled(part, found) for part in item)
    if type(item) is dict:
        return {key: _filled(part, found) for key, part in item.items()}
    return item

"""Words: two steps that may be one step of a loop have the same word.

They call the same function, for the same line of the user's code, with arguments of the same kinds and shapes. An
element `x[3]` is no step of its own: it belongs to those who read it, so that the loop that reads it counts.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np

from tinygraph.compiler.program.counting import AtCount, Ragged, item_at
from tinygraph.compiler.program.decisions import decided
from tinygraph.compiler.program.loops import Loop, loop_result
from tinygraph.compiler.program.predicates import is_basic
from tinygraph.compiler.program.steps import Step
from tinygraph.graph import Graph, Node

__all__ = ["is_element", "words_of"]


def is_element(step: Any) -> bool:
    """Return whether a step takes a part of an array at a number, or at one that counts in the loop around it."""
    if type(step) is not Step or not step.args or type(step.args[0]) is not Step:
        return False
    if step.function is item_at:
        return True
    if step.function is not operator.getitem or not is_basic(step.args[1]):
        return False
    index = step.args[1]
    return any([type(item) is int for item in (index if type(index) is tuple else (index,))])


def words_of(graph: Graph, ragged: bool = False) -> tuple[list[Step], list[int]]:
    """Return the calls of a graph that are no elements, and the word of each.

    Args:
        ragged: whether steps of other shapes may have the same word, if they have as many axes.
    """
    facts = _Facts(ragged)
    steps: list[Step] = []
    words: list[int] = []
    known: dict[Hashable, int] = {}
    lines: dict[int, Hashable] = {}  # by the id of a source, of which many steps have one
    own = facts.of_all(graph.nodes)
    for step in graph.nodes:
        function: Any = step.function
        if function is None or ((function is operator.getitem or function is item_at) and is_element(step)):
            continue
        assert type(step) is Step
        steps.append(step)
        # What counts the iterations of the loop around, and the results of a loop, are in no loop within it.
        if type(function) in _OF_LOOPS or function is loop_result:
            words.append(known.setdefault(("own", step.index), len(known)))
            continue
        source = step.source
        if id(source) not in lines:
            lines[id(source)] = None if source is None else (source.file, source.line)
        kinds = [
            own[item.index] if type(item) is Step else _kind(item, facts)
            for item in (step.args[:2] if function is decided else step.args)
        ]
        key = (
            function if type(function).__hash__ is not None else id(function), step.section, lines[id(source)],
            own[step.index], *kinds, _kind(step.kwargs, facts) if step.kwargs else None,
        )  # fmt: skip
        words.append(known.setdefault(key, len(known)))
    return steps, words


_OF_LOOPS = (AtCount, Ragged, Loop)


class _Facts:
    """The numbers of shapes and dtypes: to compare a number takes less time than to compare both.

    Args:
        ragged: whether all shapes with as many axes have the same number.
    """

    def __init__(self, ragged: bool) -> None:
        self._ragged = ragged
        self._known: dict[Hashable, int] = {}

    def __call__(self, item: Any) -> int:
        """Return the number of an array's."""
        key = (len(item.shape) if self._ragged else item.shape, item.dtype)
        return self._known.setdefault(key, len(self._known))

    def of_all(self, nodes: Sequence[Node]) -> list[int]:
        """Return the numbers of some nodes: those of a graph, by their indices."""
        known = self._known
        if self._ragged:
            return [known.setdefault((len(node.shape), node.dtype), len(known)) for node in nodes]
        return [known.setdefault((node.shape, node.dtype), len(known)) for node in nodes]


def _kind(item: Any, facts: Callable[[Any], Hashable]) -> Hashable:
    """Return a key that the arguments share which a loop may have in one place."""
    kind = type(item)
    if kind is Step or kind is np.ndarray:
        return facts(item)
    if kind is tuple or kind is list:
        return (kind, *[_kind(part, facts) for part in item])
    if kind is dict:
        return (kind, *[(key, _kind(part, facts)) for key, part in item.items()])
    if kind is slice:
        return (kind, _kind(item.start, facts), _kind(item.stop, facts), _kind(item.step, facts))
    if kind is int or kind is float:
        return (kind,)
    if isinstance(item, np.generic):
        return item.dtype
    if isinstance(item, Hashable):
        return (kind, item)
    return (kind, id(item))

"""Words: two steps that may be one step of a loop have the same word.

They call the same function, for the same line of the user's code, with arguments of the same kinds and shapes. An
element `x[3]` is no step of its own: it belongs to those who read it, so that the loop that reads it counts.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

from tinygraph.compiler.program.counting import counts, item_at
from tinygraph.compiler.program.loops import Loop, loop_result
from tinygraph.compiler.program.predicates import is_basic
from tinygraph.compiler.program.steps import Step
from tinygraph.graph import Graph

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
    facts = _axes_and_dtype if ragged else _shape_and_dtype
    steps: list[Step] = []
    words: list[int] = []
    known: dict[Hashable, int] = {}
    lines: dict[int, Hashable] = {}  # by the id of a source, of which many steps have one
    for step in graph.nodes:
        assert isinstance(step, Step)
        if step.function is None or is_element(step):
            continue
        source = step.source
        # What counts the iterations of the loop around, and the results of a loop, are in no loop within it.
        if counts(step.function) or type(step.function) is Loop or step.function is loop_result:
            steps.append(step)
            words.append(known.setdefault(step.index, len(known)))
            continue
        if id(source) not in lines:
            lines[id(source)] = None if source is None else (source.file, source.line)
        kinds = [
            facts(item) if type(item) is Step else _kind(item, facts)
            for item in (step.args[:2] if step.decides else step.args)
        ]
        key = (
            step.function if type(step.function).__hash__ is not None else id(step.function),
            step.section, lines[id(source)], *facts(step), *kinds,
            _kind(step.kwargs, facts) if step.kwargs else None,
        )  # fmt: skip
        steps.append(step)
        words.append(known.setdefault(key, len(known)))
    return steps, words


def _shape_and_dtype(item: Any) -> tuple[Hashable, ...]:
    return (Step, item.shape, item.dtype)


def _axes_and_dtype(item: Any) -> tuple[Hashable, ...]:
    return (Step, len(item.shape), item.dtype)


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

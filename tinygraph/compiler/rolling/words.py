"""Words: two steps that may be one step of a loop have the same word.

They call the same function, for the same line of the user's code, with arguments of the same kinds and shapes. An
element `x[3]` is no step of its own: it belongs to those who read it, so that the loop that reads it counts.
"""

from __future__ import annotations

import operator
from collections.abc import Hashable
from typing import Any

import numpy as np

from tinygraph.compiler.program.counting import AtCount, item_at
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


def words_of(graph: Graph) -> tuple[list[Step], list[int]]:
    """Return the calls of a graph that are no elements, and the word of each."""
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
        if type(step.function) in (AtCount, Loop) or step.function is loop_result:
            steps.append(step)
            words.append(known.setdefault(step.index, len(known)))
            continue
        if id(source) not in lines:
            lines[id(source)] = None if source is None else (source.file, source.line)
        kinds = [
            (Step, item.shape, item.dtype) if type(item) is Step else _kind(item)
            for item in (step.args[:2] if step.decides else step.args)
        ]
        key = (
            step.function if type(step.function).__hash__ is not None else id(step.function),
            step.section, lines[id(source)], step.shape, step.dtype, *kinds,
            _kind(step.kwargs) if step.kwargs else None,
        )  # fmt: skip
        steps.append(step)
        words.append(known.setdefault(key, len(known)))
    return steps, words


def _kind(item: Any) -> Hashable:
    """Return a key that the arguments share which a loop may have in one place."""
    kind = type(item)
    if kind is Step or kind is np.ndarray:
        return (Step, item.shape, item.dtype)
    if kind is tuple or kind is list:
        return (kind, *[_kind(part) for part in item])
    if kind is dict:
        return (kind, *[(key, _kind(part)) for key, part in item.items()])
    if kind is slice:
        return (kind, _kind(item.start), _kind(item.stop), _kind(item.step))
    if kind is int or kind is float:
        return (kind,)
    if isinstance(item, np.generic):
        return item.dtype
    if isinstance(item, Hashable):
        return (kind, item)
    return (kind, id(item))

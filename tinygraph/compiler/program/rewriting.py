"""Rewriting: a graph made anew from its first step to its last, by a function that changes one step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from typing import Any

from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.steps import Step, operands_of
from tinygraph.engine.nested import mapped
from tinygraph.graph import Graph

__all__ = ["Change", "calls_of", "placed", "rewritten", "uses_of"]

Change = Callable[[Builder, Step], Step | None]


def rewritten(graph: Graph, change: Change) -> Graph:
    """Return a graph with each step changed, from the first to the last.

    Args:
        graph: of steps.
        change: called with the builder and a step whose operands are already the new ones. It returns the step that
            takes its place, of the same shape and dtype, which it may have added to the builder; or None to keep it.
    """
    builder = Builder()
    moved = builder.moved
    same = True  # until the first change every step stays the object it is
    for step in graph.nodes:
        assert type(step) is Step
        if step.function is None:
            moved.append(step if same else builder.add(step))
            if same:
                builder.steps.append(step)
            continue
        if not same:
            step = placed(step, len(builder.steps), moved)
        before = len(builder.steps)
        instead = change(builder, step)
        if instead is None:
            del builder.steps[before:]  # those of a change that gave up
            builder.steps.append(step)
            instead = step
        elif instead is not step or len(builder.steps) != before + 1:
            same = False
            if instead.shape != step.shape or instead.dtype != step.dtype:
                raise AssertionError(
                    f"{change.__qualname__}: {step} of {step.dtype}{step.shape} became {instead.dtype}{instead.shape}"
                )
            if step.name is not None and instead.name is None and not instead.given:
                object.__setattr__(instead, "name", step.name)  # it takes over the user's name, too
        moved.append(instead)
    if same:
        return graph
    return Graph(tuple(builder.steps), tuple(moved[output.index] for output in graph.outputs))


_SLOTS = tuple(field.name for field in fields(Step))
_set = object.__setattr__


def placed(step: Step, index: int, moved: Sequence[Step] | dict[int, Step]) -> Step:
    """Return a step with another index and with the new steps for its operands. `replace` takes longer."""

    def new(item: Any) -> Any:
        return moved[item.index] if type(item) is Step else item

    copy = object.__new__(Step)
    for name in _SLOTS:
        _set(copy, name, getattr(step, name))
    _set(copy, "index", index)
    args = step.args
    _set(copy, "args", tuple([mapped(item, new) if type(item) in (tuple, list) else new(item) for item in args]))
    if step.kwargs:
        _set(copy, "kwargs", mapped(step.kwargs, new))
    return copy


def calls_of(graph: Graph) -> Iterator[Step]:
    """Return the steps that are calls, in order: those that `rewritten` gives to a change."""
    return iter([step for step in graph.nodes if isinstance(step, Step) and step.function is not None])


def uses_of(graph: Graph) -> Counter[int]:
    """Return how often each step, by its index, is an operand of a call or an output of the graph."""
    found = Counter(operand.index for step in graph.nodes for operand in operands_of(step))
    found.update(output.index for output in graph.outputs)
    return found

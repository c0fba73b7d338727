"""Rewriting: a graph made anew from its first step to its last, by a function that changes one step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.steps import Step, operands_of
from tinygraph.engine.nested import instances, mapped
from tinygraph.graph import Graph
from tinygraph.graph.node import draft_of

__all__ = ["Change", "calls_of", "placed", "rewritten", "rewritten_by_originals", "steps_in", "uses_of"]

Change = Callable[[Builder, Step], Step | None]


def rewritten(graph: Graph, change: Change) -> Graph:
    """Return a graph with each step changed, from the first to the last.

    Args:
        graph: of steps.
        change: called with the builder and a step whose operands are already the new ones. It returns the step that
            takes its place, of the same shape and dtype, which it may have added to the builder; or None to keep it.
    """
    builder = Builder()
    moved, steps = builder.moved, builder.steps
    same = True  # until the first change every step stays the object it is
    for step in steps_in(graph):
        if step.function is None:
            moved.append(builder.add(step))
            continue
        before = len(steps)
        if not same:
            step = placed(step, before, moved)
        instead = change(builder, step)
        if instead is None:
            if len(steps) != before:  # those of a change that gave up
                del steps[before:]
            steps.append(step)
            instead = step
        elif instead is not step or len(steps) != before + 1:
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
    return Graph(tuple(steps), tuple(moved[output.index] for output in graph.outputs))


def rewritten_by_originals(graph: Graph, change: Callable[[Builder, Step, Step], Step | None]) -> Graph:
    """Return a graph with each step changed, where a change depends on what is known of the old graph.

    Args:
        graph: of steps.
        change: called with the builder, a step whose operands are already the new ones, and the same step in `graph`:
            its index is that in the old graph, and so are those of its operands. See `rewritten`.
    """
    originals = calls_of(graph)

    def each(builder: Builder, step: Step) -> Step | None:
        return change(builder, step, next(originals))

    each.__qualname__ = change.__qualname__  # for the error about a change
    return rewritten(graph, each)


def placed(step: Step, index: int, moved: Sequence[Step] | dict[int, Step]) -> Step:
    """Return a step with another index and with the new steps for its operands.

    It runs for most steps of most rewrites, and so is written out, field by field: `replace` takes three times as long.
    """

    def new(item: Any) -> Any:  # it does not name itself: only the garbage collector could free it then
        return moved[item.index] if type(item) is Step else item

    copy = _new(_draft)
    copy.index = index
    copy.function = step.function
    copy.args = tuple([moved[item.index] if type(item) is Step else mapped(item, new) for item in step.args])
    copy.kwargs = mapped(step.kwargs, new) if step.kwargs else step.kwargs
    copy.shape = step.shape
    copy.dtype = step.dtype
    copy.name = step.name
    copy.scope = step.scope
    copy.value = step.value
    copy.grad = step.grad
    copy.grad_freed = step.grad_freed
    copy.requires_grad = step.requires_grad
    copy.source = step.source
    copy.instruction = step.instruction
    copy.argument_names = step.argument_names
    copy.gradient_of = step.gradient_of
    copy.gradient_note = step.gradient_note
    copy.changed = step.changed
    copy.section = step.section
    copy.given = step.given
    copy.origin = step.origin
    copy.__class__ = Step
    return copy  # type: ignore[no-any-return]


_new: Callable[[type], Any] = object.__new__
_draft = draft_of(Step)


def steps_in(graph: Graph) -> tuple[Step, ...]:
    """Return the nodes of a graph of steps."""
    return graph.nodes  # type: ignore[return-value]


def calls_of(graph: Graph) -> Iterator[Step]:
    """Return the steps that are calls, in order."""
    return iter([step for step in steps_in(graph) if step.function is not None])


def uses_of(graph: Graph) -> Counter[int]:
    """Return how often each step, by its index, is an operand of a call or an output of the graph."""
    found: list[int] = []
    for step in steps_in(graph):
        if step.kwargs:
            found += [operand.index for operand in operands_of(step)]
            continue
        for item in step.args:  # most are steps, with nothing nested in them
            kind = type(item)
            if kind is Step:
                found.append(item.index)
            elif kind is tuple or kind is list:
                found += [operand.index for operand in instances(Step, item)]
    found += [output.index for output in graph.outputs]
    return Counter(found)

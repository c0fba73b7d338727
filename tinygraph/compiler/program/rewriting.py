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

__all__ = ["Change", "calls_of", "placed", "rewritten", "steps_in", "uses_of"]

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


def placed(step: Step, index: int, moved: Sequence[Step] | dict[int, Step]) -> Step:
    """Return a step with another index and with the new steps for its operands.

    It runs for most steps of most rewrites, and so is written out, field by field: `replace` takes three times as long.
    """

    def new(item: Any) -> Any:  # it does not name itself: only the garbage collector could free it then
        return moved[item.index] if type(item) is Step else item

    copy: Step = _new(Step)
    _put_index(copy, index)
    _put_function(copy, step.function)
    args = [moved[item.index] if type(item) is Step else mapped(item, new) for item in step.args]
    _put_args(copy, tuple(args))
    _put_kwargs(copy, mapped(step.kwargs, new) if step.kwargs else step.kwargs)
    _put_shape(copy, step.shape)
    _put_dtype(copy, step.dtype)
    _put_name(copy, step.name)
    _put_scope(copy, step.scope)
    _put_value(copy, step.value)
    _put_grad(copy, step.grad)
    _put_grad_freed(copy, step.grad_freed)
    _put_requires_grad(copy, step.requires_grad)
    _put_source(copy, step.source)
    _put_instruction(copy, step.instruction)
    _put_argument_names(copy, step.argument_names)
    _put_gradient_of(copy, step.gradient_of)
    _put_gradient_note(copy, step.gradient_note)
    _put_changed(copy, step.changed)
    _put_section(copy, step.section)
    _put_given(copy, step.given)
    _put_origin(copy, step.origin)
    return copy


_new: Callable[[type], Any] = object.__new__
(
    _put_index, _put_function, _put_args, _put_kwargs, _put_shape, _put_dtype, _put_name, _put_scope, _put_value,
    _put_grad, _put_grad_freed, _put_requires_grad, _put_source, _put_instruction, _put_argument_names,
    _put_gradient_of, _put_gradient_note, _put_changed, _put_section, _put_given, _put_origin,
) = [getattr(Step, field.name).__set__ for field in fields(Step)]  # fmt: skip


def steps_in(graph: Graph) -> tuple[Step, ...]:
    """Return the nodes of a graph of steps."""
    return graph.nodes  # type: ignore[return-value]


def calls_of(graph: Graph) -> Iterator[Step]:
    """Return the steps that are calls, in order: those that `rewritten` gives to a change."""
    return iter([step for step in steps_in(graph) if step.function is not None])


def uses_of(graph: Graph) -> Counter[int]:
    """Return how often each step, by its index, is an operand of a call or an output of the graph."""
    found = Counter([operand.index for step in graph.nodes for operand in operands_of(step)])
    found.update(output.index for output in graph.outputs)
    return found

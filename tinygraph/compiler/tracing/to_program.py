"""From a run to a program: the steps that its results need, as a graph, and what its inputs and outputs mean."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.compiler.program import Program, Variable
from tinygraph.compiler.tracing.outside import step_of
from tinygraph.compiler.tracing.steps import UNREAD, Captured, Step, steps_in
from tinygraph.compiler.tracing.trace import Trace
from tinygraph.graph import Graph, Node, nodes_in
from tinygraph.links import mapped
from tinygraph.source import argument_names, assigned_name, source_of

__all__ = ["program_of"]


def program_of(
    trace: Trace, result: Any, order: list[Step], names: dict[int, str]
) -> tuple[Program, list[Captured], list[Captured], set[int]]:
    """The program of a run.

    Args:
        trace: the run.
        result: what the function returned, with steps in place of arrays.
        order: the inputs that may be arguments, in the order in which they will be given.
        names: by a Tensor's id what its surroundings call it.

    Returns:
        The program, whose results are the function's, and the new gradients where there are any; the leaves behind its
        variables; the leaves that get a gradient; the indices of those of `order` that are arguments.
    """
    state_of = [captured for captured in trace.captured.values() if captured.first is not None]
    graded = [
        captured for captured in trace.captured.values()
        if captured.grad is not UNREAD and captured.grad is not None
        and step_of(captured.grad) is not captured.first_grad
    ]  # fmt: skip
    for captured in state_of:
        step = captured.first
        assert step is not None
        link = captured.link
        step.name = step.name or link.name or names.get(id(captured.tensor)) or assigned_name(link.code, link.lasti)
    for captured in graded:
        step = step_of(captured.grad)
        if step.name is None and step.section == "backward" and captured.first is not None:
            step.name = f"d_{captured.first.name}"
    outputs = steps_in(result)
    grads = [step_of(captured.grad) for captured in graded]
    updated = {
        id(captured): captured.value._step for captured in state_of if captured.value._step is not captured.first
    }
    _name_compositions(trace.steps)
    needed = _needed([*outputs, *grads, *updated.values()], trace.steps)
    forward_results = _needed([*outputs, *grads], [])
    begun = min((step.index for step in trace.steps if step.section == "backward"), default=-1)
    source_at = functools.cache(source_of)
    nodes: dict[int, Node] = {}
    numbers: dict[float, str | None] = {}
    sections: dict[int, str] = {}

    def add(step: Step, function: Any, args: Any, kwargs: Any) -> Node:
        node = Node(
            index=len(nodes), function=function, args=args, kwargs=kwargs, shape=step.shape, dtype=step.dtype,
            name=step.name or (assigned_name(step.code, step.lasti) if step.kind == "call" else None),
            scope=step.scope, source=source_at(step.code, step.lasti),
            requires_grad=step.kind == "state" and id(step) in differentiable,
        )  # fmt: skip
        nodes[step.index] = node
        return node

    def operand(item: Any, as_value: bool = False) -> Any:
        if type(item) is not Step:
            return item
        if item.index in nodes:
            return nodes[item.index]
        assert item.kind in ("array", "constant")
        return add(item, np.copy, (item.content,), {}) if as_value else item.content

    differentiable = {id(captured.first) for captured in state_of if captured.link.differentiable}
    used = {step.index for step in order if step.kind == "argument" or step.index in needed}
    arguments = [add(step, None, (), {}) for step in order if step.index in used]
    inputs = {id(captured): add(captured.first, None, (), {}) for captured in state_of}  # type: ignore[arg-type]
    for step in trace.steps:
        if step.kind == "call" and step.index in needed:
            node = add(step, step.function, mapped(step.args, operand), mapped(step.kwargs, operand))
            _name_numbers(numbers, node.args, step)
            if step.section == "backward":
                sections[node.index] = "backward"
            elif step.index not in forward_results and step.index > begun:
                sections[node.index] = "update"
    variables = tuple(
        Variable(
            inputs[id(captured)],
            captured.first.name or f"variable_{place}",  # type: ignore[union-attr]
            operand(updated[id(captured)], True) if id(captured) in updated else None,
        )
        for place, captured in enumerate(state_of)
    )
    results = _filled(result, operand)
    if grads:
        results = (results, [operand(step, True) for step in grads])
    graph_outputs = [*nodes_in(results), *[v.updated for v in variables if v.updated is not None]]
    graph = Graph(tuple(nodes.values()), tuple(graph_outputs))
    named = {number: name for number, name in numbers.items() if name is not None}
    program = Program(graph, tuple(arguments), variables, results, sections, tuple(trace.generators), named)
    return program, state_of, graded, used


def _name_numbers(numbers: dict[float, str | None], args: tuple[Any, ...], step: Step) -> None:
    """Note what the user's code calls the numbers among a call's arguments; None for one that it calls differently."""
    places = [place for place, item in enumerate(args) if isinstance(item, float | np.floating)]
    if not places or step.lasti < 0:
        return
    names = argument_names(step.code, step.lasti, len(args))
    for place in places:
        number, name = float(args[place]), names[place]
        name = name if name is not None and name.isidentifier() else None
        numbers[number] = name if numbers.get(number, name) == name else None


def _filled(result: Any, operand: Callable[..., Any]) -> Any:
    if isinstance(result, dict):
        return {key: _filled(item, operand) for key, item in result.items()}
    if isinstance(result, list | tuple):
        items = [_filled(item, operand) for item in result]
        return items if isinstance(result, list) else tuple(items)
    return operand(result, True) if type(result) is Step else result


def _needed(roots: list[Step], steps: list[Step]) -> set[int]:
    """The indices of the steps that the roots are computed from, and of all draws: a generator's stream goes on."""
    found: dict[int, Step] = {step.index: step for step in roots}
    for step in steps:
        if getattr(step.function, "__module__", None) == "tinygraph.draws":
            found.setdefault(step.index, step)
    waiting = list(found.values())
    for step in waiting:  # grows while we walk it
        for operand in [*steps_in(step.args), *steps_in(step.kwargs)]:
            if operand.index not in found:
                found[operand.index] = operand
                waiting.append(operand)
    return set(found)


def _name_compositions(steps: list[Step]) -> None:
    """Give the last step that was made on behalf of an instruction the name that its result was assigned to."""
    last: dict[tuple[Any, int], Step] = {}
    for step in steps:
        if step.kind == "call" and step.section == "forward" and step.lasti < 0:
            last[(step.code, step.lasti)] = step
    for step in last.values():
        if step.name is None:
            step.name = assigned_name(step.code, ~step.lasti)

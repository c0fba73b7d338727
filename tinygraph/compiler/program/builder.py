"""The builder: a list of steps that grows, from a program's nodes first and then by the calls that rewrites make."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from tinygraph.compiler.kernels.parts import part_written
from tinygraph.compiler.program.program import Program
from tinygraph.compiler.program.result_types import result_of
from tinygraph.compiler.program.steps import Step, is_node
from tinygraph.engine.nested import mapped
from tinygraph.errors import GraphError
from tinygraph.graph import Graph, Node

__all__ = ["Builder", "steps_of"]


class Builder:
    """A list of steps that grows at its end.

    Attributes:
        steps: the list.
        moved: while a graph is rewritten, the new step for each of its steps so far, constants included.
    """

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.moved: list[Step] = []

    def add(self, step: Step) -> Step:
        """Append a step, and give it its index."""
        step = replace(step, index=len(self.steps)) if step.index != len(self.steps) else step
        self.steps.append(step)
        return step

    def call(
        self, like: Step, function: Callable[..., Any], *args: Any, name: str | None = None, **kwargs: Any
    ) -> Step:
        """Append a call, on behalf of the line and section of another step.

        Args:
            like: the step whose source, scope and section the new one has.
            function: the called function.
            args, kwargs: with steps where arrays stand.
            name: of the result.
        """
        shape, dtype = result_of(function, args, kwargs)
        return self.add(
            Step(
                0, function, args, kwargs, shape, dtype, name, like.scope, source=like.source, section=like.section,
                origin=like.origin,
            )
        )  # fmt: skip

    def kernel(self, like: Step, function: Callable[..., Any], shape: tuple[int, ...], *args: Any) -> Step:
        """Append a call of a function of ours, on behalf of another step.

        Its result has a shape that is given, since the function cannot be tried out: it needs memory to write into.

        Args:
            like: the step whose dtype, source, scope and section the new one has.
        """
        return self.add(
            replace(like, function=function, args=args, kwargs={}, shape=shape, name=None, value=None, grad=None)
        )

    def constant(self, like: Step, value: Any) -> Step:
        """Append a constant, in the place of another step."""
        value = np.asarray(value)
        return self.add(
            Step(
                0, None, (), {}, value.shape, value.dtype, None, like.scope, value, source=like.source,
                section=like.section, origin=like.origin,
            )
        )  # fmt: skip


def steps_of(program: Program) -> Graph:
    """Return the program's graph as steps: the arguments first, the variables behind them, then the calls.

    Raises:
        GraphError: an input that is neither argument nor variable has no value.
    """
    builder = Builder()
    steps, sections = builder.steps, program.sections
    moved: dict[int, Step] = {}
    named = [(node, node.name) for node in program.arguments]
    named += [(variable.node, variable.name) for variable in program.variables]
    for node, name in named:
        step = _step(node, program, len(steps))
        moved[node.index] = builder.add(replace(step, name=name or node.name, given=True))

    def place(item: Any) -> Any:
        return moved[item.index] if is_node(item) else item

    for node in program.graph.nodes:
        if node.index in moved:
            continue
        if node.is_input and node.value is None:
            raise GraphError(
                f"compile: {node.name or 'an input'} is neither an argument nor a variable, and no value was kept"
            )
        args: list[Any] = []
        has_arrays = False
        for item in node.args:
            kind = type(item)
            if kind is Node:
                args.append(moved[item.index])
            elif kind is tuple or kind is list or kind is dict:
                args.append(mapped(item, place))
            else:
                args.append(item)
                has_arrays = has_arrays or (kind is np.ndarray and item.shape != ())
        kwargs = mapped(node.kwargs, place) if node.kwargs else {}
        if has_arrays and (isinstance(node.function, np.ufunc) or node.function in (np.where, part_written)):
            # A plain array among the operands is a step, too: blocks are taken of it like of any other.
            like = _step(node, program, 0)
            args = [builder.constant(like, item) if type(item) is np.ndarray and item.shape else item for item in args]
        value = np.asarray(node.value) if node.value is not None and node.function is None else None
        step = Step(
            len(steps), node.function, tuple(args), kwargs, node.shape, node.dtype, node.name, node.scope, value,
            requires_grad=node.requires_grad, source=node.source, section=sections.get(node.index, "forward"),
            origin=node.index,
        )  # fmt: skip
        steps.append(step)
        moved[node.index] = step
    return Graph(tuple(builder.steps), tuple(moved[output.index] for output in program.graph.outputs))


def _step(node: Node, program: Program, index: int) -> Step:
    """Return a step for an input, or one that a constant among the arguments of a call is like."""
    return Step(
        index, None, (), {}, node.shape, node.dtype, node.name, node.scope, requires_grad=node.requires_grad,
        source=node.source, section=program.sections.get(node.index, "forward"), origin=node.index,
    )  # fmt: skip

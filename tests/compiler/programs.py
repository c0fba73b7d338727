"""Programs for the tests of the compiler, read from the record of a run on Tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import tinygraph as tg
from tinygraph.compiler.program import Program, Variable
from tinygraph.graph import Graph, Node


def program_of(
    function: Callable[..., Any], arguments: Sequence[Any], variables: Sequence[Any] = (), backward: bool = False
) -> Program:
    """What a function of Tensors does, as a program.

    Args:
        function: called with a Tensor for each argument and variable; it returns a Tensor or a tuple of them or, where
            there are variables, a pair of that and the list of their new values.
        arguments, variables: arrays.
        backward: give the gradients of the (first) result, with respect to all arguments, too.
    """
    tensors = [
        tg.Tensor(np.array(value), name=f"x{place}" if place < len(arguments) else f"v{place - len(arguments)}")
        for place, value in enumerate([*arguments, *variables])
    ]
    results = function(*tensors)
    updated: list[Any] = []
    if variables:
        results, updated = results
    results = results if isinstance(results, tuple) else (results,)
    if backward:
        first = results[0]
        first.backward(np.ones(first.shape, first.dtype) if first.shape else None, create_graph=True)
        wanted = [tensor for tensor in tensors[: len(arguments)] if tensor.grad is not None]
        results = (*results, *[tensor.grad for tensor in wanted])
    graph = Graph.of(*results, *updated, *tensors)
    outputs = graph.outputs[: len(results) + len(updated)]
    inputs = graph.outputs[len(outputs) :]
    changed = dict(zip(range(len(variables)), outputs[len(results) :], strict=False))
    last_forward = max((node.index for node in graph.nodes if node is outputs[0]), default=0)
    return Program(
        Graph(graph.nodes, outputs),
        arguments=inputs[: len(arguments)],
        variables=tuple(
            Variable(node, node.name or "v", changed.get(place)) for place, node in enumerate(inputs[len(arguments) :])
        ),
        results=_as_given(outputs[: len(results)]),
        sections={node.index: "backward" for node in graph.nodes if backward and node.index > last_forward},
    )


def _as_given(outputs: tuple[Node, ...]) -> Any:
    return tuple(outputs)

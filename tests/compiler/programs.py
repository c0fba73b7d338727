"""Programs for the tests of the compiler: what a function of Tensors does, and its gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import tinygraph as tg
from tinygraph.compiler.program.interpreter import Interpreter
from tinygraph.compiler.program.program import Program, Variable
from tinygraph.graph import Graph


def program_of(
    function: Callable[..., Any], arguments: Sequence[Any], variables: Sequence[Any] = (), backward: bool = False
) -> Program:
    """What a function of Tensors does, as a program.

    Args:
        function: called with a Tensor for each argument and variable; it returns a Tensor or a tuple of them or, where
            there are variables, a pair of that and the list of their new values.
        arguments, variables: arrays.
        backward: give the gradients of the (first) result, with respect to all arguments, too.

    The nodes of the outputs have their values. With `backward` the program is recorded as `tg.compile` does it: the
    eager record of a gradient keeps comparisons, such as where a ReLU is positive, as constants.
    """
    if backward:
        return _with_gradients(function, arguments, variables)
    tensors = [
        tg.Tensor(np.array(value), name=f"x{place}" if place < len(arguments) else f"v{place - len(arguments)}")
        for place, value in enumerate([*arguments, *variables])
    ]
    results = function(*tensors)
    updated: list[Any] = []
    if variables:
        results, updated = results
    results = results if isinstance(results, tuple) else (results,)
    graph = Graph.of(*results, *updated, *tensors)
    outputs = graph.outputs[: len(results) + len(updated)]
    inputs = graph.outputs[len(outputs) :]
    changed = dict(zip(range(len(variables)), outputs[len(results) :], strict=False))
    return Program(
        Graph(graph.nodes, outputs),
        arguments=inputs[: len(arguments)],
        variables=tuple(
            Variable(node, node.name or "v", changed.get(place)) for place, node in enumerate(inputs[len(arguments) :])
        ),
        results=outputs[: len(results)],
    )


def _with_gradients(function: Callable[..., Any], arguments: Sequence[Any], variables: Sequence[Any]) -> Program:
    given = [np.array(value) for value in (*arguments, *variables)]
    names = [f"x{place}" for place in range(len(arguments))] + [f"v{place}" for place in range(len(variables))]
    made: list[Program] = []

    def recorded(*arrays: Any) -> Any:
        tensors = [tg.Tensor(array, name=name) for array, name in zip(arrays, names, strict=True)]
        results = function(*tensors)
        updated: list[Any] = []
        if variables:
            results, updated = results
        results = results if isinstance(results, tuple) else (results,)
        first = results[0]
        first.backward(np.ones(first.shape, first.dtype) if first.shape else None)
        gradients = [tensor.grad for tensor in tensors[: len(arguments)] if tensor.grad is not None]
        return [*results, *gradients], updated

    def make(program: Program) -> Any:
        made.append(program)
        return Interpreter(program)

    values = tg.compile(recorded, make=make)(*given)
    (program,) = made
    for node, name in zip(program.arguments, names, strict=True):
        object.__setattr__(node, "name", name)
    results, updated = program.results
    for node, value in zip((*results, *updated), (*values[0], *values[1]), strict=True):
        object.__setattr__(node, "value", np.asarray(value))
    return Program(
        Graph(program.graph.nodes, (*results, *updated)),
        arguments=program.arguments[: len(arguments)],
        variables=tuple(
            Variable(node, node.name or "v", updated[place] if place < len(updated) else None)
            for place, node in enumerate(program.arguments[len(arguments) :])
        ),
        results=tuple(results),
        sections=program.sections,
    )

"""The plainest way to run a `Program`: node by node. A written program must agree with it."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygraph import draws
from tinygraph.compiler.program.decisions import Left, decided, outcomes_in
from tinygraph.compiler.program.program import Program
from tinygraph.engine.nested import mapped
from tinygraph.graph import Node

__all__ = ["Interpreter"]


class Interpreter:
    """A program that is run by calling each node's function.

    Args:
        program: the program to run.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.path = outcomes_in(program.graph.nodes)

    @property
    def source(self) -> str:
        """The program as text."""
        return str(self.program.graph)

    def check(self, arguments: Sequence[Any], variables: Sequence[Any], generators: Sequence[Any]) -> None:
        """Compute all values of a call, and update nothing but the generators.

        Raises:
            ShapeError: a value has another shape than the program says.
            Left: a value decides otherwise.
        """
        given = [*self.program.arguments, *[variable.node for variable in self.program.variables]]
        values = {node.index: value for node, value in zip(given, [*arguments, *variables], strict=True)}
        self._compute(values, generators)

    def _compute(self, values: dict[int, Any], generators: Sequence[Any]) -> None:
        """Add the values of all calls to those of the inputs, by the indices of their nodes.

        Raises:
            Left: a value decides otherwise than the program expects.
        """
        decisions = 0
        for node in self.program.graph.nodes:
            if node.function is None:
                continue
            try:
                values[node.index] = _checked(_result_of(node, values, generators), node)
            except Left as left:
                raise Left(decisions, left.outcome, str(node.source)) from None
            decisions += node.function is decided

    def run(self, arguments: Sequence[Any], variables: Sequence[Any], generators: Sequence[Any] = ()) -> Any:
        """Run the program once.

        Args:
            arguments: an array or number for each of `program.arguments`.
            variables: an array for each of `program.variables`; those that the program updates are written into,
                once everything has been computed.
            generators: those that random draws come from.

        Returns:
            `program.results`, with an array of its own for each node.

        Raises:
            ShapeError: a value has another shape than when the program was made.
            Left: a value decides otherwise. Nothing is updated, and the generators are as they were.
        """
        program = self.program
        outcomes = outcomes_in(program.graph.nodes)
        given = [*program.arguments, *[variable.node for variable in program.variables]]
        values = {node.index: value for node, value in zip(given, [*arguments, *variables], strict=True)}
        states = [copy.deepcopy(generator.bit_generator.state) for generator in generators] if outcomes else []
        try:
            self._compute(values, generators)
        except Left:
            for generator, before in zip(generators, states, strict=True):
                generator.bit_generator.state = before
            raise
        results = _filled(program.results, lambda node: np.array(values[node.index])[()])
        updates = [
            (buffer, np.array(values[variable.updated.index]))
            for variable, buffer in zip(program.variables, variables, strict=True)
            if variable.updated is not None
        ]
        of_nodes = {node.index: value for node, value in zip(program.arguments, arguments, strict=True)}
        updates += [(of_nodes[node.index], np.array(values[new.index])) for node, new in program.written]
        for buffer, value in updates:
            buffer[...] = value
        return results


def _result_of(node: Node, values: dict[int, Any], generators: Sequence[Any]) -> Any:
    """Return the result of a call, for the values of its operands by their indices."""

    def value_of(item: Any) -> Any:
        return values[item.index] if isinstance(item, Node) else item

    args = mapped(node.args, value_of)
    if node.function in (draws.uniform, draws.normal):
        args = (generators[args[0]], *args[1:])
    return node.function(*args, **mapped(node.kwargs, value_of))  # type: ignore[misc]


def _checked(value: Any, node: Node) -> Any:
    if np.shape(value) != node.shape:
        from tinygraph.errors import ShapeError

        raise ShapeError(f"{node.op}: the result has shape {np.shape(value)}, but {node.shape} when it was compiled")
    return value


def _filled(structure: Any, fill: Any) -> Any:
    """Return nested containers with each node replaced."""
    if isinstance(structure, Node):
        return fill(structure)
    if isinstance(structure, dict):
        return {key: _filled(item, fill) for key, item in structure.items()}
    if isinstance(structure, list | tuple):
        items = [_filled(item, fill) for item in structure]
        return type(structure)(*items) if hasattr(structure, "_fields") else type(structure)(items)
    return structure

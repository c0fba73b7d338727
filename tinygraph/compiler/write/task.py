"""The task: a program that is to be written, and the options it is written with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tinygraph.compiler.program.builder import steps_of
from tinygraph.compiler.program.program import Program
from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.rewrites import Phase
from tinygraph.compiler.write.calls import WORK
from tinygraph.graph import Graph, Node

__all__ = ["Task"]


@dataclass(frozen=True, eq=False)
class Task:
    """A program that is to be written as text.

    Attributes:
        program: what was recorded.
        graph: the program's graph as steps, after rewriting.
        name: of the function in the text.
        blocks: whether elementwise calls on large arrays are evaluated block by block.
        threads: how many there are.
        again: compiles a program with these options, some of them replaced.
        phases: the rewrites that made `graph` of `original`, the graph before them.
        open_size: a size that stands for any, or None.
    """

    program: Program
    graph: Graph
    name: str
    blocks: bool
    threads: int
    again: Callable[..., Any]
    phases: tuple[Phase, ...] = ()
    open_size: int | None = None

    @cached_property
    def original(self) -> Graph:
        """The program's graph as steps, before rewriting. It is large, and made again for those who ask for it."""
        return steps_of(self.program)

    @property
    def arguments(self) -> Sequence[Node]:
        """The inputs that are given at each call."""
        return self.graph.nodes[: len(self.program.arguments)]

    @property
    def variables(self) -> Sequence[Node]:
        """The inputs that are state."""
        count = len(self.program.arguments)
        return self.graph.nodes[count : count + len(self.program.variables)]

    @property
    def generators(self) -> list[str]:
        """The names of the random generators in the text."""
        return [f"generator_{position}" for position in range(len(self.program.generators))]

    @property
    def reserved(self) -> list[str]:
        """The names in the text that no value may have."""
        return [self.name, WORK, *self.generators]

    @cached_property
    def results(self) -> list[Step]:
        """The results that the caller gets."""
        return list(self.graph.outputs[: len(self.graph.outputs) - len(self._updated)])  # type: ignore[arg-type]

    @cached_property
    def returned(self) -> dict[int, int]:
        """The indices of the arguments that are written into and returned, by their positions among the results."""
        program = self.program
        given = {id(new): program.arguments.index(node) for node, new in program.written}
        outputs = program.graph.outputs[: len(self.results)]
        return {place: given[id(node)] for place, node in enumerate(outputs) if id(node) in given}

    @cached_property
    def updates(self) -> dict[int, Step]:
        """The steps whose values the inputs take, by the indices of the inputs: variables, and arguments."""
        ends = self.graph.outputs[len(self.results) :]
        return dict(zip(self._updated, ends, strict=True))  # type: ignore[arg-type]

    @cached_property
    def _updated(self) -> list[int]:
        program, count = self.program, len(self.program.arguments)
        written = [program.arguments.index(node) for node, _ in program.written]
        updated = [count + at for at, variable in enumerate(program.variables) if variable.updated is not None]
        return [*written, *updated]

    @property
    def overwrites(self) -> dict[int, int]:
        """The indices of the inputs, by the indices of their new values."""
        return {step.index: index for index, step in self.updates.items()}

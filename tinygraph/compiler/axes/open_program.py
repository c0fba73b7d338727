"""Open programs: a recorded program for any size of an axis, from the programs recorded at several sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np

from tinygraph.compiler.axes.explaining import Unexplained, explained, forms_in, put_in
from tinygraph.compiler.axes.forms import Form
from tinygraph.compiler.program.facts import facts_of
from tinygraph.compiler.program.program import Program, Variable
from tinygraph.graph import Graph, Node

__all__ = ["OpenProgram", "closed", "open_program"]


class OpenProgram:
    """A program whose shapes and arguments may depend on a size.

    Attributes:
        first: the program at the first size, whose names and lines the others have.
        parts: by node its function, arguments, shape and dtype, with forms in place of what depends on the size.
        results: the nest of results, likewise.
        fixed: the sizes of axes that do not depend on it.
        parts_of_size: the numbers that the size is divided by.
    """

    def __init__(self, first: Program, parts: list[Any], results: Any) -> None:
        self.first = first
        self.parts = parts
        self.results = results
        self.fixed = frozenset(size for part in parts for size in part[3] if type(size) is int)
        self.parts_of_size = frozenset(form.over for form in forms_in((parts, results)))

    def at(self, size: int) -> Program:
        """Return the program at a size, as it would be recorded there."""
        first = self.first
        made: dict[int, Node] = {}

        def at_this_size(node: Node) -> Node:
            return made[node.index]

        for node, (function, args, kwargs, shape, dtype) in zip(first.graph.nodes, self.parts, strict=True):
            made[node.index] = replace(
                node, function=function, args=put_in(args, size, at_this_size),
                kwargs=put_in(kwargs, size, at_this_size), shape=put_in(shape, size), dtype=dtype,
            )  # fmt: skip
        return replace(
            first,
            graph=Graph(tuple(made.values()), tuple([made[output.index] for output in first.graph.outputs])),
            arguments=tuple([made[node.index] for node in first.arguments]),
            variables=tuple([_variable(variable, made) for variable in first.variables]),
            results=put_in(self.results, size, at_this_size),
            written=tuple([(made[node.index], made[state.index]) for node, state in first.written]),
        )

    def is_at(self, size: int, program: Program) -> bool:
        """Return whether a program that was recorded at a size is this program there."""
        return _are_same(self.at(size), program)


def _variable(variable: Variable, made: dict[int, Node]) -> Variable:
    updated = variable.updated
    return Variable(made[variable.node.index], variable.name, None if updated is None else made[updated.index])


def open_program(sizes: Sequence[int], programs: Sequence[Program]) -> OpenProgram | None:
    """Return the program of which those recorded at three or more sizes are instances, or None."""
    if any(_ends_of(program) != _ends_of(programs[0]) or _has_more(program) for program in programs):
        return None
    nodes = [program.graph.nodes for program in programs]
    try:
        parts = [explained(sizes, [_parts_of(node) for node in alike]) for alike in zip(*nodes, strict=True)]
        results = explained(sizes, [program.results for program in programs])
    except Unexplained:
        return None
    is_open = any(type(size) is Form for part in parts for size in part[3])
    return OpenProgram(programs[0], parts, results) if is_open else None


def closed(program: Program) -> OpenProgram:
    """Return a program in which no size is open."""
    parts = [(node.function, node.args, node.kwargs, node.shape, node.dtype) for node in program.graph.nodes]
    return OpenProgram(program, parts, program.results)


def _parts_of(node: Node) -> tuple[Any, ...]:
    if node.value is not None or facts_of(node.function).writes or facts_of(node.function).shape_by_value:
        raise Unexplained
    return node.function, node.args, node.kwargs, node.shape, node.dtype


# The fields of a program that are made for each size, and those that are the same at all sizes or of no account.
_MADE = frozenset(("graph", "arguments", "variables", "results", "written"))
_KEPT = frozenset(("sections", "differentiated", "generators", "quiet", "numbers"))


def _has_more(program: Program) -> bool:
    """Return whether a program has fields that nothing is known of here."""
    return any(getattr(program, field.name) for field in fields(Program) if field.name not in _MADE | _KEPT)


def _ends_of(program: Program) -> Any:
    """Return the inputs and outputs of a program by their indices, and what else is no part of its nodes."""
    return (
        len(program.graph.nodes),
        [node.index for node in program.graph.outputs],
        [node.index for node in program.arguments],
        [
            (variable.node.index, variable.name, None if variable.updated is None else variable.updated.index)
            for variable in program.variables
        ],
        [(node.index, state.index) for node, state in program.written],
        program.sections,
        len(program.generators),
        program.quiet,
    )


def _are_same(one: Program, other: Program) -> bool:
    """Return whether two programs compute the same, numbers to rounding."""
    if _ends_of(one) != _ends_of(other):
        return False
    try:
        for pair in zip(one.graph.nodes, other.graph.nodes, strict=True):
            explained((), [_parts_of(node) for node in pair], _near)
        explained((), [one.results, other.results], _near)
    except Unexplained:
        return False
    return True


def _near(_: Sequence[int], values: Sequence[Any]) -> Any:
    """Return the first of two numbers that differ by rounding only."""
    one, other = values
    if isinstance(one, float | np.float32) and abs(one - other) <= 4 * float(np.finfo(type(one)).eps) * abs(other):
        return one
    raise Unexplained

"""Reads of stacks: the rows that are taken of what a loop keeps of every iteration.

hs = loop_result(loop, 1)           Read(hs[49], None, 49), outside of loops
for i in range(49): d *= hs[48 - i]     Read(hs[48 - i], the loop, Affine(48, -1))
"""

from __future__ import annotations

import operator
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from tinygraph.compiler.program.counting import Affine, item_at
from tinygraph.compiler.program.loops import Loop, loop_result
from tinygraph.compiler.program.rewriting import steps_in
from tinygraph.compiler.program.steps import Step, operands_of
from tinygraph.compiler.rewrites.calls_outside import is_stack
from tinygraph.compiler.rewrites.changing_loops import is_closed
from tinygraph.graph import Graph

__all__ = ["Read", "reads_of_stacks", "users_in"]


@dataclass(frozen=True)
class Read:
    """A row that is taken of a stack.

    Attributes:
        step: the call that takes it.
        loop: the loop in whose body the call is; None for the graph itself.
        time: the iteration of the loop that keeps the stack, as a number or in the counter of `loop`.
        users: the calls that the row is an operand of.
        is_output: whether it is an output of its graph, too.
    """

    step: Step
    loop: Step | None
    time: int | Affine
    users: list[Step]
    is_output: bool

    @property
    def home(self) -> int | None:
        """The index of the loop; None for none."""
        return None if self.loop is None else self.loop.index


def reads_of_stacks(graph: Graph) -> dict[tuple[int, int], list[Read]]:
    """Return the rows that are taken of each stack that is read row by row, and in no other way.

    The stacks are named by the index of their loop, and their number among its results.
    """
    users = users_in(graph)
    bodies: dict[int, _Body] = {}
    outputs = {output.index for output in graph.outputs}
    found: dict[tuple[int, int], list[Read]] = {}
    other: set[tuple[int, int]] = set()
    for step in steps_in(graph):
        if step.function is not loop_result:
            continue
        loop, number = step.args
        if not is_closed(loop.function) or not is_stack(loop.function, number):
            continue
        reads = None if step.index in outputs else _reads_of(step, users, outputs, bodies)
        if reads is None:
            other.add((loop.index, number))
        else:
            found.setdefault((loop.index, number), []).extend(reads)
    return {key: reads for key, reads in found.items() if key not in other}


def users_in(graph: Graph) -> dict[int, list[Step]]:
    """Return by the index of a step of a graph the calls that it is an operand of, each once."""
    users: dict[int, list[Step]] = defaultdict(list)
    for step in steps_in(graph):
        for index in dict.fromkeys([operand.index for operand in operands_of(step)]):
            users[index].append(step)
    return users


class _Body:
    """The body of a loop, with the calls that its values are operands of."""

    def __init__(self, loop: Step) -> None:
        function: Any = loop.function
        self.loop = loop
        self.function = function
        self.outputs = {output.index for output in function.body.outputs}
        self.users = users_in(function.body)

    def reads_of(self, stack: Step) -> list[Read] | None:
        """Return the rows that the loop takes of a stack; None if it reads the stack in another way."""
        if not is_closed(self.function) or any([item is stack for item in self.loop.args[: self.function.carried]]):
            return None
        found: list[Read] = []
        for outer, inner in zip(self.loop.args, self.function.inputs, strict=True):
            if outer is not stack:
                continue
            if inner.index in self.outputs:
                return None
            for user in self.users[inner.index]:
                at = user.args[1] if user.function == item_at and user.args[0] is inner else None
                if type(at) is not Affine or type(at.start) is not int:
                    return None
                if min(at.at(0), at.at(self.function.count - 1)) < 0:
                    return None
                found.append(Read(user, self.loop, at, self.users[user.index], user.index in self.outputs))
        return found


def _reads_of(
    stack: Step, users: dict[int, list[Step]], outputs: set[int], bodies: dict[int, _Body]
) -> list[Read] | None:  # fmt: skip
    """Return the rows that are taken of a stack; None if it is read in another way."""
    count = stack.args[0].function.count
    found: list[Read] = []
    for user in users[stack.index]:
        if type(user.function) is Loop:
            if user.index not in bodies:
                bodies[user.index] = _Body(user)
            inner = bodies[user.index].reads_of(stack)
            if inner is None:
                return None
            found += inner
        elif user.function is operator.getitem and type(user.args[1]) is int:
            found.append(Read(user, None, user.args[1] % count, users[user.index], user.index in outputs))
        else:
            return None
    return found

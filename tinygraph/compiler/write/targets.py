"""Targets: the arrays that calls write into get their memory and their names before the first such call.

d_w = np.empty((40, 1))             what is returned is new at each call, unless the call makes an array of its own
h_left = h[:, :20]                  a part of an assembled array, which is computed in its place
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.compiler.kernels.parts import part_written
from tinygraph.compiler.memory import Plan, Storage
from tinygraph.compiler.memory.lines import KEPT_BYTES, memory_for
from tinygraph.compiler.memory.writing_parts import place_read
from tinygraph.compiler.program.counting import Affine
from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.write.allocations import names_in
from tinygraph.compiler.write.literals import dtype_text, empty_text, size_text
from tinygraph.compiler.write.statements import Statements
from tinygraph.compiler.write.writer import Writer

__all__ = ["Targets"]


# The calls whose own results lie in memory as the arrays do that are allocated for them.
_MAKES = re.compile(r"(np\.dot|np\.add\.reduce)\((.*), out=(\w+)\)")


def _makes_it(step: Step, held: Storage) -> bool:
    """Return whether NumPy makes the very array that a call writes into: in one piece, in C order, of its dtype."""
    axes = 2 if step.function in (np.dot, np.matmul) else 1
    operands = [item.dtype for item in step.args if type(item) is Step]
    return (
        held.nbytes < KEPT_BYTES and (held.shape, held.dtype) == (step.shape, step.dtype)
        and len(step.shape) <= axes and {*operands} == {step.dtype} and step.dtype.char in "fdFD"
    )  # fmt: skip


class Targets:
    """The arrays that the calls of a step write into."""

    def __init__(self, plan: Plan, writer: Writer, statements: Statements) -> None:
        self._plan = plan
        self._writer = writer
        self._names = writer.names
        self._statements = statements
        self._begun: set[int] = set()  # by id the storages that are allocated at each call, once they are
        self._named: set[int] = set()  # parts of assembled arrays that have their names
        self._kept = 0  # results whose memory is kept

    def name_part(self, step: Step) -> None:
        """Give a part of an assembled array its name: once, or in each iteration where the place of the part moves."""
        if step.index not in self._plan.parts or step.index in self._named:
            return
        whole, index = self._plan.parts[step.index]
        if type(index) is Affine:  # the loop's first line names it
            return
        self._named.add(step.index)
        if whole.function is part_written:
            self._name_written(step, whole, index)
            return
        self.name_part(whole)
        line = f"{self._names[step.index]} = {self._names[whole.index]}[{self._writer.index(index)}]"
        if step.index in self._writer.bound:
            self._statements.put_for(step, line)
        else:
            self._statements.setup.append(line)

    def place_in_loop(self, step: Step) -> str | None:
        """Return the part of an assembled array that a value is computed in, if the place moves in a loop and has no
        name yet.
        """
        if step.index not in self._plan.parts or step.index in self._named or step.index not in self._writer.bound:
            return None
        whole, index = self._plan.parts[step.index]
        if type(index) is Affine or whole.function is part_written:
            return None
        self.name_part(whole)
        return f"{self._names[whole.index]}[{self._writer.index(index)}]"

    def _name_written(self, step: Step, write: Step, index: Any) -> None:
        """Name the place in an array that a value is written to, unless the value is computed from that very part."""
        known = place_read(step, self._plan.storage, self._plan.layouts)
        if known is not None and self._names[known.index] == self._names[step.index]:
            return
        line = f"{self._names[step.index]} = {self._names[write.args[0].index]}[{self._writer.index(index)}]"
        held = self._plan.storage[step.index]
        if held is not None and held.is_lasting:
            self._statements.setup.append(line)
        else:
            self._statements.comment(step)
            self._statements.put_for(step, line)

    def is_due(self, held: Storage) -> bool:
        """Return whether memory is new at each call, and is not allocated yet."""
        return held.escapes and id(held) not in self._begun

    def begin(self, held: Storage, step: Step) -> None:
        """Write the allocation of memory that is new at each call, if a step is the first that needs it."""
        if self.is_due(held):
            self._statements.comment(step)
            first = self._plan.by_index[held.steps[0]]
            self.allocate(held, first)
            self.name_others(held, first)

    def computed(
        self, held: Storage, step: Step, statements: Callable[[Writer, Step, str], list[str]]
    ) -> list[str]:  # fmt: skip
        """Return the statements that compute a result in memory that is new at each call.

        NumPy's products of matrices, and its sums of rows, make an array of their own just as well.

        Args:
            held: the memory, which is due.
            step: the first that needs it.
            statements: write a call whose result goes into an array.
        """
        name = self._names[held.steps[0]]
        lines = statements(self._writer, step, name)
        call = _MAKES.fullmatch(lines[0]) if len(lines) == 1 else None
        if call is None or call[3] != name or not _makes_it(step, held):
            self.allocate(held, step)
            return lines
        self._begun.add(id(held))
        return [f"{name} = {call[1]}({call[2]})"]

    def allocate(self, held: Storage, step: Step) -> str:
        """Write the allocation, on behalf of a step, and return the name of the memory."""
        self._begun.add(id(held))
        name = self._names[held.steps[0]]
        if held.nbytes < KEPT_BYTES:
            self._statements.put_for(step, f"{name} = {empty_text(held.shape, held.dtype)}")
        else:
            how = f"{self._kept_memory()}, {size_text(held.shape)}, {dtype_text(held.dtype)}"
            self._statements.put_for(step, f"{name} = {self._writer.foreign(memory_for)}({how})")
        return name

    def name_others(self, held: Storage, step: Step) -> None:
        """Give names to the values that will lie in the memory later."""
        name = self._names[held.steps[0]]
        for other, shape in names_in(held, self._plan, self._names).items():
            if other != name:
                text = name if shape == held.shape else f"{name}.reshape({shape})"
                self._statements.put_for(step, f"{other} = {text}")

    def _kept_memory(self) -> str:
        """Return the name of a list of the memory of earlier results, which is made once."""
        self._kept += 1
        name = self._writer.taken.take(f"results_{self._kept}")
        self._statements.setup.append(f"{name} = []")
        return name

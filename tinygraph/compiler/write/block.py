"""The block: the function that computes some of the rows of a fusion. See `tinygraph.compiler.write.rowwise`.

Each array with the rows of the fusion is a parameter, and the function gets the block's rows of it. An array that all
blocks read is a parameter, too. A value that only a block needs lies in scratch memory. The function returns the totals
of its rows that are numbers, and adds to those that are arrays.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from tinygraph.compiler.kernels.image_calls import IMAGE_FUNCTIONS
from tinygraph.compiler.memory import Plan
from tinygraph.compiler.memory.slots import Slot, slots_of
from tinygraph.compiler.program.facts import REDUCTIONS
from tinygraph.compiler.program.predicates import is_plain_reduction
from tinygraph.compiler.program.reshaping import is_reshape
from tinygraph.compiler.program.steps import Step, operands_of
from tinygraph.compiler.schedule.blocks import Fusion, combining, start_of
from tinygraph.compiler.schedule.division import Division
from tinygraph.compiler.write.calls import WORK, statements
from tinygraph.compiler.write.comments import Comments
from tinygraph.compiler.write.leaving_out import without_empty_groups, without_unused
from tinygraph.compiler.write.literals import dtype_text
from tinygraph.compiler.write.moving import view_of_rows
from tinygraph.compiler.write.reduction_calls import reduced_rows
from tinygraph.compiler.write.scratch import name_of_scratch
from tinygraph.compiler.write.tags import TAG
from tinygraph.compiler.write.writer import Writer
from tinygraph.derivatives.reductions import reduced_axes

__all__ = ["Block", "block_of"]


@dataclass(eq=False)
class Block:
    """The function that computes a block of a fusion, as it is written.

    Attributes:
        fusion, number: the fusion, and its number in the program.
        division: the blocks of the fusion's rows.
        slots, numbers: the slots of scratch memory; by the id of a storage the number of its array in them.
        lines: the statements.
        parameters: by name the argument that the function over the blocks passes.
        outer: the arguments that the step passes to that function.
        totals: the numbers that are added up over the blocks, with their names.
        starts: the lines before the first block.
        setup: the lines that allocate the arrays of totals.
    """

    fusion: Fusion
    number: int
    plan: Plan
    writer: Writer
    division: Division
    slots: list[Slot]
    numbers: dict[int, int]
    lines: list[str] = field(default_factory=list)
    parameters: dict[str, str] = field(default_factory=dict)
    outer: dict[str, None] = field(default_factory=dict)
    totals: list[tuple[Step, str]] = field(default_factory=list)
    starts: list[str] = field(default_factory=list)
    setup: list[str] = field(default_factory=list)

    @property
    def names(self) -> dict[int, str]:
        """The names of the values in the text, by the index of a step."""
        return self.writer.names

    @property
    def arrays(self) -> list[Step]:
        """The arrays that are added up over the blocks."""
        return [step for step in self.fusion.steps if step.index in self.fusion.ending and step.shape]

    @cached_property
    def _views(self) -> set[int]:
        return {step.index for step in self.fusion.steps if self.plan.is_view(step)}

    @cached_property
    def _within(self) -> set[int]:
        """Parts of assembled arrays in scratch memory: their indices are known within the block alone."""
        parts = self.plan.parts
        return {step.index for step in self.fusion.steps if step.index in parts and self._is_scratch(step)}

    def write(self) -> None:
        """Write the statements."""
        comments = Comments()
        self.writer.inside = {step.index for step in self.fusion.steps}
        for step in self.fusion.steps:
            comments.begin(step, self.lines)
            self._use_operands(step)
            self._write(step)
        self.writer.inside = None
        views = {self.names[index] for index in self._views}
        self.lines = without_empty_groups(without_unused(self.lines, views))

    # --- parameters ---------------------------------------------------------------------------------------------------

    def _use_operands(self, step: Step) -> None:
        for operand in operands_of(step):
            if operand.index not in self._views and operand.index not in self._within:
                sliced = self.fusion.slices(step, operand) or self._is_scratch(operand)
                self._use(operand, self.fusion.axis_of(operand) if sliced else None)
        if step.function in IMAGE_FUNCTIONS:
            self.parameters[WORK] = f"{WORK}[thread]"

    def _use(self, step: Step, axis: int | None) -> None:
        """Make a value known inside the block, all of it or the block's rows, which are along an axis."""
        if step.is_constant and not step.shape:
            return
        name = self.writer.text(step)
        if name in self.parameters:
            return
        held = self.plan.storage[step.index]
        if held is not None and held.kind == "scratch":
            self.parameters[name] = self._scratch(step, name_of_scratch(self.number, self.numbers[id(held)]))
            return
        if held is None or not held.is_lasting or step.index in self.writer.bound:
            self.outer[name] = None
        elif axis is None:
            return  # a global
        self.parameters[name] = name if axis is None else f"{name}{self._rows(step, axis)}"

    def _scratch(self, step: Step, slot: str) -> str:
        """Return the part of some scratch memory that the rows of the block need."""
        if self.division.is_even:
            return f"{slot}[thread]"
        each = self.fusion.each_of(step)
        part = ":stop - start" if each == 1 else f":(stop - start) * {each}"
        return f"{slot}[thread, {':, ' * self.fusion.axis_of(step)}{part}]"

    def _rows(self, step: Step, axis: int) -> str:
        """Return the index of the block's rows."""
        each = self.fusion.each_of(step)
        return _at(axis, "start:stop" if each == 1 else f"start * {each}:stop * {each}")

    def _is_scratch(self, step: Step) -> bool:
        held = self.plan.storage[step.index]
        return held is not None and held.kind == "scratch"

    # --- statements --------------------------------------------------------------------------------------------------

    def _write(self, step: Step) -> None:
        name = self.names[step.index]
        if step.index in self._within:
            self._write_place(step, name)
            self._put_into(step, name)
        elif step.index in self._views:
            self._put(step, f"{name} = {view_of_rows(self.writer, step)}")
        elif step.index in self.fusion.members:
            self._use(step, self.fusion.axis_of(step))
            self._put_into(step, name)
        elif step.index not in self.fusion.ending:
            axes = reduced_axes(step.kwargs.get("axis"), self.fusion.ndim)
            self._use(step, self.fusion.axis - sum(axis < self.fusion.axis for axis in axes))
            self._put_into(step, name)
        elif step.shape:
            self._write_array_total(step, name)
        else:
            self.totals.append((step, name))
            self.starts.append(f"{name} = {_number(start_of(step))}")
            self._put(step, f"{name} = float({reduced_rows(self.writer, step)})")

    def _write_place(self, step: Step, name: str) -> None:
        """Write where in an assembled array a part of it lies."""
        whole, index = self.plan.parts[step.index]
        if whole.index not in self._within:
            self._use(whole, self.fusion.axis_of(whole))
        self._put(step, f"{name} = {self.writer.text(whole)}[{self.writer.index(index)}]")

    def _write_array_total(self, step: Step, name: str) -> None:
        """Write what is added up into an array, in which each thread has its own."""
        total = f"{name}_total"
        self._allocate(total, step)
        if self.division.is_one_each:
            if is_plain_reduction(step):
                self._put(step, reduced_rows(self.writer, step, total))
            else:
                self._put_into(step, total)
            return
        self.starts.append(f"{total}s[thread].fill({_number(start_of(step))})")
        if step.function in REDUCTIONS:
            added = reduced_rows(self.writer, step)
        else:
            added = f"{name}_part_total"
            self._allocate(added, step)
            self._put_into(step, added)
        self._put(step, f"np.{combining(step).__name__}({total}, {added}, out={total})")

    def _allocate(self, name: str, step: Step) -> None:
        """Give each thread an array for a result."""
        self.parameters[name] = f"{name}s[thread]"
        shape = (self.division.threads, *step.shape)
        self.setup.append(f"{name}s = np.empty({shape}, dtype={dtype_text(step.dtype)})")

    def _put_into(self, step: Step, out: str) -> None:
        if is_reshape(step) and type(step.args[0]) is Step:  # of as many rows as the block has
            self._put(step, f"np.copyto({out}, {self.writer.text(step.args[0])}.reshape({out}.shape))")
        else:
            self._put(step, *statements(self.writer, step, out))

    def _put(self, step: Step, *lines: str) -> None:
        """Append statements, tagged with the step that they compute."""
        self.lines += [f"{line}{TAG}{step.index}" for line in lines]


def block_of(fusion: Fusion, number: int, plan: Plan, writer: Writer, division: Division) -> Block:
    """Write the function that computes a block of a fusion."""
    numbers, slots = slots_of(fusion, plan, division.size)
    block = Block(fusion, number, plan, writer, division, slots, numbers)
    block.write()
    return block


def _at(axis: int, part: str) -> str:
    return f"[{':, ' * axis}{part}]"


def _number(value: float) -> str:
    return {float("inf"): "np.inf", float("-inf"): "-np.inf"}.get(value, repr(value))

"""The body: the statements of the step, in the order of execution, and what they need that is done once.

def step(x, y):
    # forward · z = w.T @ x + b                               (train.py:11)
    np.dot(w_T, x, out=z)                                     a call that writes into memory of the plan
    if not cost < bound: ...                                  a decision, at which a call may leave the program
    d_w = np.empty((40, 1))                                   what is returned is new at each call
    np.dot(x, d_z_T, out=d_w)
    in_turns(rows_1, 60000, 512, images)                      a fusion: its rows go block by block through one function
    return cost, d_w
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinygraph.compiler.kernels.image_calls import IMAGE_FUNCTIONS
from tinygraph.compiler.kernels.parts import part_written
from tinygraph.compiler.memory import Plan, Storage
from tinygraph.compiler.memory.lines import KEPT_BYTES, memory_for
from tinygraph.compiler.memory.writing_parts import place_read
from tinygraph.compiler.program.loops import (
    Affine,
    Begin,
    End,
    FromCount,
    carried,
    goes_on,
    kept,
    kept_at,
    kept_rows,
    put_row,
    row,
    stacked,
)
from tinygraph.compiler.program.rewriting import uses_of
from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.schedule.blocks import Fusion
from tinygraph.compiler.write.allocations import names_in
from tinygraph.compiler.write.calls import WORK, expression, image_call, statements
from tinygraph.compiler.write.comments import Comments
from tinygraph.compiler.write.conditions import Conditions
from tinygraph.compiler.write.literals import dtype_text, empty_text, size_text
from tinygraph.compiler.write.moving import view
from tinygraph.compiler.write.repeating import bound_in_loops, counts_in, draws_in, first_lines, rows_in
from tinygraph.compiler.write.rowwise import FusionText, text_of_fusion
from tinygraph.compiler.write.tags import TAG
from tinygraph.compiler.write.task import Task
from tinygraph.compiler.write.writer import Writer, nest_text

__all__ = ["Body"]


class Body:
    """The text of a step as it is written.

    Attributes:
        lines: the statements, each tagged with the step that it computes.
        setup: what is done once: views of memory that lasts, lists for memory that is kept.
        fusions: the functions that evaluate rows block by block.
        returned: the text of the results.
    """

    def __init__(self, task: Task, plan: Plan, writer: Writer) -> None:
        self.task = task
        self.plan = plan
        self.writer = writer
        self.names = writer.names
        self.lines: list[str] = []
        self.setup: list[str] = []
        self.fusions: list[FusionText] = []
        self._comments = Comments()
        self._begun: set[int] = set()  # by id the storages of results that have their memory
        self._placed: set[int] = set()  # parts of assembled arrays that have their names
        self._kept = 0  # results whose memory is kept
        self._conditions = Conditions(task.graph.nodes, writer)
        self._uses = uses_of(task.graph)
        self._inline: set[int] = set()  # values that are computed in a condition
        self._loops: list[Step] = []  # those that the next statement is in
        self._calls = list(plan.by_index.values())
        self._numbered: set[int] = set()  # open loops whose iterations are counted
        self._ended: dict[int, Step] = {}  # by the step that begins an open loop its condition
        self._each: dict[str, str] = {}  # by an array the name of a list of its rows
        self._bound = writer.bound = bound_in_loops(self._calls, plan)
        self.returned = ""

    def write(self) -> None:
        """Write the statements, and the text that the step returns."""
        for item, following in zip(self.plan.items, [*self.plan.items[1:], None], strict=False):
            if isinstance(item, Fusion):
                self._write_fusion(item)
            elif item.decides or item.function is goes_on:
                self._write_decision(item)
            elif not self._stands_in_condition(item, following):
                self._write(item)
        self.returned = self._written_end()

    # --- one item -----------------------------------------------------------------------------------------------------

    def _write(self, step: Step) -> None:
        form = _OF_LOOPS.get(step.function if type(step.function) not in (Begin, End) else type(step.function))
        if form is not None:
            form(self, step)
            return
        held = self.plan.storage[step.index]
        if step.draws:
            self._put(step, *self._conditions.before_draw(step))
        if step.function is carried and held is not None and held.kind != "fresh" and self._is_there(step, held):
            return
        self._place(step)
        if self.plan.is_view(step):
            assert held is not None
            if not held.is_lasting or step.index in self._bound:
                self._comment(step)
            self._write_view(step, held)
            return
        self._comment(step)
        if step.index in self.writer.in_place:
            name, before = self.names[step.index], self.names[step.args[0].index]
            if held is not None and held.kind == "fresh" and name != before:
                self._put(step, f"{name} = {before}")
            self._put(step, *statements(self.writer, step, name))
        elif held is None or (held.kind == "fresh" and step.index not in self.plan.parts):
            self._put(step, f"{self._target(step)} = {expression(self.writer, step)}")
        elif step.function in IMAGE_FUNCTIONS:
            self._begin(held, step)
            self._put(step, *image_call(self.writer, step, self.names[step.index], f"{WORK}[0]"))
        elif held.escapes and id(held) not in self._begun:
            name = self._allocate(held, step)
            self._put(step, *statements(self.writer, step, name))
            self._name_others(held, step)
        else:
            self._put(step, *statements(self.writer, step, self.names[step.index]))

    def _target(self, step: Step) -> str:
        """Return the target of a result's assignment: its name, or the variable that its number is the new value of."""
        given = self.plan.straight.get(step.index)
        return self.names[step.index] if given is None else f"{self.names[given]}[...]"

    def _stands_in_condition(self, step: Step, following: Step | Fusion | None) -> bool:
        """Return whether a number without a name is computed in the condition of the decision that follows."""
        if not isinstance(following, Step) or step.name is not None or step.shape:
            return False
        if not following.decides and following.function is not goes_on:
            return False
        expected = following.args[1]
        alone = following.args[0] is step and self._uses[step.index] == 1 and self.plan.storage[step.index] is None
        if alone and type(expected) is bool and not self.plan.is_view(step):
            self._inline.add(step.index)
        return step.index in self._inline

    def _write_decision(self, step: Step) -> None:
        """Write a decision: the program ends there for a call that decides otherwise, or a loop does."""
        if step.decides and self._conditions.is_settled(step):
            return
        value = step.args[0]
        text = expression(self.writer, value) if value.index in self._inline else self.writer.text(value)
        self._comment(step)
        if step.function is goes_on:
            self._end_open(step, text)
        else:
            self._put_lines(*self._conditions.lines(step, text, self.names))

    def _write_view(self, step: Step, held: Storage) -> None:
        """Write a view; once, if it looks at memory that lasts."""
        line = f"{self.names[step.index]} = {view(self.writer, step)}"
        if held.is_lasting and step.index not in self._bound:
            self.setup.append(line)
        else:
            self._put(step, line)

    # --- loops --------------------------------------------------------------------------------------------------------

    def _begin_stack(self, step: Step) -> None:
        """Write the memory for a value of every iteration, where the caller gets it."""
        held = self.plan.storage[step.index]
        if step.function is kept:
            self.setup.append(f"{self.names[step.index]} = []")
        elif held is not None:
            self._place(step)
            self._begin(held, step)

    def _begin_open(self, step: Step) -> None:
        """Write the first lines of a loop that a condition ends."""
        function: Any = step.function
        name = self.names[step.index]
        self.writer.counts.append(name)
        _, kept_values = rows_in(self._calls, step)
        numbered = bool(kept_values) or function.least > 0 or self._conditions.has_decisions or self._counts(step)
        if numbered:
            self._put_lines(f"{name} = 0")
            self._numbered.add(step.index)
        self._put_lines("while True:")
        self._loops.append(step)
        self.writer.counter = name
        if not kept_values:
            return
        first = self.names[kept_values[0].args[0].index]
        self._put_lines(f"if {name} == len({first}):")
        for item in kept_values:
            stack, value, _ = item.args
            empty = empty_text(value.shape, value.dtype) if value.shape else "None"
            self._put_lines(f"    {self.names[stack.index]}.append({empty})")
        for item in kept_values:
            stack, value, _ = item.args
            if value.shape:
                row_name = self.names[value.index]
                if not self._is_row(value, stack):
                    row_name = self.names[item.index] = self.writer.taken.take(f"{row_name}_row")
                self._put_lines(f"{row_name} = {self.names[stack.index]}[{name}]")

    def _counts(self, step: Step) -> bool:
        """Return whether another loop, or what is read of an open one, depends on its number of iterations."""
        function: Any = step.function
        begins = [item.function for item in self._calls if isinstance(item.function, Begin)]
        number = [item for item in begins if item.is_open].index(function)
        tied = [item for item in begins if type(item.count) is FromCount and item.count.loop == number]
        return len(tied) > 1 or any([item.function in (kept_at, kept_rows) for item in self._calls])

    def _end_open(self, step: Step, text: str) -> None:
        """Write the condition of an open loop."""
        self._put_lines(*self._conditions.end_of_loop(step, text))
        self._ended[self._loops[-1].index] = step

    def _begin_loop(self, step: Step) -> None:
        """Write the first line of a loop."""
        for draw in draws_in(self._calls, step):
            self._put_lines(*self._conditions.before_draw(draw))
        self._comment(step)
        function: Any = step.function
        if function.is_open:
            self._begin_open(step)
            return
        read, kept = rows_in(self._calls, step)
        rows = [(self.names[item.index], self._source_of(item.args[0], item)) for item in read]
        for item in kept:
            stack, value, _ = item.args
            if value.shape:
                name = self.names.get(value.index) or self.names[stack.index]  # a constant has no name
                if not self._is_row(value, stack):
                    name = self.names[item.index] = self.writer.taken.take(f"{name}_row")
                rows.append((name, self._source_of(stack, value)))
        counter = self.names[step.index] if counts_in(self._calls, step) else None
        self._put_lines(*first_lines(rows, counter, self.writer.text(function.count)))
        self._loops.append(step)
        self.writer.counter = self.names[step.index]

    def _is_there(self, step: Step, held: Storage) -> bool:
        """Return whether the first value of what is carried lies where the others will."""
        first = step.args[0]
        return self.plan.storage.get(first.index) is held and not self.plan.is_view(first)

    def _source_of(self, whole: Step, entry: Step) -> str:
        """Return what a loop goes over: of memory that lasts a list of its rows, which is made once."""
        text, held = self.writer.text(whole), self.plan.storage[whole.index]
        if held is None or not held.is_lasting or held.kind == "kept" or whole.index in self._bound or not entry.shape:
            return text
        if text not in self._each:
            name = self._each[text] = self.writer.taken.take(f"each_{text}")
            self.setup.append(f"{name} = list({text})")
        return self._each[text]

    def _is_row(self, value: Step, stack: Step) -> bool:
        """Return whether a value is computed straight into its place among those of every iteration."""
        return value.index in self.plan.parts and self.plan.parts[value.index][0] is stack

    def _keep(self, step: Step) -> None:
        """Write a value to its place among those of every iteration, if it is not computed there."""
        stack, value, begin = step.args
        if not value.shape:
            place = f"{self.names[stack.index]}[{self.names[begin.index]}]"
            self._put(value, f"{place} = {self.writer.text(value)}")
        elif not self._is_row(value, stack):
            self._put(value, f"np.copyto({self.names[step.index]}, {self.writer.text(value)})")

    def _end_loop(self, step: Step) -> None:
        """Write what is carried into the next iteration."""
        _, held, nexts = step.args
        targets, sources = [], []
        for old, new in zip(held, nexts, strict=True):
            mine, other = self.plan.storage[old.index], self.plan.storage[new.index]
            if mine is None or mine.kind == "fresh":
                if self.names[old.index] != self.writer.text(new):
                    targets.append(self.names[old.index])
                    sources.append(self.writer.text(new))
            elif mine is not other:
                self._put(new, f"np.copyto({self.names[old.index]}, {self.writer.text(new)})")
        if targets:
            self._put(step, f"{', '.join(targets)} = {', '.join(sources)}")
        begin = self._loops[-1]
        if begin.index in self._numbered:
            self._put_lines(f"{self.names[begin.index]} += 1")
        self._loops.pop()
        if begin.index in self._numbered and begin.function.least > 0:  # type: ignore[union-attr]
            self._put_lines(*self._conditions.too_few(self._ended[begin.index], begin, self.names))
        self._comments.forget()
        if self._loops:
            self.writer.counter = self.names[self._loops[-1].index]

    def _write_fusion(self, fusion: Fusion) -> None:
        """Write a fusion's functions, and the call of them."""
        held_by = [(step, held) for step in fusion.steps if (held := self.plan.storage[step.index]) is not None]
        seen = [(step, held) for step, held in held_by if held.kind != "scratch"]
        for step, held in seen:
            self._place(step)
            self._begin(held, step)
        for step, held in seen:
            if self.plan.is_view(step):
                self._write_view(step, held)
        text = text_of_fusion(fusion, len(self.fusions) + 1, self.plan, self.writer, self.task.threads)
        self.fusions.append(text)
        self.setup += text.setup
        self._comment(fusion.steps[0])
        self._put_lines(*[line for part in text.call for line in part.split("\n")])
        self._comments.forget()

    # --- parts of assembled arrays, and results -----------------------------------------------------------------------

    def _place(self, step: Step) -> None:
        """Write down, once, where in an assembled array a part of it lies; in each iteration where that moves."""
        if step.index not in self.plan.parts or step.index in self._placed:
            return
        whole, index = self.plan.parts[step.index]
        if type(index) is Affine:  # the loop's first line names it
            return
        self._placed.add(step.index)
        if whole.function is part_written:
            self._place_write(step, whole, index)
            return
        self._place(whole)
        line = f"{self.names[step.index]} = {self.names[whole.index]}[{self.writer.index(index)}]"
        if step.index in self._bound:
            self._put(step, line)
        else:
            self.setup.append(line)

    def _place_write(self, step: Step, write: Step, index: Any) -> None:
        """Write down where in an array a value is written, unless the value is computed from that very part."""
        known = place_read(step, self.plan.storage, self.plan.layouts)
        if known is not None and self.names[known.index] == self.names[step.index]:
            return
        line = f"{self.names[step.index]} = {self.names[write.args[0].index]}[{self.writer.index(index)}]"
        held = self.plan.storage[step.index]
        if held is not None and held.is_lasting:
            self.setup.append(line)
        else:
            self._comment(step)
            self._put(step, line)

    def _begin(self, held: Storage, step: Step) -> None:
        """Write the allocation of memory that is new at each call, if a step is the first that needs it."""
        if held.escapes and id(held) not in self._begun:
            self._comment(step)
            first = self.plan.by_index[held.steps[0]]
            self._allocate(held, first)
            self._name_others(held, first)

    def _allocate(self, held: Storage, step: Step) -> str:
        """Write the allocation, on behalf of a step; what the memory is called."""
        self._begun.add(id(held))
        name = self.names[held.steps[0]]
        if held.nbytes < KEPT_BYTES:
            self._put(step, f"{name} = {empty_text(held.shape, held.dtype)}")
        else:
            how = f"{self._kept_memory()}, {size_text(held.shape)}, {dtype_text(held.dtype)}"
            self._put(step, f"{name} = {self.writer.foreign(memory_for)}({how})")
        return name

    def _name_others(self, held: Storage, step: Step) -> None:
        """Give names to the values that will lie in the memory later."""
        name = self.names[held.steps[0]]
        for other, shape in names_in(held, self.plan, self.names).items():
            if other != name:
                self._put(step, f"{other} = {name}" if shape == held.shape else f"{other} = {name}.reshape({shape})")

    def _kept_memory(self) -> str:
        """Return the name of a list of the memory of earlier results, which is made once."""
        self._kept += 1
        name = self.writer.taken.take(f"results_{self._kept}")
        self.setup.append(f"{name} = []")
        return name

    # --- the end ------------------------------------------------------------------------------------------------------

    def _written_end(self) -> str:
        """Write the copies that are made at the end; what is returned, as text."""
        returned: set[int] = set()  # by id the storages that results have
        texts = [
            self.names[self.task.returned[place]]
            if place in self.task.returned
            else self._written_result(output, returned)
            for place, output in enumerate(self.task.results)
        ]
        for given, step in self.plan.copied:
            variable, text = self.names[given], self.writer.text(step)
            self._comment(step)
            self._put(step, f"np.copyto({variable}, {text})" if step.shape else f"{variable}[...] = {text}")
        if self.lines:
            self.lines.append("")
        return nest_text(self.task.program.results, iter(texts), self.writer)

    def _written_result(self, output: Step, returned: set[int]) -> str:
        """Write a result as it is returned: a copy where a later call or the owner of another result writes into it."""
        held = self.plan.storage.get(output.index)
        text = self.writer.text(output)
        if held is None:
            return f"{text}.copy()" if output.is_constant and output.shape else text
        if held.escapes and id(held) not in returned:
            returned.add(id(held))
            return text
        name = self.writer.taken.take(f"{text}_now")
        self.lines.append(f"{name} = {text}.copy()")
        return name

    # --- lines --------------------------------------------------------------------------------------------------------

    def _comment(self, step: Step) -> None:
        self._put_lines(*self._comments.lines(step, self.lines))

    def _put_lines(self, *lines: str) -> None:
        """Append lines, at the depth of the loops that they are in."""
        indent = "    " * len(self._loops)
        self.lines += [f"{indent}{line}" if line else "" for line in lines]

    def _put(self, step: Step, *lines: str) -> None:
        """Append statements, tagged with the step that they compute."""
        self._put_lines(*[f"{line}{TAG}{step.index}" for line in lines])


# The steps of loops that are written in a way of their own.
_OF_LOOPS: dict[Any, Callable[[Body, Step], None]] = {
    stacked: Body._begin_stack,
    kept: Body._begin_stack,
    Begin: Body._begin_loop,
    row: lambda body, step: None,
    put_row: Body._keep,
    End: Body._end_loop,
}

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

import numpy as np

from tinygraph.compiler.kernels.image_calls import IMAGE_FUNCTIONS
from tinygraph.compiler.memory import Plan, Storage
from tinygraph.compiler.program.loops import goes_on
from tinygraph.compiler.program.rewriting import uses_of
from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.schedule.blocks import Fusion
from tinygraph.compiler.write.block_loops import functions_of
from tinygraph.compiler.write.calls import OPERATORS, WORK, expression, image_call, statements
from tinygraph.compiler.write.conditions import Conditions
from tinygraph.compiler.write.loop_statements import LoopStatements, is_of_loop
from tinygraph.compiler.write.moving import view
from tinygraph.compiler.write.repeating import bound_in_loops
from tinygraph.compiler.write.rowwise import FusionText, text_of_fusion
from tinygraph.compiler.write.statements import Statements
from tinygraph.compiler.write.targets import Targets
from tinygraph.compiler.write.task import Task
from tinygraph.compiler.write.width import length
from tinygraph.compiler.write.writer import Writer, nest_text
from tinygraph.compiler.write.writing_parts import may_be_computed_there, part_read
from tinygraph.derivatives.shapes import astype

__all__ = ["Body"]

# A longer expression is given a name.
LONGEST = 60

# How tightly a sign binds its operands.
BINDING = {
    **dict.fromkeys(OPERATORS, 0), np.add: 1, np.subtract: 1, np.multiply: 2, np.divide: 2, np.negative: 3,
}  # fmt: skip


def _stands_in_parentheses(step: Step, reader: Step) -> bool:
    """Return whether a number that is computed among the operands of a call stands in parentheses there."""
    inside, around = BINDING.get(step.function), BINDING.get(reader.function)
    if inside is None or around is None:
        return False
    if reader.args[0] is step and inside > 0:
        return inside < around
    return inside <= around or step.function is np.negative


class Body:
    """The text of a step as it is written.

    Attributes:
        statements: the lines, each tagged with the step that it computes.
        fusions: the functions that evaluate rows block by block.
        returned: the text of the results.
    """

    def __init__(self, task: Task, plan: Plan, writer: Writer) -> None:
        self._task = task
        self._plan = plan
        self._writer = writer
        self._names = writer.names
        writer.bound = bound_in_loops(list(plan.by_index.values()), plan)
        self.statements = Statements()
        self.fusions: list[FusionText] = []
        self._targets = Targets(plan, writer, self.statements)
        self._conditions = Conditions(task.graph.nodes, writer)
        self._loops = LoopStatements(plan, writer, self.statements, self._targets, self._conditions)
        self._uses = uses_of(task.graph)
        self._inline: set[int] = set()  # values that are computed in a condition
        self.returned = ""

    def write(self) -> None:
        """Write the statements, and the text that the step returns."""
        items = self._plan.items
        for place, item in enumerate(items):
            following = items[place + 1] if place + 1 < len(items) else None
            if isinstance(item, Fusion):
                self._write_fusion(item)
            elif item.decides or item.function is goes_on:
                self._write_decision(item)
            elif not (
                self._stands_in_condition(item, following) or self._is_computed_there(item, following)
                or self._is_written_out(item, place)
            ):  # fmt: skip
                self._write(item)
        self.returned = self._written_end()
        views = [self._names[index] for index, step in self._plan.by_index.items() if self._plan.is_view(step)]
        in_blocks = [line for fusion in self.fusions for line in functions_of(fusion.block)]
        self.statements.leave_out(frozenset(views), [self.returned, *in_blocks])

    # --- one item -----------------------------------------------------------------------------------------------------

    def _write(self, step: Step) -> None:
        """Write a call, a view, or a step of a loop."""
        if is_of_loop(step):
            self._loops.write(step)
            return
        held = self._plan.storage[step.index]
        if step.draws:
            self.statements.put_for(step, *self._conditions.before_draw(step))
        if self._loops.is_there(step):
            return
        if self._is_written_into_place(step, held):
            return
        self._targets.name_part(step)
        if self._plan.is_view(step):
            assert held is not None
            if not held.is_lasting or step.index in self._writer.bound:
                self.statements.comment(step)
            self._write_view(step, held)
            return
        self.statements.comment(step)
        if step.index in self._writer.in_place:
            name, before = self._names[step.index], self._names[step.args[0].index]
            if held is not None and held.kind == "fresh" and name != before:
                self.statements.put_for(step, f"{name} = {before}")
            self.statements.put_for(step, *statements(self._writer, step, name))
        elif held is None or (held.kind == "fresh" and step.index not in self._plan.parts):
            self.statements.put_for(step, f"{self._target(step)} = {expression(self._writer, step)}")
        elif step.function in IMAGE_FUNCTIONS:
            self._targets.begin(held, step)
            self.statements.put_for(step, *image_call(self._writer, step, self._names[step.index], f"{WORK}[0]"))
        elif self._targets.is_due(held):
            self.statements.put_for(step, *self._targets.computed(held, step, statements))
            self._targets.name_others(held, step)
        else:
            self.statements.put_for(step, *statements(self._writer, step, self._names[step.index]))

    def _is_written_into_place(self, step: Step, held: Storage | None) -> bool:
        """Return whether a call writes into a part of an array, which nobody else names; write it if so."""
        place, name = self._targets.place_in_loop(step), self._names.get(step.index)
        if place is None or held is None or name is None or self._uses[step.index] != 1:
            return False
        if self._plan.is_view(step) or step.index in self._writer.in_place or step.function in IMAGE_FUNCTIONS:
            return False
        lines, end = statements(self._writer, step, name), f", out={name})"
        if self._targets.is_due(held) or len(lines) != 1 or not lines[0].endswith(end) or lines[0].count(name) != 1:
            return False
        self.statements.comment(step)
        self.statements.put_for(step, f"{lines[0].removesuffix(end)}, out={place})")
        return True

    def _target(self, step: Step) -> str:
        """Return the target of a result's assignment: its name, or the variable that its number is the new value of."""
        given = self._plan.straight.get(step.index)
        return self._names[step.index] if given is None else f"{self._names[given]}[...]"

    def _stands_in_condition(self, step: Step, following: Step | Fusion | None) -> bool:
        """Return whether a number without a name is computed in the condition of the decision that follows."""
        if not isinstance(following, Step) or step.name is not None or step.shape:
            return False
        if not following.decides and following.function is not goes_on:
            return False
        expected = following.args[1]
        alone = following.args[0] is step and self._uses[step.index] == 1 and self._plan.storage[step.index] is None
        if alone and type(expected) is bool and not self._plan.is_view(step):
            self._inline.add(step.index)
        return step.index in self._inline

    def _is_written_out(self, step: Step, place: int) -> bool:
        """Return whether a number without a name is computed where it is read, with nothing but numbers in between.

        Args:
            step: the call.
            place: among the items of the plan.
        """
        is_short = self._is_plain_number(step) and step.index not in self._plan.straight and step.name is None
        if not is_short or self._uses[step.index] != 1:
            return False
        written_out = self._writer.written_out
        for reader in self._plan.items[place + 1 :]:
            if not isinstance(reader, Step) or not self._is_plain_number(reader):
                return False
            if not any([item is step for item in reader.args]):
                if reader.index in self._plan.straight:  # it writes into a variable, which this one may read
                    return False
                continue
            text = expression(self._writer, step)
            if _stands_in_parentheses(step, reader):
                text = f"({text})"
            beside = [written_out.get(item.index, "") for item in reader.args if type(item) is Step]
            if length("".join([text, *beside])) > LONGEST:
                return False
            written_out[step.index] = text
            return True
        return False

    def _is_plain_number(self, step: Step) -> bool:
        """Return whether a call computes one number of others, or of variables."""
        return (
            self._plan.storage.get(step.index, step) is None and not is_of_loop(step) and not step.kwargs
            and (isinstance(step.function, np.ufunc) or step.function is astype) and not self._plan.is_view(step)
            and all([type(item) is not Step or not item.shape for item in step.args])
        )  # fmt: skip

    def _is_computed_there(self, step: Step, following: Step | Fusion | None) -> bool:
        """Return whether the write that follows computes a value in its place."""
        if not isinstance(following, Step) or self._uses[step.index] != 1:
            return False
        if may_be_computed_there(self._writer, step, following):
            self._writer.computed_there[step.index] = part_read(step, following, self._plan.storage)
        return step.index in self._writer.computed_there

    def _write_decision(self, step: Step) -> None:
        """Write a decision: the program ends there for a call that decides otherwise, or a loop does."""
        if step.decides and self._conditions.is_settled(step):
            return
        value = step.args[0]
        text = expression(self._writer, value) if value.index in self._inline else self._writer.text(value)
        self.statements.comment(step)
        self.statements.put(*self._conditions.lines(step, text, self._names))

    def _write_view(self, step: Step, held: Storage) -> None:
        """Write a view; once, if it looks at memory that lasts."""
        line = f"{self._names[step.index]} = {view(self._writer, step)}"
        if held.is_lasting and step.index not in self._writer.bound:
            self.statements.setup.append(line)
        else:
            self.statements.put_for(step, line)

    def _write_fusion(self, fusion: Fusion) -> None:
        """Write a fusion's functions, and the call of them."""
        held_by = [(step, held) for step in fusion.steps if (held := self._plan.storage[step.index]) is not None]
        seen = [(step, held) for step, held in held_by if held.kind != "scratch"]
        for step, held in seen:
            self._targets.name_part(step)
            self._targets.begin(held, step)
        for step, held in seen:
            if self._plan.is_view(step):
                self._write_view(step, held)
        text = text_of_fusion(fusion, len(self.fusions) + 1, self._plan, self._writer, self._task.threads)
        self.fusions.append(text)
        self.statements.setup += text.setup
        self.statements.comment(fusion.steps[0])
        self.statements.put(*[line for part in text.call for line in part.split("\n")])
        self.statements.end_group()

    # --- the end ------------------------------------------------------------------------------------------------------

    def _written_end(self) -> str:
        """Write the copies that are made at the end; what is returned, as text."""
        returned: set[int] = set()  # by id the storages that results have
        texts = [
            self._names[self._task.returned[place]]
            if place in self._task.returned
            else self._written_result(output, returned)
            for place, output in enumerate(self._task.results)
        ]
        for given, step in self._plan.copied:
            variable, text = self._names[given], self._writer.text(step)
            self.statements.comment(step)
            line = f"np.copyto({variable}, {text})" if step.shape else f"{variable}[...] = {text}"
            self.statements.put_for(step, line)
        if self.statements.lines:
            self.statements.lines.append("")
        return nest_text(self._task.program.results, iter(texts), self._writer)

    def _written_result(self, output: Step, returned: set[int]) -> str:
        """Write a result as it is returned: a copy where a later call or the owner of another result writes into it."""
        held = self._plan.storage.get(output.index)
        text = self._writer.text(output)
        if held is None:
            return f"{text}.copy()" if output.is_constant and output.shape else text
        if held.escapes and id(held) not in returned:
            returned.add(id(held))
            return text
        name = self._writer.taken.take(f"{text}_now")
        self.statements.lines.append(f"{name} = {text}.copy()")
        return name

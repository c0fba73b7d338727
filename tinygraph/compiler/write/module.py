'''The module as a whole: what it imports, what is done once, its functions, and at its end the step.

"""step: written by tinygraph."""

import numpy as np

# Given from outside: w float64[40, 1], b float64[].

half = np.array(0.5)

# Memory: allocated once, and used again at every call.
z = np.empty((1, 300))
w_T = w.T


def step(x, y):
    ...
'''

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tinygraph.compiler.memory import Plan
from tinygraph.compiler.memory.writing_parts import is_written_in_place
from tinygraph.compiler.names import TakenNames, is_free
from tinygraph.compiler.program.facts import facts_of
from tinygraph.compiler.program.predicates import is_write
from tinygraph.compiler.program.rewriting import uses_of
from tinygraph.compiler.write.alike_allocations import with_alike_together
from tinygraph.compiler.write.allocations import (
    arrays_in,
    arrays_of_one_shape_in,
    constant_lines,
    memory_lines,
    reckoned_lines,
    state_lines,
    work_line,
)
from tinygraph.compiler.write.body import Body
from tinygraph.compiler.write.lists_of_rows import with_views_inside
from tinygraph.compiler.write.task import Task
from tinygraph.compiler.write.text import Text
from tinygraph.compiler.write.two_threads import THREADING, helpers
from tinygraph.compiler.write.update_functions import Known, UpdateFunctions, with_update_functions
from tinygraph.compiler.write.width import without_double_blanks, wrapped
from tinygraph.compiler.write.writer import Writer
from tinygraph.engine.notes import decomposition_of

__all__ = ["text_of_arrays"]


def text_of_arrays(task: Task, planned: Plan, names: dict[int, str]) -> Text:
    """Write a program that computes with arrays, in the memory of a plan."""
    writer = _writer(task, planned, names)
    body = Body(task, planned, writer)
    body.write()
    parts = _Parts(task, planned, writer, body)
    updates = with_update_functions(body.statements.lines, body.fusions, _known(task, planned, writer))
    program = parts.program(updates)
    apart = parts.program(UpdateFunctions(body.statements.lines)) if updates.functions else program
    imports = _imports(parts.threads, writer)
    head = [
        f'"""{task.name}: written by tinygraph."""', "", *imports, "",
        *state_lines(task.variables, writer), *reckoned_lines(parts.arguments, task.program.reckoned),
    ]  # fmt: skip
    tagged, separate = ["\n".join(without_double_blanks([*head, *lines])) + "\n" for lines in (program, apart)]
    return Text(
        tagged=tagged,
        separate=separate,
        arguments=parts.arguments,
        variables=[writer.names[node.index] for node in task.variables],
        references=writer,
        imports=[line for line in imports if line],
        header=parts.header,
        program=without_double_blanks(program),
        scratch_count=sum(fusion.scratch_count for fusion in body.fusions) + len(parts.work),
        scratch_bytes=sum(fusion.scratch_bytes for fusion in body.fusions) + parts.work_bytes,
        divides=parts.threads > 1,
        memory=arrays_of_one_shape_in(planned, writer.names),
    )


class _Parts:
    """The parts of a text."""

    def __init__(self, task: Task, plan: Plan, writer: Writer, body: Body) -> None:
        self._task = task
        self._plan = plan
        self._writer = writer
        self._body = body
        self.threads = max([fusion.division.threads for fusion in body.fusions], default=1)
        self.work, self.work_bytes = work_line(plan.items, self.threads, writer)
        self.arguments = [writer.names[node.index] for node in task.arguments]
        self.header = f"def {task.name}({', '.join(self.arguments)}):"

    def program(self, updates: UpdateFunctions) -> list[str]:
        """Return the lines below the imports, with functions for updates that are alike."""
        setup = self._body.statements.setup
        returned = wrapped(f"return {self._body.returned}")
        functions = [*updates.functions, *[updates.of_fusion(fusion) for fusion in self._body.fusions]]
        elsewhere = [*updates.lines, *returned, *[line for lines in functions for line in lines]]
        unused = updates.unused([*setup, *elsewhere])
        memory = memory_lines(self._plan, self._writer, self._task.threads, unused)
        return [
            *constant_lines(self._writer),
            "",
            *with_alike_together([*memory, *self.work, *with_views_inside(setup, [*memory, *elsewhere])]),
            "",
            *_spaced([*_helpers(self._body, self.threads), *functions]),
            *_quiet(self._task),
            self.header,
            *[f"    {line}" if line else "" for line in [*updates.lines, *returned]],
        ]


def _known(task: Task, plan: Plan, writer: Writer) -> Known:
    """Return what is known of the values in the statements of a program."""
    names = writer.names
    return Known(
        steps=plan.by_index,
        names=names,
        uses=uses_of(task.graph),
        arrays=arrays_in(plan, names),
        local=frozenset(
            [
                names[index]
                for index, held in plan.storage.items()
                if index in names and (held is None or not held.is_lasting or index in writer.bound)
            ]
        ),
    )


def _writer(task: Task, planned: Plan, names: dict[int, str]) -> Writer:
    """Return the writer of the calls, with the names of all values."""
    return Writer(
        names=names,
        taken=TakenNames([*names.values(), task.name, *task.generators]),
        parts=planned.parts,
        in_place=frozenset(
            [
                index
                for index, step in planned.by_index.items()
                if is_write(step) and is_written_in_place(step, planned.storage)
            ]
        ),
        layouts=planned.layouts,
        single=frozenset([node.index for node in task.variables if not node.shape]),
        numbers={number: name for number, name in task.program.numbers.items() if is_free(name)},
    )


def _imports(threads: int, writer: Writer) -> list[str]:
    """Return the lines that import Python's modules, NumPy and what else the text refers to."""
    pythons = sorted(THREADING, key=lambda line: (line.startswith("from"), line)) if threads > 1 else []
    return [*pythons, "", "import numpy as np", *writer.imports.values()]


def _helpers(body: Body, threads: int) -> list[list[str]]:
    """Return the lines of each function that divides work between threads, where there are two."""
    in_turns = [fusion.division.in_turns for fusion in body.fusions if threads > 1]
    return [text.split("\n") for text in helpers(in_turns)]


def _spaced(texts: Iterable[list[str]]) -> list[str]:
    """Return the lines of some functions, with blank ones behind each."""
    return [line for text in texts for line in [*text, "", ""]]


def _may_overflow(function: Any) -> bool:
    """Return whether a function's decomposition may overflow on the way to a finite result."""
    return not facts_of(function).overflows_alike and decomposition_of(function) is not None


def _quiet(task: Task) -> list[str]:
    """Return the decorator of a program that says nothing of some floating-point errors, if there are any.

    A formula of tinygraph's may overflow on the way, which is none of the user's business.
    """
    called = {id(node.function): node.function for node in task.program.graph.nodes if not node.is_input}
    by_formula = any(map(_may_overflow, called.values()))
    kinds = task.program.quiet | (frozenset(("over", "divide")) if by_formula else frozenset())
    told = ", ".join([f'{kind}="ignore"' for kind in ("over", "divide", "under", "invalid") if kind in kinds])
    return [f"@np.errstate({told})"] if kinds else []

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

from collections.abc import Iterable, Iterator
from typing import Any

from tinygraph.compiler.memory import Plan
from tinygraph.compiler.memory.writing_parts import is_written_in_place
from tinygraph.compiler.names import TakenNames, is_free
from tinygraph.compiler.program.facts import facts_of
from tinygraph.compiler.program.predicates import is_write
from tinygraph.compiler.write.allocations import (
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
from tinygraph.compiler.write.width import without_double_blanks, wrapped
from tinygraph.compiler.write.writer import Writer
from tinygraph.engine.notes import decomposition_of

__all__ = ["text_of_arrays"]


def text_of_arrays(task: Task, planned: Plan, names: dict[int, str]) -> Text:
    """Write a program that computes with arrays, in the memory of a plan."""
    writer = _writer(task, planned, names)
    body = Body(task, planned, writer)
    body.write()
    memory = memory_lines(planned, writer, task.threads)
    threads = max([fusion.division.threads for fusion in body.fusions], default=1)
    work, work_bytes = work_line(planned.items, threads, writer)
    state = state_lines(task.variables, writer)
    arguments = [writer.names[node.index] for node in task.arguments]
    reckoned = reckoned_lines(arguments, task.program.reckoned)
    imports, header = _imports(threads, writer), f"def {task.name}({', '.join(arguments)}):"
    program = [
        *constant_lines(writer),
        "",
        *memory,
        *work,
        *with_views_inside(body.statements.setup, _elsewhere(body, memory)),
        "",
        *_spaced(_helpers(body, threads)),
        *_spaced([fusion.functions for fusion in body.fusions]),
        *_quiet(task),
        header,
        *[f"    {line}" if line else "" for line in [*body.statements.lines, *wrapped(f"return {body.returned}")]],
    ]
    lines = [f'"""{task.name}: written by tinygraph."""', "", *imports, "", *state, *reckoned, *program]
    return Text(
        tagged="\n".join(without_double_blanks(lines)) + "\n",
        arguments=arguments,
        variables=[writer.names[node.index] for node in task.variables],
        references=writer,
        imports=[line for line in imports if line],
        header=header,
        program=without_double_blanks(program),
        scratch_count=sum(fusion.scratch_count for fusion in body.fusions) + len(work),
        scratch_bytes=sum(fusion.scratch_bytes for fusion in body.fusions) + work_bytes,
        divides=threads > 1,
    )


def _elsewhere(body: Body, memory: list[str]) -> Iterator[str]:
    """Yield the lines of the text that are no setup."""
    yield from memory
    yield from body.statements.lines
    yield body.returned
    for fusion in body.fusions:
        yield from fusion.functions


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

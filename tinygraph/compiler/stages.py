"""Stages: the results of the stages of the compiler for one program, as text, and the rewrites as pictures.

    print(step.stages["share"])     one stage, before and after
    print(step.stages)              all of them, in order
    step.stages["share"].draw()     a phase of the rewrites as a picture

Nothing is kept for this. A written program has its graph, plan and text anyway; the rewrites run once more when
somebody asks for their phases.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tinygraph.compiler.loops_as_text import call_text, depths_of, indented, loops_around, text_of
from tinygraph.compiler.memory import Plan
from tinygraph.compiler.phases import phase_by_phase
from tinygraph.compiler.program.loop_marks import Begin, End, put_row
from tinygraph.compiler.rewriting_drawn import drawn_phase
from tinygraph.compiler.run.runner import Runner
from tinygraph.compiler.schedule.blocks import Fusion
from tinygraph.compiler.write.writer import Writer
from tinygraph.drawing.changes import DifferenceDrawing

__all__ = ["Stage", "Stages", "stages_of"]


@dataclass(frozen=True)
class Stage:
    """A stage of the compiler, or a phase of its rewrites, for one program.

    Attributes:
        name: of the stage.
        sentence: what it does.
        before, after: its input and its result, as text.
        drawn: the function that draws a phase of the rewrites; None for another stage.
    """

    name: str
    sentence: str
    before: str
    after: str
    drawn: Callable[..., DifferenceDrawing] | None = field(default=None, repr=False, compare=False)

    def draw(self, **options: Any) -> DifferenceDrawing:
        """Draw what the phase changed: what is new, what has gone, and what was another.

        Args:
            options: see `tinygraph.diff`.

        Returns:
            A `Drawing` with `.difference`.

        Raises:
            ValueError: the stage is no phase of the rewrites.
        """
        if self.drawn is None:
            raise ValueError(f"the stage {self.name!r} changes no graph. Print it: print(step.stages[{self.name!r}])")
        return self.drawn(**options)

    def __str__(self) -> str:
        head = f"{self.name}: {self.sentence}"
        if not self.before:
            return f"{head}\n\n{indented(self.after)}"
        if self.before == self.after:
            return f"{head} Nothing changed.\n\n{indented(self.after)}"
        return f"{head}\n\nbefore\n{indented(self.before)}\n\nafter\n{indented(self.after)}"


class Stages(Mapping[str, Stage]):
    """The stages of a program by name, in their order."""

    def __init__(self, stages: list[Stage]) -> None:
        self._stages = {stage.name: stage for stage in stages}

    def __getitem__(self, name: str) -> Stage:
        if name not in self._stages:
            raise KeyError(f"no stage {name!r}; the stages are {', '.join(map(repr, self))}")
        return self._stages[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._stages)

    def __len__(self) -> int:
        return len(self._stages)

    def __str__(self) -> str:
        return "\n\n".join(f"{stage.name}: {stage.sentence}\n\n{indented(stage.after)}" for stage in self.values())

    def __repr__(self) -> str:
        return f"<stages {', '.join(self)}>"


def stages_of(runner: Runner) -> Stages:
    """Return the stages of a written program."""
    task = runner.task
    trace, before = str(task.program.graph), str(task.original)
    stages = [
        Stage("trace", "Record the calls of one run of the function.", "", trace),
        Stage("program", "Put the arguments first, the variables behind them, then the calls.", trace, before),
    ]
    earlier = task.original
    for phase, graph in phase_by_phase(task.original, task.program, task.phases):
        after = text_of(graph)
        drawn = functools.partial(drawn_phase, runner, earlier, graph)
        stages.append(Stage(phase.name, phase.sentence, before, after, drawn))
        before, earlier = after, graph
    names = runner.text.references.names if isinstance(runner.text.references, Writer) else {}
    return Stages([
        *stages,
        Stage("schedule", "Put the calls in order, some of them fused over rows.", "", _schedule(runner, names)),
        Stage("memory", "Give each value a buffer, which an earlier value may have used.", "", _memory(runner.plan)),
        Stage("names", "Name each value as in the user's code, or after its operands.", "", _names(names)),
        Stage("write", "Write the text of a NumPy module.", "", runner.source),
        Stage("run", "Turn the text into a function.", "", _run(runner)),
    ])  # fmt: skip


def _schedule(runner: Runner, names: dict[int, str]) -> str:
    """Return a line for each item: a call, or a fusion with its calls below it; what is in a loop is indented."""
    if not runner.plan.items:
        return "Every value is a number: the calls stay in the order of the graph."
    if not any(type(item.function) is Begin for item in runner.plan.items if not isinstance(item, Fusion)):
        names = {}  # the numbers are those of the graphs before
    lines: list[str] = []
    for item, depth in zip(runner.plan.items, depths_of(runner.plan.items), strict=True):
        indent = "    " * depth
        if isinstance(item, Fusion):
            lines += [f"{indent}{item.rows} rows, {min(item.rows, item.rows_in_block)} at a time"]
            lines += [f"{indent}    {call_text(step, names)}" for step in item.steps]
        else:
            lines.append(f"{indent}{call_text(item, names)}")
    return "\n".join(lines)


def _memory(plan: Plan) -> str:
    """Return a line for each buffer, with the values that lie in it; below it those of loops."""
    if not plan.storage:
        return "Every value is a number of Python's."
    buffers = {id(held): number for number, buffer in enumerate(plan.buffers) for held in buffer.storages}
    around = loops_around(plan.by_index.values())
    lines: dict[str, dict[str, list[str]]] = {}
    for index, held in plan.storage.items():
        step = plan.by_index.get(index)
        if step is not None and (type(step.function) in (Begin, End) or step.function is put_row):
            continue
        if held is None:
            where = "number"
        elif held.escapes:
            where = f"new at each call, {held.nbytes} bytes"
        elif id(held) in buffers:
            where = f"buffer {buffers[id(held)] + 1}, {plan.buffers[buffers[id(held)]].nbytes} bytes"
        elif held.kind == "scratch":
            where = "buffer of a block"
        else:
            where = f"{_KINDS.get(held.kind, held.kind)} %{held.steps[0]}, {held.nbytes} bytes"
        lines.setdefault(where, {}).setdefault(around.get(index, ""), []).append(f"%{index}")
    return "\n".join([
        f"{f'    {loop}' if loop else where}: {' '.join(values)}".rstrip()
        for where, by_loop in lines.items()
        for loop, values in sorted({"": [], **by_loop}.items())
        if values or not loop
    ])  # fmt: skip


_KINDS = {"fresh": "made by the call", "kept": "rows of every iteration"}


def _names(names: dict[int, str]) -> str:
    if not names:
        return "Most values are written into the expression that uses them."
    return "\n".join([f"%{index} {name}" for index, name in sorted(names.items())])


def _run(runner: Runner) -> str:
    kept = f", with {', '.join(runner.text.variables)}" if runner.text.variables else ""
    return f"{runner.task.name}({', '.join(runner.text.arguments)}){kept}: {runner.cost}"

"""Stages: the results of the stages of the compiler for one program, as text.

    print(step.stages["share"])     one stage, before and after
    print(step.stages)              all of them, in order

Nothing is kept for this. A written program has its graph, plan and text anyway; the rewrites run once more when
somebody asks for their phases.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tinygraph.compiler.memory import Plan
from tinygraph.compiler.phases import phase_by_phase
from tinygraph.compiler.program.loops import loops_in
from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.run.runner import Runner
from tinygraph.compiler.schedule.blocks import Fusion
from tinygraph.compiler.write.writer import Writer
from tinygraph.graph import Graph

__all__ = ["Stage", "Stages", "stages_of"]


@dataclass(frozen=True)
class Stage:
    """A stage of the compiler, or a phase of its rewrites, for one program.

    Attributes:
        name: of the stage.
        sentence: what it does.
        before, after: its input and its result, as text.
    """

    name: str
    sentence: str
    before: str
    after: str

    def __str__(self) -> str:
        head = f"{self.name}: {self.sentence}"
        if not self.before:
            return f"{head}\n\n{_indented(self.after)}"
        if self.before == self.after:
            return f"{head} Nothing changed.\n\n{_indented(self.after)}"
        return f"{head}\n\nbefore\n{_indented(self.before)}\n\nafter\n{_indented(self.after)}"


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
        return "\n\n".join(f"{stage.name}: {stage.sentence}\n\n{_indented(stage.after)}" for stage in self.values())

    def __repr__(self) -> str:
        return f"<stages {', '.join(self)}>"


def _text(graph: Graph) -> str:
    """Return a graph as text, and below it the bodies of its loops."""
    bodies = [
        f"\n{step.op}, %{step.index}, repeats:\n{_indented(_text(step.function.body))}" for step in loops_in(graph)
    ]
    return "\n".join([str(graph), *bodies])


def stages_of(runner: Runner) -> Stages:
    """Return the stages of a written program."""
    task = runner.task
    trace, before = str(task.program.graph), str(task.original)
    stages = [
        Stage("trace", "Record the calls of one run of the function.", "", trace),
        Stage("program", "Put the arguments first, the variables behind them, then the calls.", trace, before),
    ]
    for phase, graph in phase_by_phase(task.original, task.program, task.phases):
        after = _text(graph)
        stages.append(Stage(phase.name, phase.sentence, before, after))
        before = after
    names = runner.text.references.names if isinstance(runner.text.references, Writer) else {}
    return Stages([
        *stages,
        Stage("schedule", "Put the calls in order, some of them fused over rows.", "", _schedule(runner)),
        Stage("memory", "Give each value a buffer, which an earlier value may have used.", "", _memory(runner.plan)),
        Stage("names", "Name each value as in the user's code, or after its operands.", "", _names(names)),
        Stage("write", "Write the text of a NumPy module.", "", runner.source),
        Stage("run", "Turn the text into a function.", "", _run(runner)),
    ])  # fmt: skip


def _indented(text: str) -> str:
    return "\n".join([f"    {line}" if line else "" for line in text.split("\n")])


def _called(step: Step) -> str:
    return f"%{step.index} {step.op}"


def _schedule(runner: Runner) -> str:
    """Return a line for each item: a call, or a fusion with its calls below it."""
    if not runner.plan.items:
        return "Every value is a number: the calls stay in the order of the graph."
    lines: list[str] = []
    for item in runner.plan.items:
        if isinstance(item, Fusion):
            lines += [f"{item.rows} rows, {min(item.rows, item.rows_in_block)} at a time"]
            lines += [f"    {_called(step)}" for step in item.steps]
        else:
            lines.append(_called(item))
    return "\n".join(lines)


def _memory(plan: Plan) -> str:
    """Return a line for each buffer, with the values that lie in it."""
    if not plan.storage:
        return "Every value is a number of Python's."
    buffers = {id(held): number for number, buffer in enumerate(plan.buffers) for held in buffer.storages}
    lines: dict[str, list[str]] = {}
    for index, held in plan.storage.items():
        if held is None:
            where = "number"
        elif held.escapes:
            where = f"new at each call, {held.nbytes} bytes"
        elif id(held) in buffers:
            where = f"buffer {buffers[id(held)] + 1}, {plan.buffers[buffers[id(held)]].nbytes} bytes"
        elif held.kind == "scratch":
            where = "buffer of a block"
        else:
            where = f"{held.kind} %{held.steps[0]}, {held.nbytes} bytes"
        lines.setdefault(where, []).append(f"%{index}")
    return "\n".join([f"{where}: {' '.join(values)}" for where, values in lines.items()])


def _names(names: dict[int, str]) -> str:
    if not names:
        return "Most values are written into the expression that uses them."
    return "\n".join([f"%{index} {name}" for index, name in sorted(names.items())])


def _run(runner: Runner) -> str:
    kept = f", with {', '.join(runner.text.variables)}" if runner.text.variables else ""
    return f"{runner.task.name}({', '.join(runner.text.arguments)}){kept}: {runner.cost}"

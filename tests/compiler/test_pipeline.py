"""The stages of the compiler: named, in order, each printed, and together an explanation of the text."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest

import tinygraph as tg
from tinygraph.compiler.phases import PHASES, ROLL
from tinygraph.compiler.pipeline import compile_program
from tinygraph.compiler.run.runner import Runner
from tinygraph.compiler.stages import Stages

FIRST = ["trace", "program", "roll", "write out"]
LAST = ["own", "schedule", "memory", "names", "write", "run"]
X = np.linspace(-1, 1, 120).reshape(40, 3)


def training_step():
    w = tg.Tensor(np.ones((3, 2)), name="w")

    @tg.compile
    def step(x):
        h = tg.sigmoid(x @ w)
        loss = np.mean(h * h)
        w.grad = None
        loss.backward()
        w.assign(w.data - 0.1 * w.grad)
        return loss

    step(X)
    return step


def test_each_stage_is_named_in_order():
    stages = training_step().stages
    assert isinstance(stages, Stages)
    assert list(stages) == [*FIRST, *[phase.name for phase in PHASES if phase is not ROLL], *LAST]
    for name, stage in stages.items():
        assert stage.name == name
        assert re.fullmatch(r"[A-Z].*\.", stage.sentence)
        assert str(stage).startswith(f"{name}: {stage.sentence}")


def test_a_phase_begins_with_what_the_last_one_made():
    stages = list(training_step().stages.values())
    graphs = stages[1 : len(FIRST) + len(PHASES)]
    for before, after in itertools.pairwise(graphs):
        assert after.before == before.after
    assert "sigmoid(" in graphs[0].after
    assert "sigmoid(" not in graphs[2].after
    changed = str(next(stage for stage in graphs[1:] if stage.before != stage.after))
    assert "\nbefore\n" in changed
    assert "\nafter\n" in changed
    same = next(stage for stage in graphs[1:] if stage.before == stage.after)
    assert "Nothing changed." in str(same)


def test_the_stages_explain_the_text():
    step = training_step()
    stages = step.stages
    assert stages["trace"].after == str(step.graph)
    assert stages["write"].after == step.source
    assert step.source.strip().split("\n")[-1].strip() in str(stages)
    names = dict(line.split(" ") for line in stages["names"].after.split("\n"))
    assert {"x", "w", "h", "d_w"} <= set(names.values())
    for name in names.values():
        assert re.search(rf"\b{name}\b", step.source), name
    calls = [line.split()[0] for line in stages["schedule"].after.split("\n") if "%" in line]
    assert calls == sorted(calls, key=lambda index: int(index[1:]))
    placed = {word for line in stages["memory"].after.split("\n") for word in line.partition(": ")[2].split()}
    assert placed == set(re.findall(r"^    (%\d+)", _indented(stages["own"].after), re.MULTILINE))
    assert stages["run"].after == f"step(x), with w: {step.cost}"


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.split("\n"))


def test_a_stage_that_is_not_there_is_answered_with_those_that_are():
    with pytest.raises(KeyError, match=r"no stage 'shares'.*'trace', .*'share', .*'run'"):
        training_step().stages["shares"]


def test_runs_over_blocks_show_in_the_schedule():
    step = tg.compile(lambda x: np.sum(np.sin(x) * np.cos(x)))
    step(np.ones(100_000))
    assert re.search(r"100000 rows, \d+ at a time\n    %1 sin\n", step.stages["schedule"].after)
    assert "buffer of a block: %" in step.stages["memory"].after


def test_a_program_of_numbers_has_its_stages_too():
    step = tg.compile(lambda a, b: np.sqrt(a**2 + b**2))
    step(3.0, 4.0)
    stages = step.stages
    assert list(stages)[-5:] == LAST[1:]
    assert stages["write"].after == step.source
    assert "number" in stages["memory"].after


def test_a_phase_is_drawn_as_the_difference_that_it_made():
    stages = training_step().stages
    for stage in stages.values():
        if stage.drawn is None:
            with pytest.raises(ValueError, match=r"changes no graph\. Print it: print\(step\.stages\['\w+'\]\)"):
                stage.draw()
        else:
            difference = stage.draw().difference
            changes = len(difference.added) + len(difference.removed) + len(difference.changed)
            assert stage.before != stage.after or not changes
    gone = stages["write out"].draw().difference
    assert "sigmoid" in str(gone)


def test_a_phase_of_a_program_with_a_loop_is_drawn():
    @tg.compile
    def last(x):
        h = np.zeros(3)
        for t in range(20):
            h = np.tanh(x[t] + h)
        return h

    last(np.ones((20, 3)))
    drawing = last.stages["roll"].draw()
    assert "<svg" in drawing.svg()
    assert drawing.difference.added or drawing.difference.changed


def test_stages_cost_nothing_until_they_are_asked_for(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Stages, "__init__", lambda *_: pytest.fail("made, though nobody asked"))
    step = training_step()
    step(X)
    assert step.source


def test_a_phase_may_be_left_out():
    step = training_step()
    runner = compile_program(step.program, phases=[phase for phase in PHASES if phase.name != "share"])
    assert isinstance(runner, Runner)
    assert "share" not in [phase.name for phase in runner.task.phases]

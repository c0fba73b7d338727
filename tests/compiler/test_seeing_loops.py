"""Loops as a reader sees them: in the cost, the profile, the stages and the picture of a program."""

from __future__ import annotations

import re

import numpy as np
import pytest

import tinygraph as tg
from tests.compiler.programs import program_of
from tests.compiler.test_loops import CASES
from tinygraph.compiler.pipeline import compile_program
from tinygraph.compiler.program.counting import Affine, FromCount
from tinygraph.compiler.program.spelling import spelt
from tinygraph.compiler.stages import stages_of
from tinygraph.graph.text import argument_text

rng = np.random.default_rng(0)


def recurrent(x, w):
    h = np.zeros(4)
    for t in range(20):
        h = np.tanh(x[t] * w + h)
    return h


def nested(x, w):
    h = np.ones(4)
    for _ in range(6):
        for t in range(16):
            h = np.tanh(h * w + x[t])
        h = h / np.sqrt(w)
    return h


def newton(a):
    x = a
    while np.max(np.abs(x * x - a)) > 1e-10:
        x = 0.5 * (x + a / x)
    return x


def compiled(function, *args):
    step = tg.compile(function)
    step(*args)
    return step


def calls_by_line(step, *args):
    return {row[1]: row[4] for row in step.profile(*args).by_line()}


# --- cost and profile -------------------------------------------------------------------------------------------------


def test_calls_in_a_loop_count_once_for_each_iteration():
    x, w = rng.normal(size=(20, 4)), np.ones(4)
    step = compiled(recurrent, x, w)
    assert "\n    for " in step.source
    assert step.cost.calls == 1 + 20 * 2  # x * w is computed for all rows before the loop
    assert step.cost.flops == 20 * 3 * 4
    assert calls_by_line(step, x, w)["h = np.tanh(x[t] * w + h)"] == 1 + 20 * 2


def test_calls_in_a_loop_within_a_loop_count_once_for_each_iteration_of_both():
    x, w = rng.normal(size=(16, 4)), np.full(4, 0.5)
    step = compiled(nested, x, w)
    lines = calls_by_line(step, x, w)
    assert lines["h = np.tanh(h * w + x[t])"] == 6 * 16 * 3
    assert step.cost.calls == sum(lines.values())


def test_an_open_loop_counts_as_often_as_it_was_recorded():
    step = tg.compile(newton)
    for a in (4.0, 90.0):
        step(np.array([a, 2.0]))
    assert "while True:" in step.source
    recorded = len(step.signatures)
    assert recorded == 2
    few, many = step.profile(np.array([4.0, 2.0])), step.profile(np.array([90.0, 2.0]))
    assert sum(timing.calls for timing in few.entries) == sum(timing.calls for timing in many.entries)
    assert step.cost.calls > 20


def test_what_a_loop_does_itself_is_no_call():
    x, w = rng.normal(size=(20, 4)), np.ones(4)
    step = compiled(lambda x, w: np.sum(np.stack([recurrent(x, w)])), x, w)
    rows = step.profile(x, w).by_operation()
    assert {name for name, *_ in rows}.isdisjoint({"end", "begin", "carried", "row", "put_row", "stacked"})
    assert all(calls == 0 for name, _, _, calls in rows if name == "loop")


# --- stages -----------------------------------------------------------------------------------------------------------


def test_a_stage_shows_the_steps_of_a_loop_below_it():
    step = compiled(lambda x, w: np.sum(recurrent(x, w)[:2]), rng.normal(size=(20, 4)), np.ones(4))
    lines = step.stages["roll"].after.split("\n")
    begin = next(place for place, line in enumerate(lines) if line.endswith("= for 20 iterations, with i from 0"))
    number = lines[begin].split()[0]
    body = [line for line in lines if line.startswith(f"    {number}.")]
    assert lines[begin + 1 : begin + 1 + len(body)] == body
    texts = [" ".join(line.split()) for line in body]
    assert re.match(rf"{number}\.0 h₁ = carried\(first %2, then {number}\.\d+\)", texts[0])
    assert any("= outside(%0)" in text for text in texts)
    assert any(re.search(r"getitem\(\S+, i\)", text) for text in texts)
    assert any(f"= last_iteration({number}." in line for line in lines)


def test_numbers_that_count_are_written_with_the_counter():
    step = compiled(tg.grad(lambda x, w: np.sum(recurrent(x, w))), rng.normal(size=(20, 4)), np.ones(4))
    text = step.stages["roll"].after
    assert re.search(r"getitem\(%\S+, 1\d - i\)", text)
    assert "every_iteration(" in text
    for name in list(step.stages)[2:]:
        assert not re.search(r"Affine|AtCount|FromCount|put_row|stacked|\bpart\(", step.stages[name].after), name
    for name in ("schedule", "memory"):
        assert not re.search(r"begin|\bend\b|fresh|\bkept\b", step.stages[name].after)


def test_the_loops_of_an_open_program_have_n_iterations():
    step = tg.compile(tg.grad(lambda a: np.sum(newton(a))))
    for a in (4.0, 90.0):
        step(np.array([a, 2.0]))
    text = step.stages["own"].after
    assert "= for n iterations, with i from 0" in text
    assert re.search(r"= for n( - \d)? iterations, with i from 0\n(.*\n)*.*getitem\(%\S+, n - \d - i\)", text)
    assert re.search(r"= while\(%", text)
    assert "float64[n, 2]" in text
    assert "\n    while %" in step.stages["schedule"].after


def test_a_loop_in_a_loop_counts_with_another_letter():
    step = compiled(nested, rng.normal(size=(16, 4)), np.full(4, 0.5))
    text = step.stages["roll"].after
    assert "= for 6 iterations, with i from 0" in text
    assert "= for 16 iterations, with j from 0" in text
    assert ", j)" in text
    schedule = step.stages["schedule"].after.split("\n")
    assert [line for line in schedule if "iterations" in line] == ["for 6 iterations", "    for 16 iterations"]
    assert any(line.startswith("        %") and "tanh" in line for line in schedule)
    assert "    in loop 2 in loop 1: %" in step.stages["memory"].after


@pytest.mark.parametrize(
    ("item", "text"),
    [
        (Affine(0, 1), "i"),
        (Affine(3, 1), "i + 3"),
        (Affine(-3, 1), "i - 3"),
        (Affine(18, -1), "18 - i"),
        (Affine(0, -1), "-i"),
        (Affine(1, 2), "2 * i + 1"),
        (Affine(7, -2), "7 - 2 * i"),
        (Affine(FromCount(0, -2, 6), -1), "n - 2 - i"),
        (FromCount(1, 0, 6), "n_2"),
        (slice(Affine(0, 1), Affine(2, 1)), "i:i + 2"),
    ],
)
def test_numbers_that_count_as_text(item, text):
    assert argument_text(spelt(item, "i")) == text


@pytest.mark.parametrize("name", sorted(CASES))
def test_every_loop_has_its_stages_and_its_profile(name):
    function, arrays = CASES[name]
    given = arrays(12)
    runner = compile_program(program_of(function, given, backward=True))
    for stage in list(stages_of(runner).values())[2:-3]:
        assert not re.search(r"Affine|AtCount|FromCount|put_row|stacked|\bpart\(|<", stage.after), stage.after
    profile = runner.profile(given, repeats=1)
    calls = {row[0]: row[3] for row in profile.by_operation()}
    assert calls.pop("loop", 0) == 0
    assert all(count > 0 for count in calls.values())

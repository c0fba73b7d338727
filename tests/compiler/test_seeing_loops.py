"""Loops as a reader sees them: in the cost, the profile, the stages and the picture of a program."""

from __future__ import annotations

import numpy as np

import tinygraph as tg

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
    assert "for " in step.source
    assert step.cost.calls == 60
    assert step.cost.flops == 20 * 3 * 4
    assert calls_by_line(step, x, w)["h = np.tanh(x[t] * w + h)"] == 60


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

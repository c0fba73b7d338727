"""`step.explain()`: for each program why it was made, what guards it and how often it ran, and what had none."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import tinygraph as tg

X = np.arange(3.0)


class Model:
    def __init__(self) -> None:
        self.rate, self.mode, self.t = 0.5, "train", 0
        self.table = np.ones(3)
        self.w = tg.Tensor(np.zeros(3), name="w")


def whys(compiled: Any) -> list[str]:
    return [program.why for program in compiled.explain().programs]


def test_the_first_call_and_other_arguments() -> None:
    compiled = tg.compile(lambda x, mode="a": x * 2)
    assert str(compiled.explain()) == "test_the_first_call_and_other_arguments.<locals>.<lambda>: 0 programs, 0 runs"
    compiled(X), compiled(X)
    compiled(X.astype(np.float32))
    compiled(X, "b")
    compiled(X, mode="b")
    compiled(X, "c")
    assert whys(compiled) == [
        "it was the first call",
        "x: float64(3,) became float32(3,)",
        "mode: 'b' was given",
        "arguments were given by name that were given by position, or the other way round",
        "mode: 'b' became 'c'",
    ]
    assert [program.runs for program in compiled.explain().programs][:2] == [2, 1]


def test_what_has_changed_outside() -> None:
    model = Model()

    def step(x: Any) -> Any:
        loss = np.sum((model.w * x - model.table) ** 2)
        model.w.grad = None
        loss.backward()
        model.w.assign(model.w.data - model.rate * model.w.grad)
        return loss if model.mode == "train" else -loss

    compiled = tg.compile(step)
    compiled(X)
    model.rate = 0.25
    compiled(X)
    model.mode = "test"
    compiled(X)
    assert whys(compiled)[1:] == ["model.rate was 0.5 and is 0.25", "model.mode was 'train' and is 'test'"]
    last = compiled.explain().programs[-1]
    assert {"model.rate is 0.25", "model.mode is 'test'"} <= set(last.outside)
    assert last.updates == ("w",) and last.reads == ("model.table",)
    assert last.ago is not None and 0 <= last.ago < 60


def test_gradients_infinities_and_orders() -> None:
    w = tg.Tensor(np.ones(3), name="w")

    def add(x: Any) -> Any:
        loss = np.sum(w * x)
        loss.backward()
        return loss

    compiled = tg.compile(add)
    compiled(X), compiled(X)
    assert whys(compiled)[1] == "w.grad was None and is an array"
    assert [program.conditions for program in compiled.explain().programs] == [
        ("w.grad is None",),
        ("w.grad is an array",),
    ]

    rows = tg.compile(tg.grad(lambda w, x: np.sum((x @ w)[[0, 2]])))
    rows(np.zeros(2), np.ones((3, 2)))
    rows(np.zeros(2), np.full((3, 2), np.nan))
    assert whys(rows)[1] == "an infinity or NaN is given"

    raveled = tg.compile(lambda x: np.ravel(x, order="K"))
    raveled(np.ones((2, 3))), raveled(np.ones((3, 2)).T)
    assert whys(raveled)[1] == "arrays lie in memory in another order"


def test_a_decision() -> None:
    def clipped(x: Any) -> Any:
        if np.sum(x) > 5:
            return x * 0.5
        while np.max(x) > 1:
            x = x - 1
        return x

    compiled = tg.compile(clipped)
    compiled(X), compiled(X + 2)
    first, second = compiled.explain().programs
    assert second.why.endswith("if np.sum(x) > 5: was False, and is True")
    assert first.decisions[0].endswith("if np.sum(x) > 5: False")
    assert first.decisions[1].endswith("while np.max(x) > 1: True, then False")
    assert "test_explain.py" in second.decisions[0] and len(second.decisions) == 1


def test_counters() -> None:
    model = Model()
    compiled = tg.compile(lambda x, t, n: x[: n % 3] * 0.9**t + model.t)
    for t in range(5):
        compiled(X, t, t)
    explanation = compiled.explain()
    assert any(program.why == "t had a third value, and enters arithmetic alone" for program in explanation.programs)
    assert explanation.counters[0] == "t is given at each call, since its third value"
    assert explanation.counters[1].startswith("n has a program for each value: it is an index (test_explain.py:")
    for model.t in range(1, 5):
        compiled(X, 4, 4)
    assert "model.t had a third value, and enters arithmetic alone" in whys(compiled)
    assert any("n_0_9 = 0.9 ** t" in item or "= 0.9 ** t" in item for item in compiled.explain().programs[-1].computed)


def test_what_ran_eagerly_was_refused_or_thrown_away() -> None:
    def escaping(x: Any, n: str) -> Any:
        return float(np.sum(x)) * x

    refused = tg.compile(escaping)
    for n in "ab":
        with pytest.raises(tg.UnsupportedError):
            refused(X, n)
    refusals = refused.explain().refusals
    assert [item.signature for item in refusals] == ["x: float64(3,), n: 'a'", "x: float64(3,), n: 'b'"]
    assert "float() asks for a computed value (test_explain.py:" in refusals[0].message
    assert "x: float64(3,), n: 'a', and 1 more: float() asks" in str(refused.explain())

    eager = tg.compile(escaping, otherwise="eager")
    with pytest.warns(RuntimeWarning, match="runs eagerly"):
        eager(X, "a")
    assert [item.signature for item in eager.explain().eager] == ["x: float64(3,), n: 'a'"]
    assert eager.explain().eager[0].why.startswith("float() asks for a computed value")

    full = tg.compile(lambda x, n: x * len(n), maxsize=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for n in "abcd":
            full(X, n)
    explanation = full.explain()
    assert explanation.evicted == 2 and len(explanation.programs) == 2
    assert [(item.signature, item.why) for item in explanation.thrown_away] == [
        ("x: float64(3,), n: 'a'", "n: 'b' became 'c'"), ("x: float64(3,), n: 'b'", "n: 'c' became 'd'"),
    ]  # fmt: skip
    assert "x: float64(3,), n: 'a', when n: 'b' became 'c'" in str(explanation)
    full.clear()
    assert full.explain().programs == () and full.explain().thrown_away == ()


def test_open_axes_are_one_program() -> None:
    compiled = tg.compile(lambda x: x - np.mean(x, axis=0))
    for n in range(3, 9):
        compiled(np.ones((n, 2)))
    programs = compiled.explain().programs
    assert tuple(program.signature for program in programs) == compiled.signatures
    assert programs[-1].runs == 4
    assert programs[-1].remarks == ("an open axis: one text for the sizes 5, 6, 7, 8",)


def test_loops_are_named() -> None:
    def rolled(x: Any) -> Any:
        for _ in range(60):
            x = np.tanh(x) * 0.5
        return x

    compiled = tg.compile(rolled)
    compiled(X)
    (program,) = compiled.explain().programs
    assert program.remarks[0].startswith("1 loop, of ")


def test_the_text_reads_as_an_answer() -> None:
    model = Model()
    compiled = tg.compile(lambda x: x * model.rate)
    compiled(X)
    model.rate = 1.5
    compiled(X), compiled(X)
    assert str(compiled.explain()).split("\n")[1:] == [
        "",
        "1. x: float64(3,)   (1 run)",
        "   because  it was the first call",
        "   while    model.rate is 0.5; 1 object outside as it was",
        "",
        "2. x: float64(3,)   (2 runs, the last one)",
        "   because  model.rate was 0.5 and is 1.5",
        "   while    model.rate is 1.5; 1 object outside as it was",
    ]
    assert repr(compiled.explain()).startswith("<explanation of ")


def test_generators_and_tensors_among_the_arguments() -> None:
    compiled = tg.compile(lambda g, w, x: tg.draws.normal(g, (2,)) + w.data + x)
    w = tg.Tensor(np.zeros(2), requires_grad=False)
    for x in (1.0, np.ones(2), 2):
        compiled(np.random.default_rng(0), w, x)
    programs = compiled.explain().programs
    assert programs[0].signature == "g: generator, w: Tensor float64(2,), no gradient, x: float"
    assert [program.why for program in programs[1:]] == ["x: float became float64(2,)", "x: float64(2,) became 2"]


def test_an_argument_without_a_text() -> None:
    class Silent:
        def __repr__(self) -> str:
            raise ValueError

    compiled = tg.compile(lambda x, setting: x * 2)
    compiled(X, Silent()), compiled(X, None)
    assert whys(compiled)[1] == "setting: a Silent became None"


def test_many_decisions_of_one_line_are_cut_short() -> None:
    def halved(low: float, high: float) -> Any:
        for _ in range(20):
            middle = (low + high) / 2
            if middle * middle < 2:
                low = middle
            else:
                high = middle
        return low

    compiled = tg.compile(halved)
    compiled(1.0, 2.0)
    assert str(compiled.explain()).endswith("then 5 times False, then True, and so on")

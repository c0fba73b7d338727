"""otherwise="eager": what cannot be compiled runs eagerly, with one warning."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import tinygraph as tg
from tests.compiler.branching import clipped, same


def test_what_cannot_be_compiled_runs_eagerly_when_asked(capsys):
    history = []
    w = tg.Tensor(np.ones(2), name="w")

    @tg.compile(otherwise="eager")
    def step(x):
        loss = np.sum((w * x) ** 2)
        loss.backward()
        w.assign(w.data - 0.1 * w.grad)
        w.grad = None
        history.append(loss.item())
        print(f"loss {float(loss):.1f}")
        return loss

    line = step.__wrapped__.__code__.co_firstlineno + 6
    with pytest.warns(RuntimeWarning, match=rf"runs eagerly: .*item\(\).*test_running_eagerly.py:{line}") as caught:
        assert step(np.ones(2)) == 2.0
    assert len(caught) == 1
    assert history == [2.0] and capsys.readouterr().out == "loss 2.0\n"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_allclose(step(np.ones(2)), 2 * 0.8**2)
    assert len(history) == 2 and type(history[1]) is float
    np.testing.assert_allclose(w.data, 0.64)
    assert tg.compile(lambda x: x * float(np.sum(x)), otherwise="eager").signatures == ()


def test_a_recording_that_failed_has_changed_nothing_before_the_eager_call():
    class Counter:
        count = 0
        seen: dict[str, float] = {}

    counter, generator = Counter(), np.random.default_rng(0)
    w = tg.Tensor(np.zeros(2))

    @tg.compile(otherwise="eager")
    def step(x):
        counter.count += 1
        counter.seen[f"call {counter.count}"] = generator.random()
        w.assign(w.data + x)
        w.grad = np.ones(2) if w.grad is None else w.grad + 1
        return float(np.sum(w.data))

    twin = np.random.default_rng(0)
    with pytest.warns(RuntimeWarning, match="runs eagerly"):
        assert step(np.ones(2)) == 2.0
    assert step(np.ones(2)) == 4.0
    assert counter.count == 2 and counter.seen == {"call 1": twin.random(), "call 2": twin.random()}
    same(w.data, np.full(2, 2.0))
    same(w.grad, np.full(2, 2.0))


def test_a_path_that_cannot_be_compiled_runs_eagerly_when_asked():
    def f(x):
        return x * float(np.sum(x)) if np.sum(x) > 1 else x * 2

    compiled = tg.compile(f, otherwise="eager")
    same(compiled(np.zeros(2)), np.zeros(2))
    assert len(compiled.signatures) == 1
    with pytest.warns(RuntimeWarning, match=r"f runs eagerly: float\(\) asks"):
        same(compiled(np.ones(2)), np.full(2, 2.0))
    same(compiled(np.zeros(2)), np.zeros(2))
    strict = tg.compile(f)
    same(strict(np.zeros(2)), np.zeros(2))
    with pytest.raises(tg.UnsupportedError, match=r"float\(\) asks"):
        strict(np.ones(2))
    same(strict(np.zeros(2)), np.zeros(2))


def test_an_eager_call_loses_no_gradient():
    compiled = tg.compile(lambda x: np.sum(x * x.data.item(0)), otherwise="eager")
    with pytest.warns(RuntimeWarning, match="runs eagerly"):
        same(tg.grad(lambda x: compiled(x))(np.ones(3)), np.ones(3))


def test_otherwise_is_raise_or_eager():
    with pytest.raises(ValueError, match='otherwise must be "raise" or "eager", got \'jit\''):
        tg.compile(clipped, otherwise="jit")
    with pytest.raises(tg.UnsupportedError):
        tg.compile(lambda x: float(np.sum(x)), otherwise="raise")(np.ones(2))

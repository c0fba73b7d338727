"""A call that leaves the path of a program has changed nothing."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import tinygraph as tg
from tests.compiler.branching import same, state_and_step


def test_updates_and_draws_wait_for_the_last_decision():
    *eager, step = state_and_step(False)
    *compiled, quick = state_and_step(True)
    rng = np.random.default_rng(1)
    for _ in range(40):
        x, bound = rng.normal(size=3), rng.choice([0.5, 5.0, 50.0])
        expected = step(x, bound)
        same(quick(x, bound), (expected[0].data, expected[1]))
        for one, other in zip(compiled[:3], eager[:3], strict=True):
            same(one.data, other.data)
            assert one.grad is None and other.grad is None
        assert compiled[3].bit_generator.state == eager[3].bit_generator.state
        same(compiled[4].get_state()[1], eager[4].get_state()[1])
        assert compiled[4].get_state()[2:] == eager[4].get_state()[2:]
    assert 3 <= len(quick.signatures) <= 4


def writing(x, y, w):
    x += 1
    y[1:] = y[1:] * x[0]
    w[0] += np.sum(y)
    if np.sum(y) > 10:
        x[1] = 7.0
    assert y[0] < 5, "too large"
    if np.max(w) > 20:
        w[:] = w * 0.5
    return x * y


@pytest.mark.parametrize("of", [np.array, lambda x: tg.Tensor(x, requires_grad=False)], ids=["arrays", "a Tensor"])
def test_writes_into_arguments_wait_for_the_last_decision(of):
    compiled = tg.compile(writing)
    w, twin = of(np.zeros(2)), of(np.zeros(2))
    rng = np.random.default_rng(4)
    for _ in range(30):
        x, y = rng.uniform(0, 3, size=2), rng.uniform(0, 7, size=2)
        one, other = (x.copy(), y.copy()), (x.copy(), y.copy())
        if y[0] >= 5:
            with pytest.raises(AssertionError):
                compiled(*one, w)
            same(one, (x, y))
            continue
        got, wanted = compiled(*one, w), writing(*other, twin)
        same(got, np.asarray(wanted))
        same(one, other)
        same(np.asarray(w), np.asarray(twin))
    assert len(compiled.signatures) >= 3


def test_a_failed_assertion_raises_and_changes_nothing():
    w = tg.Tensor(np.ones(2))

    @tg.compile
    def step(x):
        w.assign(w.data + x)
        assert np.sum(w.data) < 10, "too large"
        return w.data

    same(step(np.ones(2)), np.full(2, 2.0))
    for _ in range(2):
        with pytest.raises(AssertionError, match="too large"):
            step(np.full(2, 50.0))
        same(w.data, np.full(2, 2.0))
    same(step(np.ones(2)), np.full(2, 3.0))


def test_what_comes_after_a_decision_is_not_computed_before_it():
    @tg.compile
    def safe(x):
        y = x * 2
        if np.min(x) > 0:
            y = y + np.log(x)
        return y

    x = np.linspace(1, 2, 100_000)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for item in (x, -x, x, -x):
            same(safe(item), item * 2 + (np.log(item) if item[0] > 0 else 0))


def test_checks_of_values_belong_to_their_path():
    @tg.compile
    def loss(logits, labels):
        if np.max(labels) > 2:
            return np.sum(logits)
        return tg.cross_entropy(logits, labels, from_logits=True)

    x = np.zeros((2, 3))
    for _ in range(2):
        same(loss(x, np.array([0, 2])), np.log(3))
        same(loss(x, np.array([0, 7])), 0.0)

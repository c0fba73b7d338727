import math

import numpy as np
import pytest

import tinygraph as tg
from tinygraph.optim import CosineDecay, ExponentialDecay, PiecewiseConstant, StepDecay

STEPS = range(25)


def test_exponential_decay():
    for step in STEPS:
        assert ExponentialDecay(0.1, 10, 0.5)(step) == pytest.approx(0.1 * 0.5 ** (step / 10))
        assert ExponentialDecay(0.1, 10, 0.5, staircase=True)(step) == pytest.approx(0.1 * 0.5 ** (step // 10))


def test_step_decay():
    for step in STEPS:
        assert StepDecay(0.1, 10)(step) == pytest.approx(0.1 * 0.1 ** (step // 10))
        assert StepDecay(0.1, 7, 0.5)(step) == ExponentialDecay(0.1, 7, 0.5, staircase=True)(step)


def test_cosine_decay():
    for step in STEPS:
        wave = 0.5 * (1 + math.cos(math.pi * min(step, 10) / 10))
        assert CosineDecay(0.1, 10)(step) == pytest.approx(0.1 * wave, abs=1e-16)
        assert CosineDecay(0.1, 10, alpha=0.2)(step) == pytest.approx(0.1 * (0.8 * wave + 0.2))


def test_warm_up():
    schedule = CosineDecay(0.0, 10, alpha=0.1, warmup_target=0.1, warmup_steps=5)
    rates = [float(schedule(step)) for step in STEPS]
    np.testing.assert_allclose(rates[:6], [0, 0.02, 0.04, 0.06, 0.08, 0.1])
    np.testing.assert_allclose(rates[5:16], [CosineDecay(0.1, 10, alpha=0.1)(step) for step in range(11)])
    assert set(rates[15:]) == {rates[15]}


def test_piecewise_constant():
    schedule = PiecewiseConstant([5, 10], [1.0, 0.5, 0.1])
    assert [float(schedule(step)) for step in (0, 5, 6, 10, 11, 100)] == [1, 1, 0.5, 0.5, 0.1, 0.1]
    assert PiecewiseConstant([], [0.3])(7) == 0.3


@pytest.mark.parametrize(
    "schedule",
    [
        ExponentialDecay(0.1, 2, 0.5),
        StepDecay(0.1, 2),
        CosineDecay(0.1, 4, warmup_target=0.2, warmup_steps=2),
        PiecewiseConstant([1, 3], [0.1, 0.2, 0.3]),
    ],
    ids=lambda schedule: type(schedule).__name__,
)
def test_in_an_optimizer(schedule):
    w = tg.Tensor(np.zeros(1, np.float32))
    optimizer = tg.optim.SGD(w, schedule)
    w.grad = [1.0]
    expected = 0.0
    for step in range(6):
        assert optimizer.learning_rate == schedule(step)
        expected -= float(schedule(np.float64(step)))
        optimizer.step()
        assert w.dtype == np.float32
        assert w.data[0] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ExponentialDecay(0.1, 0, 0.5), "ExponentialDecay: decay_steps must be positive, got 0"),
        (lambda: StepDecay(0.1, -1), "StepDecay: decay_steps"),
        (lambda: CosineDecay(0.1, 0), "CosineDecay: decay_steps"),
        (lambda: CosineDecay(0.1, 5, warmup_steps=3), "needs both warmup_target and warmup_steps"),
        (lambda: CosineDecay(0.1, 5, warmup_target=0.3), "needs both"),
        (lambda: PiecewiseConstant([1], [0.1]), "1 boundaries need 2 values, got 1"),
        (lambda: PiecewiseConstant([2, 2], [0.1, 0.2, 0.3]), "larger than the last"),
    ],
)
def test_what_is_no_schedule(make, words):
    with pytest.raises(ValueError, match=words):
        make()

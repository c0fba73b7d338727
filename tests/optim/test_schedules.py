import json
import math
from dataclasses import dataclass

import numpy as np
import pytest

import tinygraph as tg
from tinygraph.optim import (
    CosineDecay,
    CosineDecayRestarts,
    ExponentialDecay,
    InverseTimeDecay,
    LearningRateSchedule,
    OneCycle,
    PiecewiseConstant,
    PiecewiseConstantDecay,
    PolynomialDecay,
    StepDecay,
    WarmUp,
    schedules,
)

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


# The rates after 0, 1, 2, ... steps, as Keras 3.15 and PyTorch 2.13 return them.
RECORDED = [
    (
        CosineDecayRestarts(0.1, 4),
        [0.1, 0.08535534, 0.05, 0.01464466, 0.1, 0.09619398, 0.08535534, 0.06913417, 0.05, 0.03086582, 0.01464466,
         0.00380602, 0.1, 0.09903927, 0.09619398, 0.09157348],
    ),
    (
        CosineDecayRestarts(0.1, 4, t_mul=1.0, m_mul=0.5, alpha=0.1),
        [0.1, 0.08681981, 0.055, 0.0231802, 0.055, 0.04840991, 0.0325, 0.0165901, 0.0325, 0.02920495],
    ),
    (PolynomialDecay(0.1, 5, power=2.0), [0.1, 0.064036, 0.036064, 0.016084, 0.004096, 0.0001, 0.0001]),
    (
        PolynomialDecay(0.1, 5, 0.01, cycle=True),
        [0.1, 0.082, 0.064, 0.046, 0.028, 0.01, 0.046, 0.037, 0.028, 0.019, 0.01, 0.034],
    ),
    (InverseTimeDecay(0.1, 5, 0.5), [0.1, 0.09090909, 0.08333333, 0.07692308, 0.07142857, 0.06666667, 0.0625]),
    (InverseTimeDecay(0.1, 5, 0.5, staircase=True), [0.1, 0.1, 0.1, 0.1, 0.1, 0.06666667, 0.06666667]),
    (
        OneCycle(0.5, 10),
        [0.02, 0.26, 0.5, 0.475242316, 0.405872827, 0.305631011, 0.194370989, 0.094129173, 0.024759684, 2e-06],
    ),
    (
        OneCycle(0.5, 10, anneal_strategy="linear"),
        [0.02, 0.26, 0.5, 0.4285717143, 0.3571434286, 0.2857151429, 0.2142868571, 0.1428585714, 0.0714302857, 2e-06],
    ),
    (
        OneCycle(0.5, 10, three_phase=True),
        [0.02, 0.26, 0.5, 0.26, 0.02, 0.0180903609, 0.0130908609, 0.0069111391, 0.0019116391, 2e-06, 2e-06],
    ),
    (
        OneCycle(0.5, 10, 0.5, "linear", 10.0, 100.0, three_phase=True),
        [0.05, 0.1625, 0.275, 0.3875, 0.5, 0.3875, 0.275, 0.1625, 0.05, 0.0005],
    ),
    (WarmUp(PolynomialDecay(0.1, 4, 0.0), 2), [0, 0.05, 0.1, 0.075, 0.05, 0.025, 0, 0]),
    (WarmUp(0.1, 4, 0.02), [0.02, 0.04, 0.06, 0.08, 0.1, 0.1]),
]  # fmt: skip


@pytest.mark.parametrize(("schedule", "expected"), RECORDED, ids=lambda item: type(item).__name__)
def test_recorded_rates(schedule, expected):
    found = [float(schedule(np.float64(step))) for step in range(len(expected))]
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-8)


def test_each_wave_begins_at_the_top():
    """The logarithm of a power may round to just below a whole number."""
    for factor in (1.0, 1.1, 1.5, 2.0, 3.0):
        schedule, start = CosineDecayRestarts(1.0, 10, factor), 0.0
        for wave in range(12):
            assert schedule(start) == pytest.approx(1.0, abs=1e-6), (factor, wave)
            start += 10 * factor**wave


def test_one_cycle_that_begins_at_the_top():
    assert [round(float(OneCycle(0.5, 10, 0.1)(step)), 3) for step in (0, 9, 99)] == [0.5, 0, 0]
    assert OneCycle(0.5, 2, 0.0, "linear")(0) == pytest.approx(0.25, abs=1e-5)  # half of the way down is before it


ALL = [
    CosineDecay(0.1, 4, warmup_target=0.2, warmup_steps=2),
    CosineDecayRestarts(0.1, 4, 1.5),
    ExponentialDecay(0.1, 2, 0.5),
    InverseTimeDecay(0.1, 3, 0.5),
    OneCycle(0.1, 10),
    PiecewiseConstant((1, 3), (0.1, 0.2, 0.3)),
    PolynomialDecay(0.1, 3),
    StepDecay(0.1, 2),
    WarmUp(CosineDecay(0.1, 5), 3),
]


@pytest.mark.parametrize("schedule", ALL, ids=lambda schedule: type(schedule).__name__)
def test_a_schedule_is_plain_data(schedule):
    data = json.loads(json.dumps(schedules.serialize(schedule)))
    again = schedules.deserialize(data)
    assert type(again) is type(schedule)
    assert [again(step) for step in STEPS] == [schedule(step) for step in STEPS]


def test_every_schedule_is_tried():
    assert {type(schedule).__name__ for schedule in ALL} | {"PiecewiseConstantDecay"} == set(schedules.SCHEDULES)
    assert PiecewiseConstantDecay is PiecewiseConstant


def test_keras_own_data_is_read():
    config = {"initial_learning_rate": 0.1, "decay_steps": 5, "alpha": 0.0, "name": "CosineDecay"}
    data = {"module": "keras.optimizers.schedules", "class_name": "CosineDecay", "config": config}
    assert schedules.deserialize(data) == CosineDecay(0.1, 5)
    with pytest.raises(ValueError, match=r"no schedule 'Sawtooth'. There are CosineDecay, "):
        schedules.deserialize({"class_name": "Sawtooth"})


def test_a_schedule_of_ones_own():
    class Halves(LearningRateSchedule):
        def __call__(self, steps):
            return 0.5**steps

    assert tg.optim.SGD(Halves()).learning_rate == 1.0
    with pytest.raises(NotImplementedError, match="Halves has no `get_config`"):
        tg.optim.SGD(Halves()).get_config()

    @dataclass
    class Thirds(LearningRateSchedule):
        first: float

        def __call__(self, steps):
            return self.first / 3**steps

    data = tg.optim.serialize(tg.optim.SGD(WarmUp(Thirds(0.9), 3)))
    with pytest.raises(ValueError, match="no schedule 'Thirds'"):
        tg.optim.deserialize(data)
    assert tg.optim.deserialize(data, {"Thirds": Thirds})._rate.schedule == WarmUp(Thirds(0.9), 3)
    with pytest.raises(NotImplementedError, match="Give it a method `__call__`"):
        LearningRateSchedule()(0)


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
        (lambda: CosineDecayRestarts(0.1, 0), "CosineDecayRestarts: first_decay_steps"),
        (lambda: CosineDecayRestarts(0.1, 5, 0.5), "t_mul must be 1 or larger, got 0.5"),
        (lambda: InverseTimeDecay(0.1, -2, 0.5), "InverseTimeDecay: decay_steps"),
        (lambda: OneCycle(0.1, 1), "total_steps must be 2 or more, got 1"),
        (lambda: OneCycle(0.1, 10, 1.5), "pct_start must be a share of the steps, got 1.5"),
        (lambda: OneCycle(0.1, 10, 0.6, three_phase=True), "pct_start must be a share"),
        (lambda: OneCycle(0.1, 10, anneal_strategy="square"), 'must be "cos" or "linear", got \'square\''),
        (lambda: OneCycle(0.1, 10, div_factor=0), "OneCycle: div_factor must be positive"),
        (lambda: PolynomialDecay(0.1, 0), "PolynomialDecay: decay_steps"),
        (lambda: WarmUp(0.1, 0), "WarmUp: warmup_steps"),
        (lambda: PiecewiseConstant([1], [0.1]), "1 boundaries need 2 values, got 1"),
        (lambda: PiecewiseConstant([2, 2], [0.1, 0.2, 0.3]), "larger than the last"),
    ],
)
def test_what_is_no_schedule(make, words):
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.parametrize(("step", "periods"), [(9, 7), (29, 7), (25, 11)])
def test_a_wave_begins_at_the_top_where_its_steps_are_no_whole_number(step, periods):
    """9 ÷ (9 ÷ 7) rounds to below 7: the step is the first of a wave, and not the last of the wave before."""
    assert step / (step / periods) < periods
    assert CosineDecayRestarts(0.1, step / periods, t_mul=1)(step) == pytest.approx(0.1)

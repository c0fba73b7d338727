"""Time steps that are made again: programs, pictures and results are those of layers that run each of their steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import tinygraph as tg
from tinygraph import nn
from tinygraph.compiler.trace import steps_again
from tinygraph.compiler.trace.trace import Trace

STEPS = 7
KINDS = ("LSTM", "GRU", "SimpleRNN")
OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "sequences": {"return_sequences": True},
    "backwards": {"go_backwards": True},
    "dropout": {"dropout": 0.2, "recurrent_dropout": 0.3},
    "no bias": {"use_bias": False},
    "stateful": {"stateful": True},
    "sigmoid": {"activation": "sigmoid"},
    "linear": {"activation": None},
    "float64": {"dtype": "float64"},
}


def batch(features: int = 3, dtype: Any = np.float32) -> tuple[Any, Any]:
    draw = np.random.default_rng(0)
    return draw.normal(size=(4, STEPS, features)).astype(dtype), draw.integers(0, 5, 4)


def network(*layers: Any) -> Any:
    return nn.Sequential([*layers, nn.Flatten(), nn.Dense(5, seed=9)])


def trained(model: Any, x: Any, y: Any) -> tuple[Any, list[float], Any]:
    """Return a compiled training step, its losses, and what the trained model predicts."""
    model(x)
    optimizer = tg.optim.Adam(model.parameters(), 1e-3)

    @tg.compile
    def step(x: Any, y: Any) -> Any:
        loss = tg.cross_entropy(model(x), y, from_logits=True)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    losses = [float(step(x, y)) for _ in range(3)]
    return step, losses, model(x).data


def each_step_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps_again.StepsAgain, "_may_repeat", lambda self: False)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """The steps that were made again: None for one that had to run after all."""
    found: list[Any] = []
    again = steps_again.StepsAgain._made_again

    def noted(self: Any, pattern: Any, given: Any) -> Any:
        found.append(again(self, pattern, given))
        return found[-1]

    monkeypatch.setattr(steps_again.StepsAgain, "_made_again", noted)
    yield found


def networks() -> dict[str, Callable[[], Any]]:
    found: dict[str, Callable[[], Any]] = {}
    for kind in KINDS:
        layer = getattr(nn, kind)
        for name, options in OPTIONS.items():
            found[f"{kind}, {name}"] = lambda layer=layer, options=options: network(layer(6, seed=1, **options))
        found[f"{kind}, wide"] = lambda layer=layer: network(layer(600, seed=1))
        found[f"{kind}, two"] = lambda layer=layer: network(layer(6, seed=1, return_sequences=True), layer(7, seed=2))
        found[f"{kind}, both ways"] = lambda layer=layer: network(nn.Bidirectional(layer(6, seed=1)))
    found["GRU, reset before"] = lambda: network(nn.GRU(6, seed=1, reset_after=False))
    return found


@pytest.mark.parametrize("name", sorted(networks()))
def test_programs_and_results_are_those_of_steps_that_run(
    name: str, made: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    x, y = batch(dtype=np.float64 if "float64" in name else np.float32)
    step, losses, predicted = trained(networks()[name](), x, y)
    assert made or "dropout" in name or name == "SimpleRNN, sigmoid"  # whose results remember their logits
    assert None not in made
    each_step_runs(monkeypatch)
    expected, expected_losses, expected_prediction = trained(networks()[name](), x, y)
    assert step.source == expected.source
    assert str(step.graph) == str(expected.graph)
    assert step.stages["trace"].after == expected.stages["trace"].after
    assert losses == expected_losses
    assert predicted.tobytes() == expected_prediction.tobytes()


@pytest.mark.parametrize("kind", KINDS)
def test_few_steps_of_each_run_are_not_made_again(kind: str, made: list[Any]) -> None:
    x, y = batch()
    model = network(getattr(nn, kind)(6, seed=1))
    model(x)
    tg.compile(lambda x, y: tg.cross_entropy(model(x), y, from_logits=True))(x, y)
    assert len(made) == 2 * (STEPS - 2)  # the first has zeros for its states, and the second is learnt


def test_frozen_weights_and_their_gradients() -> None:
    x, y = batch()
    model = network(nn.LSTM(6, seed=1))
    model(x)
    model.layers[0].trainable = False
    step, losses, _ = trained(model, x, y)
    assert losses[2] < losses[0]
    assert all([weight.grad is None for weight in model.layers[0].weights])


def test_steps_of_the_users_own_run_each_time(made: list[Any]) -> None:
    class Own(nn.LSTM):
        def step(self, x: Any, states: list[Any], masks: Any) -> Any:
            return super().step(x, states, masks)

    trained(network(Own(6, seed=1)), *batch())
    assert not made


def test_an_activation_of_the_users_own_runs_each_time(made: list[Any]) -> None:
    trained(network(nn.SimpleRNN(6, seed=1, activation=lambda z: np.tanh(z) * 1.5)), *batch())
    assert not made


def test_a_step_with_masks_agrees_with_eager() -> None:
    words = np.array([[3, 1, 4, 0, 0], [2, 0, 0, 0, 0], [1, 5, 2, 3, 1]])
    model = nn.Sequential([nn.Embedding(6, 4, mask_zero=True, seed=1), nn.LSTM(5, seed=2), nn.Dense(2, seed=3)])
    expected = model(words).data
    np.testing.assert_allclose(tg.compile(lambda words: model(words))(words).data, expected, rtol=1e-6)


def test_gradients_agree_with_eager_and_with_finite_differences() -> None:
    layer = nn.LSTM(3, seed=1, dtype="float64")
    x = batch(dtype=np.float64)[0]
    layer(x)
    layer.trainable = False

    def loss(x: Any) -> Any:
        return np.sum(layer(x) ** 2)

    found = tg.compile(tg.grad(loss))(x)
    np.testing.assert_allclose(found, tg.grad(loss)(x), rtol=1e-10)
    direction = np.random.default_rng(1).normal(size=x.shape)
    slope = (loss(x + 1e-6 * direction) - loss(x - 1e-6 * direction)).data / 2e-6
    np.testing.assert_allclose(np.sum(found * direction), slope, rtol=1e-6)


def test_several_lengths_have_one_program_each_or_a_loop_of_any_length(made: list[Any]) -> None:
    model = nn.Sequential([nn.GRU(4, seed=1), nn.Dense(5, seed=9)])
    model(batch()[0])
    step = tg.compile(lambda x: model(x))
    for length in (4, 6, 9, 11, 14):
        x = np.random.default_rng(length).normal(size=(2, length, 3)).astype(np.float32)
        np.testing.assert_allclose(step(x).data, model(x).data, rtol=1e-5, atol=1e-6)
    assert None not in made


def test_a_pattern_that_fails_lets_the_step_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tape is as it was, and the step itself runs."""
    monkeypatch.setattr(steps_again, "record", _failing)
    found = trained(network(nn.LSTM(6, seed=1)), *batch())
    monkeypatch.undo()
    expected = trained(network(nn.LSTM(6, seed=1)), *batch())
    assert found[0].source == expected[0].source
    assert found[1] == expected[1]


def _failing(tape: Any, made: Any, events: Any, follows: bool) -> None:
    tape.events.append(None)
    raise ValueError


def test_a_run_without_steps_of_layers_has_none() -> None:
    assert Trace("step").repeating(len) is not len

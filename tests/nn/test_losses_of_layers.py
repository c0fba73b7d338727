"""A loss of the result of a layer that ends in a softmax or a sigmoid is finite for logits of any size."""

import numpy as np
import pytest

import tinygraph as tg
from tinygraph import nn
from tinygraph.training import losses


def functional(activation):
    inputs = nn.Input((3,))
    return nn.Model(inputs, nn.Dense(2, activation=activation, seed=0)(inputs))


MODELS = {
    "layer": lambda activation: nn.Dense(2, activation=activation, seed=0),
    "sequential": lambda activation: nn.Sequential([nn.Dense(4, seed=0), nn.Dense(2, activation=activation, seed=1)]),
    "function": lambda activation: nn.Sequential([nn.Dense(2, seed=0), getattr(tg, activation)]),
    "model": functional,
    "every time step": lambda activation: nn.TimeDistributed(nn.Dense(2, activation=activation, seed=0)),
}


@pytest.mark.parametrize("run", [lambda f: f, tg.compile], ids=["eager", "compiled"])
@pytest.mark.parametrize("activation", ["sigmoid", "softmax"])
@pytest.mark.parametrize("name", MODELS)
def test_training_is_finite_and_learns(name, activation, run):
    x = 1e4 * np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
    y = np.array([0, 1, 1, 0, 1, 0])
    if name == "every time step":
        x, y = x.reshape(2, 3, 3), y.reshape(2, 3)
    model = MODELS[name](activation)
    model(x)
    truth = y if activation == "softmax" else np.eye(2)[y]
    loss = losses.SparseCategoricalCrossentropy() if activation == "softmax" else losses.BinaryCrossentropy()
    optimizer = tg.optim.SGD(model.parameters(), 1e-6)

    def step(x, y):
        optimizer.zero_grad()
        value = loss(y, model(x))
        value.backward()
        optimizer.step()
        return value

    step = run(step)
    values = [float(step(x, truth)) for _ in range(30)]
    assert np.isfinite(values).all()
    assert values[0] > 17
    assert values[-1] < 0.95 * values[0]
    assert all(np.isfinite(parameter.data).all() for parameter in model.parameters())
    with tg.no_grad():
        assert np.isfinite(loss(truth, model(x)).item())
        assert type(loss(truth, model(x)).item()) is float

"""The eager path does not pay for compiling: it never asks whether a function is being compiled, where it is short."""

from __future__ import annotations

import numpy as np
import pytest

import tinygraph as tg
from tinygraph.engine import keeping, modes, quick, record, tensor
from tinygraph.engine.value import Value


def asked():
    raise AssertionError("an eager call asked whether a function is being compiled")


@pytest.fixture
def nobody_asks(monkeypatch):
    for module in (keeping, modes, quick, record, tensor):
        if hasattr(module, "is_tracing"):
            monkeypatch.setattr(module, "is_tracing", asked)


def test_a_training_step_asks_nobody(nobody_asks):
    x = np.linspace(-1, 1, 12).reshape(3, 4)
    y = (x[:1] > 0).astype(float)
    w = tg.Tensor(np.zeros((3, 1)), name="w")
    for _ in range(3):
        z = 1 / (1 + np.exp(-(w.T @ x)))
        loss = -np.mean(y * np.log(z) + (1 - y) * np.log(1 - z))
        loss.backward()
        w.assign(w.data - 0.5 * w.grad)
        w.grad = None
    assert loss.item() < np.log(2)


@pytest.mark.parametrize("x", [1.5, np.float64(1.5), np.ones(3)])
def test_activations_of_plain_values_ask_nobody(nobody_asks, x):
    for function in (tg.sigmoid, tg.relu, tg.softplus, tg.elu):
        assert np.shape(function(x)) == np.shape(x)


def test_a_compilation_leaves_nothing_in_force():
    before = modes.unusual, vars(Value)["_value"]
    compiled = tg.compile(lambda x: np.sin(x))
    compiled(np.ones(3))
    with pytest.raises(tg.UnsupportedError):
        tg.compile(lambda x: float(np.sum(x)))(np.ones(3))
    assert (modes.unusual, vars(Value)["_value"]) == before
    assert modes.state.tracing is None

"""Training steps that are compiled learn as eager ones do: results, state, gradients and random streams."""

from __future__ import annotations

import numpy as np
import pytest

import tinygraph as tg
from tests.compiler.test_compiled import X
from tinygraph import draws


def logistic_regression(update):
    w, b = tg.Tensor(np.linspace(-0.1, 0.1, 5)[:, None]), tg.Tensor([[0.0]])

    def step(x, y, rate):
        probability = 1 / (1 + np.exp(-(w.T @ x + b)))
        loss = -np.mean(y * np.log(probability) + (1 - y) * np.log(1 - probability))
        loss.backward()
        update(w, rate)
        update(b, rate)
        return loss, probability

    return step, (w, b)


def by_assign(w, rate):
    w.assign(w.data - rate * w.grad)
    w.grad = None


def by_data(w, rate):
    w.data -= rate * w.grad
    w.grad = None


def by_no_grad(w, rate):
    with tg.no_grad():
        w -= rate * w.grad
    w.grad = None


def by_scaling_the_gradient(w, rate):
    w.grad *= rate
    w.data = w.data - w.grad
    w.grad = None


def by_leaving_the_gradient(w, rate):
    w.assign(w.data - rate * w.grad)


@pytest.mark.parametrize("update", [by_assign, by_data, by_no_grad, by_scaling_the_gradient, by_leaving_the_gradient])
def test_logistic_regression(compile_, update):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(5, 30)), (rng.random((1, 30)) > 0.5).astype(float)
    eager, ours = logistic_regression(update)
    step, theirs = logistic_regression(update)
    compiled = compile_(step)
    for call in range(5):
        rate = 0.1 if call < 3 else 0.05
        expected, found = eager(x, y, rate), compiled(x, y, rate)
        np.testing.assert_allclose(found[0], expected[0].data, rtol=1e-12)
        np.testing.assert_allclose(found[1], expected[1].data, rtol=1e-12)
        assert isinstance(found[1], np.ndarray)
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(b.data, a.data, rtol=1e-12)
            assert b.data.shape == a.data.shape
            assert (a.grad is None) == (b.grad is None)
            if a.grad is not None:
                np.testing.assert_allclose(b.grad, a.grad, rtol=1e-10)
    # A gradient that is there when the step begins is another program than none.
    assert len(compiled.signatures) == (2 if update is by_leaving_the_gradient else 1)


class Adam:
    def __init__(self, parameters, rate):
        self.parameters, self.beta, self.gamma = parameters, 0.9, 0.999
        self.rate = tg.Tensor(rate, requires_grad=False)
        self.steps = tg.Tensor(0.0, requires_grad=False)
        self.means = [tg.Tensor(np.zeros_like(p.data), requires_grad=False) for p in parameters]
        self.squares = [tg.Tensor(np.zeros_like(p.data), requires_grad=False) for p in parameters]

    def step(self):
        self.steps.assign(self.steps.data + 1)
        for p, mean, square in zip(self.parameters, self.means, self.squares, strict=True):
            mean.assign(self.beta * mean.data + (1 - self.beta) * p.grad)
            square.assign(self.gamma * square.data + (1 - self.gamma) * p.grad**2)
            bias = np.sqrt(1 - self.gamma**self.steps.data) / (1 - self.beta**self.steps.data)
            p.assign(p.data - self.rate.data * bias * mean.data / (np.sqrt(square.data) + 1e-8))
            p.grad = None


class Network:
    def __init__(self, dtype=np.float64):
        rng = np.random.default_rng(0)
        self.layers = [
            {"w": tg.Tensor((rng.normal(size=(i, o)) * 0.3).astype(dtype)), "b": tg.Tensor(np.zeros(o, dtype))}
            for i, o in ((8, 16), (16, 3))
        ]
        self.rng, self.training, self.rate = np.random.default_rng(1), True, 0.25

    @property
    def parameters(self):
        return [tensor for layer in self.layers for tensor in layer.values()]

    def __call__(self, x):
        hidden, last = self.layers
        h = tg.relu(x @ hidden["w"] + hidden["b"])
        if self.training:
            kept = draws.uniform(self.rng, h.shape, h.dtype) >= self.rate
            h = h * kept / (1 - self.rate)
        return h @ last["w"] + last["b"]


def training(dtype=np.float64):
    network = Network(dtype)
    adam = Adam(network.parameters, 0.01)

    def step(batch):
        loss = tg.cross_entropy(network(batch["x"]), batch["y"], from_logits=True)
        loss.backward()
        adam.step()
        return {"loss": loss}

    return network, adam, step


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_network_with_dropout_and_adam(compile_, dtype):
    rng = np.random.default_rng(2)
    ours, our_adam, eager = training(dtype)
    theirs, their_adam, step = training(dtype)
    compiled = compile_(step)
    for call in range(9):
        size = 6 if call % 3 else 4
        batch = {"x": rng.normal(size=(size, 8)).astype(dtype), "y": rng.integers(0, 3, size)}
        if call == 5:
            ours.training = theirs.training = False  # an attribute: another program
        if call == 7:
            our_adam.rate.assign(0.1)  # state: the same program
            their_adam.rate.assign(0.1)
        expected, found = eager(batch)["loss"], compiled(batch)["loss"]
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected.data, rtol=1e-9 if dtype is np.float64 else 1e-4)
        assert ours.rng.bit_generator.state == theirs.rng.bit_generator.state
        for a, b in zip(ours.parameters, theirs.parameters, strict=True):
            np.testing.assert_allclose(b.data, a.data, rtol=1e-8, atol=1e-9 if dtype is np.float64 else 1e-3)
            assert b.grad is None
    assert their_adam.steps.data == 9
    assert len(compiled.signatures) == 4
    assert sum("Tensor" not in line for line in compiled.signatures) == 4


def test_tensors_given_as_arguments_are_updated(compile_):
    def step(parameters, x):
        loss = np.mean((x @ parameters["w"]) ** 2)
        loss.backward()
        for p in parameters.values():
            p.assign(p.data - 0.1 * p.grad)
            p.grad = None
        return loss

    compiled = compile_(step)
    for start in (1.0, 2.0):  # other Tensors, the same program
        ours, theirs = {"w": tg.Tensor(np.full(3, start))}, {"w": tg.Tensor(np.full(3, start))}
        for _ in range(3):
            np.testing.assert_allclose(compiled(theirs, X), step(ours, X).data)
            np.testing.assert_allclose(theirs["w"].data, ours["w"].data)
    assert compiled.signatures == ("parameters: {w: Tensor float64(3,)}, x: float64(4, 3)",)


def test_gradients_add_up_as_they_do_without(compile_):
    def make():
        w = tg.Tensor(np.ones(3))

        def step(x):
            np.sum((x @ w) ** 2).backward()
            np.sum(x @ w).backward()

        return w, step

    (ours, eager), (theirs, step) = make(), make()
    compiled = compile_(step)
    for call in range(4):
        eager(X)
        assert compiled(X) is None
        np.testing.assert_allclose(theirs.grad, ours.grad)
        if call == 2:
            ours.grad = theirs.grad = None
    assert len(compiled.signatures) == 2

"""Training steps as JavaScript: they learn as in Python, and keep what they must keep."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygraph as tg
from tests.compiler.in_javascript import agrees, check_agreement, saved, some, steps_agree
from tests.compiler.node import calls_in_node, needs_node


@needs_node
def test_logistic_regression_learns_as_in_python(tmp_path: Path):
    w, b = tg.Tensor(np.zeros((3, 1)), name="w"), tg.Tensor(np.zeros(1), name="b")

    @tg.compile
    def step(x: Any, y: Any, rate: float) -> Any:
        p = tg.sigmoid(x @ w + b)
        loss = -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean()
        w.grad = b.grad = None
        loss.backward()
        w.assign(w.data - rate * w.grad)
        b.assign(b.data - rate * b.grad)
        return loss

    x = some(8, 3)
    y = (x[:, :1] > 0) * 1.0
    steps_agree(tmp_path, step, {"w": w, "b": b}, [[x, y, 0.5 * at] for at in range(1, 11)])


@needs_node
def test_an_mlp_learns_with_adam_as_in_python(tmp_path: Path):
    given = {"w1": some(4, 5), "b1": np.zeros(5), "w2": some(5, 3), "b2": np.zeros(3)}
    weights = {name: tg.Tensor(value, name=name) for name, value in given.items()}
    x, y = some(6, 4), np.array([0, 1, 2, 2, 1, 0])
    optimizer = tg.optim.Adam([*weights.values()], 1e-2)

    @tg.compile
    def step(x: Any, y: Any) -> Any:
        hidden = tg.relu(x @ weights["w1"] + weights["b1"])
        loss = tg.cross_entropy(hidden @ weights["w2"] + weights["b2"], y, from_logits=True)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    steps_agree(tmp_path, step, weights, [[x, y]] * 10)


@needs_node
def test_a_network_of_layers_learns_in_float32(tmp_path: Path):
    model = tg.nn.Sequential([tg.nn.Dense(5, "gelu"), tg.nn.Dense(4, "tanh"), tg.nn.Dense(3)])
    x, y = some(6, 4, dtype=np.float32), np.array([0, 1, 2, 2, 1, 0])
    model(x)
    optimizer = tg.optim.Adam(model.parameters(), 1e-2)

    @tg.compile
    def step(x: Any, y: Any) -> Any:
        loss = tg.cross_entropy(model(x), y, from_logits=True)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    steps_agree(tmp_path, step, {"dense_kernel": model.layers[0].kernel}, [[x, y]] * 10, 1e-4)


@needs_node
def test_a_recurrent_network_is_a_loop(tmp_path: Path):
    wx, wh = tg.Tensor(some(3, 4), name="wx"), tg.Tensor(some(4, 4) * 0.3, name="wh")

    @tg.compile
    def step(xs: Any) -> Any:
        h = np.zeros(4)
        for t in range(10):
            h = np.tanh(xs[t] @ wx + h @ wh)
        loss = (h**2).sum()
        wx.grad = wh.grad = None
        loss.backward()
        wx.assign(wx.data - 0.1 * wx.grad)
        wh.assign(wh.data - 0.1 * wh.grad)
        return loss, h

    text = steps_agree(tmp_path, step, {"wx": wx, "wh": wh}, [[some(10, 3, seed=at)] for at in range(3)])
    assert text.count("t < 10; t++") == 1 and text.count("Math.tanh") == 1


@needs_node
def test_loops_read_rows_from_the_end_and_from_the_beginning(tmp_path: Path):
    def around(x: Any) -> Any:
        h = x[0] * 0
        for t in range(len(x) - 1, -1, -1):
            h = np.tanh(h + x[t - 1] * x[t])  # the last one is the first and the last row
        for t in range(len(x) - 2):
            h = np.sin(h + x[t : t + 2].sum(axis=0) + x[-1 - t])
        return h

    agrees(tmp_path, around, [[some(9, 3)], [some(9, 3, seed=1)]])


@needs_node
def test_a_copy_that_several_calls_read_is_computed_once(tmp_path: Path):
    def products(x: Any) -> Any:
        y = np.copy(np.sin(x) * 2)
        return y @ y.T, y.T @ y, y[::-1] + y.sum(axis=0)

    agrees(tmp_path, products, [[some(3, 4)]])


@needs_node
def test_loops_that_exchange_what_they_carry(tmp_path: Path):
    def fibonacci(x: Any) -> Any:
        a, b = x, x * 0 + 1
        for _ in range(9):
            a, b = b, np.sin(a) + b
        return a, b

    agrees(tmp_path, fibonacci, [[some(3)], [some(3, seed=1)]])
    agrees(tmp_path, fibonacci, [[np.array(0.5)], [np.array(-1.5)]])


@needs_node
def test_loops_that_a_condition_ends_are_repeated_as_often_as_it_holds(tmp_path: Path):
    @tg.compile
    def root(x: Any) -> Any:
        x = tg.Tensor(x)
        guess = x
        while abs(guess * guess - x) > 1e-9:
            guess = (guess + x / guess) / 2
        guess.backward()
        return guess, x.grad

    calls = [[np.array(value)] for value in (2.0, 1e6, 3.0, 1.0, 1e-3)]
    for call in calls[:3]:
        root(*call)  # runs of several lengths say what depends on how often the loop is repeated
    text = saved(root, tmp_path / "step.js")
    assert "break;" in text
    (found,) = calls_in_node([(tmp_path / "step.js", [*calls[:3], calls[4]])])
    assert "error" not in found, found.get("error", "") + text
    for call, got in zip([*calls[:3], calls[4]], found["results"], strict=True):
        check_agreement(got, list(root(*call)), text, 1e-11)
    (found,) = calls_in_node([(tmp_path / "step.js", [calls[3]])])
    assert "for 3 iterations or more" in found["error"]  # the gradient of fewer has another program


@needs_node
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_batch_normalisation_forward_and_backward(tmp_path: Path, dtype: Any):
    def normalised(x: Any, gamma: Any, beta: Any) -> Any:
        x, gamma, beta = tg.Tensor(x), tg.Tensor(gamma), tg.Tensor(beta)
        mean = x.mean(axis=0)
        variance = ((x - mean) ** 2).mean(axis=0)
        y = gamma * (x - mean) / np.sqrt(variance + 1e-5) + beta
        loss = (y**3).sum()
        loss.backward()
        return y, loss, x.grad, gamma.grad, beta.grad

    given = [some(6, 3, dtype=dtype), some(3, dtype=dtype), some(3, seed=2, dtype=dtype)]
    agrees(tmp_path, normalised, [given], 2e-5 if dtype == np.float32 else 1e-11)


@needs_node
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_gradient_of_softmax_and_cross_entropy(tmp_path: Path, dtype: Any):
    def gradients(logits: Any, y: Any) -> Any:
        logits = tg.Tensor(logits)
        loss = tg.cross_entropy(logits, y, from_logits=True)
        loss.backward()
        return loss, logits.grad, tg.softmax(logits)

    calls = [[some(5, 3, dtype=dtype), np.array([0, 2, 1, 1, 0])], [some(5, 3, dtype=dtype) * 9, np.array([1] * 5)]]
    agrees(tmp_path, gradients, calls)


@needs_node
def test_what_is_returned_and_kept_is_of_the_values_before_any_update(tmp_path: Path):
    numbers = (lambda a, b, s: a[0], lambda a, b, s: b.max() + s, lambda a, b, s: s)
    arrays = (lambda a, b, s: a[::-1], lambda a, b, s: b, lambda a, b, s: a * s)
    asked, wanted = [], []
    for place, (number, first, second) in enumerate(itertools.product(numbers, arrays, arrays)):
        a, b, s = tg.Tensor(some(3)), tg.Tensor(some(3) + 5), tg.Tensor(2.0)

        @tg.compile
        def step(x: Any, a: Any = a, b: Any = b, s: Any = s, changes: Any = (first, second, number)) -> Any:
            now = a.data, b.data, s.data
            new = [change(*now) for change in changes]
            a.assign(new[0] + x)
            b.assign(new[1])
            s.assign(new[2])
            return new[2], now[0][1], new[1]

        step(some())
        path = tmp_path / f"step_{place}.js"
        step.save(path)
        asked.append((path, [[some()]] * 3))
        wanted.append([step(some()) for _ in range(3)])
    for results, found in zip(wanted, calls_in_node(asked), strict=True):
        for (number, read, array), got in zip(results, found["results"], strict=True):
            np.testing.assert_allclose(got[:2], [number, read], rtol=1e-12)
            np.testing.assert_allclose(got[2], array, rtol=1e-12)


@needs_node
def test_results_have_memory_of_their_own(tmp_path: Path):
    w = tg.Tensor(np.ones(3), name="w")

    @tg.compile
    def step(x: Any) -> Any:
        before = w.data
        w.assign(w.data + x)
        return {"before": before, "after": w.data, "x": x, "again": [x, None, "word", 2, True]}

    steps_agree(tmp_path, step, {"w": w}, [[some(3)], [some(3, seed=1)]])


@needs_node
def test_a_value_that_decides_otherwise_is_an_error_and_changes_nothing(tmp_path: Path):
    w = tg.Tensor(np.array(1.0), name="w")

    @tg.compile
    def step(x: Any) -> Any:
        w.assign(w.data + 1)
        if x.sum() > 0:
            return x
        return -x

    step(np.ones(3))
    step.save(tmp_path / "step.js", np.ones(3))
    (found,) = calls_in_node([(tmp_path / "step.js", [[-np.ones(3)]])])
    assert "the program was made for another path" in found["error"]


@needs_node
def test_a_network_of_images_learns_in_float32(tmp_path: Path):
    model = tg.nn.Sequential([
        tg.nn.Conv2D(4, 3, padding="same", activation="relu"), tg.nn.MaxPooling2D(2), tg.nn.DepthwiseConv2D(2),
        tg.nn.BatchNormalization(), tg.nn.AveragePooling2D(2), tg.nn.Flatten(), tg.nn.Dense(3),
    ])  # fmt: skip
    x, y = some(5, 8, 8, 2, dtype=np.float32), np.array([0, 1, 2, 2, 1])
    model(x)
    optimizer = tg.optim.SGD(model.parameters(), 1e-2)

    @tg.compile
    def step(x: Any, y: Any) -> Any:
        loss = tg.cross_entropy(model(x, training=True), y, from_logits=True)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    steps_agree(tmp_path, step, {"conv2d_kernel": model.layers[0].kernel}, [[x, y]] * 5, 1e-4)

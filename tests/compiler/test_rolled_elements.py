"""Elements of arrays in loops that are rolled: each loop has its own counter, and x[-1], x[0], x[1] are no slice."""

from __future__ import annotations

import numpy as np
import pytest

import tinygraph as tg


def of_the_loop_around(x, w):
    out = []
    for item in x:
        u = w
        for _ in range(8):
            u = 0.5 * np.tanh(u) + 0.3 * item
        out.append(np.linalg.norm(u))
    return np.stack(out)


def of_both_loops(x, w):
    out = []
    for item in x:
        u = w
        for i in range(3):
            u = np.sin(u) * item[i] + x[i] * 0.1
            u = u + np.tanh(u[i]) * w
            u = np.cos(u) * item
            u = u - x[i - 1]
        out.append(u)
    return np.stack(out)


def from_the_end_to_the_beginning(x, w):
    h = w[0]
    for t in range(x.shape[0]):
        h = tg.softmax(h + t)
        h = 0.9 * h + np.sin(1.0 - x[t - 1] - (h + h))
    return h


def backwards_beyond_the_beginning(x, w):
    h = w[0]
    for t in range(6):
        h = np.tanh(h + x[2 - t]) * x[t - 3] + np.cos(h) * 0.5
        h = h - np.mean(h) + 0.1 * x[-1 - t]
    return h


FUNCTIONS = [of_the_loop_around, of_both_loops, from_the_end_to_the_beginning, backwards_beyond_the_beginning]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_elements_in_rolled_loops(function):
    rng = np.random.default_rng(0)
    gradient = tg.grad(lambda x, w: np.sum(function(x, w) ** 2), (0, 1))
    compiled, compiled_gradient = tg.compile(function), tg.compile(gradient)
    for _ in range(2):
        x, w = rng.normal(size=(6, 3)), rng.normal(size=(3, 3))
        np.testing.assert_allclose(compiled(x, w), function(x, w), rtol=1e-12, atol=1e-12)
        for one, other in zip(compiled_gradient(x, w), gradient(x, w), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)

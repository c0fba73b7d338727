"""Graphs that are made up: eager, interpreted and written, they have one value and one gradient."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import tinygraph as tg
from tests.compiler.programs import interpreted
from tinygraph.testing.strategies import arrays

UNARY = (np.sin, np.tanh, np.exp, np.square, np.negative, tg.sigmoid, tg.relu, lambda x: x.T.T, lambda x: x[::-1])
BINARY = (np.add, np.multiply, np.subtract, np.maximum, lambda x, y: np.where(x > y, x, y * 0.5))
REDUCE = (np.sum, np.mean, np.max, tg.logsumexp, lambda x: np.sum(tg.softmax(x) ** 2), lambda x: x.std())


@st.composite
def graphs(draw):
    """A function of two arrays, made of calls on what was computed before."""
    plan = draw(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 99), st.integers(0, 99), st.integers(0, 99)),
                         min_size=1, max_size=8))  # fmt: skip
    last = draw(st.sampled_from(REDUCE))

    def f(x, y):
        known = [x, y]
        for kind, which, left, right in plan:
            a, b = known[left % len(known)], known[right % len(known)]
            value = UNARY[which % len(UNARY)](a) if kind else BINARY[which % len(BINARY)](a, b)
            known.append(np.clip(value, -50, 50) if which % 7 == 0 else np.tanh(value))
        return last(known[-1]) + np.sum(known[len(known) // 2])

    return f


@given(graphs(), arrays((3, 2)), arrays((3, 2)))
def test_eager_interpreted_and_emitted_agree(f, x, y):
    w = [tg.Tensor(np.ones((3, 2))) for _ in range(3)]

    def step(w):
        def run(x, y):
            loss = f(x * w, y) + np.sum(w * y)
            loss.backward()
            w.assign(w.data - 0.1 * w.grad)
            w.grad = None
            return loss, tg.grad(lambda x: f(x, y))(x)

        return run

    eager, runner, plain = step(w[0]), tg.compile(step(w[1])), interpreted(step(w[2]))
    for _ in range(2):
        loss, gradient = eager(x, y)
        for run, tensor in ((runner, w[1]), (plain, w[2])):
            found, found_gradient = run(x, y)
            np.testing.assert_allclose(found, loss.data, rtol=1e-9, atol=1e-11)
            np.testing.assert_allclose(found_gradient, gradient, rtol=1e-8, atol=1e-10)
            np.testing.assert_allclose(tensor.data, w[0].data, rtol=1e-8, atol=1e-10)

"""Gradients of float16 are those of float32, rounded once: whatever a backward pass adds up, it adds up in float32."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygraph as tg

ROWS = 5_000
X = ((np.arange(3 * ROWS) % 7 - 2) / 4).astype(np.float16).reshape(ROWS, 3)
B = np.array([0.25, -0.5, 0.125], np.float16)
LONG = np.full(70_000, 1.5, np.float16)
FEW = np.zeros(ROWS, int)
LABELS = np.arange(ROWS) % 3

# Each adds up thousands of float16 numbers on the way back, or divides by more of them than float16 can count.
SUMS = {
    "bias": (lambda b: np.sum((X + b) / ROWS), B),
    "bias of a mean": (lambda b: np.mean(X + b), B),
    "factor": (lambda b: np.sum(X * b) / 1000, B),
    "one number": (lambda s: np.sum(np.exp(X * s)) / ROWS, B[0]),
    "columns": (lambda b: np.sum(X[:, :1] * b[:, None].T / ROWS), B),
    "index": (lambda b: np.sum(b[FEW]) / ROWS, B),
    "taken": (lambda b: np.sum(np.take(b, FEW)) / ROWS, B),
    "taken along": (lambda b: np.sum(np.take_along_axis(b, FEW, 0)) / ROWS, B),
    "broadcast": (lambda b: np.sum(np.broadcast_to(b, (ROWS, 3)) / ROWS), B),
    "tiled": (lambda b: np.sum(np.tile(b, (ROWS, 1)) / ROWS), B),
    "repeated": (lambda b: np.sum(np.repeat(b, ROWS) / ROWS), B),
    "cumulative": (lambda b: np.cumsum(X + b, axis=0)[-1, 0] / ROWS, B),
    "matmul": (lambda b: np.sum(X @ b) / ROWS, B),
    "einsum": (lambda b: np.sum(np.einsum("ij,j->i", X, b) / ROWS), B),
    "outer": (lambda b: np.sum(np.outer(X[:, 0], b) / ROWS), B),
    "tensordot": (lambda b: np.sum(np.tensordot(X, b, 1) / ROWS), B),
    "stacked": (lambda b: np.sum(np.stack([b] * 500) / 500), B),
    "concatenated": (lambda b: np.sum(np.concatenate([b] * 500) / 500), B),
    "maximum": (lambda b: np.sum(np.maximum(X, b) / ROWS), B),
    "where": (lambda b: np.sum(np.where(X > 0, b, X) / ROWS), B),
    "deviation": (lambda b: np.std(X * b), B),
    "variance": (lambda b: np.sum(np.var(X * b, axis=0)), B),
    "softmax": (lambda b: np.sum(tg.log_softmax(X + b)[:, 0] / ROWS), B),
    "softmax of a column": (lambda b: np.sum(tg.softmax(X * b, axis=0) * X), B),
    "logsumexp": (lambda b: np.sum(tg.logsumexp(X + b, axis=0)), B),
    "log loss": (lambda b: tg.cross_entropy(X + b, LABELS, from_logits=True), B),
    "yes or no": (lambda b: tg.binary_cross_entropy(X + b, X > 0, from_logits=True), B),
    "mean of many": (lambda x: np.mean(x) * 100, LONG),
    "mean of many squares": (lambda x: np.mean(x * x) * 100, LONG),
    "mean of those that are there": (lambda x: np.nanmean(x) * 100, LONG),
    "variance of many": (lambda x: np.var(x * x[0]) * 100 + x[0], LONG),
    "many uses": (lambda b: sum(b * scale for scale in X[:60, 0] / 64)[0], B),
}


@pytest.mark.parametrize("name", SUMS)
@pytest.mark.parametrize("run", [lambda f: f, tg.compile], ids=["eager", "compiled"])
def test_sums_are_added_up_in_float32(name, run):
    f, x = SUMS[name]
    found = run(tg.grad(f))(x)
    expected = tg.grad(lambda x: f(x).astype(np.float64))(x.astype(np.float64))
    assert found.dtype == np.float16
    np.testing.assert_allclose(found, expected, rtol=3e-3, atol=2e-5 * np.abs(expected).max() + 6e-8)


def test_many_uses_of_one_number_are_added_up_in_float32():
    """3,000 contributions of 1 / 3,000, each from a call of its own, and each too small to move a sum near 1."""
    w = tg.Tensor(np.float16(1))
    total = sum((w * np.float16(1 / 3000)).astype(np.float64) for _ in range(3000))
    total.backward()
    assert w.grad.dtype == np.float16
    np.testing.assert_allclose(w.grad, 1, rtol=2e-3)


def test_small_contributions_do_not_vanish_on_the_way():
    """1e-5 times 1e-5 is 0 in float16; times 1e8 it is not."""
    f = lambda x: np.sum(((x * 1e-4) * 1e-4) * 1e-4) * 1e4 * 1e4 * 1e4
    found = tg.grad(f)(np.ones(2, np.float16))
    np.testing.assert_allclose(found, 1, rtol=0.01)


@pytest.mark.parametrize("run", [lambda f: f, tg.compile], ids=["eager", "compiled"])
def test_a_step_of_the_second_order(run):
    x = np.array([0.5, -1.0, 2.0], np.float16)
    f = lambda x: np.sum(np.tanh(x) * x**3) / 8
    found = run(tg.hessian(f))(x)
    assert found.dtype == np.float16
    np.testing.assert_allclose(found, tg.hessian(f)(x.astype(np.float64)), rtol=0.01, atol=1e-3)
    y, dy = tg.jvp(f, (x,), (x,))
    assert (y.dtype, dy.dtype) == (np.float16, np.float16)
    np.testing.assert_allclose(dy, tg.jvp(f, (x.astype(float),), (x.astype(float),))[1], rtol=0.01)


def test_gradients_of_intermediate_values_have_their_dtype():
    x = tg.Tensor(np.ones((4, 3), np.float16))
    y = x * 2
    np.sum(y * y).backward(retain_graph=True)
    assert (x.grad.dtype, y.grad.dtype) == (np.float16, np.float16)
    np.testing.assert_array_equal(y.grad, 4)


FUNCTIONS = [
    np.arcsinh, np.arctan, np.cbrt, np.cos, np.cosh, np.exp, np.exp2, np.expm1, np.log, np.log10, np.log1p, np.log2,
    np.reciprocal, np.sin, np.sinc, np.sinh, np.sqrt, np.square, np.tanh, tg.elu, tg.gelu, tg.leaky_relu, tg.relu,
    tg.sigmoid, tg.silu, tg.softplus, tg.softmax, tg.log_softmax, tg.logsumexp,
]  # fmt: skip


@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
@given(x=st.lists(st.floats(2**-6, 8, width=16), min_size=1, max_size=5))
def test_eager_and_compiled_agree(f, x):
    x = np.array(x, np.float16)
    both = tg.value_and_grad(lambda x: np.sum(f(x) * x))
    value, gradient = both(x)
    compiled_value, compiled_gradient = _compiled(f, both)(x)
    assert compiled_gradient.dtype == gradient.dtype == np.float16
    np.testing.assert_allclose(compiled_value, value, rtol=2e-3, atol=1e-6)
    np.testing.assert_allclose(compiled_gradient, gradient, rtol=2e-3, atol=1e-6)


_programs = {}


def _compiled(f, both):
    """One program for each function: a new shape is another version of it."""
    return _programs.setdefault(f, tg.compile(both))

"""tg.detect_nonfinite names the first operation, forward or backward, that made a NaN or an infinity."""

from __future__ import annotations

import numpy as np
import pytest

import tinygraph as tg


@pytest.fixture(autouse=True)
def quiet():
    with np.errstate(all="ignore"):
        yield


@pytest.mark.parametrize("recording", [tg.enable_grad, tg.no_grad])
@pytest.mark.parametrize(
    ("name", "f"),
    [
        ("log", lambda p: np.log(1 - p)),
        ("divide", lambda p: 1 / (p - 1)),
        ("divide", lambda p: (p - 0.5) / (p - 1)),
        ("sqrt", lambda p: np.sqrt(p - 1)),
        ("sum", lambda p: np.sum(p * 1e308 * np.ones(4)[:, None])),
        ("log", lambda p: np.var(np.log(1 - p))),
        ("cube", lambda p: cube(p - 1)),
    ],
)
def test_forward(name, f, recording):
    p = tg.Tensor([0.25, 1.0, 1.0])
    with tg.detect_nonfinite(), recording(), pytest.raises(tg.NonFiniteError, match=f"^{name}: the result has "):
        f(p)
    assert not np.isfinite(f(p).data).all()


@tg.primitive
def cube(x):
    return x**3 / x * x


cube.derivative(lambda g, z, x: g * 3 * x * x)


def test_the_report_names_line_and_operands():
    p = tg.Tensor([0.25, 1.0, 1.0])
    with tg.detect_nonfinite(), pytest.raises(tg.NonFiniteError) as caught:
        q = 1 - p
        np.log(q)
    lines = str(caught.value).splitlines()
    assert lines[0] == "log: the result has 2 -inf among 3 elements"
    assert "test_nonfinite.py:" in lines[1] and "np.log(q)" in lines[1]
    assert lines[2] == "  operand 0 (q): shape (3,), from 0 to 0.75, 2 zeros"


@pytest.mark.parametrize("create_graph", [False, True])
def test_backward(create_graph):
    p = tg.Tensor([0.25, 0.0])
    loss = np.sum(np.sqrt(p) * 2)
    with tg.detect_nonfinite(), pytest.raises(tg.NonFiniteError, match=r"sqrt|divide"):
        loss.backward(retain_graph=True, create_graph=create_graph)
    assert p.grad is None
    loss.backward()
    assert np.isinf(p.grad[1])


def test_what_comes_in_is_seen_at_its_first_use():
    x = tg.Tensor([np.nan, 1.0])
    with tg.detect_nonfinite(), pytest.raises(tg.NonFiniteError, match=r"operand 0 .x.: .*1 NaN among 2"):
        x * 2


def test_what_is_finite_passes():
    x = tg.Tensor([1.0, 2.0])
    with tg.detect_nonfinite():
        np.sum(np.log(x) * x).backward()
        assert x.grad is not None
        assert tg.Tensor(np.array([1, 2])).sum() == 3
    np.log(x - 1)


@pytest.mark.parametrize("make", [np.zeros, np.ones, np.array, np.eye], ids=lambda make: make.__name__)
def test_arrays_like_a_tensor_are_made_under_the_watch(make):
    w = tg.Tensor(np.ones(3))
    with tg.detect_nonfinite():
        made = make(3, like=w)
    assert type(made) is type(make(3, like=w))
    np.testing.assert_array_equal(made, make(3))

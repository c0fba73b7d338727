import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygraph as tg

from .laws import binary, enter, obey, unary

LAWS = enter(
    {
        np.i0: unary(),
        np.exp: unary(),
        np.exp2: unary(),
        np.expm1: unary(),
        np.log: unary(low=0.25),
        np.log2: unary(low=0.25),
        np.log10: unary(low=0.25),
        np.log1p: unary(low=-0.75),
        np.logaddexp: binary(),
        np.logaddexp2: binary(),
    }
)


@pytest.mark.parametrize("entry", LAWS, ids=str)
@given(data=st.data())
def test_laws(entry, data):
    obey(entry, data)


@pytest.mark.parametrize("function", [np.logaddexp, np.logaddexp2])
def test_adding_to_nothing_has_a_finite_gradient(function):
    x, y = tg.Tensor([-np.inf, -np.inf, 0.0]), tg.Tensor([-np.inf, 0.0, -np.inf])
    function(x, y).backward(np.ones(3))
    np.testing.assert_array_equal(x.grad, [0, 0, 1])
    np.testing.assert_array_equal(y.grad, [0, 1, 0])


@pytest.mark.parametrize("x", [-1e4, -50.0, 50.0, 1e4])
def test_logaddexp_does_not_overflow(x):
    t = tg.Tensor(x)
    np.logaddexp(t, 0.0).backward()
    assert t.grad == pytest.approx(1.0 if x > 0 else np.exp(x))


@pytest.mark.parametrize("function", [np.logaddexp, np.logaddexp2])
def test_what_is_infinite_has_all_of_the_sum(function):
    both = tg.grad(function, argnums=(0, 1))
    assert both(np.inf, 0.0) == (1, 0)
    assert both(-np.inf, np.inf) == (0, 1)
    assert both(np.inf, np.inf) == (0.5, 0.5)
    assert tg.grad(tg.grad(function))(np.inf, 0.0) == 0


@pytest.mark.parametrize("function", [np.logaddexp, np.logaddexp2])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_beside_0_the_share_is_exact_to_rounding(function, dtype):
    x = np.array([-np.inf, -80.0, -20.0, -1e-3, 0.0, 1e-3, 20.0, 80.0, 1e4, np.inf], dtype)
    exp = np.exp if function is np.logaddexp else np.exp2
    with np.errstate(over="ignore"):
        expected = 1 / (1 + exp(-x.astype(np.float64)))
    for f in (lambda x: function(x, 0), lambda x: function(0.0, x)):
        t = tg.Tensor(x)
        f(t).backward(np.ones_like(x))
        assert t.grad.dtype == dtype
        np.testing.assert_allclose(t.grad, expected, rtol=8 * np.finfo(dtype).eps)
    assert tg.grad(tg.grad(lambda x: np.logaddexp(x, 0)))(0.0) == pytest.approx(0.25)

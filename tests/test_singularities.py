"""Singularities that nobody asks about contribute nothing; the others are reported as NumPy does."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import tinygraph as tg

GUARDED = {
    "sqrt": (np.sqrt, 0.0),
    "log": (np.log, 0.0),
    "power": (lambda x: x**0.5, 0.0),
    "power by an array": (lambda x: x ** np.array(0.25), 0.0),
    "reciprocal": (lambda x: 1 / x, 0.0),
    "cbrt": (np.cbrt, 0.0),
    "arcsin": (np.arcsin, 1.0),
    "arctanh": (np.arctanh, 1.0),
    "log1p": (np.log1p, -1.0),
    "arctan2": (lambda x: np.arctan2(x, x), 0.0),
}


@pytest.mark.parametrize("name", GUARDED)
@pytest.mark.parametrize("shape", [(), (3,)])
def test_what_where_leaves_out_has_no_gradient(name, shape):
    f, at = GUARDED[name]
    x = tg.Tensor(np.full(shape, at))
    with np.errstate(all="ignore"):
        y = np.sum(np.where(x.data != at, f(x), 7.0) + x)
        y.backward(retain_graph=True)
        np.testing.assert_array_equal(x.grad, np.ones(shape))
        x.grad = None
        y.backward(create_graph=True)
        np.testing.assert_array_equal(x.grad.data, np.ones(shape))


def test_the_second_derivative_is_guarded_too():
    with np.errstate(all="ignore"):
        assert tg.grad(tg.grad(lambda x: np.where(x > 0, np.sqrt(x), 0) + x * x))(0.0) == 2


def test_other_elements_keep_their_gradients():
    x = tg.Tensor([0.0, 4.0, 9.0])
    np.sum(np.where(x > 0, np.sqrt(x), 0) + np.sqrt(x + 1)).backward()
    expected = np.array([0, 1 / 4, 1 / 6]) + 0.5 / np.sqrt([1, 5, 10])
    np.testing.assert_allclose(x.grad, expected)


@pytest.mark.parametrize("how", ["warn", "raise", "ignore"])
def test_a_nan_that_remains_is_reported_as_numpy_does(how):
    x = tg.Tensor(0.0)
    with np.errstate(all="ignore"):
        y = np.log(x) - np.log(x)  # the gradient is infinity minus infinity
    with np.errstate(divide="ignore", invalid=how), warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        if how == "raise":
            with pytest.raises(FloatingPointError):
                y.backward()
            assert x.grad is None
        else:
            y.backward()
            assert np.isnan(x.grad)
            assert bool(seen) is (how == "warn")


def test_sums_of_opposite_infinities_are_not_counted_twice():
    x = tg.Tensor([1.0, 2.0])
    with np.errstate(invalid="ignore"):
        (np.sum(x * np.inf) - np.sum(x * np.inf) + np.sum(x)).backward()
    assert np.isnan(x.grad).all()
    y = tg.Tensor(1.0)
    z = y * np.array([np.inf, -np.inf, 1.0])
    with np.errstate(invalid="ignore"):
        np.sum(z).backward()
    assert np.isnan(y.grad)


def test_the_directional_derivative_beside_a_singularity():
    x, v = np.array([4.0, 0.0, 9.0]), np.ones(3)
    _, along = tg.jvp(lambda x: np.where(x > 0, np.sqrt(x), 0.0), (x,), (v,))
    np.testing.assert_allclose(along, [1 / 4, 0, 1 / 6])
    with np.errstate(divide="ignore"):
        assert tg.jvp(np.sqrt, (0.0,), (1.0,))[1] == np.inf

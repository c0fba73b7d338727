"""Means over leading axes keep the digits of their dtype."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.functions.means import mean_over
from tinygraph.testing import check_grads
from tinygraph.testing.strategies import arrays, shapes

from ..derivatives.laws import Call, enter, obey

RNG = np.random.default_rng(0)
SHAPES = [
    ((7, 5), (0,)),
    ((3, 4, 5), (0, 1)),
    ((3, 4, 5), (0, 2)),
    ((3, 4, 5), (1,)),
    ((3, 4, 5), (0, 1, 2)),
    ((2, 3, 4, 2, 3), (1, 2, 4)),
    ((1, 6), (0,)),
    ((40_003, 3), (0,)),
    ((1_000, 600), (0,)),
    ((3, 200), (1,)),
    ((3, 20, 20), (1, 2)),
]


@st.composite
def calls(draw):
    x = draw(arrays(shapes(min_dims=1, min_side=1)))
    axes = draw(st.sets(st.integers(0, x.ndim - 1), min_size=1))
    return Call((x, tuple(sorted(axes))))


@pytest.mark.parametrize("entry", enter({mean_over: calls()}), ids=str)
@given(data=st.data())
def test_laws(entry, data):
    obey(entry, data)


@pytest.mark.parametrize(("shape", "axes"), SHAPES)
@pytest.mark.parametrize(("dtype", "digits"), [(np.float64, 1e-14), (np.float32, 2e-7), (np.float16, 1e-3)])
def test_it_is_the_mean_in_float64_rounded(shape, axes, dtype, digits):
    x = (1e3 + RNG.normal(size=shape)).astype(dtype)
    mean = mean_over(x, axes)
    assert mean.dtype == dtype
    exact = np.mean(x, axis=axes, keepdims=True, dtype=np.float64)
    assert mean.shape == exact.shape
    np.testing.assert_allclose(mean, exact, rtol=digits)


def test_equal_terms_do_not_drift():
    """Rounded upwards at each step, a sum in float32 of equal terms is off by 5e-4."""
    x = np.full((73_728, 32), 0.01, np.float32)
    np.testing.assert_allclose(mean_over(x, (0,))[0], x[0], rtol=1e-7)


@pytest.mark.parametrize("turned", [lambda x: x[::2], lambda x: x.T, lambda x: np.asfortranarray(x)])
def test_any_layout(turned):
    x = turned(RNG.normal(size=(64, 48)).astype(np.float32))
    np.testing.assert_allclose(mean_over(x, (0,)), np.mean(x, axis=0, keepdims=True, dtype=np.float64), atol=1e-7)


@pytest.mark.parametrize(("shape", "axes"), SHAPES[:7])
def test_gradients(shape, axes):
    check_grads(lambda x: np.sum(np.sin(mean_over(x * x, axes))), RNG.normal(size=shape), order=2)


def test_a_compiled_mean_is_the_eager_one():
    x = RNG.normal(size=(70, 3)).astype(np.float32)
    compiled = tg.compile(lambda x: mean_over(x * 2, (0,)))
    for _ in range(2):
        assert np.array_equal(compiled(x), mean_over(x * 2, (0,)))

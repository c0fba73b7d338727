import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.functions.activations import normal_cdf
from tinygraph.testing import check_grads
from tinygraph.testing.strategies import arrays

from ..derivatives.laws import Call, enter, obey, unary

AWAY = {"away_from": [0.0]}


def with_slope(keyword):
    return arrays(**AWAY).flatmap(
        lambda x: st.sampled_from([Call((x,)), Call((x, 0.25)), Call((x,), {keyword: 0.5}), Call((x,), {keyword: 2})])
    )


LAWS = enter(
    {
        tg.sigmoid: unary(),
        tg.relu: unary(**AWAY),
        tg.leaky_relu: with_slope("negative_slope"),
        tg.elu: with_slope("alpha"),
        tg.softplus: unary(),
        tg.silu: unary(),
        tg.gelu: unary(),
        normal_cdf: unary(),
    }
)


@pytest.mark.parametrize("entry", LAWS, ids=str)
@given(data=st.data())
def test_laws(entry, data):
    obey(entry, data)


# The definition, as one would write it on paper: right where nothing overflows.
DEFINITIONS = {
    tg.sigmoid: lambda x: 1 / (1 + np.exp(-x)),
    tg.relu: lambda x: np.where(x > 0, x, 0),
    tg.leaky_relu: lambda x: np.where(x > 0, x, 0.2 * x),
    tg.elu: lambda x: np.where(x > 0, x, np.exp(x) - 1),
    tg.softplus: lambda x: np.log(1 + np.exp(x)),
    tg.silu: lambda x: x / (1 + np.exp(-x)),
    tg.gelu: lambda x: x * 0.5 * (1 + np.vectorize(math.erf, otypes=[float])(x / np.sqrt(2))),
}


@pytest.mark.parametrize("function", DEFINITIONS, ids=lambda f: f.__name__)
@given(arrays(low=-8, high=8))
def test_the_definition(function, x):
    np.testing.assert_allclose(function(x), DEFINITIONS[function](x), rtol=1e-12, atol=1e-14)


# At plus and minus infinity: the value and the slope, from both of which a line far out follows.
FAR = {
    tg.sigmoid: ((0, 0), (1, 0)),
    tg.relu: ((0, 0), (0, 1)),
    tg.leaky_relu: ((0, 0.2), (0, 1)),
    tg.elu: ((-1, 0), (0, 1)),
    tg.softplus: ((0, 0), (0, 1)),
    tg.silu: ((0, 0), (0, 1)),
    tg.gelu: ((0, 0), (0, 1)),
}


@pytest.mark.parametrize("function", FAR, ids=lambda f: f.__name__)
@pytest.mark.parametrize("size", [50.0, 800.0, 1e4])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_far_out_nothing_overflows(function, size, dtype):
    for x, (offset, slope) in zip((-size, size), FAR[function], strict=True):
        y, first = tg.value_and_grad(function)(dtype(x))
        second = tg.grad(tg.grad(function))(dtype(x))
        assert y.dtype == first.dtype == second.dtype == dtype
        assert float(y) == pytest.approx(offset + slope * x, rel=1e-6, abs=1e-15)
        assert float(first) == pytest.approx(slope, rel=1e-6, abs=1e-15)
        assert float(second) == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize(
    ("function", "slope"), [(tg.relu, 0), (tg.leaky_relu, 0.2), (tg.elu, 1), (lambda x: tg.elu(x, alpha=0.5), 0.5)]
)
def test_the_slope_at_the_kink(function, slope):
    assert tg.grad(function)(0.0) == slope


@pytest.mark.parametrize("slope", [0.2, 1, 1e-9, 1e-40, 0, -0.5, 2.0])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_leaky_relu_is_the_choice_to_the_bit(slope, dtype):
    x = np.array([np.inf, -np.inf, np.nan, 0.0, -0.0, 6e-8, -6e-8, 1.5, -1.5], dtype)
    g = np.array([np.inf, np.nan, -3.0, 2.0, -2.0, 0.0, -0.0, 6e-8, 0.7], dtype)
    with np.errstate(all="ignore"):
        y, pull = tg.vjp(lambda x: tg.leaky_relu(x, slope), x)
        np.testing.assert_array_equal(y, np.where(x > 0, x, x * slope))
        (slopes,) = pull(g)
        rounded = 1e-3 if dtype is np.float16 else 0  # whose derivatives are computed in float32
        np.testing.assert_allclose(slopes, np.where(x > 0, g, g * slope), rtol=rounded)
        np.testing.assert_array_equal(np.signbit(y), np.signbit(np.where(x > 0, x, x * slope)))
    assert y.dtype == slopes.dtype == dtype


def test_a_compiled_leaky_relu_chooses_no_element():
    compiled = tg.compile(tg.value_and_grad(lambda x: np.sum(tg.leaky_relu(x) ** 2)))
    x = np.linspace(-2, 2, 9)
    np.testing.assert_array_equal(compiled(x)[1], 2 * np.where(x > 0, x, 0.2 * x) * np.where(x > 0, 1, 0.2))
    assert "where" not in compiled.source  # a masked copy of numbers in any order takes ten times as long


@pytest.mark.parametrize("function", DEFINITIONS, ids=lambda f: f.__name__)
def test_lists_and_integers_become_float64(function):
    assert function([1, 2]).dtype == np.float64
    assert function(np.array([1, 2])).dtype == np.float64
    assert function(np.float32(1)).dtype == np.float32


@pytest.mark.parametrize("function", DEFINITIONS, ids=lambda f: f.__name__)
def test_higher_orders(function):
    check_grads(function, np.array([-1.5, 0.5, 1.0]), order=3)


def test_gelu_is_exact_unless_told_otherwise():
    x = np.linspace(-30, 30, 601)
    by_parts = [value * 0.5 * math.erfc(-value / math.sqrt(2)) for value in x]
    np.testing.assert_allclose(tg.gelu(x), by_parts, rtol=2e-13)
    np.testing.assert_allclose(tg.gelu(x.astype(np.float32)), by_parts, rtol=1e-4, atol=1e-38)
    np.testing.assert_allclose(tg.gelu(x, approximate=True), by_parts, atol=5e-4)
    check_grads(lambda x: tg.gelu(x, approximate=True), np.linspace(-4, 4, 9))


@pytest.mark.parametrize("approximate", [False, True])
@pytest.mark.parametrize("run", [lambda f: f, tg.compile], ids=["eager", "compiled"])
def test_gelu_of_float16_is_that_of_float32_rounded(approximate, run):
    def both(x):
        return tg.value_and_grad(lambda x: np.sum(tg.gelu(x, approximate=approximate), dtype=np.float64))(x)

    x = np.array([-6e4, -300, -50, -3, -0.5, 0, 0.5, 3, 50, 300], np.float16)
    value, gradient = run(both)(x)
    expected, slopes = both(x.astype(np.float32))
    np.testing.assert_allclose(value, expected, rtol=2e-3)
    np.testing.assert_allclose(gradient, slopes.astype(np.float16), rtol=2e-3, atol=1e-6)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_chosen_columns_of_square_matrices_have_the_slopes_of_gelu(kind):
    x = np.random.default_rng(0).normal(size=(2, 24, 24)).astype(kind)

    def slope(x, chosen):
        return tg.grad(lambda x: np.sum(tg.gelu(x)[:, :, chosen]))(x)

    chosen = np.arange(23)
    expected = slope(x.astype(np.float64), chosen)
    for found in (slope(x, chosen), tg.compile(slope)(x, chosen)):
        np.testing.assert_allclose(found, expected, atol=2e-3)

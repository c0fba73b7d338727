import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.derivatives.reductions import _quotients, carried, root
from tinygraph.testing import check_grads
from tinygraph.testing.strategies import arrays, axes, masks, reductions, shapes

from .laws import Call, enter, obey, unary


@st.composite
def reduced(draw, shape=None, several=True, where=None, initial=None, **domain):
    """A reduction over any axes, kept or not; with where= and initial= too."""
    x = draw(arrays(shapes() if shape is None else shape, **domain))
    keywords = draw(reductions(x.shape, several=several))
    if where and draw(st.booleans()):
        keywords["where"] = draw(masks(x.shape))
        keywords |= where
    if initial is not None and draw(st.booleans()):
        keywords["initial"] = initial
    if "axis" in keywords and draw(st.booleans()):
        return Call((x, keywords.pop("axis")), keywords)
    return Call((x,), keywords)


@st.composite
def extremum(draw, initial):
    """A maximum or minimum: no ties, and of something."""
    return draw(reduced(shapes(min_side=1), distinct=True, where={"initial": initial}))


@st.composite
def spread_out(draw):
    """A variance: where two numbers at least remain of each row, and differ."""
    x = draw(arrays(shapes(min_dims=1, min_side=3), distinct=True))
    keywords = draw(reductions(x.shape))
    if keywords.get("axis") == ():
        del keywords["axis"]
    if draw(st.booleans()):
        keywords[draw(st.sampled_from(["ddof", "correction"]))] = draw(st.sampled_from([0, 1, 1.5]))
    if draw(st.booleans()):
        mask = np.ones(x.shape, dtype=bool)
        mask[(0,) * x.ndim] = False
        keywords["where"] = mask
        keywords["ddof" if "ddof" in keywords else "correction"] = 0
    elif draw(st.booleans()):
        keywords["mean"] = np.mean(x, axis=keywords.get("axis"), keepdims=True)
    return Call((x,), keywords)


@st.composite
def weighted(draw):
    """A mean with no weights, weights of the same shape, or weights along some axes, in any order."""
    x = draw(arrays(shapes(min_dims=1, min_side=1)))
    keywords = {"keepdims": draw(st.booleans())}
    kind = draw(st.sampled_from(["none", "same", "axes"]))
    if kind == "none":
        return Call((x,), keywords | draw(reductions(x.shape)))
    if kind == "same":
        weights = draw(arrays(x.shape, low=0.5))
        return Call((x, draw(axes(x.shape)), weights), keywords)
    axis = draw(st.permutations(range(x.ndim)))[: draw(st.integers(1, x.ndim))]
    weights = draw(arrays(tuple(x.shape[place] for place in axis), low=0.5))
    return Call((x, tuple(axis) if len(axis) > 1 else axis[0], weights), keywords)


@st.composite
def cumulated(draw, **domain):
    x = draw(arrays(shapes(min_dims=1), **domain))
    return Call((x, *draw(st.just(()) | axes(x.shape, several=False).map(lambda axis: (axis,)))))


ZEROS = {"low": -1, "high": 1}


@st.composite
def recurrence(draw):
    """Factors and terms of one shape, along the last axis."""
    shape = draw(shapes(min_dims=1))
    return Call((draw(arrays(shape)), draw(arrays(shape))))


LAWS = enter(
    {
        np.sum: reduced(where={}, initial=2.5),
        np.mean: reduced(shapes(min_side=1)),
        np.prod: [reduced(where={}, initial=2.5), reduced(shapes(max_side=2), low=-0.03, high=0.03, initial=1.5)],
        np.max: extremum(-9.0),
        np.min: extremum(9.0),
        np.amax: extremum(-9.0),
        np.amin: extremum(9.0),
        np.ptp: reduced(shapes(min_side=1), distinct=True),
        np.var: spread_out(),
        np.std: spread_out(),
        np.average: weighted(),
        root: unary(low=0.25),
        np.cumsum: cumulated(),
        np.cumprod: [cumulated(), cumulated(low=-0.03, high=0.03)],
        carried: recurrence(),
    }
)


@pytest.mark.parametrize("entry", LAWS, ids=str)
@given(data=st.data())
def test_laws(entry, data):
    obey(entry, data)


def slope(f, x):
    t = tg.Tensor(np.asarray(x, dtype=float))
    y = f(t)
    y.backward(np.ones(y.shape))
    return t.grad


@given(arrays(shapes(min_dims=1, min_side=1), low=-0.07, high=0.07), st.data())
def test_ties_share_the_gradient_of_an_extremum(x, data):
    axis = data.draw(axes(x.shape))
    for function in (np.max, np.min):
        g = slope(lambda x, function=function: function(x, axis=axis), x)
        winners = x == function(x, axis=axis, keepdims=True)
        np.testing.assert_array_equal(g, winners / np.sum(winners, axis=axis, keepdims=True))


def test_ties_share_the_gradient_beside_a_row_without_a_winner():
    tie = [[np.nan, 1.0], [2.0, 2.0]]
    np.testing.assert_array_equal(slope(lambda x: np.max(x, axis=1), tie), [[0, 0], [0.5, 0.5]])
    low = [[1.0, 1.0], [0.0, 0.0]]
    np.testing.assert_array_equal(slope(lambda x: np.max(x, axis=1, initial=0.5), low), [[0.5, 0.5], [0, 0]])


def test_an_initial_value_that_wins_gets_the_gradient():
    np.testing.assert_array_equal(slope(lambda x: np.max(x, initial=5.0), [1.0, 2.0]), [0, 0])


@given(arrays(shapes(min_dims=1, max_dims=2, max_side=4), low=-0.07, high=0.07), st.data())
def test_products_with_zeros_are_differentiated_exactly(x, data):
    x = x * 32
    axis = data.draw(axes(x.shape, several=False))
    check_grads(lambda x: np.prod(x, axis=axis), x, order=3)
    check_grads(lambda x: np.cumprod(x, axis=axis), x)


@given(st.lists(st.tuples(st.floats(1, 9), st.integers(-300, 300)), min_size=1, max_size=6), st.sampled_from("fd"))
@example([(1.0, -200), (1.0, -200)], "d")
@example([(1.0, -200), (1.0, -200), (1.0, 200), (1.0, 200)], "d")
def test_a_product_is_divided_by_its_factors_only_where_that_is_right(drawn, kind):
    x = np.array([size * 10.0**power for size, power in drawn])
    x = x if kind == "d" else np.float32(np.sign(x) * np.abs(x) ** 0.1)
    found = _quotients(x, (0,))
    if found is not None:
        exact = [math.prod([Fraction(float(b)) for n, b in enumerate(x) if n != place]) for place in range(len(x))]
        np.testing.assert_allclose(found, [float(each) for each in exact], rtol=1e-14 if kind == "d" else 1e-5)


def test_a_product_of_many_halves_is_not_divided_where_it_vanishes():
    factors = np.full(101, 0.5, np.float32)
    factors[-1] = 2.0**-60
    gradient = tg.grad(np.prod)(factors)
    assert gradient[-1] == 2.0**-100
    assert np.prod(factors) == 0


@given(st.lists(st.floats(-2, 2), min_size=1, max_size=6))
def test_a_product_with_a_zero_is_not_divided_by_its_factors(factors):
    assert (_quotients(np.array(factors), (0,)) is None) or 0 not in factors


@given(arrays(shapes(min_dims=1, max_dims=2, max_side=5), low=-2.0, high=2.0), st.data())
def test_cumulative_products_have_second_derivatives_compiled_too(x, data):
    x = np.where(data.draw(arrays(x.shape, low=-1.0, high=1.0)) > 0.3, 0, x)
    axis = data.draw(axes(x.shape, several=False))
    w = np.cos(np.arange(x.size, dtype=x.dtype))
    slopes = tg.grad(lambda x: np.sum(np.ravel(np.cumprod(x, axis=axis)) * w) + np.sum(np.prod(x, axis=axis) ** 2))
    check_grads(slopes, x)
    np.testing.assert_allclose(tg.compile(slopes)(x), slopes(x), rtol=1e-6, atol=1e-6)


@given(arrays(shapes(min_dims=2, max_dims=2, min_side=2, max_side=6), low=-3.0, high=3.0), st.data())
def test_what_is_carried_along_is_a_recurrence(factors, data):
    terms = data.draw(arrays(factors.shape, low=-3.0, high=3.0)).astype(factors.dtype)
    factors = factors * data.draw(st.sampled_from([1.0, 0.0, 1e-9])) if data.draw(st.booleans()) else factors
    expected = terms.astype(np.float64)
    for place in range(1, terms.shape[-1]):
        expected[..., place] += factors[..., place] * expected[..., place - 1]
    accuracy = {"rtol": 1e-5, "atol": 1e-5} if terms.dtype != np.float64 else {"rtol": 1e-10, "atol": 1e-10}
    np.testing.assert_allclose(carried(factors, terms), expected, **accuracy)
    np.testing.assert_allclose(carried(factors[:1], terms[:1]), expected[:1], **accuracy)
    check_grads(carried, factors, terms)


def test_a_product_that_vanishes_on_the_way_has_the_slopes_of_what_it_is():
    x = np.array([1e-200, 1e-200, 1e200, 1.0])
    expected = [np.sum([np.prod([*x[:i], *x[i + 1 : j + 1]]) for j in range(i, 4)]) for i in range(4)]
    np.testing.assert_allclose(slope(lambda x: np.sum(np.cumprod(x)), x), expected)


@pytest.mark.parametrize(
    "function", [np.cumprod, np.maximum.accumulate, np.logaddexp.accumulate, np.logaddexp2.accumulate]
)
def test_a_compiled_cumulative_function_grows_with_its_length_and_not_its_square(function):
    x = np.linspace(0.5, 1.5, 3000)
    program = tg.compile(tg.grad(lambda x: np.sum(function(x) * x)))
    program(x)
    assert program.source.count("\n") < 100
    assert program.cost.buffer_bytes < 50 * x.nbytes


def test_the_mean_of_chosen_elements():
    mask = np.array([[True, False, True], [True, True, True]])
    x = np.arange(6.0).reshape(2, 3)
    for keywords in ({}, {"axis": 0}, {"axis": -1, "keepdims": True}, {"axis": (0, 1)}):
        if keywords.get("axis") == 0:
            mask = mask | np.array([[False, True, False], [False, False, False]])
        check_grads(lambda x, mask=mask, keywords=keywords: np.mean(x, where=mask, **keywords), x)


def test_the_standard_deviation_of_equal_numbers_has_gradient_zero():
    np.testing.assert_array_equal(slope(np.std, [2.0, 2.0, 2.0]), [0, 0, 0])
    np.testing.assert_array_equal(slope(lambda x: np.std(x, axis=0), [[2.0, 1.0], [2.0, 3.0]]), [[0, -0.5], [0, 0.5]])


@pytest.mark.parametrize("function", [np.sum, np.mean, np.prod, np.var, np.std, np.cumsum, np.cumprod])
def test_dtype_keyword(function):
    x = tg.Tensor(np.array([1.0, 2.0, 4.0], dtype=np.float32))
    y = function(x, dtype=np.float64)
    assert y.dtype == np.float64
    y.backward(np.ones(y.shape))
    assert x.grad.dtype == np.float32
    np.testing.assert_allclose(x.grad, slope(function, x.data), rtol=1e-6)


def test_the_mean_of_weights_given_as_a_list():
    check_grads(lambda x: np.average(x, weights=[1, 2, 3]), np.array([1.0, 4.0, 2.0]))
    check_grads(lambda w: np.average([1, 4, 2], weights=w), np.array([1.0, 3.0, 2.0]))
    mean, total = np.average(tg.Tensor([1.0, 3.0]), weights=[1, 3], returned=True)
    assert (float(mean), float(total)) == (2.5, 4.0)


@pytest.mark.parametrize("axis", [0, -1, (), None])
@pytest.mark.parametrize(
    "function", [np.sum, np.prod, np.max, np.min, np.nansum, np.nanprod, np.hypot.reduce, np.logaddexp.reduce]
)
def test_a_single_number_is_reduced_along_the_axes_that_numpy_takes(function, axis):
    x = tg.Tensor(3.0)
    y = function(x, axis=axis)
    assert y.shape == np.shape(function(np.float64(3.0), axis=axis))
    y.backward()
    assert x.grad == 1


def test_whole_weights_leave_the_precision_of_a_mean_as_it_is():
    x, weights = np.float32([1.0, 2.0]), np.uint8([200, 100])
    found, total = np.average(tg.Tensor(x), weights=weights, returned=True)
    expected, sum_of_weights = np.average(x, weights=weights, returned=True)
    assert found.dtype == expected.dtype == np.float32
    np.testing.assert_allclose(found.data, expected, rtol=1e-6)
    assert np.asarray(total) == sum_of_weights == 300


@pytest.mark.parametrize("function", [np.sum, np.mean, np.max, np.min, np.prod, np.median, np.ptp, np.linalg.norm])
@pytest.mark.parametrize("shape", [(3000,), (60, 50)])
def test_one_number_of_many_computed_elements_has_their_gradient(function, shape):
    x = np.random.default_rng(0).uniform(0.99, 1.01, size=shape)
    leaf = tg.Tensor(x)
    function(leaf * 1).backward()
    np.testing.assert_allclose(leaf.grad, tg.grad(function)(x), rtol=1e-12)
    function(tg.Tensor(x)).backward()


@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
@pytest.mark.parametrize("dtype", [None, np.float32, float, complex])
@pytest.mark.parametrize("kind", [np.float32, float, complex])
@pytest.mark.parametrize("function", [np.var, np.std, np.nanvar])
def test_deviations_in_a_given_dtype_are_numpys(function, kind, dtype):
    x = np.array([[1.0, 2.0], [4.0, 3.0], [0.5, 7.0]]).astype(kind)
    x = x + 1j * x[::-1] ** 2 if kind is complex else x
    got, expected = function(tg.Tensor(x), axis=0, dtype=dtype), function(x, axis=0, dtype=dtype)
    assert got.dtype == expected.dtype
    np.testing.assert_allclose(got.data, expected, rtol=1e-6)
    if kind is not np.float32 and dtype is not np.float32:
        check_grads(lambda x: function(x, axis=0, dtype=dtype), x)


PRODUCTS = {
    "prod": np.prod, "reduce": np.multiply.reduce, "cumprod": np.cumprod, "accumulate": np.multiply.accumulate,
    "nanprod": np.nanprod,
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:Casting complex values")
@pytest.mark.parametrize("name", PRODUCTS)
def test_a_real_product_of_complex_numbers_is_that_of_their_real_parts(name):
    x = np.array([1 + 2j, 2 - 1j, -1.5 + 0.5j])
    check_grads(lambda x: PRODUCTS[name](x, dtype=float), x, order=2)


def test_a_product_without_a_beginning():
    x = np.array([[1.0, 2.0], [3.0, -4.0]])
    check_grads(lambda x: np.multiply.reduce(x, initial=None), x)


def test_an_average_of_small_integers_has_the_dtype_of_numpys():
    a, weights = np.array([1, 5, 200], np.uint8), np.float32([1, 2, 3])
    expected = np.average(a, weights=weights, returned=True)
    for found, wanted in zip(np.average(a, weights=tg.Tensor(weights), returned=True), expected, strict=True):
        assert found.dtype == wanted.dtype
        assert found.data == pytest.approx(wanted)
    with pytest.raises(ZeroDivisionError, match="sum to 0"):
        np.average(tg.Tensor([1.0, 2.0]), weights=[1.0, -1.0])


def test_a_variance_around_a_mean_that_is_given():
    mean = np.array([2.0])
    for data in ([1.0, 2.0, 4.0], np.array([1.0, 2.0, 4.0])):
        check_grads(lambda mean, data=data: np.var(data, mean=mean), mean)
    with pytest.raises(tg.UnsupportedError, match="plain array"):  # NumPy writes where a mask holds, inside of nanvar
        np.nanvar([1.0, 2.0, 4.0], mean=tg.Tensor(mean))
    with pytest.raises(tg.UnsupportedError, match="plain array"):
        np.nanvar([1.0, 2.0, 4.0], mean=tg.Tensor(mean), where=[True, True, False])

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.testing import check_grads
from tinygraph.testing.strategies import arrays, axes, reductions, shapes

from .laws import Call, enter, obey, of_arrays, same_value


@st.composite
def sorted_along(draw):
    x = draw(arrays(shapes(min_dims=1), distinct=True))
    keywords = draw(st.sampled_from([{}, {"kind": "stable"}, {"stable": True}]))
    return Call((x,), keywords | draw(st.just({}) | axes(x.shape, several=False).map(lambda axis: {"axis": axis})))


@st.composite
def partitioned(draw):
    x = draw(arrays(shapes(min_dims=1, min_side=1), distinct=True))
    axis = draw(axes(x.shape, several=False))
    size = x.size if axis is None else x.shape[axis]
    kth = draw(st.integers(-size, size - 1))

    def sorted_parts(result):
        """In which order each part stands is NumPy's affair."""
        along = -1 if axis is None else axis
        return np.concatenate([np.sort(part, along) for part in np.split(result, [kth % size], along)], along)

    return Call((x, kth), {"axis": axis}, value=sorted_parts)


@st.composite
def middle(draw, *shares):
    x = draw(arrays(shapes(min_dims=1, min_side=1), distinct=True))
    keywords = draw(reductions(x.shape))
    return Call((x, *([draw(st.sampled_from(shares))] if shares else [])), keywords)


def distinct(*more):
    """A function of elements none of which comes twice."""
    return arrays(shapes(1, 2, min_side=1), distinct=True, away_from=[0.125, 8.0]).map(lambda x: Call((x, *more)))


LAWS = enter(
    {
        np.sort: sorted_along(),
        np.partition: partitioned(),
        np.median: middle(),
        np.quantile: middle(0.25, 0, 1, 0.3, [0.1, 0.9], [[0.5, 0.7]]),
        np.percentile: middle(25, 0, 100, 30.0, [10, 90]),
        np.nanmedian: middle(),
        np.nanquantile: middle(0.25, 0, 1, 0.3, [0.1, 0.9]),
        np.nanpercentile: middle(25, 0, 100, 30.0),
        **{find: distinct() for find in (np.unique, np.unique_all, np.unique_counts, np.unique_inverse)},
        np.unique_values: distinct().map(lambda call: Call(call.args, read=np.sort)),  # they come in any order
        **{find: distinct([0.125, 8.0]) for find in (np.union1d, np.setdiff1d, np.setxor1d)},
        np.intersect1d: st.nothing(),  # of moved elements there is none; see test_lost_gradients
        np.sort_complex: arrays(shapes(min_dims=1), distinct=True).map(lambda x: Call((x,))),
    }
)


@pytest.mark.parametrize("entry", [entry for entry in LAWS if entry.function is not np.intersect1d], ids=str)
@given(data=st.data())
def test_laws(entry, data):
    obey(entry, data)


def test_a_missing_value_makes_a_quantile_missing():
    y = np.median(tg.Tensor([[1.0, np.nan], [1.0, 3.0]]), axis=1)
    np.testing.assert_array_equal(y.data, [np.nan, 2])


def test_the_share_is_a_variable_too():
    check_grads(
        lambda a, q: np.quantile(a, q, axis=0), np.array([[1.0, 5.0], [4.0, 2.0], [8.0, 9.0]]), np.array([0.3, 0.9])
    )


METHODS = [
    "inverted_cdf", "averaged_inverted_cdf", "closest_observation", "interpolated_inverted_cdf", "hazen", "weibull",
    "median_unbiased", "normal_unbiased", "lower", "higher", "midpoint", "nearest",
]  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=12)  # the methods differ in the places between which they interpolate, and in nothing else
@given(data=st.data())
def test_quantiles_by_any_method(method, data):
    call = data.draw(middle(0.3, 0.9, [0.1, 0.6]))
    for function in (np.quantile, np.nanquantile):
        same_value(function, call.args, call.keywords | {"method": method})
        check_grads(*of_arrays(function, Call(call.args, call.keywords | {"method": method})))


def test_weighted_quantiles():
    x, weights = np.array([[3.0, 1.0, 2.0], [5.0, 4.0, 6.0]]), np.array([1.0, 5.0, 2.0])
    for several, axis in ((weights, 1), (np.stack([weights, weights]), 1), (np.stack([weights, weights]), None)):
        keywords = {"axis": axis, "weights": several, "method": "inverted_cdf"}
        same_value(np.quantile, (x, 0.6), keywords)
        check_grads(lambda x: np.quantile(x, 0.6, **keywords), x)


@pytest.mark.parametrize("function", [np.nanmedian, np.nanquantile, np.nanpercentile], ids=lambda f: f.__name__)
@given(data=st.data())
def test_quantiles_of_those_that_are_not_missing(function, data):
    x = data.draw(arrays(shapes(2, 2, min_side=2), distinct=True))
    keywords = data.draw(reductions(x.shape))
    share = () if function is np.nanmedian else (0.375,)

    def gapped(x, *args, **keywords):
        return function(np.where(np.eye(*x.shape) == 1, np.nan, x), *args, **keywords)

    if keywords.get("axis", 0) != ():
        same_value(gapped, (x, *share), keywords)
        check_grads(*of_arrays(gapped, Call((x, *share), keywords)))


def test_by_another_method_the_share_is_a_constant():
    with pytest.raises(tg.UnsupportedError, match="linear"):
        np.quantile(tg.Tensor([1.0, 2.0]), tg.Tensor(0.5), method="nearest")


def test_equal_elements_keep_their_order():
    x = tg.Tensor([2.0, 1.0, 2.0, 1.0])
    np.sort(x).backward(np.array([1.0, 2.0, 3.0, 4.0]))
    np.testing.assert_array_equal(x.grad, [3, 1, 4, 2])


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_median_of_nothing_is_nan():
    assert np.isnan(np.median(tg.Tensor([])).data)
    assert np.isnan(np.median(tg.Tensor(np.zeros((0, 2))), axis=0).data).all()


INFINITE = st.lists(st.sampled_from([-np.inf, np.inf, np.nan, -1.0, 0.5, 2.0, 7.0]), min_size=1, max_size=6)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@given(x=INFINITE)
def test_medians_of_infinities_are_numpys(dtype, x):
    x = np.array(x, dtype)
    for function in (np.median, np.nanmedian):
        found, expected = function(tg.Tensor(x)), function(x)
        np.testing.assert_array_equal(found.data, expected)
        assert found.dtype == expected.dtype


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("function", [np.quantile, np.nanquantile, np.percentile, np.nanpercentile])
@given(x=INFINITE, share=st.sampled_from([0, 0.25, 0.3, 0.5, 0.75, 1]))
def test_quantiles_beside_infinities_are_numpys(function, x, share):
    """There may be a number here where NumPy has infinity minus infinity."""
    share = share * 100 if "percent" in function.__name__ else share
    found, expected = function(tg.Tensor(x), share).data, function(np.array(x), share)
    assert np.isnan(expected) or found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_quantiles_of_many_narrow_numbers(dtype):
    x = np.random.default_rng(0).permutation(6001).astype(dtype)[:5001]
    gapped = np.where(np.arange(x.size) % 5 == 0, np.nan, x).astype(dtype)
    for function, share in ((np.median, ()), (np.quantile, (0.37,)), (np.percentile, (90,))):
        for f, a in ((function, x), (getattr(np, f"nan{function.__name__}"), gapped)):
            found = f(tg.Tensor(a), *share)
            assert found.dtype == dtype
            np.testing.assert_allclose(found.data, f(a.astype(np.float64), *share), rtol=1e-3)
        gradient = tg.grad(lambda x: function(x, *share))(x)
        assert gradient.sum() == pytest.approx(1, abs=1e-3)
        assert np.count_nonzero(gradient) <= 2


@pytest.mark.parametrize("run", [lambda f: f, tg.compile], ids=["eager", "compiled"])
def test_medians_in_a_program(run):
    x = np.array([[3.0, 1.0, np.nan, 2.0], [5.0, 4.0, 9.0, 7.0]])
    found = run(tg.value_and_grad(lambda x: np.sum(np.nanmedian(x, axis=1))))(x)
    assert found[0] == 8
    np.testing.assert_array_equal(found[1], [[0, 0, 0, 1], [0.5, 0, 0, 0.5]])


def test_shares_outside_of_their_range_are_refused():
    for share in ([0.25, 1.5], [-0.25, 0.5], [np.nan, 0.5]):
        with pytest.raises(ValueError, match="between 0 and 1"):
            np.quantile([1.0, 2.0, 3.0], tg.Tensor(share))
    with pytest.raises(ValueError, match="between 0 and 1"):
        np.percentile([1.0, 2.0, 3.0], tg.Tensor(120.0))

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.testing.strategies import arrays, axes, masks, reductions, shapes

from .laws import Call, enter, obey


@st.composite
def with_gaps(draw, distinct=False):
    """An array some elements of which are constant NaNs, made inside the function so that none is moved."""
    x = draw(arrays(shapes(min_dims=1, min_side=2), distinct=distinct))
    gaps = draw(masks(x.shape))
    # One element of each row stays, whatever the axis.
    gaps[np.indices(x.shape).sum(axis=0) % 2 == 0] = False
    keywords = draw(reductions(x.shape))
    return Call((x, gaps), {key: value for key, value in keywords.items() if value != ()})


@st.composite
def cumulated_with_gaps(draw):
    call = draw(with_gaps())
    return Call(call.args, {"axis": draw(axes(call.args[0].shape, several=False))})


def of_gaps(function):
    def gapped(x, gaps, **keywords):
        return function(np.where(gaps, np.nan, x), **keywords)

    gapped.__name__ = function.__name__
    return gapped


GAPPED = {
    np.nansum: with_gaps(),
    np.nanprod: with_gaps(),
    np.nanmax: with_gaps(distinct=True),
    np.nanmin: with_gaps(distinct=True),
    np.nanmean: with_gaps(),
    np.nanvar: with_gaps(distinct=True),
    np.nanstd: with_gaps(distinct=True),
    np.nancumsum: cumulated_with_gaps(),
    np.nancumprod: cumulated_with_gaps(),
}
LAWS = enter({of_gaps(function): calls for function, calls in GAPPED.items()})
# Without gaps they are the functions that do not know of NaN.
LAWS += enter(
    {function: calls.map(lambda call: Call(call.args[:1], call.keywords)) for function, calls in GAPPED.items()}
)


@pytest.mark.parametrize("entry", LAWS, ids=str)
@given(data=st.data())
def test_laws(entry, data):
    obey(entry, data)


def test_no_gradient_flows_to_what_is_missing():
    for function in GAPPED:
        x = tg.Tensor([1.0, np.nan, 3.0])
        y = function(x)
        y.backward(np.ones(y.shape))
        assert x.grad[1] == 0
        assert np.all(np.isfinite(x.grad))


def test_the_extremum_of_nothing_is_nan():
    y = np.nanmax(tg.Tensor([[np.nan, np.nan], [1.0, np.nan]]), axis=1)
    np.testing.assert_array_equal(y.data, [np.nan, 1])


def test_variance_with_a_correction():
    x = np.array([1.0, np.nan, 3.0, 4.0])
    assert float(np.nanvar(tg.Tensor(x), ddof=1)) == pytest.approx(np.nanvar(x, ddof=1))
    assert float(np.nanstd(tg.Tensor(x), correction=1)) == pytest.approx(np.nanstd(x, correction=1))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_variance_of_too_few_elements_is_nan():
    x = np.array([[1.0, np.nan, 4.0], [2.0, 3.0, np.nan], [0.5, np.nan, np.nan]])
    for ddof in (0, 1, 2, 3):
        for axis in (0, 1, None):
            for function in (np.nanvar, np.nanstd):
                found = function(tg.Tensor(x), axis=axis, ddof=ddof)
                np.testing.assert_allclose(found.data, function(x, axis=axis, ddof=ddof))


def test_an_extremum_with_an_initial_value_is_that_where_there_is_nothing_else():
    x = np.array([[np.nan, np.nan], [1.0, np.nan]])
    for function, initial in ((np.nanmax, -np.inf), (np.nanmin, np.inf), (np.nanmax, 0.0)):
        found = function(tg.Tensor(x), axis=1, initial=initial)
        np.testing.assert_array_equal(found.data, function(x, axis=1, initial=initial))


@pytest.mark.parametrize("shape", [(0,), (2, 0), (0, 3)])
def test_the_middle_of_nothing_is_nan(shape):
    x = np.zeros(shape)
    with pytest.warns(RuntimeWarning):
        for axis in (None, 0, -1):
            for function in (np.nanmedian, lambda x, axis: np.nanpercentile(x, [20, 50], axis)):
                np.testing.assert_array_equal(function(tg.Tensor(x), axis).data, function(x, axis))

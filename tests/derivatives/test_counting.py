import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.derivatives.counting import _among_even
from tinygraph.testing import check_grads
from tinygraph.testing.strategies import arrays

from .laws import Call, enter, obey

PLACES = [0.125, 0.25, 0.75, 1.0, 0.0, 0.375]
KEYWORDS = [{}, {"bins": 3}, {"density": True}, {"density": True, "bins": 2}]
WEIGHTS = {"low": 0.5, "high": 2.0}


@st.composite
def counted(draw):
    weights = draw(arrays((4,)))
    return Call(([0, 2, 2, 1], weights), draw(st.sampled_from([{}, {"minlength": 6}])))


def weights_first(function, *sample):
    """A histogram as a function of the weights."""

    def weighted(weights, **keywords):
        return function(*sample, weights=weights, **keywords)

    weighted.__name__ = function.__name__
    return weighted


@st.composite
def weighted(draw, *more):
    return Call((draw(arrays((6,), **WEIGHTS)),), draw(st.sampled_from([*KEYWORDS, *more])))


BOX = ((0, 1), (0, 0.5))
LAWS = enter({np.bincount: counted()})
LAWS += enter(
    {
        weights_first(np.histogram, PLACES): weighted({"range": (0, 0.5)}, {"bins": [0, 0.5, 1]}),
        weights_first(np.histogram2d, PLACES, PLACES[::-1]): weighted({"range": BOX}, {"bins": [0, 0.5, 1]}),
        weights_first(np.histogramdd, np.array([PLACES, PLACES[::-1]], dtype=object).T.astype(float)): weighted(
            {"range": BOX}
        ),
    },
    ("float64", "float32"),
)
LAWS += enter(
    {np.histogram_bin_edges: arrays((6,), distinct=True).map(lambda x: Call((x,), {"bins": 3}))}, ("float64", "float32")
)
# By itself each of them is NumPy's, on constants.
for function in (np.histogram, np.histogram2d, np.histogramdd):
    enter({function: st.nothing()})


@pytest.mark.parametrize("entry", LAWS, ids=str)
@given(data=st.data())
def test_laws(entry, data):
    obey(entry, data)


def test_counts_are_plain():
    x = tg.Tensor(PLACES)
    for got, expected in [
        (np.histogram(x, 3), np.histogram(x.data, 3)),
        (np.histogram2d(x, x, 2), np.histogram2d(x.data, x.data, 2)),
        (np.histogramdd((x, x), 2), np.histogramdd((x.data, x.data), 2)),
    ]:
        assert type(got[0]) is np.ndarray
        np.testing.assert_array_equal(got[0], expected[0])


def test_constant_weights_give_plain_counts():
    assert type(np.histogram(tg.Tensor(PLACES), weights=PLACES)[0]) is np.ndarray


@given(
    st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.integers(1, 50), st.lists(st.floats(-2, 3), max_size=20),
    st.sampled_from([np.float32, np.float64]),
)  # fmt: skip
def test_a_division_finds_the_bin_that_a_search_finds(low, width, bins, places, dtype):
    edges = np.histogram_bin_edges(np.array([low, low + width], dtype), bins)
    assert edges.dtype == dtype
    near = [np.nextafter(edges, np.array(toward, dtype)) for toward in (-np.inf, np.inf)]
    inside = (low + width * np.array(places)).astype(dtype)
    x = np.concatenate([edges, *near, inside, np.array([np.nan, np.inf, -np.inf], dtype)])
    with np.errstate(invalid="ignore"):
        found = _among_even(x, edges)
    np.testing.assert_array_equal(found, np.searchsorted(edges, x, side="right"))


def test_weights_of_another_shape_are_refused_as_numpy_does():
    with pytest.raises(ValueError, match="same shape"):
        np.histogram(np.zeros((2, 3)), weights=tg.Tensor(np.ones((3, 2))))


def test_edges_move_with_the_range():
    x = tg.Tensor([1.0, 2.0, 3.0])
    check_grads(lambda low, high: np.histogram(x, bins=3, range=(low, high))[1], 0.5, 3.5)
    check_grads(lambda ends: np.histogram(x, bins=3, range=ends)[1], np.array([0.5, 3.5]))
    points = tg.Tensor([[1.0, 2.0], [2.0, 3.0]])
    check_grads(lambda low: np.histogramdd(points, bins=3, range=((low, 4.0), (0.0, 5.0)))[1][0], 0.5)


def test_complex_weights():
    weights = np.array([1 + 2j, -1 + 1j, 2 + 2j])
    check_grads(lambda weights: np.histogram([1.25, 2.5, 2.25], bins=[0, 2, 3], weights=weights)[0], weights)

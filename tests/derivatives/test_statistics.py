import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.testing.strategies import arrays

from .laws import Call, enter, obey

WEIGHTS = [
    {"bias": True}, {"ddof": 2}, {"fweights": np.arange(1, 5)}, {"aweights": np.linspace(0.5, 2, 4)},
    {"fweights": np.full(4, 2), "aweights": np.ones(4)},
]  # fmt: skip


@st.composite
def observed(draw, weights=None):
    """Three variables at most, four observations or more, as rows or as columns; a second set of variables or none."""
    count = 4 if weights else draw(st.integers(4, 5))
    spread = np.arange(count) % 3
    x = draw(arrays((draw(st.integers(1, 2)), count), low=-0.25, high=0.25)) + spread
    x = x + np.arange(count) ** 2 * np.arange(1, len(x) + 1)[:, None] / 4
    if not weights and draw(st.booleans()):
        return Call((x[0], *([draw(arrays((count,), distinct=True))] if draw(st.booleans()) else [])))
    rows = draw(st.booleans())
    return Call((x if rows else np.ascontiguousarray(x.T),), {"rowvar": rows, **(weights or {})})


# A strategy for each kind of weights: of 30 calls of one strategy few had those of one kind.
LAWS = enter({np.cov: [observed(), *map(observed, WEIGHTS)], np.corrcoef: observed()})


@pytest.mark.parametrize("entry", LAWS, ids=str)
@given(data=st.data())
def test_laws(entry, data):
    obey(entry, data)


def test_observations_of_many_axes_are_refused():
    with pytest.raises(ValueError, match="1 or 2 axes"):
        np.cov(tg.Tensor(np.zeros((2, 2, 2))))


def test_weights_that_numpy_refuses_are_refused():
    x = tg.Tensor([[1.0, 2.0, 4.0], [5.0, 3.0, 7.0]])
    for keywords in ({"aweights": [1, -1, 1]}, {"fweights": [1, -1, 1]}):
        with pytest.raises(ValueError, match="below 0"):
            np.cov(x, **keywords)
    for weights in ([1.0, 1.0], np.ones((2, 3))):
        with pytest.raises(tg.ShapeError, match="for 3 observations"):
            np.cov(x, aweights=weights)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_without_degrees_of_freedom_a_covariance_is_not_negative():
    for x, keywords in (([1.0, 2.0], {"ddof": 3}), ([[1.0], [2.0]], {}), ([1.0, 2.0], {"fweights": [1, 1], "ddof": 4})):
        found = np.cov(tg.Tensor(x), **keywords).data
        compiled = tg.compile(lambda x, keywords=keywords: np.cov(x, **keywords))(np.array(x))
        expected = np.cov(x, **keywords)
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(compiled, expected)


def test_weights_of_low_precision_are_added_up_in_float64():
    x, weights = np.array([1.1, 2.3, 4.7]), np.float32([0.1, 0.7, 1.3])
    found = np.cov(tg.Tensor(x), aweights=tg.Tensor(weights), fweights=[1, 2, 1])
    assert found.item() == pytest.approx(float(np.cov(x, aweights=weights, fweights=[1, 2, 1])), rel=1e-14)

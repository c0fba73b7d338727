import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.testing.strategies import arrays, axes, shapes

from .laws import Call, enter, obey


def shares(v):
    return v / np.sum(np.abs(v))


def table(v):
    return np.outer(v, v)


@st.composite
def along(draw):
    x = draw(arrays(shapes(min_dims=1, min_side=1), low=0.5))
    return Call((draw(st.sampled_from([np.sum, shares, table])), draw(axes(x.shape, none=False, several=False)), x))


@st.composite
def over(draw):
    x = draw(arrays(shapes(min_dims=1)))
    chosen = draw(st.lists(st.integers(-x.ndim, x.ndim - 1), unique_by=lambda axis: axis % x.ndim, min_size=1))
    return Call((np.sum, x, draw(st.sampled_from([chosen, chosen[0]]))))


@st.composite
def pieces(draw):
    x = draw(arrays(away_from=(0.0, 1.0)))
    conditions = [x < 0, x > 1]
    functions = draw(st.sampled_from([[np.square, np.exp, np.sin], [np.exp, 2], [np.negative, 3, lambda v: v * v]]))
    return Call((x, conditions, functions))


LAWS = enter({np.apply_along_axis: along(), np.apply_over_axes: over(), np.piecewise: pieces()})


@pytest.mark.parametrize("entry", LAWS, ids=str)
@given(data=st.data())
def test_laws(entry, data):
    obey(entry, data)


def test_a_function_is_not_called_on_elements_that_it_is_not_for():
    x = tg.Tensor([-1.0, 4.0])
    with np.errstate(all="raise"):
        y = np.piecewise(x, [x > 0], [np.sqrt, np.negative])
        y.backward(np.ones(2))
    np.testing.assert_array_equal(y.data, [1, 2])
    np.testing.assert_array_equal(x.grad, [-1, 0.25])


@pytest.mark.parametrize(
    "call",
    [
        lambda t: np.apply_along_axis(np.sum, 1, t[:0, None]),
        lambda t: np.piecewise(t, [t > 0], [1, 2, 3]),
    ],
)
def test_what_does_not_fit_is_refused(call):
    with pytest.raises(ValueError, match=r"apply_along_axis|piecewise"):
        call(tg.Tensor([1.0, 2.0]))


def test_vectors_without_elements_and_numbers_without_axes():
    x = np.zeros((0, 3))
    found = np.apply_along_axis(lambda column: column.sum(), 0, tg.Tensor(x))
    np.testing.assert_array_equal(found.data, np.zeros(3))
    with pytest.raises(ValueError, match="no vectors along axis 1"):
        np.apply_along_axis(np.sum, 1, tg.Tensor(x))
    assert np.apply_over_axes(np.sum, tg.Tensor(2.0), [0, -1]).item() == 2

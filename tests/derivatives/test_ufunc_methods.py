"""The methods of ufuncs: `np.add.reduce` and its kin."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.testing import check_grads
from tinygraph.testing.strategies import arrays, axes, shapes

from .laws import same_value


@pytest.mark.parametrize("ufunc", [np.add, np.multiply, np.maximum, np.minimum], ids=lambda u: u.__name__)
@given(data=st.data())
def test_reduce(ufunc, data):
    x = data.draw(arrays(shapes(min_dims=1, min_side=1), distinct=True))
    args = data.draw(st.just(()) | axes(x.shape).map(lambda axis: (axis,)))
    keywords = data.draw(st.sampled_from([{}, {"keepdims": True}, {"initial": 5.0}, {"dtype": np.float64}]))
    if ufunc in (np.maximum, np.minimum):
        keywords = {key: value for key, value in keywords.items() if key != "dtype"}
    same_value(ufunc.reduce, (x, *args), keywords)
    check_grads(lambda x: ufunc.reduce(x, *args, **keywords), x)


@pytest.mark.parametrize("ufunc", [np.add, np.multiply], ids=lambda u: u.__name__)
@given(data=st.data())
def test_accumulate(ufunc, data):
    x = data.draw(arrays(shapes(min_dims=1)))
    axis = data.draw(axes(x.shape, none=False, several=False))
    same_value(ufunc.accumulate, (x, axis), {})
    check_grads(lambda x: ufunc.accumulate(x, axis), x)


@pytest.mark.parametrize("ufunc", [np.add, np.multiply, np.subtract, np.divide, np.hypot], ids=lambda u: u.__name__)
@given(st.data())
def test_outer(ufunc, data):
    x, y = data.draw(arrays(shapes(max_dims=2), low=0.5)), data.draw(arrays(shapes(max_dims=2), low=0.5))
    same_value(ufunc.outer, (x, y), {})
    check_grads(ufunc.outer, x, y)
    check_grads(lambda y: ufunc.outer([1.0, 2.0], y), y)


@pytest.mark.parametrize(
    "call",
    [
        lambda t: np.add.reduceat(t, [0, 1]),
        lambda t: np.add.at(t, [0], 1.0),
        lambda t: np.subtract.reduce(t),
        lambda t: np.maximum.accumulate(t),
        lambda t: np.add(t, 1.0, out=np.zeros(3)),
        lambda t: np.add(t, 1.0, where=np.array([True, False, True])),
        lambda t: np.add.reduce(t, out=np.zeros(())),
    ],
)
def test_what_has_no_derivative_says_so(call):
    with pytest.raises(tg.UnsupportedError, match=r"add|subtract|maximum"):
        call(tg.Tensor([1.0, 2.0, 3.0]))

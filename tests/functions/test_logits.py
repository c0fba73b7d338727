import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.testing import check_grads
from tinygraph.testing.strategies import arrays, axes, reductions, shapes

from ..derivatives.laws import Call, enter, obey


@st.composite
def reduced(draw):
    x = draw(arrays(shapes(min_side=1)))
    return Call((x,), draw(reductions(x.shape)))


@st.composite
def along_axes(draw):
    x = draw(arrays(shapes(min_dims=1)))
    return Call((x,), draw(st.just({}) | axes(x.shape).map(lambda axis: {"axis": axis})))


LAWS = enter({tg.logsumexp: reduced(), tg.softmax: along_axes(), tg.log_softmax: along_axes()})


@pytest.mark.parametrize("entry", LAWS, ids=str)
@given(data=st.data())
def test_laws(entry, data):
    obey(entry, data)


@given(arrays(shapes(min_dims=1, min_side=1), low=-8, high=8), st.data())
def test_the_definitions(x, data):
    axis = data.draw(axes(x.shape))
    total = np.sum(np.exp(x), axis=axis, keepdims=True)
    np.testing.assert_allclose(tg.logsumexp(x, axis=axis, keepdims=True), np.log(total), rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(tg.softmax(x, axis=axis), np.exp(x) / total, rtol=1e-13)
    np.testing.assert_allclose(tg.log_softmax(x, axis=axis), np.log(np.exp(x) / total), rtol=1e-13, atol=1e-13)


@given(arrays(shapes(min_dims=1, max_dims=2, min_side=1)), st.sampled_from([1.0, 100.0, 5000.0]))
def test_a_common_shift_changes_nothing(x, shift):
    np.testing.assert_allclose(tg.softmax(x + shift), tg.softmax(x), rtol=1e-9)
    np.testing.assert_allclose(tg.log_softmax(x + shift), tg.log_softmax(x), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(tg.logsumexp(x + shift), tg.logsumexp(x) + shift, rtol=1e-9)


EXTREME = np.array([[1e4, -1e4, 0.0], [1e4, 1e4, -1e4], [-1e4, -1e4, -1e4]])
SHARES = np.array([[1, 0, 0], [0.5, 0.5, 0], [1 / 3, 1 / 3, 1 / 3]])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_extreme_logits(dtype):
    x = EXTREME.astype(dtype)
    close = {"rtol": 1e-6, "atol": 1e-7 if dtype == np.float32 else 1e-15}
    np.testing.assert_allclose(tg.softmax(x), SHARES, **close)
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(
            tg.log_softmax(x), [[0, -2e4, -1e4], np.array([0, 0, -2e4]) - np.log(2), [-np.log(3)] * 3], rtol=1e-6
        )
    for function, weights, expected in (
        (lambda x: tg.logsumexp(x, axis=-1), np.ones(3), SHARES),
        (tg.softmax, np.array([[1.0, 2.0, 3.0]] * 3), SHARES * ([[1, 2, 3]] - np.array([[1], [1.5], [2]]))),
        (tg.log_softmax, np.array([[1.0, 2.0, 3.0]] * 3), [1, 2, 3] - 6 * SHARES),
    ):
        t = tg.Tensor(x)
        function(t).backward(weights)
        assert t.grad.dtype == dtype
        np.testing.assert_allclose(t.grad, expected, rtol=1e-5, atol=1e-6)


def test_the_sum_of_nothing_is_minus_infinity():
    assert tg.logsumexp(np.zeros(0)) == -np.inf
    t = tg.Tensor([-np.inf, -np.inf])
    y = tg.logsumexp(t)
    y.backward()
    assert float(y) == -np.inf
    np.testing.assert_array_equal(t.grad, [0, 0])


@pytest.mark.parametrize("compiled", [False, True])
def test_infinite_logits_have_the_whole_sum_or_no_part_in_it(compiled):
    x = np.array([[np.inf, 1.0, -np.inf], [0.0, 0.0, -np.inf], [-np.inf] * 3, [np.nan, 0.0, 1.0]])
    slope = tg.grad(lambda x: np.sum(tg.logsumexp(x, axis=1)))
    with np.errstate(invalid="ignore"):
        found = (tg.compile(slope) if compiled else slope)(x)
    np.testing.assert_array_equal(found, [[np.nan, 0, 0], [0.5, 0.5, 0], [0, 0, 0], [np.nan] * 3])


def test_a_logit_of_minus_infinity_takes_no_part():
    t = tg.Tensor([0.0, -np.inf, 0.0])
    y = tg.softmax(t)
    y.backward(np.array([1.0, 2.0, 3.0]))
    np.testing.assert_array_equal(y.data, [0.5, 0, 0.5])
    np.testing.assert_array_equal(t.grad, [-0.5, 0, 0.5])


def test_hessian_of_logsumexp_is_the_covariance_of_the_softmax():
    x = np.array([0.5, -1.0, 2.0])
    p = tg.softmax(x)
    np.testing.assert_allclose(tg.hessian(tg.logsumexp)(x), np.diag(p) - np.outer(p, p), rtol=1e-12)
    check_grads(tg.logsumexp, x, order=3)


def test_one_hot():
    rows = tg.one_hot([[0, 2], [1, 1]], 3, dtype=np.float32)
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows, np.eye(3)[[[0, 2], [1, 1]]])
    np.testing.assert_array_equal(tg.one_hot(tg.Tensor(np.array([1, 0]))), [[0, 1], [1, 0]])
    assert tg.one_hot(np.zeros(0, dtype=int), 2).shape == (0, 2)


@pytest.mark.parametrize(
    ("labels", "error", "words"),
    [([0.5], TypeError, "integers"), ([-1], ValueError, "-1"), ([3], ValueError, "num_classes is 3")],
)
def test_one_hot_refuses_what_is_no_label(labels, error, words):
    with pytest.raises(error, match=words):
        tg.one_hot(labels, 3)

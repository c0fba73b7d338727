import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.functions.pooling import avg_pool2d_input, max_pool2d_input, max_pool2d_pick
from tinygraph.testing import check_grads
from tinygraph.testing.strategies import arrays

from ..derivatives.laws import Call, enter, obey
from .images import gathered, poolings, two, windows_of


@st.composite
def pooled(draw, kind):
    """A call of one of the five functions: with images that have no ties, which are constant where they only choose."""
    size, window, stride, padding = draw(poolings())
    shape = (draw(st.integers(0, 2)), *size, draw(st.integers(1, 2)))
    how = (window, stride, padding)
    if kind is avg_pool2d_input or kind is tg.avg_pool2d:
        keywords = {"count_include_pad": True} if draw(st.booleans()) else {}
        if kind is tg.avg_pool2d:
            return Call((draw(arrays(shape)), *how), keywords)
        return Call((draw(arrays(tg.avg_pool2d(np.zeros(shape), *how).shape)), size, *how), keywords)
    if kind is tg.max_pool2d:
        return Call((draw(arrays(shape, low=-16, high=16, distinct=True)), *how))
    x = draw(st.permutations(range(int(np.prod(shape)))).map(lambda order: np.array(order, int).reshape(shape)))
    other = shape if kind is max_pool2d_pick else tg.max_pool2d(x, *how).shape
    return Call((draw(arrays(other)), x, *how))


KINDS = (tg.max_pool2d, max_pool2d_input, max_pool2d_pick, tg.avg_pool2d, avg_pool2d_input)
LAWS = enter({kind: pooled(kind) for kind in KINDS})


@pytest.mark.parametrize("entry", LAWS, ids=str)
@given(data=st.data())
def test_laws(entry, data):
    obey(entry, data)


def definition(reduce, x, window, stride, padding, fill):
    size = two(window)
    steps = size if stride is None else two(stride)
    return gathered((r, c, reduce(w, axis=(1, 2))) for r, c, w in windows_of(x, size, steps, padding, fill=fill))


@given(st.data())
def test_the_definitions(data):
    size, *how = data.draw(poolings())
    x = data.draw(arrays((2, *size, 2)))
    np.testing.assert_array_equal(tg.max_pool2d(x, *how), definition(np.max, x, *how, -np.inf))
    np.testing.assert_allclose(tg.avg_pool2d(x, *how), definition(np.nanmean, x, *how, np.nan), rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(
        tg.avg_pool2d(x, *how, count_include_pad=True), definition(np.mean, x, *how, 0), rtol=1e-13, atol=1e-13
    )


@given(st.data())
def test_ties_share_as_in_max(data):
    size, window, stride, padding = data.draw(poolings())
    x = np.array(
        data.draw(st.lists(st.sampled_from([0.0, 1.0]), min_size=size[0] * size[1], max_size=size[0] * size[1]))
    )
    x = x.reshape(1, *size, 1)
    t = tg.Tensor(x)
    y = tg.max_pool2d(t, window, stride, padding)
    weights = np.arange(1.0, y.size + 1).reshape(y.shape)
    y.backward(weights)
    steps = two(window if stride is None else stride)
    places = np.arange(x.size, dtype=float).reshape(x.shape)
    expected = np.zeros(x.size)
    for r, c, where in windows_of(places, two(window), steps, padding, fill=np.nan):
        inside = where[~np.isnan(where)].astype(int)
        u = tg.Tensor(x.ravel()[inside])
        np.max(u).backward()
        np.add.at(expected, inside, u.grad * weights[0, r, c, 0])
    np.testing.assert_allclose(t.grad.ravel(), expected, rtol=1e-13)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize(("window", "stride"), [(2, None), (3, 2), ((2, 3), (3, 2)), (1, 1)])
def test_in_chunks(dtype, window, stride):
    x = np.random.default_rng(0).permutation(40 * 26 * 27 * 16).reshape(40, 26, 27, 16) % 2003
    t = tg.Tensor(x.astype(dtype))
    for pool, reduce in ((tg.max_pool2d, np.max), (tg.avg_pool2d, np.mean)):
        t.grad = None
        y = pool(t, window, stride)
        assert y.dtype == dtype
        expected = definition(reduce, t.data.astype(np.float64), window, stride, "valid", 0)
        np.testing.assert_allclose(y.data, expected, rtol=4 * np.finfo(dtype).eps * two(window)[0])
        y.backward(np.ones_like(y.data))
        assert t.grad.dtype == dtype
        assert np.sum(t.grad, dtype=np.float64) == pytest.approx(y.size, rel=1e-3)


def test_empty_batch():
    for pool in (tg.max_pool2d, tg.avg_pool2d):
        x = tg.Tensor(np.zeros((0, 4, 4, 3), np.float32))
        y = pool(x, 2)
        assert y.shape == (0, 2, 2, 3)
        np.sum(y).backward()
        assert x.grad.shape == x.shape


def test_a_window_with_nan_gets_no_gradient():
    x = tg.Tensor(np.array([1.0, np.nan, 3.0, 4.0]).reshape(1, 1, 4, 1))
    y = tg.max_pool2d(x, (1, 2))
    y.backward(np.ones((1, 1, 2, 1)))
    np.testing.assert_array_equal(y.data.ravel(), [np.nan, 4])
    np.testing.assert_array_equal(x.grad.ravel(), [0, 0, 0, 1])


def test_minus_infinity_is_larger_than_padding():
    x = tg.Tensor(np.full((1, 2, 2, 1), -np.inf))
    y = tg.max_pool2d(x, 2, 1, padding=1)
    y.backward(np.ones(y.shape))
    np.testing.assert_array_equal(x.grad.ravel(), np.full(4, 1 + 1 / 2 + 1 / 2 + 1 / 4))


def test_global_pooling_is_a_reduction():
    x = np.random.default_rng(0).normal(size=(2, 20, 20, 3))
    for pool, reduce in ((tg.max_pool2d, np.max), (tg.avg_pool2d, np.mean)):
        np.testing.assert_allclose(pool(x, 20)[:, 0, 0], reduce(x, axis=(1, 2)), rtol=1e-12, atol=1e-14)
        gradients = [tg.grad(lambda x, f=f: np.sum(f(x) ** 2))(x) for f in (lambda x: pool(x, 20),
                     lambda x: reduce(x, axis=(1, 2)))]  # fmt: skip
        np.testing.assert_allclose(*gradients, rtol=1e-12, atol=1e-15)


def test_a_mean_of_float16_does_not_overflow():
    x = np.full((1, 64, 64, 1), 30, np.float16)
    assert tg.avg_pool2d(x, 64) == np.float16(30)


def test_third_order():
    x = np.random.default_rng(0).normal(size=(1, 4, 5, 2))
    check_grads(lambda x: np.tanh(tg.max_pool2d(x, 2, 1)), x, order=3)
    check_grads(lambda x: np.tanh(tg.avg_pool2d(x, 2, padding="same")), x, order=3)


WRONG = [
    ((5, 5, 1), (2,), {}, r"images must have the shape .* got \(5, 5, 1\).*x\[np.newaxis\]"),
    ((2, 5, 5, 1), (6,), {}, r"a window of \(6, 6\) does not fit into an image of \(5, 5\)"),
    ((2, 5, 5, 1), (0,), {}, r"window must be at least 1, got 0"),
    ((2, 5, 5, 1), (2, 0), {}, r"stride must be at least 1, got 0"),
    ((2, 5, 5, 1), (2,), {"padding": 2}, r"can lie on padding alone.*smaller than the window"),
    ((2, 5, 5, 1), (2,), {"padding": (0, -1)}, r"padding must be at least 0"),
    ((2, 0, 5, 1), (2,), {"padding": "same"}, r"image of \(0, 5\)"),
]


@pytest.mark.parametrize("pool", [tg.max_pool2d, tg.avg_pool2d])
@pytest.mark.parametrize("kind", [np.asarray, tg.Tensor])
@pytest.mark.parametrize(("shape", "args", "keywords", "words"), WRONG)
def test_what_does_not_fit(pool, kind, shape, args, keywords, words):
    with pytest.raises(tg.ShapeError, match=words) as e:
        pool(kind(np.ones(shape)), *args, **keywords)
    assert str(e.value).startswith(f"{pool.__name__}: ")
    assert "test_pooling.py" in str(e.value)


def test_weights_of_another_shape():
    with pytest.raises(tg.ShapeError, match=r"the pooled images have the shape \(1, 2, 2, 1\), but y has"):
        max_pool2d_input(np.ones((1, 2, 3, 1)), np.ones((1, 4, 4, 1)), 2)
    with pytest.raises(tg.ShapeError, match=r"the pooled images have the shape"):
        avg_pool2d_input(np.ones((1, 2, 3, 1)), (4, 4), 2)
    with pytest.raises(tg.ShapeError, match="they must be the same"):
        max_pool2d_pick(np.ones((1, 3, 4, 1)), np.ones((1, 4, 4, 1)), 2)


@pytest.mark.parametrize("call", [lambda f: f, tg.compile])
def test_a_direction_counts_only_where_the_number_is_the_largest(call):
    x = np.array([[1.0, 2.0, 5.0, 3.0], [1.0, 2.0, 3.0, 4.0]]).reshape(1, 2, 4, 1)
    direction = np.array([[np.inf, 1.0, 2.0, np.nan], [1.0, 2.0, np.nan, 3.0]]).reshape(x.shape)
    along = call(lambda x, v: tg.jvp(lambda images: tg.max_pool2d(images, 2), (x,), (v,))[1])
    assert along(x, direction).ravel().tolist() == [1.5, 2.0]

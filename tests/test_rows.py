"""Sums and largest numbers of rows are NumPy's: the sums to rounding, the largest numbers to the bit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.derivatives.indexing import take_along_axis
from tinygraph.engine import rows
from tinygraph.engine.fitting import unbroadcast
from tinygraph.functions.logits import log_softmax, softmax

SHAPES = st.sampled_from([(40, 32), (3, 20, 33), (500, 4), (2000, 1), (2, 700), (1, 3), (0, 5)])
DTYPES = st.sampled_from([np.float32, np.float64, np.float16, np.complex128])
SPECIAL = [np.nan, np.inf, -np.inf, -0.0]


def drawn(seed, shape, dtype, special=(), order="C"):
    """Return an array of random numbers, with some special ones among them."""
    rng = np.random.default_rng(seed)
    array = rng.normal(size=shape).astype(dtype)
    for number in special:
        array[rng.random(shape) < 0.02] = number
    return np.array(array, order=order)


def tolerance(dtype):
    return {np.float16: 1e-2, np.float32: 1e-4}.get(dtype, 1e-11)


@given(
    st.integers(0, 999), st.sampled_from([(40, 300), (20, 30, 33), (3, 5, 700), (4, 9, 16, 17), (500, 4), (1, 2000)]),
    DTYPES, st.integers(-4, 3), st.booleans(), st.sampled_from("CF"),
)  # fmt: skip
def test_running_sums_are_those_of_numpy_to_the_bit(seed, shape, dtype, axis, backwards, order):
    axis %= len(shape)
    x = drawn(seed, shape, dtype, SPECIAL, order)
    with np.errstate(all="ignore"):
        found = rows.running_sums(x, axis, backwards)
        expected = np.flip(np.cumsum(np.flip(x, axis), axis=axis), axis) if backwards else np.cumsum(x, axis=axis)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)
    known = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(found.real[known]), np.signbit(expected.real[known]))


@pytest.mark.parametrize("axis", [0, 1, -1, -2, None])
def test_a_running_sum_of_a_tensor_is_that_of_its_array(axis):
    x, seed = (drawn(number, (40, 300), np.float32) for number in (0, 1))
    t = tg.Tensor(x)
    y = np.cumsum(t, axis=axis)
    np.testing.assert_array_equal(y.data, np.cumsum(x, axis=axis))
    y.backward(seed.reshape(y.shape))
    g = seed.reshape(y.shape).astype(np.float64)
    expected = np.flip(np.cumsum(np.flip(g, axis or 0), axis=axis or 0), axis or 0).reshape(x.shape)
    np.testing.assert_allclose(t.grad, expected, rtol=1e-4, atol=1e-3)


@given(st.integers(0, 999), SHAPES, DTYPES, st.sampled_from("CF"))
def test_sums_of_rows(seed, shape, dtype, order):
    x, y = drawn(seed, shape, dtype, order=order), drawn(seed + 1, shape, dtype)
    near = {"rtol": tolerance(dtype), "atol": tolerance(dtype) * 10}
    np.testing.assert_allclose(rows.row_sums(x), np.sum(x, axis=-1, keepdims=True), **near)
    np.testing.assert_allclose(rows.row_sums(x, y), np.sum(x * y, axis=-1, keepdims=True), **near)
    assert rows.row_sums(x, y).dtype == x.dtype


@given(st.integers(0, 999), SHAPES, st.sampled_from([np.float32, np.float64]), st.sampled_from("CF"))
def test_largest_numbers_of_rows(seed, shape, dtype, order):
    x = drawn(seed, shape, dtype, SPECIAL[:3], order)
    np.testing.assert_array_equal(rows.largest(x), np.max(x, axis=-1, keepdims=True, initial=-np.inf))


@given(st.integers(0, 999), SHAPES, DTYPES, st.sampled_from("CF"))
def test_positive_parts(seed, shape, dtype, order):
    x = drawn(seed, shape, dtype, SPECIAL, order)
    assert rows.positive_part(x).tobytes() == np.maximum(x, 0).tobytes()
    assert rows.positive_part(x).flags.f_contiguous == np.maximum(x, 0).flags.f_contiguous


@given(st.integers(0, 999), SHAPES, DTYPES, st.sampled_from("CF"), st.data())
def test_broadcasting_is_undone_as_numpy_sums(seed, shape, dtype, order, data):
    x = drawn(seed, shape, dtype, order=order)
    kept = data.draw(st.lists(st.booleans(), min_size=len(shape), max_size=len(shape)))
    target = tuple([size if keep else 1 for size, keep in zip(shape, kept, strict=True)])
    axes = tuple([axis for axis, keep in enumerate(kept) if not keep])
    near = {"rtol": tolerance(dtype), "atol": tolerance(dtype) * 50}
    np.testing.assert_allclose(unbroadcast(x, target), np.sum(x, axis=axes, keepdims=True), **near)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [1, 30, 1e4])
@given(seed=st.integers(0, 999), masked=st.booleans())
def test_logits_of_any_size(dtype, scale, seed, masked):
    x = drawn(seed, (50, 40), dtype, [-np.inf] if masked else []) * dtype(scale)
    wide = x.astype(np.float64)
    wide = wide - wide.max(axis=-1, keepdims=True)
    shares = np.exp(wide) / np.exp(wide).sum(axis=-1, keepdims=True)
    rounding = np.finfo(dtype).eps * 4 * scale
    np.testing.assert_allclose(softmax(x), shares, rtol=max(rounding, 1e-6), atol=1e-30)
    logs = np.maximum(wide - np.log(np.exp(wide).sum(axis=-1, keepdims=True)), np.finfo(dtype).min)
    np.testing.assert_allclose(np.maximum(log_softmax(x), np.finfo(dtype).min), logs, rtol=1e-5, atol=rounding)


def test_a_row_without_a_finite_logit():
    x = np.zeros((60, 20), np.float32)
    x[0], x[1, 3], x[2, 3] = -np.inf, np.nan, np.inf
    with np.errstate(invalid="ignore"):
        shares = softmax(x)
    assert np.isnan(shares[:3]).any(axis=-1).all()
    np.testing.assert_array_equal(shares[3:], np.float32(0.05))


def test_sums_of_long_rows_round_as_numpy_does():
    x = np.full((2, 1 << 20), 0.1, np.float32)
    np.testing.assert_allclose(rows.row_sums(x), np.sum(x, axis=-1, keepdims=True), rtol=1e-6)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("kind", [np.int64, np.int8, np.uint16])
@pytest.mark.parametrize("shape", [(), (5,), (0,), (2, 3)])
def test_rows_are_chosen_as_numpy_does(order, kind, shape):
    x = drawn(0, (9, 11, 7), np.float32, SPECIAL, order)
    places = np.random.default_rng(1).integers(0 if kind is np.uint16 else -9, 9, shape).astype(kind)
    t = tg.Tensor(x)
    assert t[places].data.tobytes() == x[places].tobytes()
    assert t[places].shape == x[places].shape
    with pytest.raises(IndexError, match="index 9 is out of bounds for axis 0 with size 9"):
        t[np.full((2,), 9)]


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("kind", [np.int64, np.int32, np.uint8])
@pytest.mark.parametrize("lowest", [0, -7])
def test_elements_are_taken_along_an_axis_as_numpy_does(order, kind, lowest):
    x = drawn(0, (9, 11, 7), np.float32, SPECIAL, order)
    places = np.random.default_rng(1).integers(lowest if kind is not np.uint8 else 0, 7, (9, 11, 50)).astype(kind)
    found, expected = take_along_axis(x, places, -1), np.take_along_axis(x, places, -1)
    assert found.tobytes() == expected.tobytes()
    assert take_along_axis(x, places[:, :, :7], 2).shape == x.shape
    with pytest.raises(IndexError, match="out of bounds"):
        take_along_axis(x, places.astype(np.int64) + 7, -1)


@pytest.mark.parametrize("shape", [(512, 9), (40, 3, 65), (70, 512)])
@pytest.mark.parametrize("name", ["max", "min"])
def test_a_program_finds_the_extremes_of_rows_by_their_places(shape, name):
    x = drawn(3, shape, np.float32, SPECIAL[:3])
    compiled = tg.compile(lambda x: getattr(np, name)(np.exp(x), axis=-1))
    np.testing.assert_array_equal(compiled(x).data, getattr(np, name)(np.exp(x), axis=-1))
    assert {"max": "largest_into", "min": "smallest_into"}[name] in compiled.source


@pytest.mark.parametrize("name", ["any", "all"])
@pytest.mark.parametrize("shape", [(8, 14, 14, 3), (64, 40, 2), (8, 14, 14, 3, 1), (4096, 1, 3), (40, 64, 200)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_a_program_asks_all_pixels_of_a_channel_row_by_row(name, shape, keepdims):
    x = drawn(5, shape, np.float32)
    limit = np.quantile(x, 1e-3) if name == "all" else np.quantile(x, 1 - 1e-3)
    axes = tuple(range(len(shape) - 1))
    compiled = tg.compile(lambda x: getattr(np, name)(np.exp(x) > np.exp(limit), axis=axes, keepdims=keepdims))
    for each in (x, np.full(shape, limit + 1, np.float32), np.full(shape, limit - 1, np.float32)):
        expected = getattr(np, name)(np.exp(each) > np.exp(limit), axis=axes, keepdims=keepdims)
        np.testing.assert_array_equal(compiled(each).data, expected)
    row = f".reshape(-1, {shape[-2] * shape[-1]}))"
    assert (row in compiled.source) == (shape in [(8, 14, 14, 3), (64, 40, 2)]), compiled.source

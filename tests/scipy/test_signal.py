"""Convolutions and filters of `scipy.signal` and `scipy.ndimage`."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.testing.strategies import arrays, complex_arrays, shapes

from .laws import obey

signal = pytest.importorskip("scipy.signal")
ndimage = pytest.importorskip("scipy.ndimage")
ours = pytest.importorskip("tinygraph.scipy.signal")
images = pytest.importorskip("tinygraph.scipy.ndimage")

FEW = settings(max_examples=2)
SIGNALS = st.integers(1, 2).flatmap(lambda n: st.tuples(*[arrays(shapes(n, n, 1, 4)) for _ in range(2)]))
IMAGES = arrays(shapes(1, 2, 2, 4))
MODES = ["constant", "grid-wrap", "mirror", "nearest", "reflect", "wrap"]


@pytest.mark.parametrize("mode", ["full", "same"])
@pytest.mark.parametrize("name", ["convolve", "correlate", "fftconvolve", "oaconvolve"])
@FEW
@given(SIGNALS)
def test_convolutions(name, mode, pair):
    obey(lambda x, y: getattr(ours, name)(x, y, mode), lambda x, y: getattr(signal, name)(x, y, mode), *pair)


@pytest.mark.parametrize("name", ["convolve", "correlate"])
@FEW
@given(arrays((4,)), arrays((2,)), st.booleans())
def test_convolutions_where_one_lies_inside_the_other(name, x, y, swapped):
    pair = (y, x) if swapped else (x, y)
    obey(lambda x, y: getattr(ours, name)(x, y, "valid"), lambda x, y: getattr(signal, name)(x, y, "valid"), *pair)


@pytest.mark.parametrize("name", ["convolve", "correlate"])
@FEW
@given(complex_arrays((3,)), complex_arrays((2,)))
def test_convolutions_of_complex_signals(name, x, y):
    obey(lambda x, y: getattr(ours, name)(x, y, "same"), lambda x, y: getattr(signal, name)(x, y, "same"), x, y)


@FEW
@given(arrays((2,)), arrays((2,), low=-0.5, high=0.5), arrays((2, 4)))
def test_recursive_filters(b, rest, x):
    a = np.concatenate([[1.5], rest])
    obey(ours.lfilter, signal.lfilter, b, a, x)
    obey(lambda b, a, x: ours.lfilter(b, a, x, 0), lambda b, a, x: signal.lfilter(b, a, x, 0), b, a, x.T)

    def sections(b, rest):
        return np.stack([np.concatenate([b, [0.5, 1], rest]), np.concatenate([b[::-1], [0.25, 1], rest[::-1]])])

    obey(
        lambda b, rest, x: ours.sosfilt(sections(b, rest), x),
        lambda b, rest, x: signal.sosfilt(sections(b, rest), x),
        b, rest, x, exact=False,
    )  # fmt: skip
    with pytest.raises(tg.UnsupportedError, match="Let the filter begin at rest"):
        ours.lfilter(tg.Tensor(b), a, x, zi=np.zeros((2, 2)))


@FEW
@given(arrays((2, 5)))
def test_linear_maps_of_signals(x):
    obey(lambda x: ours.savgol_filter(x, 3, 1), lambda x: signal.savgol_filter(x, 3, 1), x)
    options = {"mode": "constant", "cval": 2.0, "axis": 0}
    obey(lambda x: ours.savgol_filter(x, 3, 1, **options), lambda x: signal.savgol_filter(x, 3, 1, **options), x.T)
    obey(ours.detrend, signal.detrend, x, exact=False)
    obey(ours.hilbert, signal.hilbert, x, exact=False)


# --- images -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["convolve1d", "correlate1d"])
@FEW
@given(st.data())
def test_windows_along_one_axis(name, mode, data):
    x = data.draw(IMAGES)
    window = data.draw(st.integers(1, 5))
    options = {
        "axis": data.draw(st.integers(-x.ndim, x.ndim - 1)),
        "mode": mode,
        "cval": 1.5,
        "origin": data.draw(st.integers(-((window - 1) // 2), (window - 1) // 2)),
    }
    w = data.draw(arrays((window,)))
    obey(
        lambda x, w: getattr(images, name)(x, w, **options), lambda x, w: getattr(ndimage, name)(x, w, **options), x, w
    )


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["convolve", "correlate"])
@settings(max_examples=2)
@given(st.data())
def test_windows_of_all_axes(name, mode, data):
    x = data.draw(IMAGES)
    w = data.draw(arrays(shapes(x.ndim, x.ndim, 1, 3)))
    options = {"mode": mode, "cval": 1.5, "origin": [-((size - 1) // 2) for size in w.shape]}
    obey(
        lambda x, w: getattr(images, name)(x, w, **options), lambda x, w: getattr(ndimage, name)(x, w, **options), x, w
    )


FILTERS = {
    "gaussian_filter": ((1.25,), {}),
    "gaussian_filter ": (((1.0, 0),), {"order": (1, 0), "mode": ["wrap", "nearest"]}),
    "gaussian_filter1d": ((0.75,), {"axis": 0, "order": 2}),
    "gaussian_laplace": ((0.5,), {}),
    "laplace": ((), {"mode": "constant"}),
    "prewitt": ((), {"axis": 0}),
    "sobel": ((), {"mode": ["mirror", "wrap"]}),
    "uniform_filter": (((3, 2),), {"origin": (1, 0)}),
    "uniform_filter1d": ((3,), {"mode": "nearest"}),
}


@pytest.mark.parametrize("key", FILTERS)
@settings(max_examples=2)
@given(arrays((3, 4), distinct=True))
def test_filters(key, x):
    name, (args, keywords) = key.strip(), FILTERS[key]
    obey(
        lambda x: getattr(images, name)(x, *args, **keywords),
        lambda x: getattr(ndimage, name)(x, *args, **keywords),
        x, exact=not name.startswith("uniform"),
    )  # fmt: skip


def test_the_length_of_the_gradient():
    x = np.add.outer(np.arange(3.0), np.arange(4.0) ** 2)
    obey(
        lambda x: images.gaussian_gradient_magnitude(x, 0.75), lambda x: ndimage.gaussian_gradient_magnitude(x, 0.75), x
    )


@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_the_width_of_a_gaussian_has_a_gradient(order):
    x = np.random.default_rng(0).normal(size=(5, 4))
    for sigma in (0.7, 1.1):
        found = images.gaussian_filter1d(tg.Tensor(x), sigma, order=order).data
        np.testing.assert_array_equal(found, ndimage.gaussian_filter1d(x, sigma, order=order))
    tg.testing.check_grads(lambda sigma, x: images.gaussian_filter(x, sigma, order), np.array([0.8, 1.1]), x, order=1)
    tg.testing.check_grads(lambda sigma: images.gaussian_filter(x, sigma, order), 0.9)
    smooth = tg.compile(tg.grad(lambda sigma: np.sum(images.gaussian_filter(x, sigma, order, radius=3) ** 2)))
    plainly = tg.grad(lambda sigma: np.sum(images.gaussian_filter(x, sigma, order, radius=3) ** 2))
    np.testing.assert_allclose(smooth(0.9), plainly(0.9))


def test_an_infinite_pixel_counts_for_the_weights_that_meet_it():
    x = np.ones((64, 64))
    x[32, 0] = np.inf
    gradient = tg.grad(lambda w: np.sum(images.correlate(x, w, mode="constant")))(np.ones((3, 3)))
    assert gradient[:, 2].tolist() == [63 * 63, 64 * 63, 63 * 63]
    assert np.all(gradient[:, :2] == np.inf)


@pytest.mark.parametrize("shape", [(), (0, 3), (3, 0)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtypes_numbers_and_empty_images(shape, dtype):
    x = np.ones(shape, dtype)
    obey(lambda x: images.gaussian_filter(x, 1.0), lambda x: ndimage.gaussian_filter(x, 1.0), x, order=1)


def test_what_is_refused_is_named():
    x = tg.Tensor(np.ones((3, 3)))
    with pytest.raises(tg.UnsupportedError, match=r"ndimage\.sobel: output= has no gradient here"):
        images.sobel(x, output=np.zeros((3, 3)))
    with pytest.raises(tg.UnsupportedError, match="Give radius= too"):
        tg.compile(lambda sigma: images.gaussian_filter(x, sigma))(1.0)
    with pytest.raises(tg.UnsupportedError, match=r"signal\.fftconvolve: axes=0 has no gradient here"):
        ours.fftconvolve(x, np.ones((3, 3)), axes=0)

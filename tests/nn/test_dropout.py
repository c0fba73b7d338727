"""Dropout of parts, noise, and the layers that are functions."""

import numpy as np
import pytest

import tinygraph as tg
from tinygraph import nn

ONES = np.ones((40, 30, 6, 5), np.float32)
NOISY = {
    "gaussian dropout": (lambda **o: nn.GaussianDropout(0.2, **o), 1.0, 0.5),
    "gaussian noise": (lambda **o: nn.GaussianNoise(0.3, **o), 1.0, 0.3),
    "spatial dropout": (lambda **o: nn.SpatialDropout2D(0.2, **o), 1.0, 0.5),
    "dropout with a shape": (lambda **o: nn.Dropout(0.2, noise_shape=(None, None, 1, 1), **o), 1.0, 0.5),
}
cases = pytest.mark.parametrize(("make", "mean", "deviation"), NOISY.values(), ids=NOISY)


@cases
def test_mean_and_deviation(make, mean, deviation):
    y = make(seed=0)(ONES)
    assert y.dtype == np.float32
    assert np.mean(y) == pytest.approx(mean, abs=0.1)
    assert np.std(y) == pytest.approx(deviation, rel=0.2)


@cases
def test_in_use_nothing_happens(make, mean, deviation):
    layer = make()
    layer.eval()
    assert layer(ONES) is ONES


@cases
def test_a_compiled_layer_draws_anew(make, mean, deviation):
    layer = make(seed=0)
    compiled = tg.compile(lambda x: layer(x))
    compiled(ONES)
    first, second = np.array(compiled(ONES)), np.array(compiled(ONES))
    assert not np.array_equal(first, second)
    assert np.std(second) == pytest.approx(deviation, rel=0.2)


@cases
def test_gradients_are_the_factors(make, mean, deviation):
    x = tg.Tensor(ONES)
    y = make(seed=0)(x)
    np.sum(y).backward()
    expected = ONES if isinstance(make(), nn.GaussianNoise) else y.data
    np.testing.assert_allclose(x.grad, expected, rtol=1e-6)


@pytest.mark.parametrize("rate", [0.1, 0.25, 0.7])
@pytest.mark.parametrize("kind", [nn.Dropout, nn.SpatialDropout2D])
def test_numbers_that_stay_are_divided_by_the_share_that_stays(kind, rate):
    x = 1 + np.random.default_rng(0).random((40, 3, 6, 50))
    y = kind(rate, seed=0, dtype="float64")(x)
    stay = y != 0
    np.testing.assert_allclose(y[stay], x[stay] / (1 - rate), rtol=1e-12)
    assert np.mean(stay) == pytest.approx(1 - rate, abs=0.05)


def test_whole_channels_are_dropped():
    y = nn.SpatialDropout2D(0.5, seed=0)(ONES)
    assert np.array_equal(y, np.broadcast_to(y[:, :1, :1], y.shape))
    y = nn.SpatialDropout1D(0.5, seed=0)(ONES[:, 0])
    assert np.array_equal(y, np.broadcast_to(y[:, :1], y.shape))
    assert 0 < np.mean(y == 0) < 1


def test_float16():
    for make, *_ in NOISY.values():
        assert make()(ONES.astype(np.float16)).dtype == np.float16


ARGUMENTS = [
    (lambda: nn.Dropout(0.5, noise_shape="all"), TypeError, "Dropout: noise_shape must be a tuple"),
    (lambda: nn.Dropout(0.5, noise_shape=(0, 1)), TypeError, "Dropout: noise_shape must be a tuple"),
    (lambda: nn.GaussianNoise(-1), ValueError, "GaussianNoise: stddev must be at least 0, got -1"),
    (lambda: nn.GaussianDropout(1), ValueError, "GaussianDropout: rate must be at least 0 and less than 1"),
    (lambda: nn.SpatialDropout2D(0.5, "channels"), ValueError, 'data_format must be "channels_last"'),
    (lambda: nn.ReLU(negative_slope=-1), ValueError, "ReLU: negative_slope must be at least 0, got -1"),
    (lambda: nn.ReLU(max_value=-1), ValueError, "ReLU: max_value must be at least 0, got -1"),
    (lambda: nn.LeakyReLU(None), TypeError, "LeakyReLU: negative_slope must be a number, got None"),
    (lambda: nn.Activation("rely"), ValueError, "an activation is a function, or one of"),
    (lambda: nn.Lambda(3), TypeError, "Lambda: function must be a function, got 3"),
]


@pytest.mark.parametrize(("make", "error", "words"), ARGUMENTS)
def test_arguments_that_are_no_good(make, error, words):
    with pytest.raises(error, match=words):
        make()


MISFITS = [
    (lambda: nn.SpatialDropout1D(0.5, name="it")(np.ones((2, 3))), r"a batch must have the shape \(batch, steps, feat"),
    (lambda: nn.SpatialDropout2D(0.5, name="it")(np.ones((2, 3))), "images must have the shape"),
    (lambda: nn.Dropout(0.5, (None, 2), name="it")(np.ones((2, 3))), r"noise_shape \(None, 2\) does not broadcast"),
    (lambda: nn.PReLU(shared_axes=0, name="it")(np.ones((2, 3))), r"has no axes \[0\]"),
    (
        lambda: nn.Softmax(name="it")(np.ones((2, 3)), mask=np.ones(2, bool)),
        r"a mask of shape .* does not broad",
    ),
    (lambda: nn.Masking(name="it")(np.array(1.0)), "needs an axis of features"),
]


@pytest.mark.parametrize(("call", "words"), MISFITS)
def test_batches_that_do_not_fit(call, words):
    with pytest.raises(tg.ShapeError, match=f'"it": .*{words}') as e:
        call()
    assert "test_dropout.py" in str(e.value)


def test_slopes_of_other_examples():
    layer = nn.PReLU(name="it")
    layer(np.ones((2, 3)))
    with pytest.raises(tg.ShapeError, match=r"slopes of shape \(3,\) do not fit examples of shape \(4,\)"):
        layer(np.ones((2, 4)))


def test_masked_softmax():
    mask = np.array([[True, False, True], [False, False, False]])
    y = nn.Softmax()(np.zeros((2, 3), np.float16), mask=mask)
    assert y.dtype == np.float16
    np.testing.assert_allclose(y, [[0.5, 0, 0.5], [0, 0, 0]])
    assert np.array_equal(nn.Softmax()(np.zeros((2, 3)), mask=mask.astype(np.float32)), y)


def test_masking_marks_steps_of_padding():
    x = np.array([[[1.0, 2.0], [0.0, 0.0], [0.0, 3.0]]])
    layer = nn.Masking()
    assert np.array_equal(layer.compute_mask(x), [[True, False, True]])
    assert np.array_equal(layer(x), x)
    other = nn.Masking(mask_value=-1.0)(np.array([[[-1.0, -1.0], [-1.0, 2.0]]]))
    assert np.array_equal(other, [[[0, 0], [-1, 2]]])


def test_lambda_gets_what_it_asks_for():
    layer = nn.Lambda(lambda x, training, factor: x * factor if training else x, arguments={"factor": 3})
    assert np.array_equal(layer(np.ones(2)), [3, 3])
    layer.eval()
    assert np.array_equal(layer(np.ones(2)), [1, 1])
    assert nn.Lambda(np.sin, mask=lambda x, mask: "own").compute_mask(np.ones(2)) == "own"


def test_rescaling_takes_pixels():
    y = nn.Rescaling(1 / 255)(np.array([[0, 255]], np.uint8))
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, [[0, 1]], rtol=1e-6)


def test_identity():
    assert nn.Identity()(ONES) is ONES

"""Normalisations: statistics as exact as in float64, masks, frozen layers, compiled steps, errors."""

import os
from pathlib import Path

import numpy as np
import pytest

import tinygraph as tg
from tinygraph import nn

RNG = np.random.default_rng(0)
MADE_UP = {
    "images far from 0": 1e3 + RNG.normal(size=(64, 12, 12, 32)),
    "rows far from 0": 1e3 + RNG.normal(size=(4099, 100)),
    "rows close to 0": RNG.normal(size=(512, 7)),
    "a colour image": RNG.uniform(0, 255, size=(16, 32, 32, 3)),
    "equal numbers but few": np.where(RNG.uniform(size=(64, 26, 26, 32)) < 1e-3, 1, 0.01),
}


def mnist():
    """Return batches of MNIST: images, rows, and the result of a first convolution."""
    folder = os.environ.get("TINYGRAPH_DATA")
    if folder is None or not Path(folder, "mnist.npz").exists():
        pytest.skip("TINYGRAPH_DATA has no mnist.npz")
    with np.load(Path(folder, "mnist.npz")) as file:
        images = file["x_train"][:128, ..., None] / np.float32(255)
    kernel = RNG.normal(scale=0.2, size=(3, 3, 1, 32)).astype(np.float32)
    return [images, 255 * images, images.reshape(128, 784), np.asarray(tg.conv2d(images, kernel))]


def check_statistics(x):
    """Compare the statistics of a batch in float32 with those in float64, in the layer and in a compiled step."""
    x = x.astype(np.float32)
    axes = tuple(range(x.ndim - 1))
    mean, variance = np.mean(x, axis=axes, dtype=np.float64), np.var(x.astype(np.float64), axis=axes)
    for compiled in (False, True):
        layer = nn.BatchNormalization(momentum=0)
        layer(x)
        step = tg.compile(lambda x, layer=layer: layer(x)) if compiled else layer
        step(x)
        np.testing.assert_allclose(layer.moving_mean.data, mean, rtol=1e-6, atol=1e-6 * np.sqrt(variance.max()))
        np.testing.assert_allclose(layer.moving_variance.data, variance, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("x", MADE_UP.values(), ids=MADE_UP)
def test_statistics_in_float32_are_those_in_float64(x):
    check_statistics(x)


@pytest.mark.parametrize("number", range(4))
def test_statistics_of_mnist_are_those_in_float64(number):
    check_statistics(mnist()[number])


def test_the_running_means_are_those_of_the_batches():
    """The variance that is kept divides by the number of examples, as Keras's does."""
    layer = nn.BatchNormalization(momentum=0.9, dtype="float64")
    mean, variance = np.zeros(3), np.ones(3)
    for _ in range(3):
        x = RNG.normal(size=(5, 4, 3))
        layer(x)
        mean, variance = (0.9 * old + 0.1 * f(x, axis=(0, 1)) for old, f in ((mean, np.mean), (variance, np.var)))
    np.testing.assert_allclose(layer.moving_mean.data, mean)
    np.testing.assert_allclose(layer.moving_variance.data, variance)


def test_a_mask_leaves_examples_out():
    x, mask = RNG.normal(size=(4, 5, 3)), RNG.uniform(size=(4, 5)) < 0.6
    layer = nn.BatchNormalization(momentum=0, dtype="float64")
    y = layer(tg.Tensor(x), mask=mask)
    np.testing.assert_allclose(layer.moving_mean.data, np.mean(x[mask], axis=0), rtol=1e-6)
    np.testing.assert_allclose(layer.moving_variance.data, np.var(x[mask], axis=0), rtol=1e-6)
    np.testing.assert_allclose(np.mean(y.data[mask], axis=0), 0, atol=1e-6)
    layer(x, mask=np.zeros((4, 5), bool))  # nobody counts
    assert np.isfinite(layer.moving_variance.data).all()
    with pytest.raises(tg.ShapeError, match=r"a mask of shape \(4,\) does not fit a batch of shape \(4, 5, 3\)"):
        layer(x, mask=np.ones(4, bool))


def test_frozen_it_uses_the_running_means():
    layer = nn.BatchNormalization(dtype="float64")
    layer(RNG.normal(size=(5, 3)))
    layer.trainable = False
    before = layer.moving_mean.numpy()
    x = RNG.normal(size=(5, 3))
    expected = (x - before) / np.sqrt(layer.moving_variance.data + 0.001)
    np.testing.assert_allclose(plain(layer(x)), expected)
    assert np.array_equal(layer.moving_mean.data, before)


def plain(y):
    """Return the values of a result, a Tensor or an array."""
    return y.data if isinstance(y, tg.Tensor) else np.asarray(y)


SMALL = {
    "BatchNormalization": (lambda: nn.BatchNormalization(dtype="float64"), (4, 3, 6)),
    "GroupNormalization": (lambda: nn.GroupNormalization(3, dtype="float64"), (4, 3, 6)),
    "LayerNormalization": (lambda: nn.LayerNormalization(axis=[1, 2], dtype="float64"), (4, 3, 6)),
    "RMSNormalization": (lambda: nn.RMSNormalization(dtype="float64"), (4, 3, 6)),
    "UnitNormalization": (lambda: nn.UnitNormalization(dtype="float64"), (4, 3, 6)),
}


@pytest.mark.parametrize("name", SMALL)
def test_a_compiled_step_is_the_eager_one(name):
    make, shape = SMALL[name]
    x = RNG.normal(size=shape)
    results = []
    for compiled in (False, True):
        layer = make()
        layer(x)

        def step(x, layer=layer):
            for parameter in layer.parameters():
                parameter.grad = None
            x = tg.Tensor(x)
            loss = np.sum(np.sin(layer(x)))
            loss.backward()
            return [loss, x.grad, *[parameter.grad for parameter in layer.parameters()]]

        step = tg.compile(step) if compiled else step
        step(x)
        results.append([*step(2 * x), *[tensor.numpy() for tensor in layer.tensors().values()]])
    for eager, compiled in zip(*results, strict=True):
        np.testing.assert_allclose(plain(compiled), plain(eager), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", SMALL)
def test_float16_is_computed_in_float32(name):
    make, shape = SMALL[name]
    layer = type(make())(**({"groups": 3} if name == "GroupNormalization" else {}), dtype="float16")
    x = (300 + 20 * RNG.normal(size=shape)).astype(np.float16)  # the squares overflow in float16
    wide = type(layer)(**({"groups": 3} if name == "GroupNormalization" else {}), dtype="float32")
    y, expected = plain(layer(x)), plain(wide(x.astype(np.float32)))
    assert y.dtype == np.float16
    np.testing.assert_allclose(y, expected, rtol=2e-3, atol=2e-3)


FAR = {
    "GroupNormalization": (lambda dtype: nn.GroupNormalization(2, dtype=dtype), (2, 64, 64, 8)),
    "LayerNormalization": (lambda dtype: nn.LayerNormalization(axis=[1, 2], dtype=dtype), (2, 64, 64, 8)),
}


@pytest.mark.parametrize("name", FAR)
def test_far_from_0_float32_is_float64(name):
    """A mean that is off by 1e-3 moves what is normalised by 1e-3."""
    make, shape = FAR[name]
    x = (1e3 + RNG.normal(size=shape)).astype(np.float32)
    np.testing.assert_allclose(plain(make("float32")(x)), plain(make("float64")(x.astype(float))), rtol=0, atol=1e-4)


@pytest.mark.parametrize("size", [1e-8, 1e-4, 1.0, 1e8])
def test_a_unit_vector_has_length_1_whatever_its_size(size):
    y = plain(nn.UnitNormalization(dtype="float64")(size * RNG.normal(size=(4, 3))))
    np.testing.assert_allclose(np.sum(y**2, axis=-1), 1)


@pytest.mark.parametrize("kind", [nn.LayerNormalization, nn.RMSNormalization, nn.UnitNormalization])
def test_axes_may_come_in_any_order(kind):
    x, scale = RNG.normal(size=(2, 4, 3, 5))
    results = []
    for axes in ([1, 2], [2, 1], [-1, 1], [-1, -2]):
        layer = kind(axis=axes, dtype="float64")
        layer(x)
        for weight in layer.parameters():
            weight.assign(scale[0])
        results.append(plain(layer(x)))
    for other in results[1:]:
        np.testing.assert_allclose(other, results[0], rtol=1e-12)


def test_a_vector_of_zeros_stays():
    x = tg.Tensor(np.zeros((2, 3), np.float32))
    y = nn.UnitNormalization()(x)
    np.sum(y).backward()
    assert not y.data.any()
    assert np.isfinite(x.grad).all()


ARGUMENTS = [
    (lambda: nn.BatchNormalization(axis=1.5), TypeError, "BatchNormalization: axis must be a whole number"),
    (lambda: nn.BatchNormalization(axis=[1, 2]), TypeError, "BatchNormalization: axis must be one whole number"),
    (lambda: nn.GroupNormalization(axis=(1,)), TypeError, "GroupNormalization: axis must be one whole number"),
    (lambda: nn.GroupNormalization(0), ValueError, "GroupNormalization: groups must be at least 1, or -1"),
    (lambda: nn.LayerNormalization(gamma_initializer="onex"), ValueError, "initialiser"),
    (lambda: nn.RMSNormalization(epsilon=0), ValueError, "RMSNormalization: epsilon must be positive"),
    (lambda: nn.UnitNormalization(axis="last"), TypeError, "UnitNormalization: axis must be a whole number"),
]


@pytest.mark.parametrize(("make", "error", "words"), ARGUMENTS)
def test_arguments_that_are_no_good(make, error, words):
    with pytest.raises(error, match=words):
        make()


BATCHES = [
    (
        nn.GroupNormalization(4, name="it"),
        np.ones((2, 6)),
        r"6 features in axis -1 of a batch of shape .* do not",
    ),
    (
        nn.GroupNormalization(2, axis=0, name="it"),
        np.ones((2, 6)),
        "axis 0 of a batch .* that of the examples",
    ),
    (nn.RMSNormalization(axis=2, name="it"), np.ones((2, 6)), "a batch of 2 axes has no axis 2"),
    (nn.UnitNormalization(axis=(0, 3), name="it"), np.ones((2, 6)), r"a batch of 2 axes has no axis \(0, 3\)"),
]


@pytest.mark.parametrize(("layer", "x", "words"), BATCHES)
def test_batches_that_do_not_fit(layer, x, words):
    with pytest.raises(tg.ShapeError, match=f'{type(layer).__name__} "it": .*{words}') as e:
        layer(x)
    assert "test_normalization.py" in str(e.value)


def test_the_same_features_at_each_batch():
    layer = nn.RMSNormalization(name="it")
    layer(np.ones((2, 3)))
    with pytest.raises(tg.ShapeError, match=r'"it": a batch of shape \(2, 4\) does not have \(3,\) in axis -1'):
        layer(np.ones((2, 4)))

"""ConvLSTM, pooling into windows, images of another size, spectral normalisation: beside NumPy, and beside Keras."""

from __future__ import annotations

import numpy as np
import pytest

import tinygraph as tg
from tinygraph import keras as ours
from tinygraph import nn
from tinygraph.nn.image_sizes import resized
from tinygraph.testing import check_grads

from . import beside

RNG = np.random.default_rng(0)
VIDEO = RNG.normal(size=(2, 4, 4, 5, 2))
IMAGES = RNG.normal(size=(2, 7, 9, 3))

# The class, its arguments, a batch, and whether Keras has the same weights to give.
CASES = {
    "ConvLSTM1D": ("ConvLSTM1D", {"filters": 2, "kernel_size": 3, "padding": "same"}, VIDEO[:, :, :, 0]),
    "ConvLSTM2D": ("ConvLSTM2D", {"filters": 2, "kernel_size": (3, 2), "return_sequences": True}, VIDEO),
    "ConvLSTM2D, strides": (
        "ConvLSTM2D", {"filters": 3, "kernel_size": 2, "strides": 2, "padding": "same", "go_backwards": True}, VIDEO,
    ),
    "ConvLSTM2D, channels first": (
        "ConvLSTM2D", {"filters": 2, "kernel_size": 2, "data_format": "channels_first", "return_sequences": True,
                       "activation": "relu", "use_bias": False}, np.moveaxis(VIDEO, -1, 2),
    ),
    "ConvLSTM3D": ("ConvLSTM3D", {"filters": 1, "kernel_size": 2, "padding": "same"}, VIDEO[..., None]),
    "Resizing": ("Resizing", {"height": 4, "width": 13}, IMAGES),
    "Resizing, antialias": ("Resizing", {"height": 3, "width": 4, "antialias": True}, IMAGES),
    "Resizing, bicubic": ("Resizing", {"height": 10, "width": 5, "interpolation": "bicubic"}, IMAGES),
    "Resizing, crop": ("Resizing", {"height": 4, "width": 4, "crop_to_aspect_ratio": True}, IMAGES),
    "Resizing, lanczos": (
        "Resizing", {"height": 10, "width": 5, "interpolation": "lanczos3", "antialias": True}, IMAGES,
    ),
    "Resizing, nearest": ("Resizing", {"height": 10, "width": 5, "interpolation": "nearest"}, IMAGES),
    "Resizing, pad": ("Resizing", {"height": 4, "width": 4, "pad_to_aspect_ratio": True, "fill_value": 2.0}, IMAGES),
    "CenterCrop": ("CenterCrop", {"height": 4, "width": 6}, IMAGES),
    "CenterCrop, larger": ("CenterCrop", {"height": 9, "width": 6}, IMAGES),
    **{f"{kind}{rank}D": (f"{kind}{rank}D", {"output_size": 3}, batch)
       for kind in ("AdaptiveAveragePooling", "AdaptiveMaxPooling")
       for rank, batch in ((1, IMAGES[:, :, 0]), (2, IMAGES), (3, VIDEO))},
    "AdaptiveAveragePooling2D, whole": ("AdaptiveAveragePooling2D", {"output_size": (7, 3)}, IMAGES),
    "AdaptiveMaxPooling2D, channels first": (
        "AdaptiveMaxPooling2D", {"output_size": (2, 1), "data_format": "channels_first"}, IMAGES,
    ),
}  # fmt: skip
EACH = pytest.mark.parametrize("case", CASES)


def made(case, dtype="float64"):
    kind, arguments, batch = CASES[case]
    layer = getattr(ours.layers, kind)(**arguments, dtype=dtype)
    layer(batch)
    for number, weight in enumerate(layer.weights):
        weight.assign(np.cos(np.arange(weight.size) + number).reshape(weight.shape) / 2)
    return layer, batch


def plain(x):
    return x.data if isinstance(x, tg.Tensor) else x


@EACH
@pytest.mark.filterwarnings("ignore")
def test_results_and_gradients_are_those_of_keras(case):
    kind, arguments, batch = CASES[case]
    layer, _ = made(case)
    theirs = getattr(beside.keras().layers, kind)(**arguments, dtype="float64")
    theirs(batch)
    theirs.set_weights([weight.data for weight in layer.weights])
    value, slope = beside.pulled(lambda x: theirs(x), batch)
    x = tg.Tensor(batch)
    y = layer(x)
    y.backward(beside.weighed(y.shape))
    np.testing.assert_allclose(y.data, value, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(x.grad, slope[0], rtol=1e-6, atol=1e-6)


@EACH
def test_gradients_compiled_saved_and_drawn(case, tmp_path):
    layer, batch = made(case)

    def loss(x):
        y = layer(x)
        return np.sum(y * beside.weighed(y.shape))

    check_grads(loss, batch[:1])
    value, gradient = tg.value_and_grad(loss)(batch)
    compiled = tg.compile(tg.value_and_grad(loss))
    for _ in range(2):
        again = compiled(batch)
        np.testing.assert_allclose(plain(again[0]), plain(value), rtol=1e-10)
        np.testing.assert_allclose(plain(again[1]), plain(gradient), rtol=1e-9, atol=1e-12)
    single = made(case, "float32")[0]
    model = ours.Sequential([ours.Input(batch.shape[1:]), single])
    x = batch.astype(np.float32)
    model.save(tmp_path / "m.safetensors")
    expected = model.predict(x, verbose=0)
    np.testing.assert_array_equal(nn.load_model(tmp_path / "m.safetensors").predict(x, verbose=0), expected)
    pytest.importorskip("h5py")
    model.save(tmp_path / "m.keras")
    np.testing.assert_array_equal(nn.load_model(tmp_path / "m.keras").predict(x, verbose=0), expected)


def test_a_convolutional_recurrent_layer_is_a_loop_of_convolutions():
    layer = nn.ConvLSTM2D(2, 3, padding="same", return_sequences=True, return_state=True, dtype="float64")
    every, h, c = layer(VIDEO)
    again, *states = layer(VIDEO[:, 2:], initial_state=layer(VIDEO[:, :2])[1:])
    np.testing.assert_allclose(again.data, every.data[:, 2:])
    np.testing.assert_allclose([h.data, c.data], [state.data for state in states])
    mask = np.array([[True, True, False, False], [True] * 4])
    masked = layer(VIDEO, mask=mask)[1]
    np.testing.assert_allclose(masked.data[0], every.data[0, 1])
    np.testing.assert_allclose(masked.data[1], every.data[1, 3])
    with pytest.raises(tg.ShapeError, match="the states must be two of shape"):
        layer(VIDEO, initial_state=[h, c[:, :2]])


def test_dropout_of_a_convolutional_recurrent_layer_is_the_same_at_all_steps():
    nn.set_seed(0)
    layer = nn.ConvLSTM1D(8, 1, dropout=0.5, recurrent_dropout=0.5, seed=1)
    still = np.ones((1, 3, 40, 1), np.float32)
    assert layer._drops((1, 1, 40, 1), 0.5, np.float32)[0].shape == (1, 1, 40, 1)
    assert not np.allclose(layer(still).data, layer(still).data)
    layer.eval()
    np.testing.assert_array_equal(layer(still).data, layer(still).data)


def test_a_network_predicts_the_next_image():
    nn.set_seed(0)
    place = (np.arange(8)[:, None] + np.arange(5)) % 6
    video = np.eye(6, dtype=np.float32)[place][..., None, :].reshape(8, 5, 6, 1, 1)
    model = ours.Sequential([ours.layers.ConvLSTM2D(8, (3, 1), padding="same"), ours.layers.Dense(1)])
    model.compile(ours.optimizers.Adam(0.02), "mse")
    history = model.fit(video[:, :4], video[:, 4], epochs=40, verbose=0).history["loss"]
    assert history[-1] < history[0] / 10


def test_integers_stay_integers():
    pixels = RNG.integers(0, 256, (1, 6, 6, 3)).astype(np.uint8)
    assert nn.Resizing(3, 4)(pixels).dtype == np.uint8
    assert nn.Resizing(3, 4, interpolation="nearest")(pixels).dtype == np.uint8


def test_films_without_time_steps_and_of_other_axes_are_told_apart():
    layer = nn.ConvLSTM2D(2, 2)
    with pytest.raises(tg.ShapeError, match=r"a batch of shape \(2, 0, 4, 5, 2\) has no time steps"):
        layer(VIDEO[:, :0])
    with pytest.raises(tg.ShapeError, match="a batch must have 5 axes"):
        layer(VIDEO[0])


@pytest.mark.parametrize(("kind", "degree"), [("bilinear", 1), ("bicubic", 2), ("lanczos3", 0), ("lanczos5", 0)])
def test_an_interpolation_keeps_polynomials(kind, degree):
    def curve(x):
        return sum([(power + 1) * x**power for power in range(degree + 1)])

    size, wanted = 12, 30
    x, places = np.arange(size), (np.arange(wanted) + 0.5) * size / wanted - 0.5
    found = resized(np.broadcast_to(curve(x)[:, None, None], (1, size, 12, 1)) * 1.0, wanted, 12, kind)
    inside = (places > 2) & (places < size - 3)
    np.testing.assert_allclose(found[0, inside, 3, 0], curve(places)[inside] * np.ones(inside.sum()), rtol=1e-12)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 7, 9])
def test_windows_of_a_given_number_cover_all_pixels(count):
    for layer, number in ((nn.AdaptiveAveragePooling2D, np.mean), (nn.AdaptiveMaxPooling2D, np.max)):
        found = layer((count, 9))(IMAGES)
        for row in range(count):
            begin, end = 7 * row // count, -(-7 * (row + 1) // count)
            np.testing.assert_allclose(found[:, row], number(IMAGES[:, begin:end], axis=1), rtol=1e-12)


def test_a_crop_is_drawn_in_training():
    layer = nn.RandomCrop(3, 4, seed=0)
    images = np.arange(2 * 9 * 8, dtype=np.float32).reshape(2, 9, 8, 1)
    found = {int(layer(images)[0, 0, 0, 0].item()) for _ in range(200)}
    assert found == {row * 8 + column for row in range(7) for column in range(5)}
    compiled = tg.compile(lambda x: layer(x))
    assert len({int(np.asarray(compiled(images))[0, 0, 0, 0]) for _ in range(40)}) > 10


@pytest.mark.filterwarnings("ignore")
def test_spectral_normalization_is_kerass():
    keras = beside.keras()
    x = RNG.normal(size=(4, 5))
    layers = [k.layers.SpectralNormalization(k.layers.Dense(3, dtype="float64"), 2, dtype="float64")
              for k in (ours, keras)]  # fmt: skip
    for layer in layers:
        layer(x)
        for weight, shape in ((layer.kernel, (5, 3)), (layer.layer.bias, (3,)), (layer.vector_u, (1, 3))):
            weight.assign(np.cos(1.0 + np.arange(np.prod(shape))).reshape(shape))
    for training in (False, True, True):
        found, expected = layers[0](x, training=training).data, np.asarray(layers[1](x, training=training))
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(layers[0].kernel.data, np.asarray(layers[1].kernel), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(layers[0].vector_u.data, np.asarray(layers[1].vector_u), rtol=1e-6, atol=1e-6)


def test_spectral_normalization_finds_the_largest_singular_value():
    nn.set_seed(0)
    layer = nn.SpectralNormalization(nn.Dense(4, dtype="float64"), power_iterations=30, dtype="float64")
    layer(RNG.normal(size=(2, 6)))
    assert np.linalg.norm(layer.layer.kernel.data, 2) == pytest.approx(1, rel=1e-3)
    model = ours.Sequential([ours.layers.SpectralNormalization(ours.layers.Dense(4)), ours.layers.Dense(1)])
    model.compile("sgd", "mse")
    x, y = RNG.normal(size=(64, 6)), RNG.normal(size=(64, 1))
    eager = ours.models.clone_model(model)
    model.fit(x, y, epochs=2, verbose=0)
    assert 0.5 < np.linalg.norm(model.layers[0].layer.kernel.data, 2) < 1.5
    assert eager.layers[0].power_iterations == 1
    with pytest.raises(ValueError, match="has no kernel"):
        nn.SpectralNormalization(nn.ReLU())(x)
    zero = nn.SpectralNormalization(nn.Dense(2, kernel_initializer="zeros"))
    assert np.all(zero(x.astype(np.float32)).data == 0)


def test_a_wrapper_of_ones_own():
    class Twice(ours.layers.Wrapper):
        def call(self, x):
            return 2 * self.layer(x)

    layer = Twice(ours.layers.Dense(3))
    x = RNG.normal(size=(2, 4)).astype(np.float32)
    np.testing.assert_allclose(layer(x).numpy(), 2 * layer.layer(x).numpy())
    assert len(layer.trainable_weights) == 2

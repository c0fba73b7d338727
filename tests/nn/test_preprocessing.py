"""Layers that make data ready: the numbers are Keras's."""

import numpy as np
import pytest

import tinygraph as tg
from tinygraph import keras, nn

RNG = np.random.default_rng(0)
X = RNG.normal(3.0, [1.0, 5.0, 0.1], size=(40, 3))
IMAGES = RNG.random((60, 3, 4, 2)).astype(np.float32)


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 4

    def __getitem__(self, place):
        return X[10 * place : 10 * place + 10], np.zeros(10)


@pytest.mark.parametrize(
    "data",
    [lambda: X, lambda: X.tolist(), lambda: tg.Tensor(X), lambda: iter(np.split(X, [7, 20])), lambda: Batches()],
)
def test_data_have_mean_0_and_deviation_1_after_adapt(data):
    layer = nn.Normalization(dtype="float64")
    layer.adapt(data())
    y = layer(X).data
    np.testing.assert_allclose(y.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(y.std(axis=0), 1)
    np.testing.assert_allclose(layer.mean.data, X.mean(axis=0))
    assert [item.shape for item in layer.get_weights()] == [(3,), (3,), ()] and not layer.parameters()


@pytest.mark.parametrize(("axis", "over"), [(None, (0, 1, 2, 3)), (-1, (0, 1, 2)), ((1, 3), (0, 2)), ((1, 2, 3), (0,))])
def test_axes_have_statistics_of_their_own(axis, over):
    layer, back = nn.Normalization(axis), None
    layer.adapt(IMAGES)
    y = layer(IMAGES).data
    np.testing.assert_allclose(y.mean(axis=over), 0, atol=1e-5)
    back = nn.Normalization(axis, mean=layer.mean.data, variance=layer.variance.data, invert=True)
    np.testing.assert_allclose(np.asarray(back(y)), IMAGES, atol=1e-6)


def test_a_model_with_a_normalization_trains_saves_and_loads(tmp_path):
    layer = nn.Normalization()
    layer.adapt(X)
    model = nn.Sequential([layer, nn.Dense(1)])
    model.compile("adam", "mse")
    model.fit(X, X[:, 0], epochs=2, verbose=0)
    np.testing.assert_allclose(layer.mean.data, X.mean(axis=0), rtol=1e-6)
    model.save(tmp_path / "m.safetensors")
    twin = nn.load_model(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(twin.predict(X, verbose=0), model.predict(X, verbose=0))
    layer.adapt(X + 1)  # the compiled steps read the new statistics
    np.testing.assert_allclose(model.predict(X + 1, verbose=0), twin.predict(X, verbose=0), atol=1e-5)


def test_what_adapt_refuses():
    with pytest.raises(ValueError, match="adapt was given no rows"):
        nn.Normalization().adapt(X[:0])
    with pytest.raises(ValueError, match="mean and variance were given"):
        nn.Normalization(mean=0.0, variance=1.0).adapt(X)
    with pytest.raises(ValueError, match="give both mean and variance"):
        nn.Normalization(mean=0.0)
    with pytest.raises(tg.ShapeError, match=r"axis \(5,\) is not among the 2 axes"):
        nn.Normalization(5)(X)


@pytest.mark.parametrize(
    ("mode", "numbers", "rows"),
    [
        ("one_hot", [0, 3], [[1, 0, 0, 0], [0, 0, 0, 1]]),
        ("one_hot", [[0], [3]], [[1, 0, 0, 0], [0, 0, 0, 1]]),
        ("multi_hot", [0, 1, 3], [1, 1, 0, 1]),
        ("multi_hot", [[0, 1], [3, 3]], [[1, 1, 0, 0], [0, 0, 0, 1]]),
        ("count", [[0, 1], [3, 3]], [[1, 1, 0, 0], [0, 0, 0, 2]]),
    ],
)
def test_classes_are_encoded(mode, numbers, rows):
    found = nn.CategoryEncoding(4, mode)(np.array(numbers))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, rows)
    with pytest.raises(ValueError, match="num_classes is 3"):
        nn.CategoryEncoding(3, mode)(np.array(numbers))


def test_classes_are_encoded_in_a_model():
    numbers = nn.Input((2,), dtype="int64")
    model = nn.Model(numbers, nn.Dense(1)(nn.CategoryEncoding(4, "count")(numbers)))
    model.compile("adam", "mse")
    x = np.array([[0, 1], [3, 3], [2, 1]])
    model.fit(x, np.ones(3), verbose=0)
    (kernel, bias) = model.get_weights()
    np.testing.assert_allclose(
        model.predict(x, verbose=0), [[1, 1, 0, 0], [0, 0, 0, 2], [0, 1, 1, 0]] @ kernel + bias, rtol=1e-6
    )


def test_wrong_arguments_are_refused():
    for make, said in [
        (lambda: nn.CategoryEncoding(), "give num_tokens"),
        (lambda: nn.CategoryEncoding(3, "many"), "must be one of one_hot, multi_hot, count"),
        (lambda: nn.RandomFlip("sideways"), "must be one of horizontal_and_vertical"),
        (lambda: nn.RandomFlip()(X), "images must have the shape"),
    ]:
        with pytest.raises(ValueError, match=said):
            make()


@pytest.mark.parametrize(
    ("mode", "axes"), [("horizontal", [2]), ("vertical", [1]), ("horizontal_and_vertical", [1, 2])]
)
def test_each_image_is_flipped_or_not(mode, axes):
    layer = nn.RandomFlip(mode, seed=0)
    compiled = tg.compile(lambda x: layer(x))
    for y in (np.asarray(layer(IMAGES)), np.array(compiled(IMAGES)), np.array(compiled(IMAGES))):
        ways = [IMAGES, *(np.flip(IMAGES, axis) for axis in axes)]
        ways += [np.flip(IMAGES, axes)] if len(axes) == 2 else []
        counts = [sum(np.array_equal(one, other) for one, other in zip(y, way, strict=True)) for way in ways]
        assert sum(counts) == len(IMAGES) and min(counts) > 3
    layer.eval()
    assert layer(IMAGES) is IMAGES and keras.layers.RandomFlip()(IMAGES) is IMAGES
    assert not np.array_equal(keras.layers.RandomFlip(seed=0)(IMAGES, training=True), IMAGES)

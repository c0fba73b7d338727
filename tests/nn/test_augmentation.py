"""Images that are changed by chance: numbers of Keras's affine transform, by definition, compiled, in use."""

import numpy as np
import pytest

import tinygraph as tg
from tinygraph import keras, nn
from tinygraph.nn.augmentation import moved
from tinygraph.testing import check_grads

RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(0, 255, size=(3, 6, 5, 2)).astype(np.float32)
NAMES = {
    "RandomBrightness": {"factor": 0.2},
    "RandomContrast": {"factor": 0.5},
    "RandomRotation": {"factor": 0.2},
    "RandomTranslation": {"height_factor": 0.3, "width_factor": (-0.1, 0.4)},
    "RandomZoom": {"height_factor": (-0.5, 0.2)},
}


@pytest.mark.parametrize("fill_mode", ["reflect", "wrap", "nearest", "constant"])
@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
def test_pixels_come_from_the_places_that_keras_says(fill_mode, interpolation):
    pytest.importorskip("keras")
    import keras as theirs

    places = RNG.normal(size=(3, 6)).astype(np.float32) * [0.7, 0.7, 3, 0.7, 0.7, 3]
    places = places.astype(np.float32)
    found = moved(IMAGES, places, fill_mode, 7.0, interpolation)
    transform = np.concatenate([places, np.zeros((3, 2), np.float32)], axis=1)
    expected = theirs.ops.image.affine_transform(IMAGES, transform, interpolation, fill_mode, 7.0)
    np.testing.assert_allclose(found, np.asarray(expected), rtol=1e-4, atol=2e-3)


def test_pixels_by_definition():
    shifted = moved(IMAGES, np.array([[1, 0, 1, 0, 1, -2]] * 3, np.float32), "constant", 9.0, "bilinear")
    np.testing.assert_allclose(shifted[:, 2:, :-1], IMAGES[:, :-2, 1:])
    assert np.all(shifted[:, :2] == 9)
    mirrored = moved(IMAGES, np.array([[1, 0, -2, 0, 1, 0]] * 3, np.float32), "reflect", 0.0, "bilinear")
    np.testing.assert_allclose(mirrored[:, :, :2], IMAGES[:, :, [1, 0]])
    quarter = nn.RandomRotation((0.25, 0.25))(IMAGES[:, :5])
    np.testing.assert_allclose(quarter, np.rot90(IMAGES[:, :5], axes=(1, 2)), atol=1e-2)
    nearer = nn.RandomZoom((-0.5, -0.5), interpolation="nearest")(IMAGES[:, :5])
    np.testing.assert_allclose(nearer[:, 2, 2], IMAGES[:, 2, 2])
    lighter = nn.RandomBrightness((0.1, 0.1))(IMAGES)
    np.testing.assert_allclose(lighter, np.minimum(IMAGES + 25.5, 255), rtol=1e-5)
    mean = IMAGES.mean(axis=(1, 2), keepdims=True)
    more = nn.RandomContrast((0.5, 0.5), value_range=(-1e3, 1e3), seed=0)(IMAGES)
    ratio = ((more - mean) / (IMAGES - mean)).reshape(3, -1)
    assert np.all(np.ptp(ratio, axis=1) < 1e-2)
    assert np.all((ratio > 0.4) & (ratio < 1.6))


@pytest.mark.parametrize("name", NAMES)
def test_each_image_is_changed_in_training_alone(name):
    layer = getattr(nn, name)(**NAMES[name], seed=0)
    changed = layer(IMAGES)
    assert changed.shape == IMAGES.shape
    assert changed.dtype == np.float32
    assert all([np.abs(one - other).max() > 1 for one, other in zip(changed, IMAGES, strict=True)])
    assert layer(IMAGES[0]).shape == IMAGES[0].shape
    layer.eval()
    np.testing.assert_array_equal(layer(IMAGES), IMAGES)
    np.testing.assert_array_equal(getattr(keras.layers, name)(**NAMES[name])(IMAGES), IMAGES)
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    with pytest.raises(tg.ShapeError, match="images must have the shape"):
        layer(IMAGES[0, 0])


@pytest.mark.parametrize("name", NAMES)
def test_a_compiled_step_is_the_eager_one(name):
    eager, compiled = (getattr(nn, name)(**NAMES[name], seed=3) for _ in range(2))
    step = tg.compile(lambda x: compiled(x))
    for _ in range(2):
        np.testing.assert_allclose(step(IMAGES), eager(IMAGES), rtol=1e-5, atol=1e-3)


def test_gradients():
    places = np.array([[0.9, 0.2, 0.3, -0.1, 1.1, 0.2]] * 2)
    for fill_mode in ("reflect", "constant"):
        check_grads(lambda x, mode=fill_mode: moved(x, places, mode, 1.0, "bilinear"), RNG.normal(size=(2, 4, 3, 1)))


def test_training_with_images_that_change():
    model = keras.Sequential(
        [
            keras.Input((6, 5, 2)),
            *[getattr(keras.layers, name)(**NAMES[name]) for name in NAMES],
            keras.layers.Flatten(),
            keras.layers.Dense(1),
        ]
    )
    model.compile("adam", "mse")
    history = model.fit(IMAGES / 255, np.ones((3, 1)), epochs=2, verbose=0)
    assert np.isfinite(history.history["loss"]).all()


def test_arguments_that_are_no_good():
    with pytest.raises(ValueError, match="fill_mode must be one of"):
        nn.RandomRotation(0.1, fill_mode="edge")
    with pytest.raises(ValueError, match="factor must be a number, or two that rise"):
        nn.RandomRotation((0.2, 0.1))

"""Images in other tones and colours, sharper, mixed, erased: by definition, beside Keras, compiled, saved, in use."""

from __future__ import annotations

import numpy as np
import pytest

import tinygraph as tg
from tests.keras import beside
from tinygraph import keras, nn
from tinygraph.nn.augmentation import homography, moved
from tinygraph.nn.blurring import blurred, sharpened
from tinygraph.nn.colours import brightness_of, with_hue, with_saturation
from tinygraph.nn.mixing import in_boxes
from tinygraph.nn.tones import equalized, posterized, solarized, with_full_contrast
from tinygraph.testing import check_grads

RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(0, 255, size=(3, 6, 5, 3))
IMAGES[0, 2:4] = IMAGES[0, 2, 0]  # an area of one colour
IMAGES[1, :, :, 1] = 40.0
EACH_IMAGE = np.array([0.2, 0.5, 0.9])
AS_COLUMN = EACH_IMAGE[:, None, None, None]
LAYERS = {
    "AutoContrast": {},
    "CutMix": {},
    "Equalization": {"bins": 64},
    "MixUp": {"alpha": 0.4},
    "RandAugment": {"factor": 0.3},
    "RandomColorDegeneration": {"factor": 0.5},
    "RandomColorJitter": {
        "brightness_factor": 0.1, "contrast_factor": 0.2, "saturation_factor": (0.3, 0.7), "hue_factor": 0.2,
    },
    "RandomErasing": {"scale": 0.5},
    "RandomGaussianBlur": {"kernel_size": (3, 5)},
    "RandomGrayscale": {"factor": 0.7},
    "RandomHue": {"factor": (0.2, 0.4)},
    "RandomInvert": {"factor": (0.5, 1.0)},
    "RandomPerspective": {"scale": 0.5},
    "RandomPosterization": {"factor": (2, 5)},
    "RandomSaturation": {"factor": (0.3, 0.7)},
    "RandomSharpness": {"factor": 0.4},
    "RandomShear": {"x_factor": 0.3, "y_factor": (0.1, 0.2)},
    "Solarization": {"addition_factor": 0.2, "threshold_factor": (0.3, 0.6)},
}  # fmt: skip
EACH = pytest.mark.parametrize("name", LAYERS)


def corners(seed):
    start = np.array([[0, 0], [4, 0], [0, 5], [4, 5]], float) + np.zeros((3, 1, 1))
    return start, start * (1 + np.random.default_rng(seed).uniform(-0.3, 0.3, start.shape))


START, END = corners(1)
# What changes an image, without a draw: the layer's arguments, what Keras draws for it, and ours for the same numbers.
DETERMINISTIC = {
    "AutoContrast": ({"value_range": (0, 200)}, None, lambda x: with_full_contrast(x, (0, 200))),
    "Equalization": ({"bins": 64}, None, lambda x: equalized(x, (0, 255), 64)),
    "RandomColorDegeneration": (
        {"factor": 0.5}, {"factor": AS_COLUMN},
        lambda x: np.clip(x + AS_COLUMN * (brightness_of(x) - x), 0, 255),
    ),
    "RandomGrayscale": (
        {}, AS_COLUMN > 0.4, lambda x: np.where(AS_COLUMN > 0.4, brightness_of(x), x),
    ),
    "RandomGaussianBlur": (
        {"kernel_size": (3, 5)}, {"should_apply_blur": EACH_IMAGE > 0, "blur_factor": np.array([0.7, 1.3])},
        lambda x: blurred(x, (3, 5), (0.7, 1.3)),
    ),
    "RandomHue": (
        {"factor": 0.5}, {"factor": EACH_IMAGE - 0.5}, lambda x: with_hue(x, EACH_IMAGE[:, None, None] - 0.5, (0, 255)),
    ),
    "RandomInvert": (
        {}, {"apply_inversion": EACH_IMAGE > 0.4}, lambda x: np.where(AS_COLUMN > 0.4, 255 - x, x),
    ),
    "RandomPerspective": (
        {"fill_value": 9.0},
        {"apply_perspective": EACH_IMAGE > 0, "start_points": START, "end_points": END, "input_shape": None},
        lambda x: moved(x, homography(START, END), "constant", 9.0, "bilinear"),
    ),
    "RandomPosterization": (
        {"factor": 3, "value_range": (0, 250)}, {"shift_factor": np.array([3, 5, 7], "uint8")},
        lambda x: posterized(x, 8 - np.array([3.0, 5.0, 7.0])[:, None, None, None], (0, 250)),
    ),
    "RandomSaturation": (
        {"factor": 0.5}, {"factor": EACH_IMAGE}, lambda x: with_saturation(x, EACH_IMAGE[:, None, None], (0, 255)),
    ),
    "RandomSharpness": (
        {"factor": 0.5}, {"factor": EACH_IMAGE}, lambda x: sharpened(x, 2 * AS_COLUMN, (0, 255)),
    ),
    "RandomShear": (
        {"x_factor": 0.5, "y_factor": 0.5},
        {"shear_factor": np.stack([EACH_IMAGE, -EACH_IMAGE / 2], axis=1), "input_shape": None},
        lambda x: moved(
            x, np.stack([z := np.ones(3), EACH_IMAGE, 0 * z, -EACH_IMAGE / 2, z, 0 * z], axis=1), "reflect", 0.0,
            "bilinear",
        ),
    ),
    "Solarization": (
        {"addition_factor": 0.2}, {"additions": 20 * AS_COLUMN, "thresholds": 200 * AS_COLUMN},
        lambda x: solarized(x, 20 * AS_COLUMN, 200 * AS_COLUMN, (0, 255)),
    ),
}  # fmt: skip
# Keras computes these in float32, whatever the dtype of the layer is.
IN_SINGLE = {"RandomHue", "RandomPerspective"}
KINKED = {"Equalization", "RandomPosterization"}  # their values are steps: no gradient


@pytest.mark.parametrize("name", DETERMINISTIC)
@pytest.mark.filterwarnings("ignore")
def test_changes_and_gradients_are_those_of_keras(name):
    arguments, drawn, ours = DETERMINISTIC[name]
    theirs = getattr(beside.keras().layers, name)(**arguments, dtype="float64")
    value, (slope,) = beside.pulled(lambda x: theirs.transform_images(x, drawn), IMAGES)
    x = tg.Tensor(IMAGES)
    y = ours(x)
    atol = 3e-4 if name in IN_SINGLE else 1e-6
    np.testing.assert_allclose(y.data, value, rtol=1e-6, atol=atol)
    if name not in KINKED:
        y.backward(beside.weighed(y.shape))
        finite = np.isfinite(slope)  # those of an area of one colour are not, in Keras's AutoContrast
        assert np.isfinite(x.grad).all()
        np.testing.assert_allclose(x.grad[finite], slope[finite], rtol=1e-5, atol=atol)


@pytest.mark.parametrize("name", sorted(set(DETERMINISTIC) - KINKED))
def test_gradients(name):
    ours = DETERMINISTIC[name][2]
    images = RNG.uniform(20, 180, size=IMAGES.shape)
    check_grads(lambda x: np.sum(ours(x) * beside.weighed(IMAGES.shape)), images, order=1)


@EACH
def test_images_change_in_training_alone(name):
    layer = getattr(nn, name)(**LAYERS[name], **({} if name in ("AutoContrast", "Equalization") else {"seed": 0}))
    x = IMAGES.astype(np.float32)
    changed = [layer(x) for _ in range(4)]
    assert all([item.shape == x.shape and item.dtype == np.float32 for item in changed])
    assert max([np.abs(item - x).max() for item in changed]) > 1
    assert layer(x[0]).shape == x[0].shape
    assert layer(x.astype(np.uint8)).dtype == np.float32
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    if name != "AutoContrast":
        layer.eval()
        np.testing.assert_array_equal(layer(x), x)
        np.testing.assert_array_equal(getattr(keras.layers, name)(**LAYERS[name])(x), x)
    both = layer({"images": x, "more": 3})
    assert both["more"] == 3 and both["images"].shape == x.shape
    with pytest.raises(tg.ShapeError, match="images must have the shape"):
        layer(x[0, 0])


@EACH
def test_a_compiled_step_is_the_eager_one_and_draws_anew(name):
    options = {} if name in ("AutoContrast", "Equalization") else {"seed": 3}
    eager, compiled = (getattr(nn, name)(**LAYERS[name], **options) for _ in range(2))
    step = tg.compile(lambda x: compiled(x))
    x = IMAGES.astype(np.float32)
    found = [step(x) for _ in range(4)]
    for item in found:
        np.testing.assert_allclose(item, eager(x), rtol=1e-4, atol=2e-2)
    if options:
        assert any([not np.array_equal(found[0], item) for item in found[1:]])


@EACH
def test_channels_first_are_the_same_images(name):
    if name == "Solarization":
        return
    options = {} if name in ("AutoContrast", "Equalization") else {"seed": 3}
    last = getattr(nn, name)(**LAYERS[name], **options)
    first = getattr(nn, name)(**LAYERS[name], **options, data_format="channels_first")
    x = IMAGES.astype(np.float32)
    if name == "RandomErasing":  # whose noise has the shape of the batch
        assert first(x.transpose(0, 3, 1, 2)).shape == (3, 3, 6, 5)
        return
    np.testing.assert_allclose(first(x.transpose(0, 3, 1, 2)).transpose(0, 2, 3, 1), last(x), rtol=1e-5, atol=1e-3)


def test_training_with_images_that_change(tmp_path):
    model = keras.Sequential(
        [
            keras.Input((6, 5, 3)),
            *[getattr(keras.layers, name)(**arguments) for name, arguments in LAYERS.items()],
            keras.layers.Flatten(),
            keras.layers.Dense(1),
        ]
    )
    model.compile("adam", "mse")
    history = model.fit(IMAGES, np.ones((3, 1)), epochs=2, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    model.save(tmp_path / "m.safetensors")
    again = nn.load_model(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(again.predict(IMAGES, verbose=0), model.predict(IMAGES, verbose=0))


def test_labels_are_mixed_as_the_images_are():
    x = np.arange(4.0)[:, None, None, None] * np.ones((4, 8, 8, 1))
    for layer in (nn.MixUp(2.0, seed=0), nn.CutMix(seed=0)):
        found = layer({"images": x, "labels": np.eye(4)})
        means, labels = found["images"].mean(axis=(1, 2, 3)), found["labels"]
        np.testing.assert_allclose(labels.sum(axis=1), 1, rtol=1e-6)
        assert not np.array_equal(labels, np.eye(4))
        if isinstance(layer, nn.MixUp):
            np.testing.assert_allclose(labels @ np.arange(4), means, rtol=1e-5)
        else:
            assert np.abs(labels @ np.arange(4) - means).max() < 0.5, "the box ends between two pixels"
        with pytest.raises(tg.ShapeError, match="labels must be one-hot rows"):
            layer({"images": x, "labels": np.arange(4)})
        with pytest.raises(tg.ShapeError, match="not bounding_boxes"):
            layer({"images": x, "bounding_boxes": x})


def test_shares_of_a_mixture_have_the_beta_distribution():
    stats = pytest.importorskip("scipy.stats")
    x = np.arange(2000.0)[:, None, None, None] ** 2 * np.ones((1, 1, 1, 1))
    labels = nn.MixUp(0.2, seed=0)({"images": x, "labels": np.eye(2000)})["labels"]
    shares = labels.diagonal()
    assert stats.kstest(shares[shares < 1], stats.beta(0.2, 0.2).cdf).pvalue > 0.01


def test_chances_and_ranges():
    x = np.full((4000, 2, 2, 3), 100.0, np.float32)
    inverted = nn.RandomInvert(0.8, seed=0)(x)[:, 0, 0, 0] != 100
    assert abs(inverted.mean() - 0.4) < 0.03
    grey = nn.RandomGrayscale(0.3, seed=0)(x * [1, 0, 0])[:, 0, 0, 1] != 0
    assert abs(grey.mean() - 0.3) < 0.03
    bits = np.unique(nn.RandomPosterization((2, 5), seed=0)(np.full_like(x, 255))[:, 0, 0, 0])
    np.testing.assert_array_equal(bits, [192, 224, 240])
    box = nn.RandomErasing(scale=(0.25, 0.25), fill_value=[0, 1, 2], factor=(1, 1), seed=0)(np.full((9, 8, 8, 3), 5.0))
    erased = box[..., 0] != 5
    assert set(erased.sum(axis=(1, 2))) <= {9, 12, 16, 20, 25} and np.all(box[erased] == [0, 1, 2])
    inside = in_boxes(3, 4, (np.array([[1.0]]), np.array([[2.5]])), (np.array([[0.0]]), np.array([[2.0]])))
    np.testing.assert_array_equal(np.argwhere(inside[0, ..., 0]), [[1, 0], [1, 1], [2, 0], [2, 1]])


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (lambda: nn.RandomHue(1.5), "RandomHue: factor must be"),
        (lambda: nn.RandomPosterization(9), "RandomPosterization: factor must be"),
        (lambda: nn.RandomGrayscale(-1), "RandomGrayscale: factor must be"),
        (lambda: nn.RandomGaussianBlur(kernel_size=4), "kernel_size must be odd"),
        (lambda: nn.MixUp(0), "MixUp: alpha must be positive"),
        (lambda: nn.RandAugment(num_ops=0), "num_ops must be at least 1"),
        (lambda: nn.RandomHue(0.1)(IMAGES[..., :2]), "three channels red, green and blue"),
    ],
)
def test_arguments_that_are_no_good(made, told):
    with pytest.raises((ValueError, tg.ShapeError), match=told):
        made()

"""Images of keras.utils: what is written is read again, and Keras's own arrays."""

import io
import os

import numpy as np
import pytest

import tinygraph as tg
from tinygraph import keras
from tinygraph.keras.utils import array_to_img, img_to_array, load_img, save_img

Image = pytest.importorskip("PIL.Image")
rng = np.random.default_rng(0)


@pytest.fixture(scope="module")
def theirs():
    os.environ.setdefault("KERAS_BACKEND", "jax")
    return pytest.importorskip("keras").utils


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_what_is_saved_is_loaded_again(tmp_path, channels):
    pixels = rng.integers(0, 256, (5, 7, channels))
    mode = {1: "grayscale", 3: "rgb", 4: "rgba"}[channels]
    for place in (tmp_path / "a.png", str(tmp_path / "b.bmp") if channels < 4 else tmp_path / "b.tiff"):
        save_img(place, pixels, scale=False)
        found = img_to_array(load_img(place, color_mode=mode))
        assert found.dtype == np.float32 and found.shape == (5, 7, channels)
        np.testing.assert_array_equal(found, pixels)
    memory = io.BytesIO()
    save_img(memory, tg.Tensor(pixels.astype(float)), file_format="png", scale=False)
    np.testing.assert_array_equal(img_to_array(load_img(memory, mode), dtype=int), pixels)
    first = img_to_array(load_img(memory, mode), "channels_first")
    np.testing.assert_array_equal(img_to_array(array_to_img(first, "channels_first", scale=False)), pixels)


def test_values_are_stretched_and_deep_greys_kept(tmp_path):
    shown = img_to_array(array_to_img(np.linspace(-1, 1, 12).reshape(3, 4, 1)))
    assert shown.min() == 0 and shown.max() == 255
    assert img_to_array(array_to_img(np.zeros((2, 2, 3)))).max() == 0
    deep = rng.integers(0, 60_000, (4, 4, 1))
    save_img(tmp_path / "deep.png", deep, scale=False)
    np.testing.assert_array_equal(img_to_array(load_img(tmp_path / "deep.png", "grayscale")), deep)


def test_a_jpeg_of_any_spelling_has_no_transparency(tmp_path):
    for name in ("a.jpg", "b.JPEG"):
        with pytest.warns(UserWarning, match="a JPEG has no transparency"):
            save_img(tmp_path / name, rng.integers(0, 256, (8, 8, 4)))
        assert load_img(tmp_path / name).size == (8, 8)


def test_the_middle_is_cut_to_the_proportions_of_the_target(tmp_path):
    pixels = np.zeros((10, 30, 3), np.uint8)
    pixels[:, 10:20] = 255
    Image.fromarray(pixels).save(tmp_path / "a.png")
    cut = load_img(tmp_path / "a.png", target_size=(10, 10), keep_aspect_ratio=True)
    assert cut.size == (10, 10) and img_to_array(cut).min() == 255
    whole = load_img(tmp_path / "a.png", target_size=(5, 6))
    assert whole.size == (6, 5) and img_to_array(whole).min() == 0


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic", "lanczos", "box", "hamming"])
@pytest.mark.parametrize("keep_aspect_ratio", [True, False])
def test_arrays_are_those_of_keras(theirs, tmp_path, interpolation, keep_aspect_ratio):
    pixels = rng.integers(0, 256, (13, 9, 3))
    theirs.save_img(tmp_path / "a.png", pixels, scale=False)
    for mode in ("rgb", "rgba", "grayscale"):
        for size in (None, (6, 8), (13, 9), (20, 5)):
            arguments = (tmp_path / "a.png", mode, size, interpolation, keep_aspect_ratio)
            expected = theirs.img_to_array(theirs.load_img(*arguments))
            np.testing.assert_array_equal(img_to_array(load_img(*arguments)), expected)
    values = rng.normal(size=(4, 5, 3))
    np.testing.assert_array_equal(np.asarray(array_to_img(values)), np.asarray(theirs.array_to_img(values)))


def test_errors_say_what_to_write(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_img(tmp_path / "none.png")
    with pytest.raises(ValueError, match="color_mode must be one of grayscale, rgb, rgba, got 'gray'"):
        load_img(tmp_path / "none.png", "gray")
    with pytest.raises(ValueError, match="interpolation must be one of"):
        load_img(tmp_path / "none.png", interpolation="cubic")
    with pytest.raises(ValueError, match=r"Write images\[0\] for a batch"):
        array_to_img(np.zeros((2, 4, 4, 3)))
    with pytest.raises(ValueError, match="1, 3 or 4 channels"):
        array_to_img(np.zeros((4, 4, 2)))
    with pytest.raises(ValueError, match="an image has 2 or 3 axes"):
        img_to_array(np.zeros(3))
    with pytest.raises(ValueError, match="data_format must be"):
        img_to_array(np.zeros((3, 3)), "last")
    assert keras.preprocessing.image.load_img is load_img

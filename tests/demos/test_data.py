"""The datasets: the right file or a clear refusal, images of every mode, and batches that lose nothing."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tinygraph import data

# --- files ------------------------------------------------------------------------------------------------------------


def test_nothing_is_available_without_a_folder(no_data):
    assert data.folder() is None
    assert not any(data.available(name) for name in data.FILES)
    with pytest.raises(FileNotFoundError, match="TINYGRAPH_DATA is not set"):
        data.mnist()


def test_a_file_that_is_missing_is_named_with_its_origin(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYGRAPH_DATA", str(tmp_path))
    assert not data.available("sign_digits.npz")
    with pytest.raises(FileNotFoundError, match=r"sign_digits\.npz.*ardamavi"):
        data.sign_digits()


def test_a_file_of_another_content_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYGRAPH_DATA", str(tmp_path))
    (tmp_path / "mnist.npz").write_bytes(b"cut short")
    with pytest.raises(ValueError, match=f"sha256 begins {hashlib.sha256(b'cut short').hexdigest()[:12]}"):
        data.mnist()


def test_a_folder_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYGRAPH_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(FileNotFoundError, match="nowhere"):
        data.available("mnist.npz")


def test_a_name_that_is_no_dataset():
    with pytest.raises(KeyError, match=r"mnist\.npz"):
        data.find("mnist.zip")


@pytest.mark.parametrize("name", data.FILES)
def test_every_file_of_the_data_folder_is_the_one_that_is_meant(published, name):
    published(name)
    assert data.find(name) == data.folder() / name


def test_sign_digits(published):
    published("sign_digits.npz")
    images, labels = data.sign_digits()
    assert images.shape == (2062, 64, 64) and images.dtype == np.uint8
    assert set(labels[204:409]) == {0} and set(labels[822:1027]) == {1}


def test_mnist(published):
    published("mnist.npz")
    (x_train, y_train), (x_test, y_test) = data.mnist()
    assert x_train.shape == (60000, 28, 28) and x_test.shape == (10000, 28, 28)
    assert len(y_train) == 60000 and set(y_test) == set(range(10))


def test_admissions(published):
    published("admissions.csv")
    table = data.admissions()
    assert table.admit.sum() == 127 and len(table.rank) == 400
    assert table.gre[0] == 380 and table.gpa[0] == 3.61


def test_tiny_shakespeare(published):
    published("tinyshakespeare.txt")
    text = data.tiny_shakespeare()
    assert len(text) == 1_115_394 and len(set(text)) == 65


def test_loading_the_datasets_loads_numpy_alone():
    code = "import sys, tinygraph.data; print([m for m in ('PIL', 'sklearn', 'matplotlib') if m in sys.modules])"
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert found.stdout.strip() == "[]"


# --- batches ----------------------------------------------------------------------------------------------------------


@given(st.integers(0, 40), st.integers(1, 50), st.one_of(st.none(), st.integers(0, 5)))
def test_batches_have_every_row_once_and_keep_rows_together(rows, size, seed):
    x = np.arange(rows)
    found = list(data.batches(x, x * 10, size=size, shuffle=seed))
    assert all(len(one) == size for one, _ in found[:-1])
    together = np.concatenate([one for one, _ in found]) if found else x
    assert sorted(together) == list(range(rows))
    assert all(np.array_equal(other, one * 10) for one, other in found)
    if seed is None:
        np.testing.assert_array_equal(together, x)


def test_a_seed_repeats_the_order_and_a_generator_goes_on():
    x = np.arange(100)
    rng = np.random.default_rng(0)

    def order(shuffle):
        return next(data.batches(x, size=100, shuffle=shuffle))[0].tolist()

    assert order(0) == order(0) != order(1)
    assert order(rng) != order(rng)


@pytest.mark.parametrize("no", [False, None, np.False_])
@pytest.mark.parametrize("yes", [True, np.True_])
def test_shuffle_is_a_yes_or_no_too(no, yes):
    x = np.arange(100)

    def order(shuffle):
        return next(data.batches(x, size=100, shuffle=shuffle))[0].tolist()

    assert order(no) == x.tolist()
    assert len({tuple(order(yes)) for _ in range(3)}) == 3
    assert order(yes) not in (order(1), order(0))
    with pytest.raises(TypeError, match="shuffle= cannot be str"):
        data.batches(x, size=1, shuffle="yes")


@pytest.mark.parametrize(
    ("arrays", "size", "message"),
    [((np.arange(3), np.arange(4)), 2, r"\[3, 4\]"), ((), 2, "no array"), ((np.arange(3),), 0, "at least 1")],
)
def test_batches_refuse_at_once(arrays, size, message):
    with pytest.raises(ValueError, match=message):
        data.batches(*arrays, size=size)


# --- images -----------------------------------------------------------------------------------------------------------


def gif(path):
    frames = [Image.new("P", (9, 9), index) for index in (0, 1)]
    for frame in frames:
        frame.putpalette([200, 40, 90, 0, 0, 0])
    frames[0].save(path, save_all=True, append_images=frames[1:])


def transparent_palette(path):
    image = Image.new("P", (9, 9), 0)
    image.putpalette([10, 20, 30])
    image.save(path, transparency=0)


MADE = {
    "rgb.png": (lambda p: Image.new("RGB", (7, 99), (200, 40, 90)).save(p), (200, 40, 90)),
    "rgb.jpg": (lambda p: Image.new("RGB", (99, 7), (200, 40, 90)).save(p, quality=100), (200, 40, 90)),
    "one_pixel.png": (lambda p: Image.new("RGB", (1, 1), (200, 40, 90)).save(p), (200, 40, 90)),
    "grey.png": (lambda p: Image.new("L", (9, 9), 77).save(p), (77, 77, 77)),
    "bits.png": (lambda p: Image.new("1", (9, 9), 1).save(p), (255, 255, 255)),
    "palette.gif": (gif, (200, 40, 90)),
    "transparent_palette.png": (transparent_palette, (255, 255, 255)),
    "opaque.png": (lambda p: Image.new("RGBA", (9, 9), (200, 40, 90, 255)).save(p), (200, 40, 90)),
    "transparent.png": (lambda p: Image.new("RGBA", (9, 9), (200, 40, 90, 0)).save(p), (255, 255, 255)),
    "half.png": (lambda p: Image.new("LA", (9, 9), (0, 128)).save(p), (127, 127, 127)),
    "cmyk.jpg": (lambda p: Image.new("CMYK", (9, 9), (0, 255, 255, 0)).save(p, quality=100), (255, 0, 0)),
    "sixteen.png": (lambda p: Image.fromarray(np.full((9, 9), 0x8080, np.uint16)).save(p), (128, 128, 128)),
    "sixteen.tif": (lambda p: Image.fromarray(np.full((9, 9), 65535, np.uint16)).save(p), (255, 255, 255)),
    "thirty_two.tif": (lambda p: Image.fromarray(np.full((9, 9), 77, np.int32)).save(p), (77, 77, 77)),
    "fraction.tif": (lambda p: Image.fromarray(np.full((9, 9), 0.2, np.float32)).save(p), (51, 51, 51)),
    "rgb.webp": (lambda p: Image.new("RGB", (9, 9), (200, 40, 90)).save(p, lossless=True), (200, 40, 90)),
    "rgb.bmp": (lambda p: Image.new("RGB", (9, 9), (200, 40, 90)).save(p), (200, 40, 90)),
}


@pytest.mark.parametrize("name", MADE)
def test_an_image_of_any_mode_and_size(tmp_path, name):
    save, colour = MADE[name]
    save(tmp_path / name)
    image = data.load_image(tmp_path / name, size=16)
    assert image.shape == (16, 16, 3) and image.dtype == np.uint8
    assert np.abs(image.astype(int) - colour).max() <= 3


def test_a_photograph_on_its_side_is_turned_upright(tmp_path):
    pixels = np.zeros((8, 16, 3), np.uint8)
    pixels[:, :8] = 255  # white on the left; the camera says "turn clockwise", and left becomes top
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels).save(tmp_path / "side.png", exif=exif)
    image = data.load_image(tmp_path / "side.png", size=8)
    assert image[0].min() > 200 and image[-1].max() < 50


def test_a_folder_is_read_in_the_order_of_names(tmp_path):
    for name, grey in (("b.png", 2), ("a.png", 1), ("C.png", 0)):
        Image.new("L", (5, 5), grey).save(tmp_path / name)
    (tmp_path / ".DS_Store").write_text("passed over")
    (tmp_path / "more").mkdir()
    images, names = data.load_images(tmp_path, size=4)
    assert names == ["C.png", "a.png", "b.png"]
    assert images[:, 0, 0, 0].tolist() == [0, 1, 2]


@pytest.mark.parametrize("content", [b"", b"not an image", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\xff\xd8\xff\xe0"])
def test_a_file_that_is_not_an_image_is_named(tmp_path, content):
    (tmp_path / "holiday.jpg").write_bytes(content)
    with pytest.raises(ValueError, match=r"holiday\.jpg"):
        data.load_images(tmp_path)


def test_an_image_that_is_cut_short_is_named(tmp_path):
    path = tmp_path / "cut.png"
    Image.effect_noise((99, 99), 50).save(path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(ValueError, match=r"cut\.png"):
        data.load_image(path)


def test_a_folder_that_cannot_be_read(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        data.load_images(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="no images"):
        data.load_images(tmp_path)
    with pytest.raises(FileNotFoundError):
        data.load_image(tmp_path / "nothing.png")
    with pytest.raises(ValueError, match="at least 1"):
        data.load_image(tmp_path / "nothing.png", size=0)


def test_class_of_a_name():
    assert [data.class_of(name) for name in ("cat.1.jpg", "Cat2.png", "dog.cat.jpg", "dog.1.jpg")] == [1, 1, 0, 0]
    assert data.class_of("dog.1.jpg", "dog") == data.class_of("dog.1.jpg", "Dog") == 1

"""A folder of images for each class: the images, their labels and names; a broken image is named."""

import numpy as np
import pytest

from tinygraph.data import image_folder, load_image, load_images

Image = pytest.importorskip("PIL.Image")


def fill(folder, images):
    for name, grey in images.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (6, 4), (grey, 0, 0)).save(path)
    return folder


@pytest.fixture
def animals(tmp_path):
    fill(tmp_path, {"dog/b.png": 3, "cat/2.png": 2, "cat/1.png": 1, "cat/more/0.png": 4, "dog/.hidden.png": 9})
    fill(tmp_path, {".git/x.png": 7})
    (tmp_path / "readme.txt").write_text("passed over")
    return tmp_path


def test_classes_are_folders_in_the_order_of_their_names(animals):
    found = image_folder(animals, size=5)
    assert found.classes == ["cat", "dog"]
    assert found.names == ["cat/1.png", "cat/2.png", "cat/more/0.png", "dog/b.png"]
    assert found.labels.tolist() == [0, 0, 0, 1] and found.labels.dtype == np.int64
    assert found.images.shape == (4, 5, 5, 3) and found.images.dtype == np.uint8
    assert found.images[:, 0, 0, 0].tolist() == [1, 2, 4, 3]
    images, labels, classes, names = found
    assert images is found.images and names is found.names


def test_classes_that_are_named_are_read_in_that_order(animals):
    assert image_folder(animals, classes=["dog", "cat"]).labels.tolist() == [0, 1, 1, 1]
    assert image_folder(animals, classes=["dog"]).names == ["dog/b.png"]


@pytest.mark.parametrize(("size", "shape"), [(3, (3, 3)), ((2, 7), (2, 7)), (np.int64(4), (4, 4))])
def test_the_size_is_of_both_sides_or_height_and_width(animals, size, shape):
    assert image_folder(animals, size).images.shape == (4, *shape, 3)
    assert image_folder(animals, size, grey=True).images.shape == (4, *shape, 1)
    assert load_image(animals / "cat/1.png", size).shape == (*shape, 3)


def test_grey_is_brightness(tmp_path):
    Image.new("RGB", (2, 2), (100, 200, 50)).save(tmp_path / "x.png")
    images, _ = load_images(tmp_path, 2, grey=True)
    assert images.shape == (1, 2, 2, 1) and abs(int(images[0, 0, 0, 0]) - (0.299 * 100 + 0.587 * 200 + 0.114 * 50)) < 1


@pytest.mark.parametrize("content", [b"", b"not an image", b"\x89PNG\r\n\x1a\n"])
def test_a_broken_image_is_named(animals, content):
    (animals / "dog" / "holiday.jpg").write_bytes(content)
    with pytest.raises(ValueError, match=r"dog.holiday\.jpg.*Move it out of the folder"):
        image_folder(animals)


def test_an_image_that_is_cut_short_is_named(animals):
    path = animals / "cat" / "cut.png"
    Image.effect_noise((99, 99), 50).save(path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(ValueError, match=r"cut\.png"):
        image_folder(animals)


def test_folders_that_do_not_fit_are_refused(animals):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        image_folder(animals / "nowhere")
    with pytest.raises(ValueError, match=r"has no folder for each class.*load_images"):
        image_folder(animals / "dog")
    with pytest.raises(FileNotFoundError, match=r"has no folders fish.*cat, dog"):
        image_folder(animals, classes=["cat", "fish"])
    with pytest.raises(FileNotFoundError, match="named twice"):
        image_folder(animals, classes=["cat", "cat"])
    with pytest.raises(ValueError, match="at least 1"):
        image_folder(animals, size=(3, 0))
    (animals / "fish").mkdir()
    with pytest.raises(ValueError, match=r"no images in .*fish"):
        image_folder(animals)

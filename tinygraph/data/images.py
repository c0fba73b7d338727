"""Images from a folder, or from a folder for each class, of any size and mode, as one array."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["LabelledImages", "class_of", "image_folder", "load_image", "load_images"]

# Pixels: of both sides, or (height, width).
Size = int | tuple[int, int]


class LabelledImages(NamedTuple):
    """Images in folders, one folder for each class."""

    images: NDArray[np.uint8]  # (images, height, width, 3), or (images, height, width, 1) in grey
    labels: NDArray[np.int64]  # the places of their classes in `classes`
    classes: list[str]  # the names of the folders
    names: list[str]  # the paths of the images below the folder, "cat/1.jpg"


def image_folder(
    folder: str | os.PathLike[str],
    size: Size = 64,
    *,
    grey: bool = False,
    classes: Sequence[str] | None = None,
) -> LabelledImages:
    """Load a folder that has a folder of images for each class.

    Args:
        folder: the path. Hidden files and folders in it are skipped, and so are files beside the folders of the
            classes. Folders inside the folder of a class belong to it.
        size: each image is resized to `size` × `size`, or (height, width), pixels. Its proportions are lost.
        grey: make one channel of brightness instead of red, green and blue.
        classes: the folders that are read, in the order of their labels. By default all, in the order of their names.

    Returns:
        `LabelledImages`: images from 0 to 255, labels, the names of the classes, and the names of the files.

    Raises:
        FileNotFoundError: there is no such folder, or none of a class.
        ValueError: there are no folders in it, a class has no images, or a file is not an image; the message names it.
        ImportError: Pillow is not installed.
    """
    place = _folder(folder, "image_folder")
    found = sorted(path.name for path in place.iterdir() if path.is_dir() and not path.name.startswith("."))
    if not found:
        raise ValueError(
            f"image_folder: {str(folder)!r} has no folder for each class. `load_images` reads images without classes"
        )
    chosen = found if classes is None else list(classes)
    unknown = [name for name in chosen if name not in found]
    if unknown or len(set(chosen)) < len(chosen):
        problem = (
            f"has no folders {', '.join(unknown)}" if unknown else "gives each class a folder, and one is named twice"
        )
        raise FileNotFoundError(f"image_folder: {str(folder)!r} {problem}. Its folders are {', '.join(found)}")
    paths, labels = [], []
    for label, name in enumerate(chosen):
        inside = _images_below(place / name)
        if not inside:
            raise ValueError(f"image_folder: there are no images in {str(place / name)!r}")
        paths += inside
        labels += [label] * len(inside)
    names = [path.relative_to(place).as_posix() for path in paths]
    return LabelledImages(_loaded(paths, size, grey), np.array(labels, np.int64), chosen, names)


def load_images(
    folder: str | os.PathLike[str], size: Size = 64, *, grey: bool = False
) -> tuple[NDArray[np.uint8], list[str]]:
    """Load every image in a folder, in the order of the file names. `image_folder` loads a folder for each class.

    Args:
        folder: the path. Hidden files (".DS_Store") and folders in it are skipped.
        size: each image is resized to `size` × `size`, or (height, width), pixels. Its proportions are lost.
        grey: make one channel of brightness instead of red, green and blue.

    Returns:
        Numbers from 0 to 255, uint8 of shape (images, height, width, 3), in grey (images, height, width, 1), and the
        names of the files.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: the folder is empty, or a file is not an image; the message names the file.
        ImportError: Pillow is not installed.
    """
    place = _folder(folder, "load_images")
    paths = sorted(path for path in place.iterdir() if path.is_file() and not path.name.startswith("."))
    if not paths:
        raise ValueError(f"load_images: there are no images in {str(folder)!r}")
    return _loaded(paths, size, grey), [path.name for path in paths]


def load_image(path: str | os.PathLike[str], size: Size = 64, *, grey: bool = False) -> NDArray[np.uint8]:
    """Load one image as red, green and blue: uint8 of shape (height, width, 3), or (height, width, 1) in grey.

    A photograph taken with the camera on its side is turned upright. Transparency is laid on white. An animation gives
    its first frame. 16 bits are reduced to 8.

    Args:
        path: the path of the file.
        size: the image is resized to `size` × `size`, or (height, width), pixels. Its proportions are lost.
        grey: make one channel of brightness instead of red, green and blue.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not an image that Pillow can read, or `size` is below 1.
        ImportError: Pillow is not installed.
    """
    height, width = _height_and_width(size)
    try:
        from PIL import Image, ImageOps
    except ImportError as error:
        raise ImportError("load_image needs Pillow: pip install pillow") from error
    try:
        with warnings.catch_warnings(), Image.open(path) as image:
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            upright = _rgb(ImageOps.exif_transpose(_eight_bits(image)))
            coloured = upright.convert("L") if grey else upright
            resized = coloured.resize((width, height), Image.Resampling.BILINEAR)
    except FileNotFoundError:
        raise
    except Exception as error:  # Pillow's decoders raise OSError, SyntaxError, struct.error, and more
        raise ValueError(f"load_image: {os.fspath(path)!r} is not an image that can be read: {error}") from error
    return np.asarray(resized).reshape(height, width, -1)


def class_of(name: str, wanted: str = "cat") -> int:
    """Return 1 if the name of a file begins with `wanted`, in capitals or not; else 0."""
    return int(name.lower().startswith(wanted.lower()))


def _folder(folder: str | os.PathLike[str], call: str) -> Path:
    place = Path(folder)
    if not place.is_dir():
        raise FileNotFoundError(f"{call}: {str(folder)!r} is not a folder")
    return place


def _images_below(place: Path) -> list[Path]:
    """Return the files below a folder, without hidden ones, in the order of their paths."""
    paths = (path for path in place.rglob("*") if path.is_file())
    return sorted(path for path in paths if not any(part.startswith(".") for part in path.relative_to(place).parts))


def _loaded(paths: Sequence[Path], size: Size, grey: bool) -> NDArray[np.uint8]:
    """Return images in one array, which is filled image by image."""
    images = np.empty((len(paths), *_height_and_width(size), 1 if grey else 3), np.uint8)
    for image, path in zip(images, paths, strict=True):
        try:
            image[...] = load_image(path, size, grey=grey)
        except ValueError as error:
            skipped = "files and folders whose names begin with a dot are skipped"
            raise ValueError(f"{error}. Move it out of the folder; {skipped}") from error.__cause__
    return images


def _height_and_width(size: Size) -> tuple[int, int]:
    height, width = (size, size) if isinstance(size, int | np.integer) else size
    if height < 1 or width < 1:
        raise ValueError(f"load_image: the size must be at least 1, got {size}")
    return int(height), int(width)


def _eight_bits(image: Image.Image) -> Image.Image:
    """Return an image of 16-bit, 32-bit or floating pixels as grey from 0 to 255, and any other image unchanged."""
    from PIL import Image

    if not (image.mode.startswith("I") or image.mode == "F"):
        return image
    pixels: NDArray[Any] = np.nan_to_num(np.asarray(image, dtype=np.float64))
    highest = pixels.max(initial=0)
    # These modes do not define white: it is 1 for fractions, 65,535 for a 16-bit image, else 255.
    sixteen = image.mode.startswith("I;16") or highest > 255
    white = 1.0 if image.mode == "F" and highest <= 1 else 65535.0 if sixteen else 255.0
    grey = Image.fromarray(np.clip(np.round(pixels / white * 255), 0, 255).astype(np.uint8))
    grey.info = dict(image.info)
    return grey


def _rgb(image: Image.Image) -> Image.Image:
    from PIL import Image

    if "A" in image.getbands() or "a" in image.getbands() or "transparency" in image.info:
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")
    return image.convert("RGB")

"""Images from a folder, of any size and mode, as one array."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["class_of", "load_image", "load_images"]


def load_images(folder: str | os.PathLike[str], size: int = 64) -> tuple[NDArray[np.uint8], list[str]]:
    """Load every image in a folder, in the order of the file names.

    Args:
        folder: the path. Hidden files (".DS_Store") and folders in it are skipped.
        size: each image is resized to `size` × `size` pixels. Its proportions are lost.

    Returns:
        Red, green and blue from 0 to 255, uint8 of shape (images, size, size, 3), and the names of the files.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: the folder is empty, or a file is not an image; the message names the file.
        ImportError: Pillow is not installed.
    """
    place = Path(folder)
    if not place.is_dir():
        raise FileNotFoundError(f"load_images: {str(folder)!r} is not a folder")
    paths = sorted(path for path in place.iterdir() if path.is_file() and not path.name.startswith("."))
    if not paths:
        raise ValueError(f"load_images: there are no images in {str(folder)!r}")
    return np.stack([load_image(path, size) for path in paths]), [path.name for path in paths]


def load_image(path: str | os.PathLike[str], size: int = 64) -> NDArray[np.uint8]:
    """Load one image as red, green and blue: uint8 of shape (size, size, 3).

    A photograph taken with the camera on its side is turned upright. Transparency is laid on white. An animation gives
    its first frame. 16 bits are reduced to 8.

    Args:
        path: the path of the file.
        size: the image is resized to `size` × `size` pixels. Its proportions are lost.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not an image that Pillow can read, or `size` is below 1.
        ImportError: Pillow is not installed.
    """
    if size < 1:
        raise ValueError(f"load_image: the size must be at least 1, got {size}")
    try:
        from PIL import Image, ImageOps
    except ImportError as error:
        raise ImportError("load_image needs Pillow: pip install pillow") from error
    try:
        with warnings.catch_warnings(), Image.open(path) as image:
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            upright = ImageOps.exif_transpose(_eight_bits(image))
            resized = _rgb(upright).resize((size, size), Image.Resampling.BILINEAR)
    except FileNotFoundError:
        raise
    except Exception as error:  # Pillow's decoders raise OSError, SyntaxError, struct.error, and more
        raise ValueError(f"load_image: {os.fspath(path)!r} is not an image that can be read: {error}") from error
    return np.asarray(resized)


def class_of(name: str, wanted: str = "cat") -> int:
    """Return 1 if the name of a file begins with `wanted`, in capitals or not; else 0."""
    return int(name.lower().startswith(wanted.lower()))


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

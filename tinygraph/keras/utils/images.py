"""One image: from a file to an array, and back."""

from __future__ import annotations

import io
import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tinygraph.keras.config import floatx, image_data_format

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["array_to_img", "img_to_array", "load_img", "save_img"]

_MODES = {"grayscale": "L", "rgb": "RGB", "rgba": "RGBA"}
_GREY = ("L", "I;16", "I")  # 8, 16 and 32 bits
_INTERPOLATIONS = ("bicubic", "bilinear", "box", "hamming", "lanczos", "nearest")


def load_img(
    path: str | os.PathLike[str] | io.BytesIO,
    color_mode: str = "rgb",
    target_size: tuple[int, int] | None = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
) -> Image.Image:
    """Load an image as an object of Pillow, which `img_to_array` makes an array of.

    Args:
        path: of the file, or the bytes of one.
        color_mode: "rgb", "rgba" or "grayscale".
        target_size: (height, width) in pixels; None for those of the file.
        interpolation: "nearest", "bilinear", "bicubic", "lanczos", "box" or "hamming".
        keep_aspect_ratio: cut the middle of the image to the proportions of `target_size` before it is resized.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: an argument is unknown.
        ImportError: Pillow is not installed.
    """
    pillow = _pillow("load_img")
    if color_mode not in _MODES:
        raise ValueError(f"load_img: color_mode must be one of {', '.join(sorted(_MODES))}, got {color_mode!r}")
    if interpolation not in _INTERPOLATIONS:
        raise ValueError(f"load_img: interpolation must be one of {', '.join(_INTERPOLATIONS)}, got {interpolation!r}")
    with pillow.open(path if isinstance(path, io.BytesIO) else io.BytesIO(Path(path).read_bytes())) as file:
        file.load()
        is_as_asked = file.mode in _GREY if color_mode == "grayscale" else file.mode == _MODES[color_mode]
        image: Image.Image = file.copy() if is_as_asked else file.convert(_MODES[color_mode])
    if target_size is None or image.size == (target_size[1], target_size[0]):
        return image
    height, width = target_size
    box = _middle(image.size, (width, height)) if keep_aspect_ratio else None
    return image.resize((width, height), getattr(pillow.Resampling, interpolation.upper()), box=box)


def _middle(size: tuple[int, int], wanted: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return the largest box with the wanted proportions in the middle of an image: left, top, right and bottom."""
    cut = (min(size[0], size[1] * wanted[0] // wanted[1]), min(size[1], size[0] * wanted[1] // wanted[0]))
    left, top = (size[0] - cut[0]) // 2, (size[1] - cut[1]) // 2
    return left, top, left + cut[0], top + cut[1]


def img_to_array(img: Any, data_format: str | None = None, dtype: Any = None) -> NDArray[Any]:
    """Return an image of Pillow's as an array of shape (height, width, channels), with one channel in grey.

    Args:
        img: the image, or an array of shape (height, width) or (height, width, channels).
        data_format: "channels_last", or "channels_first" for (channels, height, width); None for Keras's setting.
        dtype: of the array; None for float32, or what `keras.config.set_floatx` set.

    Raises:
        ValueError: the image has another number of axes.
    """
    values = np.asarray(img, dtype=floatx() if dtype is None else dtype)
    if values.ndim == 2:
        values = values[:, :, np.newaxis]
    if values.ndim != 3:
        raise ValueError(
            f"img_to_array: an image has 2 or 3 axes, got shape {values.shape}. Write image[0] for a batch"
        )
    return values.transpose(2, 0, 1) if _is_first(data_format) else values


def array_to_img(x: Any, data_format: str | None = None, scale: bool = True, dtype: Any = None) -> Image.Image:
    """Return an array as an image of Pillow's.

    Args:
        x: shape (height, width, channels) with 1, 3 or 4 channels; a Tensor may be given.
        data_format: "channels_last", or "channels_first" for (channels, height, width); None for Keras's setting.
        scale: stretch the values so that the least is 0 and the largest 255. Else they must be from 0 to 255.
        dtype: the dtype that is computed in; None for float32, or what `keras.config.set_floatx` set.

    Raises:
        ValueError: the array has other axes or channels.
        ImportError: Pillow is not installed.
    """
    pillow = _pillow("array_to_img")
    values = np.array(getattr(x, "data", x) if hasattr(x, "requires_grad") else x, floatx() if dtype is None else dtype)
    if values.ndim != 3:
        raise ValueError(f"array_to_img: an image has 3 axes, got shape {values.shape}. Write images[0] for a batch")
    if _is_first(data_format):
        values = values.transpose(1, 2, 0)
    if values.shape[2] not in (1, 3, 4):
        raise ValueError(f"array_to_img: an image has 1, 3 or 4 channels, got shape {values.shape}")
    if scale:
        values = values - values.min()
        values = values / (values.max() or 1) * 255
    if values.shape[2] > 1:
        return pillow.fromarray(values.astype(np.uint8))  # type: ignore[no-any-return]
    grey = values[:, :, 0]
    most = grey.max()
    # Pillow writes no PNG of 32 bits.
    dtype = np.uint8 if most <= 255 else np.uint16 if most < 2**16 else np.int32
    return pillow.fromarray(grey.astype(dtype))  # type: ignore[no-any-return]


def save_img(
    path: str | os.PathLike[str] | io.BytesIO,
    x: Any,
    data_format: str | None = None,
    file_format: str | None = None,
    scale: bool = True,
    **options: Any,
) -> None:
    """Write an array into a file as an image: see `array_to_img`.

    Args:
        path: of the file, or an open one.
        x, data_format, scale: see `array_to_img`.
        file_format: "png", "jpeg", ...; None for what the name of the file ends in.
        options: of `PIL.Image.Image.save`.
    """
    kind = Path(path).suffix[1:] if file_format is None and not isinstance(path, io.BytesIO) else file_format or ""
    kind = "jpeg" if kind.lower() == "jpg" else kind.lower()
    image = array_to_img(x, data_format, scale)
    if image.mode == "RGBA" and kind == "jpeg":
        warnings.warn("save_img: a JPEG has no transparency, and the image is written without", stacklevel=2)
        image = image.convert("RGB")
    image.save(path, format=kind or None, **options)


def _is_first(data_format: str | None) -> bool:
    found = image_data_format() if data_format is None else data_format
    if found not in ("channels_first", "channels_last"):
        raise ValueError(f'data_format must be "channels_first" or "channels_last", got {found!r}')
    return found == "channels_first"


def _pillow(call: str) -> Any:
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(f"{call} needs Pillow: pip install pillow") from error
    return Image

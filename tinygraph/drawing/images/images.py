"""Values that are images: which they are, and how many of them a card shows.

(height, width), (height, width, 1 or 3)     one image
(batch, height, width, 1 or 3)               a batch
(batch, height, width, channels)             the maps of a convolution: those of the first image
(rows, columns, channels, filters)           a bank of kernels
(batch, height × width)                      a batch, and
(height × width, units)                      the columns of a weight, where `image_shape` says so
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from tinygraph.drawing.words.numbers import count, shape
from tinygraph.graph import Graph, Node

__all__ = [
    "ImageShape",
    "Images",
    "check_image_shape",
    "feature_maps",
    "images_in",
    "is_weight",
    "order_of",
    "shape_for",
    "shown_maps",
]

MOST_IMAGES = 16
LEAST_SIDE, SIDE_ALONE = 8, 16
LAYERS_OF_IMAGES = frozenset(("conv2d", "max_pool2d", "avg_pool2d"))

ImageShape = tuple[int, ...] | Mapping[str, tuple[int, ...]] | None
Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class Images:
    """Some images of one value.

    Attributes:
        pixels: shape (images, height, width) for grey, or (images, height, width, 3).
        words: which of the value's images they are.
        around_zero: True for weights, whose colours show the sign.
    """

    pixels: Array
    words: str
    around_zero: bool


def check_image_shape(given: ImageShape) -> None:
    """Raise ValueError for an `image_shape` that is no height and width with 1 or 3 channels."""
    for one in given.values() if isinstance(given, Mapping) else [given] if given is not None else []:
        whole = isinstance(one, tuple | list) and all(isinstance(size, int | np.integer) and size > 0 for size in one)
        if not whole or len(one) not in {2, 3} or (len(one) == 3 and one[2] not in {1, 3}):
            raise ValueError(
                f"draw: image_shape {one!r} is no image. "
                "Write (height, width), (height, width, 1) or (height, width, 3)"
            )


def feature_maps(graph: Graph) -> frozenset[int]:
    """Return the indices of the values that are batches of images with channels: of convolutions and around them."""
    found: set[int] = set()
    for node in graph.nodes:
        if node.op == "conv2d":
            found.update(o.index for o in node.operands[:1] if node.args[0] is o and len(o.shape) == 4)
    for node in graph.nodes:
        around = [o for o in node.operands if o.index in found and o.shape[:3] == node.shape[:3]]
        if len(node.shape) == 4 and (node.op in LAYERS_OF_IMAGES or (around and not node.is_input)):
            found.add(node.index)
    return frozenset(found)


def shown_maps(graph: Graph) -> frozenset[int]:
    """Return the indices of the maps to show: after the activation, and after the pooling."""
    maps = feature_maps(graph)

    def goes_on(node: Node) -> bool:
        users = graph.consumers(node)
        return any(
            user.index in maps and user.shape == node.shape and user.op not in LAYERS_OF_IMAGES for user in users
        )

    return frozenset(node.index for node in graph.nodes if node.index in maps and not goes_on(node))


def images_in(
    value: Array, asked: tuple[int, ...] | None, weight: bool, maps: bool, most: int = MOST_IMAGES
) -> Images | None:
    """Return the images of a value, None if it has none.

    Args:
        value: of any shape.
        asked: the shape of one image, as the user gave it.
        weight: True for a parameter.
        maps: True for a batch of images with any number of channels.
        most: images.
    """
    if value.size == 0 or value.dtype.kind not in "biuf":
        return None
    given = None if asked is None else _asked(value, asked, weight)
    if given is None and value.ndim == 4 and (maps or weight or value.shape[3] in {1, 3}):
        return _kernels(value, most) if weight else _batch(value, most)
    found = given or _alone(value)
    if found is None:
        return None
    pixels, words = found
    shown = f"the first {most} of {count(len(pixels))} {words}" if len(pixels) > most else ""
    return Images(pixels[:most], shown or (f"{len(pixels)} {words}" if len(pixels) > 1 else ""), weight)


def _asked(value: Array, asked: tuple[int, ...], weight: bool) -> tuple[Array, str] | None:
    """Return the images of the shape that the user gave: one, the columns of a weight, or the rows of a batch."""
    one = tuple(asked[:2]) if asked[2:] == (1,) else tuple(asked)
    order = order_of(value.shape, asked, weight)
    if order == "columns":
        return value.T.reshape(-1, *one), order
    return (value.reshape(-1, *one), "images") if order else None


def order_of(sizes: tuple[int, ...], asked: tuple[int, ...], weight: bool) -> str:
    """Return where images of the shape `asked` stand in an array: "one", "columns", "rows", or "" for nowhere."""
    size = prod(asked)
    if prod(sizes) == size:
        return "one"
    if len(sizes) == 2 and sizes[0] == size and (weight or sizes[1] != size):
        return "columns"
    return "rows" if len(sizes) >= 2 and prod(sizes[1:]) == size else ""


def _alone(value: Array) -> tuple[Array, str] | None:
    """Return the images of an array of two or three axes, None if its axes are those of no image."""
    height, width, *channels = value.shape if value.ndim in {2, 3} else (0, 0)
    if min(height, width) >= SIDE_ALONE and max(height, width) <= 2 * min(height, width) and channels in ([], [1], [3]):
        return value.reshape(1, height, width, *([3] if channels == [3] else [])), "images"
    if channels and channels[0] == width >= LEAST_SIDE:
        return value, "images"
    return None


def _batch(value: Array, most: int) -> Images | None:
    size, height, width, channels = value.shape
    if min(height, width) < 2:
        return None
    if channels in {1, 3}:
        pixels = value[:most, :, :, 0] if channels == 1 else value[:most]
        words = f"the first {most} of {count(size)} images" if size > most else f"{size} images" if size > 1 else ""
        return Images(pixels, words, False)
    pixels = np.moveaxis(value[0], 2, 0)[:most]
    shown = f"the first {most} of {channels}" if channels > most else f"the {channels}"
    return Images(pixels, f"{shown} maps of the first of {count(size)} images" if size > 1 else f"{shown} maps", False)


def _kernels(value: Array, most: int) -> Images | None:
    rows, columns, channels, filters = value.shape
    if min(rows, columns) < 2:
        return None
    shown = (
        f"the first {most} of {count(filters)} kernels" if filters > most else f"{filters} kernel{'s' * (filters > 1)}"
    )
    of = f", channel 1 of {channels}" if channels > 1 else ""
    return Images(np.moveaxis(value[:, :, 0], 2, 0)[:most], f"{shown} of {shape((rows, columns))}{of}", True)


def shape_for(names: Iterable[str], given: ImageShape) -> tuple[int, ...] | None:
    """Return the image shape that the user gave for a value, by any of its names."""
    if isinstance(given, Mapping):
        return next((given[name] for name in names if name in given), None)
    return given


def is_weight(node: Node) -> bool:
    """Return whether a node is a parameter."""
    return node.is_input and node.requires_grad

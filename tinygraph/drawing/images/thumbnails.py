"""The images of a value as one small picture in its card, without a library for images.

The picture has a PNG of its own. Graphviz reads no picture out of its text: it lays out a block of that size, and
`svg.py` puts the picture in its place.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from tinygraph.drawing.images.images import (
    Images,
    ImageShape,
    feature_maps,
    images_in,
    is_weight,
    order_of,
    shape_for,
)
from tinygraph.drawing.images.png import of_colours, of_palette
from tinygraph.drawing.words.numbers import number
from tinygraph.graph.replay import replayed

__all__ = ["Thumbnail", "check_fits", "thumbnails"]

# The longest side of an image, in pixels, by the most images that it holds for.
SIDES = ((1, 96), (4, 48), (16, 32))
COLUMNS = 4
GAP, GAP_OF_WEIGHTS = 2, 5
# So that a picture stays under 200 kB: with fewer images on each card where they are many.
MOST_BYTES = 100_000
FEWER = (16, 8, 4, 1)

LEVELS = 253
WRONG, CLEAR = 254, 255
RED = (176, 0, 32)
# Green above 0 and purple below, as in a printed atlas.
BELOW, ZERO, ABOVE = (118, 42, 131), (247, 247, 247), (0, 122, 62)

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Thumbnail:
    """A picture in a card.

    Attributes:
        width, height: in pixels.
        png: the file.
        words: which images they are, and the numbers at the ends of the colours unless the card has them; maybe "".
    """

    width: int
    height: int
    png: bytes
    words: str

    @cached_property
    def address(self) -> str:
        """The picture as an address that holds it."""
        return f"data:image/png;base64,{base64.b64encode(self.png).decode()}"


def thumbnails(scene: Any, asked: ImageShape) -> dict[str, Thumbnail]:
    """Return the pictures of the values and constants that are images, by the id of their box.

    Values that the record has freed are computed again, as far as that is possible.

    Args:
        scene: see `Scene`.
        asked: the shapes of images that are rows or columns of a matrix, as the user gave them.
    """
    cards = [box for box in scene.boxes if box.kind in {"variable", "constant"}]
    freed = {box.node.index for box in cards if box.constant is None and box.node.value is None and box.node.shape}
    again = replayed(scene.graph, freed) if freed else {}
    maps = feature_maps(scene.graph)
    found: dict[str, Thumbnail] = {}
    for most in FEWER:
        found = {box.id: made for box in cards if (made := _of(box, scene, asked, again, maps, most)) is not None}
        if sum(len(each.png) for each in found.values()) <= MOST_BYTES:
            break
    return found


def check_fits(scene: Any, asked: ImageShape) -> None:
    """Raise ValueError for an image shape that fits no value, or not the value of that name."""
    cards = [box for box in scene.boxes if box.kind in {"variable", "constant"}]
    every = {name: card for card in reversed(cards) for name in _names(card, scene)}
    for name, shape in asked.items() if isinstance(asked, Mapping) else [("", asked)] if asked is not None else []:
        if name and name not in every:
            known = ", ".join(sorted(every)) or "none"
            raise ValueError(
                f"draw: image_shape names {name!r}, which has no card in this picture; those with one: {known}"
            )
        tried = [every[name]] if name else cards
        if not any(order_of(_sizes(card), shape, _is_weight(card)) for card in tried):
            of = f"{name} has shape {_sizes(tried[0])}" if name else "no value has that size, or rows or columns of it"
            raise ValueError(
                f"draw: image_shape {tuple(shape)} is {prod(shape)} numbers, and {of}. "
                "Give the height and the width of one image, which is the whole array, a row or a column"
            )


def _names(box: Any, scene: Any) -> list[str]:
    names = [box.name] if box.constant is not None else [box.node.name or "", scene.names[box.node.index]]
    return [name for name in names if name]


def _sizes(box: Any) -> tuple[int, ...]:
    return tuple(box.node.shape if box.constant is None else box.constant.shape)


def _is_weight(box: Any) -> bool:
    return box.constant is None and is_weight(box.node)


def _of(
    box: Any, scene: Any, asked: ImageShape, again: dict[int, Array], maps: frozenset[int], most: int
) -> Thumbnail | None:
    """Return the picture of a card, None if its value is no image or is not known."""
    own = box.node.value if box.constant is None else box.constant
    value = own if own is not None else again.get(box.node.index)
    if not isinstance(value, np.ndarray):
        return None
    is_map = box.constant is None and box.node.index in maps
    is_bank = _is_weight(box) and not is_map  # images with a gradient are images: those that a network is asked about
    images = images_in(value, shape_for(_names(box, scene), asked), is_bank, is_map, most)
    return None if images is None else _thumbnail(images, value, own is None)


def _thumbnail(images: Images, value: Array, computed_again: bool) -> Thumbnail:
    with np.errstate(all="ignore"):
        finite = value[np.isfinite(value)].astype(np.float64)
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
        if images.around_zero:
            high = max(abs(low), abs(high))
            low = -high
        small = _fitted(images.pixels.astype(np.float64))
        scaled = (small / 2 - low / 2) / ((high / 2 - low / 2) or 1.0)  # halves, so that no difference overflows
    grid = _grid(scaled, GAP_OF_WEIGHTS if images.around_zero else GAP)
    png = _of_colours(grid) if grid.ndim == 3 else of_palette(_places(grid), _palette(images.around_zero))
    ends = [number(low, 2), *(["0"] if images.around_zero else []), number(high, 2)]
    said = " … ".join(ends) if images.around_zero or computed_again else ""  # the card has the ends of a kept value
    told = [images.words, said, "computed again" if computed_again else ""]
    return Thumbnail(grid.shape[1], grid.shape[0], png, " · ".join(filter(None, told)))


def _fitted(pixels: Array) -> Array:
    """Return images at the size they are shown in: each pixel several times, or the means of blocks of pixels."""
    side = next((side for most, side in SIDES if len(pixels) <= most), SIDES[-1][1])
    longest = max(pixels.shape[1:3])
    if longest <= side:
        return pixels.repeat(side // longest, axis=1).repeat(side // longest, axis=2)
    block = -(-longest // side)
    for axis in (1, 2):
        starts = np.arange(0, pixels.shape[axis], block)
        sizes = np.diff([*starts, pixels.shape[axis]])
        shape = [len(starts) if at == axis else 1 for at in range(pixels.ndim)]
        pixels = np.add.reduceat(pixels, starts, axis=axis) / sizes.reshape(shape)
    return pixels


def _grid(pixels: Array, gap: int) -> Array:
    """Return images beside and under one another, with −1 between them."""
    size, height, width = pixels.shape[:3]
    columns = min(size, COLUMNS)
    rows = -(-size // columns)
    whole = (rows * (height + gap) - gap, columns * (width + gap) - gap, *pixels.shape[3:])
    grid = np.full(whole, -1.0)
    for place, image in enumerate(pixels):
        top, left = place // columns * (height + gap), place % columns * (width + gap)
        grid[top : top + height, left : left + width] = image
    return grid


def _places(grid: Array) -> Array:
    """Return the colours of shares from 0 to 1: places in the palette."""
    finite = np.isfinite(grid)
    levels = np.rint(np.clip(np.where(finite, grid, 0), 0, 1) * (LEVELS - 1)).astype(np.uint8)
    return np.where(grid == -1, CLEAR, np.where(finite, levels, WRONG)).astype(np.uint8)


def _palette(around_zero: bool) -> Array:
    shares = np.linspace(0, 1, LEVELS)
    colours = np.zeros((256, 4), np.uint8)
    for part in range(3):
        ends = [BELOW[part], ZERO[part], ABOVE[part]] if around_zero else [0, 127.5, 255]
        colours[:LEVELS, part] = np.rint(np.interp(shares, [0, 0.5, 1], ends))
    colours[:WRONG, 3] = 255
    colours[WRONG] = (*RED, 255)
    return colours


def _of_colours(grid: Array) -> bytes:
    finite = np.all(np.isfinite(grid), axis=2, keepdims=True)
    cells = np.zeros((*grid.shape[:2], 4), np.uint8)
    cells[..., :3] = np.rint(np.clip(np.where(finite, grid, 0), 0, 1) * 255)
    cells[..., :3] = np.where(finite, cells[..., :3], RED)
    cells[..., 3] = np.where(np.all(grid == -1, axis=2), 0, 255)
    return of_colours(cells)

"""Layers that add and take away the margins of sequences, images and volumes: ZeroPadding, Cropping."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.nn.over_axes import Resized
from tinygraph.nn.windowed import numbers

__all__ = ["Cropping1D", "Cropping2D", "Cropping3D", "ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D"]

Edges = int | tuple[Any, ...] | list[Any]


class ZeroPadding1D(Resized):
    """Zeros before and after a sequence.

    Args:
        padding: how many steps, one int or (before, after).
        data_format: "channels_last", the default, or "channels_first" for x of shape (batch, channels, steps).
        name: see `Layer`.

    Called on x of shape (batch, steps, channels) it returns shape (batch, before + steps + after, channels).

    Raises:
        ShapeError: the batch has another number of axes.
        ValueError: a number is negative.
    """

    rank = 1

    def __init__(self, padding: Edges = 1, data_format: str | None = None, **options: Any) -> None:
        super().__init__(data_format, **options)
        self.padding = numbers("ZeroPadding1D", "padding", padding, 2, 0)

    def _resized(self, x: Any) -> Any:
        return np.pad(x, ((0, 0), self.padding, (0, 0)))


class ZeroPadding2D(Resized):
    """Zeros around images.

    Args:
        padding: how many pixels: one int, (vertical, horizontal), or ((top, bottom), (left, right)).
        data_format: "channels_last", the default, or "channels_first" for x of shape (batch, channels, height, width).
        name: see `Layer`.

    Called on x of shape (batch, height, width, channels) it returns shape (batch, top + height + bottom, left + width
    + right, channels).

    Raises:
        ShapeError: the batch has another number of axes.
        ValueError: a number is negative.
    """

    def __init__(self, padding: Edges = 1, data_format: str | None = None, **options: Any) -> None:
        super().__init__(data_format, **options)
        self.padding = edges("ZeroPadding2D", "padding", padding)

    def _resized(self, x: Any) -> Any:
        return np.pad(x, ((0, 0), *self.padding, (0, 0)))


class ZeroPadding3D(Resized):
    """Zeros around volumes.

    Args:
        padding: how many: one int, one for each axis, or three pairs (before, after).
        data_format, name: as of `ZeroPadding2D`.

    Raises:
        ShapeError: the batch has another number of axes.
        ValueError: a number is negative.
    """

    rank = 3

    def __init__(
        self, padding: Edges = ((1, 1), (1, 1), (1, 1)), data_format: str | None = None, **options: Any
    ) -> None:
        super().__init__(data_format, **options)
        self.padding = edges("ZeroPadding3D", "padding", padding, 3)

    def _resized(self, x: Any) -> Any:
        return np.pad(x, ((0, 0), *self.padding, (0, 0)))


class Cropping1D(Resized):
    """Sequences without their first and last steps.

    Args:
        cropping: how many steps, one int or (before, after).
        name: see `Layer`.

    Called on x of shape (batch, steps, channels) it returns shape (batch, steps − before − after, channels).

    Raises:
        ShapeError: nothing is left, or the batch has another number of axes.
        ValueError: a number is negative.
    """

    rank = 1

    def __init__(self, cropping: Edges = (1, 1), **options: Any) -> None:
        super().__init__(None, **options)
        self.cropping = numbers("Cropping1D", "cropping", cropping, 2, 0)

    def _resized(self, x: Any) -> Any:
        return inside(self, x, (self.cropping,))


class Cropping2D(Resized):
    """Images without their edges.

    Args:
        cropping: how many pixels: one int, (vertical, horizontal), or ((top, bottom), (left, right)).
        data_format: "channels_last", the default, or "channels_first" for x of shape (batch, channels, height, width).
        name: see `Layer`.

    Called on x of shape (batch, height, width, channels) it returns shape (batch, height − top − bottom, width − left
    − right, channels).

    Raises:
        ShapeError: nothing is left, or the batch has another number of axes.
        ValueError: a number is negative.
    """

    def __init__(self, cropping: Edges = ((0, 0), (0, 0)), data_format: str | None = None, **options: Any) -> None:
        super().__init__(data_format, **options)
        self.cropping = edges("Cropping2D", "cropping", cropping)

    def _resized(self, x: Any) -> Any:
        return inside(self, x, self.cropping)


class Cropping3D(Resized):
    """Volumes without their edges.

    Args:
        cropping: how many: one int, one for each axis, or three pairs (before, after).
        data_format, name: as of `Cropping2D`.

    Raises:
        ShapeError: nothing is left, or the batch has another number of axes.
        ValueError: a number is negative.
    """

    rank = 3

    def __init__(
        self, cropping: Edges = ((1, 1), (1, 1), (1, 1)), data_format: str | None = None, **options: Any
    ) -> None:
        super().__init__(data_format, **options)
        self.cropping = edges("Cropping3D", "cropping", cropping, 3)

    def _resized(self, x: Any) -> Any:
        return inside(self, x, self.cropping)


def inside(layer: Resized, x: Any, cropping: tuple[tuple[int, ...], ...]) -> Any:
    """Return a batch, its channels last, without its edges.

    Raises:
        ShapeError: nothing is left of an axis.
    """
    if any(sum(cut) >= size for cut, size in zip(cropping, x.shape[1:-1], strict=True)):
        raise layer.misfit(f"nothing is left of a batch of shape {x.shape} after cropping {layer.cropping}")  # type: ignore[attr-defined]
    return x[(slice(None), *(slice(a, size - b) for (a, b), size in zip(cropping, x.shape[1:-1], strict=True)))]


def edges(call: str, name: str, value: Any, rank: int = 2) -> tuple[tuple[int, ...], ...]:
    """Return a pair (before, after) for each axis, ((top, bottom), (left, right)), from one int, one an axis, or all.

    Raises:
        TypeError: a number is no int.
        ValueError: a number is negative, or their number is another.
    """
    given = tuple(value) if isinstance(value, tuple | list) else (value,) * rank
    if len(given) != rank:
        several = {2: "two", 3: "three"}[rank]
        raise ValueError(f"{call}: {name} must be one number, or {several}, or {several} pairs, got {value!r}")
    return tuple([numbers(call, name, item, 2, 0) for item in given])

"""Slices of images: the rows and columns that they begin at, and the products that they are factors of."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from tinygraph.compiler.program.facts import TRANSPOSING
from tinygraph.compiler.program.reshaping import axes_of, is_reshape
from tinygraph.compiler.program.steps import Step

__all__ = [
    "Grid", "Place", "Slice", "factors_of", "grid_of", "moves_of", "places_of", "slice_of", "turned_matrix", "unshaped",
]  # fmt: skip

# So many products are worth a convolution: of fewer the windows are as thin as the pixels.
FEWEST = 4

Place = tuple[int, int]


class Slice(NamedTuple):
    """A slice of images, every `steps`-th pixel from a place on.

    Attributes:
        images: shape (images, height, width, channels).
        at: its first row and column.
        steps: between its rows, and between its columns.
    """

    images: Step
    at: Place
    steps: Place


def places_of(index: Any) -> tuple[Place, Place] | None:
    """Return the first place of an index that takes rows and columns of images, and its steps."""
    if type(index) is not tuple or not 3 <= len(index) <= 4 or any([type(item) is not slice for item in index]):
        return None
    if any([item != slice(None) for item in (index[0], *index[3:])]):
        return None
    rows, columns = index[1:3]
    if any([(item.start or 0) < 0 or (item.step or 1) < 1 for item in (rows, columns)]):
        return None
    return (rows.start or 0, columns.start or 0), (rows.step or 1, columns.step or 1)


def slice_of(x: Any) -> Slice | None:
    """Return the slice that a step is; None for any other step."""
    if type(x) is not Step or x.function is not operator.getitem or len(x.shape) != 4 or 0 in x.shape:
        return None
    whole, found = x.args[0], places_of(x.args[1])
    if found is None or type(whole) is not Step or len(whole.shape) != 4 or x.dtype.char not in "fd":
        return None
    return Slice(whole, *found)


class Grid(NamedTuple):
    """The places of a kernel.

    Attributes:
        first: the first row and column of the slices.
        size: the rows and columns of the kernel.
    """

    first: Place
    size: Place

    @property
    def places(self) -> list[Place]:
        """The places of the slices, row by row."""
        (top, left), (rows, columns) = self.first, self.size
        return [(top + row, left + column) for row in range(rows) for column in range(columns)]


def grid_of(places: Sequence[Place]) -> Grid | None:
    """Return the grid that some places fill, each of them once; None if they do not."""
    if len(places) < FEWEST or len(places) != len({*places}):
        return None
    (top, bottom), (left, right) = [(min(axis), max(axis)) for axis in zip(*places, strict=True)]
    grid = Grid((top, left), (bottom - top + 1, right - left + 1))
    return grid if sorted(places) == grid.places else None


def moves_of(steps: Place) -> tuple[tuple[int, int, int], ...]:
    """Return the moves of a window, as the kernels for images take them: (stride, dilation, padding before)."""
    return tuple([(step, 1, 0) for step in steps])


def unshaped(x: Any) -> Any:
    """Return what was reshaped, or is x of x[...]."""
    while type(x) is Step and (is_reshape(x) or _is_whole(x)) and type(x.args[0]) is Step:
        x = x.args[0]
    return x


def _is_whole(x: Step) -> bool:
    return x.function is operator.getitem and x.args[1] is Ellipsis


def turned_matrix(x: Any) -> Step | None:
    """Return the matrix that a step is the transpose of."""
    if type(x) is not Step or x.function not in TRANSPOSING or len(x.shape) != 2 or axes_of(x) != (1, 0):
        return None
    return x.args[0] if type(x.args[0]) is Step else None


def factors_of(x: Any) -> tuple[Step, Step] | None:
    """Return the factors of rows times a matrix, however the product and its rows were reshaped."""
    x = unshaped(x)
    if type(x) is not Step or x.function not in (np.matmul, np.dot) or x.kwargs or x.dtype.char not in "fd":
        return None
    rows, matrix = x.args
    if type(rows) is not Step or type(matrix) is not Step or len(matrix.shape) != 2 or len(rows.shape) < 2:
        return None
    fits = rows.dtype == matrix.dtype == x.dtype
    inner = unshaped(rows)
    return (inner if inner.shape[-1:] == rows.shape[-1:] else rows, matrix) if fits else None

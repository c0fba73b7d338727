"""An array as a page shows it: its numbers where they are few, else a map of its cells in colours around 0."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from tinygraph.drawing.words.facts import nonfinite_text
from tinygraph.drawing.words.numbers import number

__all__ = ["MOST_CELLS", "content"]

MOST_CELLS = 32
MOST_NUMBERS = 16
MOST_ROWS = 6
NOT_FINITE = -128

Array = np.ndarray[Any, Any]


def content(value: Array | None) -> dict[str, Any]:
    """Return the numbers of an array, or its map; {} for a scalar, and for an array that has neither.

    Returns:
        {"numbers": rows of texts}, for at most 16 numbers or 6 rows and columns; or {"map": the cells from -127 to 127
        in base 64, -128 for one that is not finite, "rows", "columns", "most": the number of 127, as text}.
    """
    if value is None or value.ndim == 0 or value.size == 0 or value.dtype.kind not in "biuf":
        return {}
    if value.ndim > 2:
        return {}
    table = value.reshape(1, -1) if value.ndim == 1 else value
    if value.size <= MOST_NUMBERS or max(table.shape) <= MOST_ROWS:
        return {"numbers": [[number(item) for item in row] for row in table]}
    return _map(table)


def _map(table: Array) -> dict[str, Any]:
    cells = _downsampled(table.astype(np.float64))
    finite = np.isfinite(cells)
    most = float(np.abs(cells[finite]).max()) if finite.any() else 0.0
    with np.errstate(invalid="ignore"):
        scaled = np.where(finite, np.rint(cells / (most or 1.0) * 127), NOT_FINITE).astype(np.int8)
    shown = {"map": base64.b64encode(scaled.tobytes()).decode(), "rows": cells.shape[0], "columns": cells.shape[1]}
    return shown | {"most": number(most), "of": nonfinite_text(table)}


def _downsampled(table: Array) -> Array:
    """Return the means of blocks of cells, at most 32 rows and columns of them. A block with a NaN is one."""
    for axis in (0, 1):
        size = table.shape[axis]
        if size > MOST_CELLS:
            edges = np.arange(MOST_CELLS + 1) * size // MOST_CELLS
            with np.errstate(invalid="ignore", over="ignore"):
                sums = np.add.reduceat(table, edges[:-1], axis=axis)
            widths = np.diff(edges).reshape((-1, 1) if axis == 0 else (1, -1))
            table = sums / widths
    return table

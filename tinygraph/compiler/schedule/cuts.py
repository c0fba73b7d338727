"""Cuts: the pieces in which one thread of BLAS computes a product of two matrices quickest.

x @ y, rows       (x.reshape(4, m / 4, k) @ y).reshape(m, n)
x @ y, columns    the same with the columns of y and of the result
x @ y, sum        np.sum(x.reshape(m, 4, k / 4).transpose(1, 0, 2) @ y.reshape(4, k / 4, n), axis=0)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from tinygraph.compiler.schedule.blas_library import multiplies_small_at_once

__all__ = ["Cut", "Factors", "cut_of", "is_in_pieces"]

# OpenBLAS, for processors with AVX-512, computes a product of up to a million multiplications without copying its
# matrices into another order first. In such pieces a product took a tenth to nine tenths of the time, and with kernels
# for AVX2 the same time.
AT_ONCE = 900_000
PIECES = 64

# Of so many operations a product is done as quickly in one piece, on one thread or several.
LARGE = 40_000_000

# In pieces along the axis that is added up, each must have so many numbers, and the result be so much smaller.
LENGTH = 128
LONGER = 6

# A piece with some of the rows must have so many; the second number is for a first matrix that is transposed. Where
# rows are fewer than columns, the second matrix must be so small that it stays in cache from piece to piece, and the
# rows of a piece must be a multiple of the first number: 33 rows by 512 columns take 31 microseconds in three pieces of
# rows or in one, and 24 in four pieces of columns.
ROWS = (4, 8)
CACHED = 1 << 19

# A second matrix that is transposed is multiplied at once where it has rows of so many numbers, and the result has so
# few. So a gradient d @ w.T has pieces of 16 columns, or 8: one of 64x784 and 784x256 took 250 microseconds, not 360.
LONG_ROWS = 64
RESULT = 1_200
WIDTHS = (16, 8)

# If its rows are of fewer bytes it is copied in pieces of so many columns: a product of 20x13 and a transposed 12288x13
# took 120 microseconds instead of 220. Matrices with longer rows take as long to copy as that saves. A matrix that is
# not transposed needs no copy, and gains where its columns are not longer than so many bytes.
SHORT_TO_COPY = 128
COLUMNS = 256
SHORT = 512

# If it is transposed and the first is not, a sum in pieces gains where the result has no more rows and columns.
FEW = 32


@dataclass(frozen=True)
class Factors:
    """Two matrices that are multiplied: one of m rows and k columns, and one of k rows and n columns.

    Attributes:
        itemsize: the bytes of a number.
        x_is_transposed, y_is_transposed: the matrix is the transpose of one that lies in one piece of memory.
    """

    m: int
    k: int
    n: int
    itemsize: int
    x_is_transposed: bool = False
    y_is_transposed: bool = False

    @property
    def size(self) -> int:
        """The number of multiplications."""
        return self.m * self.k * self.n


@dataclass(frozen=True)
class Cut:
    """The pieces of a product.

    Attributes:
        along: what is divided: the rows of the result, its columns, or the axis that is added up.
        pieces: their number, a divisor of what is divided.
        is_copied: the second matrix is copied in pieces first.
    """

    along: Literal["rows", "columns", "sum"]
    pieces: int
    is_copied: bool = False


def cut_of(factors: Factors) -> Cut | None:
    """Return the pieces that a product is quickest in; None if it had better be whole."""
    for form in (_of_few_columns, _along_sum, _along_columns, _along_rows, _along_columns_at_last):
        found = form(factors)
        if found is not None:
            return found
    return None


def is_in_pieces(left: tuple[int, ...], right: tuple[int, ...]) -> bool:
    """Return whether the products of several matrices with one are quicker than that of all their rows at once.

    Args:
        left: the shape of the matrices.
        right: the shape of the one.
    """
    size = math.prod(left) * right[1]
    return size // math.prod(left[:-2]) <= AT_ONCE < size < LARGE / 2 and multiplies_small_at_once()


def _of_few_columns(x_y: Factors) -> Cut | None:
    """Return pieces of 16 columns, for a second matrix that is transposed."""
    if x_y.x_is_transposed or not x_y.y_is_transposed or not multiplies_small_at_once():
        return None
    if x_y.k < LONG_ROWS or x_y.m * x_y.n <= RESULT:
        return None
    most = min(RESULT, AT_ONCE // x_y.k)
    width = next((item for item in WIDTHS if x_y.n % item == 0 and x_y.m * item <= most), x_y.n)
    return None if width == x_y.n else Cut("columns", x_y.n // width)


def _along_rows(x_y: Factors) -> Cut | None:
    m, k, n = x_y.m, x_y.k, x_y.n
    pieces = _pieces(m, x_y.size)
    if pieces == 1 or x_y.y_is_transposed or 2 * x_y.size >= LARGE:
        return None
    if m < max(k, n) and not multiplies_small_at_once():
        return None
    if m < max(k, n) and (m // pieces < ROWS[x_y.x_is_transposed] or k * n * x_y.itemsize > CACHED):
        return None
    if m < max(k, n) and not x_y.x_is_transposed and m // pieces % ROWS[0]:
        return None
    return Cut("rows", pieces)


def _along_sum(x_y: Factors) -> Cut | None:
    m, k, n = x_y.m, x_y.k, x_y.n
    pieces = _pieces(k, x_y.size)
    if pieces == 1 or k // pieces < LENGTH or k < LONGER * max(m, n) or 2 * x_y.size >= LARGE:
        return None
    if x_y.y_is_transposed and not (multiplies_small_at_once() and (x_y.x_is_transposed or max(m, n) <= FEW)):
        return None
    return Cut("sum", pieces)


def _along_columns(x_y: Factors) -> Cut | None:
    m, k, n = x_y.m, x_y.k, x_y.n
    if not AT_ONCE < x_y.size < LARGE / 2 or n < LONGER * max(m, k) or not multiplies_small_at_once():
        return None
    is_copied = x_y.y_is_transposed
    pieces = _pieces(n, max(m * k, AT_ONCE // COLUMNS if is_copied else 0) * n)
    if pieces == 1 or k * x_y.itemsize > (SHORT_TO_COPY if is_copied else SHORT):
        return None
    return Cut("columns", pieces, is_copied)


def _along_columns_at_last(x_y: Factors) -> Cut | None:
    """Return pieces with some of the columns, where the rows are not to be divided: 31 or 33."""
    m, k, n = x_y.m, x_y.k, x_y.n
    pieces = _pieces(n, x_y.size)
    if x_y.x_is_transposed or x_y.y_is_transposed or m >= max(k, n) or 2 * x_y.size >= LARGE:
        return None
    if k * n * x_y.itemsize > CACHED or pieces == 1 or n // pieces < WIDTHS[0] or m < ROWS[0] * pieces:
        return None
    return Cut("columns", pieces) if multiplies_small_at_once() else None


def _pieces(length: int, size: int) -> int:
    """Return the number of pieces that a product is quickest in: a divisor of the length, at best a power of two."""
    least = max(1, -(-size // AT_ONCE))
    most = 1 << (least - 1).bit_length()
    if most <= PIECES and length % most == 0:
        return most
    return next((pieces for pieces in range(least, min(2 * least, PIECES) + 1) if length % pieces == 0), 1)

"""Products in pieces: a large product of matrices is cut, where the schedule will not cut it anyway.

It is a rewrite, from graph to graph, and stands here since it asks what the schedule will do.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygraph.compiler.kernels.image_calls import IMAGE_FUNCTIONS
from tinygraph.compiler.kernels.products import turned_product
from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.facts import TRANSPOSING
from tinygraph.compiler.program.predicates import looks_like_view, takes_out
from tinygraph.compiler.program.reshaping import is_reshape
from tinygraph.compiler.program.rewriting import rewritten_by_originals
from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.schedule.batch import Batch
from tinygraph.compiler.schedule.batches import batches_of
from tinygraph.compiler.schedule.blas_library import multiplies_small_at_once
from tinygraph.compiler.schedule.blas_threads import load_of, setting_of
from tinygraph.compiler.schedule.division import processors
from tinygraph.compiler.schedule.items import calls_alone
from tinygraph.graph import Graph

__all__ = ["divide_products"]

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


def divide_products(graph: Graph) -> Graph:
    """x @ y  ->  np.sum(x.reshape(m, 4, k / 4).transpose(1, 0, 2) @ y.reshape(4, k / 4, n), axis=0), where k is long;
    x @ y  ->  (x.reshape(4, m / 4, k) @ y).reshape(m, n), where m is long enough;
    x @ y  ->  turned_product(x, y.reshape(k, 4, n / 4).transpose(1, 0, 2), (1, 0, 2)).reshape(m, n), where n is.
    """
    if any(step.function in IMAGE_FUNCTIONS for step in graph.nodes):  # their products are in pieces already
        return graph

    # In pieces, too: a few examples each.
    inside = {step.index for part in batches_of(graph, {}) if isinstance(part, Batch) for step in part.steps}
    by_blas = frozenset() if inside else _by_blas(graph)

    def change(builder: Builder, step: Step, original: Step) -> Step | None:
        if original.index in inside or original.index in by_blas:
            return None
        if step.function not in (np.matmul, np.dot) or step.kwargs or not _are_whole(step) or min(step.shape) < 2:
            return None
        for form in (_of_few_columns, _along_sum, _along_columns, _along_rows, _along_columns_at_last):
            product = form(builder, step)
            if product is not None:
                return product
        return None

    return rewritten_by_originals(graph, change)


def is_in_pieces(left: tuple[int, ...], right: tuple[int, ...]) -> bool:
    """Return whether the products of several matrices with one are quicker than that of all their rows at once.

    Args:
        left: the shape of the matrices.
        right: the shape of the one.
    """
    size = math.prod(left) * right[1]
    return size // math.prod(left[:-2]) <= AT_ONCE < size < LARGE / 2 and multiplies_small_at_once()


def _of_few_columns(builder: Builder, step: Step) -> Step | None:
    """Append a product with a transposed matrix whose pieces have 16 columns; None if other pieces are better."""
    x, y = step.args
    (m, k), n = x.shape, y.shape[1]
    if _is_transposed(x) or not _is_transposed(y) or not multiplies_small_at_once():
        return None
    if k < LONG_ROWS or step.size <= RESULT:
        return None
    width = next((item for item in WIDTHS if n % item == 0 and m * item <= min(RESULT, AT_ONCE // k)), n)
    return None if width == n else _of_columns(builder, step, _in_pieces(builder, step, y, 1, n // width))


def _along_rows(builder: Builder, step: Step) -> Step | None:
    """Append a product whose pieces have some of its rows each; None if it had better be whole."""
    x, y = step.args
    (m, k), n = x.shape, y.shape[1]
    pieces = _pieces(m, m * k * n)
    if pieces == 1 or _is_transposed(y) or 2 * m * k * n >= LARGE:
        return None
    if m < max(k, n) and not multiplies_small_at_once():
        return None
    if m < max(k, n) and (m // pieces < ROWS[_is_transposed(x)] or y.nbytes > CACHED):
        return None
    if m < max(k, n) and not _is_transposed(x) and m // pieces % ROWS[0]:
        return None
    result = builder.call(step, np.matmul, _in_pieces(builder, step, x, 0, pieces), y)
    return builder.call(step, np.reshape, result, step.shape, name=step.name)


def _along_sum(builder: Builder, step: Step) -> Step | None:
    """Append a product whose pieces are added up; None if it had better be whole."""
    x, y = step.args
    (m, k), n = x.shape, y.shape[1]
    pieces = _pieces(k, m * k * n)
    if pieces == 1 or k // pieces < LENGTH or k < LONGER * max(m, n) or 2 * m * k * n >= LARGE:
        return None
    if _is_transposed(y) and not (multiplies_small_at_once() and (_is_transposed(x) or max(m, n) <= FEW)):
        return None
    parts = [_in_pieces(builder, step, x, 1, pieces), _in_pieces(builder, step, y, 0, pieces)]
    return builder.call(step, np.sum, builder.call(step, np.matmul, *parts), axis=0, name=step.name)


def _along_columns(builder: Builder, step: Step) -> Step | None:
    """Append a product whose pieces have some of its columns each; None if it had better be whole."""
    x, y = step.args
    (m, k), n = x.shape, y.shape[1]
    if not AT_ONCE < m * k * n < LARGE / 2 or n < LONGER * max(m, k) or not multiplies_small_at_once():
        return None
    is_copied = _is_transposed(y)
    pieces = _pieces(n, max(m * k, AT_ONCE // COLUMNS if is_copied else 0) * n)
    if pieces == 1 or k * y.dtype.itemsize > (SHORT_TO_COPY if is_copied else SHORT):
        return None
    parts = _in_pieces(builder, step, y, 1, pieces)
    return _of_columns(builder, step, builder.call(step, np.copy, parts) if is_copied else parts)


def _along_columns_at_last(builder: Builder, step: Step) -> Step | None:
    """Append a product whose pieces have some of its columns each, where its rows are not to be divided: 31 or 33."""
    x, y = step.args
    (m, k), n = x.shape, y.shape[1]
    pieces = _pieces(n, m * k * n)
    if _is_transposed(x) or _is_transposed(y) or m >= max(k, n) or 2 * m * k * n >= LARGE or y.nbytes > CACHED:
        return None
    if pieces == 1 or n // pieces < WIDTHS[0] or m < ROWS[0] * pieces or not multiplies_small_at_once():
        return None
    return _of_columns(builder, step, _in_pieces(builder, step, y, 1, pieces))


def _of_columns(builder: Builder, step: Step, parts: Step) -> Step:
    """Append a product with a matrix that is given as several, each with some of the columns."""
    x, _ = step.args
    pieces, _, columns = parts.shape
    result = builder.kernel(step, turned_product, (x.shape[0], pieces, columns), x, parts, (1, 0, 2))
    return builder.call(step, np.reshape, result, step.shape, name=step.name)


def _by_blas(graph: Graph) -> frozenset[int]:
    """Return the products that BLAS divides among its threads: half the time, where pieces take nine tenths."""
    setting = setting_of(load_of(graph, calls_alone(graph), threads=1)) if processors() > 1 else None
    return frozenset() if setting is None else frozenset(setting.divided)


def _are_whole(step: Step) -> bool:
    """Return whether the operands of a product are matrices in one piece of memory, perhaps transposed."""
    if any([type(item) is not Step or len(item.shape) != 2 for item in step.args]):
        return False
    x, y = [item.args[0] if _is_transposed(item) else item for item in step.args]
    same = x.dtype == y.dtype == step.dtype and step.dtype.char in "fd"
    return same and all(is_reshape(item) or item.function is None or _computes(item) for item in (x, y))


def _is_transposed(x: Step) -> bool:
    return x.function in TRANSPOSING


def _computes(step: Step) -> bool:
    """Return whether a call makes an array of its own, and no view of another."""
    return takes_out(step) and not looks_like_view(step)


def _pieces(length: int, size: int) -> int:
    """Return the number of pieces that a product is quickest in: a divisor of the length, at best a power of two."""
    least = max(1, -(-size // AT_ONCE))
    most = 1 << (least - 1).bit_length()
    if most <= PIECES and length % most == 0:
        return most
    return next((pieces for pieces in range(least, min(2 * least, PIECES) + 1) if length % pieces == 0), 1)


def _in_pieces(builder: Builder, like: Step, x: Step, axis: int, pieces: int) -> Step:
    """Append a matrix as several, divided along one axis."""
    transposed = _is_transposed(x)
    inner: Any = x.args[0] if transposed else x
    place = 1 - axis if transposed else axis
    shape = inner.shape
    divided = (*shape[:place], pieces, shape[place] // pieces, *shape[place + 1 :])
    parts = builder.call(like, np.reshape, inner, divided)
    order = {(0, False): None, (1, False): (1, 0, 2), (0, True): (1, 2, 0), (1, True): (0, 2, 1)}[axis, transposed]
    return parts if order is None else builder.call(like, np.transpose, parts, order)

"""Products in pieces: a large product of matrices is cut, where the schedule will not cut it anyway.

It is a rewrite, from graph to graph, and stands here since it asks what the schedule will do.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.compiler.kernels.image_calls import IMAGE_FUNCTIONS
from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.facts import REDUCTIONS, TRANSPOSING
from tinygraph.compiler.program.predicates import is_elementwise
from tinygraph.compiler.program.reshaping import is_reshape
from tinygraph.compiler.program.rewriting import calls_of, rewritten
from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.schedule.batches import Batch, batches_of
from tinygraph.compiler.schedule.blas_threads import load_of, setting_of
from tinygraph.compiler.schedule.division import processors
from tinygraph.compiler.schedule.items import calls_alone
from tinygraph.graph import Graph

__all__ = ["divide_products"]

# OpenBLAS, for processors with AVX-512, computes a product of up to a million multiplications without copying its
# matrices into another order first. Where one of them is long and thin, copying takes longer than multiplying: in
# pieces a product took four tenths to nine tenths of the time, and with kernels for AVX2 the same time.
AT_ONCE = 900_000
PIECES = 64

# Of so many operations a product is done as quickly in one piece, on one thread or several.
LARGE = 40_000_000

# In pieces along the axis that is added up, each must have so many numbers, and the result be so much smaller.
LENGTH = 128
LONGER = 6


def divide_products(graph: Graph) -> Graph:
    """x @ y  ->  np.sum(x.reshape(m, 4, k / 4).transpose(1, 0, 2) @ y.reshape(4, k / 4, n), axis=0), where k is long;
    x @ y  ->  (x.reshape(4, m / 4, k) @ y).reshape(m, n), where m is.
    """
    if any(step.function in IMAGE_FUNCTIONS for step in graph.nodes):  # their products are in pieces already
        return graph

    # In pieces, too: a few examples each.
    inside = {step.index for part in batches_of(graph, {}) if isinstance(part, Batch) for step in part.steps}
    by_blas = frozenset() if inside else _by_blas(graph)
    originals = calls_of(graph)

    def change(builder: Builder, step: Step) -> Step | None:
        if (original := next(originals).index) in inside or original in by_blas:
            return None
        if step.function not in (np.matmul, np.dot) or step.kwargs or not _are_whole(step):
            return None
        x, y = step.args
        (m, k), n = x.shape, y.shape[1]
        if min(m, n) < 2 or 2 * m * k * n >= LARGE:
            return None
        along = k >= LONGER * max(m, n)
        pieces = _pieces(k if along else m, m * k * n)
        if pieces == 1 or (along and k // pieces < LENGTH) or (not along and m < max(k, n)):
            return None
        axis = 1 if along else 0
        each = _in_pieces(builder, step, x, axis, pieces)
        if not along:
            result = builder.call(step, np.matmul, each, y)
            return builder.call(step, np.reshape, result, (m, n), name=step.name)
        products = builder.call(step, np.matmul, each, _in_pieces(builder, step, y, 0, pieces))
        return builder.call(step, np.sum, products, axis=0, name=step.name)

    return rewritten(graph, change)


def _by_blas(graph: Graph) -> frozenset[int]:
    """Return the products that BLAS divides among its threads: half the time, where pieces take nine tenths."""
    setting = setting_of(load_of(graph, calls_alone(graph), threads=1)) if processors() > 1 else None
    return frozenset() if setting is None else frozenset(setting.divided)


def _are_whole(step: Step) -> bool:
    """Return whether the operands of a product are matrices in one piece of memory, the first perhaps transposed."""
    x, y = step.args
    if type(x) is not Step or type(y) is not Step or len(x.shape) != 2 or len(y.shape) != 2:
        return False
    if x.function in TRANSPOSING:
        x = x.args[0]
    same = x.dtype == y.dtype == step.dtype and step.dtype.char in "fd"
    return same and all(is_reshape(item) or item.function is None or _computes(item) for item in (x, y))


def _computes(step: Step) -> bool:
    """Return whether a call makes an array of its own, and no view of another."""
    return is_elementwise(step) or step.function in REDUCTIONS or step.function in (np.matmul, np.dot)


def _pieces(length: int, size: int) -> int:
    """Return the number of pieces in which a product is quickest: a power of two that divides the length."""
    pieces = 1
    while size > pieces * AT_ONCE:
        pieces *= 2
    return pieces if pieces <= PIECES and length % pieces == 0 else 1


def _in_pieces(builder: Builder, like: Step, x: Step, axis: int, pieces: int) -> Step:
    """Append a matrix as several, divided along one axis."""
    transposed = x.function in TRANSPOSING
    inner: Any = x.args[0] if transposed else x
    place = 1 - axis if transposed else axis
    shape = inner.shape
    divided = (*shape[:place], pieces, shape[place] // pieces, *shape[place + 1 :])
    parts = builder.call(like, np.reshape, inner, divided)
    order = {(0, False): None, (1, False): (1, 0, 2), (0, True): (1, 2, 0), (1, True): (0, 2, 1)}[axis, transposed]
    return parts if order is None else builder.call(like, np.transpose, parts, order)

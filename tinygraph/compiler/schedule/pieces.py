"""Products in pieces: a large product of matrices is cut, where the schedule will not cut it anyway.

It is a rewrite, from graph to graph, and stands here since it asks what the schedule will do.
"""

from __future__ import annotations

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
from tinygraph.compiler.schedule.blas_threads import load_of, setting_of
from tinygraph.compiler.schedule.cuts import Cut, Factors, cut_of
from tinygraph.compiler.schedule.division import processors
from tinygraph.compiler.schedule.items import calls_alone
from tinygraph.graph import Graph

__all__ = ["divide_products"]


def divide_products(graph: Graph) -> Graph:
    """x @ y  ->  np.sum(x.reshape(m, 4, k / 4).transpose(1, 0, 2) @ y.reshape(4, k / 4, n), axis=0), where k is long;
    x @ y  ->  (x.reshape(4, m / 4, k) @ y).reshape(m, n), where m is long enough;
    x @ y  ->  turned_product(x, y.reshape(k, 4, n / 4).transpose(1, 0, 2), (1, 0, 2)).reshape(m, n), where n is.

    What several threads of BLAS divide stays whole. It is in pieces, too, as long as the program has one thread: see
    `tinygraph.compiler.run.products`.
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
        cut = cut_of(_factors_of(step))
        return None if cut is None else _divided(builder, step, cut)

    return rewritten_by_originals(graph, change)


def _divided(builder: Builder, step: Step, cut: Cut) -> Step:
    """Append a product in pieces."""
    x, y = step.args
    if cut.along == "rows":
        result = builder.call(step, np.matmul, _in_pieces(builder, step, x, 0, cut.pieces), y)
        return builder.call(step, np.reshape, result, step.shape, name=step.name)
    if cut.along == "sum":
        parts = [_in_pieces(builder, step, x, 1, cut.pieces), _in_pieces(builder, step, y, 0, cut.pieces)]
        return builder.call(step, np.sum, builder.call(step, np.matmul, *parts), axis=0, name=step.name)
    columns = _in_pieces(builder, step, y, 1, cut.pieces)
    columns = builder.call(step, np.copy, columns) if cut.is_copied else columns
    shape = (x.shape[0], cut.pieces, columns.shape[2])
    result = builder.kernel(step, turned_product, shape, x, columns, (1, 0, 2))
    return builder.call(step, np.reshape, result, step.shape, name=step.name)


def _by_blas(graph: Graph) -> frozenset[int]:
    """Return the products that BLAS divides among its threads: half the time, where pieces take nine tenths."""
    setting = setting_of(load_of(graph, calls_alone(graph), threads=1)) if processors() > 1 else None
    return frozenset() if setting is None else frozenset(setting.divided)


def _factors_of(step: Step) -> Factors:
    x, y = step.args
    (m, k), n = x.shape, y.shape[1]
    return Factors(m, k, n, step.dtype.itemsize, _is_transposed(x), _is_transposed(y))


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

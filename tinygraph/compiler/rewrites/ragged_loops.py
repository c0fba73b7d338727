"""Loops in which shapes change: `a[j + 1 :, j]` in a loop of j, written with slices that are computed.

Values of such a loop that another one reads are read of the array that they were written into; see `reading_last`.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np

from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.cost import FEW
from tinygraph.compiler.program.predicates import is_plain_reduction
from tinygraph.compiler.program.rewriting import rewritten_by_originals, uses_of
from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.rewrites.joining_views import join_views
from tinygraph.compiler.rewrites.sharing import drop_dead
from tinygraph.compiler.rewrites.writing_once import write_once
from tinygraph.compiler.rewrites.writing_parts import add_into_parts
from tinygraph.compiler.rolling import rolled
from tinygraph.compiler.rolling.words import words_of
from tinygraph.derivatives.indexing import scatter
from tinygraph.graph import Graph

__all__ = ["roll_ragged"]


def roll_ragged(graph: Graph) -> Graph:
    """x[:1] @ a[0, :1]; x[:2] @ a[1, :2]; x[:3] @ a[2, :3]; ...  ->  for i in range(9): x[: i + 1] @ a[i, : i + 1]"""
    if len({*words_of(graph)[1]}) == len({*words_of(graph, ragged=True)[1]}):
        return graph
    parts = graph
    if _ragged_scatters(graph):
        parts = _as_products(join_views(graph))
        parts = write_once(drop_dead(add_into_parts(parts, _ragged_scatters(parts).__contains__)))
    found = rolled(parts, ragged=True)
    return graph if found is parts else found


def _ragged_scatters(graph: Graph) -> set[int]:
    """Return the indices of the calls that put arrays of several shapes among zeros, in one line of the user's code."""
    found: dict[Any, list[Step]] = defaultdict(list)
    for step in graph.nodes:
        if step.function is scatter:
            source = step.source
            found[None if source is None else (source.file, source.line), len(step.args[0].shape)].append(step)  # type: ignore
    return {step.index for steps in found.values() if len({step.args[0].shape for step in steps}) > 1 for step in steps}


def _as_products(graph: Graph) -> Graph:
    """np.sum(x * y, axis=(0,), keepdims=True).reshape(())  ->  np.vdot(x, y), of rows that have one number, too."""
    uses = uses_of(graph)

    def change(builder: Builder, step: Step, original: Step) -> Step | None:
        total = original.args[0] if original.function is np.reshape else original
        if step.shape or type(total) is not Step or total.function is not np.sum or not is_plain_reduction(total):
            return None
        product = total.args[0]
        alone = all([inner is original or uses[inner.index] == 1 for inner in (total, product)])
        if not alone or product.function is not np.multiply or len(product.shape) != 1 or product.size > FEW:
            return None
        like = (product.shape, step.dtype)
        if step.dtype.char not in "fd" or any([_shape_and_dtype(item) != like for item in product.args]):
            return None
        return builder.call(step, np.vdot, *[builder.moved[item.index] for item in product.args])

    return rewritten_by_originals(graph, change)


def _shape_and_dtype(item: Any) -> Any:
    return (item.shape, item.dtype) if type(item) is Step else None

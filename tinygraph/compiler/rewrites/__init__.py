"""Rewrites: what makes a graph smaller or cheaper, each a function from graph to graph that keeps its meaning.

`ALL` lists them in the order they are applied. Each can be left out, and the program is the same to rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tinygraph.compiler.rewrites.arithmetic import (
    drop_identities,
    gather_numbers,
    powers_by_multiplication,
    share_products,
)
from tinygraph.compiler.rewrites.broadcasting import delay_broadcasts, multiply_once
from tinygraph.compiler.rewrites.gathering import assemble_gradients, copy_transposes, gather_products, sum_products
from tinygraph.compiler.rewrites.imaging import crop_to_pool, pool_first
from tinygraph.compiler.rewrites.products import divide_products, turn_products
from tinygraph.compiler.rewrites.reductions import drop_kept_axes, drop_sums_of_one
from tinygraph.compiler.rewrites.sharing import drop_dead, fold_constants, share_common
from tinygraph.compiler.rewrites.tiling import pool_places, sums_by_product, windows_once, winograd_form
from tinygraph.compiler.rewrites.views import copy_to_reshape, join_views
from tinygraph.graph import Graph

__all__ = ["ALL", "Rewrite", "apply"]

Rewrite = Callable[[Graph], Graph]

ALL: tuple[Rewrite, ...] = (
    drop_dead,
    fold_constants,
    share_common,
    join_views,
    delay_broadcasts,
    powers_by_multiplication,
    drop_kept_axes,
    drop_sums_of_one,
    drop_identities,
    gather_numbers,
    drop_dead,
    gather_numbers,
    multiply_once,
    drop_identities,
    fold_constants,
    delay_broadcasts,
    join_views,
    share_common,
    share_products,
    gather_products,
    assemble_gradients,
    sum_products,
    copy_transposes,
    join_views,
    pool_first,
    share_common,
    drop_dead,
    crop_to_pool,
    copy_to_reshape,
    turn_products,
    winograd_form,
    windows_once,
    pool_places,
    sums_by_product,
    divide_products,
    share_common,
    drop_dead,
)


def apply(graph: Graph, rewrites: Sequence[Rewrite]) -> Graph:
    """The graph after one rewrite and the next."""
    for rewrite in rewrites:
        graph = rewrite(graph)
    return graph

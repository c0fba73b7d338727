"""Rewrites: functions from graph to graph that make a graph smaller or cheaper, and keep its meaning.

`PHASES` is the table: each phase has a name, a sentence and its rewrites, in the order in which they are applied.
Behind each phase what is computed twice is shared, and what nobody needs is dropped. A rewrite can be left out, and
the program is the same to rounding.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tinygraph.compiler.program.program import Program
from tinygraph.compiler.rewrites.arithmetic import (
    drop_identities,
    gather_numbers,
    powers_by_multiplication,
    share_products,
)
from tinygraph.compiler.rewrites.broadcasting import delay_broadcasts, multiply_once
from tinygraph.compiler.rewrites.gathering import assemble_gradients, copy_transposes, gather_products, sum_products
from tinygraph.compiler.rewrites.imaging import crop_to_pool, pool_first, write_out_images
from tinygraph.compiler.rewrites.own_memory import own_operands, own_updates
from tinygraph.compiler.rewrites.products import divide_products, turn_products
from tinygraph.compiler.rewrites.reductions import drop_kept_axes, drop_sums_of_one
from tinygraph.compiler.rewrites.sharing import drop_dead, fold_constants, share_common
from tinygraph.compiler.rewrites.tiling import pool_places, sums_by_product, windows_once, winograd_form
from tinygraph.compiler.rewrites.views import copy_to_reshape, join_views
from tinygraph.compiler.rewrites.writing_out import write_out
from tinygraph.graph import Graph

__all__ = ["PHASES", "Phase", "Rewrite", "phase_by_phase", "simplified"]

Rewrite = Callable[[Graph], Graph]


@dataclass(frozen=True)
class Phase:
    """Rewrites with one purpose.

    Attributes:
        name, sentence: what the phase is called, and what it does.
        rewrites: in the order in which they are applied.
        is_tidied: what is computed twice is shared behind the phase, and what nobody needs is dropped.
    """

    name: str
    sentence: str
    rewrites: tuple[Rewrite, ...]
    is_tidied: bool = True

    def __call__(self, graph: Graph) -> Graph:
        """Return the graph after the phase."""
        for rewrite in (*self.rewrites, share_common, drop_dead) if self.is_tidied else self.rewrites:
            graph = rewrite(graph)
        return graph


PHASES: tuple[Phase, ...] = (
    Phase("fold", "Compute at once what is the same at every call.", (fold_constants,)),
    Phase("simplify", "Compute with fewer and cheaper operations, and broadcast late.", (
        join_views, delay_broadcasts, powers_by_multiplication, drop_kept_axes, drop_sums_of_one, drop_identities,
        gather_numbers,
    )),
    Phase("simplify again", "Gather the numbers that now stand side by side, and multiply what is repeated once.", (
        gather_numbers, multiply_once, drop_identities, fold_constants, delay_broadcasts, join_views,
    )),
    Phase("share", "Compute a product that two values have in common once.", (share_products,)),
    Phase("gather", "Make one large product, or one sum, of the many small ones of a sequence.", (
        gather_products, assemble_gradients, sum_products, copy_transposes, join_views,
    )),
    Phase("pool", "Pool images before they are shifted and rectified.", (pool_first,)),
    Phase("speed", "Write products, convolutions and sums in the form that is quickest.", (
        crop_to_pool, copy_to_reshape, turn_products, winograd_form, windows_once, pool_places, sums_by_product,
        divide_products,
    )),
)  # fmt: skip


def phase_by_phase(graph: Graph, program: Program, phases: Sequence[Phase] = PHASES) -> Iterator[tuple[Phase, Graph]]:
    """Yield each phase with the graph after it.

    The first two phases and the last make a graph one that can be computed, and are always there.

    Args:
        graph: of steps, that of a program.
        phases: those between.
    """
    updates = sum(variable.updated is not None for variable in program.variables)
    own = functools.partial(own_updates, updates=updates)
    for phase in (
        Phase("write out", "Write tinygraph's own functions with NumPy's.", (write_out, write_out_images, own), False),
        *phases,
        Phase("own", "Copy what needs memory of its own.", (drop_dead, own, own_operands, drop_dead), False),
    ):
        graph = phase(graph)
        yield phase, graph


def simplified(graph: Graph, program: Program, phases: Sequence[Phase] = PHASES) -> Graph:
    """Return a program's graph after all phases."""
    for _, after in phase_by_phase(graph, program, phases):
        graph = after
    return graph

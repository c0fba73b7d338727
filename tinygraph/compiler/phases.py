"""Phases: all rewrites in the order in which they are applied.

Each phase has a name, a sentence and its rewrites. Behind each phase common subexpressions are shared, and what nobody
needs is dropped. A rewrite can be left out, and the program is the same to rounding.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import replace

from tinygraph.compiler.program.builder import steps_of
from tinygraph.compiler.program.loops import in_bodies
from tinygraph.compiler.program.program import Program
from tinygraph.compiler.rewrites import Phase
from tinygraph.compiler.rewrites.absorbing import absorb_after, absorb_before
from tinygraph.compiler.rewrites.adding_first import add_first_where_cleared
from tinygraph.compiler.rewrites.arithmetic import (
    add_doubled,
    drop_identities,
    gather_numbers,
    negate_sums,
    powers_by_multiplication,
    scale_once,
    share_products,
)
from tinygraph.compiler.rewrites.blas_forms import copy_transposes, copy_transposes_for_loops, turn_products
from tinygraph.compiler.rewrites.broadcasting import delay_broadcasts, multiply_once
from tinygraph.compiler.rewrites.computing_again import compute_again
from tinygraph.compiler.rewrites.computing_beside_writes import compute_beside_writes
from tinygraph.compiler.rewrites.contractions import contractions_as_products, sums_of_products, weighted_sums
from tinygraph.compiler.rewrites.copying_parts import copy_parts
from tinygraph.compiler.rewrites.counting_together import count_together
from tinygraph.compiler.rewrites.dropping_axes import drop_kept_axes, drop_sums_of_one
from tinygraph.compiler.rewrites.factors import factors_behind_sums, gather_factors
from tinygraph.compiler.rewrites.gathering import (
    assemble_gradients,
    assemble_written,
    gather_products,
    sum_outer_products,
    sum_products,
)
from tinygraph.compiler.rewrites.gathering_places import add_rows_at_once, take_rows_at_once
from tinygraph.compiler.rewrites.gathering_rows import gather_rows
from tinygraph.compiler.rewrites.gathering_sums import gather_sums
from tinygraph.compiler.rewrites.hoisting import hoist
from tinygraph.compiler.rewrites.images_by_slices import slices_as_convolutions
from tinygraph.compiler.rewrites.images_by_views import (
    blocks_as_pooling,
    windows_as_convolutions,
    windows_of_last_channels,
)
from tinygraph.compiler.rewrites.joining_stacks import join_stacks
from tinygraph.compiler.rewrites.joining_views import copy_to_reshape, join_parts, join_views
from tinygraph.compiler.rewrites.keeping_masks import keep_masks
from tinygraph.compiler.rewrites.keeping_parts import keep_parts
from tinygraph.compiler.rewrites.known_places import know_written
from tinygraph.compiler.rewrites.long_rows import long_rows
from tinygraph.compiler.rewrites.negating_later import negate_later
from tinygraph.compiler.rewrites.own_memory import own_operands, own_updates
from tinygraph.compiler.rewrites.pooling_blocks import pool_places, windows_once
from tinygraph.compiler.rewrites.pooling_first import crop_to_pool, pool_first
from tinygraph.compiler.rewrites.ragged_loops import roll_ragged
from tinygraph.compiler.rewrites.reading_last import read_last
from tinygraph.compiler.rewrites.rows_as_stacks import rows_as_stacks
from tinygraph.compiler.rewrites.sharing import drop_dead, fold_constants
from tinygraph.compiler.rewrites.slow_functions import steps_by_sign, sums_of_exponentials
from tinygraph.compiler.rewrites.summing_pixels import sums_by_product
from tinygraph.compiler.rewrites.sure_masks import drop_sure_masks
from tinygraph.compiler.rewrites.taking_parts import take_joined
from tinygraph.compiler.rewrites.tidying_loops import tidy_loops
from tinygraph.compiler.rewrites.turning import assemble_turned, multiply_unturned, take_before_turning, turn_places
from tinygraph.compiler.rewrites.turning_late import compute_before_turning
from tinygraph.compiler.rewrites.vanishing import drop_vanishing
from tinygraph.compiler.rewrites.winograd_form import winograd_form
from tinygraph.compiler.rewrites.writing_once import drop_unread_writes, write_once
from tinygraph.compiler.rewrites.writing_out import write_out
from tinygraph.compiler.rewrites.writing_out_images import write_out_images
from tinygraph.compiler.rewrites.writing_parts import add_into_parts, read_first, read_written
from tinygraph.compiler.rolling import opened, rolled
from tinygraph.compiler.schedule.pieces import divide_products
from tinygraph.compiler.schedule.unnesting import unnested
from tinygraph.graph import Graph

__all__ = ["PHASES", "ROLL", "phase_by_phase", "simplified"]

# A product that is turned in each step of a sequence would be turned on its way from one iteration to the next.
ROLL = Phase(
    "roll", "Make loops of repeated steps.",
    (take_joined, take_rows_at_once, add_rows_at_once, multiply_unturned, slices_as_convolutions), False,
    (drop_sure_masks, read_written, add_first_where_cleared, write_once, read_last, rolled),
)  # fmt: skip
PHASES: tuple[Phase, ...] = (
    ROLL,
    Phase("roll slices", "Make loops of repeated steps whose shapes change.", (roll_ragged,), False),
    Phase("absorb", "Let a loop make the iterations, too, that stand before and behind it.", (
        join_stacks, absorb_before, absorb_after,
    )),
    Phase("fold", "Compute at once what is the same at every call.", (count_together, fold_constants)),
    Phase("simplify", "Compute with fewer and cheaper operations, and broadcast late.", (
        contractions_as_products, join_views, take_before_turning, turn_places, multiply_unturned,
        compute_before_turning, join_views, delay_broadcasts, powers_by_multiplication, drop_kept_axes,
        drop_sums_of_one, sums_of_exponentials, steps_by_sign, negate_sums, add_doubled, drop_identities,
        gather_numbers,
    ), whole=(functools.partial(in_bodies, change=drop_unread_writes),)),
    Phase("simplify again", "Gather the numbers that now stand side by side, and multiply what is repeated once.", (
        gather_numbers, negate_sums, multiply_once, drop_vanishing, drop_identities, fold_constants, delay_broadcasts,
        join_views, weighted_sums, factors_behind_sums,
    )),
    Phase("images", "Convolve and pool images that are written as views or slices.", (
        windows_of_last_channels, join_views, windows_as_convolutions, slices_as_convolutions, blocks_as_pooling,
        join_views, drop_identities,
    )),
    Phase("share", "Compute a product that two values or all rows have in common once.", (
        gather_factors, share_products, scale_once,
    )),
    Phase("loops", "Compute outside of a loop what is the same in all iterations, or is made of all rows at once.", (
        rows_as_stacks, tidy_loops, hoist, gather_rows, gather_sums, tidy_loops,
    )),
    Phase("gather", "Make one large product, or one sum, of the many small ones of a sequence.", (
        gather_products, assemble_gradients, assemble_written, assemble_turned, sum_products, sum_outer_products,
        copy_transposes, copy_transposes_for_loops, join_views, read_written, add_into_parts,
    ), whole=(
        know_written, functools.partial(in_bodies, change=negate_later), negate_later,
        functools.partial(in_bodies, change=join_parts),
    )),
    Phase("keep", "Keep of each iteration what the reverse pass reads.", (
        keep_parts, keep_masks, tidy_loops, compute_again, tidy_loops, hoist,
    )),
    Phase("pool", "Pool images before they are shifted and rectified.", (pool_first,)),
    Phase("speed", "Write products, convolutions and sums in the form that is quickest.", (
        crop_to_pool, copy_to_reshape, turn_products, winograd_form, windows_once, pool_places, sums_by_product,
        sums_of_products, divide_products, long_rows,
    )),
)  # fmt: skip


def phase_by_phase(graph: Graph, program: Program, phases: Sequence[Phase] = PHASES) -> Iterator[tuple[Phase, Graph]]:
    """Yield each phase with the graph after it.

    The first two phases and the last make a graph one that can be computed, and are always there.

    Args:
        graph: of steps, that of a program.
        phases: those between.
    """
    updates = len(program.written) + sum(variable.updated is not None for variable in program.variables)
    own = functools.partial(own_updates, updates=updates)
    tidied = None
    written_out = (write_out, write_out_images)
    own_memory = (drop_dead, own_operands, drop_dead)
    in_order = (
        functools.partial(in_bodies, change=read_first), functools.partial(read_first, updates=updates),
        functools.partial(in_bodies, change=functools.partial(copy_parts, is_body=True)), copy_parts,
        functools.partial(in_bodies, change=compute_beside_writes),
    )  # fmt: skip
    rolling = [phase for phase in phases if phase is ROLL]
    if program.twin is not None:
        # The twin differs in how often a loop was repeated, and so may the arrays be that the first rewrites gather.
        twin = multiply_unturned(steps_of(program.twin))
        rolling = [replace(ROLL, rewrites=(multiply_unturned,), whole=(functools.partial(opened, twin=twin),))]
    for phase in (
        *rolling,
        Phase("write out", "Write tinygraph's own functions with NumPy's.", written_out, False, (own,)),
        *[phase for phase in phases if phase is not ROLL],
        Phase("own", "Copy what needs memory of its own.", own_memory, False, (own, drop_dead, *in_order)),
    ):
        graph = phase(graph, tidied)
        tidied = graph if phase.is_tidied else None
        yield phase, graph


def simplified(graph: Graph, program: Program, phases: Sequence[Phase] = PHASES) -> Graph:
    """Return a program's graph after all phases, its loops among the other calls."""
    for _, after in phase_by_phase(graph, program, phases):
        graph = after
    return unnested(graph)

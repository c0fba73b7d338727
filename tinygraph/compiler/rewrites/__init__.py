"""Rewrites: functions from graph to graph that make a graph smaller or cheaper, and keep its meaning.

    >>> import numpy as np, tinygraph as tg
    >>> @tg.compile
    ... def slope(x):
    ...     return tg.grad(lambda x: np.sum(x**3))(x)
    >>> slope(np.array([1.0, 2.0, 3.0]))
    array([ 3., 12., 27.])
    >>> phase = slope.stages["simplify"]
    >>> print(phase.before)
    %0 x = data                   float64[3]
    %1   = data                   float64[1]
    %2   = broadcast_to(%1, (3))  float64[3]
    %3   = multiply(%0, %0)       float64[3]
    %4   = multiply(3, %3)        float64[3]
    %5   = multiply(%2, %4)       float64[3]
    return %5
    >>> print(phase.after)
    %0 x = data             float64[3]
    %1   = square(%0)       float64[3]
    %2   = multiply(3, %1)  float64[3]
    return %2

Three rewrites did this: `delay_broadcasts` multiplies by the number 1.0 instead of an array of ones,
`powers_by_multiplication` writes the square, and `drop_identities` leaves out a product with 1.0. The steps that nobody
needs any more are dropped behind them. `tinygraph.compiler.phases` has all rewrites in their order.

A new one is a function in the file of its idea, with its before and after as its docstring; its name in a phase; and a
law in the tests of its file. Most change one call at a time: `program.rewriting.rewritten` walks over the graph for
them, and a `Builder` adds the new calls. Where facts of the whole graph decide, such as how often a value is read,
`rewritten_by_originals` hands over each call as it was, too. Read `arithmetic` first, then `sharing`, then `hoisting`,
the shortest one about loops.

    arithmetic, broadcasting, dropping_axes, joining_views      fewer and cheaper operations
    slow_functions                                              what NumPy computes one element after the other
    factors                                                     factors of whole rows, behind sums and gathered
    long_rows                                                   operands repeated, so that inner loops are long
    vanishing, sure_masks                                       what is 0, or true, whatever the numbers are
    sharing                                                     values computed once, beforehand, or not at all
    gathering, with `partitions`                                one large product or sum instead of many small ones
    gathering_places                                            rows that are taken from one table some at a time
    hoisting, tidying_loops, with `changing_loops`              what a loop computes before it, or not at all
    gathering_rows, gathering_sums                              what a loop computes for all its iterations at once
    joining_stacks                                              the values that a loop keeps of a loop within it
    rows_as_stacks, keeping_parts, keeping_masks, computing_again, with `stack_reads` and `exchanging`
                                                                values that loops keep for the reverse pass
    ragged_loops                                                loops in which shapes change
    absorbing, with `absorbing_before`, `absorbing_after`, `adding_later` and `calls_outside`
                                                                iterations before and behind a loop
    blas_forms, contractions, summing_pixels, winograd_form     the form in which BLAS is quickest
    pooling_first, pooling_blocks                               images that are pooled
    images_by_views                                             convolutions and poolings, found among views
    images_by_slices, with `slices_of_images`                   convolutions, found among sums of products of slices
    turning, turning_late                                       axes that are exchanged late, or not at all
    taking_parts                                                parts of what was joined
    own_memory                                                  copies, where a view will not do
    writing_parts, copying_parts, reading_last                  places that are written, added to and read
    writing_once, adding_first                                  what is written over, and sums with zeros
    known_places                                                what was written at a place, where places count, too
    negating_later                                              negatives that end in sums
    computing_beside_writes                                     values computed at the place that they are written to
    counting_together                                           points and weights that are counted in the same bins
    writing_out, writing_out_images                             NumPy and kernels instead of tinygraph's functions
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tinygraph.compiler.program.loops import in_bodies
from tinygraph.compiler.rewrites.sharing import drop_dead, share_common
from tinygraph.graph import Graph

__all__ = ["Phase", "Rewrite"]

Rewrite = Callable[[Graph], Graph]


@dataclass(frozen=True)
class Phase:
    """Rewrites with one purpose.

    Attributes:
        name, sentence: the name of the phase, and its purpose.
        rewrites: in the order in which they are applied, to a graph and to the bodies of its loops.
        is_tidied: common subexpressions are shared behind the phase, and unused steps dropped.
        whole: rewrites that see no body of a loop.
    """

    name: str
    sentence: str
    rewrites: tuple[Rewrite, ...]
    is_tidied: bool = True
    whole: tuple[Rewrite, ...] = ()

    def __call__(self, graph: Graph, tidied: Graph | None = None) -> Graph:
        """Return the graph after the phase.

        Args:
            graph: the graph before it.
            tidied: the graph behind the last phase that tidied. Where the rewrites keep it, it is tidy still.
        """
        for rewrite in self.rewrites:
            graph = rewrite(in_bodies(graph, rewrite))
        for rewrite in self.whole:
            graph = rewrite(graph)
        return _tidied(in_bodies(graph, _tidied)) if self.is_tidied and graph is not tidied else graph


def _tidied(graph: Graph) -> Graph:
    """Return a graph in which nothing is computed twice, or for nobody."""
    return drop_dead(share_common(graph))

"""Absorbing: an iteration before or behind a loop, which is not quite like the others, becomes one of the loop.

    d = d_0; d_w = x_0.T @ d                    d = d_0; d_w = -0.0
    for t in range(1, 9):                       for t in range(9):
        d = d @ u; d_w = d_w + x[t].T @ d           d_w = d_w + x[t].T @ d; d = d @ u

Before the loop an addition may be missing: the first gradient has none to be added to. x + -0.0 is x to the bit.
Behind it results may be missing that nobody reads. And h[-1], the state before the first, is h_0 there: the states of
the loop that makes h are then kept behind h_0 in one array.
"""

from __future__ import annotations

from collections.abc import Callable

from tinygraph.compiler.program.loops import loops_in
from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.rewrites.absorbing_after import with_iteration_after
from tinygraph.compiler.rewrites.absorbing_before import with_iteration_before
from tinygraph.compiler.rewrites.adding_later import added_later
from tinygraph.compiler.rewrites.calls_outside import Outside
from tinygraph.compiler.rewrites.sharing import share_common
from tinygraph.graph import Graph

__all__ = ["absorb_after", "absorb_before"]


def absorb_before(graph: Graph) -> Graph:
    """d_w = x_0.T @ d; for t in 1, 2, ...: d_w = d_w + x_t.T @ d_t  ->  d_w = -0.0; for t in 0, 1, 2, ...: ..."""
    return _absorbed(graph, with_iteration_before)


def absorb_after(graph: Graph) -> Graph:
    """for t in 8, ..., 1: d = f(d, h[t - 1]); d = f(d, h_0)  ->  for t in 8, ..., 0: d = f(d, [h_0, *h][t])."""
    return _absorbed(graph, _with_iteration_after)


def _with_iteration_after(outside: Outside, step: Step) -> Graph | None:
    found = with_iteration_after(outside, step)
    if found is None and (turned := added_later(outside, step)) is not None:
        return with_iteration_after(Outside(turned[0]), turned[1])
    return found


def _absorbed(graph: Graph, change: Callable[[Outside, Step], Graph | None]) -> Graph:
    """Return a graph whose loops have absorbed all they can, one iteration after the other."""
    if not any(loops_in(graph)):
        return graph
    graph = share_common(graph)
    while True:
        outside = Outside(graph)
        changed = (new for loop in loops_in(graph) if (new := change(outside, loop)) is not None)
        found = next((new for new in changed if len(new.nodes) < len(graph.nodes)), None)
        if found is None:
            return graph
        graph = found

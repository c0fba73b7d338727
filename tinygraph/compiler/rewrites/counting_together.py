"""Counting together: the points in each bin are counted with the numbers of bins that are there for their weights."""

from __future__ import annotations

import operator
from collections import defaultdict
from typing import Any

import numpy as np

from tinygraph.compiler.kernels.counting import counted
from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.rewriting import calls_of, rewritten_by_originals
from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.program.symbols import Symbol
from tinygraph.compiler.rewrites.sharing import drop_dead, identity, share_common
from tinygraph.compiler.trace.functions import Part
from tinygraph.derivatives.counting import bin_numbers
from tinygraph.graph import Graph

__all__ = ["count_together"]

COUNTS = Part.of(np.histogram, 0)


def count_together(graph: Graph) -> Graph:
    """np.histogram(x, 9)[0]  ->  np.bincount(numbers, None, 11)[1:-1], where the numbers of the bins are computed for
    np.histogram(x, 9, weights=w)[0], which is np.bincount(numbers, w, 11)[1:-1].
    """
    counts = {step.index for step in calls_of(graph) if step.function == COUNTS and _has_even_bins(step)}
    if not counts:
        return graph
    edges: dict[Any, list[Step]] = defaultdict(list)
    for step in calls_of(graph):
        if step.function is np.histogram_bin_edges and not step.kwargs:
            edges[_bins(step)].append(step)

    def change(builder: Builder, step: Step, original: Step) -> Step | None:
        known = edges[_bins(original)] if original.index in counts else []
        for edge in known:
            if all([item.index < original.index for item in edge.args if type(item) is Step]):
                args = [builder.moved[item.index] if type(item) is Step else item for item in edge.args]
                return _counted(builder, step, builder.call(step, np.histogram_bin_edges, *args))
        return None

    found = share_common(rewritten_by_originals(graph, change))
    # The numbers of the bins are shared, or else it would take longer.
    return found if len(drop_dead(found).nodes) <= len(share_common(graph).nodes) + 2 * len(counts) else graph


def _has_even_bins(step: Step) -> bool:
    """Return whether a histogram counts floats in bins of one width, without weights."""
    x, bins = (*step.args, 10)[:2]
    return type(x) is Step and x.dtype.char in "fd" and type(bins) is int and len(step.args) < 4 and not step.kwargs


def _bins(step: Step) -> Any:
    """Return what the edges of bins follow from: the points, the number of bins, and their range."""
    return tuple([identity(item) for item in (*step.args[:3], *(10, None)[len(step.args) - 1 :])[:3]])


def _counted(builder: Builder, step: Step, edges: Step) -> Step:
    """Append what counts the points in each bin."""
    points = np.ravel(Symbol(builder, step, step.args[0]))  # type: ignore[call-overload]
    numbers: Any = bin_numbers(points, Symbol(builder, step, edges))
    size = step.shape[0] + 2
    return builder.call(
        step, operator.getitem, builder.kernel(step, counted, (size,), numbers.step, None, size), (slice(1, -1),)
    )

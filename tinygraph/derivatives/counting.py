"""Histograms. A count is a step function of what is counted, but its gradient flows to the weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.derivatives.table import composition, derivative, no_derivative
from tinygraph.operands import as_array, has_tensors, indexable, plain

derivative(np.bincount, None, lambda g, z, x, weights=None, minlength=0: indexable(g)[as_array(x)])
no_derivative(np.histogram_bin_edges)


def _weighted(columns: list[Any], edges: list[Any], weights: Any) -> Any:
    """The weights of the points in each bin. A bin holds its left edge; the last one its right edge too."""
    places = []
    for column, edge in zip(columns, edges, strict=True):
        place = np.searchsorted(edge, column, side="right")
        places.append(np.where(column == edge[-1], place - 1, place))
    # Bins before the first edge and behind the last catch what lies outside.
    shape = [len(edge) + 1 for edge in edges]
    size = int(np.prod(shape))
    counts = np.bincount(np.ravel_multi_index(places, shape), np.ravel(weights), size)
    return np.reshape(counts, shape)[(slice(1, -1),) * len(shape)]


def _density(counts: Any, edges: list[Any]) -> Any:
    for axis, edge in enumerate(edges):
        counts = counts / np.reshape(np.diff(edge), [-1 if place == axis else 1 for place in range(len(edges))])
    return counts


@composition(np.histogram)
def histogram(a: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None) -> Any:  # noqa: A002
    """How many elements lie in each bin, or the sum of their weights; and the edges of the bins."""
    if not has_tensors(weights):
        return np.histogram(*plain((a, bins, range, density, weights)))
    edges = np.histogram_bin_edges(*plain((a, bins, range, weights)))
    counts = _weighted([np.ravel(plain(a))], [edges], weights).astype(weights.dtype)
    return (_density(counts, [edges]) / np.sum(counts) if density else counts), edges


@composition(np.histogramdd)
def histogramdd(sample: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None) -> Any:  # noqa: A002
    """How many points lie in each box of a grid, or the sum of their weights; and the edges of the boxes."""
    sample = plain(sample)
    found, edges = np.histogramdd(sample, plain(bins), plain(range), density, plain(weights))
    if not has_tensors(weights):
        return found, edges
    points = sample if isinstance(sample, np.ndarray) else np.atleast_2d(sample).T
    points = points[:, None] if points.ndim == 1 else points
    counts = _weighted(list(points.T), list(edges), weights)
    return (_density(counts, list(edges)) / np.sum(counts) if density else counts), edges


@composition(np.histogram2d)
def histogram2d(x: Any, y: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None) -> Any:  # noqa: A002
    """How many points lie in each rectangle of a grid, or the sum of their weights; and the edges along both axes."""
    x, y, bins = plain((x, y, bins))
    if np.ndim(bins) == 1 and len(bins) not in (1, 2):
        bins = [np.asarray(bins)] * 2
    counts, edges = histogramdd([x, y], bins, range, density, weights)
    return counts, edges[0], edges[1]

"""Sums in a fixed order, without MPI."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tinygraph.distributed import trees


def halves(arrays):
    """The order as it is described: neighbours first, then the neighbours among their sums."""
    while len(arrays) > 1:
        pairs = [arrays[first : first + 2] for first in range(0, len(arrays), 2)]
        arrays = [pair[0] + pair[1] if len(pair) == 2 else pair[0] for pair in pairs]
    return arrays[0]


@given(st.integers(1, 20), st.integers(1, 20), st.integers(0, 1000))
def test_a_sum_has_the_same_bits_however_the_arrays_are_divided(count, ranks, seed):
    arrays = np.random.default_rng(seed).normal(size=count) * 10.0 ** np.arange(count)
    gathered = {}
    for rank in range(ranks):
        own = trees.own(rank, ranks, count)
        nodes = trees.summed({(0, number): arrays[number] for number in own}, count)
        assert tuple(nodes) == trees.places_of(rank, ranks, count)
        gathered |= nodes
    (root,) = trees.summed(gathered, count).values()
    assert root == halves(list(arrays))


@given(st.integers(1, 40), st.integers(1, 10))
def test_each_array_has_one_rank(count, ranks):
    assert [number for rank in range(ranks) for number in trees.own(rank, ranks, count)] == list(range(count))


@given(st.integers(0, 6), st.integers(0, 3))
def test_a_rank_of_a_power_of_two_sends_one_sum(shards, ranks):
    count, size = 2 ** max(shards, ranks), 2**ranks
    assert all(len(trees.places_of(rank, size, count)) == 1 for rank in range(size))

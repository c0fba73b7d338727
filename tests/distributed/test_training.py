"""Training on several ranks has the losses of one process with the whole batch; with shards, the same bits."""

from __future__ import annotations

import functools
import sys

import numpy as np
import pytest

from tests.distributed.launching import PROGRAMS, needs_mpi, printed

pytestmark = needs_mpi


@functools.cache
def whole_batch(rows):
    sys.path.insert(0, str(PROGRAMS))
    try:
        from task import whole_batch as computed
    finally:
        sys.path.remove(str(PROGRAMS))
    return computed(rows)


@functools.cache
def trained(rows, shards, mode, ranks):
    return printed("train.py", rows, shards, mode, ranks=ranks)


@pytest.mark.parametrize("ranks", [1, 2, 4])
@pytest.mark.parametrize(("rows", "mode"), [(24, "compiled"), (24, "eager"), (23, "compiled")])
def test_losses_are_those_of_one_process_with_the_whole_batch(rows, mode, ranks):
    losses = trained(rows, 0, mode, ranks)["losses"]
    np.testing.assert_allclose(losses, whole_batch(rows), rtol=0, atol=1e-12)
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("ranks", [2, 3, 4])
def test_shards_have_the_same_bits_for_any_number_of_ranks(ranks):
    alone = trained(23, 8, "compiled", 1)
    np.testing.assert_allclose(alone["losses"], whole_batch(23), rtol=0, atol=1e-12)
    assert trained(23, 8, "compiled", ranks) == alone


def test_shards_that_are_not_compiled_have_the_same_bits_too():
    assert trained(23, 8, "eager", 2) == trained(23, 8, "eager", 1)


def test_a_process_without_mpiexec_is_a_world_of_one_rank():
    assert trained(24, 0, "eager", None) == trained(24, 0, "eager", 1)

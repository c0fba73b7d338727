"""The calls of `tinygraph.distributed` on 1, 2 and 4 ranks, and without MPI."""

from __future__ import annotations

import pytest

from tests.distributed.launching import needs_mpi, printed


@needs_mpi
@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_the_calls_keep_their_laws(ranks):
    assert printed("laws.py", ranks=ranks) is True


def test_a_missing_library_is_an_error_that_says_what_to_install():
    assert printed("without_mpi.py") is True

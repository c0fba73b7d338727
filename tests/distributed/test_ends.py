"""A rank that ends early ends all: no program waits for ever."""

from __future__ import annotations

import pytest

from tests.distributed.launching import needs_mpi, run

pytestmark = needs_mpi


@pytest.mark.parametrize("ranks", [2, 4])
def test_an_error_on_one_rank_ends_all_with_its_traceback(ranks):
    done = run("dies.py", "error", ranks=ranks)
    assert done.returncode != 0
    assert f"tinygraph: rank {ranks - 1} of {ranks} ends all ranks with this error:\nTraceback" in done.stderr
    assert "ZeroDivisionError: the batch on this rank is wrong" in done.stderr
    assert "dies.py" in done.stderr


def test_an_error_on_every_rank_ends_all():
    done = run("dies.py", "all", ranks=2)
    assert done.returncode != 0
    assert "ValueError: every rank finds it" in done.stderr


@pytest.mark.parametrize("how", ["end", "exit"])
def test_a_rank_that_ends_early_is_an_error_of_those_who_wait_for_it(how):
    done = run("dies.py", how, ranks=2)
    assert done.returncode != 0
    assert "RuntimeError: total: rank 1 has ended its program, and rank 0 waits for it" in done.stderr


def test_a_rank_that_catches_that_error_ends_too():
    done = run("dies.py", "caught", ranks=2)
    assert "total: rank 1 has ended its program" in done.stdout


def test_a_rank_that_is_killed_ends_all():
    assert run("dies.py", "kill", ranks=2).returncode != 0

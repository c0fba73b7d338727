"""The programs of docs/distributed.md run as they stand, each in fresh processes."""

from __future__ import annotations

import importlib.util
import re
import sys

import pytest

from tests.distributed.launching import ROOT, needs_mpi, run

PAGE = (ROOT / "docs" / "distributed.md").read_text("utf-8")
TRAINING, SHARDS, DASK = re.findall(r"^```py\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def output(tmp_path):
    """Return a function that runs a program and returns what it prints."""

    def printed(text, ranks=None, **environment):
        path = tmp_path / "train.py"
        path.write_text(text, "utf-8")
        done = run(path, ranks=ranks, **environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return printed


@needs_mpi
def test_the_training_learns_the_same_on_any_number_of_ranks(output):
    pytest.importorskip("sklearn")
    text = TRAINING.replace('Dense(64, activation="relu", ', 'Dense(64, activation="relu", seed=0, ')
    text = text.replace("Dense(10, ", "Dense(10, seed=1, ")
    alone = output(text, ranks=1)
    assert alone.startswith("epoch 1: loss 1.")
    assert float(alone.split()[-1]) < 0.2
    assert output(text, ranks=2) == alone


@needs_mpi
def test_shards_print_the_same_on_any_number_of_ranks(output):
    alone = output(SHARDS)
    assert alone.startswith("0x1.")
    assert [output(SHARDS, ranks=ranks) for ranks in (2, 3)] == [alone, alone]


@pytest.mark.skipif(importlib.util.find_spec("distributed") is None, reason="Dask is not installed")
def test_dask_fits_side_by_side(output):
    printed = output(DASK)
    assert [line.split(":")[0] for line in printed.splitlines()] == [
        f"learning rate {rate}" for rate in (0.001, 0.01, 0.1)
    ]


def test_the_programs_are_python():
    for text in (TRAINING, SHARDS, DASK):
        compile(text, "docs/distributed.md", "exec")
    assert sys.version_info >= (3, 11)

"""`fit` on several ranks has the losses and metrics of `fit` in one process."""

from __future__ import annotations

import functools
import json

import numpy as np
import pytest

from tests.distributed.launching import needs_mpi, run

pytestmark = needs_mpi


@functools.cache
def history(rows, batch, mode, how, ranks=None, *path):
    done = run("fits.py", rows, batch, mode, how, *path, ranks=ranks)
    assert done.returncode == 0, done.stdout + done.stderr
    *shown, last = done.stdout.splitlines()
    assert len([line for line in shown if line.startswith("Epoch ")]) == 4, done.stdout  # one rank shows them
    return json.loads(last)


# 26 rows in batches of 8 leave 2 for the last one: of 4 ranks two have none.
@pytest.mark.parametrize("ranks", [1, 2, 4])
@pytest.mark.parametrize(("rows", "batch", "how"), [(24, 8, "compiled"), (26, 8, "compiled"), (26, 8, "eager")])
def test_fit_on_several_ranks_is_fit_in_one_process(rows, batch, how, ranks):
    alone, shared = history(rows, batch, "alone", how), history(rows, batch, "shared", how, ranks)
    assert set(shared) == set(alone) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    for name, values in alone.items():
        np.testing.assert_allclose(shared[name], values, rtol=0, atol=1e-12, err_msg=name)


def test_one_rank_writes_files(tmp_path):
    history(24, 8, "shared", "eager", 2, str(tmp_path / "log.csv"))
    assert len((tmp_path / "log.csv").read_text("utf-8").splitlines()) == 5


def test_what_has_other_results_on_several_ranks_is_refused():
    done = run("fit_refuses.py", ranks=1)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("true\n")

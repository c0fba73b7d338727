"""Programs on several ranks: each is a file in `programs/`, and runs in processes of its own."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROGRAMS = Path(__file__).parent / "programs"
ROOT = Path(__file__).parent.parent.parent

# A program that takes longer has come to a halt.
SECONDS = 240


def mpiexec() -> str | None:
    """Return the path of mpiexec beside this Python, or on the path."""
    beside = Path(sys.executable).parent / "mpiexec"
    return str(beside) if beside.exists() else shutil.which("mpiexec")


needs_mpi = pytest.mark.skipif(
    importlib.util.find_spec("mpi4py") is None or mpiexec() is None,
    reason="there is no MPI: pip install 'tinygraph[mpi]' mpich",
)


def run(program: str, *args: Any, ranks: int | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program on some ranks, or without mpiexec."""
    started = [] if ranks is None else [mpiexec(), "-n", str(ranks)]
    return subprocess.run(
        [*started, sys.executable, "-W", "error", str(PROGRAMS / program), *map(str, args)],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        cwd=PROGRAMS,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "OPENBLAS_NUM_THREADS": "1",
            "OMPI_MCA_rmaps_base_oversubscribe": "1",  # Open MPI 4, and 5: more ranks than processors
            "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
            "OMPI_ALLOW_RUN_AS_ROOT": "1",
            "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
            **environment,
        },
    )


def printed(program: str, *args: Any, ranks: int | None = None) -> Any:
    """Return what rank 0 of a program prints, as JSON."""
    done = run(program, *args, ranks=ranks)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)

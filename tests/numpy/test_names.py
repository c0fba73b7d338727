"""`tinygraph.numpy` has all of NumPy under the same names, and tells type checkers so."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy
import pytest

import tinygraph as tg
import tinygraph.numpy as np


def fresh(program: str) -> str:
    """Return what a program prints in a process of its own."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize("room", ["", "fft", "linalg", "random"])
def test_each_public_name_of_numpy_is_there(room):
    plain, ours = (getattr(module, room) if room else module for module in (numpy, np))
    names = [name for name in plain.__all__ if not hasattr(ours, name)]
    assert names == []


def test_names_are_imported_from_it_as_from_numpy():
    program = """
from tinygraph.numpy import *
from tinygraph.numpy import fft, linalg, newaxis, pi, zeros
from tinygraph.numpy.linalg import solve
from tinygraph.numpy.random import default_rng
import tinygraph.numpy.linalg as la, numpy
print(solve is numpy.linalg.solve is la.solve, ones.__doc__ == numpy.ones.__doc__, type(zeros(3)).__name__)
"""
    assert fresh(program) == "True True Tensor"


def test_it_is_loaded_when_it_is_asked_for():
    program = """
import sys
import tinygraph as tg
before = "tinygraph.numpy" in sys.modules
print(before, type(tg.numpy.zeros(3)).__name__)
"""
    assert fresh(program) == "False Tensor"


def test_a_name_that_numpy_does_not_have_is_missing():
    with pytest.raises(AttributeError, match="numpy"):
        _ = np.nonsense


def test_what_is_not_made_here_is_numpys_own():
    for name in ("exp", "sum", "float64", "newaxis", "pi", "dtype", "finfo", "where", "einsum"):
        assert getattr(np, name) is getattr(numpy, name)


def test_type_checkers_see_numpys_names(tmp_path):
    pytest.importorskip("mypy")
    program = tmp_path / "program.py"
    program.write_text(
        """
import tinygraph as tg
import tinygraph.numpy as np
from tinygraph.numpy import linalg, zeros

def norm(a: np.ndarray) -> float:
    y = zeros(3)
    y[0] = tg.Tensor(2.0)
    return float(linalg.norm(y) + np.sum(np.fft.fft(a).real) + np.random.default_rng(0).normal())

tg.numpy.ones(3)
np.nonsense
"""
    )
    command = [sys.executable, "-m", "mypy", "--strict", str(program)]
    done = subprocess.run(command, cwd=Path(tg.__file__).parent.parent, capture_output=True, text=True, check=False)
    errors = [line for line in done.stdout.splitlines() if "error:" in line]
    assert len(errors) == 1 and '"nonsense"' in errors[0], done.stdout

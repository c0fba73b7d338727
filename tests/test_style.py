"""Types and style are checked as everything else is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
CHECKS = {
    "types": ["mypy", "tinygraph"],
    "lint": ["ruff", "check", "tinygraph", "demos", "tests"],
    "format": ["ruff", "format", "--check", "tinygraph", "demos", "tests"],
}


@pytest.mark.parametrize("name", CHECKS)
def test_nothing_is_found(name):
    pytest.importorskip(CHECKS[name][0])
    if name == "types" and np.lib.NumpyVersion(np.__version__) >= "2.5.0":
        pytest.skip("the annotations of NumPy 2.5 leave out ways to call its functions that it still takes")
    done = subprocess.run([sys.executable, "-m", *CHECKS[name]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr

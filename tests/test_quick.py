"""The plain engine alone gives what it gives with the quick paths beside it: its tests pass without them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent
PLAIN = {**os.environ, "TINYGRAPH_QUICK": "0"}
# What goes through every kind of call, through reach, pieces and recorded passes; the other laws take minutes.
CHOSEN = ("test_backward.py", "test_singularities.py", "derivatives/test_indexing.py")


def test_the_quick_pulls_are_there_unless_they_are_switched_off():
    program = "import tinygraph; from tinygraph.engine.pulling import PULL, pull; print(set(PULL.values()) == {pull})"
    for environment, alone in ((PLAIN, "True"), ({**os.environ, "TINYGRAPH_QUICK": "1"}, "False")):
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == alone


def test_the_laws_hold_without_the_quick_paths():
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "-p",
        "no:cacheprovider",
        *[str(TESTS / name) for name in CHOSEN],
    ]
    done = subprocess.run(command, cwd=TESTS.parent, env=PLAIN, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr

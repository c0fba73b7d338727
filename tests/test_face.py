"""The public names: one list, which the lazy loading, `dir(tg)` and the types follow."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tinygraph as tg

STUB = Path(tg.__file__).with_suffix(".pyi")


def fresh(program: str) -> str:
    """Return what a program prints in a process of its own."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_dir_shows_the_public_names_and_nothing_else():
    program = "import tinygraph as tg; print(*(name for name in dir(tg) if not name.startswith('__')))"
    assert fresh(program).split() == tg.__all__
    assert [name for name in dir(tg) if not name.startswith("__")] == tg.__all__


def test_each_name_loads_in_a_fresh_process_where_the_list_says():
    program = """
import importlib, types
import tinygraph as tg
for name in tg.__all__:
    room = tg._HOME[name]
    expected = getattr(importlib.import_module(f"tinygraph.{room}"), name) if room else None
    item = getattr(tg, name)
    assert item is expected if room else isinstance(item, types.ModuleType), name
print("all")
"""
    assert fresh(program) == "all"


def test_random_draws_are_found_before_anything_is_compiled():
    assert fresh("import tinygraph as tg; print(tg.draws.__name__)") == "tinygraph.draws"


def test_type_checkers_are_told_the_same_names():
    told = {
        alias.name: (node.module or "").removeprefix("tinygraph").removeprefix(".")
        for node in ast.parse(STUB.read_text("utf-8")).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname == alias.name
    }
    assert told == tg._HOME


def test_mypy_knows_each_name_and_no_other(tmp_path):
    pytest.importorskip("mypy")
    if np.lib.NumpyVersion(np.__version__) >= "2.5.0":
        pytest.skip("the annotations of NumPy 2.5 leave out ways to call its functions that it still takes")
    program = tmp_path / "program.py"
    program.write_text("import tinygraph as tg\n\n" + "\n".join(f"tg.{name}" for name in [*tg.__all__, "tensors"]))
    command = [sys.executable, "-m", "mypy", "--strict", str(program)]
    done = subprocess.run(command, cwd=STUB.parent.parent, capture_output=True, text=True, check=False)
    errors = [line for line in done.stdout.splitlines() if "error:" in line]
    assert len(errors) == 1 and '"tensors"' in errors[0], done.stdout

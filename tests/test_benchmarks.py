"""The benchmarks run, at a size at which their times mean nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import tinygraph

BENCHMARKS = Path(__file__).parent / "benchmarks"


def test_every_benchmark_runs(tmp_path):
    environment = os.environ | {"PYTHONPATH": str(Path(tinygraph.__file__).parents[1])}
    command = [sys.executable, str(BENCHMARKS / "eager.py"), "--tiny", "--json", str(tmp_path / "out.json")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    document = json.loads((tmp_path / "out.json").read_text())
    ours = [entry for entry in document["times"] if entry["library"] == "tinygraph"]
    assert len(ours) == 10
    assert all(entry["microseconds"] > 0 for entry in ours)
    assert document["memory"]["tinygraph"]["nodes"] == 1_000
    assert document["import"]["tinygraph_ms"] > 0
    assert "| Workload | Library |" in done.stdout


def test_one_workload_can_be_chosen():
    command = [sys.executable, str(BENCHMARKS / "eager.py"), "--tiny", "matmul"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "matmul" in done.stdout and "scalar" not in done.stdout


def test_every_compiled_benchmark_runs(tmp_path):
    command = [sys.executable, str(BENCHMARKS / "compiled.py"), "--tiny", "--json", str(tmp_path / "out.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    document = json.loads((tmp_path / "out.json").read_text())
    assert len([entry for entry in document["times"] if entry["library"] == "tinygraph"]) == 10


def test_the_gradients_of_every_program_as_written_agree():
    command = [sys.executable, str(BENCHMARKS / "written.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_programs_as_written_take_turns_in_processes_of_their_own(tmp_path):
    command = [
        sys.executable, str(BENCHMARKS / "written.py"), "--tiny", "--rounds", "2", "--seconds", "0", "atax",
        "--json", str(tmp_path / "out.json"),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (entry,) = json.loads((tmp_path / "out.json").read_text())["kernels"]
    assert entry["compiled"]["ms_wall"] > 0
    assert "| atax |" in done.stdout


def test_all_spellings_of_a_network_agree():
    command = [sys.executable, str(BENCHMARKS / "spellings.py"), "--tiny"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("| transformer |") == 11

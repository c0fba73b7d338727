"""The benchmarks run, at a size at which their times mean nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).parent / "benchmarks"


def run(script: str, *arguments: object) -> str:
    """The output of a benchmark, which must not fail."""
    command = [sys.executable, str(BENCHMARKS / script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_workload_runs_beside_other_libraries(tmp_path):
    shown = run("beside.py", "--tiny", "--rounds", 1, "--json", tmp_path / "out.json")
    entries = json.loads((tmp_path / "out.json").read_text())["workloads"]
    assert len(entries) == 23
    for entry in entries:
        assert not entry["faults"], entry
        assert any(row["library"].startswith("tinygraph") and row["microseconds"] > 0 for row in entry["rows"])
    assert "| Workload | Library |" in shown and "NumPy by hand" in shown


def test_one_workload_can_be_chosen():
    shown = run("beside.py", "--tiny", "--rounds", 1, "mlp", "--only", "tinygraph")
    assert "MLP" in shown and "LSTM" not in shown


def test_all_spellings_of_a_network_agree():
    shown = run("spellings.py", "--tiny", "--rounds", 1)
    assert "| x[t] @ w + h @ u |" in shown and "LSTM 3→4" in shown


def test_steps_are_measured_beside_a_busy_process(tmp_path):
    shown = run("load.py", "--tiny", "--rounds", 1, "mlp", "--json", tmp_path / "out.json")
    (entry,) = json.loads((tmp_path / "out.json").read_text())["load"]
    assert entry["ratio"] > 0 and "| mlp |" in shown


def test_a_first_call_has_a_process_of_its_own(tmp_path):
    run("first_calls.py", "--tiny", "--rounds", 1, "mlp", "--json", tmp_path / "out.json")
    (entry,) = json.loads((tmp_path / "out.json").read_text())["first calls"]
    assert entry["seconds"]["tinygraph"] > 0


def test_a_round_in_which_others_were_busy_does_not_count(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import turns

    shares = iter([0.0, 0.9, 0.05, 0.3, 0.0])

    class Watch:
        def __init__(self, ours):
            pass

        def share(self):
            return next(shares)

    class Child:
        process = subprocess.Popen([sys.executable, "-c", ""])

        def measure(self, way, seconds):
            return {"wall": 1.0, "cpu": 1.0}

    Child.process.wait()
    monkeypatch.setattr(turns, "Watch", Watch)
    found = turns.take_turns([turns.Runner(Child(), "")], rounds=3, seconds=0.0)
    assert found.counted == [0, 2, 4] and len(found.taken) == 5 and not found.busy


def test_where_no_round_is_clean_all_of_them_are_shown_as_those_of_a_busy_machine(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import turns

    class Child:
        process = subprocess.Popen([sys.executable, "-c", ""])

        def measure(self, way, seconds):
            return {"wall": 1.0, "cpu": 1.0}

    found = turns.take_turns([turns.Runner(Child(), "")], rounds=3, seconds=0.0, limit=0.0, quiet_share=-1.0)
    Child.process.wait()
    assert found.counted == [0, 1, 2] and found.busy


def test_the_gradients_of_every_program_as_written_agree():
    run("written.py", "--check")


def test_programs_as_written_take_turns_in_processes_of_their_own(tmp_path):
    shown = run(
        "written.py", "--tiny", "--rounds", 2, "--seconds", 0, "atax", "--json", tmp_path / "out.json"
    )  # fmt: skip
    (entry,) = json.loads((tmp_path / "out.json").read_text())["kernels"]
    assert entry["compiled"]["ms_wall"] > 0
    assert "| atax |" in shown


def test_the_tables_of_the_documentation_are_made_anew(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# Page\n\n<!-- table: aims -->\nold\n<!-- end -->\n\n<!-- table: import -->\n<!-- end -->\n\nEnd.\n"
    )
    run("everything.py", "--tiny", "mlp", "import", "--json", tmp_path / "out.json", "--docs", page)
    first = page.read_text()
    assert "old" not in first and "| MLP 6-5-3, Adam, batch 4" in first and "`import tinygraph`" in first
    run("everything.py", "--from", tmp_path / "out.json", "--docs", page)
    assert page.read_text() == first and first.endswith("End.\n")


def test_the_documentation_has_a_place_for_each_table(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import everything

    parts = {"machine": {}, "quiet": 0.1, "beside": [], "spellings": [], "first calls": []}
    found = everything.tables(parts | {"costs": {}})
    page = (BENCHMARKS.parents[1] / "docs" / "benchmarks.md").read_text()
    for name in [*found, "memory", "peaks", "import"]:
        assert page.count(f"<!-- table: {name} -->") == 1

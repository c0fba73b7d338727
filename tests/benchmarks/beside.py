"""tinygraph, compiled and eager, beside other libraries. Run from anywhere:

    python tests/benchmarks/beside.py                       everything
    python tests/benchmarks/beside.py mlp lstm              only the workloads whose key has one of these words
    python tests/benchmarks/beside.py --python jax=/venv/bin/python --python torch=/other/bin/python
    python tests/benchmarks/beside.py --json out.json       the numbers too

Each library runs in a process of its own, with one thread and with two, whichever is faster. The processes take turns,
in rounds, and a round counts if nothing else was busy meanwhile. The losses of the first steps must agree before a time
is taken. A library that is not installed is left out.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(1, str(Path(__file__).parents[2]))  # a checkout that is not installed

from agreement import disagreements
from libraries import EAGER, FAST, LIBRARIES, OURS, Library
from machine import machine
from options import add_options, chosen, limit, pythons
from processors import thread_counts
from tables import aims_table, conditions, eager_table, times_table
from turns import Child, Rounds, Runner, begun, take_turns
from workload import Workload
from workloads import WORKLOADS

PATIENCE = 180.0
TRIAL_ROUNDS = 2  # of turns half as long, which choose the number of threads

# The libraries that a process did not find: no other workload starts one for them.
_ABSENT: set[str] = set()


def asked_for(work: Workload, options: argparse.Namespace) -> list[str]:
    """The names of the libraries that a workload is written for, and that the options leave in."""
    return [
        name
        for name, library in LIBRARIES.items()
        if work.of(library.family)
        and name not in work.without
        and (name != FAST or (work.fast and OURS not in work.without))
        if not options.only or name in options.only
    ]


def children(key: str, work: Workload, options: argparse.Namespace) -> list[Child]:
    """A process for each library and number of threads, after its first calls."""

    def starting(name: str, library: Library, threads: int) -> Any:
        first = [work.of("numpy")[0].name] if library.family == "numpy" else None
        task = {"source": "workloads", "workload": key, "library": name, "tiny": options.tiny, "spellings": first}
        python = pythons(options).get(library.python, sys.executable)
        return lambda: Child(task, threads, python, library.variables)

    counts = thread_counts()[:1] if options.tiny or WORKLOADS[key].alone else thread_counts()
    starts = [
        starting(name, LIBRARIES[name], threads)
        for name in asked_for(work, options)
        if name not in _ABSENT
        for threads in reversed(counts)
    ]
    found = begun(starts, PATIENCE)
    _ABSENT.update(child.task["library"] for child in found if child.missing)
    return found


def faster(runners: list[Runner], trial: Rounds) -> list[Runner]:
    """For each way of each library the number of threads that was faster in the trial."""
    best: dict[tuple[str, str], tuple[float, Runner]] = {}
    for place, runner in enumerate(runners):
        key = (runner.child.task["library"], runner.way)
        quickest = min(row[place]["wall"] for row in trial.taken)
        if key not in best or quickest < best[key][0]:
            best[key] = (quickest, runner)
    return [runner for _, runner in best.values()]


def measured(key: str, options: argparse.Namespace) -> dict[str, Any]:
    """Everything known of one workload, beside all libraries."""
    entry = WORKLOADS[key]
    work = entry.make(**(entry.tiny if options.tiny else {}))
    found = children(key, work, options)
    faults = disagreements(work, found)
    runners = [
        Runner(child, way)
        for child in found
        for way in child.ways
        if not any(where in faults for where in ((child.task["library"], way), (child.task["library"], "")))
    ]
    seconds = 0.0 if options.tiny else entry.seconds
    runners = faster(runners, take_turns(runners, TRIAL_ROUNDS, seconds / 2, 0.0))
    for child in found:
        if child.process.poll() is None and not any(runner.child is child for runner in runners):
            child.end()
    rounds = take_turns(runners, options.rounds, seconds, limit(options), options.quiet)
    for runner in runners:
        runner.child.end()
    return {
        "key": key, "workload": work.name, "unit": work.unit, "aim": work.aim, "eager_aim": work.eager_aim,
        "aims": work.aims, "rows": rows(work, runners, rounds), "busy": rounds.busy, "others": rounds.others,
        "rounds": len(rounds.counted), "faults": {f"{name} {way}".strip(): why for (name, way), why in faults.items()},
        "missing": sorted(_ABSENT.intersection(asked_for(work, options))),
    }  # fmt: skip


def rows(work: Workload, runners: list[Runner], rounds: Rounds) -> list[dict[str, Any]]:
    """A row for each way, with its time and the ratios of ours to it."""
    places = {runner.child.task["library"]: place for place, runner in reversed(list(enumerate(runners)))}
    found = []
    for place, runner in enumerate(runners):
        name = runner.child.task["library"]
        spelled = f", {runner.way}" if LIBRARIES[name].family != "numpy" and runner.way else ""
        row = {
            "library": name, "label": name + spelled, "threads": runner.child.threads,
            "microseconds": rounds.seconds(place) / work.units * 1e6,
            "cpu_microseconds": rounds.seconds(place, "cpu") / work.units * 1e6,
        }  # fmt: skip
        for ours in (OURS, FAST, EAGER):
            if ours in places:
                row[f"{ours} over it"] = rounds.ratio(places[ours], place)
        found.append(row)
    return found


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Measure tinygraph beside other libraries.")
    add_options(parser, rounds=9)
    parser.add_argument("--only", nargs="+", metavar="LIBRARY", help="only these libraries")
    options = parser.parse_args(arguments)
    entries = run(options)
    print(
        aims_table(entries),
        eager_table(entries),
        times_table(entries),
        conditions(entries, options.quiet),
        sep="\n\n",
        end="\n\n",
    )
    document = {"machine": machine(pythons(options)), "workloads": entries}
    print("; ".join(f"{name}: {value}" for name, value in document["machine"].items()))
    if options.json is not None:
        options.json.write_text(json.dumps(document, indent=2) + "\n")
    return 1 if any("finds" in why for entry in entries for why in entry["faults"].values()) else 0


def run(options: argparse.Namespace) -> list[dict[str, Any]]:
    """All workloads that were asked for."""
    entries = []
    for key in chosen(WORKLOADS, options):
        print(f"{key} ...", file=sys.stderr, flush=True)
        entries.append(measured(key, options))
    return entries


if __name__ == "__main__":
    sys.exit(main())

"""The first call of a step, from its decoration to its result, each in a fresh process. Run from anywhere:

    python tests/benchmarks/first_calls.py
    python tests/benchmarks/first_calls.py lstm --python jax=/venv/bin/python

What a library loads at its first use is loaded before, by a step on two numbers. One process runs at a time. A figure
is the median of all that were started.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(1, str(Path(__file__).parents[2]))  # a checkout that is not installed

from libraries import EAGER, LIBRARIES, OURS
from machine import machine
from options import add_options, chosen, pythons
from processors import Watch
from tables import BUSY, duration
from turns import Child
from workloads import WORKLOADS

AIMS = {"mlp": 0.15, "cnn": 0.25, "lstm": 0.5, "transformer": None}
PATIENCE = 120.0


def measured(key: str, options: argparse.Namespace) -> dict[str, Any]:
    """Seconds of the first call, by library; the share of a processor that others took is with them."""
    entry = WORKLOADS[key]
    work = entry.make(**(entry.tiny if options.tiny else {}))
    found: dict[str, Any] = {"key": key, "workload": work.name, "seconds": {}, "cpu_seconds": {}, "others": 0.0}
    for name in (OURS, EAGER, "torch", "jax.jit"):
        library = LIBRARIES[name]
        spelling = work.of(library.family)[0].name
        task = {
            "source": "workloads", "workload": key, "library": name, "tiny": options.tiny, "spellings": [spelling],
            "warm": True,
        }  # fmt: skip
        taken = []
        for _ in range(options.rounds if name == OURS else 1):
            child = Child(task, python=pythons(options).get(library.python, sys.executable))
            watch = Watch([child.process.pid])
            child.begin(PATIENCE)
            others = watch.share()
            child.end()
            if spelling in child.ways and "refused" not in child.ways[spelling]:
                taken.append(child.ways[spelling])
                found["others"] = max(found["others"], others)
        if taken:
            found["seconds"][name] = statistics.median(facts["first_wall"] for facts in taken)
            found["cpu_seconds"][name] = statistics.median(facts["first_cpu"] for facts in taken)
    return found


def table(entries: list[dict[str, Any]], quiet: float) -> str:
    """The first calls, in Markdown."""
    names = [name for name in LIBRARIES if any(name in entry["seconds"] for entry in entries)]
    lines = [f"| Workload | {' | '.join(names)} | Aim |", f"|---|{'--:|' * (len(names) + 1)}"]
    for entry in entries:
        aim = AIMS[entry["key"]]
        cells = [entry["workload"] + (f" ({BUSY})" if entry["others"] > quiet else "")]
        for name in names:
            text = duration(entry["seconds"][name] * 1e6) if name in entry["seconds"] else ""
            missed = name == OURS and aim is not None and text and entry["seconds"][name] > aim
            cells.append(f"**{text}** missed" if missed else text)
        lines.append(f"| {' | '.join(cells)} | {f'≤ {aim} s' if aim else ''} |")
    return "\n".join(lines)


def run(options: argparse.Namespace) -> list[dict[str, Any]]:
    """All workloads that were asked for."""
    entries = []
    for key in chosen(AIMS, options):
        print(f"first calls of {key} ...", file=sys.stderr, flush=True)
        entries.append(measured(key, options))
    return entries


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Measure the first call of a step.")
    add_options(parser, rounds=5)
    options = parser.parse_args(arguments)
    entries = run(options)
    print(table(entries, options.quiet))
    if options.json is not None:
        document = {"machine": machine(pythons(options)), "first calls": entries}
        options.json.write_text(json.dumps(document, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""tinygraph against its peers, in eager mode. Run from anywhere:

    python tests/benchmarks/eager.py                    everything, in about six minutes
    python tests/benchmarks/eager.py scalar matmul      only the workloads whose name has one of these words
    python tests/benchmarks/eager.py --json out.json    the numbers too

The peers are optional, and skipped where they are missing: pip install torch==2.13.0 micrograd mygrad autograd.
All of them run in this process and take turns, each after a garbage collection. They must agree on the result before
a time is taken. An aim that is missed is reported, and nothing fails: other machines are not this fast or this idle.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(1, str(Path(__file__).parents[2]))  # a checkout that is not installed

import numpy as np
from arrays import elementwise, logistic_regression, network_step, with_matmul
from children import BOUND_BYTES, BOUND_IMPORT_MS, imports, memory, peaks
from peers import MISSING
from report import import_table, machine, memory_table, peak_table, results, table
from scalars import scalar_graph, scalar_network
from timing import Workload, take_turns
from writes import gauss_seidel, recurrence, runge_kutta


def workloads(tiny: bool) -> list[tuple[Workload, int]]:
    """Every workload, and in how many rounds it is measured."""
    if tiny:
        small = [
            scalar_graph(200), scalar_network(2, 3), elementwise(2, (3, 4)), with_matmul(2, (3, 4)),
            logistic_regression(3, 16, 4), logistic_regression(3, 16, 4, formula=True), network_step(2, 4, (6, 5, 3)),
            recurrence(5), gauss_seidel(4, 1), runge_kutta(3),
        ]  # fmt: skip
        return [(workload, 1) for workload in small]
    return [
        (scalar_graph(), 15),
        (scalar_network(), 15),
        (elementwise(), 60),
        (with_matmul(), 40),
        (logistic_regression(), 9),
        (logistic_regression(formula=True), 9),
        (network_step(), 20),
        (recurrence(), 9),
        (gauss_seidel(), 9),
        (runge_kutta(), 5),
    ]


def check(workload: Workload) -> None:
    """Raise AssertionError unless every contender finds what ours finds."""
    ours, *others = workload.contenders
    expected = ours.run()
    close = {"rtol": 1e-3, "atol": 1e-5} if "float32" in workload.name else {"rtol": 1e-7, "atol": 1e-12}
    for other in others:
        other.prepare()
        for a, b in zip(expected, other.run(), strict=True):
            np.testing.assert_allclose(a, b, **close, err_msg=f"{workload.name}: {other.name}")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Measure tinygraph against its peers.")
    parser.add_argument("words", nargs="*", help="only workloads whose name has one of these words; memory; import")
    parser.add_argument("--rounds", type=float, default=1.0, help="times as many rounds (default: 1)")
    parser.add_argument("--gc", choices=("on", "off"), default="on", help="Python's garbage collector, for everyone")
    parser.add_argument("--tiny", action="store_true", help="every workload at a size that shows only that it runs")
    parser.add_argument("--json", type=Path, help="write the numbers to this file")
    options = parser.parse_args(arguments)

    def wanted(name: str) -> bool:
        return not options.words or any(word in name for word in options.words)

    entries: list[dict[str, Any]] = []
    for workload, rounds in workloads(options.tiny):
        if wanted(workload.name):
            check(workload)
            print(f"{workload.name} ...", file=sys.stderr)
            times = take_turns(workload.contenders, max(1, round(rounds * options.rounds)), options.gc == "on")
            entries += results(workload, times)
    document: dict[str, Any] = {"machine": machine(), "missing": MISSING, "times": entries}
    if entries:
        print(table(entries), end="\n\n")
    if wanted("memory"):
        document["memory"] = memory(1_000 if options.tiny else 1_000_000)
        print(memory_table(document["memory"], BOUND_BYTES), end="\n\n")
        document["peaks"] = peaks(0.1 if options.tiny else 8)
        print(peak_table(document["peaks"]), end="\n\n")
    if wanted("import"):
        document["import"] = imports(1 if options.tiny else max(3, round(21 * options.rounds)))
        print(import_table(document["import"], BOUND_IMPORT_MS), end="\n\n")
    if MISSING:
        print(f"Not installed, and left out: {', '.join(MISSING)}.", end="\n\n")
    print("; ".join(f"{name}: {value}" for name, value in document["machine"].items()))
    if options.json is not None:
        options.json.write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()

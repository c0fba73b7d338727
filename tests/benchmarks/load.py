"""Compiled steps beside another process that keeps one processor busy, over the same steps alone on one thread.

    python tests/benchmarks/load.py                 every training step
    python tests/benchmarks/load.py lstm mlp        only the workloads with one of these words in their keys
    python tests/benchmarks/load.py --json out.json the numbers too

Threads that wait for each other wait for the other process, too. The law: beside it a step takes at most 1.5 times as
long as alone on one thread. Times are means over all calls of some seconds, since it is the late calls that count.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(1, str(Path(__file__).parents[2]))  # a checkout that is not installed

from libraries import EAGER, OURS
from machine import machine
from options import add_options, chosen, pythons
from processors import pin, processors, variables
from tables import duration, marked
from workloads import WORKLOADS, ways

BOUND = 1.5
SECONDS = 2.0
WARM_CALLS = 6
MOST_CALLS = 300  # without a restart: see `contestant.py`

BUSY = "import os, sys\nif sys.argv[1]: os.sched_setaffinity(0, {int(sys.argv[1])})\nwhile True: pass"


@contextmanager
def busy_processor() -> Iterator[None]:
    """Keep one processor busy meanwhile: the last one, where the system lets it."""
    last = str(processors()[-1]) if processors() else ""
    process = subprocess.Popen([sys.executable, "-c", BUSY, last])
    try:
        yield
    finally:
        process.kill()
        process.wait()


class Stepping:
    """A process that makes the steps of a workload.

    Args:
        threads: of BLAS, and processors; None for all.
    """

    def __init__(self, key: str, library: str, tiny: bool, threads: int | None) -> None:
        task = {"workload": key, "library": library, "tiny": tiny, "spellings": None, "ladders": False}
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--steps", json.dumps(task | {"threads": threads})],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=os.environ | (variables(threads) if threads else {}),
        )  # fmt: skip
        self._answer()

    def _answer(self) -> float:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("a process ended that should make steps")
        return float(line)

    def mean(self, seconds: float) -> float:
        """Return the mean time of a step, in microseconds, over some seconds."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{seconds}\n")
        self._process.stdin.flush()
        return self._answer()

    def end(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        self._process.wait()


def steps(task: dict[str, Any]) -> None:
    """Make steps for as many seconds as each line says, and answer with the mean time of one."""
    if task["threads"]:
        pin(task["threads"])
    way = next(iter(ways(task).values()))()
    for _ in range(WARM_CALLS):
        way.call(*way.fresh())
    print(0.0, flush=True)
    for line in sys.stdin:
        taken, calls, end = 0.0, 0, time.perf_counter() + float(line)
        while not calls or time.perf_counter() < end:
            if calls % MOST_CALLS == 0:
                way.restart()
            arguments = way.fresh()
            start = time.perf_counter()
            way.call(*arguments)
            taken, calls = taken + time.perf_counter() - start, calls + 1
        print(taken / calls * 1e6, flush=True)


def measured(key: str, options: argparse.Namespace) -> dict[str, Any]:
    """The times of a workload: the least mean of the rounds alone, and that of all rounds beside a busy process."""
    seconds = 0.0 if options.tiny else SECONDS
    one, both, eager = (
        Stepping(key, library, options.tiny, threads) for library, threads in ((OURS, 1), (OURS, None), (EAGER, None))
    )
    found: dict[str, list[float]] = {"one thread": [], "alone": [], "beside": [], "eager alone": [], "eager beside": []}
    for _ in range(options.rounds):
        found["one thread"].append(one.mean(seconds / 2))
        found["alone"].append(both.mean(seconds / 2))
        found["eager alone"].append(eager.mean(seconds / 2))
        with busy_processor():
            found["beside"].append(both.mean(seconds))
            found["eager beside"].append(eager.mean(seconds))
    for process in (one, both, eager):
        process.end()
    times = {name: sum(means) / len(means) if "beside" in name else min(means) for name, means in found.items()}
    return {"workload": key, "microseconds": times, "ratio": times["beside"] / times["one thread"]}


def table(entries: list[dict[str, Any]]) -> str:
    """The times, in Markdown."""
    lines = [
        "| Workload | One thread, alone | Alone | Busy machine | ÷ one thread | Eager, alone | Eager, busy machine |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for entry in entries:
        times = entry["microseconds"]
        cells = [
            entry["workload"], duration(times["one thread"]), duration(times["alone"]), duration(times["beside"]),
            marked(entry["ratio"], entry["ratio"] > BOUND), duration(times["eager alone"]),
            duration(times["eager beside"]),
        ]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Measure compiled steps beside a process that is busy.")
    add_options(parser, rounds=3)
    parser.add_argument("--steps", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.steps is not None:
        steps(options.steps)
        return 0
    entries = []
    for key in chosen((key for key, entry in WORKLOADS.items() if entry.law), options):
        print(f"{key} ...", file=sys.stderr, flush=True)
        entries.append(measured(key, options))
    print(table(entries), f"- bound: {BOUND}", sep="\n\n")
    if options.json is not None:
        options.json.write_text(json.dumps({"machine": machine(pythons(options)), "load": entries}, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The ways of one library of doing some work, in a process of its own; `turns.py` starts it.

python contestant.py TASK   TASK is JSON; its "source" is the module whose `ways(task)` makes the ways by name.

It speaks in lines of JSON: one after the first calls, then one for each line {"way", "seconds"} that it reads, with the
times of the calls of about so many seconds, and one with its peak of memory when the lines end.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import statistics
import sys
import time
import traceback
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from children import peak, resident
from processors import pin
from ways import Way

CHECKED_CALLS = 3

# A program of tinygraph has one thread in its first runs, and then chooses.
SETTLING_CALLS = 4
WARM = 0.03  # seconds
LONGEST_REST = 0.5  # seconds for the threads of a library to fall asleep, seen every GLANCE
GLANCE = 0.005
MOST_CALLS = 300  # Adam's moments of a weight that has no gradient are denormal numbers, and slow, after 800 steps


def refusal(error: Exception) -> str:
    """The first sentence of an error, after its class."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}"


def called(way: Way) -> tuple[Any, float, float]:
    """A result, and what the call took on the clock and of the processor."""
    arguments = way.fresh()
    cpu_0, wall_0 = time.process_time(), time.perf_counter()
    result = way.call(*arguments)
    wall_1, cpu_1 = time.perf_counter(), time.process_time()
    return result, wall_1 - wall_0, cpu_1 - cpu_0


def first_calls(way: Way, building: tuple[float, float], before: int) -> dict[str, Any]:
    """The facts after the first calls; what it takes to build the way is part of the first."""
    forget_peak()
    way.restart()
    result, wall, cpu = called(way)
    facts = {"first_wall": wall + building[0], "first_cpu": cpu + building[1], "peak_first": peak() - before}
    results = [way.check(result)]
    del result
    for _ in range(CHECKED_CALLS - 1):
        result, facts["once"], _ = called(way)
        results.append(way.check(result))
    for _ in range(SETTLING_CALLS):
        called(way)
    return facts | {"results": results} | way.facts()


def timed(way: Way, seconds: float, once: float) -> dict[str, float]:
    """The medians of the clock and of the processor time of the calls of one turn; short ones are warmed before."""
    way.restart()
    gc.collect()
    if once < seconds:
        warm_up(way)
    taken = [called(way)[1:] for _ in range(max(1, min(MOST_CALLS, round(seconds / once))))]
    walls, cpus = zip(*taken, strict=True)
    rest()
    return {"wall": statistics.median(walls), "cpu": statistics.median(cpus), "calls": len(taken)}


def rest() -> None:
    """Wait until the other threads of this process sleep, for they would take a processor from whoever comes next.

    OpenBLAS's threads were seen to look for work for 105 ms: the next library with two threads took 16 ms for a step of
    0.2 ms.
    """
    end = time.perf_counter() + LONGEST_REST
    while time.perf_counter() < end:
        cpu = time.process_time()
        time.sleep(GLANCE)
        if time.process_time() - cpu < GLANCE / 10:
            return


def warm_up(way: Way) -> None:
    """Make calls for a moment, two at least: threads that slept begin late, by up to some milliseconds."""
    end = time.perf_counter() + WARM
    for number in range(MOST_CALLS):
        called(way)
        if number and time.perf_counter() > end:
            return


def forget_peak() -> None:
    """Begin the peak of the memory anew, where Linux lets it."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def private_output() -> Any:
    """The standard output, for our lines alone: what a library prints goes to the standard error."""
    output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return output


def main() -> None:
    task = json.loads(sys.argv[1])
    output = private_output()

    def say(**facts: Any) -> None:
        print(json.dumps(facts), file=output, flush=True)

    if task["threads"]:
        pin(task["threads"])
    ways: dict[str, Way] = {}
    found: dict[str, dict[str, Any]] = {}
    try:
        makers = importlib.import_module(task["source"]).ways(task)
        gc.collect()
        before = resident()
        for name, make in makers.items():
            try:
                cpu, wall = time.process_time(), time.perf_counter()
                way = make()
                found[name] = first_calls(way, (time.perf_counter() - wall, time.process_time() - cpu), before)
                ways[name] = way
            except ImportError:
                raise
            except Exception as error:
                traceback.print_exc()
                found[name] = {"refused": refusal(error)}
    except ImportError as error:
        say(missing=error.name or str(error))
        return
    gc.collect()
    gc.freeze()  # the modules of the library are not to be searched for garbage
    forget_peak()
    rest()
    say(ways=found)
    for line in sys.stdin:
        wanted = json.loads(line)
        say(**timed(ways[wanted["way"]], wanted["seconds"], found[wanted["way"]]["once"]))
    say(peak_later=peak() - before)


if __name__ == "__main__":
    main()

"""One network in several spellings: the time must follow from what is computed, not from how it is written.

    python tests/benchmarks/spellings.py                    every group
    python tests/benchmarks/spellings.py transformer lstm   only the groups with one of these words in their keys
    python tests/benchmarks/spellings.py --drawn 20 --seed 1   with twenty of each group that are drawn at random
    python tests/benchmarks/spellings.py --json out.json    the numbers too

Each spelling is the same step on the same weights and data. The first losses of a group must agree before a time is
taken. Compiled and eager tinygraph have a process each; the spellings take turns. The law:

- a spelling takes at most 1.2 times the best of its group,
- where a size grows, the time does not fall by more than 15 %,
- compiled is never slower than eager, from 20 µs a call on.

What misses it is marked.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(1, str(Path(__file__).parents[2]))  # a checkout that is not installed

from agreement import disagreements
from libraries import EAGER, OURS
from machine import machine
from options import add_options, chosen, limit, pythons
from tables import BUSY, duration, marked, short
from turns import Child, Rounds, Runner, begun, take_turns
from workloads import WORKLOADS

OF_THE_BEST, OF_A_LARGER_SIZE, OF_EAGER = 1.2, 1.15, 1.0
SHORTEST_CALL = 20.0  # microseconds
PATIENCE = 120.0


def measured(key: str, options: argparse.Namespace) -> dict[str, Any]:
    """The times of all spellings of a workload, and of the first one at other sizes."""
    entry = WORKLOADS[key]
    work = entry.make(**(entry.tiny if options.tiny else {}))
    work.draw(options.drawn, options.seed)
    task = {
        "source": "workloads", "workload": key, "tiny": options.tiny, "spellings": None, "ladders": False,
        "drawn": options.drawn, "seed": options.seed,
    }  # fmt: skip
    starts = [
        lambda: Child(task | {"library": OURS, "ladders": not options.tiny}),
        lambda: Child(task | {"library": EAGER}),
    ]
    children = begun(starts, PATIENCE)
    faults = disagreements(work, children)
    runners = [
        Runner(child, way)
        for child in children
        for way in child.ways
        if (child.task["library"], way) not in faults and (child.task["library"], "") not in faults
    ]
    seconds = 0.0 if options.tiny else entry.seconds / 2
    rounds = take_turns(runners, options.rounds, seconds, limit(options), options.quiet)
    for child in children:
        child.end()
    times = {
        (runner.child.task["library"], runner.way): rounds.seconds(place) * 1e6 for place, runner in enumerate(runners)
    }
    names = [spelling.name for spelling in work.of("numpy")]
    return {
        "key": key, "workload": work.name, "busy": rounds.busy, "rounds": len(rounds.counted),
        "rows": [row(name, names, times, runners, rounds) for name in names if (OURS, name) in times],
        "ladders": ladders(entry.ladders, names[0], times),
        "faults": {f"{library} {name}".strip(): why for (library, name), why in faults.items()},
    }  # fmt: skip


def row(
    name: str, names: list[str], times: dict[tuple[str, str], float], runners: list[Runner], rounds: Rounds
) -> dict[str, Any]:
    """One spelling, beside the best of its group and beside eager."""
    places = {(runner.child.task["library"], runner.way): place for place, runner in enumerate(runners)}
    best = min((way for way in names if (OURS, way) in times), key=lambda way: times[OURS, way])
    found = {
        "spelling": name, "microseconds": times[OURS, name],
        "over best": rounds.ratio(places[OURS, name], places[OURS, best]),
    }  # fmt: skip
    if (EAGER, name) in times:
        found["eager microseconds"] = times[EAGER, name]
        found["over eager"] = rounds.ratio(places[OURS, name], places[EAGER, name])
    return found


def ladders(
    sizes: dict[str, tuple[int, ...]], first: str, times: dict[tuple[str, str], float]
) -> dict[str, dict[int, float]]:
    """By name of a size the times at its values, in microseconds."""
    found = {}
    for name, values in sizes.items():
        taken = {value: times.get((OURS, f"{name} = {value}")) for value in values}
        found[name] = {value: microseconds for value, microseconds in taken.items() if microseconds is not None}
    return {name: taken for name, taken in found.items() if taken}


def misses(entry: dict[str, Any]) -> list[str]:
    """Return the spellings and groups that break the law, with their times."""
    found = []
    for each in entry["rows"]:
        if each["over best"] > OF_THE_BEST:
            found.append(f"{each['spelling']}: {each['over best']:.2f} times the best spelling")
        if slower_than_eager(each):
            found.append(f"{each['spelling']}: {each['over eager']:.2f} times eager")
    for name, taken in entry["ladders"].items():
        found += [f"{name} {small} takes longer than {large}" for small, large in falls(taken)]
    return found


def slower_than_eager(each: dict[str, Any]) -> bool:
    return each.get("over eager", 0.0) > OF_EAGER and each["eager microseconds"] >= SHORTEST_CALL


def falls(taken: dict[int, float]) -> list[tuple[int, int]]:
    """The neighbouring sizes of which the smaller takes more than 15 % longer."""
    sizes = sorted(taken)
    return [(a, b) for a, b in itertools.pairwise(sizes) if taken[a] > OF_A_LARGER_SIZE * taken[b]]


def table(entries: list[dict[str, Any]]) -> str:
    """All spellings, in Markdown."""
    lines = [
        "| Workload | Spelling | Compiled | ÷ the best | Eager | Compiled ÷ eager |",
        "|---|---|--:|--:|--:|--:|",
    ]
    for entry in entries:
        name = entry["workload"] + (f" ({BUSY})" if entry["busy"] else "")
        for each in entry["rows"]:
            cells = [
                name, each["spelling"].replace("|", "/"), duration(each["microseconds"]),
                marked(each["over best"], each["over best"] > OF_THE_BEST),
                duration(each["eager microseconds"]) if "over eager" in each else "",
                marked(each["over eager"], slower_than_eager(each)) if "over eager" in each else "",
            ]  # fmt: skip
            lines.append(f"| {' | '.join(cells)} |")
            name = ""
        for where, why in entry["faults"].items():
            lines.append(f"| {name} | {where} | {short(why)} | | | |")
    return "\n".join(lines)


def ladder_table(entries: list[dict[str, Any]]) -> str:
    """The times at sizes that grow, in Markdown."""
    lines = ["| Workload | Size | Times |", "|---|---|---|"]
    for entry in entries:
        for name, taken in entry["ladders"].items():
            fallen = [small for small, _ in falls(taken)]
            times = [f"{size}: {marked_time(time, size in fallen)}" for size, time in sorted(taken.items())]
            lines.append(f"| {entry['workload']} | {name} | {', '.join(times)} |")
    return "\n".join(lines)


def marked_time(microseconds: float, missed: bool) -> str:
    return f"**{duration(microseconds)}**, over the next" if missed else duration(microseconds)


def summary(entries: list[dict[str, Any]]) -> str:
    """Return lines with the numbers of spellings that keep the law."""
    rows = [each for entry in entries for each in entry["rows"]]
    far = [each for each in rows if each["over best"] > OF_THE_BEST]
    slow = [each for each in rows if slower_than_eager(each)]
    steps = [taken for entry in entries for taken in entry["ladders"].values()]
    fallen = [fall for taken in steps for fall in falls(taken)]
    return "\n".join([
        f"- within {OF_THE_BEST} of the best of their group: {len(rows) - len(far)} of {len(rows)} spellings",
        f"- not slower than eager: {len(rows) - len(slow)} of {len(rows)}",
        f"- sizes at which the time falls by more than 15 % to the next: {len(fallen)} in {len(steps)} rows of sizes",
    ])  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Measure one network in several spellings.")
    add_options(parser, rounds=7)
    add_drawing(parser)
    options = parser.parse_args(arguments)
    entries = run(options)
    print(table(entries), ladder_table(entries), summary(entries), sep="\n\n")
    if options.json is not None:
        options.json.write_text(json.dumps({"machine": machine(pythons(options)), "groups": entries}, indent=2) + "\n")
    return 1 if any(entry["faults"] for entry in entries) else 0


def add_drawing(parser: argparse.ArgumentParser) -> None:
    """Enter the options for spellings that are drawn at random."""
    parser.add_argument("--drawn", type=int, default=2, help="spellings of a group drawn at random (default: 2)")
    parser.add_argument("--seed", type=int, default=0, help="of the draws (default: 0)")


def run(options: argparse.Namespace) -> list[dict[str, Any]]:
    """All groups that were asked for."""
    entries = []
    for key in chosen((key for key, entry in WORKLOADS.items() if entry.law), options):
        print(f"spellings of {key} ...", file=sys.stderr, flush=True)
        entries.append(measured(key, options))
    return entries


if __name__ == "__main__":
    sys.exit(main())

"""Processes that take turns: each library in one of its own, so that no other's threads spin beside it.

A process is `contestant.py`, which answers in lines of JSON. In a round each way of doing the work has one turn, and
each round begins with another one. A round in which other processes were busy is thrown away.
"""

from __future__ import annotations

import json
import os
import select
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from processors import QUIET_SHARE, Watch, variables

HERE = Path(__file__).parent
CONTESTANT = HERE / "contestant.py"


class Child:
    """A process that measures one library's ways of doing some work.

    Args:
        task: what `contestant.py` does; its "source" is the module that makes the ways.
        threads: the number of threads; None leaves it to the library, on all processors.
        python: the Python that has the library.
        settings: variables of the environment.

    Attributes:
        ways: by name the facts of each way after its first calls; a refused way has "refused" among them.
        missing: the package that is not installed, or None.
        refused: the reason why the process measures nothing, or None.
        ended: true if it measures nothing.
    """

    def __init__(
        self, task: dict[str, Any], threads: int | None = None, python: str = sys.executable,
        settings: dict[str, str] | None = None,
    ) -> None:  # fmt: skip
        self.task, self.threads = task, threads
        fixed = {"PYTHONHASHSEED": "0", "PYTHONPATH": _paths()} | (variables(threads) if threads else {})
        self.process = subprocess.Popen(
            [python, str(CONTESTANT), json.dumps(task | {"threads": threads})],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env=os.environ | fixed | (settings or {}),
        )  # fmt: skip
        self.facts: dict[str, Any] = {}

    def begin(self, patience: float) -> Child:
        """Wait until the first calls of all ways are done."""
        self.facts = self.answer(patience)
        if self.ended:
            self._close()
        return self

    @property
    def ways(self) -> dict[str, dict[str, Any]]:
        return self.facts.get("ways", {})

    @property
    def missing(self) -> str | None:
        return self.facts.get("missing")

    @property
    def refused(self) -> str | None:
        return self.facts.get("refused")

    @property
    def ended(self) -> bool:
        return "ways" not in self.facts

    def answer(self, patience: float) -> dict[str, Any]:
        """The next line of the process, or a refusal if none comes in time."""
        assert self.process.stdout is not None
        if not select.select([self.process.stdout], [], [], patience)[0]:
            self.process.kill()
            return {"refused": f"no answer in {patience:.0f} s"}
        line = self.process.stdout.readline()
        return json.loads(line) if line else {"refused": "the process ended"}

    def measure(self, way: str, seconds: float) -> dict[str, float]:
        """The times of a call in one turn of about so many seconds, by clock, "wall" and "cpu"."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"way": way, "seconds": seconds}) + "\n")
        self.process.stdin.flush()
        found = self.answer(600.0)
        if "refused" in found:
            raise RuntimeError(f"{self.task}, {way}: {found['refused']}")
        return found

    def end(self) -> None:
        """Take the facts that are known at the end, and let the process go."""
        if not self.ended and self.process.poll() is None:
            assert self.process.stdin is not None
            self.process.stdin.close()
            self.facts |= self.answer(60.0)
        self._close()

    def _close(self) -> None:
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        self.process.wait()


def _paths() -> str:
    """The path of modules of a child, which imports the tinygraph that this process would."""
    return os.pathsep.join(path for path in (os.environ.get("PYTHONPATH"), str(HERE.parents[1])) if path)


def begun(starts: Sequence[Callable[[], Child]], patience: float, at_once: int = 2) -> list[Child]:
    """Start processes, a few at a time, and wait until each has done its first calls."""
    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(lambda start: start().begin(patience), starts))


@dataclass(frozen=True, eq=False)
class Runner:
    """One way of doing the work, in a process.

    Attributes:
        label: what the report calls it.
    """

    child: Child
    way: str
    label: str = ""


@dataclass
class Rounds:
    """The times of all rounds.

    Attributes:
        taken: for each round the times of the runners, in their order.
        others: for each round the processors that other processes kept busy.
        counted: the rounds that count.
        busy: fewer than three rounds were clean, or fewer than were wanted, so that all of them count.
    """

    taken: list[list[dict[str, float]]] = field(default_factory=list)
    others: list[float] = field(default_factory=list)
    counted: list[int] = field(default_factory=list)
    busy: bool = False

    def seconds(self, place: int, clock: str = "wall") -> float:
        """The median time of a call of the runner at a place; on a busy machine the least one."""
        return self._middle([self.taken[round_][place][clock] for round_ in self.counted])

    def ratio(self, mine: int, theirs: int, clock: str = "wall") -> float:
        """The median of the ratios within each round, which a slow minute of the machine does not move.

        On a busy machine it is the ratio of the least times.
        """
        if self.busy:
            return self.seconds(mine, clock) / self.seconds(theirs, clock)
        return statistics.median(
            self.taken[round_][mine][clock] / self.taken[round_][theirs][clock] for round_ in self.counted
        )

    def _middle(self, times: list[float]) -> float:
        return min(times) if self.busy else statistics.median(times)


def take_turns(
    runners: Sequence[Runner], rounds: int, seconds: float, limit: float = 60.0, quiet_share: float = QUIET_SHARE
) -> Rounds:
    """Let all runners have a turn in each round, until enough rounds were clean.

    Args:
        rounds: the clean rounds that are wanted.
        seconds: the length of a turn.
        limit: seconds after which no more rounds begin, once there were `rounds` of them, clean or not.
        quiet_share: a round is clean if others took at most this share of one processor.
    """
    found = Rounds()
    began = time.perf_counter()
    processes = sorted({runner.child.process.pid for runner in runners})
    while len(found.counted) < rounds and (len(found.taken) < rounds or time.perf_counter() - began < limit):
        watch = Watch(processes)
        row: list[dict[str, float]] = [{} for _ in runners]
        for place in range(len(runners)):
            which = (place + len(found.taken)) % len(runners)
            row[which] = runners[which].child.measure(runners[which].way, seconds)
        found.others.append(watch.share())
        found.taken.append(row)
        if found.others[-1] <= quiet_share:
            found.counted.append(len(found.taken) - 1)
    if len(found.counted) < min(3, rounds):
        found.busy, found.counted = True, list(range(len(found.taken)))
    return found

"""Time several ways of doing the same work, taking turns, so that a busy machine is as busy for each of them."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

OURS = "tinygraph"

# Threads of a BLAS or of torch stay awake for a moment after their work, at the cost of whoever comes next.
QUIET = 0.04


def _nothing() -> None:
    pass


@dataclass(frozen=True)
class Contender:
    """One way of doing the work.

    Attributes:
        name: the library.
        run: does the work once, and returns what all contenders must agree on, a number or nested lists of numbers.
        prepare: called before each run, outside the time taken.
        threads: how many threads it was told to use, where it can be told.
    """

    name: str
    run: Callable[[], Any]
    prepare: Callable[[], object] = _nothing
    threads: int | None = None


@dataclass(frozen=True)
class Workload:
    """The same work, once for each contender.

    Attributes:
        name: what it is, in a few words.
        unit: what one time is divided by: "node", "step".
        units: how many of them one run has.
        contenders: ours first.
        bounds: for a peer, the most that our time should be of its.
    """

    name: str
    unit: str
    units: int
    contenders: list[Contender]
    bounds: dict[str, float] = field(default_factory=dict)


@dataclass
class Times:
    """Seconds of each run: on the clock, and of this process's processor time."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


def take_turns(contenders: list[Contender], rounds: int, collect: bool = True) -> list[Times]:
    """Run every contender once a round, each round beginning with another of them.

    Args:
        rounds: how many; two more, which warm up, are not counted.
        collect: whether the garbage collector runs, as it does by default in Python. Either way it starts clean.
    """
    times = [Times() for _ in contenders]
    with _collector(collect):
        for round_ in range(-2, rounds):
            for place in range(len(contenders)):
                which = (place + round_) % len(contenders)
                contenders[which].prepare()
                gc.collect()
                time.sleep(QUIET)
                cpu, wall = time.process_time(), time.perf_counter()
                contenders[which].run()
                wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
                if round_ >= 0:
                    times[which].wall.append(wall)
                    times[which].cpu.append(cpu)
    return times


@contextmanager
def _collector(running: bool) -> Iterator[None]:
    before = gc.isenabled()
    (gc.enable if running else gc.disable)()
    gc.collect()
    gc.freeze()  # the modules of all the peers are not for one of them to be searched for garbage
    try:
        yield
    finally:
        gc.unfreeze()
        (gc.enable if before else gc.disable)()


def ratio(ours: list[float], theirs: list[float]) -> float:
    """The middle one of the ratios round by round, which a slow minute of the machine does not move."""
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))

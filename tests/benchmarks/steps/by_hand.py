"""Steps written by hand in NumPy."""

from __future__ import annotations

from ways import Way
from workload import Spelling, Workload


def step(library: str, work: Workload, spelling: Spelling) -> Way:
    """A step of what `spelling.build(starts, *arrays)` returns: a function without arguments, and one that restarts.

    A spelling that makes the step of several libraries is given the name of the library instead of arrays.
    """
    arrays = (library,) if work.whole else spelling.arrays
    run, check, restart = spelling.build(work.starts, *arrays)
    return Way(run, check, restart)

"""Processors: how many threads a process may have, and how busy others were meanwhile."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path

# A round counts if all other processes together took at most this share of one processor meanwhile.
QUIET_SHARE = 0.1


def processors() -> list[int]:
    """The processors that this process may use; empty where the system does not say."""
    allowed = getattr(os, "sched_getaffinity", None)
    return sorted(allowed(0)) if allowed is not None else []


def thread_counts() -> tuple[int, ...]:
    """The numbers of threads that each library is tried with: one, and two where there are two processors."""
    return (1, 2) if (len(processors()) or os.cpu_count() or 1) > 1 else (1,)


def variables(threads: int) -> dict[str, str]:
    """The environment that gives a library so many threads, set before it is imported."""
    eigen = "true" if threads > 1 else "false"
    return {
        "OPENBLAS_NUM_THREADS": str(threads),
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "VECLIB_MAXIMUM_THREADS": str(threads),
        "XLA_FLAGS": f"--xla_cpu_multi_thread_eigen={eigen} {os.environ.get('XLA_FLAGS', '')}".strip(),
        "NPROC": str(threads),
    }


def pin(threads: int) -> None:
    """Keep this process on so many processors, the last ones, where the system lets it."""
    if processors():
        os.sched_setaffinity(0, processors()[-threads:])


class Watch:
    """The processor time that others take, while it runs."""

    def __init__(self, ours: Iterable[int]) -> None:
        self.ours = [*ours, os.getpid()]
        self.began = time.perf_counter()
        self.at_first = self._others()

    def _others(self) -> float | None:
        """Seconds of processor time of all processes but ours, since the system started."""
        try:
            total = _busy_seconds()
            return total - sum(_seconds_of(process) for process in self.ours)
        except OSError:
            return None

    def share(self) -> float:
        """The processors that others kept busy: 0.1 is a tenth of one. 0 where the system does not say."""
        now = self._others()
        if now is None or self.at_first is None:
            return 0.0
        return max(0.0, now - self.at_first) / max(time.perf_counter() - self.began, 1e-3)


def _busy_seconds() -> float:
    user, nice, system, _idle, _waiting, *others = map(int, Path("/proc/stat").read_text().split("\n")[0].split()[1:8])
    return (user + nice + system + sum(others)) / os.sysconf("SC_CLK_TCK")


def _seconds_of(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

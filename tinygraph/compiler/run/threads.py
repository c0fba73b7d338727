"""Threads of a program, its own and those of BLAS; and the processor whose kernels BLAS uses.

NumPy's wheels bring OpenBLAS, which uses every processor for all but the smallest products. On a machine with other
work its threads wait for each other. If another process keeps the processor of one thread for some milliseconds, the
thread does not get to its part of a product meanwhile: a step of half a millisecond was seen to take 67. A program's
own two threads wait for each other, too, and for Python's lock. So a program is timed, and has several threads only as
long as that is quicker: see `Pace`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from tinygraph.compiler.run.products import product_in_pieces
from tinygraph.compiler.schedule.blas_library import Blas, blas
from tinygraph.compiler.schedule.blas_threads import Setting
from tinygraph.compiler.write.text import Text

__all__ = ["PRODUCT", "SWITCHES", "Pace", "Threads", "blas_advice", "executed", "one_thread"]


@contextmanager
def one_thread() -> Iterator[None]:
    """Let BLAS use one thread in the block of the `with` statement."""
    found = blas()
    before = 1 if found is None else found.get_threads()
    if found is None or before <= 1:
        yield
        return
    found.set_threads(1)
    try:
        yield
    finally:
        found.set_threads(before)


# Runs with several threads may take this share longer than with one, on average.
LOSS = 0.1

# What they have saved before is set against a loss, up to the time of so many runs on one thread: now and then the
# system takes some milliseconds for itself.
SAVED = 16.0

# The account may be overdrawn by the time of so many runs on one thread.
OVERDRAWN = 8.0

# So many runs, or as many as take so many seconds, show how long one thread takes. The first run of all comes before
# these: it has one thread, too, but makes the memory, and shows nothing.
TRIALS, TRIED = 3, 0.05

# The name of the function with which a program divides its own work between two threads.
OWN = "on_two_threads"

# The names of the functions that a program calls before its products with several threads of BLAS, and behind them. Its
# text does not show these calls.
SWITCHES = ("__several_threads__", "__one_thread__")

# The name of the function that computes the products that BLAS may divide, on several threads or on one.
PRODUCT = "__product__"


class Pace:
    """The number of threads that a program is quicker with at present, one or several, as its runs have shown.

    The runs have an account of time, in which each has the time of the quickest run on one thread and a tenth more. A
    run that takes less pays the rest in, and one that takes longer takes the difference out. As long as the account is
    overdrawn, the program runs on one thread, and each run pays in the tenth.

    One late run does not show that several threads are slow: OpenBLAS's sleep after a tenth of a second without work,
    and wake late, by as much as 50 runs, and the next few runs are slower than later ones. So the worst run does not
    count until the account is even without that, and it may be overdrawn by so many runs on one thread as `OVERDRAWN`.
    However long a run with several threads takes, all runs together take at most a tenth longer than on one thread,
    apart from two such runs and those.
    """

    def __init__(self) -> None:
        self.begin()
        self._trials = TRIALS
        self._tried = 0.0  # seconds
        self._one = math.inf  # seconds on one thread
        self._account = 0.0  # seconds
        self._worst = 0.0  # seconds that the worst run took out, since the account was even

    def begin(self) -> None:
        """Let the next run show nothing: it makes memory, or machine code."""
        self._is_new = True

    def has_several(self) -> bool:
        """Return whether the next run should have several threads."""
        if self._is_new or self._is_trying():
            return False
        return self._account + self._worst >= -OVERDRAWN * self._one

    def note(self, several: bool, seconds: float) -> None:
        """Note the time of a run.

        Args:
            several: whether it had several threads.
            seconds: how long it took.
        """
        if self._is_new:
            self._is_new = False
            return
        if not several:
            self._trials -= 1
            self._tried += seconds
            self._one = min(self._one, seconds)
            seconds = self._one  # a run on one thread has no losses
        gain = (1 + LOSS) * self._one - seconds
        self._account = min(self._account + gain, SAVED * self._one)
        self._worst = 0.0 if self._account >= 0 else max(self._worst, -gain)

    def _is_trying(self) -> bool:
        return self._trials > 0 and self._tried < TRIED


def one_after_the_other(*calls: tuple[Any, ...]) -> list[Any]:
    """Make on one thread the calls that a program divides between two threads. The results are the same numbers."""
    return [function(*arguments) for function, *arguments in calls]


class Threads:
    """The threads of a program, BLAS's and its own. After each run BLAS has its old number again, whatever happens.

    Args:
        library: the BLAS whose threads are set; None leaves it as it is.
        several: whether products are divided among several threads of BLAS, if that pays.
        throughout: whether all products have several, as opposed to those between the calls of `SWITCHES`.
    """

    def __init__(self, library: Blas | None, several: bool, throughout: bool) -> None:
        self._library = library
        self._several = several
        self._throughout = throughout
        self._pace = Pace() if several else None
        self._count = 0  # the threads of BLAS in this run, for products with several; 0 if the run sets nothing
        self._space: dict[str, Any] | None = None
        self._divided: Any = None

    def bind(self, space: dict[str, Any]) -> None:
        """Note the global names of a program, after its first part: `OWN` is among them if it divides its own work."""
        self._divided = space.get(OWN)
        self._space = None if self._divided is None else space
        if self._divided is not None and self._pace is None:
            self._pace = Pace()

    def begin(self) -> None:
        """Let the next run show nothing of the threads, since it makes machine code."""
        if self._pace is not None:
            self._pace.begin()

    def run(self, step: Callable[..., Any], arguments: Sequence[Any]) -> Any:
        """Call a program."""
        pace = self._pace
        if pace is None:
            return self._with_blas(step, arguments, False)
        several = pace.has_several()
        if self._space is not None:
            self._space[OWN] = self._divided if several else one_after_the_other
        start = perf_counter()
        result = self._with_blas(step, arguments, several)
        pace.note(several, perf_counter() - start)
        return result

    def _with_blas(self, step: Callable[..., Any], arguments: Sequence[Any], several: bool) -> Any:
        """Call a program, with several threads of BLAS or one."""
        library = self._library
        before = 1 if library is None else library.get_threads()
        # One thread is the user's setting, or that of a program in another thread, which sets the old number again.
        if library is None or before <= 1:
            self._count = 0
            return step(*arguments)
        self._count = before if several and self._several else 1
        try:
            library.set_threads(self._count if self._throughout else 1)
            return step(*arguments)
        finally:
            library.set_threads(before)

    def calls(self) -> dict[str, Callable[..., Any]]:
        """Return by their names the functions with which a program changes the threads of BLAS, see `SWITCHES`, and
        the one with which it computes the products that these divide, see `PRODUCT`.
        """

        def several() -> None:
            if self._library is not None and self._count:
                self._library.set_threads(self._count)

        def one() -> None:
            if self._library is not None and self._count:
                self._library.set_threads(1)

        def product(x: Any, y: Any, out: Any = None) -> Any:
            return np.dot(x, y, out=out) if self._count > 1 else product_in_pieces(x, y, out)

        return dict(zip((*SWITCHES, PRODUCT), (several, one, product), strict=True))


def executed(text: Text, setting: Setting | None) -> str:
    """Return a program's text as it is run, with the calls that set the threads of BLAS, line for line as it is."""
    if setting is None or not setting.divided:
        return text.source
    return text.executed(setting.groups, SWITCHES, setting.divided, PRODUCT)


# The kernels of OpenBLAS that do not use AVX-512.
_OLDER = frozenset(("Haswell", "Zen", "Sandybridge", "Nehalem", "Prescott", "Core2", "Penryn", "Barcelona"))


def blas_advice(core: str | None = None, flags: str | None = None) -> str | None:
    """Return advice if OpenBLAS uses the kernels of an older processor than it runs on; None if it does not.

    Args:
        core: the processor that OpenBLAS took its kernels for; by default it is asked.
        flags: the processor's features, as Linux lists them; by default read from there.
    """
    if core is None:
        found = blas()
        if found is None:
            return None
        core = found.core
    if flags is None:
        info = Path("/proc/cpuinfo")
        text = info.read_text(errors="replace") if info.exists() else ""
        flags = next((line for line in text.splitlines() if line.startswith("flags")), "")
    modern = {"avx512f", "avx512bw", "avx512vl", "avx512dq", "avx512cd"} <= {*flags.split()}
    if core not in _OLDER or not modern:
        return None
    return (
        f"OpenBLAS uses its kernels for {core}, but this processor has AVX-512. Set the environment variable "
        "OPENBLAS_CORETYPE=SkylakeX before Python starts: products of float32 matrices may take half the time."
    )

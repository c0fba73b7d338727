"""Arrays that a backward pass frees stay with the process, up to a bound: their pages need not be cleared each time."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not GNU's")

MIB = 2**20

FAULTS = """
import resource
import numpy as np
import tinygraph as tg

x = np.linspace(-1, 1, 100_000, dtype=np.float32)  # 98 pages
wave = tg.value_and_grad(lambda x: np.mean(np.tanh(np.sin(x) * np.exp(-x * x) + x * np.log1p(x * x))))
for _ in range(5):
    wave(x)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    wave(x)
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 20)
"""

RESIDENT = """
import os
import numpy as np
import tinygraph as tg

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

t = tg.Tensor([1.0, 2.0])
np.sum(t * t).backward()
before = resident()
for together in (48, 256):
    for size in (1, 4, 16, 48):
        arrays = [np.ones(size << 20, np.uint8) for _ in range(together // size)]
        most = resident()
        del arrays
        print(together, most - before, resident() - before)
"""


def printed(script: str, **environment: str) -> list[float]:
    """Return the numbers that a script prints in a process of its own, where nobody has set the thresholds before."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_TUNABLES"))}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env={**own, **environment}
    )
    return [float(number) for number in done.stdout.split()]


def test_a_pass_takes_the_memory_that_the_pass_before_has_freed():
    (faults,) = printed(FAULTS)
    assert faults < 98  # one array


def test_a_setting_of_the_library_turns_it_off():
    (faults,) = printed(FAULTS, MALLOC_TRIM_THRESHOLD_="131072")
    assert faults > 5 * 98


def test_what_stays_is_bounded():
    numbers = printed(RESIDENT)
    for together, most, kept in zip(numbers[::3], numbers[1::3], numbers[2::3], strict=True):
        assert most > together * MIB * 3 / 4
        assert kept < (64 + 16) * MIB  # 64, and what Python itself takes


IN_PIECES = """
import os
import numpy as np
from tinygraph.engine.freed_memory import give_back_freed_memory, keep_freed_memory

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

keep_freed_memory()
before = resident()
arrays = [np.ones(16 << 10, np.uint8) for _ in range(2000)]
kept = arrays[::50]
del arrays
in_pieces = resident() - before
give_back_freed_memory()
print(in_pieces, resident() - before)
"""


def test_freed_memory_that_lies_in_pieces_is_given_back() -> None:
    in_pieces, rest = printed(IN_PIECES)
    assert in_pieces > 28 * MIB
    assert rest < 4 * MIB

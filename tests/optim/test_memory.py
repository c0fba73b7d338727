"""Arrays that a step frees stay with the process: the system need not clear their pages at each step."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

SCRIPT = """
import resource
import numpy as np
from tinygraph.optim.memory import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(50):
        arrays = [np.ones(100_000, np.float32) for _ in range(8)]  # 98 pages each
    return (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 50

faults()
without = faults()
keep_freed_memory()
faults()
print(without, faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not GNU's")
def test_freed_memory_is_kept():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    without, kept = map(float, done.stdout.split())
    assert kept < 50
    assert kept <= without

"""Threads of BLAS: their number, and the processor whose kernels BLAS uses.

NumPy's wheels bring OpenBLAS, which uses every processor for all but the smallest products. On a machine that has
other work its threads wait for each other: a step of half a millisecond was seen to take 67. A product that is over
in a fraction of a millisecond is better left to one thread.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

__all__ = ["Blas", "blas", "blas_advice", "one_thread"]


@dataclass(frozen=True)
class Blas:
    """The OpenBLAS that NumPy has loaded.

    Attributes:
        get_threads, set_threads: how many threads it may use.
        core: the processor whose kernels it uses, as it names it: "Haswell", "SkylakeX", "Zen".
    """

    get_threads: Callable[[], int]
    set_threads: Callable[[int], None]
    core: str


@functools.cache
def blas() -> Blas | None:
    """Return the OpenBLAS that NumPy has loaded, or None where it is another library or cannot be found."""
    for path in _candidates():
        try:
            library = ctypes.CDLL(str(path))
        except OSError:
            continue
        for prefix in ("scipy_openblas", "openblas"):
            for suffix in ("64_", ""):
                found = _functions(library, prefix, suffix)
                if found is not None:
                    return found
    return None


@contextmanager
def one_thread() -> Iterator[None]:
    """Leave products to one thread meanwhile."""
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


def _candidates() -> list[Path]:
    """Files of OpenBLAS among the libraries that this process has loaded, or else beside NumPy."""
    maps = Path("/proc/self/maps")
    if maps.exists():
        lines = maps.read_text(errors="replace").splitlines()
        loaded = {line.split(maxsplit=5)[-1] for line in lines if "openblas" in line.lower()}
        numpys = [path for path in sorted(loaded) if "numpy" in path]
        return [Path(path) for path in numpys or sorted(loaded)]
    package = Path(np.__file__).parent
    folders = [package.parent / "numpy.libs", package / ".dylibs", package / "_core"]
    files = [path for folder in folders if folder.is_dir() for path in folder.iterdir()]
    return [path for path in files if "openblas" in path.name.lower()]


def _functions(library: ctypes.CDLL, prefix: str, suffix: str) -> Blas | None:
    try:
        get_threads = getattr(library, f"{prefix}_get_num_threads{suffix}")
        set_threads = getattr(library, f"{prefix}_set_num_threads{suffix}")
        corename = getattr(library, f"{prefix}_get_corename{suffix}")
    except AttributeError:
        return None
    get_threads.argtypes, get_threads.restype = [], ctypes.c_int
    set_threads.argtypes, set_threads.restype = [ctypes.c_int], None
    corename.argtypes, corename.restype = [], ctypes.c_char_p
    return Blas(get_threads, set_threads, (corename() or b"").decode(errors="replace"))


# What has AVX-512, and so the kernels of which `OPENBLAS_CORETYPE`, if OpenBLAS took older ones.
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

"""The OpenBLAS that NumPy has loaded: its threads, and the processor whose kernels it uses."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

__all__ = ["Blas", "blas", "multiplies_small_at_once"]


@dataclass(frozen=True)
class Blas:
    """The OpenBLAS that NumPy has loaded.

    Attributes:
        get_threads, set_threads: return and set the number of threads that it may use.
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


# The processors for whose kernels OpenBLAS has others beside them, for small products.
_WITH_SMALL = frozenset(("SkylakeX", "Cooperlake", "SapphireRapids"))


def multiplies_small_at_once() -> bool:
    """Return whether BLAS computes small products without copying their matrices into another order first."""
    found = blas()
    return found is not None and found.core in _WITH_SMALL


def _candidates() -> list[Path]:
    """Return the files of OpenBLAS that this process has loaded; where it cannot be asked, those beside NumPy."""
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

"""A spelling as a step that can be timed: a file for each library."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from libraries import LIBRARIES
from ways import Way
from workload import Spelling, Workload

from . import by_hand

MODULES = {
    "tinygraph": "ours", "numba": "ours", "numpy": "by_hand", "torch": "in_torch", "jax": "in_jax", "keras": "in_keras",
    "micrograd": "elsewhere", "mygrad": "elsewhere", "autograd": "elsewhere",
}  # fmt: skip


def maker(library: str) -> Callable[[Workload, Spelling], Way]:
    """The function that makes a step of a spelling by one library, which it imports."""
    entry = LIBRARIES[library]
    module: Any = importlib.import_module(f"steps.{MODULES['keras' if entry.family == 'keras' else entry.package]}")
    return lambda work, spelling: (by_hand if work.whole else module).step(library, work, spelling)

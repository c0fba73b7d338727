"""Testing: compare derivatives with finite differences, and generate arrays to do it with.

    >>> from tinygraph.testing import check_grads
    >>> check_grads(lambda x: np.sum(np.sin(x)), np.array([0.5, 1.5]), order=2)

`tinygraph.testing.strategies` has hypothesis strategies for shapes, axes, indices, memory layouts and arrays of safe
values. It is loaded when it is first asked for, and needs hypothesis; `check_grads` needs NumPy alone.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from tinygraph.testing.check import GradientError, check_grads

if TYPE_CHECKING:
    from tinygraph.testing import strategies as strategies

__all__ = ["GradientError", "check_grads", "strategies"]


def __getattr__(name: str) -> Any:
    if name == "strategies":
        return importlib.import_module("tinygraph.testing.strategies")
    raise AttributeError(f"module 'tinygraph.testing' has no attribute {name!r}")

"""Testing: derivatives against finite differences, and arrays to test with.

    >>> import numpy as np
    >>> from tinygraph.testing import check_grads
    >>> check_grads(lambda x: np.sum(np.sin(x)), np.array([0.5, 1.5]), order=2)

`check_adjoint` compares the two modes with each other, without finite differences. `domain_of` returns intervals in
which a function of NumPy or SciPy is smooth enough for finite differences.

`tinygraph.testing.strategies` has hypothesis strategies for shapes, axes, indices, dtypes, memory layouts and arrays of
safe values. It loads at its first use, and needs hypothesis; all else needs NumPy alone.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from tinygraph.testing.adjoint import check_adjoint
from tinygraph.testing.check import check_grads
from tinygraph.testing.domains import DOMAINS, Domain, domain_of
from tinygraph.testing.report import GradientError

if TYPE_CHECKING:
    from tinygraph.testing import strategies as strategies

__all__ = ["DOMAINS", "Domain", "GradientError", "check_adjoint", "check_grads", "domain_of", "strategies"]


def __getattr__(name: str) -> Any:
    if name == "strategies":
        return importlib.import_module("tinygraph.testing.strategies")
    raise AttributeError(f"module 'tinygraph.testing' has no attribute {name!r}")

"""Kinds of numbers that depend on values: the eigenvalues of a real matrix are real or complex, as they come out.

A program has the dtypes that it had when it was made.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.derivatives.decompositions import eig_packed

__all__ = ["REAL_OR_COMPLEX", "kept_kind"]

# Of real numbers these make complex ones where they must, or real ones of complex where they can.
REAL_OR_COMPLEX = frozenset((
    np.linalg.eig, np.linalg.eigvals, np.roots, np.real_if_close, eig_packed, np.emath.sqrt, np.emath.log,
    np.emath.log2, np.emath.log10, np.emath.logn, np.emath.power, np.emath.arccos, np.emath.arcsin, np.emath.arctanh,
))  # fmt: skip


def kept_kind(result: Any, dtype: str, call: str) -> Any:
    """A result in the dtype that it had when the program was made.

    Raises:
        ValueError: it is complex now, and was real then.
    """
    if result.dtype.kind == "c" and np.dtype(dtype).kind != "c":
        instead = "Leave it out" if call == "real_if_close" else f"Give {call} a complex array, x.astype(complex)"
        raise ValueError(f"{call}: the result is complex, and was real when the program was compiled. {instead}")
    return result.astype(dtype, copy=False)

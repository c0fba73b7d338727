"""Kinds of numbers: a program keeps the dtypes that it was made with.

The eigenvalues of a real matrix are real or complex, and their values decide.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["kept_kind"]


def kept_kind(result: Any, dtype: str, call: str) -> Any:
    """Return a result in the dtype that it had when the program was made.

    Raises:
        ValueError: the result is complex now, and was real then.
    """
    if result.dtype.kind == "c" and np.dtype(dtype).kind != "c":
        instead = "Leave it out" if call == "real_if_close" else f"Give {call} a complex array, x.astype(complex)"
        raise ValueError(f"{call}: the result is complex, and was real when the program was compiled. {instead}")
    return result.astype(dtype, copy=False)

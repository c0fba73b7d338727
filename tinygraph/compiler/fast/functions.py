"""Elementary functions of one number for loops that numba compiles, as vector code.

    exp = functions(np.float32)["exp"]

    @numba.njit
    def loop(a, b):
        for i in range(len(a)):
            b[i] = exp(a[i])

Errors are below 2 units in the last place, denormal numbers included; infinities, NaN and signed zeros are NumPy's. The
results differ from NumPy's in the last digit.
"""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from tinygraph.compiler.fast.angles import angles
from tinygraph.compiler.fast.choices import choices
from tinygraph.compiler.fast.circular import circular
from tinygraph.compiler.fast.exponentials import exponentials
from tinygraph.compiler.fast.logarithms import logarithms
from tinygraph.compiler.fast.vector_code import DOUBLE, SINGLE, Function, Numbers

__all__ = ["functions"]


def functions(dtype: npt.DTypeLike) -> dict[str, Function]:
    """Return functions for loops over arrays of a dtype, by the names of NumPy's functions.

    numba compiles a function at its first use.

    Args:
        dtype: float32 or float64.

    Raises:
        ValueError: for another dtype.
    """
    of = {np.dtype(np.float32): SINGLE, np.dtype(np.float64): DOUBLE}.get(np.dtype(dtype))
    if of is None:
        raise ValueError(f"functions: {np.dtype(dtype)} is not float32 or float64")
    return _functions(of)


@functools.cache
def _functions(of: Numbers) -> dict[str, Function]:
    return {**choices(of), **exponentials(of), **logarithms(of), **circular(of), **angles(of)}

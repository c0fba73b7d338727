"""Functions of matrices: the exponential, the logarithm, the square root, sines and cosines.

The derivative of each is a block of the function of a matrix of twice the size, so that there are derivatives of every
order. A function of real matrices whose values are complex, as a logarithm may have, is that of `a + 0j`.

Source: Higham, "Functions of Matrices" (2008), theorem 3.6.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.linalg

from tinygraph.engine.primitives import primitive
from tinygraph.scipy.calls import floating, on_tensors, unsupported

__all__ = ["coshm", "cosm", "expm", "logm", "sinhm", "sinm", "sqrtm", "tanhm", "tanm"]


def of_each(function: Callable[..., Any], a: Any) -> Any:
    """Return a function of one matrix of each matrix of a stack."""
    if a.ndim == 2:
        return np.asarray(function(a))
    stack = np.reshape(a, (math.prod(a.shape[:-2]), *a.shape[-2:]))
    return np.reshape(np.stack([function(item) for item in stack]), a.shape) if len(stack) else np.array(a)


@primitive
def expm_of(a: Any) -> Any:
    """The exponential of matrices."""
    return scipy.linalg.expm(a)


@primitive
def logm_of(a: Any) -> Any:
    """The logarithm of matrices."""
    return of_each(scipy.linalg.logm, a)


@primitive
def sqrtm_of(a: Any) -> Any:
    """The square root of matrices."""
    return of_each(scipy.linalg.sqrtm, a)


@primitive
def sinm_of(a: Any) -> Any:
    """The sine of matrices."""
    return of_each(scipy.linalg.sinm, a)


@primitive
def cosm_of(a: Any) -> Any:
    """The cosine of matrices."""
    return of_each(scipy.linalg.cosm, a)


@primitive
def tanm_of(a: Any) -> Any:
    """The tangent of matrices."""
    return of_each(scipy.linalg.tanm, a)


@primitive
def sinhm_of(a: Any) -> Any:
    """The hyperbolic sine of matrices."""
    return of_each(scipy.linalg.sinhm, a)


@primitive
def coshm_of(a: Any) -> Any:
    """The hyperbolic cosine of matrices."""
    return of_each(scipy.linalg.coshm, a)


@primitive
def tanhm_of(a: Any) -> Any:
    """The hyperbolic tangent of matrices."""
    return of_each(scipy.linalg.tanhm, a)


def _by_block(function: Any) -> Any:
    """Return the rule: f([[aᵀ, g], [0, aᵀ]]) has f(aᵀ) on its diagonal, and above it the derivative along g."""

    def rule(g: Any, z: Any, a: Any) -> Any:
        n = a.shape[-1]
        turned = np.swapaxes(a, -1, -2)
        above = np.concatenate([turned, g], axis=-1)
        below = np.concatenate([np.zeros(a.shape, a.dtype), turned], axis=-1)
        return function(np.concatenate([above, below], axis=-2))[..., :n, n:]

    return rule


def _public(name: str, what: str, function: Any) -> Any:
    """Enter the rule of a function, and return it as SciPy's function of this name."""
    function.derivative(_by_block(function))
    function.__name__ = name

    @on_tensors(getattr(scipy.linalg, name))
    def of_matrix(A: Any, **options: Any) -> Any:  # noqa: N803 - SciPy's name
        if options:
            given = ", ".join(sorted(options))
            raise unsupported(f"linalg.{name}", f"{given}= is not taken of a Tensor", "Leave it out")
        return function(floating(A))

    of_matrix.__name__ = of_matrix.__qualname__ = name
    of_matrix.__doc__ = f"Return the {what} of a matrix, or of each of a stack; see `scipy.linalg.{name}`."
    return of_matrix


expm = _public("expm", "exponential", expm_of)
logm = _public("logm", "logarithm", logm_of)
sqrtm = _public("sqrtm", "square root", sqrtm_of)
sinm = _public("sinm", "sine", sinm_of)
cosm = _public("cosm", "cosine", cosm_of)
tanm = _public("tanm", "tangent", tanm_of)
sinhm = _public("sinhm", "hyperbolic sine", sinhm_of)
coshm = _public("coshm", "hyperbolic cosine", coshm_of)
tanhm = _public("tanhm", "hyperbolic tangent", tanhm_of)

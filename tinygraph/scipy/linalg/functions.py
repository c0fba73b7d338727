"""Functions of matrices: the exponential, the logarithm, the square root, sines and cosines.

The derivative of each is a block of the function of a matrix of twice the size, so that there are derivatives of every
order. A function of real matrices whose values are complex, as a logarithm may have, is that of `a + 0j`.

The logarithm and the square root jump at negative eigenvalues, and an eigenvalue of the larger matrix may land on the
other side, by rounding. So the logarithm is taken of a matrix that is turned, and the derivative of the root is the
solution of a Sylvester equation in the root itself.

Source: Higham, "Functions of Matrices" (2008), theorem 3.6, and section 6.1 for the root.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.linalg

from tinygraph.engine.operands import plain
from tinygraph.engine.primitives import primitive
from tinygraph.scipy.calls import floating, on_tensors, unsupported
from tinygraph.scipy.linalg.solving import sylvester

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


def _along(function: Any, a: Any, g: Any, turn: Any = 1.0) -> Any:
    """The derivative of a function at aᵀ along g: f([[aᵀ, g], [0, aᵀ]]) has f(aᵀ) on its diagonal, and it above."""
    n = a.shape[-1]
    turned = np.swapaxes(a, -1, -2)
    above = np.concatenate([turned, g], axis=-1)
    below = np.concatenate([np.zeros(a.shape, a.dtype), turned], axis=-1)
    return function(np.concatenate([above, below], axis=-2) * turn)[..., :n, n:]


def _by_block(function: Any) -> Any:
    return lambda g, z, a: _along(function, a, g)


def _sqrtm_a(g: Any, z: Any, a: Any) -> Any:
    root = np.swapaxes(z, -1, -2)
    return sylvester(root, root, g)


def _logm_a(g: Any, z: Any, a: Any) -> Any:
    if a.dtype.kind != "c" and z.dtype.kind != "c":
        return _along(logm_of, a, g)
    return _along(logm_of, a, g, _off_the_cut(plain(a), plain(z)))


def _off_the_cut(a: Any, z: Any) -> Any:
    """For each matrix a number c of modulus 1: c times the matrix has no negative eigenvalue.

    The derivative of the logarithm is the same there, since log(ca) is log a + log c. The logarithm z says on which
    side of the jump an eigenvalue is. Where some are on one side, some on the other, c is NaN.
    """
    angles, sides = np.angle(np.linalg.eigvals(a)), np.imag(np.linalg.eigvals(z))
    cut = np.pi - 1e-6
    above, below = np.any(sides > cut, axis=-1), np.any(sides < -cut, axis=-1)
    side = np.where(above, 1.0, -1.0)
    room = np.pi + np.min(np.where(abs(angles) > cut, np.pi, side[..., None] * angles), axis=-1, initial=np.pi)
    angle = np.where(above & below, np.nan, np.where(above | below, side * room / 2, 0.0))
    return np.exp(-1j * angle)[..., None, None]


def _public(name: str, what: str, function: Any, rule: Any = None) -> Any:
    """Enter the rule of a function, and return it as SciPy's function of this name."""
    function.derivative(rule or _by_block(function))
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
logm = _public("logm", "logarithm", logm_of, _logm_a)
sqrtm = _public("sqrtm", "square root", sqrtm_of, _sqrtm_a)
sinm = _public("sinm", "sine", sinm_of)
cosm = _public("cosm", "cosine", cosm_of)
tanm = _public("tanm", "tangent", tanm_of)
sinhm = _public("sinhm", "hyperbolic sine", sinhm_of)
coshm = _public("coshm", "hyperbolic cosine", coshm_of)
tanhm = _public("tanhm", "hyperbolic tangent", tanhm_of)

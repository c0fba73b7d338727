"""Triangular factors, Cholesky's and LU, and systems that are solved with them."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg

from tinygraph.derivatives.decompositions import adjoint, lower_half, of_triangle, packed, unpacked, uphill
from tinygraph.engine.operands import indexable, plain
from tinygraph.engine.primitives import primitive
from tinygraph.errors import ShapeError
from tinygraph.scipy.calls import array, floating, on_tensors
from tinygraph.scipy.linalg.solving import solved_triangular
from tinygraph.users_code.source import users_line

__all__ = ["cho_factor", "cho_solve", "cholesky", "lu", "lu_factor", "lu_solve"]


def _t(a: Any) -> Any:
    return np.swapaxes(a, -1, -2)


# --- Cholesky ---------------------------------------------------------------------------------------------------------


@primitive
def cholesky_of(a: Any, lower: bool) -> Any:
    """The triangle that times its adjoint is a positive definite matrix."""
    return scipy.linalg.cholesky(a, lower=lower)


def _cholesky(g: Any, z: Any, lower: bool) -> Any:
    """Return the cotangent of the triangle that is read.

    Source: Murray, "Differentiation of the Cholesky decomposition" (2016), equation 9.
    """
    if not lower:
        return adjoint(_cholesky(adjoint(g), adjoint(z), True))
    turned = adjoint(z)
    middle = solved_triangular(turned, lower_half(np.matmul(turned, g)), 0, False, False)
    return of_triangle(solved_triangular(turned, adjoint(middle), 0, False, False))


cholesky_of.derivative(lambda g, z, a, lower: uphill(_cholesky, g, z, lower))
cholesky_of.__name__ = "cholesky"


@on_tensors(scipy.linalg.cholesky)
def cholesky(a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """Return the Cholesky factor of a positive definite matrix; see `scipy.linalg.cholesky`.

    The gradient lies in the triangle that is read: the upper one, or with `lower=True` the lower one.
    """
    return cholesky_of(floating(a), bool(lower))


@on_tensors(scipy.linalg.cho_factor)
def cho_factor(a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """Return the Cholesky factor for `cho_solve`, and `lower`; see `scipy.linalg.cho_factor`.

    As in SciPy the other triangle is that of `a`, with its gradient.
    """
    a = floating(a)
    factor = cholesky_of(a, bool(lower))
    return (factor + (np.triu(a, 1) if lower else np.tril(a, -1))), lower


@on_tensors(scipy.linalg.cho_solve)
def cho_solve(c_and_lower: Any, b: Any, overwrite_b: bool = False, check_finite: bool = True) -> Any:
    """Solve a @ x = b, given the result of `cho_factor` for `a`; see `scipy.linalg.cho_solve`."""
    c, lower = c_and_lower
    c, b = floating(c), floating(b)
    if not lower:
        c = adjoint(c)
    first = solved_triangular(c, b, 0, True, False)
    return solved_triangular(np.conjugate(c) if c.dtype.kind == "c" else c, first, 1, True, False)


# --- LU ---------------------------------------------------------------------------------------------------------------


@primitive
def lu_packed(a: Any) -> Any:
    """L and U of square matrices in one array, then the rows that were exchanged, and the order that this brings."""
    factors, exchanged = scipy.linalg.lu_factor(a)
    order = order_of(exchanged)
    return packed(a.shape[:-2], factors, exchanged.astype(factors.dtype), order.astype(factors.dtype))


def _parts(z: Any) -> tuple[Any, Any, Any]:
    n = int((1 + z.shape[-1]) ** 0.5) - 1  # n·n + 2n numbers
    return tuple(unpacked(z, (n, n), (n,), (n,)))


def _whole(numbers: Any) -> Any:
    return plain(np.real(plain(numbers))).astype(np.intp)


def _lu(g: Any, z: Any) -> Any:
    """Return the cotangent of a matrix, by that of its factors L and U with P a = L U.

    Source: de Hoog, Anderssen and Lukas, "Differentiation of matrix functionals using triangular factorization"
    (2011), section 2.
    """
    factors, _, order = _parts(z)
    g, _, _ = _parts(g)
    lower = np.tril(factors, -1) + np.eye(factors.shape[-1], dtype=factors.dtype)
    upper = np.triu(factors)
    of_lower, of_upper = np.tril(g, -1), np.triu(g)
    middle = np.tril(np.matmul(adjoint(lower), of_lower), -1) + np.triu(np.matmul(of_upper, adjoint(upper)))
    middle = solved_triangular(adjoint(lower), middle, 0, False, True)
    middle = adjoint(solved_triangular(upper, adjoint(middle), 0, False, False))
    back = np.argsort(_whole(order), axis=-1)
    return np.take_along_axis(middle, back[..., None], axis=-2)


lu_packed.derivative(lambda g, z, a: uphill(_lu, g, z))
lu_packed.__name__ = "lu_factor"


@primitive
def order_of(exchanged: Any) -> Any:
    """The order of rows that exchanges one after the other bring: row i with row `exchanged[i]`."""
    exchanged = np.asarray(exchanged)
    order = np.broadcast_to(np.arange(exchanged.shape[-1]), exchanged.shape).copy()
    for stack in np.ndindex(exchanged.shape[:-1]):
        rows = order[stack]
        for place, other in enumerate(exchanged[stack]):
            rows[[place, other]] = rows[[other, place]]
    return order


def _square(call: str, a: Any) -> Any:
    a = floating(a)
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise ShapeError(
            f"linalg.{call}: on Tensors it takes square matrices, got shape {a.shape}, at {users_line()}. Factor the "
            "square part, a[: min(a.shape), : min(a.shape)]"
        )
    return a


@on_tensors(scipy.linalg.lu_factor)
def lu_factor(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """Return L and U in one matrix, and the rows that were exchanged; see `scipy.linalg.lu_factor`.

    The derivative holds where the choice of pivots stays. The rows are whole numbers, without a gradient.
    """
    a = _square("lu_factor", a)
    factors, exchanged, _ = _parts(lu_packed(a))
    return factors, np.real(plain(exchanged)).astype(np.int32)


@on_tensors(scipy.linalg.lu_solve)
def lu_solve(lu_and_piv: Any, b: Any, trans: int = 0, overwrite_b: bool = False, check_finite: bool = True) -> Any:
    """Solve a @ x = b, or with aᵀ or aᴴ for trans=1 or 2, given `lu_factor(a)`; see `scipy.linalg.lu_solve`."""
    factors, exchanged = lu_and_piv
    factors, b = floating(factors), floating(b)
    if factors.ndim > 2 or array(exchanged).ndim > 1:
        raise ShapeError(
            f"linalg.lu_solve: on Tensors it takes one matrix, got shape {factors.shape}, at {users_line()}. Write "
            "np.stack([lu_solve((f, p), c) for f, p, c in zip(lu, piv, b)]) for a stack"
        )
    order = order_of(plain(exchanged))
    if trans == 0:
        first = solved_triangular(factors, np.take(b, order, axis=0), 0, True, True)
        return solved_triangular(factors, first, 0, False, False)
    if trans == 2 and factors.dtype.kind == "c":
        factors = np.conjugate(factors)
    first = solved_triangular(factors, b, 1, False, False)
    return np.take(solved_triangular(factors, first, 1, True, True), np.argsort(order), axis=0)


@on_tensors(scipy.linalg.lu)
def lu(
    a: Any, permute_l: bool = False, overwrite_a: bool = False, check_finite: bool = True, p_indices: bool = False
) -> Any:
    """Return P, L and U, whose product is a square matrix; see `scipy.linalg.lu`.

    The derivative holds where the choice of pivots stays. P is a plain array.
    """
    a = _square("lu", a)
    factors, _, order = _parts(lu_packed(a))
    n = a.shape[-1]
    lower, upper = np.tril(factors, -1) + np.eye(n, dtype=factors.dtype), np.triu(factors)
    places = np.argsort(np.real(plain(order)).astype(np.intp), axis=-1)
    if permute_l:
        return np.take_along_axis(lower, places[..., None], axis=-2), upper
    if p_indices:
        return places, lower, upper
    return indexable(np.eye(n, dtype=np.finfo(factors.dtype).dtype))[places], lower, upper

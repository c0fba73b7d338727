"""Derivatives of linear algebra.

Source: Giles, "Collected matrix derivative results for forward and reverse mode algorithmic differentiation" (2008).
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from tinygraph.derivatives.arithmetic import direction
from tinygraph.derivatives.decompositions import adjoint, check_matrices, lower_half, of_triangle, uphill
from tinygraph.derivatives.indexing import scatter
from tinygraph.engine.dependence import uses_all
from tinygraph.engine.modes import for_any_values
from tinygraph.engine.operands import array_of, plain
from tinygraph.engine.orders import laid_out
from tinygraph.engine.primitives import primitive
from tinygraph.engine.table import composition, derivative, no_derivative
from tinygraph.errors import ShapeError
from tinygraph.users_code.source import users_line


def _t(a: Any) -> Any:
    return np.swapaxes(a, -1, -2)


def _inv_a(g: Any, z: Any, a: Any) -> Any:
    return -np.matmul(np.matmul(_t(z), g), _t(z))


def _solve_b(g: Any, z: Any, a: Any, b: Any) -> Any:
    if z.ndim >= np.ndim(a):  # b is a matrix, or a stack of them, which may be the longer stack of the two
        return np.linalg.solve(_t(a), g)
    # b is one vector, for each matrix of a stack; to NumPy several vectors would be a matrix.
    return np.linalg.solve(_t(a), g[..., None])[..., 0]


def _solve_a(g: Any, z: Any, a: Any, b: Any) -> Any:
    cotangent = _solve_b(g, z, a, b)
    if z.ndim < a.ndim:
        return -cotangent[..., :, None] * z[..., None, :]
    return -np.matmul(cotangent, _t(z))


derivative(np.linalg.inv, _inv_a)
derivative(np.linalg.solve, _solve_a, _solve_b)
uses_all(np.linalg.inv, np.linalg.solve)


def _det_a(g: Any, z: Any, a: Any) -> Any:
    return np.reshape(g, (*g.shape, 1, 1)) * cofactors(a)


def cofactors(a: Any) -> Any:
    """The derivative of the determinant: det(a) · inverse(a)ᵀ, and minors where a matrix is singular, or nearly so."""
    n = a.shape[-1]
    if n < 2:
        return np.ones_like(a)
    if for_any_values():
        return signed_minors(a)
    if _well_conditioned(plain(a)):
        return np.reshape(np.linalg.det(a), (*a.shape[:-2], 1, 1)) * _t(np.linalg.inv(a))
    return signed_minors(a)


@primitive
def signed_minors(a: Any) -> Any:
    """The determinants of what is left of matrices without a row and a column, with the signs of a chessboard."""
    n = a.shape[-1]
    determinants = np.linalg.det(a)
    if np.all(determinants != 0):
        inverse = np.linalg.inv(a)
        if _has_half_of_the_digits(a, inverse):
            return np.reshape(determinants, (*a.shape[:-2], 1, 1)) * np.swapaxes(inverse, -1, -2)
    if n > 8:
        # With A = U S V the minors are the turned minors of the diagonal matrix S: a cubic cost instead of n^5.
        u, sizes, v = np.linalg.svd(a)
        minors = np.stack([np.prod(np.delete(sizes, place, -1), axis=-1) for place in range(n)], axis=-1)[..., None, :]
        turned = np.linalg.det(u) * np.linalg.det(v)
        return np.conjugate(np.matmul(u * minors, v)) * np.reshape(turned, (*a.shape[:-2], 1, 1))
    rows = [
        [(-1) ** (i + j) * np.linalg.det(np.delete(np.delete(a, i, -2), j, -1)) for j in range(n)] for i in range(n)
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def _signed_minors_a(g: Any, z: Any, a: Any) -> Any:
    n = a.shape[-1]
    without = np.array([[other for other in range(n) if other != place] for place in range(n)])
    index = (..., without[:, None, :, None], without[None, :, None, :])
    signs = (-1.0) ** np.add.outer(np.arange(n), np.arange(n))
    return scatter((g * signs)[..., None, None] * cofactors(a[index]), index, a.shape)


signed_minors.derivative(_signed_minors_a)


def _well_conditioned(a: Any) -> bool:
    """Return whether at least half of the digits of the inverse are right."""
    try:
        inverse = np.linalg.inv(a)
    except np.linalg.LinAlgError:
        return False
    return _has_half_of_the_digits(a, inverse)


def _has_half_of_the_digits(a: Any, inverse: Any) -> bool:
    """Return whether half of the digits of an inverse are right. `np.linalg.norm` would take twice the time."""
    sizes = [np.abs(matrix).sum(axis=-1).max(axis=-1, initial=0) for matrix in (a, inverse)]
    return bool((sizes[0] * sizes[1] < np.finfo(inverse.dtype).eps ** -0.5).all())


derivative(np.linalg.det, _det_a)

SlogdetResult = type(np.linalg.slogdet(np.eye(1)))


@primitive
def log_det(a: Any) -> Any:
    """The logarithm of the determinant, for real matrices of its size."""
    sign, size = np.linalg.slogdet(a)
    return size + np.log(sign) if a.dtype.kind == "c" else size


log_det.derivative(lambda g, z, a: np.reshape(g, (*g.shape, 1, 1)) * _t(np.linalg.inv(a)))


@composition(np.linalg.slogdet)
def slogdet(a: Any) -> Any:
    """The sign of the determinant, and the logarithm of its size. The sign of a complex one turns with it."""
    logarithm = log_det(a)
    if a.dtype.kind != "c":
        return SlogdetResult(np.linalg.slogdet(plain(a)).sign, logarithm)
    return SlogdetResult(np.exp(np.imag(logarithm) * 1j), np.real(logarithm))


@composition(np.linalg.norm)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:  # noqa: A002 - NumPy's name
    """Norm of vectors, or of matrices."""
    if axis is None:
        if ord is None or (x.ndim == 2 and ord in ("f", "fro")):
            length = vector_norm(np.ravel(x), 2, 0)
            return np.reshape(length, (1,) * x.ndim) if keepdims else length
        axis = tuple(range(x.ndim))
    axes = normalize_axis_tuple(axis, x.ndim)
    if len(axes) == 1:
        result = _vector_norm(x, ord, axes[0])
    elif len(axes) == 2:
        result = _matrix_norm(x, ord, axes)
    else:
        raise ValueError(f"norm: of {x.ndim} axes one or two must be chosen with axis=, got {axis}")
    return np.expand_dims(result, axes) if keepdims else result


def _largest(sizes: Any, axis: Any, keepdims: bool = False) -> Any:
    """The largest of numbers that are not below 0. Of none it is 0."""
    keywords: dict[str, Any] = {} if sizes.size else {"initial": 0}
    return np.max(sizes, axis=axis, keepdims=keepdims, **keywords)


def _vector_norm(x: Any, ord: Any, axis: int) -> Any:  # noqa: A002
    if ord is None:
        return vector_norm(x, 2, axis)
    if isinstance(ord, str):
        raise ValueError(f"norm: order {ord!r} is for matrices")
    if ord == np.inf:
        return _largest(np.abs(x), axis)
    if ord == -np.inf:
        return np.min(np.abs(x), axis=axis)
    if ord == 0:
        return np.linalg.norm(plain(x), 0, axis)
    return vector_norm(x, ord, axis)


def _matrix_norm(x: Any, ord: Any, axes: tuple[int, ...]) -> Any:  # noqa: A002
    rows, columns = axes
    if rows == columns:
        raise ValueError("norm: the two axes of a matrix norm must be different")
    if ord is None or ord in ("f", "fro"):
        rest = [axis for axis in range(x.ndim) if axis not in axes]
        last = np.transpose(x, (*rest, *axes))
        return vector_norm(np.reshape(last, (*last.shape[:-2], last.shape[-2] * last.shape[-1])), 2, -1)
    sums: dict[Any, tuple[int, int, Callable[..., Any]]] = {
        1: (rows, columns, _largest),
        -1: (rows, columns, np.min),
        np.inf: (columns, rows, _largest),
        -np.inf: (columns, rows, np.min),
    }
    if ord in sums:
        added, compared, choose = sums[ord]
        totals = np.sum(np.abs(x), axis=added, keepdims=True)
        return np.squeeze(choose(totals, axis=compared, keepdims=True), axis=axes)
    if ord not in SINGULAR:
        raise ValueError(f"norm: {ord!r} is not an order of a matrix norm")
    return SINGULAR[ord](np.linalg.svdvals(np.moveaxis(x, axes, (-2, -1))), axis=-1)


# Norms by the singular values.
SINGULAR: dict[Any, Any] = {2: _largest, -2: np.min, "nuc": np.sum}


@primitive
def vector_norm(x: Any, ord: Any, axis: int) -> Any:  # noqa: A002
    """(Σ |x|^ord)^(1/ord) along an axis. At the zero vector its gradient is taken to be zero."""
    return np.linalg.norm(x, ord, axis=axis)


def _vector_norm_x(g: Any, z: Any, x: Any, ord: Any, axis: int) -> Any:  # noqa: A002
    length = np.expand_dims(np.where(z == 0, np.inf, z), axis)
    g = np.expand_dims(g, axis)
    if ord == 2:
        return g / length * x
    share = np.abs(x) / length
    if ord < 1:  # an element that is 0 is at a cusp; where one is 0 and ord is negative, the others change nothing
        still = share == 0
        return g * direction(x) * np.where(still, 0, np.where(still, 1, share) ** (ord - 1))
    # Of the zero vector 1, which has no infinite power; its direction is 0.
    return g * direction(x) * np.where(np.expand_dims(z == 0, axis), 1, share) ** (ord - 1)


vector_norm.__name__ = "norm"
derivative(vector_norm, _vector_norm_x)


@composition(np.linalg.cond)
def cond(x: Any, p: Any = None) -> Any:
    """The condition number, which magnifies relative errors: the norm times the norm of the inverse, or infinity."""
    if x.ndim < 2 or 0 in x.shape[-2:]:
        raise np.linalg.LinAlgError(f"cond: of matrices that are not empty, got shape {x.shape}")
    with np.errstate(all="ignore"):
        if p is None or p in (2, -2):
            values = np.linalg.svdvals(x)
            largest, smallest = values[..., 0], values[..., -1]
            number = smallest / largest if p == -2 else largest / smallest
        else:
            known = np.linalg.cond(plain(x), p)
            # The identity takes the place of a singular matrix in a stack: it can be inverted.
            invertible = np.where(np.isfinite(known)[..., None, None], x, np.eye(x.shape[-1], dtype=x.dtype))
            number = np.linalg.norm(x, p, (-2, -1)) * np.linalg.norm(np.linalg.inv(invertible), p, (-2, -1))
            number = np.where(np.isfinite(known), number, known)
        undefined = np.isnan(plain(number)) & ~np.isnan(plain(x)).any(axis=(-2, -1))
        return np.where(undefined, np.inf, number) if for_any_values() or np.any(undefined) else number


# --- least squares ----------------------------------------------------------------------------------------------------


def _pinv_a(g: Any, z: Any, a: Any, rcond: Any = None, hermitian: bool = False, **keywords: Any) -> Any:
    if not hermitian:
        return uphill(pseudo_inverse_cotangent, g, z, a)
    lower = lower_half(a)
    return uphill(lambda *args: of_triangle(pseudo_inverse_cotangent(*args)), g, z, lower + adjoint(lower))


def pseudo_inverse_cotangent(g: Any, z: Any, a: Any) -> Any:
    """The derivative where the rank does not change.

    Source: Golub and Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares problems whose
    variables separate" (1973), equation 4.12.
    """
    outside = np.eye(a.shape[-2], dtype=z.dtype) - np.matmul(a, z)
    inside = np.eye(a.shape[-1], dtype=z.dtype) - np.matmul(z, a)
    return (
        np.matmul(np.matmul(outside, adjoint(g)), np.matmul(z, adjoint(z)))
        + np.matmul(np.matmul(adjoint(z), z), np.matmul(adjoint(g), inside))
        - np.matmul(np.matmul(adjoint(z), g), adjoint(z))
    )


derivative(np.linalg.pinv, _pinv_a)


@primitive
def least_squares(a: Any, b: Any, rcond: Any) -> Any:
    """The shortest of the x that bring a @ x as near to b as it can be. A vector b is a matrix of one column here."""
    return np.linalg.lstsq(a, b, rcond)[0]


def _least_squares_a(g: Any, z: Any, a: Any, b: Any, rcond: Any) -> Any:
    # x is the pseudo-inverse times b.
    return _pinv_a(np.matmul(g, _t(b)), _pseudo_inverse(a, rcond, z.dtype), a)


def _least_squares_b(g: Any, z: Any, a: Any, b: Any, rcond: Any) -> Any:
    return np.matmul(_t(_pseudo_inverse(a, rcond, z.dtype)), g)


def _pseudo_inverse(a: Any, rcond: Any, dtype: Any) -> Any:
    """Of the rank that the solution was found with."""
    return np.linalg.pinv(a, np.finfo(dtype).eps * max(a.shape) if rcond is None else rcond)


derivative(least_squares, _least_squares_a, _least_squares_b)


@composition(np.linalg.lstsq)
def lstsq(a: Any, b: Any, rcond: Any = None) -> Any:
    """The solution, the squared residuals of each column, and the rank and the singular values of the matrix."""
    a, b = (array_of(item) for item in (a, b))
    dtype = np.result_type(*[item.dtype if item.dtype.kind in "fc" else np.float64 for item in (a, b)])
    a, b = (item if item.dtype == dtype else item.astype(dtype) for item in (a, b))
    rank = np.linalg.lstsq(plain(a), plain(b), rcond)[2]
    columns = b if b.ndim == 2 else b[:, None]
    x = least_squares(a, columns, rcond)
    # The shapes of a program are fixed: the residuals have the shape for a matrix of full rank.
    if a.shape[1] < a.shape[0] and (for_any_values() or rank == a.shape[1]):
        away = columns - np.matmul(a, x)
        squares = np.square(np.real(away)) + np.square(np.imag(away)) if away.dtype.kind == "c" else np.square(away)
        residuals = np.sum(squares, axis=0)
        if for_any_values():
            residuals = np.where(rank == a.shape[1], residuals, np.nan)
    else:
        residuals = np.zeros(0, dtype=np.finfo(x.dtype).dtype)
    return (x if b.ndim == 2 else x[:, 0]), residuals, rank, np.linalg.svdvals(a)


# --- tensors as matrices ----------------------------------------------------------------------------------------------


@composition(np.linalg.tensorinv)
def tensorinv(a: Any, ind: int = 2) -> Any:
    """The inverse of an array as a matrix: its first `ind` axes together are the rows."""
    if ind <= 0:
        raise ValueError(f"tensorinv: ind must be positive, got {ind}")
    rows, columns = a.shape[:ind], a.shape[ind:]
    inverse = np.linalg.inv(np.reshape(a, (math.prod(rows), math.prod(columns))))
    return np.reshape(inverse, (*columns, *rows))


@composition(np.linalg.tensorsolve)
def tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    """Solve tensordot(a, x) = b, over all the axes of x."""
    a, b = array_of(a), array_of(b)
    if axes is not None:
        a = np.transpose(a, [axis for axis in range(np.ndim(a)) if axis not in axes] + list(axes))
    shape = np.shape(a)[np.ndim(b) :]
    size = math.prod(shape)
    if np.size(a) != size**2:
        raise np.linalg.LinAlgError(f"tensorsolve: a of shape {np.shape(a)} is no square matrix to b of {np.shape(b)}")
    return np.reshape(np.linalg.solve(np.reshape(a, (size, size)), np.ravel(b)), shape)


# --- powers and products ----------------------------------------------------------------------------------------------


@composition(np.linalg.matrix_power)
def matrix_power(a: Any, n: int) -> Any:
    """A matrix times itself, n times over."""
    check_matrices("linalg.matrix_power", a, square=True)
    n = operator.index(n)
    if n < 0:
        a, n = np.linalg.inv(a), -n
    power = laid_out(np.broadcast_to(np.eye(a.shape[-1], dtype=a.dtype), a.shape), "K", a) if n == 0 else None
    while n:
        if n % 2:
            power = a if power is None else np.matmul(power, a)
        n //= 2
        a = np.matmul(a, a) if n else a
    return power


@composition(np.linalg.multi_dot)
def multi_dot(arrays: Any, *, out: None = None) -> Any:
    """The product of several matrices, in the order that takes the fewest multiplications."""
    arrays = [array_of(item) for item in arrays]
    if len(arrays) < 2:
        raise ValueError(f"linalg.multi_dot: it takes two arrays or more, got {len(arrays)}")
    if len(arrays) == 2:
        return np.dot(*arrays)
    sizes = [1 if np.ndim(arrays[0]) == 1 else np.shape(arrays[0])[0], *[np.shape(item)[0] for item in arrays[1:]]]
    sizes.append(1 if np.ndim(arrays[-1]) == 1 else np.shape(arrays[-1])[1])
    if np.ndim(arrays[0]) == 1:
        sizes[0] = 1

    @functools.cache
    def best(start: int, end: int) -> tuple[int, int]:
        """The fewest multiplications for arrays[start:end], and where to divide them."""
        if end - start == 1:
            return 0, start
        splits = range(start + 1, end)
        return min((best(start, k)[0] + best(k, end)[0] + sizes[start] * sizes[k] * sizes[end], k) for k in splits)

    def product(start: int, end: int) -> Any:
        if end - start == 1:
            return arrays[start]
        middle = best(start, end)[1]
        return np.dot(product(start, middle), product(middle, end))

    return product(0, len(arrays))


# --- the names of the array API ---------------------------------------------------------------------------------------

if hasattr(np.linalg, "vector_norm"):
    for _name in ("matmul", "tensordot", "vecdot", "matrix_transpose"):
        composition(getattr(np.linalg, _name))(getattr(np, _name))
    composition(np.linalg.cross)(lambda x1, x2, /, *, axis=-1: np.cross(x1, x2, axis=axis))
    composition(np.linalg.diagonal)(lambda x, /, *, offset=0: np.diagonal(x, offset, -2, -1))
    composition(np.linalg.trace)(lambda x, /, *, offset=0, dtype=None: np.trace(x, offset, -2, -1, dtype=dtype))
    composition(np.linalg.matrix_norm)(
        lambda x, /, *, keepdims=False, ord="fro": np.linalg.norm(x, ord, (-2, -1), keepdims)  # noqa: A006
    )

    @composition(np.linalg.outer)
    def outer_of(x1: Any, x2: Any, /) -> Any:
        """The products of each element of a vector with each of another."""
        x1, x2 = array_of(x1), array_of(x2)
        if x1.ndim != 1 or x2.ndim != 1:
            raise ShapeError(f"linalg.outer: it takes vectors, got shapes {x1.shape} and {x2.shape} ({users_line()})")
        return np.outer(x1, x2)

    @composition(np.linalg.vector_norm)
    def vector_norm_of(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:  # noqa: A002
        """Norm of the elements along one axis or several."""
        axes = tuple(range(x.ndim)) if axis is None else normalize_axis_tuple(axis, x.ndim)
        rest = [position for position in range(x.ndim) if position not in axes]
        last = np.transpose(x, (*rest, *axes))
        flat = np.reshape(last, (*last.shape[: len(rest)], math.prod(last.shape[len(rest) :])))
        length = np.linalg.norm(flat, ord, -1)
        return np.expand_dims(length, axes) if keepdims else length


no_derivative(np.linalg.matrix_rank)

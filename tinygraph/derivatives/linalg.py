"""Derivatives of linear algebra.

Source: Giles, "Collected matrix derivative results for forward and reverse mode algorithmic differentiation" (2008).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from tinygraph.derivatives.table import composition, derivative, no_derivative
from tinygraph.errors import UnsupportedError


def _t(a: Any) -> Any:
    return np.swapaxes(a, -1, -2)


def _inv_a(g: Any, z: Any, a: Any) -> Any:
    return -np.matmul(np.matmul(_t(z), g), _t(z))


def _solve_b(g: Any, z: Any, a: Any, b: Any) -> Any:
    return np.linalg.solve(_t(a), g)


def _solve_a(g: Any, z: Any, a: Any, b: Any) -> Any:
    cotangent = np.linalg.solve(_t(a), g)
    if b.ndim == 1:
        return -cotangent[..., :, None] * z[..., None, :]
    return -np.matmul(cotangent, _t(z))


derivative(np.linalg.inv, _inv_a)
derivative(np.linalg.solve, _solve_a, _solve_b)


def _det_a(g: Any, z: Any, a: Any) -> Any:
    return np.reshape(g, (*g.shape, 1, 1)) * _cofactors(a)


def _cofactors(a: Any) -> Any:
    """The derivative of the determinant: det(a) · inverse(a)ᵀ, and minors where the matrix is singular."""
    n = a.shape[-1]
    if np.all(np.linalg.cond(np.asarray(getattr(a, "data", a), dtype=float)) < 1e12) if a.size else True:
        return np.reshape(np.linalg.det(a), (*a.shape[:-2], 1, 1)) * _t(np.linalg.inv(a))
    rows = []
    for i in range(n):
        keep_i = [k for k in range(n) if k != i]
        row = []
        for j in range(n):
            keep_j = [k for k in range(n) if k != j]
            row.append((-1) ** (i + j) * np.linalg.det(a[..., keep_i, :][..., :, keep_j]))
        rows.append(np.stack(row, axis=-1))
    return np.stack(rows, axis=-2)


derivative(np.linalg.det, _det_a)


@composition(np.linalg.norm)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:  # noqa: A002 - NumPy's name
    """Norm of vectors, or of matrices."""
    if axis is None:
        if ord is None or (x.ndim == 2 and ord in ("f", "fro")):
            length = euclidean(np.ravel(x), 0)
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


def _vector_norm(x: Any, ord: Any, axis: int) -> Any:  # noqa: A002
    if ord is None or ord == 2:
        return euclidean(x, axis)
    if ord == np.inf:
        return np.max(np.abs(x), axis=axis)
    if ord == -np.inf:
        return np.min(np.abs(x), axis=axis)
    if ord == 0:
        return np.sum(np.asarray(x != 0, dtype=x.dtype), axis=axis)
    if ord == 1:
        return np.sum(np.abs(x), axis=axis)
    if isinstance(ord, str):
        raise ValueError(f"norm: order {ord!r} is for matrices")
    return np.sum(np.abs(x) ** ord, axis=axis) ** (1 / ord)


def _matrix_norm(x: Any, ord: Any, axes: tuple[int, ...]) -> Any:  # noqa: A002
    rows, columns = axes
    if rows == columns:
        raise ValueError("norm: the two axes of a matrix norm must be different")
    if ord is None or ord in ("f", "fro"):
        rest = [axis for axis in range(x.ndim) if axis not in axes]
        last = np.transpose(x, (*rest, *axes))
        return euclidean(np.reshape(last, (*last.shape[:-2], last.shape[-2] * last.shape[-1])), -1)
    sums = {1: (rows, columns, np.max), -1: (rows, columns, np.min), np.inf: (columns, rows, np.max), -np.inf: (columns, rows, np.min)}
    if ord in sums:
        added, compared, choose = sums[ord]
        totals = np.sum(np.abs(x), axis=added, keepdims=True)
        return np.squeeze(choose(totals, axis=compared, keepdims=True), axis=axes)
    raise UnsupportedError(
        f"linalg.norm: ord={ord!r} of a matrix needs singular values, which have no derivative here yet; "
        "the Frobenius norm (ord='fro'), 1, -1, inf and -inf have one"
    )


from tinygraph.record import primitive  # noqa: E402


@primitive
def euclidean(x: Any, axis: int) -> Any:
    """Square root of the sum of squares along an axis. At the zero vector its gradient is taken to be zero."""
    return np.linalg.norm(x, axis=axis)


def _euclidean_x(g: Any, z: Any, x: Any, axis: int) -> Any:
    return np.expand_dims(g / np.where(z == 0, 1, z), axis) * x


euclidean.__name__ = "norm"
derivative(euclidean, _euclidean_x)

no_derivative(np.linalg.matrix_rank)

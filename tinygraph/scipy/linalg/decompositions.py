"""Eigenvalues, singular values and QR by SciPy's LAPACK calls, with the rules of NumPy's functions of these names.

What `tinygraph.derivatives.decompositions` says of vectors that are not unique holds here, too.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg

from tinygraph.derivatives.decompositions import (
    adjoint,
    eigh_cotangent,
    packed,
    qr_cotangent,
    real,
    svd_cotangent,
    svd_shapes,
    unpacked,
    uphill,
)
from tinygraph.engine.primitives import primitive
from tinygraph.scipy.calls import floating, on_tensors, only

__all__ = ["eigh", "eigvalsh", "qr", "svd", "svdvals"]

_WHOLE = "Take a slice of the result for all eigenvalues, eigh(a)[0][low : high + 1]"


@primitive
def eigh_packed(a: Any, triangle: str, driver: str | None) -> Any:
    """Eigenvalues and eigenvectors of Hermitian matrices."""
    values, vectors = scipy.linalg.eigh(a, lower=triangle == "L", driver=driver)
    return packed(a.shape[:-2], values, vectors)


eigh_packed.derivative(lambda g, z, a, triangle, driver: uphill(eigh_cotangent, g, z, triangle))
eigh_packed.__name__ = "eigh"


@on_tensors(scipy.linalg.eigh)
def eigh(
    a: Any, b: Any = None, *, lower: bool = True, eigvals_only: bool = False, overwrite_a: bool = False,
    overwrite_b: bool = False, type: int = 1, check_finite: bool = True, subset_by_index: Any = None,  # noqa: A002
    subset_by_value: Any = None, driver: str | None = None,
) -> Any:  # fmt: skip
    """Return the eigenvalues and eigenvectors of a Hermitian matrix; see `scipy.linalg.eigh`.

    Raises:
        UnsupportedError: `b` is given, or a subset is asked for.
    """
    only(
        "linalg.eigh",
        "With c = cholesky(b, lower=True) write w, u = eigh(solve(c, solve(c, a).T).T) and v = solve(c.T, u)",
        b=(b, None),
    )
    only("linalg.eigh", _WHOLE, subset_by_index=(subset_by_index, None), subset_by_value=(subset_by_value, None))
    a = floating(a)
    n = a.shape[-1]
    values, vectors = unpacked(eigh_packed(a, "L" if lower else "U", driver), (n,), (n, n))
    return real(values) if eigvals_only else (real(values), vectors)


@on_tensors(scipy.linalg.eigvalsh)
def eigvalsh(a: Any, b: Any = None, *, lower: bool = True, **options: Any) -> Any:
    """Return the eigenvalues of a Hermitian matrix; see `scipy.linalg.eigvalsh`."""
    return eigh(a, b, lower=lower, eigvals_only=True, **options)


@primitive
def svd_packed(a: Any, full_matrices: bool, driver: str) -> Any:
    """U, the singular values and Vᴴ."""
    u, values, vh = scipy.linalg.svd(a, full_matrices=full_matrices, lapack_driver=driver)
    return packed(a.shape[:-2], u, values, vh)


svd_packed.derivative(
    lambda g, z, a, full_matrices, driver: uphill(svd_cotangent, g, z, a.shape, full_matrices),
)
svd_packed.__name__ = "svd"


@on_tensors(scipy.linalg.svd)
def svd(
    a: Any, full_matrices: bool = True, compute_uv: bool = True, overwrite_a: bool = False, check_finite: bool = True,
    lapack_driver: str = "gesdd",
) -> Any:  # fmt: skip
    """Return U, the singular values and Vᴴ of a matrix; see `scipy.linalg.svd`."""
    a = floating(a)
    if not compute_uv:
        return np.linalg.svdvals(a)
    full = bool(full_matrices) and a.shape[-2] != a.shape[-1]
    u, values, vh = unpacked(svd_packed(a, full, lapack_driver), *svd_shapes(a.shape, full))
    return u, real(values), vh


@on_tensors(scipy.linalg.svdvals)
def svdvals(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """Return the singular values of a matrix; see `scipy.linalg.svdvals`."""
    return np.linalg.svdvals(floating(a))


@primitive
def qr_packed(a: Any, mode: str) -> Any:
    """Q and R of matrices that have at least as many rows as columns."""
    q, r = scipy.linalg.qr(a, mode=mode)
    return packed(a.shape[:-2], q, r[..., : a.shape[-1], :])


qr_packed.derivative(
    lambda g, z, a, mode: uphill(qr_cotangent, g, z, a.shape, "complete" if mode == "full" else "reduced")
)
qr_packed.__name__ = "qr"


@on_tensors(scipy.linalg.qr)
def qr(
    a: Any, overwrite_a: bool = False, lwork: int | None = None, mode: str = "full", pivoting: bool = False,
    check_finite: bool = True,
) -> Any:  # fmt: skip
    """Return orthonormal columns and a triangle whose product is the matrix; see `scipy.linalg.qr`.

    Raises:
        UnsupportedError: `pivoting=True`, or `mode="raw"`.
    """
    only("linalg.qr", "Put the columns in order first, qr(a[:, order])", pivoting=(pivoting, False))
    if mode not in ("full", "r", "economic"):
        only("linalg.qr", 'Use mode="full", "r" or "economic"', mode=(mode, "full"))
    a = floating(a)
    rows, columns = a.shape[-2:]
    size = min(rows, columns)
    width = rows if mode in ("full", "r") else size
    square = qr_packed(a[..., :size], "full" if width > size else "economic")
    q, r = unpacked(square, (rows, width), (size, size))
    if columns > rows:
        r = np.concatenate([r, np.matmul(adjoint(q), a[..., size:])], axis=-1)
    if width > size:
        r = np.concatenate([r, np.zeros((*r.shape[:-2], width - size, columns), r.dtype)], axis=-2)
    return (r,) if mode == "r" else (q, r)

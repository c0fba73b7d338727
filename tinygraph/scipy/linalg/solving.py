"""Systems of linear equations, inverses and determinants.

Source: Giles, "Collected matrix derivative results for forward and reverse mode algorithmic differentiation" (2008).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg

from tinygraph.derivatives.decompositions import adjoint, uphill
from tinygraph.derivatives.linalg import cofactors, pseudo_inverse_cotangent
from tinygraph.engine.primitives import primitive
from tinygraph.scipy.calls import floating, on_tensors, only, unsupported
from tinygraph.scipy.linalg.patterns import toeplitz

__all__ = [
    "as_read", "det", "inv", "lstsq", "norm", "pinv", "solve", "solve_continuous_lyapunov", "solve_sylvester",
    "solve_toeplitz", "solve_triangular", "solved_triangular",
]  # fmt: skip

# The names that `assume_a` has for one structure.
_STRUCTURES = {
    None: "general", "gen": "general", "general": "general",
    "sym": "symmetric", "symmetric": "symmetric",
    "her": "hermitian", "hermitian": "hermitian", "pos": "hermitian", "positive definite": "hermitian",
    "diagonal": "diagonal", "tridiagonal": "tridiagonal", "banded": "general",
    "upper triangular": "upper", "lower triangular": "lower",
}  # fmt: skip
_TRANSPOSED = {"upper triangular": "lower triangular", "lower triangular": "upper triangular"}


def _t(a: Any) -> Any:
    return np.swapaxes(a, -1, -2)


def as_read(a: Any, assume_a: str | None, lower: bool) -> Any:
    """Return a matrix as a function reads it that assumes a structure: whole, or made of one triangle or band."""
    structure = _STRUCTURES.get(assume_a)
    if structure is None:
        raise ValueError(f"linalg: {assume_a!r} is no structure that assume_a= knows")
    if structure == "diagonal":
        return np.triu(np.tril(a))
    if structure == "tridiagonal":
        return np.triu(np.tril(a, 1), -1)
    if structure == "upper":
        return np.triu(a)
    if structure == "lower":
        return np.tril(a)
    if structure == "general":
        return a
    half = np.tril(a) if lower else np.triu(a)
    other = _t(np.tril(a, -1) if lower else np.triu(a, 1))
    if structure == "hermitian" and a.dtype.kind == "c":
        diagonal = np.triu(np.tril(np.imag(a)))  # whose imaginary part is not read
        return half + np.conjugate(other) - 1j * diagonal
    return half + other


def _keywords(assume_a: str | None, lower: bool) -> dict[str, Any]:
    """Return the keywords that say what is assumed; none for SciPy's own choice."""
    return {} if assume_a is None else {"assume_a": assume_a, "lower": lower}


@primitive
def solved(a: Any, b: Any, assume_a: str | None, lower: bool, transposed: bool) -> Any:
    """The x with a @ x = b, or with aᵀ @ x = b."""
    return scipy.linalg.solve(a, b, transposed=transposed, **_keywords(assume_a, lower))


def _solved_b(g: Any, z: Any, a: Any, b: Any, assume_a: Any, lower: Any, transposed: Any) -> Any:
    if not transposed:
        a, assume_a, lower = _t(a), _TRANSPOSED.get(assume_a, assume_a), not lower
    if b.ndim == 1 and z.ndim > 1:  # one vector, for each matrix of a stack
        return solved(a, g[..., None], assume_a, lower, False)[..., 0]
    return solved(a, g, assume_a, lower, False)


def _solved_a(g: Any, z: Any, a: Any, b: Any, assume_a: Any, lower: Any, transposed: Any) -> Any:
    w = _solved_b(g, z, a, b, assume_a, lower, transposed)
    if b.ndim == 1:
        w, z = w[..., None], z[..., None]
    return -np.matmul(z, _t(w)) if transposed else -np.matmul(w, _t(z))


solved.derivative(_solved_a, _solved_b)
solved.__name__ = "solve"


@on_tensors(scipy.linalg.solve)
def solve(
    a: Any, b: Any, lower: bool = False, overwrite_a: bool = False, overwrite_b: bool = False,
    check_finite: bool = True, assume_a: str | None = None, transposed: bool = False,
) -> Any:  # fmt: skip
    """Solve a @ x = b for x; see `scipy.linalg.solve`.

    The gradient lies in the part of `a` that is read: one triangle of a symmetric, Hermitian or positive definite
    matrix, the band of a tridiagonal one. Nothing is overwritten.
    """
    a, b = floating(a), floating(b)
    return solved(as_read(a, assume_a, lower), b, assume_a, bool(lower), bool(transposed))


@primitive
def solved_triangular(a: Any, b: Any, trans: int, lower: bool, unit_diagonal: bool) -> Any:
    """The x with a @ x = b, or with aᵀ @ x = b, for a triangular matrix."""
    return scipy.linalg.solve_triangular(a, b, trans=trans, lower=lower, unit_diagonal=unit_diagonal)


def _triangular_b(g: Any, z: Any, a: Any, b: Any, trans: Any, lower: Any, unit_diagonal: Any) -> Any:
    if b.ndim == 1 and z.ndim > 1:
        return solved_triangular(a, g[..., None], 1 - trans, lower, unit_diagonal)[..., 0]
    return solved_triangular(a, g, 1 - trans, lower, unit_diagonal)


def _triangular_a(g: Any, z: Any, a: Any, b: Any, trans: Any, lower: Any, unit_diagonal: Any) -> Any:
    w = _triangular_b(g, z, a, b, trans, lower, unit_diagonal)
    if b.ndim == 1:
        w, z = w[..., None], z[..., None]
    whole = -np.matmul(z, _t(w)) if trans else -np.matmul(w, _t(z))
    return np.tril(whole, -1 if unit_diagonal else 0) if lower else np.triu(whole, 1 if unit_diagonal else 0)


solved_triangular.derivative(_triangular_a, _triangular_b)
solved_triangular.__name__ = "solve_triangular"


@on_tensors(scipy.linalg.solve_triangular)
def solve_triangular(
    a: Any, b: Any, trans: int | str = 0, lower: bool = False, unit_diagonal: bool = False,
    overwrite_b: bool = False, check_finite: bool = True,
) -> Any:  # fmt: skip
    """Solve a @ x = b for a triangular `a`; see `scipy.linalg.solve_triangular`. The gradient lies in the triangle."""
    a, b = floating(a), floating(b)
    trans = {"N": 0, "T": 1, "C": 2}.get(trans, trans) if isinstance(trans, str) else trans
    if trans == 2:
        a, trans = (np.conjugate(a) if a.dtype.kind == "c" else a), 1
    return solved_triangular(a, b, trans, bool(lower), bool(unit_diagonal))


@primitive
def inverse(a: Any, assume_a: str | None, lower: bool) -> Any:
    """The inverse of a square matrix."""
    return scipy.linalg.inv(a, **_keywords(assume_a, lower))


inverse.derivative(lambda g, z, a, assume_a, lower: -np.matmul(np.matmul(_t(z), g), _t(z)))
inverse.__name__ = "inv"


@on_tensors(scipy.linalg.inv)
def inv(
    a: Any, overwrite_a: bool = False, check_finite: bool = True, *, assume_a: str | None = None, lower: bool = False
) -> Any:
    """Return the inverse of a square matrix; see `scipy.linalg.inv`. The gradient lies in the part that is read."""
    return inverse(as_read(floating(a), assume_a, lower), assume_a, bool(lower))


@primitive
def determinant(a: Any) -> Any:
    """The determinant of a square matrix."""
    return np.asarray(scipy.linalg.det(a))[()]


determinant.derivative(lambda g, z, a: np.reshape(g, (*g.shape, 1, 1)) * cofactors(a))
determinant.__name__ = "det"


@on_tensors(scipy.linalg.det)
def det(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """Return the determinant of a square matrix; see `scipy.linalg.det`."""
    return determinant(floating(a))


# --- equations for matrices -------------------------------------------------------------------------------------------


@primitive
def sylvester(a: Any, b: Any, q: Any) -> Any:
    """The x with a @ x + x @ b = q, or one for each of the matrices of stacks."""
    if q.ndim == 2 or not q.size:
        return scipy.linalg.solve_sylvester(a, b, q) if q.size else np.array(q)
    return np.vectorize(scipy.linalg.solve_sylvester, signature="(m,m),(n,n),(m,n)->(m,n)")(a, b, q)


sylvester.derivative(
    lambda g, z, a, b, q: -np.matmul(sylvester(_t(a), _t(b), g), _t(z)),
    lambda g, z, a, b, q: -np.matmul(_t(z), sylvester(_t(a), _t(b), g)),
    lambda g, z, a, b, q: sylvester(_t(a), _t(b), g),
)
sylvester.__name__ = "solve_sylvester"


@on_tensors(scipy.linalg.solve_sylvester)
def solve_sylvester(a: Any, b: Any, q: Any) -> Any:
    """Solve a @ x + x @ b = q for x; see `scipy.linalg.solve_sylvester`.

    Source: Kao and Hennequin, "Automatic differentiation of Sylvester, Lyapunov, and algebraic Riccati equations"
    (2020), section 3.
    """
    return sylvester(floating(a), floating(b), floating(q))


@on_tensors(scipy.linalg.solve_continuous_lyapunov)
def solve_continuous_lyapunov(a: Any, q: Any) -> Any:
    """Solve a @ x + x @ aᴴ = q for x; see `scipy.linalg.solve_continuous_lyapunov`."""
    a = floating(a)
    return sylvester(a, adjoint(a), floating(q))


@on_tensors(scipy.linalg.solve_toeplitz)
def solve_toeplitz(c_or_cr: Any, b: Any, check_finite: bool = True) -> Any:
    """Solve a Toeplitz system; see `scipy.linalg.solve_toeplitz`. On Tensors it solves with the whole matrix."""
    c, r = c_or_cr if isinstance(c_or_cr, tuple) else (floating(c_or_cr), None)
    return solved(toeplitz(c, r), floating(b), "gen", False, False)


# --- least squares and norms ------------------------------------------------------------------------------------------


@primitive
def pseudo_inverse(a: Any, atol: float | None, rtol: float | None) -> Any:
    """The pseudo-inverse of a matrix."""
    return scipy.linalg.pinv(a, atol=atol, rtol=rtol)


pseudo_inverse.derivative(lambda g, z, a, atol, rtol: uphill(pseudo_inverse_cotangent, g, z, a))
pseudo_inverse.__name__ = "pinv"


@on_tensors(scipy.linalg.pinv)
def pinv(a: Any, *, atol: Any = None, rtol: Any = None, return_rank: bool = False, check_finite: bool = True) -> Any:
    """Return the pseudo-inverse of a matrix; see `scipy.linalg.pinv`. The derivative holds where the rank stays."""
    only("linalg.pinv", "Find it with numpy.linalg.matrix_rank(a.data)", return_rank=(return_rank, False))
    return pseudo_inverse(floating(a), atol, rtol)


@on_tensors(scipy.linalg.lstsq)
def lstsq(
    a: Any, b: Any, cond: float | None = None, overwrite_a: bool = False, overwrite_b: bool = False,
    check_finite: bool = True, lapack_driver: str | None = None,
) -> Any:  # fmt: skip
    """Return the least-squares solution, residuals, rank and singular values; see `scipy.linalg.lstsq`.

    On Tensors they are those of `np.linalg.lstsq`, which agree with SciPy's to rounding.
    """
    if lapack_driver == "gelsy":
        raise unsupported("linalg.lstsq", 'lapack_driver="gelsy" finds no singular values', 'Leave it at "gelsd"')
    a, b = floating(a), floating(b)
    x, residuals, rank, values = np.linalg.lstsq(a, b, np.finfo(a.dtype).eps if cond is None else cond)
    return x, residuals[0] if b.ndim == 1 and residuals.shape[0] else residuals, rank, values


@on_tensors(scipy.linalg.norm)
def norm(a: Any, ord: Any = None, axis: Any = None, keepdims: bool = False, check_finite: bool = True) -> Any:  # noqa: A002
    """Return a norm of vectors or matrices; see `scipy.linalg.norm`."""
    return np.linalg.norm(floating(a), ord, axis, keepdims)

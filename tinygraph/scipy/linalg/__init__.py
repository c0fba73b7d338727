"""`scipy.linalg` on Tensors: systems of equations, factors, functions of matrices, matrices of a pattern.

Each rule is written with functions that have rules themselves, so that derivatives of every order are there. As in
NumPy's `cholesky` and `eigh`, the gradient of a function that reads one triangle of a matrix lies in that triangle.
"""

from tinygraph.scipy.linalg.decompositions import eigh, eigvalsh, qr, svd, svdvals
from tinygraph.scipy.linalg.factors import cho_factor, cho_solve, cholesky, lu, lu_factor, lu_solve
from tinygraph.scipy.linalg.functions import coshm, cosm, expm, logm, sinhm, sinm, sqrtm, tanhm, tanm
from tinygraph.scipy.linalg.patterns import block_diag, circulant, hankel, khatri_rao, toeplitz
from tinygraph.scipy.linalg.solving import (
    det,
    inv,
    lstsq,
    norm,
    pinv,
    solve,
    solve_continuous_lyapunov,
    solve_sylvester,
    solve_toeplitz,
    solve_triangular,
)

__all__ = [
    "block_diag", "cho_factor", "cho_solve", "cholesky", "circulant", "coshm", "cosm", "det", "eigh", "eigvalsh",
    "expm", "hankel", "inv", "khatri_rao", "logm", "lstsq", "lu", "lu_factor", "lu_solve", "norm", "pinv", "qr",
    "sinhm", "sinm", "solve", "solve_continuous_lyapunov", "solve_sylvester", "solve_toeplitz", "solve_triangular",
    "sqrtm", "svd", "svdvals", "tanhm", "tanm", "toeplitz",
]  # fmt: skip

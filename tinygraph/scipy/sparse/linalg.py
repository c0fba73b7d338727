"""`scipy.sparse.linalg` on Tensors: systems with a plain sparse matrix; gradients flow to the right side.

The rule solves with the transposed matrix, by the same function, so that derivatives of every order are there.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse
import scipy.sparse.linalg

from tinygraph.derivatives.sparse import sparse_of
from tinygraph.engine.primitives import primitive
from tinygraph.scipy.calls import constant, floating, on_tensors, one_call, unsupported, unwritten

__all__ = ["bicgstab", "cg", "factorized", "gmres", "minres", "spsolve"]


def _plain_matrix(call: str, matrix: Any) -> Any:
    return constant(
        f"sparse.linalg.{call}", "no gradient flows to the elements of the matrix",
        "Write np.linalg.solve(A, b) for a matrix that is a Tensor", matrix,
    )  # fmt: skip


@primitive
def solved_directly(
    b: Any, layout: str, data: Any, indices: Any, starts: Any, shape: tuple[int, int], ordering: Any, use_umfpack: bool
) -> Any:
    """The x with matrix @ x = b."""
    matrix = sparse_of(layout, data, indices, starts, shape)
    return scipy.sparse.linalg.spsolve(matrix, b, ordering, use_umfpack)


def _solved_directly(
    g: Any, z: Any, b: Any, layout: Any, data: Any, indices: Any, starts: Any, shape: Any, ordering: Any, umfpack: Any
) -> Any:
    # By columns a matrix is what its transpose is by rows.
    other = "csr" if layout == "csc" else "csc"
    return np.reshape(solved_directly(g, other, data, indices, starts, shape[::-1], ordering, umfpack), b.shape)


solved_directly.derivative(_solved_directly)
solved_directly.__name__ = "spsolve"


@on_tensors(scipy.sparse.linalg.spsolve)
def spsolve(A: Any, b: Any, permc_spec: Any = None, use_umfpack: bool = True) -> Any:  # noqa: N803 - SciPy's name
    """Solve A @ x = b with a sparse matrix; see `scipy.sparse.linalg.spsolve`."""
    A = _plain_matrix("spsolve", A)  # noqa: N806
    if not scipy.sparse.issparse(A):
        A = scipy.sparse.csc_array(A)  # noqa: N806
    layout = A.format if A.format in ("csc", "csr") else "csc"
    A = A.asformat(layout)  # noqa: N806
    return solved_directly(
        floating(b), layout, A.data, A.indices, A.indptr, tuple(map(int, A.shape)), permc_spec, use_umfpack
    )


@primitive
def solved_by_factors(b: Any, factors: Any, transposed: bool) -> Any:
    """The x with matrix @ x = b, or with its transpose, by the factors of the matrix."""
    return factors.solve(b, "T" if transposed else "N")


solved_by_factors.derivative(lambda g, z, b, factors, transposed: solved_by_factors(g, factors, not transposed))
solved_by_factors.__name__ = "factorized"


def factorized(A: Any) -> Any:  # noqa: N803
    """Return a function that solves A @ x = b for x, with A factored once; see `scipy.sparse.linalg.factorized`."""
    A = _plain_matrix("factorized", A)  # noqa: N806
    unwritten("sparse.linalg.factorized", "no program can write out the factors", "Write spsolve(A, b)")
    factors = scipy.sparse.linalg.splu(scipy.sparse.csc_array(A))
    return one_call("sparse.linalg.factorized")(lambda b: solved_by_factors(floating(b), factors, False))


@primitive
def solved_step_by_step(b: Any, matrix: Any, name: str, options: dict[str, Any]) -> Any:
    """The x with matrix @ x = b, by an iteration that converges."""
    x, failed = getattr(scipy.sparse.linalg, name)(matrix, b, **options)
    if failed:
        raise np.linalg.LinAlgError(f"sparse.linalg.{name}: it has not converged (info={failed}); raise maxiter=")
    return x


def _solved_b(g: Any, z: Any, b: Any, matrix: Any, name: Any, options: Any) -> Any:
    rest = {key: item for key, item in options.items() if key not in ("x0", "callback")}
    return np.reshape(solved_step_by_step(g, matrix if name in _SYMMETRIC else matrix.T, name, rest), b.shape)


_SYMMETRIC = ("cg", "minres")
solved_step_by_step.derivative(_solved_b)


def _iteration(name: str) -> Any:
    """Return one of SciPy's iterations, for Tensors."""
    original = getattr(scipy.sparse.linalg, name)

    @on_tensors(original)
    def solve(A: Any, b: Any, x0: Any = None, **options: Any) -> Any:  # noqa: N803
        A = _plain_matrix(name, A)  # noqa: N806
        unwritten(f"sparse.linalg.{name}", "no program can write out the matrix", "Write spsolve(A, b)")
        x0 = constant(f"sparse.linalg.{name}", "the solution does not depend on x0", "Give a plain array, x0.data", x0)
        if x0 is not None:
            options["x0"] = x0
        if options.get("M") is not None and name not in _SYMMETRIC:
            raise unsupported(f"sparse.linalg.{name}", "a preconditioner is not taken of a Tensor", "Leave M= out")
        return solved_step_by_step(floating(b), A, name, options), 0

    solve.__name__ = solve.__qualname__ = name
    solve.__doc__ = (
        f"Solve A @ x = b by an iteration; see `scipy.sparse.linalg.{name}`.\n\n"
        "    On Tensors it raises LinAlgError if it has not converged. The gradient is found in the same way.\n    "
    )
    return solve


bicgstab = _iteration("bicgstab")
cg = _iteration("cg")
gmres = _iteration("gmres")
minres = _iteration("minres")

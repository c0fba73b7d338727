"""Products of SciPy's sparse matrices and Tensors: A @ t, t @ A and A.dot(t). The matrix is plain.

Python asks the sparse matrix first. The matrix gives way, since `Tensor.__array__` gives it no array, and the operator
of the Tensor comes here.
"""

from __future__ import annotations

from types import FrameType
from typing import Any

import numpy as np
import scipy.sparse

from tinygraph.engine.primitives import primitive
from tinygraph.engine.record import call_function

__all__ = ["product_with_sparse", "sparse_of"]


def sparse_of(layout: str, data: Any, indices: Any, starts: Any, shape: tuple[int, int]) -> Any:
    """Return the sparse matrix with these elements, by columns ("csc") or by rows ("csr")."""
    kind = scipy.sparse.csc_array if layout == "csc" else scipy.sparse.csr_array
    return kind((data, indices, starts), shape=shape)


@primitive
def sparse_product(
    t: Any, left: bool, layout: str, data: Any, indices: Any, starts: Any, shape: tuple[int, int]
) -> Any:
    """The product of a sparse matrix and an array, which stands on the left or on the right."""
    matrix = sparse_of(layout, data, indices, starts, shape)
    return t @ matrix if left else matrix @ t


def _sparse_product_t(
    g: Any, z: Any, t: Any, left: bool, layout: str, data: Any, indices: Any, starts: Any, shape: tuple[int, int]
) -> Any:
    # By columns a matrix is what its transpose is by rows.
    return sparse_product(g, left, "csr" if layout == "csc" else "csc", data, indices, starts, shape[::-1])


sparse_product.derivative(_sparse_product_t)
sparse_product.__name__ = "matmul"


def product_with_sparse(function: Any, x: Any, y: Any, frame: FrameType) -> Any:
    """Return the product of a sparse matrix and a Tensor, or NotImplemented for other operands.

    Args:
        function: np.matmul; or np.multiply, which for SciPy's `csr_matrix` and its kin is the product of matrices, too.
        x, y: the operands, one of them a Tensor.
        frame: of the line that makes the call.
    """
    left = scipy.sparse.issparse(y)
    matrix, tensor = (y, x) if left else (x, y)
    if not scipy.sparse.issparse(matrix) or matrix.ndim != 2:
        return NotImplemented
    if function is not np.matmul and not (function is np.multiply and scipy.sparse.isspmatrix(matrix)):
        return NotImplemented
    if matrix.format not in ("csc", "csr"):
        matrix = matrix.tocsr()
    shape = tuple([int(side) for side in matrix.shape])
    args = (tensor, left, matrix.format, matrix.data, matrix.indices, matrix.indptr, shape)
    return call_function(sparse_product, args, {}, frame)

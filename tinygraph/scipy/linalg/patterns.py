"""Matrices that repeat the elements of vectors, or of smaller matrices, in a pattern."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg

from tinygraph.errors import ShapeError
from tinygraph.scipy.calls import array, on_tensors
from tinygraph.users_code.source import users_line

__all__ = ["block_diag", "circulant", "hankel", "khatri_rao", "toeplitz"]


def _vector(call: str, item: Any) -> Any:
    item = array(item)
    if item.ndim != 1:
        raise ShapeError(
            f"linalg.{call}: on Tensors it takes vectors, got shape {item.shape}, at {users_line()}. Write "
            f"np.stack([{call}(row) for row in c]) for a stack"
        )
    return item


@on_tensors(scipy.linalg.toeplitz)
def toeplitz(c: Any, r: Any = None) -> Any:
    """Return the matrix whose diagonals are constant, from its first column and row; see `scipy.linalg.toeplitz`."""
    c = _vector("toeplitz", c)
    if r is None:
        r = np.conjugate(c) if c.dtype.kind == "c" else c
    r = _vector("toeplitz", r)
    rows, columns = len(c), len(r)
    return np.concatenate([c[::-1], r[1:]])[np.arange(rows)[::-1, None] + np.arange(columns)]


@on_tensors(scipy.linalg.hankel)
def hankel(c: Any, r: Any = None) -> Any:
    """Return the matrix with constant antidiagonals, from its first column and last row; see `scipy.linalg.hankel`."""
    c = _vector("hankel", c)
    r = np.zeros(len(c), c.dtype) if r is None else _vector("hankel", r)
    return np.concatenate([c, r[1:]])[np.arange(len(c))[:, None] + np.arange(len(r))]


@on_tensors(scipy.linalg.circulant)
def circulant(c: Any) -> Any:
    """Return the matrix whose columns are a vector turned on, one place each; see `scipy.linalg.circulant`."""
    c = array(c)
    n = c.shape[-1]
    return np.take(c, (np.arange(n)[:, None] - np.arange(n)) % n, axis=-1)


@on_tensors(scipy.linalg.block_diag)
def block_diag(*arrs: Any) -> Any:
    """Return the matrix with these matrices on its diagonal, and 0 elsewhere; see `scipy.linalg.block_diag`."""
    blocks = [np.atleast_2d(array(item)) for item in arrs]
    width = sum(block.shape[1] for block in blocks)
    dtype = np.result_type(*[block.dtype for block in blocks])
    rows, before = [], 0
    for block in blocks:
        height, columns = block.shape
        left, right = np.zeros((height, before), dtype), np.zeros((height, width - before - columns), dtype)
        rows.append(np.concatenate([left, block, right], axis=1))
        before += columns
    return np.concatenate(rows, axis=0)


@on_tensors(scipy.linalg.khatri_rao)
def khatri_rao(a: Any, b: Any) -> Any:
    """Return the Kronecker products of the columns of two matrices; see `scipy.linalg.khatri_rao`."""
    a, b = array(a), array(b)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        raise ShapeError(
            f"linalg.khatri_rao: it takes two matrices of as many columns, got shapes {a.shape} and {b.shape}, at "
            f"{users_line()}. Give two with as many columns"
        )
    return np.reshape(a[:, None, :] * b[None, :, :], (a.shape[0] * b.shape[0], a.shape[1]))

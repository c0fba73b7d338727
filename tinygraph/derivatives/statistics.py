"""Covariance and correlation, written out with sums and products."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.engine.modes import for_any_values
from tinygraph.engine.operands import array_of, as_array, plain
from tinygraph.engine.table import composition
from tinygraph.errors import ShapeError


def _rows(m: Any, rowvar: bool) -> Any:
    """The observations of each variable as a row."""
    m = array_of(m)
    if m.ndim > 2:
        raise ValueError(f"cov: the observations must have 1 or 2 axes, got shape {m.shape}")
    rows = np.atleast_2d(m)
    return rows.T if not rowvar and m.ndim == 2 else rows


@composition(np.cov)
def cov(
    m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: int | None = None, fweights: Any = None,
    aweights: Any = None, *, dtype: Any = None,
) -> Any:  # fmt: skip
    """The covariance of each pair of variables."""
    rows = _rows(m, rowvar) if y is None else np.concatenate([_rows(m, rowvar), _rows(y, rowvar)])
    rows = rows.astype(np.result_type(rows.dtype, np.float64) if dtype is None else dtype)
    ddof = (0 if bias else 1) if ddof is None else ddof
    if fweights is None and aweights is None:
        weights: Any = np.ones(rows.shape[1], dtype=rows.dtype)
    else:
        _check_weights(rows, fweights, aweights)
        aweights = None if aweights is None else array_of(aweights).astype(np.float64)  # as NumPy does
        weights = as_array(1 if fweights is None else fweights) * (1 if aweights is None else aweights)
    total = np.sum(weights)
    lost = ddof if aweights is None else ddof * np.sum(weights * aweights) / total
    apart = rows - np.sum(rows * weights, axis=1, keepdims=True) / total
    freedom = total - lost
    if for_any_values() or np.real(plain(freedom)) <= 0:
        freedom = np.where(np.real(freedom) <= 0, 0, freedom)
    return np.squeeze(np.matmul(apart, np.conjugate((apart * weights).T)) / freedom)


def _check_weights(rows: Any, *given: Any) -> None:
    """Raise an error for weights that are not one for each observation, or below 0."""
    for name, weights in zip(("fweights", "aweights"), given, strict=True):
        if weights is None:
            continue
        if np.shape(weights) != rows.shape[1:]:
            raise ShapeError(f"cov: {name} of shape {np.shape(weights)} for {rows.shape[1]} observations")
        if not for_any_values() and np.any(plain(array_of(weights)) < 0):
            raise ValueError(f"cov: {name} must not be below 0")


@composition(np.corrcoef)
def corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None) -> Any:
    """Covariance divided by both standard deviations."""
    together = np.cov(x, y, rowvar, dtype=dtype)
    if together.ndim == 0:
        return together / together
    deviations = np.sqrt(np.real(np.diagonal(together)))
    return together / deviations[:, None] / deviations[None, :]

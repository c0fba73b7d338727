"""A result that is real or complex by its values is of one kind in a program, or refused with a way that works."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygraph as tg

REAL = np.array([[2.0, 0.5], [0.25, 1.0]])
COMPLEX = np.array([[0.5, 1.0], [-1.0, 0.25]])

MADE: dict[str, Callable[[Any], Any]] = {
    "eigvals": np.linalg.eigvals,
    "eig": lambda a: np.linalg.eig(a).eigenvalues,
    "eigenvectors": lambda a: np.linalg.eig(a)[1],
    "roots": lambda a: np.roots(np.stack([0 * a[0, 0] + 1, -a[0, 0] - a[1, 1], np.linalg.det(a)])),
    "sqrt": lambda a: np.emath.sqrt(a[1]),
    "sqrtm": lambda a: pytest.importorskip("tinygraph.scipy.linalg").sqrtm(np.tril(a) - 0.4 * np.eye(2))[1],
}
USED: dict[str, Callable[[Any], Any]] = {
    "as it is": lambda v: v,
    "cumsum": np.cumsum,
    "times": lambda v: v * 2,
    "joined": lambda v: np.concatenate([v, v]),
    "chosen": lambda v: np.where(np.abs(v) > 1, v, 0),
    "size": lambda v: np.sum(np.abs(v) ** 2),
}


@pytest.mark.parametrize("used", USED)
@pytest.mark.parametrize("made", MADE)
def test_a_program_keeps_the_kind_it_was_made_with_or_says_so(made: str, used: str) -> None:
    def function(a: Any) -> Any:
        return USED[used](MADE[made](a))

    for_real = tg.compile(function)
    np.testing.assert_allclose(for_real(REAL), function(REAL))
    if MADE[made](REAL).dtype.kind == "c":  # eigenvalues, from NumPy 2.5 on
        np.testing.assert_allclose(for_real(COMPLEX), function(COMPLEX))
    else:
        with pytest.raises(ValueError, match=r"is complex, and was real .* Give .* x\.astype\(complex\)"):
            for_real(COMPLEX)
    for_complex = tg.compile(function)
    for a in (COMPLEX, REAL, COMPLEX):
        np.testing.assert_allclose(for_complex(a), function(a))
    if made == "eigenvectors":
        return  # LAPACK gives them other phases where the matrix is complex
    followed = tg.compile(lambda a: function(a.astype(complex)))
    for a in (REAL, COMPLEX):
        np.testing.assert_allclose(followed(a), function(a))


def test_gradients_by_way_of_eigenvalues_do_the_same() -> None:
    def loss(a: Any) -> Any:
        return np.sum(np.abs(np.linalg.eigvals(a)) ** 2 * np.abs(a[0, 0]))

    slope = tg.grad(loss)
    for_real = tg.compile(slope)
    np.testing.assert_allclose(for_real(REAL), slope(REAL))
    if np.linalg.eigvals(REAL).dtype.kind == "c":  # from NumPy 2.5 on
        np.testing.assert_allclose(for_real(COMPLEX), slope(COMPLEX))
        return
    with pytest.raises(ValueError, match=r"^linalg\.eig: the result is complex"):
        for_real(COMPLEX)
    followed = tg.compile(tg.grad(lambda a: loss(a.astype(complex))))
    for a in (REAL, COMPLEX):
        np.testing.assert_allclose(followed(a), slope(a))

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.testing.strategies import arrays, matrices, positive_definite_matrices

from .laws import obey

sparse = pytest.importorskip("scipy.sparse")
theirs = pytest.importorskip("scipy.sparse.linalg")
ours = pytest.importorskip("tinygraph.scipy.sparse.linalg")

FEW = settings(max_examples=2)


@pytest.mark.parametrize("layout", ["csc_array", "csr_array", "csc_matrix"])
@FEW
@given(matrices(3), arrays((3,)), arrays((3, 2)), st.booleans())
def test_systems(layout, a, vector, columns, several):
    matrix = getattr(sparse, layout)(a)
    b = columns if several else vector
    obey(lambda b: ours.spsolve(matrix, b), lambda b: theirs.spsolve(matrix, b), b)
    one, other = ours.factorized(sparse.csc_array(a)), theirs.splu(sparse.csc_array(a)).solve
    obey(one, other, b)


@pytest.mark.parametrize("name", ["bicgstab", "cg", "gmres", "minres"])
@FEW
@given(positive_definite_matrices(3), arrays((3,), away_from=[0.0]))
def test_iterations(name, a, b):
    matrix = sparse.csr_array(a)
    options = {"rtol": 1e-13, "atol": 0.0} if name != "minres" else {"rtol": 1e-13}
    obey(
        lambda b: getattr(ours, name)(matrix, b, **options)[0],
        lambda b: getattr(theirs, name)(matrix, b, **options)[0],
        b,
    )


def test_what_is_refused_is_named():
    with pytest.raises(tg.UnsupportedError, match=r"sparse\.linalg\.spsolve: no gradient flows to the elements"):
        ours.spsolve(tg.Tensor(np.eye(2)), tg.Tensor(np.ones(2)))
    with pytest.raises(np.linalg.LinAlgError, match="it has not converged"):
        ours.cg(sparse.csr_array(np.diag([1.0, 2.0, 300.0])), tg.Tensor(np.ones(3)), maxiter=1)

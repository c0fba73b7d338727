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


KINDS = ["coo_array", "csc_array", "csc_matrix", "csr_array", "csr_matrix", "dia_array", "lil_array"]


@pytest.mark.parametrize("kind", KINDS)
@FEW
@given(arrays((2, 3)), arrays((3,)), arrays((3, 2)))
def test_products(kind, a, vector, columns):
    """SciPy's own operators, on either side."""
    matrix = getattr(sparse, kind)(a)
    for t in (vector, columns):
        obey(lambda t: matrix @ t, lambda t: matrix @ t, t)
        obey(lambda t: t.T @ matrix.T, lambda t: t.T @ matrix.T, t)
    if kind.startswith("cs"):
        obey(lambda t: matrix.dot(t), lambda t: matrix.dot(t), vector)
    if kind.endswith("matrix"):
        obey(lambda t: matrix * t, lambda t: matrix * t, vector)


def test_a_product_is_one_call_on_the_users_line_and_can_be_compiled():
    matrix, t = sparse.csr_array(np.array([[4.0, 0.0, 1.0], [0.0, 2.0, 0.0]])), np.array([1.0, 2.0, 3.0])
    product = matrix @ tg.Tensor(t)
    assert [node.op for node in tg.Graph.of(product)] == ["input", "matmul"]
    assert "test_sparse.py" in str(tg.Graph.of(product))
    slopes = lambda t: tg.grad(lambda t: np.sum((matrix @ t) ** 2))(t)
    np.testing.assert_allclose(tg.compile(slopes)(t), slopes(t))
    with tg.no_grad():
        assert type(matrix @ tg.Tensor(t)) is np.ndarray


def test_products_that_do_not_fit_or_are_none():
    matrix, t = sparse.csr_array(np.eye(2)), tg.Tensor(np.ones(3))
    with pytest.raises(ValueError, match="dimension mismatch"):
        matrix @ t
    for call in (lambda: matrix + t, lambda: t + matrix, lambda: t @ object()):
        with pytest.raises(TypeError, match="unsupported operand"):
            call()


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

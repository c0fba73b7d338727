from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.testing.strategies import arrays, matrices, positive_definite_matrices

from .laws import obey

theirs = pytest.importorskip("scipy.linalg")
ours = pytest.importorskip("tinygraph.scipy.linalg")

FEW = settings(max_examples=2)
SIZES = st.integers(1, 2)


@st.composite
def systems(draw, of=matrices, columns=True):
    """A matrix, and a vector or several."""
    a = draw(of(SIZES))
    shape = (len(a), draw(st.integers(1, 2))) if columns and draw(st.booleans()) else (len(a),)
    return a, draw(arrays(shape))


@pytest.mark.parametrize("structure", [None, "gen", "upper triangular", "lower triangular", "tridiagonal", "diagonal"])
@FEW
@given(systems(), st.booleans())
def test_solve(structure, system, transposed):
    options = {"assume_a": structure, "transposed": transposed}
    try:
        theirs.solve(np.eye(1), np.ones(1), **options)
    except ValueError:
        pytest.skip("this version of SciPy does not know the structure")
    obey(lambda a, b: ours.solve(a, b, **options), lambda a, b: theirs.solve(a, b, **options), *system)


@pytest.mark.parametrize("lower", [False, True])
@pytest.mark.parametrize("structure", ["sym", "her", "pos"])
@FEW
@given(systems(positive_definite_matrices))
def test_solve_that_reads_one_triangle(structure, lower, system):
    options = {"assume_a": structure, "lower": lower}
    obey(lambda a, b: ours.solve(a, b, **options), lambda a, b: theirs.solve(a, b, **options), *system)
    gradient = tg.grad(lambda a: np.sum(ours.solve(a, system[1], **options)))(system[0])
    np.testing.assert_array_equal(gradient, np.tril(gradient) if lower else np.triu(gradient))


def test_solve_of_stacks():
    a, b = np.array([[4.0, 1.0], [0.5, 3.0]]), np.array([[1.0, 0.5], [2.0, -1.0]])
    stack = np.stack([a, a.T + np.eye(2)])
    try:
        theirs.solve(stack, stack)
    except Exception:
        pytest.skip("this version of SciPy takes one matrix at a time")
    obey(ours.solve, theirs.solve, stack, np.stack([b, b + 1]), order=1)
    obey(ours.solve, theirs.solve, stack, b[0])
    obey(ours.inv, theirs.inv, stack, order=1)


Z = np.array([[4.0 + 1j, 1.0 - 0.5j], [0.5j, 3.0]])
HERMITIAN = Z @ Z.conj().T


@pytest.mark.parametrize(
    ("name", "matrix", "pick", "options"),
    [
        ("solve", Z, None, {}),
        ("solve", HERMITIAN, None, {"assume_a": "her", "lower": True}),
        ("solve_triangular", Z, None, {}),
        ("cholesky", HERMITIAN, None, {}),
        ("expm", Z / 4, None, {}),
        ("lu_factor", Z, 0, {}),
    ],
)
def test_complex_matrices(name, matrix, pick, options):
    b = [np.array([1.0 - 1j, 2.0])] if name.startswith("solve") else []

    def call(library):
        f = getattr(library, name)
        return lambda *xs: f(*xs, **options) if pick is None else f(*xs, **options)[pick]

    obey(call(ours), call(theirs), matrix, *b, order=1)


@FEW
@given(systems(), st.sampled_from([0, 1, "N", "T", "C"]), st.booleans(), st.booleans())
def test_solve_triangular(system, trans, lower, unit_diagonal):
    options = {"trans": trans, "lower": lower, "unit_diagonal": unit_diagonal}
    obey(
        lambda a, b: ours.solve_triangular(a, b, **options),
        lambda a, b: theirs.solve_triangular(a, b, **options),
        *system,
        exact=trans != "C",
    )


@FEW
@given(systems(positive_definite_matrices), st.booleans())
def test_cholesky(system, lower):
    a, b = system
    obey(lambda a: ours.cholesky(a, lower), lambda a: theirs.cholesky(a, lower), a)
    obey(lambda a: ours.cho_factor(a, lower)[0], lambda a: theirs.cho_factor(a, lower)[0], a)
    obey(
        lambda a, b: ours.cho_solve(ours.cho_factor(a, lower), b),
        lambda a, b: theirs.cho_solve(theirs.cho_factor(a, lower), b),
        a, b, exact=False, order=1,
    )  # fmt: skip


@FEW
@given(systems(), st.sampled_from([0, 1, 2]), st.randoms())
def test_lu(system, trans, random):
    a, b = system
    rows = list(range(len(a)))
    random.shuffle(rows)
    a = a[rows]
    obey(lambda a: ours.lu_factor(a)[0], lambda a: theirs.lu_factor(a)[0], a)
    obey(lambda a: ours.lu(a)[1:], lambda a: theirs.lu(a)[1:], a)
    obey(lambda a: ours.lu(a, permute_l=True), lambda a: theirs.lu(a, permute_l=True), a)
    np.testing.assert_array_equal(ours.lu(tg.Tensor(a))[0], theirs.lu(a)[0])
    np.testing.assert_array_equal(ours.lu_factor(tg.Tensor(a))[1], theirs.lu_factor(a)[1])
    obey(
        lambda a, b: ours.lu_solve(ours.lu_factor(a), b, trans),
        lambda a, b: theirs.lu_solve(theirs.lu_factor(a), b, trans),
        a, b, exact=False, order=1,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["inv", "det"])
@FEW
@given(matrices(SIZES))
def test_inverses_and_determinants(name, a):
    obey(getattr(ours, name), getattr(theirs, name), a)


@pytest.mark.parametrize("name", ["expm", "sinm", "cosm", "tanm", "sinhm", "coshm", "tanhm"])
@settings(max_examples=2)
@given(matrices(st.integers(1, 2)).map(lambda a: a / 4))
def test_entire_functions_of_matrices(name, a):
    obey(getattr(ours, name), getattr(theirs, name), a)


@pytest.mark.parametrize("name", ["logm", "sqrtm"])
@settings(max_examples=2)
@given(positive_definite_matrices(st.integers(1, 2)))
def test_roots_and_logarithms_of_matrices(name, a):
    obey(getattr(ours, name), getattr(theirs, name), a)


@pytest.mark.parametrize("name", ["logm", "sqrtm"])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.filterwarnings("ignore:logm result may be inaccurate:RuntimeWarning")
def test_roots_and_logarithms_of_matrices_with_negative_eigenvalues(name, seed):
    a = np.random.default_rng(seed).normal(size=(3, 3))
    obey(getattr(ours, name), getattr(theirs, name), a + a.T if seed % 2 else a)
    obey(getattr(ours, name), getattr(theirs, name), np.diag([-1.0, -2.0, 3.0]))
    obey(getattr(ours, name), getattr(theirs, name), a + 1j * a.T)


def test_a_logarithm_on_both_sides_of_its_jump_has_no_gradient():
    a = np.diag([complex(-1, 0.0), complex(-2, -0.0)])
    if np.imag(np.diag(theirs.logm(a))).tolist() != [np.pi, -np.pi]:
        pytest.skip("this version of SciPy takes both on one side")
    with pytest.raises(ValueError, match="NaN"):
        tg.grad(lambda a: np.sum(np.abs(ours.logm(a))))(a)


def test_functions_of_stacks_of_matrices():
    stack = np.array([[[2.0, 0.5], [0.25, 1.0]], [[1.0, 0.0], [0.5, 3.0]]])
    for name in ("expm", "sqrtm", "sinm"):
        each = np.stack([getattr(theirs, name)(item) for item in stack])
        np.testing.assert_allclose(getattr(ours, name)(tg.Tensor(stack)).data, each)
    for name in ("logm", "sqrtm"):
        function = getattr(ours, name)
        tg.testing.check_grads(function, np.stack([stack[0], np.diag([1.0, -2.0])]))
        assert tg.grad(lambda a, f=function: np.sum(np.abs(f(a))))(np.zeros((0, 2, 2))).shape == (0, 2, 2)


SPREAD = np.array([[3.0, 0.5, 0.25], [0.5, 1.0, -0.25], [0.25, -0.25, -2.0]])


@pytest.mark.parametrize("lower", [False, True])
def test_eigenvalues(lower):
    def squares(eigh):  # whatever the signs of the vectors
        return lambda a: (lambda values, vectors: (values, vectors * vectors))(*eigh(a, lower=lower))

    obey(squares(ours.eigh), squares(theirs.eigh), SPREAD)
    obey(lambda a: ours.eigvalsh(a, lower=lower), lambda a: theirs.eigvalsh(a, lower=lower), SPREAD, exact=False)
    with pytest.raises(tg.UnsupportedError, match=r"linalg\.eigh: b= has no gradient here.* With c = cholesky"):
        ours.eigh(tg.Tensor(SPREAD), np.eye(3))


@pytest.mark.parametrize("columns", [2, 3])
def test_singular_values_and_qr(columns):
    a = SPREAD[:, :columns]
    obey(lambda a: ours.svd(a, False), lambda a: theirs.svd(a, False), a)
    obey(ours.svdvals, theirs.svdvals, a, exact=False)
    obey(lambda a: ours.qr(a, mode="economic"), lambda a: theirs.qr(a, mode="economic"), a)
    obey(lambda a: ours.qr(a, mode="r"), lambda a: theirs.qr(a, mode="r"), a)
    obey(lambda a: ours.qr(a), lambda a: theirs.qr(a), a.T if columns == 2 else a, exact=False)
    with pytest.raises(tg.UnsupportedError, match="pivoting"):
        ours.qr(tg.Tensor(a), pivoting=True)


@FEW
@given(arrays((3,), distinct=True), arrays((2,)))
def test_patterns(c, r):
    obey(ours.toeplitz, theirs.toeplitz, c)
    obey(ours.toeplitz, theirs.toeplitz, c, r)
    obey(ours.hankel, theirs.hankel, c)
    obey(ours.hankel, theirs.hankel, c, r)
    obey(ours.circulant, theirs.circulant, c)
    obey(ours.block_diag, theirs.block_diag, np.outer(c, r), c, np.outer(r, r))
    obey(ours.khatri_rao, theirs.khatri_rao, np.outer(c, r), np.outer(r, r))


@FEW
@given(matrices(2), matrices(3), arrays((2, 3)))
def test_sylvester(a, b, q):
    a, b = a @ a.T + np.eye(2), b @ b.T + np.eye(3)
    obey(ours.solve_sylvester, theirs.solve_sylvester, a, b, q)
    obey(ours.solve_continuous_lyapunov, theirs.solve_continuous_lyapunov, b, q.T @ q, exact=False)


def test_systems_of_patterns_least_squares_and_norms():
    c, r, b = np.array([4.0, 1.0, 0.5]), np.array([4.0, 0.25, -0.5]), np.array([1.0, -2.0, 0.5])
    obey(ours.solve_toeplitz, theirs.solve_toeplitz, c, b, exact=False)
    obey(
        lambda c, r, b: ours.solve_toeplitz((c, r), b),
        lambda c, r, b: theirs.solve_toeplitz((c, r), b),
        c, r, b, exact=False,
    )  # fmt: skip
    a = SPREAD[:, :2]
    obey(ours.pinv, theirs.pinv, a)
    obey(lambda a, b: ours.lstsq(a, b)[:2], lambda a, b: theirs.lstsq(a, b)[:2], a, b, exact=False)
    for order in (None, "fro", 1, np.inf, 2):
        obey(lambda a, order=order: ours.norm(a, order), lambda a, order=order: theirs.norm(a, order), a, exact=False)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtypes_and_empty_matrices(dtype):
    a, b = np.array([[4.0, 1.0], [0.5, 3.0]], dtype), np.array([1.0, 2.0], dtype)
    obey(ours.solve, theirs.solve, a, b, order=1)
    t = tg.Tensor(np.zeros((0, 0), dtype))
    assert ours.solve(t, np.zeros((0, 2), dtype)).shape == (0, 2)


def test_lists_of_tensors_and_integers_are_taken():
    t, u = tg.Tensor(2.0), tg.Tensor(3.0)
    x = ours.solve([[t, 0], [0, u]], [4, 9])
    np.sum(x).backward()
    assert x.tolist() == [2, 3] and (t.grad, u.grad) == (-1, -1)


def test_errors_name_the_call():
    with pytest.raises(tg.ShapeError, match=r"solve: the arguments have shapes \(2, 2\) and \(3,\)"):
        ours.solve(tg.Tensor(np.eye(2)), np.ones(3))
    with pytest.raises(np.linalg.LinAlgError):
        ours.cholesky(tg.Tensor(-np.eye(2)))
    with pytest.raises(tg.ShapeError, match=r"linalg\.lu_factor: on Tensors it takes square matrices"):
        ours.lu_factor(tg.Tensor(np.ones((2, 3))))
    with pytest.raises(tg.UnsupportedError, match=r"linalg\.logm: disp= is not taken of a Tensor"):
        ours.logm(tg.Tensor(np.eye(2)), disp=False)

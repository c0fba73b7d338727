import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.derivatives import decompositions
from tinygraph.testing import check_grads
from tinygraph.testing.strategies import arrays, positive_definite_matrices, shapes

from .laws import LAPACK, Call, enter, obey, parts

BATCH = shapes(max_dims=1, max_side=2)


@st.composite
def spread(draw, batch=BATCH, smallest=1, largest=3):
    """Square matrices whose eigenvalues, and singular values, lie apart: their derivatives divide by the distances.

    No element is near 0, where the signs of the vectors that LAPACK finds change.
    """
    n = draw(st.integers(smallest, largest))
    batch = draw(batch)
    diagonal = np.array(draw(st.permutations([1.0, -2.5, 4.0]))[:n])
    return diagonal * np.eye(n) + draw(arrays((*batch, n, n), low=-0.25, high=0.25, away_from=[0.0], margin=1 / 16))


@st.composite
def rectangles(draw, largest=3):
    a = draw(spread(largest=largest))
    n = draw(st.integers(1, a.shape[-1]))
    return a[..., :n] if draw(st.booleans()) else a[..., :n, :]


squares = spread().map(lambda a: Call((a,)))
triangles = st.tuples(spread(), st.sampled_from("LU")).map(Call)
# Vectors of three elements change their signs in too many places; those below, of complex matrices, are not asked to.
small_squares = spread(largest=2).map(lambda a: Call((a,)))
small_triangles = st.tuples(spread(largest=2), st.sampled_from("LU")).map(Call)
tall = rectangles().map(lambda a: Call((a if a.shape[-2] >= a.shape[-1] else np.swapaxes(a, -1, -2),)))

LAWS = enter(
    {
        np.linalg.cholesky: [
            positive_definite_matrices(batch=BATCH).map(lambda a: Call((a,))),
            positive_definite_matrices(batch=BATCH).map(lambda a: Call((a,), {"upper": True})),
        ],
        np.linalg.qr: [
            rectangles().flatmap(lambda a: st.sampled_from(["reduced", "r"]).map(lambda mode: Call((a, mode)))),
            spread().map(lambda a: Call((a, "complete"))),
        ],
        decompositions.qr_packed: tall,
        np.linalg.eigh: small_triangles,
        np.linalg.eigvalsh: triangles,
        decompositions.eigh_packed: small_triangles,
        np.linalg.eig: small_squares,
        np.linalg.eigvals: squares,
        decompositions.eig_packed: small_squares,
        np.linalg.svd: [
            rectangles(largest=2).map(lambda a: Call((a, False))),
            small_squares,
            rectangles().map(lambda a: Call((a,), {"compute_uv": False})),
            small_squares.map(lambda call: Call(call.args, {"hermitian": True})),
            squares.map(lambda call: Call(call.args, {"hermitian": True, "compute_uv": False})),
        ],
        np.linalg.svdvals: rectangles().map(lambda a: Call((a,))),
        decompositions.svd_packed: rectangles(largest=2).map(lambda a: Call((a,))),
    },
    LAPACK,
)


@pytest.mark.parametrize("entry", LAWS, ids=str)
@given(data=st.data())
def test_laws(entry, data):
    obey(entry, data)


# --- complex numbers --------------------------------------------------------------------------------------------------


def projections(left, right):
    """The products of the j-th vectors of both sides, which no phase that they have in common can change."""
    return np.einsum("...ij,...kj->...jik", left, np.conj(right))


def of_eigh(a, triangle="L"):
    values, vectors = np.linalg.eigh(a, triangle)
    return values, projections(vectors, vectors)


def of_eig(a):
    values, vectors = np.linalg.eig(a)
    return values, projections(vectors, vectors)


def of_svd(a, **keywords):
    u, values, vh = np.linalg.svd(a, **keywords)
    v = np.conj(np.swapaxes(vh, -1, -2))
    return values, projections(u, u), projections(u, v), projections(v, v)


RANDOM = np.random.default_rng(0)
SQUARE = RANDOM.normal(size=(2, 2, 3, 3)) + np.diag([3.0, -1, 7])
TALL, WIDE = SQUARE[:, 0, :, :2], SQUARE[:, 0, :2]
OF_COMPLEX = {
    "cholesky": (lambda a: np.linalg.cholesky(a + 9 * np.eye(3)), SQUARE),
    "cholesky, upper": (lambda a: np.linalg.cholesky(a + 9 * np.eye(3), upper=True), SQUARE),
    "qr": (np.linalg.qr, SQUARE),
    "qr of a tall matrix": (np.linalg.qr, TALL),
    "qr of a wide matrix": (np.linalg.qr, WIDE),
    "r": (lambda a: np.linalg.qr(a, "r"), TALL),
    "eigh": (of_eigh, SQUARE),
    "eigh of the upper triangle": (lambda a: of_eigh(a, "U"), SQUARE[:, 0]),
    "eigvalsh": (np.linalg.eigvalsh, SQUARE),
    "eig": (of_eig, SQUARE),
    "eigvals": (np.linalg.eigvals, SQUARE),
    "svd": (of_svd, SQUARE[:, 0]),
    "svd of a tall matrix": (lambda a: of_svd(a, full_matrices=False), TALL),
    "svd of a wide matrix": (lambda a: of_svd(a, full_matrices=False), WIDE),
    "svd of a Hermitian matrix": (lambda a: of_svd(a, hermitian=True), SQUARE[:, 0]),
    "svdvals": (np.linalg.svdvals, TALL),
}


@pytest.mark.parametrize("name", OF_COMPLEX)
def test_of_complex_matrices(name):
    function, (x, y) = OF_COMPLEX[name]
    check_grads(lambda x, y: parts(function(x + 1j * y)), x, y, order=2)


OF_LEAVES = {
    "cholesky": lambda a: np.linalg.cholesky(a + 9 * np.eye(3)),
    "qr": lambda a: np.linalg.qr(a).R,
    "eigh": lambda a: of_eigh(a)[1],
    "eigvalsh": np.linalg.eigvalsh,
    "eig": lambda a: of_eig(a)[1],
    "eigvals": np.linalg.eigvals,
    "svd": lambda a: of_svd(a)[2],
    "svdvals": np.linalg.svdvals,
    "slogdet": lambda a: np.linalg.slogdet(a).sign,
    "pinv": lambda a: np.linalg.pinv(a[:, :2]),
    "cond": np.linalg.cond,
    "fft": lambda a: np.fft.fft2(a) * np.fft.hfft(a, 3),
}


@pytest.mark.parametrize("name", OF_LEAVES)
def test_a_complex_leaf_goes_uphill_and_bends_as_differences_do(name):
    a = SQUARE[0, 0] + 1j * SQUARE[0, 1]
    v = np.conj(a.T) / 7

    def loss(a):
        z = OF_LEAVES[name](a)
        return np.sum(np.real(z) ** 2 + np.imag(z) * np.linspace(1, 2, z.size).reshape(z.shape))

    gradient = tg.grad(loss)
    step = 1e-5
    slope = (loss(a + step * v) - loss(a - step * v)) / (2 * step)
    assert np.real(np.vdot(gradient(a), v)) == pytest.approx(slope, rel=1e-5, abs=1e-7)
    (along,) = tg.hvp(loss, (a,), (v,))
    bend = (gradient(a + step * v) - gradient(a - step * v)) / (2 * step)
    np.testing.assert_allclose(along, bend, rtol=1e-4, atol=1e-6 * np.max(np.abs(bend)))


def test_complex_eigenvalues_of_real_matrices():
    a = np.array([[1.0, 2.0, 0.5], [-2.0, 1.5, 0.25], [0.0, 0.5, 4.0]])
    assert np.linalg.eigvals(a).dtype.kind == "c"
    check_grads(lambda a: parts(of_eig(a)), a, order=2)
    check_grads(lambda a: parts(np.linalg.eigvals(a)), a, order=2)


# --- where vectors are not unique -------------------------------------------------------------------------------------


EQUAL = np.linalg.qr(RANDOM.normal(size=(3, 3)))[0]
EQUAL = EQUAL @ np.diag([2.0, 2.0, 5.0]) @ EQUAL.T


@pytest.mark.parametrize("decompose", [of_eigh, of_eig, of_svd], ids=["eigh", "eig", "svd"])
def test_equal_values_have_a_gradient(decompose):
    t = tg.Tensor((EQUAL + EQUAL.T) / 2)
    a = (t + t.T) / 2
    np.sum(np.real(decompose(a)[0]) ** 2).backward()
    np.testing.assert_allclose(t.grad, 2 * t.data, atol=1e-9)


@pytest.mark.parametrize("decompose", [of_eigh, of_svd], ids=["eigh", "svd"])
def test_the_vectors_of_other_values_have_a_gradient(decompose):
    largest = {of_eigh: 2, of_svd: 0}[decompose]

    def loss(a):
        a = (a + a.T) / 2
        return np.sum(decompose(a)[1][largest] * np.arange(9.0).reshape(3, 3))

    check_grads(loss, (EQUAL + EQUAL.T) / 2, order=1)


@pytest.mark.parametrize("decompose", [of_eigh, of_eig, of_svd], ids=["eigh", "eig", "svd"])
def test_the_vectors_of_equal_values_have_none(decompose):
    t = tg.Tensor(2 * np.eye(3))
    with pytest.warns(RuntimeWarning):
        np.sum(decompose(t)[1][0] * np.arange(9.0).reshape(3, 3)).backward()
    assert not np.any(np.isfinite(t.grad[np.tril_indices(3, -1)]))


@pytest.mark.parametrize("function", [np.linalg.eigvalsh, np.linalg.svdvals, np.linalg.eigvals])
def test_equal_values_alone(function):
    t = tg.Tensor(2 * np.eye(3))
    np.sum(np.log(function(t))).backward()
    np.testing.assert_allclose(t.grad, np.eye(3) / 2)


def test_singular_values_of_0_have_a_gradient():
    t = tg.Tensor(np.outer([1.0, 2.0], [3.0, 4.0, 5.0]))
    np.max(np.linalg.svd(t, full_matrices=False).S).backward()
    np.testing.assert_allclose(t.grad, t.data / np.linalg.norm(t.data), atol=1e-12)


# --- the form of the results ------------------------------------------------------------------------------------------


def test_results_have_the_names_that_numpy_gives_them():
    t = tg.Tensor(np.diag([1.0, 2.0]))
    assert np.linalg.eigh(t).eigenvalues.data.tolist() == [1, 2]
    assert np.linalg.eig(t).eigenvectors.shape == (2, 2)
    assert np.linalg.svd(t).S.data.tolist() == [2, 1]
    assert np.linalg.qr(t).R.shape == (2, 2)


@pytest.mark.parametrize(
    "function", [np.linalg.eigh, np.linalg.eig, np.linalg.svd, np.linalg.qr], ids=lambda function: function.__name__
)
@pytest.mark.parametrize("dtype", ["float32", "complex64"])
def test_single_precision_stays(function, dtype):
    a = (np.diag([1.0, 2.0]) + 0.25).astype(dtype)
    t = tg.Tensor(a)
    found = function(t)
    assert [item.dtype for item in found] == [item.dtype for item in function(a)]
    sum(np.sum(np.abs(item) ** 2) for item in found).backward()
    assert t.grad.dtype == dtype


@pytest.mark.parametrize("shape", [(0, 0), (2, 0, 0), (0, 2, 2)])
@pytest.mark.parametrize(
    "function",
    [np.linalg.eigh, np.linalg.eigvalsh, np.linalg.eig, np.linalg.svd, np.linalg.svdvals, np.linalg.qr],
    ids=lambda function: function.__name__,
)
def test_empty_matrices(function, shape):
    t = tg.Tensor(np.zeros(shape))
    found = function(t)
    sum(np.sum(item) for item in (found if isinstance(found, tuple) else [found])).backward()
    assert t.grad.shape == shape


def test_what_has_no_derivative_says_so():
    t = tg.Tensor(np.ones((3, 2)))
    with pytest.raises(tg.UnsupportedError, match="full_matrices=False"):
        np.linalg.svd(t)
    with pytest.raises(tg.UnsupportedError, match="mode='reduced'"):
        np.linalg.qr(t, "complete")

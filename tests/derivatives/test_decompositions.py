import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.derivatives import decompositions
from tinygraph.testing import check_grads
from tinygraph.testing.strategies import arrays, positive_definite_matrices, shapes

from .laws import LAPACK, Call, enter, obey

BATCH = shapes(max_dims=1, max_side=2)


@st.composite
def spread(draw, batch=BATCH, smallest=1, largest=3):
    """Square matrices whose eigenvalues, and singular values, lie apart: their derivatives divide by the distances."""
    n = draw(st.integers(smallest, largest))
    batch = draw(batch)
    diagonal = np.array(draw(st.permutations([1.0, -2.5, 4.0]))[:n])
    return diagonal * np.eye(n) + draw(arrays((*batch, n, n), low=-0.25, high=0.25))


@st.composite
def rectangles(draw, largest=3):
    a = draw(spread(largest=largest))
    n = draw(st.integers(1, a.shape[-1]))
    return a[..., :n] if draw(st.booleans()) else a[..., :n, :]


# --- what no choice of LAPACK's can change ----------------------------------------------------------------------------


def projections(left, right):
    """The products of the j-th vectors of both sides, which no sign and no phase that they have in common can change.

    The signs of the vectors that LAPACK finds jump where an element of them, or of the matrix, goes through 0.
    """
    return np.einsum("...ij,...kj->...jik", left, np.conj(right))


def in_order(values):
    """Eigenvalues by their real parts. LAPACK finds them in any order."""
    return np.take_along_axis(values, np.argsort(np.real(values), axis=-1), -1)


def of_eigh(result):
    values, vectors = result
    return values, projections(vectors, vectors)


def of_eig(result):
    values, vectors = result
    order = np.argsort(np.real(values), axis=-1)
    values = np.take_along_axis(values, order, -1)
    return values, np.take_along_axis(projections(vectors, vectors), order[..., None, None], -3)


def of_svd(result):
    u, values, vh = result
    v = np.conj(np.swapaxes(vh, -1, -2))
    return values, projections(u, u), projections(u, v), projections(v, v)


def of_packed(decompose, *shapes):
    """The same of a packed decomposition, given the shapes of its parts."""
    return lambda result: decompose(decompositions.unpacked(result, *shapes))


def basis(vectors, k):
    """The projections onto the first k vectors one by one, and onto all the others together."""
    rest = vectors[..., k:]
    return projections(vectors[..., :k], vectors[..., :k]), np.matmul(rest, np.conj(np.swapaxes(rest, -1, -2)))


def of_full_svd(result):
    u, values, vh = result
    k = values.shape[-1]
    v = np.conj(np.swapaxes(vh, -1, -2))
    return values, basis(u, k), basis(v, k), projections(u[..., :k], v[..., :k])


def of_qr(result):
    """The projections onto the columns of Q, and the share of each column of Q in the product with R."""
    q, r = result
    k = min(r.shape[-2:])
    return basis(q, k), np.einsum("...ij,...jk->...jik", q[..., :k], r[..., :k, :])


def of_r(r):
    return np.einsum("...ij,...ik->...ijk", np.conj(r), r)


squares = spread().map(lambda a: Call((a,)))
triangles = st.tuples(spread(), st.sampled_from("LU"))
tall = rectangles().map(lambda a: a if a.shape[-2] >= a.shape[-1] else np.swapaxes(a, -1, -2))


def packed_svd(a, full):
    m, n = a.shape[-2:]
    k = min(m, n)
    shapes = ((m, m), (k,), (n, n)) if full else ((m, k), (k,), (k, n))
    return Call((a, full), read=of_packed(of_full_svd if full else of_svd, *shapes))


def packed_qr(a, mode):
    m, n = a.shape[-2:]
    return Call((a, mode), read=of_packed(of_qr, (m, m if mode == "complete" else n), (n, n)))


def eigenvalues_and_vectors(n):
    return (n,), (n, n)


LAWS = enter(
    {
        np.linalg.cholesky: [
            positive_definite_matrices(batch=BATCH).map(lambda a: Call((a,))),
            positive_definite_matrices(batch=BATCH).map(lambda a: Call((a,), {"upper": True})),
        ],
        np.linalg.qr: [
            rectangles().map(lambda a: Call((a,), read=of_qr)),
            rectangles().map(lambda a: Call((a, "r"), read=of_r)),
            rectangles().map(lambda a: Call((a, "complete"), read=of_qr)),
        ],
        decompositions.qr_packed: st.builds(packed_qr, tall, st.sampled_from(["reduced", "complete"])),
        np.linalg.eigh: triangles.map(lambda args: Call(args, read=of_eigh)),
        np.linalg.eigvalsh: triangles.map(Call),
        decompositions.eigh_packed: triangles.map(
            lambda args: Call(args, read=of_packed(of_eigh, *eigenvalues_and_vectors(args[0].shape[-1])))
        ),
        np.linalg.eig: spread().map(lambda a: Call((a,), read=of_eig)),
        np.linalg.eigvals: spread().map(lambda a: Call((a,), read=in_order)),
        decompositions.eig_packed: spread().map(
            lambda a: Call((a,), read=of_packed(of_eig, *eigenvalues_and_vectors(a.shape[-1])))
        ),
        np.linalg.svd: [
            rectangles().map(lambda a: Call((a, False), read=of_svd)),
            rectangles().map(lambda a: Call((a,), read=of_full_svd)),
            rectangles().map(lambda a: Call((a,), {"compute_uv": False})),
            spread().map(lambda a: Call((a,), {"hermitian": True}, of_svd)),
            squares.map(lambda call: Call(call.args, {"hermitian": True, "compute_uv": False})),
        ],
        np.linalg.svdvals: rectangles().map(lambda a: Call((a,))),
        decompositions.svd_packed: st.builds(packed_svd, rectangles(), st.booleans()),
        # A loss that no turn changes, beside a cotangent so large that differences are within its rounding.
        decompositions.unchosen: arrays().map(
            lambda x: Call((x, np.zeros(2, bool), np.full(2, 1e4), "svd: the signs are LAPACK's choice", "choose them"))
        ),
    },
    LAPACK,
)


@pytest.mark.parametrize("entry", LAWS, ids=str)
@given(data=st.data())
def test_laws(entry, data):
    obey(entry, data)


# --- complex numbers --------------------------------------------------------------------------------------------------


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
    "eigh": (lambda a: of_eigh(np.linalg.eigh(a)), SQUARE),
    "eigh of the upper triangle": (lambda a: of_eigh(np.linalg.eigh(a, "U")), SQUARE[:, 0]),
    "eigvalsh": (np.linalg.eigvalsh, SQUARE),
    "eig": (lambda a: of_eig(np.linalg.eig(a)), SQUARE),
    "eigvals": (np.linalg.eigvals, SQUARE),
    "svd": (lambda a: of_svd(np.linalg.svd(a)), SQUARE[:, 0]),
    "svd of a tall matrix": (lambda a: of_svd(np.linalg.svd(a, full_matrices=False)), TALL),
    "svd of a wide matrix": (lambda a: of_svd(np.linalg.svd(a, full_matrices=False)), WIDE),
    "svd of a Hermitian matrix": (lambda a: of_svd(np.linalg.svd(a, hermitian=True)), SQUARE[:, 0]),
    "svdvals": (np.linalg.svdvals, TALL),
}


@pytest.mark.parametrize("name", OF_COMPLEX)
def test_of_complex_matrices(name):
    function, (x, y) = OF_COMPLEX[name]
    check_grads(function, x + 1j * y, order=2)


OF_LEAVES = {
    "cholesky": lambda a: np.linalg.cholesky(a + 9 * np.eye(3)),
    "qr": lambda a: np.linalg.qr(a).R,
    "eigh": lambda a: of_eigh(np.linalg.eigh(a))[1],
    "eigvalsh": np.linalg.eigvalsh,
    "eig": lambda a: of_eig(np.linalg.eig(a))[1],
    "eigvals": np.linalg.eigvals,
    "svd": lambda a: of_svd(np.linalg.svd(a))[2],
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
    check_grads(lambda a: of_eig(np.linalg.eig(a)), a, order=2)
    check_grads(np.linalg.eigvals, a, order=2)


# --- where vectors are not unique -------------------------------------------------------------------------------------


EQUAL = np.linalg.qr(RANDOM.normal(size=(3, 3)))[0]
EQUAL = EQUAL @ np.diag([2.0, 2.0, 5.0]) @ EQUAL.T


READ = {
    "eigh": lambda a: of_eigh(np.linalg.eigh(a)),
    "eig": lambda a: of_eig(np.linalg.eig(a)),
    "svd": lambda a: of_svd(np.linalg.svd(a)),
}


@pytest.mark.parametrize("decompose", ["eigh", "eig", "svd"])
def test_equal_values_have_a_gradient(decompose):
    t = tg.Tensor((EQUAL + EQUAL.T) / 2)
    a = (t + t.T) / 2
    np.sum(np.real(READ[decompose](a)[0]) ** 2).backward()
    np.testing.assert_allclose(t.grad, 2 * t.data, atol=1e-9)


@pytest.mark.parametrize("decompose", ["eigh", "svd"])
def test_the_vectors_of_other_values_have_a_gradient(decompose):
    largest = {"eigh": 2, "svd": 0}[decompose]

    def loss(a):
        a = (a + a.T) / 2
        return np.sum(READ[decompose](a)[1][largest] * np.arange(9.0).reshape(3, 3))

    check_grads(loss, (EQUAL + EQUAL.T) / 2, order=1)


@pytest.mark.parametrize("decompose", ["eigh", "eig", "svd"])
def test_the_vectors_of_equal_values_have_none(decompose):
    t = tg.Tensor(2 * np.eye(3))
    with pytest.warns(RuntimeWarning):
        np.sum(np.real(READ[decompose](t)[1][0]) * np.arange(9.0).reshape(3, 3)).backward()
    assert not np.any(np.isfinite(t.grad[np.tril_indices(3, -1)]))


@pytest.mark.parametrize("function", [np.linalg.eigvalsh, np.linalg.svdvals, np.linalg.eigvals])
def test_equal_values_alone(function):
    t = tg.Tensor(2 * np.eye(3))
    np.sum(np.log(np.real(function(t)))).backward()  # which are complex numbers from NumPy 2.5 on
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
    sum(np.sum(np.real(item)) for item in (found if isinstance(found, tuple) else [found])).backward()
    assert t.grad.shape == shape


def test_modes_without_a_derivative_say_so():
    with pytest.raises(tg.UnsupportedError, match="mode='reduced'"):
        np.linalg.qr(tg.Tensor(np.ones((3, 2))), "raw")


# --- what LAPACK is free to choose ------------------------------------------------------------------------------------

COMPLEX = SQUARE[0, 0] + 1j * SQUARE[0, 1]
CHOSEN = {
    "svd, left": (lambda a: np.linalg.svd(a).U[:, 2:], TALL[0], "full_matrices=False"),
    "svd, right": (lambda a: np.linalg.svd(a).Vh[2:], WIDE[0], "full_matrices=False"),
    "qr": (lambda a: np.linalg.qr(a, "complete").Q[:, 1:], TALL[0][:, :1], "mode='reduced'"),
    "phases of eigh": (lambda a: np.real(np.linalg.eigh(a).eigenvectors), COMPLEX, "projections"),
    "phases of eig": (lambda a: np.real(np.linalg.eig(a).eigenvectors), COMPLEX, "projections"),
    "phases of svd": (lambda a: np.real(np.linalg.svd(a).U), COMPLEX, "projections"),
}


@pytest.mark.parametrize("name", CHOSEN)
def test_a_loss_that_changes_with_a_free_choice_has_no_gradient(name):
    read, a, instead = CHOSEN[name]
    t = tg.Tensor(a)
    vectors = read(t)
    loss = np.sum(vectors * np.arange(1.0, vectors.size + 1).reshape(vectors.shape))
    if vectors.shape[1] == 1 or vectors.shape[0] == 1:  # a single vector: only its sign is free
        loss.backward()
        return
    with pytest.raises(tg.UnsupportedError, match=instead):
        loss.backward()
    assert t.grad is None


@pytest.mark.parametrize("name", CHOSEN)
def test_a_compiled_gradient_refuses_the_same_choices(name):
    read, a, instead = CHOSEN[name]

    def loss(a, choosing):
        vectors = read(a)
        weights = np.arange(1.0, vectors.size + 1).reshape(vectors.shape)
        return np.sum(choosing * vectors * weights) + np.sum(np.abs(a) ** 2)

    gradient = tg.grad(loss)
    compiled = tg.compile(gradient)
    np.testing.assert_allclose(compiled(a, 0.0), gradient(a, 0.0), rtol=1e-12)
    if 1 in read(a).shape:
        return
    with pytest.raises(tg.UnsupportedError, match=instead):
        compiled(a, 1.0)


OF_FACTORS = {
    "eigh": (lambda a: np.abs(np.linalg.eigh(a).eigenvectors), COMPLEX),
    "eig": (lambda a: np.abs(np.linalg.eig(a).eigenvectors), COMPLEX),
    "eigvalsh": (np.linalg.eigvalsh, COMPLEX),
    "svd": (lambda a: np.abs(np.linalg.svd(a).U), COMPLEX),
    "svd of a rectangle": (lambda a: np.linalg.svd(a).S, TALL[0]),
    "qr": (lambda a: np.linalg.qr(a, "complete").R, TALL[0]),
    "norm": (lambda a: np.linalg.norm(a, "nuc"), COMPLEX),
}


@pytest.mark.parametrize("name", OF_FACTORS)
def test_compiled_derivatives_are_the_eager_ones(name):
    read, a = OF_FACTORS[name]

    def loss(a):
        factor = read(a)
        return np.sum(factor**4 * np.arange(1.0, factor.size + 1).reshape(factor.shape))

    def bend(a):
        return np.sum(np.abs(tg.grad(loss)(a)) ** 2)

    for derivative in (tg.grad(loss), tg.grad(bend)):
        np.testing.assert_allclose(tg.compile(derivative)(a), derivative(a), rtol=1e-9, atol=1e-9)


def test_the_singular_values_of_a_rectangle_have_a_gradient_whatever_else_is_computed():
    t = tg.Tensor(TALL[0])
    np.sum(np.linalg.svd(t).S ** 2).backward()
    np.testing.assert_allclose(t.grad, 2 * t.data)


@pytest.mark.parametrize("a", [TALL + 1j * TALL[::-1], WIDE + 1j * WIDE[::-1]], ids=["tall", "wide"])
def test_complete_bases_of_complex_matrices(a):
    check_grads(lambda a: of_full_svd(np.linalg.svd(a)), a, order=2)
    if a.shape[-2] > a.shape[-1]:
        check_grads(lambda a: of_qr(np.linalg.qr(a, "complete")), a, order=2)


@pytest.mark.parametrize("name", ["qr", "svd", "eigh", "eig", "matrix_power"])
@pytest.mark.parametrize("shape", [(), (3,)])
def test_what_is_no_matrix_is_refused_by_name(name, shape):
    args = (2,) if name == "matrix_power" else ()
    said = rf"linalg\.{name}: the argument has shape .*test_decompositions.py"
    with pytest.raises(np.linalg.LinAlgError, match=said):
        getattr(np.linalg, name)(tg.Tensor(np.ones(shape)), *args)

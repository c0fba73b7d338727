from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.derivatives import linalg
from tinygraph.testing import check_grads
from tinygraph.testing.strategies import arrays, axes, matrices, shapes

from .laws import LAPACK, Call, enter, obey
from .test_decompositions import spread

BATCH = shapes(max_dims=2, max_side=2)


@st.composite
def systems(draw):
    """A matrix, or a stack, and a vector, or a stack of matrices that broadcasts with it."""
    a = draw(matrices(batch=BATCH))
    n = a.shape[-1]
    if draw(st.booleans()):
        return Call((a, draw(arrays((n,)))))
    batch = list(a.shape[:-2])
    for axis in range(len(batch)):
        if draw(st.booleans()):
            batch[axis] = 1
    batch = batch[draw(st.integers(0, len(batch))) :]
    if draw(st.booleans()):  # a longer stack of right-hand sides than of matrices, as many columns as rows among them
        batch = [draw(st.integers(1, 2)), *a.shape[:-2]]
    return Call((a, draw(arrays((*batch, n, draw(st.integers(0, 3)))))))


ORDERS = [None, 2, 1, 0, 3, 2.5, 0.5, -1, -2, np.inf, -np.inf]


@st.composite
def norms(draw):
    x = draw(arrays(shapes(min_dims=1, min_side=1), away_from=[0.0], distinct=True))
    # No two elements of the same size: the largest and the smallest are one element each.
    x = x + 1 / 64 * (x > 0)
    keywords = {"keepdims": draw(st.booleans())} if draw(st.booleans()) else {}
    if draw(st.booleans()) and x.ndim > 1:
        plane = tuple(draw(st.permutations(range(-x.ndim, 0)))[:2])
        # One sum of each row and column is the largest, whatever the elements.
        x = x * (1 + np.arange(x.size).reshape(x.shape))
        return Call((x, draw(st.sampled_from([None, "fro", 1, -1, np.inf, -np.inf]))), {"axis": plane} | keywords)
    if draw(st.booleans()):
        return Call((x,), keywords)
    return Call((x, draw(st.sampled_from(ORDERS)), draw(axes(x.shape, none=False, several=False))), keywords)


@st.composite
def norms_by_singular_values(draw):
    """The arguments, and the axes of the matrices, of whose singular values no two are the same."""
    x = draw(spread())
    x = np.moveaxis(x[..., : draw(st.integers(1, x.shape[-1]))], (-2, -1), (-1, 0))
    return Call((x, draw(st.sampled_from([2, -2, "nuc"]))), {"axis": (-1, 0), "keepdims": draw(st.booleans())})


@st.composite
def lengths(draw):
    x = draw(arrays(shapes(min_dims=1, min_side=1), away_from=[0.0]))
    return Call((x, draw(st.sampled_from([2, 1, 3, 1.5])), draw(axes(x.shape, none=False, several=False))))


LAWS = enter(
    {
        np.linalg.inv: matrices(batch=BATCH).map(lambda a: Call((a,))),
        np.linalg.solve: systems(),
        linalg.signed_minors: matrices(batch=BATCH).filter(lambda a: a.shape[-1] > 1).map(lambda a: Call((a,))),
        np.linalg.det: [
            matrices(batch=BATCH).map(lambda a: Call((a,))),
            # Mostly singular.
            arrays(shapes(2, 3, 2, 2).map(lambda s: (*s[:-1], s[-2])), low=-0.04, high=0.04).map(
                lambda a: Call((a * 32,))
            ),
        ],
    },
    LAPACK,
)


@st.composite
def tall_or_wide(draw):
    """A matrix of full rank that need not be square."""
    a = draw(matrices(st.just(3), batch=BATCH))
    return Call((a[..., : draw(st.integers(1, 3)), :] if draw(st.booleans()) else a[..., : draw(st.integers(1, 3))],))


@st.composite
def conditions(draw):
    # No two singular values, and no two sums of a row or a column, are the same.
    a = draw(spread(smallest=2))[..., :2, :2]
    order = draw(st.sampled_from([None, 2, -2, 1, -1, np.inf, -np.inf, "fro", "nuc"]))
    # Those of absolute values have a kink where an element is 0.
    return Call((a + 1 / 64 if order in (1, -1, np.inf, -np.inf) else a, order))


@st.composite
def systems_of_any_height(draw):
    """A matrix of full rank that need not be square, and a vector or several."""
    (a,) = draw(tall_or_wide().filter(lambda call: call.args[0].ndim == 2)).args
    return Call((a, draw(arrays((len(a),) if draw(st.booleans()) else (len(a), draw(st.integers(1, 2)))))))


@st.composite
def chains(draw):
    count = draw(st.integers(2, 4))
    sizes = [draw(st.integers(1, 3)) for _ in range(count + 1)]
    items = [draw(arrays(shape)) for shape in pairwise(sizes)]
    if draw(st.booleans()):
        items[0] = items[0][0]
    if draw(st.booleans()):
        items[-1] = items[-1][:, 0]
    return Call((items,))


LAWS += enter(
    {
        np.linalg.slogdet: matrices(batch=BATCH).map(lambda a: Call((a,))),
        linalg.log_det: matrices(batch=BATCH).map(lambda a: Call((a,))),
        np.linalg.pinv: [
            tall_or_wide(),
            spread(batch=BATCH).map(lambda a: Call((a,), {"hermitian": True})),
        ],
        np.linalg.cond: conditions(),
        np.linalg.lstsq: systems_of_any_height(),
        linalg.least_squares: systems_of_any_height().map(
            lambda call: Call((call.args[0], call.args[1].reshape(len(call.args[1]), -1), None))
        ),
        np.linalg.tensorinv: matrices(st.sampled_from([4, 6])).map(
            lambda a: (
                Call((a.reshape(2, -1, *a.shape[1:]),)) if len(a) == 6 else Call((a.reshape(4, 2, 2),), {"ind": 1})
            )
        ),
        np.linalg.tensorsolve: matrices(st.just(6)).flatmap(
            lambda a: arrays((2, 3)).flatmap(
                lambda b: st.sampled_from(
                    [Call((a.reshape(2, 3, 6), b)), Call((np.moveaxis(a.reshape(2, 3, 6), 2, 0), b), {"axes": (0,)})]
                )
            )
        ),
        np.linalg.matrix_power: matrices(batch=BATCH).flatmap(lambda a: st.integers(-3, 5).map(lambda n: Call((a, n)))),
    },
    LAPACK,
)
LAWS += enter({np.linalg.multi_dot: chains()})
if hasattr(np.linalg, "vector_norm"):
    stacks = arrays(shapes(min_dims=2, min_side=1), away_from=[0.0])
    LAWS += enter(
        {
            np.linalg.vector_norm: stacks.flatmap(
                lambda x: st.tuples(axes(x.shape).filter(lambda axis: axis != ()), st.booleans()).map(
                    lambda drawn: Call((x,), {"axis": drawn[0], "keepdims": drawn[1], "ord": 3})
                )
            ),
            np.linalg.matrix_norm: stacks.map(lambda x: Call((x,), {"keepdims": True})),
            np.linalg.diagonal: stacks.map(lambda x: Call((x,), {"offset": 1})),
            np.linalg.trace: stacks.map(lambda x: Call((x,), {"offset": -1})),
            np.linalg.matrix_transpose: stacks.map(lambda x: Call((x,))),
        }
    )
LAWS += enter({np.linalg.norm: norms(), linalg.vector_norm: lengths()})
LAWS += enter(
    {
        np.linalg.norm: norms_by_singular_values(),
        np.linalg.matrix_norm: st.tuples(spread(), st.sampled_from([2, -2, "nuc"]), st.booleans()).map(
            lambda drawn: Call((drawn[0],), {"ord": drawn[1], "keepdims": drawn[2]})
        ),
    },
    LAPACK,
)


@pytest.mark.parametrize("entry", LAWS, ids=str)
@given(data=st.data())
def test_laws(entry, data):
    obey(entry, data)


@pytest.mark.parametrize("rank", [0, 1, 2])
def test_the_determinant_of_a_singular_matrix(rank):
    u, v = np.array([[1.0, 2.0, -1.0], [0.5, 1.0, 3.0]])[:rank], np.array([[2.0, 1.0, 1.0], [1.0, -1.0, 0.5]])[:rank]
    a = u.T @ v
    check_grads(np.linalg.det, a)
    t = tg.Tensor(a)
    np.linalg.det(t).backward()
    cofactors = [
        [(-1) ** (i + j) * np.linalg.det(np.delete(np.delete(a, i, 0), j, 1)) for j in range(3)] for i in range(3)
    ]
    np.testing.assert_allclose(t.grad, cofactors, atol=1e-12)


def test_the_determinant_of_a_large_singular_matrix():
    a = np.random.default_rng(0).normal(size=(2, 12, 12))
    a[:, 3] = a[:, 7]
    t = tg.Tensor(a)
    np.sum(np.linalg.det(t)).backward()
    minors = np.array([[np.linalg.det(np.delete(np.delete(a, i, 1), j, 2)) for j in range(12)] for i in range(12)])
    signs = (-1.0) ** np.add.outer(np.arange(12), np.arange(12))
    np.testing.assert_allclose(t.grad, np.moveaxis(minors, -1, 0) * signs, atol=1e-9 * np.abs(minors).max())


@pytest.mark.parametrize("order", [None, 2, 1, 3, 1.5, 0.5, -1, -2.5, np.inf, -np.inf])
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_the_norm_of_the_zero_vector_has_gradient_zero(order):
    x = tg.Tensor(np.zeros(3))
    np.linalg.norm(x, order).backward()
    np.testing.assert_array_equal(x.grad, [0, 0, 0])
    np.testing.assert_array_equal(tg.hessian(lambda x: np.linalg.norm(x, order))(np.zeros(3)), np.zeros((3, 3)))
    if order is not None and order < 2:
        return
    rows = tg.Tensor([[0.0, 0.0], [3.0, 4.0]])
    np.linalg.norm(rows, axis=1).backward(np.ones(2))
    np.testing.assert_allclose(rows.grad, [[0, 0], [0.6, 0.8]], rtol=1e-15)


@pytest.mark.parametrize(("order", "expected"), [(0.5, [0, 1]), (1, [0, 1]), (3, [0, 1]), (-1, [0, 0]), (-2, [0, 0])])
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_an_element_that_is_zero(order, expected):
    """It is at a kink or a cusp; of a negative order the norm is 0, whatever the other elements are."""
    x = tg.Tensor([0.0, 3.0])
    np.linalg.norm(x, order).backward()
    np.testing.assert_allclose(x.grad, expected)


def test_a_stack_of_matrices_and_one_vector():
    a = np.array([[[2.0, 1.0], [0.0, 1.0]], [[1.0, 0.0], [1.0, 3.0]]])
    check_grads(np.linalg.solve, a, np.array([1.0, 2.0]))
    check_grads(lambda a: np.linalg.solve(a, [1.0, 2.0]), a)
    check_grads(lambda b: np.linalg.solve(a.tolist(), b), np.array([1.0, 2.0]))


@pytest.mark.parametrize("shape", [(2, 2, 2), (5, 2, 1), (3, 1, 2, 4)])
def test_one_matrix_and_a_stack_of_right_hand_sides(shape):
    b = np.random.default_rng(0).normal(size=shape)
    check_grads(np.linalg.solve, np.array([[2.0, 1.0], [0.5, 3.0]]), b)


# --- complex numbers --------------------------------------------------------------------------------------------------

RANDOM = np.random.default_rng(0)
SQUARE = RANDOM.normal(size=(2, 2, 3, 3)) + 2 * np.eye(3)
TALL = RANDOM.normal(size=(2, 4, 2))
OF_COMPLEX = {
    "slogdet": (np.linalg.slogdet, SQUARE[:, 0]),
    "pinv of a tall matrix": (np.linalg.pinv, TALL),
    "pinv of a wide matrix": (np.linalg.pinv, np.swapaxes(TALL, -1, -2)),
    "pinv of a Hermitian matrix": (lambda a: np.linalg.pinv(a, hermitian=True), SQUARE[:, 0]),
    "lstsq": (lambda a: np.linalg.lstsq(a, np.array([1, 2j, 1 - 1j, 0.5]))[:2], TALL),
    "lstsq by its right-hand sides": (lambda b: np.linalg.lstsq(TALL[0], b)[:2], TALL),
    "tensorinv": (lambda a: np.linalg.tensorinv(a.reshape(1, 3, 3)), SQUARE[:, 0]),
    "tensorsolve": (lambda a: np.linalg.tensorsolve(a, np.array([1, 2j, 3])), SQUARE[:, 0]),
    "matrix_power": (lambda a: np.linalg.matrix_power(a, -2), SQUARE[:, 0]),
    **{f"cond {p}": (lambda a, p=p: np.linalg.cond(a, p), SQUARE) for p in (None, -2, 1, np.inf, "fro", "nuc")},
    **{f"matrix_norm {p}": (lambda a, p=p: np.linalg.matrix_norm(a, ord=p), SQUARE) for p in (2, -2, "nuc", 1, "fro")},
    **{f"vector_norm {p}": (lambda a, p=p: np.linalg.vector_norm(a, ord=p), TALL) for p in (2, 1, 3, 0.5, np.inf, 0)},
}


@pytest.mark.parametrize("name", OF_COMPLEX)
def test_of_complex_matrices(name):
    function, (x, y) = OF_COMPLEX[name]
    check_grads(function, x + 1j * y, order=2)


# --- where the rank is not full ---------------------------------------------------------------------------------------


def test_the_pseudo_inverse_of_a_matrix_of_constant_rank():
    u, v = RANDOM.normal(size=(2, 4, 1))
    check_grads(lambda u, v: np.linalg.pinv(u @ v.T, rcond=1e-10), u, v, order=2)


def test_the_logarithm_of_the_determinant_of_a_large_matrix_does_not_overflow():
    t = tg.Tensor(1e3 * np.eye(200))
    sign, logarithm = np.linalg.slogdet(t)
    logarithm.backward()
    assert type(sign) is not tg.Tensor and sign == 1
    np.testing.assert_allclose(t.grad, 1e-3 * np.eye(200))


def test_results_have_the_names_that_numpy_gives_them():
    t = tg.Tensor(np.eye(2))
    assert float(np.linalg.slogdet(t).logabsdet) == 0


@pytest.mark.parametrize("p", [None, 2, -2, 1, "fro"])
def test_the_condition_of_singular_matrices_is_numpys(p):
    a = np.array([[[1.0, 1.0], [1.0, 1.0]], [[2.0, 1.0], [1.0, 3.0]], [[0.0, 0.0], [0.0, 0.0]]])
    t = tg.Tensor(a)
    number = np.linalg.cond(t, p)
    np.testing.assert_allclose(number.data, np.linalg.cond(a, p), atol=1e-12)
    number[1].backward()
    alone = tg.Tensor(a[1])
    np.linalg.cond(alone, p).backward()
    np.testing.assert_allclose(t.grad[1], alone.grad)
    np.testing.assert_array_equal(np.isfinite(t.grad[[0, 2]]), True)


def test_the_condition_of_nothing_is_refused():
    with pytest.raises(np.linalg.LinAlgError, match="not empty"):
        np.linalg.cond(tg.Tensor(np.zeros((0, 0))))


@pytest.mark.parametrize("function", [np.linalg.inv, lambda a: np.linalg.solve(a, np.ones(2)), np.linalg.cholesky])
def test_a_matrix_that_numpy_refuses_is_refused_with_its_error(function):
    with pytest.raises(np.linalg.LinAlgError, match=r"^linalg\.\w+: .*\(2, 2\).*(Singular|not positive)") as caught:
        function(tg.Tensor([[1.0, 1.0], [1.0, 1.0]]))
    assert isinstance(caught.value, tg.ShapeError)
    with pytest.raises(np.linalg.LinAlgError, match="square"):
        np.linalg.inv(tg.Tensor(np.ones((2, 3))))


def test_the_rank_is_plain():
    assert np.linalg.matrix_rank(tg.Tensor(np.eye(3))) == 3


def test_a_norm_of_no_such_order_is_refused():
    with pytest.raises(ValueError, match="'nic' is not an order"):
        np.linalg.norm(tg.Tensor(np.eye(2)), "nic")


def test_the_nuclear_norm_at_equal_singular_values():
    t = tg.Tensor(np.eye(3))
    np.linalg.norm(t, "nuc").backward()
    np.testing.assert_allclose(t.grad, np.eye(3), atol=1e-15)


def test_a_constant_matrix_of_integers():
    b = tg.Tensor([1.0, 2.0, 4.0])
    np.linalg.lstsq([[1, 0], [1, 1], [1, 2]], b)[0][1].backward()
    np.testing.assert_allclose(b.grad, [-0.5, 0, 0.5], atol=1e-15)


@pytest.mark.parametrize("size", [0, 1, 2])
@pytest.mark.parametrize("number", [0.0, 2.0])
def test_determinants_of_small_matrices_have_second_derivatives_compiled_too(size, number):
    a = number * np.eye(size)
    second = tg.hessian(lambda a: np.sum(np.linalg.det(a)) ** 2 + np.sum(np.linalg.det(a)))
    found = tg.compile(second)(a)
    assert found.shape == (size,) * 4
    np.testing.assert_allclose(found, second(a), atol=1e-12)
    check_grads(np.linalg.det, a)


def test_least_squares_are_compiled_with_their_gradient():
    a, b = np.vander(np.linspace(0.5, 1.5, 5), 3), np.arange(5.0)
    for part, read in enumerate((np.sum, np.sum)):
        slopes = tg.grad(lambda a, b, part=part, read=read: read(np.linalg.lstsq(a, b, rcond=None)[part] ** 2), (0, 1))
        for found, expected in zip(tg.compile(slopes)(a, b), slopes(a, b), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)
    assert np.isnan(
        tg.compile(lambda a, b: tg.value_and_grad(lambda a: np.sum(np.linalg.lstsq(a, b, None)[1]))(a)[0])(
            np.ones((4, 2)), np.arange(4.0)
        )
    )


@pytest.mark.parametrize("order", [None, "fro", "nuc", 1, 2, np.inf])
def test_the_norm_of_nothing(order):
    x = np.zeros((0, 2))
    assert np.linalg.norm(tg.Tensor(x), order).item() == np.linalg.norm(x, order)

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.derivatives import linalg
from tinygraph.testing import check_grads
from tinygraph.testing.strategies import arrays, axes, matrices, positive_definite_matrices, shapes

from .laws import LAPACK, Call, enter, obey

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
def lengths(draw):
    x = draw(arrays(shapes(min_dims=1, min_side=1), away_from=[0.0]))
    return Call((x, draw(st.sampled_from([2, 1, 3, 1.5])), draw(axes(x.shape, none=False, several=False))))


LAWS = enter(
    {
        np.linalg.inv: matrices(batch=BATCH).map(lambda a: Call((a,))),
        np.linalg.solve: systems(),
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
        np.linalg.cholesky: [
            positive_definite_matrices(batch=BATCH).map(lambda a: Call((a,))),
            positive_definite_matrices(batch=BATCH).map(lambda a: Call((a,), {"upper": True})),
        ],
        np.linalg.pinv: tall_or_wide(),
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


@pytest.mark.parametrize("order", [None, 2, 1, 3, 1.5, np.inf])
def test_the_norm_of_the_zero_vector_has_gradient_zero(order):
    x = tg.Tensor(np.zeros(3))
    np.linalg.norm(x, order).backward()
    np.testing.assert_array_equal(x.grad, [0, 0, 0])
    rows = tg.Tensor([[0.0, 0.0], [3.0, 4.0]])
    np.linalg.norm(rows, axis=1).backward(np.ones(2))
    np.testing.assert_allclose(rows.grad, [[0, 0], [0.6, 0.8]], rtol=1e-15)


def test_a_stack_of_matrices_and_one_vector():
    a = np.array([[[2.0, 1.0], [0.0, 1.0]], [[1.0, 0.0], [1.0, 3.0]]])
    check_grads(np.linalg.solve, a, np.array([1.0, 2.0]))
    check_grads(lambda a: np.linalg.solve(a, [1.0, 2.0]), a)
    check_grads(lambda b: np.linalg.solve(a.tolist(), b), np.array([1.0, 2.0]))


@pytest.mark.parametrize("order", ["nuc", 2, -2])
def test_norms_by_singular_values_say_so(order):
    with pytest.raises(tg.UnsupportedError, match="singular values"):
        np.linalg.norm(tg.Tensor(np.eye(2)), order)

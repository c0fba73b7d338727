"""Calls that write into their arguments, in a compiled function: they are right, or refused."""

from __future__ import annotations

import numpy as np
import pytest

import tinygraph as tg
from tests.compiler.sharing import as_it_is, check_alike, outcome
from tinygraph.nests import tree_leaves

INDEX_MAKERS = {
    "ix_": lambda a, i: a[np.ix_(i, i)], "ix_ and a list": lambda a, i: a[np.ix_(i, [0, 1])],
    "a list and ix_": lambda a, i: a[np.ix_([0, 1], i)], "ix_ of a mask": lambda a, i: a[np.ix_(i > 0, i)],
    "ix_ alone": lambda a, i: np.ix_(i, i + 0)[1], "ix_ of a Tensor": lambda a, i: tg.Tensor(a)[np.ix_(i, i)].data,
    "unravel_index": lambda a, i: a[np.unravel_index(i, (3, 3))], "r_": lambda a, i: a[np.r_[i, 0]],
    "ravel_multi_index": lambda a, i: a.ravel()[np.ravel_multi_index((i, i), (3, 3))],
    "indices": lambda a, i: np.indices((3, 3))[0][i, i] + i, "nonzero": lambda a, i: a[np.nonzero(i)],
    "where": lambda a, i: a[np.where(i > 0)], "flatnonzero": lambda a, i: a.ravel()[np.flatnonzero(i)],
    "argwhere": lambda a, i: np.argwhere(i), "triu_indices": lambda a, i: a[np.triu_indices(3)] * i[0],
    "tril_indices_from": lambda a, i: a[np.tril_indices_from(a)] * i[0], "s_": lambda a, i: a[np.s_[i, :]],
    "s_ of a place": lambda a, i: a[np.s_[i[0]:, :]], "c_": lambda a, i: np.c_[i, i],
    "ogrid": lambda a, i: np.ogrid[0 : i[0]], "index_exp": lambda a, i: a[np.index_exp[i]],
    "diag_indices": lambda a, i: a[np.diag_indices(3)] * i, "arange": lambda a, i: a[np.arange(i[0])],
    "linspace": lambda a, i: np.linspace(0, i[0], 3), "full": lambda a, i: np.full(3, i[0]),
    "eye": lambda a, i: np.eye(3)[i], "tri": lambda a, i: np.tri(3, k=i[0]), "tril": lambda a, i: np.tril(a, i[0]),
    "roll": lambda a, i: np.roll(a, i[0]), "take": lambda a, i: np.take(a, i, axis=1),
    "meshgrid": lambda a, i: np.meshgrid(i, i)[1],
    "choose": lambda a, i: np.choose(i, a), "expand_dims": lambda a, i: np.expand_dims(a, i[0]),
    "moveaxis": lambda a, i: np.moveaxis(a, i[0], 1), "reshape": lambda a, i: a.reshape(-1, 3 - 2 * i[0]),
    "rot90": lambda a, i: np.rot90(a, i[0]), "transpose": lambda a, i: np.transpose(a, (i[0], 1 - i[0])),
    "diag": lambda a, i: np.diag(a, i[0]), "split": lambda a, i: np.split(a, [i[0]]),
    "sum": lambda a, i: np.sum(a, axis=i[0]),
    "lexsort": lambda a, i: np.lexsort((i, i)), "digitize": lambda a, i: np.digitize(i, np.array([0, 1, 2])),
    "repeat": lambda a, i: np.repeat(a, i, axis=0), "delete": lambda a, i: np.delete(a, i),
    "shape": lambda a, i: np.zeros(i.shape) + i,
    "mask_indices": lambda a, i: np.mask_indices(3, np.triu)[0] * i[0],
    "bincount": lambda a, i: np.bincount(i, minlength=3),
}  # fmt: skip


@pytest.mark.parametrize("name", INDEX_MAKERS)
def test_an_index_made_of_an_argument_is_right_or_refused(name):
    a = np.arange(9.0).reshape(3, 3)
    compiled = tg.compile(INDEX_MAKERS[name])
    for index in (np.array([0, 2, 1]), np.array([1, 0, 0]), np.array([0, 2, 1])):
        found = outcome(compiled, a, index)
        if found is tg.UnsupportedError:
            assert name not in ("ix_", "ix_ and a list", "a list and ix_", "ix_ alone", "ix_ of a Tensor", "s_")
            return
        right = [np.array(item) for item in tree_leaves(INDEX_MAKERS[name](a, index))]
        for one, other in zip(found, right, strict=True):
            np.testing.assert_array_equal(one, other)


WRITES = {
    "nan_to_num": lambda a: np.nan_to_num(a, copy=False), "median": lambda a: np.median(a, overwrite_input=True),
    "percentile": lambda a: np.percentile(a, 50, overwrite_input=True),
    "a primitive": lambda a: clipped_in_place(a),
}  # fmt: skip


@tg.primitive
def clipped_in_place(x):
    x[x > 2] = 2.0
    return x


@pytest.mark.parametrize("name", WRITES)
def test_a_call_that_writes_into_its_arguments_is_refused_even_where_it_changed_nothing(name):
    def step(x):
        a = x * 1.0
        WRITES[name](a)
        return a

    with pytest.raises(tg.UnsupportedError, match=r"writes|computed value"):
        tg.compile(step)(np.array([1.0, 1.0]))


@pytest.mark.parametrize(
    "write", [lambda a: np.cumsum(a, 0, None, a), lambda a: np.take(a, [1, 0], 0, a)], ids=["cumsum", "take"]
)
def test_a_call_that_writes_its_result_into_its_argument_does_so_in_a_program(write):
    def step(x):
        a = x * 1.0
        write(a)
        return a

    x = np.array([1.0, 3.0])
    np.testing.assert_array_equal(tg.compile(step)(x), step(x))
    np.testing.assert_array_equal(
        tg.compile(tg.grad(lambda x: np.sum(step(x) ** 2)))(x), tg.grad(lambda x: np.sum(step(x) ** 2))(x)
    )


def test_a_question_about_memory_is_refused():
    with pytest.raises(tg.UnsupportedError, match="share memory"):
        tg.compile(lambda x, y: x * np.shares_memory(x, y))(np.ones(2), np.ones(2))


def test_a_stand_in_that_is_put_into_a_plain_array_is_refused_with_the_reason():
    def step(x):
        y = np.zeros(3)
        y[0] = np.sum(x)
        return y

    with pytest.raises(tg.UnsupportedError, match=r"np\.zeros\(shape, like=x\)"):
        tg.compile(step)(np.ones(3))


def quotients(x):
    q, r = x * 1.0, x * 2.0
    found = np.divmod(x, 2.0, out=(q, r))
    return *found, q, r


def one_of_two(x):
    r = x * 1.0
    whole, _ = np.divmod(x, 2.0, out=(None, r))
    return whole, r


def fractions(x):
    a, b = x * 1.0, x * 1.0
    np.modf(x, a, b)
    return a, b, a[::-1]


def of_integers(x):
    n = x.astype(int)
    m = n[::-1]
    n //= 2
    n <<= 1
    n |= 1
    return m, n


@pytest.mark.parametrize("function", [quotients, one_of_two, fractions, of_integers])
def test_every_array_that_a_call_writes_is_written(function):
    assert check_alike(function, np.array([5.5, 7.25, -3.0]))


@pytest.mark.parametrize("make", [as_it_is, tg.compile])
def test_a_tensor_added_into_an_array_is_refused(make):
    w = tg.Tensor(np.array([1.0, 2.0]), name="w")

    def step(x):
        total = np.zeros_like(x)
        same = total
        total += w
        return same

    with pytest.raises(tg.UnsupportedError, match="a \\+= t"):
        make(step)(np.ones(2))

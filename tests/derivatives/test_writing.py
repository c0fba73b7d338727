"""Writing into an array: the rules of a write, and NumPy's functions that write, which return nothing."""

from __future__ import annotations

import operator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.derivatives.writing import cleared, put_at
from tinygraph.engine import reaching
from tinygraph.engine.places import Place, ViewStep
from tinygraph.engine.probing import by_rule
from tinygraph.engine.table import operation_of
from tinygraph.testing import check_grads
from tinygraph.testing.strategies import arrays, indices, shapes

from .laws import Call, enter, obey


@st.composite
def written(draw):
    x = draw(arrays())
    place = Place((), draw(indices(x.shape)))
    part = np.shape(place.of(x))
    masks = [item for item in (place.index if isinstance(place.index, tuple) else (place.index,)) if _is_mask(item)]
    longer = [] if masks or not part else [(1, *part)]  # NumPy takes one axis more, but not under a mask
    shape = draw(st.sampled_from([part, (), *longer] if x.ndim else [part]))
    return Call((x, place, draw(arrays(shape))))


def _is_mask(item):
    return np.asarray(item).dtype == bool


@st.composite
def written_over(draw):
    x = draw(arrays())
    return Call((x, Place((), draw(indices(x.shape)))))


LAWS = enter({put_at: written(), cleared: written_over()})


@pytest.mark.parametrize("entry", LAWS, ids=str)
@given(data=st.data())
def test_laws(entry, data):
    obey(entry, data)


MADE = (np.zeros_like, np.ones_like, np.empty_like)
WRITES = {
    "copyto": lambda a, v: np.copyto(a, v[0], where=np.array([[True, False, True], [False, True, False]])),
    "copyto of all": lambda a, v: np.copyto(a, v[:, :1]),
    "put": lambda a, v: np.put(a, [5, 0, -2, 0], v[0]),
    "put, wrapped": lambda a, v: np.put(a, [7, -9], v[0, :2], mode="wrap"),
    "put, clipped": lambda a, v: np.put(a, [70, -9], v[0, :2], mode="clip"),
    "place": lambda a, v: np.place(a, np.arange(6).reshape(2, 3) % 4 != 1, v[1]),
    "putmask": lambda a, v: np.putmask(a, np.arange(6).reshape(2, 3) % 4 != 1, v[1]),
    "put_along_axis": lambda a, v: np.put_along_axis(a, np.array([[2], [0]]), v[:, :1], axis=1),
    "put_along_axis of all": lambda a, v: np.put_along_axis(a, np.array([4, 1, 4]), v[0], axis=None),
    "fill_diagonal": lambda a, v: np.fill_diagonal(a, v[0, :2]),
    "fill_diagonal, wrapped": lambda a, v: np.fill_diagonal(a.T, v[0], wrap=True),
    "add.at": lambda a, v: np.add.at(a, ([0, 1, 0, 0], [2, 1, 2, 0]), v[0, 1]),
    "subtract.at": lambda a, v: np.subtract.at(a, 1, v[0]),
    "multiply.at": lambda a, v: np.multiply.at(a, (slice(None), [1, 1, 0]), v),
    "negative.at": lambda a, v: np.negative.at(a, ([0, 0, 1], [1, 1, 1])),
    "maximum.at": lambda a, v: np.maximum.at(a, [1, 1], v),
}
enter(dict.fromkeys(
    (np.copyto, np.put, np.place, np.putmask, np.put_along_axis, np.fill_diagonal, *MADE), st.nothing()
))  # fmt: skip


@pytest.mark.parametrize("name", sorted(WRITES))
def test_functions_that_write_have_the_derivatives_of_what_they_write(name):
    rng = np.random.default_rng(3)
    x, v = rng.normal(size=(2, 3)) + 2, rng.normal(size=(2, 3)) + 1

    def after(a, v):
        a = np.copy(a)
        WRITES[name](a, v)
        return a

    np.testing.assert_array_equal(after(tg.Tensor(x), tg.Tensor(v)).data, after(x, v))
    check_grads(lambda a, v: after(a, v) * v + after(a, v) ** 2, x, v, order=2)
    if "negative" not in name:
        with pytest.raises(tg.UnsupportedError, match=r"plain array.*test_writing\.py:\d+.*tinygraph\.numpy"):
            WRITES[name](x.copy(), tg.Tensor(v))


@given(call=written(), seed=st.integers(0, 99), whole=st.booleans(), first=st.booleans())
def test_the_reach_of_a_write_is_the_one_that_its_rules_find(call, seed, whole, first):
    x, place, value = call.args
    if not reaching._is_part(place):
        return
    steps = (ViewStep(operator.getitem, (slice(None),), {}),) if x.ndim and first else ()
    place = Place(steps, place.index)
    mask = None if whole else np.asarray(np.random.default_rng(seed).random(x.shape) < 0.5)
    for position in (0, 2):
        found = reaching._of_write(position, mask, x, (x, place, value))
        ones = np.ones(x.shape, bool) if mask is None else mask
        expected = by_rule(operation_of(put_at), position, ones, x, (x, place, value), {})
        assert (found is None) == (expected is None)
        if found is not None:
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("make", [*MADE, lambda t: np.full_like(t, 3.0)], ids=lambda make: make.__name__)
@given(shape=shapes())
def test_an_array_made_like_a_tensor_takes_tensors_in(make, shape):
    t = tg.Tensor(np.ones(shape))
    made = make(t)
    assert type(made) is tg.Tensor
    assert made.shape == shape
    assert not made.requires_grad
    made[...] = 3 * t
    np.sum(made * made).backward()
    np.testing.assert_array_equal(t.grad, np.full(shape, 18.0))


def test_an_array_of_integers_made_like_a_tensor_stays_an_array():
    assert type(np.zeros_like(tg.Tensor([1.0]), dtype=int)) is np.ndarray

import operator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

import tinygraph as tg
from tinygraph.derivatives.indexing import scatter, scatter_all
from tinygraph.testing import check_grads
from tinygraph.testing.strategies import arrays, axes, indices, masks, shapes, shapes_that_broadcast

from .laws import Call, enter, obey


@st.composite
def indexed(draw):
    x = draw(arrays())
    return Call((x, draw(indices(x.shape))))


@st.composite
def scattered_together(draw):
    shape = draw(shapes())
    places = [draw(indices(shape)) for _ in range(draw(st.integers(2, 3)))]
    return Call(([draw(arrays(np.empty(shape)[place].shape)) for place in places], places, shape))


@st.composite
def scattered(draw):
    shape = draw(shapes())
    index = draw(indices(shape))
    return Call((draw(arrays(np.empty(shape)[index].shape)), index, shape))


@st.composite
def taken(draw):
    """np.take by any mode, along an axis or from the flat array, places of any shape."""
    x = draw(arrays(shapes(min_dims=1, min_side=1)))
    axis = draw(st.none() | st.integers(-x.ndim, x.ndim - 1))
    size = x.size if axis is None else x.shape[axis]
    mode = draw(st.sampled_from(["raise", "wrap", "clip"]))
    reach = 0 if mode == "raise" else 3
    count = draw(shapes(max_dims=2))
    places = draw(
        st.lists(
            st.integers(-size - reach, size - 1 + reach), min_size=int(np.prod(count)), max_size=int(np.prod(count))
        )
    )
    where = np.array(places, dtype=int).reshape(count)
    return Call(
        (x, draw(st.sampled_from([where, where.tolist()] if where.size else [where]))), {"axis": axis, "mode": mode}
    )


@st.composite
def taken_along(draw):
    """np.take_along_axis, where places and array broadcast along the other axes."""
    x = draw(arrays(shapes(min_dims=1, min_side=1)))
    axis = draw(st.integers(-x.ndim, x.ndim - 1))
    shape = list(x.shape)
    shape[axis] = draw(st.integers(1, 4))
    for place in range(x.ndim):
        if place != axis % x.ndim and draw(st.booleans()):
            shape[place] = 1 if x.shape[place] > 1 else draw(st.integers(1, 3))
    size = x.shape[axis]
    places = draw(st.lists(st.integers(-size, size - 1), min_size=int(np.prod(shape)), max_size=int(np.prod(shape))))
    return Call((x, np.array(places).reshape(shape), axis))


@st.composite
def taken_along_flat(draw):
    x = draw(arrays(shapes(min_side=1)))
    return Call((x, np.array(draw(st.lists(st.integers(-x.size, x.size - 1), min_size=1, max_size=5)))), {"axis": None})


@st.composite
def compressed(draw):
    x = draw(arrays(shapes(min_dims=1, min_side=1)))
    axis = draw(st.none() | st.integers(-x.ndim, x.ndim - 1))
    condition = draw(masks((x.size if axis is None else x.shape[axis],)))
    return Call((draw(st.sampled_from([condition, condition.tolist()])), x, axis))


@st.composite
def selected(draw):
    shape = draw(shapes())
    count = draw(st.integers(1, 3))
    choices = [draw(arrays(shape)) for _ in range(count)]
    conditions = [draw(masks(shape)) for _ in range(count)]
    return Call((conditions, choices), draw(st.sampled_from([{}, {"default": 2}])))


@st.composite
def chosen(draw):
    count = draw(st.integers(1, 3))
    *shapes_of, number = draw(shapes_that_broadcast(count + 1))
    numbers = draw(nps.arrays(int, number, elements=st.integers(0, count - 1)))
    mode = draw(st.sampled_from(["raise", "wrap", "clip"]))
    return Call((numbers + (0 if mode == "raise" else 2), [draw(arrays(s)) for s in shapes_of]), {"mode": mode})


@st.composite
def deleted(draw):
    x = draw(arrays(shapes(min_dims=1, min_side=1)))
    axis = draw(axes(x.shape, several=False))
    size = x.size if axis is None else x.shape[axis]
    place = st.integers(-size, size - 1)
    return Call((x, draw(st.one_of(place, st.lists(place), st.slices(size), masks((size,)))), axis))


LAWS = enter(
    {
        np.select: selected(),
        np.choose: chosen(),
        np.delete: deleted(),
        operator.getitem: indexed(),
        scatter: scattered(),
        scatter_all: scattered_together(),
        np.take: taken(),
        np.ix_: st.tuples(arrays((2,)), arrays((3,))).map(Call),
        np.take_along_axis: [taken_along(), taken_along_flat()],
        np.compress: compressed(),
        np.extract: arrays().flatmap(lambda x: masks(x.shape).map(lambda mask: Call((mask, x)))),
    }
)


@pytest.mark.parametrize("entry", LAWS, ids=str)
@given(data=st.data())
def test_laws(entry, data):
    obey(entry, data)


@pytest.mark.parametrize(
    "index",
    [
        [0, 0, 1],
        ([0, 0], [1, 1]),
        np.array([2, 2, -1]),
        (Ellipsis, [1, 1]),
        (slice(None), None, [0, 0]),
        np.array(1),
        (slice(None), (1, 1)),
        (((0, 1), (1, 1)), 0),
        (range(2),),
    ],
    ids=repr,
)
def test_a_place_named_twice_gets_both_gradients(index):
    check_grads(lambda x: x[index] * x[index], np.arange(6.0).reshape(3, 2))


def test_a_tensor_of_integers_is_an_index():
    x = np.arange(4.0)
    check_grads(lambda x: x[tg.Tensor(np.array([0, 0, 2]))], x)
    check_grads(lambda x: np.take(x, tg.Tensor(np.array([0, 0, 2]))), x)


def test_true_and_false_are_masks_of_everything_and_nothing():
    check_grads(lambda x: x[True], np.arange(3.0))
    check_grads(lambda x: x[False], np.arange(3.0))


def test_the_axis_of_a_single_number():
    x = tg.Tensor(3.0)
    parts = np.take(x, [0, 0], axis=0), np.repeat(x, 3, axis=-1), np.compress([True], x, axis=0)
    np.sum(np.concatenate(parts)).backward()
    assert x.grad == 6


@pytest.mark.parametrize("indices", [[], [True, False, True], 1.0, [[0.0, 2.0]]])
def test_places_of_any_dtype_are_taken(indices):
    t = tg.Tensor([1.0, 2.0, 3.0])
    taken = np.take(t, indices)
    np.testing.assert_array_equal(taken.data, np.take(t.data, indices))
    np.sum(taken).backward()
    np.testing.assert_array_equal(t.grad, np.bincount(np.ravel(indices).astype(int), minlength=3))


@pytest.mark.parametrize(
    "call",
    [lambda t: t[3], lambda t: t[0, 0], lambda t: t[[0, 5]], lambda t: np.take(t, 7), lambda t: t["a"]],
)
def test_an_index_that_is_none_is_reported_with_the_shape_and_the_line(call):
    said = r"(t\[index\]|take): the arguments have shapes \(3,\).*test_indexing.py:\d+\)"
    with pytest.raises(IndexError, match=said):
        call(tg.Tensor([1.0, 2.0, 3.0]))


def test_deleting_along_an_axis_that_is_none_is_an_axis_error():
    with pytest.raises(np.exceptions.AxisError):
        np.delete(tg.Tensor([1.0, 2.0]), 0, axis=1)
